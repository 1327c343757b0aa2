#!/usr/bin/env python3
"""Times flow beside Python's packages on the image work of the lessons, file to file, in one run.

usage: bench/images.py [--flow target/release/flow] [--work NAME...] [--runs 3] [--peers serial ...]

Each work is a folder of FITS frames or photos in, a folder of results out. The peers compute with scipy, scikit-image,
Pillow and numba, serially or two at a time by multiprocessing, dask and ray; they are timed in a process that has
imported everything and started its workers, flow from its start to its end. They take turns, but for ray, whose own
processes never rest: it comes after the others. In each turn the work is done twice and the second time counts: a virtual
machine may be slow to get memory that nobody has used for a while. Medians are printed, and how many times longer than
`flow -j2` each took. `1 + 1` is two `flow -j1` side by side with half of the files each: it says how much of the efficiency the machine
itself leaves. The large images are for flow alone: how well its two threads share one.
`--work batch` makes the table of the batch, from 50,000 small images to ten large ones. The packages go into an environment of their own under
target/bench-images, made by the first run. Needs Python 3.9 or later with venv, and the package index.
"""
import argparse
import atexit
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
PLACE = HERE.parent / "target" / "bench-images"
PACKAGES = ["numpy", "scipy", "scikit-image", "pillow", "astropy", "dask", "distributed", "ray", "numba"]
PEERS = ["serial", "multiprocessing", "dask", "ray"]

GAUSSIAN = """\
frames = glob_wildcards("{folder}/{{n}}.fits").n
rule all:
    input: expand("{out}/{{n}}.bmp", n=frames)
rule blur:
    input: "{folder}/{{n}}.fits"
    output: picture="{out}/{{n}}.bmp", variances="{out}/{{n}}.json"
    run:
        image = read(input[0])
        blurred = gaussian(image, sigma=10)
        preview(blurred, output.picture, stretch="linear", interval="minmax")
        write_json({{"before": var(image), "after": var(blurred)}}, output.variances)
"""

HIGHPASS = """\
frames = glob_wildcards("{folder}/{{n}}.fits").n
rule all:
    input: expand("{out}/{{n}}.fits", n=frames)
rule highpass:
    input: "{folder}/{{n}}.fits"
    output: "{out}/{{n}}.fits"
    run: highpass(input[0], output[0], size=50)
"""

CONVOLVE = """\
frames = glob_wildcards("{folder}/{{n}}.fits").n
rule all:
    input: expand("{out}/{{n}}.fits", n=frames)
rule convolve:
    input: "{folder}/{{n}}.fits"
    output: "{out}/{{n}}.fits"
    run: convolve(input[0], output[0], kernel=random_kernel(4, seed=1), stride=5)
"""

PHOTOS = """\
photos = glob_wildcards("{folder}/{{n}}.jpg").n
rule all:
    input: expand("{out}/{{n}}.jpg", n=photos)
rule fit:
    input: "{folder}/{{n}}.jpg"
    output: "{out}/{{n}}.jpg"
    run: fit(input[0], output[0], size=50)
"""

MANDELBROT = """\
rule mandelbrot:
    output: "{out}/mandelbrot.fits"
    run: mandelbrot(2048, 2048, output[0], center=(-0.5, 0.0), extent=3.0, max_iter=256)
"""


class Work(NamedTuple):
    """Files in, pixels a side, the Rulefile, and what does the same."""

    count: int
    side: int
    rulefile: str
    peers: list = PEERS


WORKS = {
    "highpass": Work(2, 1000, HIGHPASS),
    "convolve": Work(8, 3000, CONVOLVE),
    "gaussian-2048": Work(10, 2048, GAUSSIAN),
    "gaussian-512": Work(50, 512, GAUSSIAN),
    "gaussian-32": Work(2000, 32, GAUSSIAN),
    "photos": Work(500, 0, PHOTOS),
    # numba's loop is parallel in itself: the other ways to share the work out do not apply.
    "mandelbrot": Work(0, 2048, MANDELBROT, ["serial"]),
    "highpass-large": Work(1, 3000, HIGHPASS, []),
    "gaussian-large": Work(1, 6000, GAUSSIAN, []),
}
BATCH = {
    f"batch-{side}": Work(count, side, GAUSSIAN, ["serial", "multiprocessing"])
    for count, side in [(50_000, 32), (12_500, 64), (3_000, 128), (800, 256), (200, 512), (50, 1024), (10, 2048)]
}


def environment():
    """The Python that has the packages."""
    python = PLACE / "env" / "bin" / "python"
    if not (PLACE / "env" / "complete").exists():
        venv.create(PLACE / "env", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (PLACE / "env" / "complete").touch()
    return python


class Peer:
    """A process that has everything loaded and does the whole work once for each line it is sent."""

    def __init__(self, python, kind, work, folder):
        command = [python, HERE / "peers.py", kind, work, folder, new_folder(folder.parent)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer("ready")

    def answer(self, expected):
        line = self.process.stdout.readline().split()
        if not line or line[0] != expected:
            sys.exit(f"{self.process.args[2]} did not answer; its message is above")
        return line[1:]

    def run(self, out):
        self.process.stdin.write(f"{out}\n")
        self.process.stdin.flush()
        return float(self.answer("took")[0])

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def new_folder(place):
    """A folder for the results of one run. It is kept to the end: a file system that has just deleted thousands of files is
    slow to make others."""
    return Path(tempfile.mkdtemp(prefix="out-", dir=place))


def run_flow(flow, work, folder, jobs):
    """Seconds of one run from nothing."""
    place = new_folder(folder.parent)
    rulefile = place / "Rulefile"
    rulefile.write_text(work.rulefile.format(folder=folder, out="out"))
    start = time.perf_counter()
    subprocess.run([flow, "-d", place, "-s", rulefile, f"-j{jobs}", "-q", "all"], check=True)
    return time.perf_counter() - start


def halves_of(folder):
    """Two folders with every second file of one; they are links."""
    halves = [folder.with_name(f"{folder.name}-{half}") for half in ("even", "odd")]
    for half in halves:
        half.mkdir(exist_ok=True)
    for number, path in enumerate(sorted(folder.iterdir())):
        if not (link := halves[number % 2] / path.name).exists():
            os.link(path, link)
    return halves


def run_two(flow, work, halves):
    """Seconds until two `flow -j1` are through that were started together, each with half of the files: what two cores of this
    machine give to two programs that have nothing to do with each other."""
    with ThreadPoolExecutor() as two:
        start = time.perf_counter()
        list(two.map(lambda half: run_flow(flow, work, half, 1), halves))
        return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flow", default=HERE.parent / "target/release/flow", type=Path)
    parser.add_argument("--work", nargs="+", choices=[*WORKS, *BATCH, "batch"], default=list(WORKS))
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    flow = options.flow.resolve()
    python = environment()
    data = PLACE / "data"
    data.mkdir(exist_ok=True)
    atexit.register(lambda: [shutil.rmtree(out) for out in data.glob("out-*")])
    print(f"{'work':15} {'flow -j2':>9} {'flow -j1':>9} {'efficiency':>10} {'1 + 1':>9}", *(f"{peer:>24}" for peer in options.peers))
    names = [name for work in options.work for name in (BATCH if work == "batch" else [work])]
    for name in names:
        work = {**WORKS, **BATCH}[name]
        folder = data / name
        subprocess.run([python, HERE / "peers.py", "make", name, folder, str(work.count), str(work.side)], check=True)
        kinds = [kind for kind in options.peers if kind in work.peers]
        times = {}
        flows = [2, 1, "1 + 1"] if work.count > 1 else [2, 1]
        halves = halves_of(folder) if work.count > 1 else []
        for turns in ([*flows, *(kind for kind in kinds if kind != "ray")], [kind for kind in kinds if kind == "ray"]):
            peers = {kind: Peer(python, kind, name, folder) for kind in turns if kind in PEERS}
            for _ in range(options.runs):
                for turn in turns:
                    for _ in range(2):
                        if turn in peers:
                            took = peers[turn].run(new_folder(data))
                        elif turn == "1 + 1":
                            took = run_two(flow, work, halves)
                        else:
                            took = run_flow(flow, work, folder, turn)
                    times.setdefault(turn, []).append(took)
            for peer in peers.values():
                peer.end()
        median = {kind: statistics.median(values) for kind, values in times.items()}
        columns = [f"{median[kind]:13.3f} s {median[kind] / median[2]:7.1f}×" if kind in median else f"{'':>24}" for kind in options.peers]
        two = f"{median['1 + 1']:7.3f} s" if "1 + 1" in median else f"{'':>9}"
        print(f"{name:15} {median[2]:7.3f} s {median[1]:7.3f} s {median[1] / median[2] / 2:10.2f} {two}", *columns, flush=True)


if __name__ == "__main__":
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    main()
