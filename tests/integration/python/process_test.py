#!/usr/bin/python3
"""process_test.py SERVER: the program as a process: READY, signals, exit codes, bad flags,
unix sockets. Needs no classes."""

import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import unittest

import grpc
import harness

SERVER = sys.argv.pop(1)
VERSION = re.search(r"project\(chainrule VERSION ([\d.]+)",
                    (harness.ROOT / "CMakeLists.txt").read_text())[1]


def run(*flags, **environment):
    """The program where it is expected to end by itself."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([SERVER, *flags], capture_output=True, text=True, timeout=60,
                              cwd=folder, env={**os.environ, **environment}, check=False)


def call(address, method, request=b""):
    """One unary call with an encoded request; returns the encoded answer."""
    with grpc.insecure_channel(address) as channel:
        return channel.unary_unary(method, request_serializer=bytes,
                                   response_deserializer=bytes)(request, timeout=30)


HEALTH = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"


class ReadyTest(unittest.TestCase):
    def test_ready_tells_the_real_ports_and_stdout_has_nothing_else(self):
        with harness.ServerProcess(SERVER, "--http_listen=127.0.0.1:0") as server:
            self.assertRegex(server.ready_line,
                             r"^READY grpc=127\.0\.0\.1:[1-9]\d* http=127\.0\.0\.1:[1-9]\d*\n$")
            self.assertEqual(call(server.address, HEALTH), SERVING)
            code, stdout, stderr = server.stop()
        self.assertEqual((code, stdout), (0, ""))
        self.assertIn("serving", stderr)

    def test_interrupt_drains_too(self):
        with harness.ServerProcess(SERVER) as server:
            self.assertEqual(server.stop(signal.SIGINT)[0], 0)

    def test_a_second_signal_ends_it_at_once(self):
        with harness.ServerProcess(SERVER, "--drain_timeout=1h") as server:
            with grpc.insecure_channel(server.address) as channel:
                # A header of a Fit that never goes on is ended by the drain; a call that the
                # server must wait for is a training: an hour of one.
                self.train_for_ever(channel)
                server.process.send_signal(signal.SIGTERM)
                while b"\x08\x02" not in self.health(channel):  # NOT_SERVING
                    pass
                code, _, _ = server.stop(signal.SIGTERM)
        self.assertEqual(code, 128 + signal.SIGTERM)

    @staticmethod
    def health(channel):
        return channel.unary_unary(HEALTH, request_serializer=bytes,
                                   response_deserializer=bytes)(b"", timeout=30)

    @staticmethod
    def train_for_ever(channel):
        def method(name, request):
            return channel.unary_unary(name, request_serializer=bytes,
                                       response_deserializer=bytes).future(request)
        # CreateModel{model_id=1 "m", model=2{spec=3{input_width=1: 1, layers=2{units=1: 1}}}}
        method("/chainrule.v1.ModelService/CreateModel",
               b"\x0a\x01m\x12\x08\x1a\x06\x08\x01\x12\x02\x08\x01").result()
        # Train{model=1, examples=2{inputs=1{shape=2 [1,1], values=3 [1]}, targets=2 the same},
        # epochs=3: 1000000}
        tensor = b"\x12\x02\x01\x01\x1a\x04\x00\x00\x80\x3f"
        training = method("/chainrule.v1.TrainingService/Train",
                          b"\x0a\x08models/m\x12\x18\x0a\x0a" + tensor + b"\x12\x0a" + tensor +
                          b"\x18\xc0\x84\x3d")
        # GetModel{name=1}: until it has taken a step, field 5 of the answer.
        get = b"\x0a\x08models/m"
        while b"\x28" not in method("/chainrule.v1.ModelService/GetModel", get).result():
            pass
        return training


class FlagsTest(unittest.TestCase):
    def assert_refused(self, ran, *texts):
        self.assertEqual(ran.returncode, 2, ran)
        self.assertEqual(ran.stdout, "")
        self.assertEqual(ran.stderr.count("\n"), 1, ran.stderr)
        for text in texts:
            self.assertIn(text, ran.stderr)

    def test_bad_flags_are_one_line_and_exit_2(self):
        for flags, texts in [
                (["--nonsense"], ["--nonsense"]),
                (["stray"], ["stray"]),
                (["--threads=many"], ["--threads", "'many'"]),
                (["--threads=-1"], ["--threads", "-1"]),
                (["--max_message_bytes=1parsec"], ["--max_message_bytes", "1parsec", "64MiB"]),
                (["--drain_timeout=8"], ["--drain_timeout", "'8'", "8s"]),
                (["--drain_timeout=0s"], ["--drain_timeout"]),
                (["--log_format=xml"], ["--log_format", "xml", "json"]),
                (["--listen=nowhere"], ["--listen", "nowhere", "HOST:PORT"]),
                (["--listen=127.0.0.1:70000"], ["--listen", "70000"]),
                (["--listen=0.0.0.0:0"], ["--listen", "loopback", "--insecure_remote"]),
                (["--http_listen=0.0.0.0:0"], ["--http_listen", "--insecure_remote"]),
                (["--tls_cert=/nowhere"], ["--tls_key"]),
                (["--tls_cert=/nowhere", "--tls_key=/nowhere"], ["--tls_cert", "/nowhere"]),
                (["--token_file=/nowhere"], ["--token_file", "/nowhere"]),
                (["--fit_memory=2GiB"], ["--fit_memory", "--max_queued_bytes"]),
                (["--data_dir=/proc/nowhere"], ["/proc/nowhere"]),
                (["--checkpoint_bytes=1"], ["--checkpoint_bytes"]),
                (["--durability=maybe"], ["--durability", "sync relaxed"])]:
            with self.subTest(flags=flags):
                ports = [] if "listen" in flags[0] else ["--listen=127.0.0.1:0"]
                http = [] if "http_listen" in flags[0] else ["--http_listen=none"]
                self.assert_refused(run(*ports, *http, *flags), *texts)

    def test_a_data_folder_in_use_is_one_line_and_exit_2(self):
        with harness.ServerProcess(SERVER) as server:
            folder = server.folder.name + "/chainrule-data"
            self.assert_refused(run("--listen=127.0.0.1:0", "--http_listen=none",
                                    f"--data_dir={folder}"), folder, "in use")

    def test_a_folder_of_something_else_is_refused_and_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            letter = pathlib.Path(folder) / "spool" / "letter"
            letter.parent.mkdir()
            letter.write_text("mine")
            self.assert_refused(run("--listen=127.0.0.1:0", "--http_listen=none",
                                    f"--data_dir={folder}"), folder, "not empty", "spool")
            self.assertEqual(letter.read_text(), "mine")
            self.assertEqual([path.name for path in pathlib.Path(folder).iterdir()], ["spool"])

    def test_a_port_in_use_is_one_line_and_exit_2(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            self.assert_refused(run(f"--listen={address}", "--http_listen=none"), address)
            self.assert_refused(run("--listen=127.0.0.1:0", f"--http_listen={address}"), address)

    def test_two_servers_never_share_a_port(self):
        with harness.ServerProcess(SERVER) as server:
            self.assert_refused(run(f"--listen={server.address}", "--http_listen=none"),
                                server.address)

    def test_help_and_version_exit_0(self):
        shown = run("--help")
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        for flag in ("--listen", "--max_queued_bytes", "--drain_timeout", "CHAINRULE_LISTEN"):
            self.assertIn(flag, shown.stdout)
        self.assertEqual(run("--version").stdout, f"chainrule-server {VERSION}\n")

    def test_the_environment_fills_flags_and_the_command_line_wins(self):
        ran = run("--http_listen=none", CHAINRULE_LISTEN="elsewhere")
        self.assert_refused(ran, "elsewhere")
        ran = run("--http_listen=none", "--listen=line", CHAINRULE_LISTEN="elsewhere")
        self.assert_refused(ran, "line")

    def test_an_empty_value_is_refused_and_takes_nothing_with_it(self):
        ran = run("--data_dir=", "--listen=127.0.0.1:0", "--http_listen=none")
        self.assert_refused(ran, "chainrule-server: --data_dir: empty; must be")
        ran = run("--listen=127.0.0.1:0", "--http_listen=none", CHAINRULE_TOKEN_FILE="")
        self.assert_refused(ran, "chainrule-server: CHAINRULE_TOKEN_FILE: empty; must be")


class UnixSocketTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "socket"
        self.flag = f"--listen=unix:{self.path}"

    def test_serves_its_owner_alone(self):
        with harness.ServerProcess(SERVER, self.flag) as server:
            self.assertEqual(server.address, f"unix:{self.path}")
            self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
            self.assertEqual(call(server.address, HEALTH), SERVING)

    def test_a_path_that_answers_is_refused(self):
        with harness.ServerProcess(SERVER, self.flag) as server:
            ran = run(self.flag, "--http_listen=none")
            self.assertEqual(ran.returncode, 2)
            self.assertIn("answers", ran.stderr)
            self.assertEqual(call(server.address, HEALTH), SERVING)

    def test_a_path_that_nobody_answers_at_is_replaced(self):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(self.path))
        with harness.ServerProcess(SERVER, self.flag) as server:
            self.assertEqual(call(server.address, HEALTH), SERVING)

    def test_a_file_in_the_way_is_left_alone(self):
        self.path.write_text("mine")
        ran = run(self.flag, "--http_listen=none")
        self.assertEqual(ran.returncode, 2)
        self.assertEqual(self.path.read_text(), "mine")


if __name__ == "__main__":
    unittest.main()
