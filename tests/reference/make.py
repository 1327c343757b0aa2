"""Writes the arrays that tests/pixel_reference.rs compares with, as .npy files beside this script.

Needs numpy, scipy, scikit-image, astropy and Pillow. Run from anywhere; the output is the same on every run. Each file is
named after its case: `median_f64_4x5_mirror.npy`.
"""

import pathlib

import numpy as np
from astropy.visualization import (AsinhStretch, LinearStretch, LogStretch, ManualInterval, MinMaxInterval,
                                   PercentileInterval, SqrtStretch, ZScaleInterval)
from PIL import Image, ImageOps
from scipy import ndimage, signal
from skimage import filters, measure, transform

HERE = pathlib.Path(__file__).parent
MODES = ["reflect", "nearest", "mirror", "constant", "wrap"]


def save(name, array):
    np.save(HERE / f"{name}.npy", np.ascontiguousarray(array))


def inputs():
    """A noisy field with a few stars, a single row, a constant image, and one smaller than every window."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:37, :41]
    field = rng.normal(100, 5, (37, 41))
    for cy, cx, flux in [(8, 9, 900), (20, 30, 4000), (33, 5, 300)]:
        field += flux * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 6)
    return {
        "field": field,
        "ties": rng.integers(0, 12, (24, 19)).astype(float),
        "row": rng.normal(0, 1, (1, 23)),
        "constant": np.full((6, 7), 4.25),
        "small": rng.normal(0, 1, (3, 4)),
    }


def main():
    for old in HERE.glob("*.npy"):
        old.unlink()
    images = inputs()
    for name, image in images.items():
        save(f"input_{name}", image)
    field = images["field"]

    for mode in MODES:
        for size in [(3, 3), (4, 5), (9, 8)]:
            for kind in ["f32", "f64"] if size == (4, 5) else ["f64"]:
                image = images["ties"].astype(kind.replace("f", "float"))
                save(f"median_ties_{kind}_{size[0]}x{size[1]}_{mode}",
                     ndimage.median_filter(image, size, mode=mode, cval=3.0).astype(np.float32))
        save(f"median_small_f64_3x5_{mode}", ndimage.median_filter(images["small"], (3, 5), mode=mode, cval=3.0))
        save(f"median_row_f64_1x6_{mode}", ndimage.median_filter(images["row"], (1, 6), mode=mode, cval=3.0))
    for percentile in [0, 20, 90, 100]:
        save(f"percentile_{percentile}", ndimage.percentile_filter(field, percentile, size=(5, 6)))
    save("highpass", field - ndimage.median_filter(field, (12, 12)))

    for mode in MODES:
        kwargs = {"mode": mode, "cval": 3.0, "truncate": 4.0, "preserve_range": True}
        save(f"gaussian_small_f64_2_{mode}", filters.gaussian(images["small"], sigma=2, **kwargs))
        save(f"gaussian_row_f64_1.3_{mode}", filters.gaussian(images["row"], sigma=1.3, **kwargs))
    save("gaussian_field_f64_3x1.5_nearest", filters.gaussian(field, sigma=(3, 1.5), preserve_range=True))
    save("gaussian_field_f32_3x1.5_nearest",
         filters.gaussian(field.astype(np.float32), sigma=(3, 1.5), preserve_range=True))

    windows(images)
    turned_and_framed(images)
    fitted(field)

    kernel = np.random.default_rng(2).normal(0, 1, (4, 3))
    save("input_kernel", kernel)
    for mode in ["full", "same", "valid"]:
        for boundary in ["fill", "wrap", "symm"]:
            result = signal.convolve2d(images["ties"], kernel, mode=mode, boundary=boundary, fillvalue=2.0)
            save(f"convolve_{mode}_{boundary}", result[::3, ::3])

    for name in ["field", "row", "constant"]:
        image = images[name]
        numbers = [image.sum(), image.mean(), image.var(), image.std(), image.min(), image.max(), np.median(image)]
        save(f"statistics_{name}", np.array(numbers + [np.percentile(image, q) for q in (0, 2.5, 50, 99.5, 100)]))

    sky = np.random.default_rng(3).normal(1000, 20, (60, 61)) + (np.arange(61) > 55) * 5000.0
    save("input_sky", sky.astype(np.float32))
    sky = sky.astype(np.float32).astype(float)
    intervals = {"zscale": ZScaleInterval(), "percentile": PercentileInterval(99.5), "minmax": MinMaxInterval()}
    for name in ["field", "row", "constant", "small", "ties", "sky"]:
        image = sky if name == "sky" else images[name]
        save(f"limits_{name}", np.array([interval.get_limits(image) for interval in intervals.values()]))
    manual = ManualInterval(90, 400)
    for name, bend in [("linear", LinearStretch()), ("sqrt", SqrtStretch()), ("log", LogStretch()),
                       ("asinh", AsinhStretch())]:
        save(f"stretch_{name}", bend(manual(images["field"][:12])))

    for name in ["nearest", "box", "bilinear", "bicubic", "lanczos"]:
        resample = getattr(Image.Resampling, name.upper())
        for width, height in [(17, 11), (50, 45)]:
            small = Image.fromarray(field.astype(np.float32)).resize((width, height), resample)
            save(f"resize_f32_{name}_{height}x{width}", np.asarray(small).astype(np.float32))
            # Dark and bright enough that no filter overshoots: programs differ in where they clip.
            gray = Image.fromarray((field * 0.05 + 20).astype(np.uint8)).resize((width, height), resample)
            save(f"resize_u8_{name}_{height}x{width}", np.asarray(gray))


def windows(images):
    """Means, minima and maxima; the stack has a function on each plane, so that one file serves for three."""
    for mode in MODES:
        for name, size in [("ties", (4, 5)), ("small", (3, 9)), ("row", (1, 6)), ("constant", (5, 2))]:
            made = [f(images[name], size, mode=mode, cval=3.0)
                    for f in (ndimage.uniform_filter, ndimage.minimum_filter, ndimage.maximum_filter)]
            save(f"windows_{name}_{size[0]}x{size[1]}_{mode}", np.vstack(made))
    image = images["field"].astype(np.float32)
    save("windows_field_f32_7x8", np.vstack([f(image, (7, 8)) for f in (
        ndimage.uniform_filter, ndimage.minimum_filter, ndimage.maximum_filter)]))
    holes = images["ties"].copy()
    holes[5, 3], holes[20, 17] = np.inf, -np.inf
    save("windows_infinite_3x4", np.vstack([f(holes, (3, 4)) for f in (ndimage.minimum_filter, ndimage.maximum_filter)]))
    for name, radius, amount in [("field", 2.5, 1.5), ("small", 3.0, -0.5), ("row", 1.0, 4.0)]:
        save(f"unsharp_{name}", filters.unsharp_mask(images[name], radius, amount, preserve_range=True))


def turned_and_framed(images):
    """Rotations in every order and mode, frames in every mode of numpy.pad that is offered, and blocks of every function."""
    names = {"reflect": "symmetric", "nearest": "edge", "mirror": "reflect", "constant": "constant", "wrap": "wrap"}
    image = images["ties"]
    for mode, name in names.items():
        for order in [0, 1, 3]:
            save(f"rotate_{order}_{mode}",
                 transform.rotate(image, 33.0, order=order, mode=name, cval=3.0, preserve_range=True))
    for angle in [-70, 180, 12.5]:
        save(f"rotate_resized_{angle}", transform.rotate(image, angle, resize=True, preserve_range=True))
    for k in [1, 2, 3]:
        save(f"rot90_{k}", np.rot90(images["small"], k))
    for mode, name in names.items():
        more = {"constant_values": 3.0} if name == "constant" else {}
        save(f"pad_{mode}", np.pad(images["small"], ((2, 9), (7, 1)), mode=name, **more))
        save(f"pad_row_{mode}", np.pad(images["row"], ((1, 2), (30, 50)), mode=name, **more))
    whole = np.round(images["small"] * 10).astype(np.int16)
    for mode in ["maximum", "mean", "median", "minimum", "linear_ramp"]:
        more = {"end_values": 3.0} if mode == "linear_ramp" else {}
        save(f"pad_{mode}", np.pad(images["small"], ((2, 9), (7, 1)), mode=mode, **more))
        more = {"end_values": 3} if mode == "linear_ramp" else {}
        save(f"pad_int16_{mode}", np.pad(whole, ((2, 9), (7, 1)), mode=mode, **more))
    for function in [np.sum, np.mean, np.median, np.min, np.max]:
        save(f"blocks_{function.__name__}", measure.block_reduce(images["field"], (4, 3), function, cval=50.0))


def fitted(field):
    """Pillow's fit and thumbnail, of floats and of bytes."""
    for kind, image in [("f32", field.astype(np.float32)), ("u8", (field * 0.05 + 20).astype(np.uint8))]:
        for width, height in [(17, 11), (7, 30), (50, 50)]:
            made = ImageOps.fit(Image.fromarray(image), (width, height))
            save(f"fit_{kind}_{height}x{width}", np.asarray(made))
    sizes = []
    for height, width, rows, columns in [(37, 41, 10, 10), (480, 640, 100, 100), (333, 1000, 50, 77), (5, 4000, 60, 60),
                                         (4000, 5, 60, 60), (20, 20, 30, 30), (719, 241, 128, 96)]:
        image = Image.new("L", (width, height))
        image.thumbnail((columns, rows), reducing_gap=None)
        sizes.append([height, width, rows, columns, image.height, image.width])
    save("thumbnail_sizes", np.array(sizes, float))
    small = Image.fromarray(field.astype(np.float32))
    small.thumbnail((16, 16), reducing_gap=None)
    save("thumbnail_16", np.asarray(small))


if __name__ == "__main__":
    main()
