"""A random density contrast of standard deviation 1, with a power law for its spectrum, smoothed."""

import numpy as np

params = snakemake.params
k = 2 * np.pi * np.hypot(np.fft.fftfreq(params.size)[:, None], np.fft.fftfreq(params.size)[None, :])
k[0, 0] = np.inf
white = np.random.default_rng(params.seed).normal(size=(params.size, params.size))
waves = np.fft.fft2(white) * k ** (params.power / 2) * np.exp(-0.5 * (k * params.smooth) ** 2)
density = np.fft.ifft2(waves).real
np.save(snakemake.output[0], density / density.std())
