"""The potential whose Laplacian is the density contrast, in a periodic box."""

import numpy as np

delta = np.load(snakemake.input[0])
k = 2 * np.pi * np.fft.fftfreq(len(delta), d=snakemake.params.box_size / len(delta))
square = k[:, None] ** 2 + k[None, :] ** 2
square[0, 0] = np.inf
np.save(snakemake.output[0], np.fft.ifft2(-np.fft.fft2(delta) / square).real)
