"""Writes src/pixel/tables/colormaps.bin: the colour tables of matplotlib, 256 red, green and blue bytes each, in the
order of `NAMES` in src/pixel/colormap.rs. Run from the root of the repository; needs numpy and matplotlib."""

import matplotlib
import numpy as np

NAMES = ["gray", "viridis", "plasma", "inferno", "magma", "cividis", "hot"]

tables = [matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3] for name in NAMES]
np.concatenate(tables).astype(np.uint8).tofile("src/pixel/tables/colormaps.bin")
