"""The work of bench/images.py as its readers would write it in Python. Run by that script:

peers.py make WORK FOLDER COUNT SIDE    makes the files to work on, once
peers.py KIND WORK FOLDER OUT           prints "ready"; for each line of input, which names a folder, does the work into
                                        that folder and prints "took SECONDS"; OUT is for trials
"""
import json
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image


def read(path):
    from astropy.io import fits

    return fits.getdata(path).astype(np.float64)


def write(path, pixels):
    from astropy.io import fits

    fits.writeto(path, pixels, overwrite=True)


def highpass(path, out):
    from scipy.ndimage import median_filter

    image = read(path)
    write(out / path.name, image - median_filter(image, 50))


def convolve(path, out):
    from scipy.signal import convolve2d

    kernel = np.abs(np.random.default_rng(1).normal(size=(4, 4)))
    write(out / path.name, convolve2d(read(path), kernel / kernel.sum())[::5, ::5].copy())


def gaussian(path, out):
    from skimage.filters import gaussian as blur

    image = read(path)
    blurred = blur(image, sigma=10, preserve_range=True)
    low, high = blurred.min(), blurred.max()
    Image.fromarray(((blurred - low) / (high - low) * 255).astype(np.uint8)).save(out / f"{path.stem}.bmp")
    (out / f"{path.stem}.json").write_text(json.dumps({"before": image.var(), "after": blurred.var()}))


def photos(path, out):
    from PIL import ImageOps

    with Image.open(path) as photo:
        ImageOps.fit(photo, (50, 50)).save(out / path.name)


def mandelbrot(_, out):
    write(out / "mandelbrot.fits", escape_times(2048, 256))


def escape_times(side, most):
    return compiled()(side, most)


def compiled():
    """The loop as numba compiles it, with two threads."""
    if not hasattr(compiled, "loop"):
        import numba

        numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))

        @numba.njit(parallel=True, fastmath=True)
        def loop(side, most):
            times = np.empty((side, side), np.int32)
            for row in numba.prange(side):
                y = 1.5 - 3.0 * row / (side - 1)
                for column in range(side):
                    x = -2.0 + 3.0 * column / (side - 1)
                    a = b = 0.0
                    n = 0
                    while n < most and a * a + b * b <= 4.0:
                        a, b = a * a - b * b + x, 2.0 * a * b + y
                        n += 1
                    times[row, column] = n
            return times

        compiled.loop = loop
    return compiled.loop


# By the first word of the work's name.
WORKS = {
    "highpass": highpass,
    "convolve": convolve,
    "gaussian": gaussian,
    "batch": gaussian,
    "photos": photos,
    "mandelbrot": mandelbrot,
}


def make(folder, work, count, side):
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    for i in range(count):
        if work == "photos":
            path = folder / f"{i:05d}.jpg"
            if not path.exists():
                width, height = random.integers(240, 721, 2)
                coarse = random.integers(0, 256, (height // 16 + 1, width // 16 + 1, 3), np.uint8)
                Image.fromarray(coarse).resize((int(width), int(height)), Image.BICUBIC).save(path, quality=90)
        else:
            path = folder / f"{i:05d}.fits"
            if not path.exists():
                write(path, random.normal(size=(side, side)))


def runner(kind, function, paths, trial):
    """A function that does the whole work into a folder, with its workers started."""
    if kind == "serial":
        return lambda out: [function(path, out) for path in paths]
    if kind == "multiprocessing":
        from multiprocessing import Pool

        pool = Pool(2)
        pool.starmap(warm_up, [(function.__name__,)] * 8)
        return lambda out: pool.starmap(function, [(path, out) for path in paths])
    if kind == "dask":
        import dask

        def compute(scheduler, out):
            dask.compute([dask.delayed(function)(path, out) for path in paths], scheduler=scheduler, num_workers=2)

        def timed(scheduler):
            start = time.perf_counter()
            compute(scheduler, trial)
            return time.perf_counter() - start

        best = min(("threads", "processes"), key=timed)
        return lambda out: compute(best, out)
    if kind == "ray":
        import ray

        ray.init(num_cpus=2, log_to_driver=False, logging_level="ERROR")
        task = ray.remote(function)
        ray.get([ray.remote(warm_up).remote(function.__name__) for _ in range(8)])
        return lambda out: ray.get([task.remote(path, out) for path in paths])
    raise SystemExit(f"no peer {kind}")


def warm_up(_):
    """What a worker imports before it is timed."""
    import astropy.io.fits  # noqa: F401
    import scipy.ndimage  # noqa: F401
    import scipy.signal  # noqa: F401
    import skimage.filters  # noqa: F401
    from PIL import ImageOps  # noqa: F401


def main():
    kind, work, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    if kind == "make":
        return make(folder, work, int(sys.argv[4]), int(sys.argv[5]))
    trial = Path(sys.argv[4])
    warm_up(None)
    if work == "mandelbrot":
        escape_times(16, 2)
    paths = sorted(folder.iterdir()) or [folder]
    run = runner(kind, WORKS[work.split("-")[0]], paths, trial)
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        run(Path(line.strip()))
        print("took", time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
