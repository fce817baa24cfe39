"""What the tests in Python share: classes generated from proto/ into a folder of the build,
a server process on ports of its own, and tensors. No code of ours but the server's."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROTOS = sorted(path for folder in ("chainrule/v1", "google/rpc", "inference")
                for path in ROOT.glob(f"proto/{folder}/*.proto"))
# It reports, and suppresses, each read of what gRPC received: minutes for large messages.
UNDER_THREAD_SANITIZER = "TSAN_OPTIONS" in os.environ
# Its server is slow, so that more of what gRPC received waits for it.
UNDER_ADDRESS_SANITIZER = "UBSAN_OPTIONS" in os.environ


def generate(folder):
    """Generates the classes into `folder` and makes them importable."""
    folder = pathlib.Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    plugin = shutil.which("grpc_python_plugin")
    subprocess.run(["protoc", f"-I{ROOT / 'proto'}", f"--python_out={folder}",
                    f"--grpc_out={folder}", f"--plugin=protoc-gen-grpc={plugin}",
                    *map(str, PROTOS)], check=True)
    sys.path.insert(0, str(folder))


class ServerProcess:
    """A chainrule-server. Use it as a context manager; it is stopped at the end."""

    def __init__(self, binary, *flags, **popen):
        self.folder = tempfile.TemporaryDirectory()
        popen.setdefault("cwd", self.folder.name)
        self.process = subprocess.Popen(
            [pathlib.Path(binary).resolve(), "--listen=127.0.0.1:0", "--http_listen=none", *flags],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen)
        self.ready_line = self.process.stdout.readline()
        match = re.fullmatch(r"READY grpc=(\S+) http=(\S+)\n", self.ready_line)
        self.address, self.http = match.groups() if match else (None, None)

    def stop(self, signal=None):
        """Ends it and returns its exit code, and what it wrote after READY, and to stderr."""
        if signal is None:
            self.process.terminate()
        else:
            self.process.send_signal(signal)
        stdout, stderr = self.process.communicate(timeout=60)
        self.folder.cleanup()
        return self.process.returncode, stdout, stderr

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.folder.cleanup()
