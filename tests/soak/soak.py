#!/usr/bin/python3
"""soak.py SERVER FOLDER [PART...]: what only time or size shows, against the real server, with
the figures. Parts: fit, overload, million; all, if none is named. Exits 1 if something that
was promised does not hold. `./dev soak` runs it; soak_test.py is its short form."""

import sys
import time

import process_memory
from process_memory import MIB

SERVER, FOLDER = sys.argv.pop(1), sys.argv.pop(1)
process_memory.harness.generate(FOLDER)

import fit  # noqa: E402
import load  # noqa: E402

GIB = 1 << 30
failures = []


def expect(holds, promise):
    print(f"  {'ok  ' if holds else 'NOT '} {promise}", flush=True)
    if not holds:
        failures.append(promise)


def show(name, figures):
    print(f"  {name}: {figures}", flush=True)


def of_fit(name, run):
    show(name, f"{run['rows']:,} rows, received at {run['received_per_second'] / MIB:,.0f} MiB/s, "
               f"learned at {run['rows_per_second']:,.0f} rows/s; memory {run['rest'] / MIB:.0f} "
               f"MiB at rest, {run['peak'] / MIB:.0f} at most, {run['after'] / MIB:.0f} after")


def soak_fit():
    print("4 GiB of rows, 784 numbers each, three shuffled epochs, in 1 GiB of private memory "
          "(RLIMIT_DATA; what is resident is VmHWM)")
    memory = fit.run(SERVER, total_bytes=GIB // 2, fit_memory=GIB)
    of_fit("from memory, half a GiB", memory)
    runs = {}
    for name, cold in (("from the spool", False), ("from the spool, forgotten by the cache", True)):
        runs[name] = fit.run(SERVER, total_bytes=4 * GIB, fit_memory=64 * MIB, limit=GIB, cold=cold)
        of_fit(name, runs[name])
    warm, cold = runs.values()
    expect(warm["peak"] < GIB // 4 and cold["peak"] < GIB // 4, "it stays below 256 MiB")
    expect(warm["clean"] and cold["clean"], "the spool is gone")
    expect(warm["losses"] == cold["losses"], "the same numbers from cache and disk")
    expect(warm["rows_per_second"] > 0.9 * memory["rows_per_second"],
           "rows that the page cache holds are learned from as quickly as from memory")


def of_overload(rpc, run):
    full, over, memory = run["full"], run["over"], run["memory"]
    show(rpc, f"capacity {run['capacity']:,.0f} calls/s; offered {run['offered']:,.0f}, "
              f"answered {run['admitted']:,.0f}, refused {run['errors']:,} in all")
    for name, latency in (("full queue", full), ("overload", over)):
        show(f"latency of what is let in, {name}",
             ", ".join(f"{key} {latency[key] / 1000:.1f} ms" for key in ("p50", "p99", "max")))
    values = [value / MIB for _, value in memory.samples]
    show("memory, MiB", f"{run['before'] / MIB:.0f} before; " +
         " ".join(f"{value:.0f}" for value in values[::max(1, len(values) // 20)]) +
         f"; {run['after'] / MIB:.0f} after")


def soak_overload():
    print("ten times the capacity for a minute, of each of Predict and Train")
    for rpc, widths in (("predict", (64, 2048, 2048, 8)), ("train", (64, 1024, 1024, 8))):
        run = load.overload(SERVER, rpc, widths=widths, rows=64, queue=32, seconds=60)
        of_overload(rpc, run)
        expect(run["offered"] > 10 * run["capacity"], "ten times the capacity was offered")
        expect(abs(run["memory"].growth()) < 8 * MIB, "memory is flat")
        expect(run["over"]["p99"] < 3 * run["full"]["p99"], "the latency is that of a full queue")
        expect(run["guest_refused"] and all(map(load.says_when_to_retry, run["guest_refused"])),
               "who is refused hears when to retry")


def soak_million():
    print("a million predictions")
    run = load.many(SERVER, calls=1_000_000)
    show("memory", f"{run['rest'] / MIB:.1f} MiB at rest; {run['before'] / MIB:.2f} before, "
                   f"{run['after'] / MIB:.2f} after {run['calls']:,} predictions at "
                   f"{run['rate']:,.0f} a second")
    expect(run["rest"] <= 40 * MIB, "at rest it takes 40 MiB or less")
    expect(run["after"] - run["before"] < MIB, "nothing grows")
    expect(run["errors"] == 0, "all were answered")


PARTS = {"fit": soak_fit, "overload": soak_overload, "million": soak_million}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        if part not in PARTS:
            sys.exit(f"soak.py: no part '{part}'; there are: {' '.join(PARTS)}")
        start = time.monotonic()
        PARTS[part]()
        print(f"  {time.monotonic() - start:.0f} s\n", flush=True)
    if failures:
        sys.exit("NOT: " + "; ".join(failures))
