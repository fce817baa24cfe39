"""What a process takes, by /proc; and a server for soak tests, with what it has open."""

import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration/python"))
import harness  # noqa: E402

MIB = 1 << 20


def status_bytes(pid, name):
    """VmRSS, VmHWM, VmData … of /proc/PID/status, in bytes."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


def resident(pid):
    return status_bytes(pid, "VmRSS")


def forget_peak(pid):
    """From now on VmHWM is what was highest since."""
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(pid):
    return status_bytes(pid, "VmHWM")


class Watch:
    """Samples a process's resident memory on a thread, as long as it is a context."""

    def __init__(self, pid, interval=0.25, also=None):
        self.pid, self.interval, self.also = pid, interval, also
        self.samples = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        start = time.monotonic()
        while not self._ended.wait(self.interval):
            self.samples.append((time.monotonic() - start, resident(self.pid)))
            if self.also is not None:
                self.also()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def growth(self):
        """Mean of the last third less that of the middle third: what goes on growing."""
        values = [value for _, value in self.samples]
        third = max(1, len(values) // 3)
        last, middle = values[-third:], values[-2 * third:-third] or values[-third:]
        return sum(last) / len(last) - sum(middle) / len(middle)


class Server(harness.ServerProcess):
    """A server with a data folder that can be looked at."""

    def __init__(self, binary, *flags, **popen):
        super().__init__(binary, "--data_dir=data", "--log_level=error", *flags, **popen)
        self.pid = self.process.pid
        self.spool = pathlib.Path(self.folder.name) / "data/spool"

    def spool_files(self):
        """Paths of /proc by which its spools, which have no name, can be opened."""
        found = []
        for entry in pathlib.Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                if os.readlink(entry).startswith(str(self.spool)):
                    found.append(str(entry))
            except FileNotFoundError:
                pass
        return found

    def nothing_is_spooled(self):
        return not self.spool_files() and not any(self.spool.iterdir())
