"""Writes the arrays that tests/ccd_reference.rs compares with, as .npy files in the folder `ccd` beside this script.

Needs numpy, astropy, ccdproc and scikit-image. Run from anywhere; the output is the same on every run. Stacks have a frame a
row; each file is named after its case: `combine_even_median_sigclip.npy`.
"""

import pathlib
import warnings

import numpy as np
from astropy import units as u
from astropy.nddata import CCDData
from astropy.stats import sigma_clipped_stats
from ccdproc import Combiner, flat_correct, subtract_bias, subtract_dark, subtract_overscan
from skimage.metrics import peak_signal_noise_ratio

HERE = pathlib.Path(__file__).parent / "ccd"
warnings.simplefilter("ignore")


def save(name, array):
    np.save(HERE / f"{name}.npy", np.ascontiguousarray(np.atleast_2d(np.asarray(array, dtype=float))))


def stacks():
    """Frames of 70 pixels with cosmic rays; an odd and an even number, one frame alone, one with NaN, one constant."""
    rng = np.random.default_rng(3)

    def frames(number):
        stack = rng.normal(1000, 10, (number, 70))
        hits = rng.random(stack.shape) < 0.04
        stack[hits] += rng.exponential(400, hits.sum())
        return stack

    missing = frames(9)
    missing[rng.random(missing.shape) < 0.15] = np.nan
    missing[:, 11] = np.nan
    return {"odd": frames(11), "even": frames(20), "one": frames(1), "missing": missing,
            "constant": np.full((6, 70), 0.1)}


def combined(stack, method, scaling=None, **clipping):
    combiner = Combiner([CCDData(frame.reshape(7, 10), unit="adu", mask=np.isnan(frame).reshape(7, 10))
                         for frame in stack], dtype=np.float64)
    if scaling is not None:
        combiner.scaling = scaling
    if "nlow" in clipping:
        combiner.clip_extrema(**clipping)
    elif clipping:
        combiner.sigma_clipping(**clipping)
    result = getattr(combiner, f"{method}_combine")()
    data = np.array(result.data, dtype=float)
    if result.mask is not None:
        data[result.mask] = np.nan
    return data.reshape(-1)


def combine():
    once = {"low_thresh": 3, "high_thresh": 3, "func": "mean", "dev_func": "std"}
    tight = {"low_thresh": 2, "high_thresh": 1.5, "func": "median", "dev_func": "mad_std"}
    for name, stack in stacks().items():
        save(f"stack_{name}", stack)
        for method in ["median", "average", "sum"]:
            save(f"combine_{name}_{method}", combined(stack, method))
            save(f"combine_{name}_{method}_sigclip", combined(stack, method, **once))
            save(f"combine_{name}_{method}_tight", combined(stack, method, **tight))
            if name in ("odd", "even"):
                save(f"combine_{name}_{method}_minmax", combined(stack, method, nlow=1, nhigh=2))
                factors = 1 / stack.mean(axis=1)
                # Scaled before anything is rejected, as by IRAF: ccdproc would reject by the values as they were.
                save(f"combine_{name}_{method}_scaled", combined(stack * factors[:, np.newaxis], method, **once))


def clipped():
    rng = np.random.default_rng(4)
    image = rng.normal(50, 4, (31, 29))
    image[rng.random(image.shape) < 0.05] += 300
    image[3, 4], image[5, 6], image[7, 8] = np.nan, np.inf, -np.inf
    save("input_clip", image)
    cases = [{}, {"sigma": 2.0}, {"maxiters": 1}, {"sigma_lower": 1.0, "sigma_upper": 4.0}, {"cenfunc": "mean"},
             {"stdfunc": "mad_std", "maxiters": 20}]
    save("clipped_stats", [sigma_clipped_stats(image, **case) for case in cases])
    for bins, limits in [(10, None), (7, (-1.0, 2.5)), (40, (0.0, 2.0))]:
        values = np.concatenate([rng.normal(0.5, 1, 400), np.round(rng.uniform(-1, 2, 300), 1)])
        counts, edges = np.histogram(values, bins=bins, range=limits)
        save(f"input_histogram_{bins}", values)
        save(f"histogram_{bins}_counts", counts)
        save(f"histogram_{bins}_edges", edges)
    a, b = rng.normal(100, 30, (12, 13)), rng.normal(100, 30, (12, 13))
    save("input_a", a)
    save("input_b", b)
    psnr = peak_signal_noise_ratio(a, b, data_range=np.ptp(a))
    save("compare", [np.sqrt(np.mean((a - b) ** 2)), psnr, np.abs(a - b).max()])


def calibrated():
    rng = np.random.default_rng(5)
    raw = rng.normal(1500, 20, (14, 18))
    bias, dark = rng.normal(300, 3, (14, 18)), rng.normal(20, 2, (14, 18))
    flat = rng.normal(20000, 2000, (14, 18))
    flat[2, 3], flat[4, 5] = 0.0, -5.0
    for name, image in [("raw", raw), ("bias", bias), ("dark", dark), ("flat", flat)]:
        save(f"input_{name}", image)
    ccd = {name: CCDData(image, unit="adu") for name, image in
           [("raw", raw), ("bias", bias), ("dark", dark), ("flat", flat)]}
    for median in [False, True]:
        name = "median" if median else "mean"
        save(f"overscan_rows_{name}", subtract_overscan(ccd["raw"], fits_section="[15:18,:]", median=median).data)
        save(f"overscan_columns_{name}",
             subtract_overscan(ccd["raw"], fits_section="[:,1:3]", overscan_axis=0, median=median).data)
    save("bias", subtract_bias(ccd["raw"], ccd["bias"]).data)
    save("dark", subtract_dark(ccd["raw"], ccd["dark"], scale=True, data_exposure=150 * u.s,
                               dark_exposure=600 * u.s).data)
    save("flat_min", flat_correct(ccd["raw"], ccd["flat"], min_value=100.0).data)
    save("flat_norm", flat_correct(ccd["raw"], ccd["flat"], min_value=100.0, norm_value=2.5).data)


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for old in HERE.glob("*.npy"):
        old.unlink()
    combine()
    clipped()
    calibrated()
