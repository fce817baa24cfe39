#!/usr/bin/python3
"""A lint that could not look fails: in a tree of its own, where only clang-format's can pass."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

LINT = pathlib.Path(__file__).resolve().parent / "lint.sh"
TOOLS = ("bash", "dirname", "git", "grep", "sed", "sort", "xargs")
FINDING = "a.cc:1:1: warning: code should be clang-formatted [-Wclang-format-violations]"


class LintTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.tools = self.root / "bin"
        self.tools.mkdir()
        for tool in TOOLS:
            (self.tools / tool).symlink_to(shutil.which(tool))
        self.tree = self.root / "tree"
        (self.tree / "tests" / "support").mkdir(parents=True)
        shutil.copy(LINT, self.tree / "tests" / "support")
        (self.tree / "a.cc").write_text("int a;\n")

    def in_git(self):
        subprocess.run(["git", "init", "--quiet", str(self.tree)], check=True)

    def with_clang_format(self, *lines):
        tool = self.tools / "clang-format"
        tool.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
        tool.chmod(0o755)

    def failed(self):
        """Whether clang-format's lint is among those that failed."""
        ran = subprocess.run(["bash", str(self.tree / "tests/support/lint.sh"), "build"],
                             env={"PATH": str(self.tools), "GIT_CEILING_DIRECTORIES": str(self.root)},
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(ran.returncode, 1)
        return "clang-format" in ran.stderr.splitlines()[-1].split(": ")[1].split()

    def test_what_is_formatted_passes(self):
        self.in_git()
        self.with_clang_format("exit 0")
        self.assertFalse(self.failed())

    def test_what_is_not_formatted_fails(self):
        self.in_git()
        self.with_clang_format(f"echo '{FINDING}' >&2")
        self.assertTrue(self.failed())

    def test_without_clang_format_it_fails(self):
        self.in_git()
        self.assertTrue(self.failed())

    def test_a_clang_format_that_fails_fails(self):
        self.in_git()
        self.with_clang_format("exit 1")
        self.assertTrue(self.failed())

    def test_outside_a_tree_of_git_it_fails(self):
        self.with_clang_format("exit 0")
        self.assertTrue(self.failed())

    def test_without_files_it_fails(self):
        self.in_git()
        self.with_clang_format("exit 0")
        (self.tree / "a.cc").unlink()
        self.assertTrue(self.failed())


if __name__ == "__main__":
    unittest.main()
