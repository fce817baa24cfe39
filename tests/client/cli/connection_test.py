#!/usr/bin/python3
"""connection_test.py BIN: the command line reaches servers behind TLS, a token or a socket
file, and tells who turned it away."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

BIN = pathlib.Path(sys.argv.pop(1)).resolve()
HANGS = 120  # seconds that no program here takes


class ConnectionTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def start_server(self, *flags, listen="127.0.0.1:0"):
        server = subprocess.Popen(
            [BIN / "chainrule-server", f"--listen={listen}", "--http_listen=127.0.0.1:0", *flags],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=self.folder)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        return re.match(r"READY grpc=(\S+)", server.stdout.readline())[1]

    def run_program(self, *words, **environment):
        return subprocess.run([BIN / "chainrule", *words], cwd=self.folder, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=HANGS,
                              env={**os.environ, **environment})

    def make_certificate(self, name):
        """A key and a certificate for 127.0.0.1 that vouches for itself."""
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", f"{name}.key", "-out", f"{name}.pem"],
            cwd=self.folder, check=True, stderr=subprocess.DEVNULL)

    def test_tls_needs_the_authority_that_vouches_for_the_server(self):
        self.make_certificate("right")
        self.make_certificate("wrong")
        at = self.start_server("--tls_cert=right.pem", "--tls_key=right.key")
        info = ["info", "--server", at]
        self.assertEqual(self.run_program(*info, "--tls-ca", "right.pem").returncode, 0)
        self.assertEqual(self.run_program(*info, "--tls-ca", "wrong.pem").returncode, 3)
        self.assertEqual(self.run_program(*info).returncode, 3)
        missing = self.run_program("info", "--server", at, "--tls-ca", "none.pem")
        self.assertEqual(missing.returncode, 2)
        self.assertIn("none.pem", missing.stderr)

    def test_a_server_that_asks_for_a_certificate_is_shown_one(self):
        self.make_certificate("server")
        self.make_certificate("caller")
        self.make_certificate("stranger")
        at = self.start_server("--tls_cert=server.pem", "--tls_key=server.key",
                               "--tls_client_ca=caller.pem")
        known = ["info", "--server", at, "--tls-ca", "server.pem"]
        shown = ["--tls-cert", "caller.pem", "--tls-key", "caller.key"]
        self.assertEqual(self.run_program(*known, *shown).returncode, 0)
        self.assertEqual(self.run_program(*known).returncode, 3)
        strange = [word.replace("caller", "stranger") for word in shown]
        self.assertEqual(self.run_program(*known, *strange).returncode, 3)

    def test_a_timeout_ends_an_evaluation_that_takes_longer(self):
        at = ["--server", self.start_server()]
        rows = "".join(f"{row / 100_000},{row % 2}\n" for row in range(100_000))
        (self.folder / "rows.csv").write_text("x,y\n" + rows)
        data = ["rows.csv", "--label", "y"]
        created = self.run_program("create", "wide", *at, "--from", *data, "--hidden", "2000,2000")
        self.assertEqual(created.returncode, 0, created.stderr)
        late = self.run_program("evaluate", "wide", *at, *data, "--timeout=1s")
        self.assertEqual(late.returncode, 1)
        self.assertIn("DEADLINE_EXCEEDED", late.stderr)
        self.assertEqual(self.run_program("health", *at).stdout, "SERVING\n")

    def test_the_token_comes_from_a_flag_or_the_environment(self):
        (self.folder / "token").write_text("open sesame\n")
        at = self.start_server("--token_file=token")
        words = ["models", "list", "--server", at]
        self.assertEqual(self.run_program(*words, "--token", "open sesame").returncode, 0)
        self.assertEqual(self.run_program(*words, CHAINRULE_TOKEN="open sesame").returncode, 0)
        refused = self.run_program(*words, "--token", "wrong")
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stderr, "^chainrule: UNAUTHENTICATED: ")

    def test_the_address_may_be_a_socket_file_and_come_from_the_environment(self):
        at = self.start_server(listen=f"unix:{self.folder}/socket")
        self.assertEqual(self.run_program("health", CHAINRULE_SERVER=at).stdout, "SERVING\n")


if __name__ == "__main__":
    unittest.main()
