#!/usr/bin/python3
"""examples_test.py BIN: the demo and the examples do what they say, and leave nothing behind."""

import os
import pathlib
import pty
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(sys.argv.pop(1)).resolve()
DATA = ROOT / "client/examples/data"
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")


class ExamplesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = {**os.environ, "TMPDIR": folder.name}

    def run_demo(self, *words):
        done = subprocess.run([ROOT / "client/examples/demo.sh", BIN, *words], text=True,
                              stdout=subprocess.PIPE, env=self.environment, check=True)
        self.assertEqual(list(self.folder.iterdir()), [])
        address = re.search(r"READY", done.stdout)
        self.assertIsNotNone(address, "the last lines say how to call the server")
        return done.stdout

    def start_server(self):
        """`chainrule serve` on a free port: the process, and its address."""
        server = subprocess.Popen(
            [BIN / "chainrule", "serve", "--listen=127.0.0.1:0", "--http_listen=127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=self.folder)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        return server, re.match(r"READY grpc=(\S+)", server.stdout.readline())[1]

    def test_the_demo_is_right_about_tumours_it_has_not_seen(self):
        printed = self.run_demo()
        self.assertNotIn("\x1b", printed, "a pipe is no terminal")
        self.assertGreaterEqual(float(re.search(r"accuracy +([\d.]+)", printed)[1]), 0.93)
        self.assertLess(float(re.search(r"largest relative error ([\d.e-]+)", printed)[1]), 1e-4)
        rows = re.findall(r"^ *\d+  (?:malignant|benign)", printed, re.MULTILINE)
        self.assertEqual(len(rows), 3)

    @unittest.skipUnless(FASHION.exists(), "Debian's dataset-fashion-mnist is not installed")
    def test_the_fashion_demo_reaches_what_was_published(self):
        printed = self.run_demo("fashion")
        self.assertGreaterEqual(float(re.search(r"accuracy +([\d.]+)", printed)[1]), 0.88)

    def test_the_demo_refuses_what_it_does_not_have(self):
        done = subprocess.run([ROOT / "client/examples/demo.sh", BIN, "nothing"], text=True,
                              stderr=subprocess.PIPE, env=self.environment)
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no demo 'nothing'", done.stderr)

    def test_python_learns_irises(self):
        _, address = self.start_server()
        readme = (ROOT / "client/examples/python/README.md").read_text()
        commands = re.search(r"```sh\n(.*?)```", readme, re.DOTALL)[1]
        for name in ("proto", "client"):
            (self.folder / name).symlink_to(ROOT / name)
        printed = subprocess.run(["bash", "-euc", commands], text=True, stdout=subprocess.PIPE,
                                 cwd=self.folder, check=True,
                                 env={**self.environment, "CHAINRULE_SERVER": address}).stdout
        self.assertGreaterEqual(int(re.search(r"(\d+) of 150 are right", printed)[1]), 143)
        self.assertIn("layer 0: dW is [16, 4]", printed)
        self.assertIn("layer 1: dW is [3, 16]", printed)

    def test_a_terminal_gets_a_bar_that_is_drawn_over(self):
        _, address = self.start_server()
        at = ["--server", address]
        subprocess.run([BIN / "chainrule", "create", "t", "--from", DATA / "iris.csv", "--label",
                        "species", *at], check=True, stdout=subprocess.DEVNULL)
        outside, terminal = pty.openpty()
        subprocess.run([BIN / "chainrule", "train", "t", DATA / "iris.csv", "--label", "species",
                        "--epochs", "3", *at], check=True, stdout=terminal)
        os.close(terminal)
        shown = b""
        while True:
            try:
                block = os.read(outside, 4096)
            except OSError:  # Linux says EIO where a terminal ends
                break
            shown += block
        os.close(outside)
        text = shown.decode()
        self.assertIn("█", text)
        self.assertRegex(text, r"\r\x1b\[K\S+ epoch 3/3  loss [\d.]+  \d+ rows/s")

    def test_serve_becomes_the_server_and_ends_as_it_does(self):
        server, address = self.start_server()
        health = [BIN / "chainrule", "health", "--server", address]
        self.assertEqual(subprocess.run(health, stdout=subprocess.PIPE).stdout, b"SERVING\n")
        server.terminate()
        self.assertEqual(server.wait(), 0)
        self.assertEqual(subprocess.run(health, stderr=subprocess.DEVNULL).returncode, 3)
        flags = subprocess.run([BIN / "chainrule", "serve", "--no-such-flag"],
                               stderr=subprocess.PIPE, text=True)
        self.assertEqual(flags.returncode, 2)
        self.assertIn("chainrule-server:", flags.stderr)


if __name__ == "__main__":
    unittest.main()
