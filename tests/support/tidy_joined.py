"""Many source files as few: what clang-tidy spends on a file is nearly all spent on the
headers it includes, so files that are built alike are looked at together.

Files whose names collide (each has its own `Options` in an unnamed namespace) are put in
different sources: the compiler says which.
"""

import os
import re
import subprocess

# Where clang's errors are: "PATH:LINE:COLUMN: error: ...".
ERROR = re.compile(r"^(.+?):\d+:\d+: (?:fatal )?error: ", re.MULTILINE)
# Highway has such a file include itself, once for each processor.
ALONE = "foreach_target.h"


def join(files, folder, pool):
    """(source, flags) of what to look at for `files`, (path, flags): sources that are
    written into `folder`, and files that nothing can be joined with."""
    folder.mkdir(parents=True, exist_ok=True)
    groups = {}
    for path, flags in files:
        key = path if ALONE in path.read_text() else path.parent
        groups.setdefault((key, flags), []).append(path)
    jobs = [pool.submit(join_group, paths, flags, folder / f"{number}_{key.name}")
            for number, ((key, flags), paths) in enumerate(groups.items())]
    return [joined for job in jobs for joined in job.result()]


def join_group(paths, flags, prefix):
    """As few sources as it takes."""
    joined = []
    while paths:
        source = prefix.with_name(f"{prefix.name}_{len(joined)}.cc")
        taken = compatible(paths, flags, source)
        joined.append((source if len(taken) > 1 else taken[0], flags))
        paths = [path for path in paths if path not in taken]
    return joined


def compatible(paths, flags, source):
    """Those of `paths`, the first at least, that compile as one; written into `source`."""
    while True:
        source.write_text("".join(f'#include "{path}"\n' for path in paths))
        if len(paths) == 1:
            return paths
        command = ["clang++", "-fsyntax-only", "-w", "-ferror-limit=0", *flags, str(source)]
        result = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        if result.returncode == 0:
            return paths
        wrong = {os.path.normpath(path) for path in ERROR.findall(result.stderr)}
        good = [path for path in paths[1:] if str(path) not in wrong]
        # Where only a header is said to be wrong, it is left to the one file.
        paths = paths[:1] + (good if len(good) < len(paths) - 1 else [])
