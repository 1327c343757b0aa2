"""Times the pixel kernels against scipy, scikit-image and Pillow, one thread each, in one go, and prints the ratios.

    python bench/pixel.py [PART]

Needs numpy, scipy and scikit-image, and cargo. PART is a part of a bench's name (`gaussian`). The best of several runs counts
on both sides: what else the machine does makes runs longer, never shorter.
"""

import os
import re
import subprocess
import sys
import time

import numpy as np
from scipy import ndimage, signal
from skimage import filters, measure, transform

UNITS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}


def sky(height, width):
    return np.random.default_rng(1).uniform(0, 1000, (height, width))


def peers():
    """The bench's name, and the same by a peer."""
    one, two, three = sky(1000, 1000), sky(2048, 2048), sky(3000, 3000)
    kernel = sky(4, 4)
    for size in [3, 5, 9, 15, 25]:
        yield f"median/{size}", lambda size=size: ndimage.median_filter(one, size)
    for size in [3, 9, 50, 200]:
        yield f"uniform/{size}", lambda size=size: ndimage.uniform_filter(one, size)
        yield f"minimum/{size}", lambda size=size: ndimage.minimum_filter(one, size)
    for sigma in [1.0, 3.0, 10.0]:
        yield f"gaussian_2048/{sigma:.0f}", lambda sigma=sigma: filters.gaussian(two, sigma, preserve_range=True)
    for stride in [1, 5]:
        yield (f"convolve_3000/{stride}",
               lambda stride=stride: np.ascontiguousarray(signal.convolve2d(three, kernel)[::stride, ::stride]))
    for order in [0, 1, 3]:
        yield (f"rotate_1_megapixel/{order}",
               lambda order=order: transform.rotate(one, 33, order=order, preserve_range=True))
    yield "rot90_1_megapixel", lambda: np.ascontiguousarray(np.rot90(one))
    yield "block_mean_of_4_1_megapixel", lambda: measure.block_reduce(one, (4, 4), np.mean)


def ours(part):
    """Seconds of each bench, the fastest of its runs, from divan's table."""
    command = ["cargo", "bench", "--bench", "pixel", "--", part]
    table = subprocess.run(command, env={**os.environ, "RAYON_NUM_THREADS": "1"}, capture_output=True, text=True, check=True)
    seconds, group = {}, ""
    for line in table.stdout.splitlines():
        name = re.match(r"^(│  |   )?[├╰]─ (\S+)", line)
        if not name:
            continue
        group, key = (group, f"{group}/{name[2]}") if name[1] else (name[2], name[2])
        fastest = re.search(r"([\d.]+) (ns|µs|ms|s)\b", line)
        if fastest:
            seconds[key.removesuffix(".0")] = float(fastest[1]) * UNITS[fastest[2]]
    return seconds


def fastest(function):
    """Runs for about a second, at least twice."""
    times, end = [], time.perf_counter() + 1
    while len(times) < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def main():
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    kernels = ours(part)
    print(f"{'kernel':30} {'peer':>9} {'flow':>9} {'ratio':>7}")
    for name, function in peers():
        if name in kernels:
            peer = fastest(function)
            print(f"{name:30} {peer * 1e3:6.1f} ms {kernels[name] * 1e3:6.1f} ms {peer / kernels[name]:6.1f}×")


if __name__ == "__main__":
    main()
