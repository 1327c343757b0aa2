#!/usr/bin/env python3
"""Times flow beside ninja, n2, make, GNU parallel and Snakemake on the same graphs, in one run.

usage: bench/engine.py [--flow target/release/flow] [--shapes wide layers ...] [--works nothing anew plan change run]
                       [--sizes 1000 10000 100000] [--runs 5] [--tools flow ninja ...] [--calls] [--start]

Every job is `: > output`. `nothing`: all is made, nothing is to be done. `anew`: the same where flow remembers nothing of
the call before (`.flow/idle` is removed). `plan`: a dry run with nothing made. `change`:
one source is edited, all that depends on it is made. `run`: everything is made. For `nothing` and `change` the files are
laid down as the tool would have left them (flow by `--touch --forceall`, ninja by a log of its form), so that a million
need not be run first. The tools take turns, so that a machine whose speed drifts is equally unkind to all; medians of wall
and CPU seconds, peak memory, and the ratio of wall times to flow's are printed as tables in Markdown; with `--calls` the
system calls of one more run under strace. Tools that are not installed are left out; Snakemake and GNU parallel are asked
only for what they can do in minutes. Needs Python 3.9 or later.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple, Optional

from graphs import SHAPES, Shape, makefile, ninja_file, ninja_log

#: Above so many files, Snakemake is not asked: to plan, and to run.
SNAKEMAKE_PLAN, SNAKEMAKE_RUN = 10_000, 1_000
#: Above so many, ninja is not asked to run them for one consumer: each finished job has it look at all inputs.
NINJA_WIDE = 100_000


class Tool(NamedTuple):
    file: str
    run: list[str]
    plan: list[str]


class Figures(NamedTuple):
    """Wall and CPU seconds, and MiB of the largest process (no less than the 12 of the one that starts it)."""

    wall: float
    cpu: float
    memory: float


def tools(flow: Path, wanted: Optional[list[str]]) -> dict[str, Tool]:
    quiet = ["--quiet", "all"]
    known = {
        "flow": Tool("Rulefile", [str(flow), "-q", "-j2"], [str(flow), "-q", "-n"]),
        "ninja": Tool("build.ninja", ["ninja", "--quiet", "-j2"], ["ninja", "--quiet", "-n"]),
        "n2": Tool("build.ninja", ["n2", "-j2"], ["n2", "-n"]),
        "make": Tool("Makefile", ["make", "-s", "-j2"], ["make", "-s", "-n"]),
        "parallel": Tool("names", ["parallel", "-j2", ": > out/{}", "::::", "names"], []),
        "snakemake": Tool("Snakefile", ["snakemake", "-j2", *quiet], ["snakemake", "-n", *quiet]),
    }
    return {
        name: tool
        for name, tool in known.items()
        if (wanted is None or name in wanted) and (name == "flow" or shutil.which(tool.run[0]))
    }


class Starter:
    """A process of its own that starts the commands: what a child is said to have used of memory is at least what its
    parent used, and this one is small, for it is made before any graph."""

    def __init__(self) -> None:
        (ask_in, ask_out), (answer_in, answer_out) = os.pipe(), os.pipe()
        if os.fork() == 0:
            os.close(ask_out)
            os.close(answer_in)
            with os.fdopen(ask_in) as asked, os.fdopen(answer_out, "w") as answers:
                for line in asked:
                    print(json.dumps(run(*json.loads(line))), file=answers, flush=True)
            os._exit(0)
        self.ask, self.answers = os.fdopen(ask_out, "w"), os.fdopen(answer_in)

    def timed(self, command: list[str], folder: Path) -> Figures:
        """Of one run, which must succeed."""
        print(json.dumps([command, str(folder)]), file=self.ask, flush=True)
        figures, failure = json.loads(self.answers.readline())
        if failure is not None:
            sys.exit(f"{' '.join(command)} failed in {folder}: {failure}")
        return Figures(*figures)


def run(command: list[str], folder: str) -> tuple[list[float], Optional[str]]:
    """Figures of a run; what it said, if it failed."""
    with tempfile.TemporaryFile() as said:
        begin = time.perf_counter()
        child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        failure = said.read()[-2000:].decode(errors="replace") if child.returncode else None
    return [wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024], failure


def calls(command: list[str], folder: Path) -> Optional[int]:
    """System calls of one run, without those of the jobs; nothing where there is no strace."""
    if not shutil.which("strace"):
        return None
    with tempfile.NamedTemporaryFile("r") as counts:
        # -f: the threads too. Children count with them: for runs that start none.
        subprocess.run(["strace", "-f", "-c", "-o", counts.name, *command], cwd=folder, check=True, capture_output=True)
        total = [line.split() for line in counts if line.rstrip().endswith("total")]
    return int(total[0][-3] if len(total[0]) > 4 else total[0][-2])


class Row(NamedTuple):
    runs: list[Figures]
    calls: Optional[int] = None


def report(title: str, rows: dict[str, Row]) -> None:
    with_calls = any(row.calls is not None for row in rows.values())
    print(f"\n{title}\n\n| tool | wall s | CPU s | peak MiB | to flow |{' calls |' if with_calls else ''}")
    print(f"|---|--:|--:|--:|--:|{'--:|' if with_calls else ''}")
    medians = {name: Figures(*(statistics.median(column) for column in zip(*row.runs))) for name, row in rows.items()}
    base = medians["flow"].wall if "flow" in medians else None
    for name, figures in medians.items():
        cells = [name, f"{figures.wall:.4f}", f"{figures.cpu:.4f}", f"{figures.memory:.1f}"]
        cells.append(f"{figures.wall / base:.2f}" if base else "")
        if with_calls:
            cells.append(str(rows[name].calls or ""))
        print(f"| {' | '.join(cells)} |", flush=True)


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def describe(name: str, shape: Shape, n: int, folder: Path) -> None:
    """The file of a tool that says the graph, and the sources."""
    folder.mkdir(parents=True)
    texts = {
        "Rulefile": lambda: shape.rulefile(n),
        "Snakefile": lambda: shape.rulefile(n),
        "build.ninja": lambda: ninja_file(shape, n),
        "Makefile": lambda: makefile(shape, n),
        "names": lambda: "\n".join(map(str, range(n))),
    }
    write(folder / name, texts[name]())
    # Before any output, on a clock that ticks by seconds too.
    past = time.time() - 1000
    for source in shape.sources(n):
        write(folder / source, "source\n")
        os.utime(folder / source, (past, past))


def make_folders(shape: Shape, n: int, folder: Path) -> None:
    for parent in {Path(output).parent for output, _ in shape.jobs(n)}:
        (folder / parent).mkdir(parents=True, exist_ok=True)


def lay_down(name: str, tool: Tool, shape: Shape, n: int, folder: Path, starter: Starter) -> None:
    """All outputs, and the records that the tool would have kept of making them."""
    now = time.time_ns()
    for number, (output, _) in enumerate(shape.jobs(n)):
        write(folder / output)
        # Each after those that it depends on.
        os.utime(folder / output, ns=(now + number, now + number))
    if name == "flow":
        starter.timed([*tool.run, "--touch", "--forceall"], folder)
    elif name == "ninja":
        stamp = lambda output: (folder / output).stat().st_mtime_ns
        write(folder / ".ninja_log", ninja_log(shape, n, stamp))
    starter.timed(tool.run, folder)


def may(name: str, work: str, shape_name: str, n: int) -> bool:
    """Whether a tool is asked for a work."""
    if name == "parallel":
        # It knows no files: it runs what it is given.
        return work == "run" and shape_name == "wide"
    if name == "snakemake":
        # It plans by recursion: a chain of a thousand is too deep.
        return n <= (SNAKEMAKE_RUN if work == "run" else SNAKEMAKE_PLAN) and shape_name != "chains"
    if name == "ninja" and work == "run" and shape_name == "wide":
        return n <= NINJA_WIDE
    return True


def change(shape: Shape, n: int, folder: Path, turn: int) -> None:
    """Edits the middle source; a graph without sources loses an output."""
    sources = shape.sources(n)
    if sources:
        write(folder / sources[len(sources) // 2], f"changed {turn}\n")
    else:
        (folder / f"out/{n // 2}").unlink(missing_ok=True)


def bench(
    shape_name: str, n: int, known: dict[str, Tool], options: argparse.Namespace, starter: Starter, root: Path
) -> None:
    shape = SHAPES[shape_name]
    jobs = list(shape.jobs(n))
    files, edges = len(jobs) + len(shape.sources(n)), sum(len(inputs) for _, inputs in jobs)
    size = f"{shape_name}: {len(jobs)} jobs, {files} files, {edges} edges"
    for work in options.works:
        asked = {name: tool for name, tool in known.items() if may(name, work, shape_name, n)}
        folders = {name: root / f"{shape_name}-{n}-{work}-{name}" for name in asked}
        for name, tool in asked.items():
            describe(tool.file, shape, n, folders[name])
            if work in ("plan", "run"):
                make_folders(shape, n, folders[name])
            else:
                lay_down(name, tool, shape, n, folders[name], starter)
        figures: dict[str, list[Figures]] = {name: [] for name in asked}
        for turn in range(1 if work == "run" else options.runs):
            for name, tool in asked.items():
                if work == "change":
                    change(shape, n, folders[name], turn)
                if work == "anew":
                    (folders[name] / ".flow/idle").unlink(missing_ok=True)
                figures[name].append(starter.timed(tool.plan if work == "plan" else tool.run, folders[name]))
        counts = options.calls and work in ("nothing", "plan")
        rows = {}
        for name, tool in asked.items():
            command = tool.plan if work == "plan" else tool.run
            rows[name] = Row(figures[name], calls(command, folders[name]) if counts else None)
        report(f"**{work}** {size}", rows)
        for folder in folders.values():
            shutil.rmtree(folder)


def startup(known: dict[str, Tool], runs: int, starter: Starter, root: Path) -> None:
    asked = {name: tool for name, tool in known.items() if name != "parallel"}
    folders = {name: root / f"start-{name}" for name in asked}
    for name, tool in asked.items():
        describe(tool.file, SHAPES["wide"], 3, folders[name])
    versions = {name: [tool.run[0], "--version"] for name, tool in asked.items()}
    plans = {name: tool.plan for name, tool in asked.items()}
    for title, commands in {"`--version`": versions, "`-n`, four jobs": plans}.items():
        rows: dict[str, Row] = {name: Row([]) for name in asked}
        for _ in range(runs * 4):
            for name in asked:
                rows[name].runs.append(starter.timed(commands[name], folders[name]))
        report(f"**start** {title}", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flow", type=Path, default=Path("target/release/flow"))
    parser.add_argument("--shapes", nargs="*", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--works", nargs="*", default=["nothing", "anew", "plan", "change", "run"])
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tools", nargs="*")
    parser.add_argument("--calls", action="store_true", help="count system calls with strace")
    parser.add_argument("--start", action="store_true", help="the start of the programs too")
    parser.add_argument("--place", type=Path, help="a folder to work in (default: a temporary one)")
    options = parser.parse_args()
    starter = Starter()
    known = tools(options.flow.resolve(), options.tools)
    with tempfile.TemporaryDirectory(dir=options.place) as folder:
        if options.start:
            startup(known, options.runs, starter, Path(folder))
        for shape in options.shapes:
            for n in options.sizes:
                bench(shape, n, known, options, starter, Path(folder))


if __name__ == "__main__":
    main()
