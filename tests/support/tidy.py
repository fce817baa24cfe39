#!/usr/bin/python3
"""tidy.py [--joined] BUILD_DIR: runs clang-tidy on every source file that the programs are
built from. Not on the tests: they would double its time, and they fail by themselves; of
those that use locks clang alone checks the annotations.

--joined looks at the files of a folder together, in a fraction of the time.

A file that was clean is not looked at again until its text, a header it includes, its
compiler flags or .clang-tidy change: what was clean is remembered in the user's cache
folder, by the digest of the preprocessed file, wherever the tree lies.
"""

import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import tidy_joined

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = ROOT / ".clang-tidy"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
CLEAN = CACHE / "chainrule" / "tidy"
# What is checked, of all that the build knows.
SHIPPED = tuple(ROOT / folder for folder in ("engine", "server", "client"))
# Where only the annotations are: files that use these.
LOCKS = re.compile(r"\b(?:MutexLock|CondVar|Mutex)\b")
TEST_HEADER = re.compile(r'^#include "(tests/[^"]+)"', re.MULTILINE)
# Reads a member without its lock: if that is not found, nothing would be.
CANARY = ROOT / "tests" / "support" / "tidy_canary.cc"
# Seconds of processor time that a file may take; some checks lose their way in some
# templates.
LIMIT = 300
# Checked by clang alone, and silent about g++'s flags.
CLANG_FLAGS = ("-Wthread-safety", "-Wno-unknown-warning-option")
# What joined sources are, and that they include sources, is no finding.
JOINED = ("--header-filter=/(engine|server|client|tests)/([a-z_]+/)*[a-z0-9_]+\\.(h|cc)$",
          "--checks=-bugprone-suspicious-include")


def units(build_dir):
    """(file, compiler flags) of each source file, once."""
    seen = {}
    for entry in json.loads((build_dir / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        seen.setdefault(path, flags_of(shlex.split(entry["command"])))
    return sorted(seen.items())


def is_shipped(path):
    return any(path.is_relative_to(folder) for folder in SHIPPED)


def tests_with_locks(known):
    """As many as it takes to see each file of the tests, headers too, that uses locks."""
    seen = set()
    for path, flags in known:
        if not path.is_relative_to(ROOT / "tests"):
            continue
        included = [ROOT / header for header in TEST_HEADER.findall(path.read_text())]
        new = {file for file in (path, *included) if LOCKS.search(file.read_text())} - seen
        if new:
            seen |= new
            yield path, flags


def flags_of(command):
    """The defines, include folders and language options: what decides the meaning."""
    flags = [word for word in command if word.startswith(("-D", "-I", "-W", "-std=", "-f"))]
    systems = [i for i, word in enumerate(command) if word == "-isystem"]
    for i in systems:
        flags += ["-isystem", command[i + 1]]
    return (*flags, *CLANG_FLAGS)


def digest(path, flags, salt):
    """Of what clang-tidy would see, comments (NOLINT) and macros included."""
    command = ["clang++", "-E", "-P", "-C", "-dD", *flags, str(path)]
    text = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    seen = " ".join(flags).encode() + text.stdout
    return hashlib.sha256(salt + seen.replace(str(ROOT).encode(), b"")).hexdigest()


def check(path, flags, salt, options=()):
    """What clang-tidy has to say about the file; nothing if it is clean."""
    remembered = CLEAN / digest(path, flags, salt)
    if remembered.exists():
        return ""
    findings = tidy(path, flags, options)
    if not findings:
        remembered.touch()
    return findings


def tidy(path, flags, options=()):
    return run(["clang-tidy", "--quiet", f"--config-file={CONFIG}", *options, str(path), "--",
                *flags])


def check_locks(path, flags):
    return run(["clang++", "-fsyntax-only", *flags, "-Wno-everything", "-Werror=thread-safety",
                str(path)])


def run(command):
    """What it says if it fails."""
    result = subprocess.run(["prlimit", f"--cpu={LIMIT}", *command], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    if result.returncode < 0:
        return f"{command[0]} was not done after {LIMIT} s, or ended by signal {-result.returncode}"
    return "" if result.returncode == 0 else result.stdout or result.stderr


def jobs_of(build_dir, joined, pool):
    """(file, what to call for its findings) of all there is to do."""
    version = subprocess.run(["clang-tidy", "--version"], stdout=subprocess.PIPE, check=True).stdout
    salt = version + CONFIG.read_bytes()
    known = units(build_dir)
    files = [(path, flags) for path, flags in known if is_shipped(path)]
    options = ()
    if joined:
        files = tidy_joined.join(files, build_dir / "tidy", pool)
        options = JOINED
    jobs = [(path, functools.partial(check, path, flags, salt, options)) for path, flags in files]
    return jobs + [(path, functools.partial(check_locks, path, flags))
                   for path, flags in tests_with_locks(known)]


def sees_canary():
    flags = [*CLANG_FLAGS, "-std=c++20", f"-I{ROOT}"]
    return all("thread-safety" in look(CANARY, flags) for look in (tidy, check_locks))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--joined", action="store_true")
    parser.add_argument("build_dir", type=pathlib.Path)
    arguments = parser.parse_args()
    CLEAN.mkdir(parents=True, exist_ok=True)
    if not sees_canary():
        print(f"clang-tidy: does not see what is wrong in {CANARY.relative_to(ROOT)}")
        return 1
    findings = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = jobs_of(arguments.build_dir.resolve(), arguments.joined, pool)
        futures = {pool.submit(job): path for path, job in jobs}
        for done, future in enumerate(concurrent.futures.as_completed(futures), 1):
            print(f"[{done}/{len(jobs)}] {futures[future].relative_to(ROOT)}", flush=True)
            if future.result():
                findings += 1
                print(future.result(), flush=True)
    print(f"clang-tidy: {findings} of {len(jobs)} have findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
