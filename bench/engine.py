#!/usr/bin/env python3
"""Times flow beside ninja and make on the same graphs, in one run.

usage: bench/engine.py [--flow target/release/flow] [--sizes 10000 100000] [--runs 5]

Each graph is N jobs `: > out/I` and one job that reads all of them. The tools take turns, so that a machine whose
speed drifts is equally unkind to all; medians and the ratio of medians to flow's are printed. ninja and make are left
out where they are not installed. Needs Python 3.9 and nothing else.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RULEFILE = """\
rule all:
    input: "all"

rule one:
    output: "out/{{i}}"
    shell: ": > {{output}}"

rule combine:
    input: expand("out/{{i}}", i=range({n}))
    output: "all"
    shell: ": > {{output}}"
"""


def ninja_file(n):
    jobs = "\n".join(f"build out/{i}: one" for i in range(n))
    outs = " ".join(f"out/{i}" for i in range(n))
    return f"rule one\n  command = : > $out\n{jobs}\nbuild all: one {outs}\ndefault all\n"


def makefile(n):
    outs = " ".join(f"out/{i}" for i in range(n))
    return f"OUTS := {outs}\nall: $(OUTS)\n\t@: > all\n$(OUTS):\n\t@: > $@\n"


def tools(flow):
    """Name → (file, its text for N jobs, the command)."""
    known = {"flow": ("Rulefile", lambda n: RULEFILE.format(n=n), [str(flow), "-q", "-j2"])}
    if shutil.which("ninja"):
        known["ninja"] = ("build.ninja", ninja_file, ["ninja", "--quiet", "-j2"])
    if shutil.which("make"):
        known["make"] = ("Makefile", makefile, ["make", "-s", "-j2"])
    return known


def timed(command, folder):
    """Wall and CPU seconds and peak memory (MiB) of one run, which must succeed."""
    begin = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{command} failed in {folder}: {said.decode(errors='replace')}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def report(title, rows):
    print(f"\n{title}\n  {'tool':<8}{'wall s':>10}{'cpu s':>10}{'peak MiB':>10}{'to flow':>10}")
    base = statistics.median(row[0] for row in rows["flow"])
    for name, runs in rows.items():
        wall, cpu, memory = (statistics.median(run[at] for run in runs) for at in range(3))
        print(f"  {name:<8}{wall:>10.4f}{cpu:>10.4f}{memory:>10.1f}{wall / base:>9.2f}x", flush=True)


def graph(n, runs, known, root):
    folders = {}
    for name, (file, text, _) in known.items():
        folders[name] = root / f"{name}-{n}"
        (folders[name] / "out").mkdir(parents=True)
        (folders[name] / file).write_text(text(n))
    first = {name: [timed(known[name][2], folders[name])] for name in known}
    report(f"run {n} jobs `: > out` and one consumer of all", first)
    again = {name: [] for name in known}
    for name in known:
        timed(known[name][2], folders[name])
    for _ in range(runs):
        for name in known:
            again[name].append(timed(known[name][2], folders[name]))
    report(f"nothing to do, {n} jobs", again)
    plan = []
    shutil.rmtree(folders["flow"] / "out")
    (folders["flow"] / "all").unlink()
    shutil.rmtree(folders["flow"] / ".flow")
    for _ in range(runs):
        plan.append(timed([*known["flow"][2], "-n"], folders["flow"]))
    report(f"plan of {n} jobs from nothing (flow -n)", {"flow": plan})
    for folder in folders.values():
        shutil.rmtree(folder)


def startup(runs, known, root):
    folders = {name: root / f"{name}-start" for name in known}
    for name, (file, text, _) in known.items():
        (folders[name] / "out").mkdir(parents=True)
        (folders[name] / file).write_text(text(3))
    flow = known["flow"][2][0]
    cases = {
        "--version": {"flow": [flow, "--version"], "ninja": ["ninja", "--version"], "make": ["make", "--version"]},
        "-n, three jobs": {"flow": [flow, "-n"], "ninja": ["ninja", "-n"], "make": ["make", "-n"]},
    }
    for title, commands in cases.items():
        rows = {name: [] for name in known}
        for _ in range(runs * 4):
            for name in known:
                rows[name].append(timed(commands[name], folders[name]))
        report(f"start: {title}", rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flow", type=Path, default=Path("target/release/flow"))
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    known = tools(options.flow.resolve())
    with tempfile.TemporaryDirectory() as folder:
        startup(options.runs, known, Path(folder))
        for n in options.sizes:
            graph(n, options.runs, known, Path(folder))


if __name__ == "__main__":
    main()
