"""Reduces frames with ccdproc as the Rulefile beside this script does, and prints how far its results lie from flow's.

    flow -C lights='night/m13_*.fits' bias='night/bias_*.fits'
    python compare.py --lights night/m13_*.fits --bias night/bias_*.fits

Needs ccdproc; looks at master/bias.fits, calibrated/ and combined.fits in the folder it is called in. Darks and flats are not
compared here.
"""

import argparse
import pathlib
import warnings

import ccdproc
import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData

warnings.simplefilter("ignore")


def trimmed(path):
    """The frame less its overscan, cut to the useful part, where the header says which these are."""
    frame = CCDData.read(path, unit="adu")
    frame.data = frame.data.astype(float)
    if "BIASSEC" in frame.header:
        frame = ccdproc.subtract_overscan(frame, fits_section=frame.header["BIASSEC"])
    if "TRIMSEC" in frame.header:
        frame = ccdproc.trim_image(frame, fits_section=frame.header["TRIMSEC"])
    return frame


def combined(frames, **clipping):
    combiner = ccdproc.Combiner(frames, dtype=float)
    combiner.sigma_clipping(**clipping)
    return combiner.average_combine()


def compare(name, ccd):
    ours = fits.getdata(name).astype(float)
    far = np.nanmax(np.abs(ours - ccd.data))
    print(f"{name}: largest difference {far:.3g}, of values up to {np.nanmax(np.abs(ccd.data)):.6g}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lights", nargs="*", default=[])
    parser.add_argument("--bias", nargs="*", default=[])
    arguments = parser.parse_args()
    bias = None
    if arguments.bias:
        bias = combined([trimmed(path) for path in arguments.bias], low_thresh=5, high_thresh=5, func="median", dev_func="mad_std")
        compare("master/bias.fits", bias)
    lights = []
    for path in arguments.lights:
        frame = trimmed(path)
        if bias is not None:
            frame = ccdproc.subtract_bias(frame, bias)
        compare(f"calibrated/{pathlib.Path(path).stem}.fits", frame)
        lights.append(frame)
    if lights:
        result = combined(lights, low_thresh=5, high_thresh=5, func="median", dev_func="mad_std")
        compare("combined.fits", result)


if __name__ == "__main__":
    main()
