#!/usr/bin/python3
"""tidy.py BUILD_DIR: runs clang-tidy on every source file that the programs are built from.
Not on the tests: they would double its time, and they fail by themselves.

A file that was clean is not looked at again until its text, a header it includes, its
compiler flags or .clang-tidy change: what was clean is remembered in the user's cache
folder, by the digest of the preprocessed file, wherever the tree lies.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = ROOT / ".clang-tidy"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
CLEAN = CACHE / "chainrule" / "tidy"
# What is checked, of all that the build knows.
SHIPPED = tuple(ROOT / folder for folder in ("engine", "server", "client"))
# Reads a member without its lock: if that is not found, nothing would be.
CANARY = ROOT / "tests" / "support" / "tidy_canary.cc"
# Seconds that a file may take; some checks lose their way in some templates.
LIMIT = 1200
# Checked by clang alone, and silent about g++'s flags.
CLANG_FLAGS = ["-Wthread-safety", "-Wno-unknown-warning-option"]


def units(build_dir):
    """(file, compiler flags) of each source file of ours, once."""
    seen = {}
    for entry in json.loads((build_dir / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if any(path.is_relative_to(folder) for folder in SHIPPED):
            seen.setdefault(path, flags_of(shlex.split(entry["command"])))
    return sorted(seen.items())


def flags_of(command):
    """The defines, include folders and language options: what decides the meaning."""
    flags = [word for word in command if word.startswith(("-D", "-I", "-W", "-std=", "-f"))]
    systems = [i for i, word in enumerate(command) if word == "-isystem"]
    for i in systems:
        flags += ["-isystem", command[i + 1]]
    return flags + CLANG_FLAGS


def digest(path, flags, salt):
    """Of what clang-tidy would see, comments (NOLINT) and macros included."""
    command = ["clang++", "-E", "-P", "-C", "-dD", *flags, str(path)]
    text = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    seen = " ".join(flags).encode() + text.stdout
    return hashlib.sha256(salt + seen.replace(str(ROOT).encode(), b"")).hexdigest()


def check(path, flags, salt):
    """What clang-tidy has to say about the file; nothing if it is clean."""
    remembered = CLEAN / digest(path, flags, salt)
    if remembered.exists():
        return ""
    findings = tidy(path, flags)
    if not findings:
        remembered.touch()
    return findings


def tidy(path, flags):
    command = ["clang-tidy", "--quiet", f"--config-file={CONFIG}", str(path), "--", *flags]
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                cwd=ROOT, check=False, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return f"{path}: clang-tidy was not done after {LIMIT} s"
    return "" if result.returncode == 0 else result.stdout or result.stderr


def main():
    build_dir = pathlib.Path(sys.argv[1]).resolve()
    CLEAN.mkdir(parents=True, exist_ok=True)
    version = subprocess.run(["clang-tidy", "--version"], stdout=subprocess.PIPE, check=True).stdout
    salt = version + CONFIG.read_bytes()
    files = units(build_dir)
    if "thread-safety" not in tidy(CANARY, [*CLANG_FLAGS, "-std=c++20", f"-I{ROOT}"]):
        print(f"clang-tidy: does not see what is wrong in {CANARY.relative_to(ROOT)}")
        return 1
    findings = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = {pool.submit(check, path, flags, salt): path for path, flags in files}
        for done, future in enumerate(concurrent.futures.as_completed(futures), 1):
            print(f"[{done}/{len(files)}] {futures[future].relative_to(ROOT)}", flush=True)
            if future.result():
                findings += 1
                print(future.result(), flush=True)
    print(f"clang-tidy: {findings} of {len(files)} files have findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
