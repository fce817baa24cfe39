"""The arrows between the folders, and what holds for every file.

Each check takes a tree (path → text) and yields what is wrong with it, one line each.
"""

import re

# Folder → the folders whose headers it may include, itself always. Arrows point down only.
ENGINE_CORE = {"engine/core"}
NUMBERS = ENGINE_CORE | {"engine/blas", "engine/kernels"}
ARROWS = {
    "engine/core": set(),
    "engine/blas": ENGINE_CORE,
    "engine/kernels": ENGINE_CORE,
    "engine/nn": NUMBERS,
    "engine/train": NUMBERS | {"engine/nn"},
    "engine/io": NUMBERS | {"engine/nn", "engine/train"},
    "server/observe": ENGINE_CORE,
    "server/store": {"engine", "server/observe"},
    "server/models": {"engine", "server/observe", "server/store"},
    "server/compute": {"engine", "server/observe", "server/models"},
    "server/convert": {"engine", "proto", "server/models"},
    "server/rpc": ENGINE_CORE | {"grpc", "proto", "server"},
    "server/app": {"engine", "grpc", "proto", "server"},
    "client": {"grpc", "proto"},
}
# Above the others: of all who may include "server", nobody may include these.
ROOFS = {"server/app": {"server/app"}, "server/rpc": {"server/app", "server/rpc"}}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
GRPC = re.compile(r"^(grpcpp|grpc|grpc\+\+)/|\.grpc\.pb\.h$")
PROTO = re.compile(r"^(google|chainrule|inference)/|\.pb\.h$")

MAX_LINES = 400
COUNTED = (".cc", ".h", ".py", ".sh", ".proto")
# Folders that exist on one machine only. Written so that this file does not hold them.
MACHINE_PATH = re.compile(r"(^|[^A-Za-z0-9_.$}])/(?:work|farm|root|home|tmp/[a-z])(?:/|\b)")
LEFT_OVER = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
PROSE = (".md", ".csv", ".json")


def target_of(header):
    """What an included header belongs to: grpc, proto, or its folder; None if it is not ours."""
    if GRPC.search(header):
        return "grpc"
    if PROTO.search(header):
        return "proto"
    if header.startswith(("engine/", "server/", "client/", "tests/")):
        return header.rpartition("/")[0]
    return None


def is_within(folder, parents):
    return any(folder == parent or folder.startswith(parent + "/") for parent in parents)


def folder_of(path):
    """The key of ARROWS that a file comes under, or None."""
    return next((folder for folder in ARROWS if path.startswith(folder + "/")), None)


def is_allowed(folder, target):
    if is_within(target, {folder}):
        return True
    if any(is_within(target, {roof}) and folder not in above for roof, above in ROOFS.items()):
        return False
    return is_within(target, ARROWS[folder])


def check_arrows(tree):
    for path, text in tree.items():
        folder = folder_of(path)
        if folder is None or not path.endswith((".cc", ".h")):
            continue
        for header in INCLUDE.findall(text):
            target = target_of(header)
            if target is not None and not is_allowed(folder, target):
                yield f"{path}: {folder} may not include {header}"


def check_homes(tree):
    for path in tree:
        home = path.startswith(("engine/", "server/", "client/"))
        if home and path.endswith((".cc", ".h")) and folder_of(path) is None:
            yield f"{path}: not in a folder that the arrows know"


def check_length(tree):
    for path, text in tree.items():
        lines = text.count("\n")
        if path.endswith(COUNTED) and lines > MAX_LINES:
            yield f"{path}: {lines} lines, at most {MAX_LINES}"


def check_lines(tree):
    for path, text in tree.items():
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATH.search(line):
                yield f"{path}:{number}: a path of one machine: {line.strip()}"
            if not path.endswith(PROSE) and LEFT_OVER.search(line):
                yield f"{path}:{number}: left for later: {line.strip()}"


def violations(tree):
    for check in (check_arrows, check_homes, check_length, check_lines):
        yield from check(tree)
