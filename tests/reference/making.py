"""Writes the arrays that tests/making_reference.rs compares with, as .npy files in the folder `making` beside this script.

Needs numpy, scipy and astropy. Run from anywhere; the output is the same on every run.
"""

import pathlib

import numpy as np
from astropy.visualization import ZScaleInterval, make_lupton_rgb
from scipy.optimize import linear_sum_assignment

HERE = pathlib.Path(__file__).parent / "making"


def save(name, array):
    np.save(HERE / f"{name}.npy", np.ascontiguousarray(array))


def escape(z, c, max_iter):
    """The first n with |z| > 2, or max_iter."""
    z, c = np.broadcast_arrays(z, c)
    x, y = z.real.copy(), z.imag.copy()
    count = np.full(z.shape, max_iter, dtype=np.int32)
    with np.errstate(over="ignore", invalid="ignore"):
        for n in range(max_iter):
            count[(x * x + y * y > 4) & (count == max_iter)] = n
            x, y = x * x - y * y + c.real, 2 * x * y + c.imag
    return count


def plane(shape, center, extent):
    height, width = shape
    step = extent / width
    x = center[0] + (np.arange(width) + 0.5 - width / 2) * step
    y = center[1] - (np.arange(height) + 0.5 - height / 2) * step
    return x[None, :] + 1j * y[:, None]


def potential(delta, box):
    ky = 2 * np.pi * np.fft.fftfreq(delta.shape[0], d=box[0] / delta.shape[0])
    kx = 2 * np.pi * np.fft.fftfreq(delta.shape[1], d=box[1] / delta.shape[1])
    square = ky[:, None] ** 2 + kx[None, :] ** 2
    square[0, 0] = 1
    waves = -np.fft.fft2(delta) / square
    waves[0, 0] = 0
    return np.fft.ifft2(waves).real


def zeldovich(phi, box, time, counting):
    height, width = phi.shape
    cell = box[0] / height, box[1] / width
    gradient = [(np.roll(phi, -1, axis) - np.roll(phi, 1, axis)) / (2 * cell[axis]) for axis in (0, 1)]
    y, x = np.mgrid[:height, :width].astype(float)
    y -= time * gradient[0] / cell[0]
    x -= time * gradient[1] / cell[1]
    density = np.zeros((height, width))
    if counting == "ngp":
        np.add.at(density, (np.floor(y + 0.5).astype(int) % height, np.floor(x + 0.5).astype(int) % width), 1)
        return density
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    for down in (0, 1):
        for across in (0, 1):
            weight = np.abs(1 - down - (y - top)) * np.abs(1 - across - (x - left))
            np.add.at(density, ((top + down) % height, (left + across) % width), weight)
    return density


def main():
    HERE.mkdir(exist_ok=True)
    for old in HERE.glob("*.npy"):
        old.unlink()

    save("mandelbrot", escape(np.complex128(0), plane((33, 50), (-0.6, 0.1), 2.9), 100))
    save("julia", escape(plane((29, 41), (0.05, 0), 3.2), np.complex128(-0.8 + 0.156j), 100))

    rng = np.random.default_rng(5)
    delta = rng.normal(0, 1, (24, 31))
    save("delta", delta)
    phi = potential(delta, (10.0, 15.0))
    save("potential", phi)
    for counting in ["cic", "ngp"]:
        save(f"zeldovich_{counting}", zeldovich(phi, (10.0, 15.0), 0.4, counting))

    costs = rng.integers(0, 1000, (40, 55)).astype(float)
    save("costs", costs)
    rows, columns = linear_sum_assignment(costs)
    save("least_cost", np.array([costs[rows, columns].sum()]))

    bands = rng.gamma(0.7, 12.0, (3, 15, 22)) + np.array([3.0, 1.0, 2.0])[:, None, None]
    save("bands", bands.reshape(45, 22))
    rgb = make_lupton_rgb(*bands, minimum=[3.0, 1.0, 2.0], stretch=4.0, Q=9.0)
    save("lupton", np.moveaxis(rgb, 2, 0).reshape(45, 22))
    rgb = make_lupton_rgb(*bands, interval=[ZScaleInterval()] * 3)
    save("lupton_zscale", np.moveaxis(rgb, 2, 0).reshape(45, 22))


if __name__ == "__main__":
    main()
