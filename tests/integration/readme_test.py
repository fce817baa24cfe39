#!/usr/bin/python3
"""readme_test.py SERVER: the README's words are true. Runs its Python program, and the
command that generates its classes, as printed, against a server on a port of its own."""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER = pathlib.Path(sys.argv.pop(1)).resolve()


def block(language):
    return re.search(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]


class ReadmeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "proto").symlink_to(ROOT / "proto")

    def start_server(self):
        """A server without a fixed port; returns its address."""
        server = subprocess.Popen(
            [SERVER, "--listen=127.0.0.1:0", "--http_listen=127.0.0.1:0"],
            stdout=subprocess.PIPE, text=True, cwd=self.folder)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        return re.match(r"READY grpc=(\S+)", server.stdout.readline())[1]

    def test_the_python_program_learns_xor(self):
        program = block("python")
        self.assertIn("127.0.0.1:50051", program)
        program = program.replace("127.0.0.1:50051", self.start_server())
        (self.folder / "xor.py").write_text(program)
        printed = subprocess.run(["bash", "-euc", block("sh")], cwd=self.folder, check=True,
                                 stdout=subprocess.PIPE, text=True).stdout
        outputs = [float(word) for word in re.findall(r"[\d.e-]+", printed)]
        self.assertEqual([round(value) for value in outputs], [0, 1, 1, 0], printed)


if __name__ == "__main__":
    unittest.main()
