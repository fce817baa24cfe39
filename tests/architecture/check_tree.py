#!/usr/bin/python3
"""check_tree.py ROOT: exits 1 with a line for each thing in the tree that breaks rules.py."""

import os
import pathlib
import sys

import rules

SKIPPED = {".git", "build", "node_modules", "__pycache__", "chainrule-data"}


def read_tree(root):
    """Path from the root → text, of every file that is text."""
    tree = {}
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in sorted(set(files) - SKIPPED):
            path = pathlib.Path(folder, name)
            try:
                tree[path.relative_to(root).as_posix()] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
    return tree


def main():
    tree = read_tree(pathlib.Path(sys.argv[1]))
    found = list(rules.violations(tree))
    print("\n".join(found) or f"{len(tree)} files, nothing against the rules")
    return 1 if found or "CMakeLists.txt" not in tree else 0


if __name__ == "__main__":
    sys.exit(main())
