#!/usr/bin/python3
"""standard_input_test.py BIN: commands read their data from standard input and from pipes."""

import gzip
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

BIN = pathlib.Path(sys.argv.pop(1)).resolve()
HANGS = 60  # seconds that no program here takes
ROWS = "x,y,k\n" + "".join(f"{i % 7},{i % 5},{'ab'[i % 2]}\n" for i in range(40))
IMAGES = b"\0\0\x08\x02\0\0\0\x04\0\0\0\x02" + bytes(range(8))
CLASSES = b"\0\0\x08\x01\0\0\0\x04" + bytes([0, 1, 2, 1])


class StandardInputTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        server = subprocess.Popen(
            [BIN / "chainrule-server", "--listen=127.0.0.1:0", "--http_listen=127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder.name)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        self.at = re.match(r"READY grpc=(\S+)", server.stdout.readline())[1]

    def run_program(self, *words, data=b""):
        return subprocess.run([BIN / "chainrule", *words, "--server", self.at], input=data,
                              cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=HANGS)

    def must_run(self, *words, data=b""):
        done = self.run_program(*words, data=data)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_every_command_that_takes_data_takes_standard_input(self):
        rows = ROWS.encode()
        (self.folder / "rows.csv").write_bytes(rows)
        self.must_run("create", "m", "--from", "-", "--label", "k", data=rows)
        self.must_run("train", "m", "-", "--label", "k", "--class-weight", "balanced",
                      "--validation", "-", data=rows)
        expected = self.must_run("evaluate", "m", "rows.csv", "--label", "k")
        for path in ["-", "/dev/stdin"]:
            for data in [rows, gzip.compress(rows)]:
                self.assertEqual(self.must_run("evaluate", "m", path, "--label", "k", data=data),
                                 expected)

    def test_a_pipe_of_the_shell_is_a_file_like_any_other(self):
        (self.folder / "rows.csv").write_text(ROWS)
        self.must_run("create", "m", "--from", "rows.csv", "--label", "k")
        expected = self.must_run("predict", "m", "rows.csv")
        piped = subprocess.run(
            ["bash", "-c", f"'{BIN}/chainrule' predict m <(cat rows.csv) --server {self.at}"],
            cwd=self.folder, stdout=subprocess.PIPE, timeout=HANGS)
        self.assertEqual(piped.stdout, expected)

    def test_images_come_that_way_too(self):
        (self.folder / "classes").write_bytes(CLASSES)
        for data in [IMAGES, gzip.compress(IMAGES)]:
            self.must_run("create", "m", "--from", "-", "--label-file", "classes",
                          "--validate-only", data=data)

    def test_faults_name_what_was_written(self):
        self.must_run("create", "m", "--inputs", "2", "--feature-names", "x,y")
        fault = self.run_program("predict", "m", "-", data=b"x,y\n1,red\n")
        self.assertEqual(fault.returncode, 2)
        self.assertEqual(fault.stderr, b"chainrule: -:2: column 2 (y): 'red' is not a number\n")
        empty = self.run_program("predict", "m", "-")
        self.assertEqual(empty.stderr,
                         b"chainrule: -:1: the file is empty, a header row is needed\n")


if __name__ == "__main__":
    unittest.main()
