"""Makes real_data.tsv: what astropy, tifffile and Pillow read in the files of a folder.

    python tests/reference/real_data.py FOLDER > tests/reference/real_data.tsv

A line for each image of each file: path, HDU (of TIFF the page, of GIF the frame; empty: what is read without asking), the
shape [planes, height, width], numpy's dtype, the numbers of NaN and of infinite pixels, the least, the greatest, the mean and
the sum of the finite ones, and pixels at fixed places in reading order. A file that none of the three reads has
`refused` in place of the shape. Only names and numbers are kept, none of the data.
"""

import pathlib
import sys
import warnings

import numpy as np
import tifffile
from astropy.io import fits
from PIL import Image, ImageOps

warnings.simplefilter("ignore")
PLACES = 8
FRAMES = 6  # of an animation
FITS = (".fits", ".fit", ".fts", ".fz", ".gz")
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".pgm", ".ppm", ".ico")


def planes(data):
    """[planes, height, width]: further axes count as planes, a row as an image of one row."""
    data = np.asarray(data)
    if data.ndim < 2:
        data = data.reshape(1, -1)
    return data.reshape(-1, *data.shape[-2:])


def has_image(hdu):
    is_image = isinstance(hdu, (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU))
    return is_image and not isinstance(hdu, fits.GroupsHDU) and hdu.header.get("NAXIS", 0) > 0


def fits_images(path):
    """Each image HDU; the first also as what is read without asking."""
    with fits.open(path, memmap=False, mode="readonly") as hdus:
        number = {id(hdu): at for at, hdu in enumerate(hdus)}
        found = [hdu for hdu in hdus if has_image(hdu)]
        if not found:
            raise ValueError("no image")
        for at, hdu in enumerate(found):
            if hdu.data is None or hdu.data.size == 0:
                raise ValueError("no pixels")
            data = planes(hdu.data)
            if at == 0:
                yield "", data
            yield number[id(hdu)], data


def picture(image):
    image = ImageOps.exif_transpose(image)
    if image.mode in ("P", "PA", "RGBA", "CMYK", "YCbCr"):
        image = image.convert("RGB")
    elif image.mode in ("1", "LA"):
        image = image.convert("L")
    data = np.asarray(image)
    if image.mode == "I":
        data = data.astype(np.uint16)
    return data[None] if data.ndim == 2 else np.moveaxis(data, -1, 0)


def picture_images(path):
    with Image.open(path) as image:
        image.load()
        yield "", picture(image)
        if path.suffix == ".gif" and getattr(image, "n_frames", 1) > 1:
            for number in range(min(image.n_frames, FRAMES)):
                image.seek(number)
                yield number, picture(image)


def tiff_images(path):
    with tifffile.TiffFile(path) as file:
        whole = file.series[0].asarray()
        colour = file.pages[0].samplesperpixel > 1
        yield "", np.moveaxis(whole, -1, 0) if colour else planes(whole)
        if len(file.pages) > 1:
            for number, page in enumerate(file.pages):
                data = page.asarray()
                yield number, np.moveaxis(data, -1, 0) if colour else planes(data)


def images(path):
    if path.suffix in (".tif", ".tiff"):
        return tiff_images(path)
    if path.suffix in PICTURES:
        return picture_images(path)
    return fits_images(path)


def line(name, number, data):
    flat = data.reshape(-1)
    places = np.linspace(0, flat.size - 1, PLACES).round().astype(int)
    exact = flat.astype(np.float64)
    finite = exact[np.isfinite(exact)]
    numbers = [finite.min(), finite.max(), finite.mean(), finite.sum()] if finite.size else [np.nan] * 4
    counts = [np.isnan(exact).sum(), np.isinf(exact).sum()]
    shape = "x".join(map(str, data.shape))
    dtype = data.dtype.newbyteorder("=").name
    pixels = " ".join(repr(float(v)) for v in exact[places])
    return [name, number, shape, dtype, *counts, *(repr(float(v)) for v in numbers), pixels]


def main(folder):
    print("file", "hdu", "shape", "dtype", "nan", "inf", "min", "max", "mean", "sum", "pixels", sep="\t")
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in FITS + PICTURES + (".tif", ".tiff")):
        name = path.relative_to(folder).as_posix()
        try:
            lines = [line(name, *image) for image in images(path)]
        except Exception as error:
            print(f"{name}: {error}", file=sys.stderr)
            lines = [[name, "", "refused"] + [""] * 8]
        for values in lines:
            print(*values, sep="\t")


main(pathlib.Path(sys.argv[1]))
