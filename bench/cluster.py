#!/usr/bin/env python3
"""Times flow beside Snakemake's slurm plugin and a job array written by hand, on one Slurm cluster, in one run.

usage: bench/cluster.py [--flow target/release/flow] [--works noop sleep many] [--tools array flow ...] [--runs 3]
                        [--snakemake-jobs 1000] [--place FOLDER]

The cluster is the one that Slurm's own commands find (SLURM_CONF). `noop`: 1,000 jobs `: > output`, for which flow
needs no shell. `sleep`: 300 jobs of 0.2 s. `many`: 10,000 no-ops, without Snakemake. `array` is for scale: `sbatch
--array`, and waiting for the last output. The tools take turns, each in a folder of its own, and begin with an empty
queue; medians of wall times (Snakemake: one run) are printed as tables in Markdown, with the calls of Slurm's
commands, counted by scripts of their names first on the PATH, those of the jobs too, and, where accounting runs, CPU
time a job on the nodes, as sacct has it, less that of the array. A last table has what one task costs without Slurm:
`flow --run-task` by hand, beside `sh -c`.

Snakemake 9 and its plugin go into an environment of their own under target/bench-cluster, which the nodes must see
too, as they must see FOLDER. It gets what its manual offers for speed: no account to guess (--slurm-no-account) and a
partition given, or else it asks Slurm for them; as many submissions a second as it likes; a first look at the jobs
after 2 s and one every 2 s (its own: 40), by squeue where there is no accounting; the greedy scheduler. `snakemake`
submits job by job, as it does unless told otherwise; `snakemake-arrays` has --slurm-array-jobs all. Its jobs drop
SLURM_CONF, which the script of the name of srun brings back. With --snakemake-jobs below a work's size it is asked for
so many; ratios are of times a job then. Needs Python 3.9 or later with venv, and the package index.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Callable, NamedTuple, Optional

HERE = Path(__file__).resolve().parent
PLACE = HERE.parent / "target" / "bench-cluster"
PACKAGES = ["snakemake>=9,<10", "snakemake-executor-plugin-slurm"]
COUNTED = ["sbatch", "squeue", "sacct", "scontrol", "srun", "scancel", "sacctmgr", "sinfo"]
#: Between two looks for the outputs of the array written by hand.
LOOK = 0.05
#: How long accounting may lag behind.
LAG = 60
#: Tasks run by hand.
BY_HAND = 200


class Work(NamedTuple):
    jobs: int
    #: `{output}` is the file to make.
    shell: str
    with_snakemake: bool = True


WORKS = {
    "noop": Work(1_000, ": > {output}"),
    "sleep": Work(300, "sleep 0.2; : > {output}"),
    "many": Work(10_000, ": > {output}", with_snakemake=False),
}
TOOLS = ["array", "flow", "snakemake", "snakemake-arrays"]


class Run(NamedTuple):
    wall: float
    calls: Counter
    #: Of a job on its node, by sacct; `None` where there is no accounting.
    cpu: Optional[float]


class Cluster:
    """What the script knows of it, and the calls made of it."""

    def __init__(self, root: Path) -> None:
        if not shutil.which("sbatch"):
            sys.exit("there is no sbatch here")
        self.count = root / "calls"
        self.environment = {**os.environ, "PATH": f"{self.scripts(root / 'bin')}:{os.environ['PATH']}"}
        config = dict(line.split("=", 1) for line in said(["scontrol", "show", "config"]).splitlines() if "=" in line)
        config = {key.strip(): value.strip() for key, value in config.items()}
        #: Tasks that an array may have.
        self.most = int(config.get("MaxArraySize", 1001))
        self.has_accounting = config.get("AccountingStorageType", "").endswith("slurmdbd")
        names = said(["sinfo", "--noheader", "--format=%P"]).split()
        self.partition = next((name[:-1] for name in names if name.endswith("*")), "")
        nodes = said(["sinfo", "--noheader", "--format=%D nodes of %c cores (%P)"]).replace("\n", ", ")
        print(f"Slurm {config.get('SLURM_VERSION', '?')}: {nodes}")

    def scripts(self, folder: Path) -> Path:
        """Scripts of the names of Slurm's commands, which leave a line for each call."""
        folder.mkdir()
        conf = os.environ.get("SLURM_CONF")
        for name in COUNTED:
            if not (real := shutil.which(name)):
                continue
            lines = ["#!/bin/sh", f"echo {name} >> '{self.count}'"]
            lines += [f"export SLURM_CONF='{conf}'"] if conf else []
            (folder / name).write_text("\n".join([*lines, f'exec {real} "$@"\n']))
            (folder / name).chmod(0o755)
        return folder

    def timed(self, tool: "Tool", work: Work, jobs: int, folder: Path) -> Run:
        """Of one run, which must succeed; the queue is empty before and after."""
        self.settle()
        self.count.write_text("")
        begin, at = time.perf_counter(), datetime.now()
        tool(self, work, jobs, folder)
        wall = time.perf_counter() - begin
        self.settle()
        made = len(os.listdir(folder / "out"))
        if made < jobs:
            sys.exit(f"{made} of {jobs} outputs are in {folder}")
        return Run(wall, Counter(self.count.read_text().split()), self.cpu(jobs, at))

    def settle(self) -> None:
        while said(["squeue", "--noheader", "--me"]):
            time.sleep(0.2)
        # Accounting knows seconds.
        time.sleep(1.1)

    def cpu(self, jobs: int, since: datetime) -> Optional[float]:
        """CPU seconds of a job that was submitted since."""
        if not self.has_accounting:
            return None
        start = since.strftime("%Y-%m-%dT%H:%M:%S")
        deadline = time.monotonic() + LAG
        while time.monotonic() < deadline:
            rows = said(["sacct", "-n", "-P", "-S", start, "-o", "JobID,Submit,State,TotalCPU"]).splitlines()
            mine = [row.split("|") for row in rows if "." not in row.split("|")[0] and row.split("|")[1] >= start]
            if sum(row[2] == "COMPLETED" for row in mine) >= jobs:
                return sum(seconds(row[3]) for row in mine) / jobs
            time.sleep(2)
        return None


def said(command: list[str], **options) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout.strip()


def seconds(text: str) -> float:
    """Of `[days-][hours:]minutes:seconds`."""
    days, _, rest = text.rpartition("-")
    total = 0.0
    for part in rest.split(":"):
        total = total * 60 + float(part)
    return total + 86_400 * int(days or 0)


def rulefile(work: Work, jobs: int) -> str:
    """For flow and Snakemake, which read the same."""
    return f"""\
rule all:
    input: expand("out/{{i}}", i=range({jobs}))

rule one:
    output: "out/{{i}}"
    shell: "{work.shell}"
"""


def run_or_exit(command: list, folder: Path, environment: dict) -> None:
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed in {folder}:\n{done.stderr[-3000:]}")


#: Makes all outputs of a work, so many jobs, in a folder.
Tool = Callable[[Cluster, Work, int, Path], None]


class Array:
    """What one would write without a workflow system."""

    def __call__(self, cluster: Cluster, work: Work, jobs: int, folder: Path) -> None:
        out = folder / "out"
        out.mkdir()
        for first in range(0, jobs, cluster.most):
            last = min(cluster.most, jobs - first) - 1
            task = "${SLURM_ARRAY_TASK_ID}" if first == 0 else f"$(({first} + SLURM_ARRAY_TASK_ID))"
            command = work.shell.replace("{output}", f"out/{task}")
            array = ["sbatch", f"--array=0-{last}", "--output=/dev/null", "--wrap", command]
            run_or_exit(array, folder, cluster.environment)
        while len(os.listdir(out)) < jobs:
            time.sleep(LOOK)


class Flow:
    def __init__(self, program: Path) -> None:
        self.program = program

    def __call__(self, cluster: Cluster, work: Work, jobs: int, folder: Path) -> None:
        (folder / "Rulefile").write_text(rulefile(work, jobs))
        run_or_exit([self.program, "-q", "--executor", "slurm", f"-j{jobs}"], folder, cluster.environment)


class Snakemake:
    def __init__(self, arrays: bool) -> None:
        self.program = environment()
        self.arrays = ["--slurm-array-jobs", "all"] if arrays else []

    def __call__(self, cluster: Cluster, work: Work, jobs: int, folder: Path) -> None:
        (folder / "Snakefile").write_text(rulefile(work, jobs))
        every = ["--seconds-between-status-checks", "2", "--slurm-init-seconds-before-status-checks", "2"]
        partition = ["--default-resources", f"slurm_partition={cluster.partition}"] if cluster.partition else []
        hurry = ["--max-jobs-per-timespan", f"{jobs}/1s", "--scheduler", "greedy", "--slurm-no-account"]
        status = [] if cluster.has_accounting else ["--slurm-status-command", "squeue"]
        command = [self.program, "--executor", "slurm", f"-j{jobs}", *every, *hurry, *status, *partition, *self.arrays]
        run_or_exit(command, folder, cluster.environment)


def environment() -> Path:
    """The snakemake that has the plugin."""
    if not (PLACE / "env" / "complete").exists():
        venv.create(PLACE / "env", with_pip=True)
        subprocess.run([PLACE / "env/bin/python", "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (PLACE / "env" / "complete").touch()
    return PLACE / "env" / "bin" / "snakemake"


class Figures(NamedTuple):
    """Medians of a tool's runs of so many jobs."""

    jobs: int
    wall: float
    cpu: Optional[float]
    calls: Counter

    @property
    def each(self) -> float:
        return self.wall / self.jobs


def bench(name: str, tools: dict[str, Tool], cluster: Cluster, options: argparse.Namespace, root: Path) -> None:
    work = WORKS[name]
    asked = {tool: work.jobs for tool in tools if work.with_snakemake or not tool.startswith("snakemake")}
    for tool in asked:
        if tool.startswith("snakemake"):
            asked[tool] = min(work.jobs, options.snakemake_jobs)
    runs: dict[str, list[Run]] = {tool: [] for tool in asked}
    for turn in range(options.runs):
        for tool, jobs in asked.items():
            if turn > 0 and tool.startswith("snakemake"):
                continue
            folder = root / f"{name}-{tool}-{turn}"
            folder.mkdir()
            runs[tool].append(cluster.timed(tools[tool], work, jobs, folder))
    report(f"**{name}** {work.jobs} jobs `{work.shell}`", {tool: figures(runs[tool], asked[tool]) for tool in asked})


def figures(runs: list[Run], jobs: int) -> Figures:
    cpu = [run.cpu for run in runs if run.cpu is not None]
    # Of the run of the median time: calls are not averaged.
    middle = sorted(runs, key=lambda run: run.wall)[len(runs) // 2]
    return Figures(
        jobs, statistics.median(run.wall for run in runs), statistics.median(cpu) if cpu else None, middle.calls
    )


def report(title: str, rows: dict[str, Figures]) -> None:
    shown = COUNTED[:5]
    columns = ["tool", "jobs", "wall s", "ms a job", "to array", "to flow", "CPU ms a job", *shown, "others"]
    print(f"\n{title}\n\n| {' | '.join(columns)} |")
    print(f"|---|{'--:|' * (len(columns) - 1)}")
    array, flow = rows.get("array"), rows.get("flow")
    for name, row in rows.items():
        cells = [name, str(row.jobs), f"{row.wall:.2f}", f"{row.each * 1000:.1f}"]
        cells += [f"{row.each / base.each:.2f}" if base else "" for base in (array, flow)]
        has_cpu = array is not None and None not in (array.cpu, row.cpu)
        cells.append(f"{(row.cpu - array.cpu) * 1000:.1f}" if has_cpu else "")
        cells += [str(row.calls[command]) for command in shown]
        cells.append(str(sum(count for command, count in row.calls.items() if command not in shown)))
        print(f"| {' | '.join(cells)} |", flush=True)


def by_hand(flow: Path, root: Path) -> None:
    """What a task costs on its node: those of a batch are run here, one after the other."""
    folder, scripts = root / "by-hand", root / "by-hand-bin"
    folder.mkdir()
    scripts.mkdir()
    (folder / "Rulefile").write_text(rulefile(WORKS["noop"], BY_HAND))
    # An sbatch that keeps what it is given, notes the folder of the batch and its last task, and takes no job.
    keep = """#!/bin/sh
mkdir -p kept
cp -r .flow/cluster/. kept
for word; do case $word in --array=0-*) last=${word#--array=0-} ;; esac; done
echo "$last $(dirname "$word")" >> batches
exit 1
"""
    (scripts / "sbatch").write_text(keep)
    (scripts / "sbatch").chmod(0o755)
    environment = {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}"}
    command = [flow, "-q", "--keep-going", "--executor", "slurm", f"-j{BY_HAND}"]
    subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True)
    if not (folder / "kept").exists():
        sys.exit("flow has not called sbatch")
    shutil.copytree(folder / "kept", folder / ".flow" / "cluster", dirs_exist_ok=True)
    batches = [line.split(" ", 1) for line in (folder / "batches").read_text().splitlines()]
    tasks = [(batch, str(task)) for last, batch in batches for task in range(int(last) + 1)]
    (folder / "out").mkdir(exist_ok=True)
    commands = {
        "`sh -c ': > out'`": lambda batch, task: ["sh", "-c", f": > out/sh{task}"],
        "`flow --run-task`": lambda batch, task: [flow, "--run-task", batch, task],
    }
    print("\n**one task, without Slurm**\n\n| | wall ms | CPU ms | peak MiB |\n|---|--:|--:|--:|")
    for name, command in commands.items():
        used = [spent(command(*task), folder) for task in tasks]
        wall, cpu, memory = (statistics.median(column) for column in zip(*used))
        print(f"| {name} | {wall * 1000:.2f} | {cpu * 1000:.2f} | {memory:.1f} |", flush=True)


def spent(command: list, folder: Path) -> tuple[float, float, float]:
    """Wall and CPU seconds, and peak MiB (no less than this script's own)."""
    begin = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed in {folder}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flow", type=Path, default=Path("target/release/flow"))
    parser.add_argument("--works", nargs="*", choices=list(WORKS), default=list(WORKS))
    parser.add_argument("--tools", nargs="*", choices=TOOLS, default=TOOLS)
    parser.add_argument("--runs", type=int, default=3, help="of the array and flow; Snakemake has one")
    parser.add_argument("--snakemake-jobs", type=int, default=1_000, help="Snakemake has at most so many")
    parser.add_argument("--place", type=Path, default=PLACE, help="a folder to work in that the nodes see")
    options = parser.parse_args()
    program = options.flow.resolve()
    options.place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.place.resolve(), prefix="run-") as folder:
        root = Path(folder)
        cluster = Cluster(root)
        tools: dict[str, Tool] = {}
        for name in options.tools:
            if name.startswith("snakemake"):
                tools[name] = Snakemake(arrays=name.endswith("arrays"))
            else:
                tools[name] = Array() if name == "array" else Flow(program)
        for name in options.works:
            bench(name, tools, cluster, options, root)
        if "flow" in tools:
            by_hand(program, root)


if __name__ == "__main__":
    main()
