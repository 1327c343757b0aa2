"""The density at a later time: particles moved by the gradient of the potential, and counted cloud in cell."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

phi = np.load(snakemake.input[0])
size, box_size, time = len(phi), snakemake.params.box_size, snakemake.params.time
cell = box_size / size
places = np.mgrid[:size, :size].astype(float)
for axis in (0, 1):
    gradient = (np.roll(phi, -1, axis) - np.roll(phi, 1, axis)) / (2 * cell)
    places[axis] -= time * gradient / cell

first = np.floor(places).astype(int)
part = places - first
density = np.zeros((size, size))
for down in (0, 1):
    for across in (0, 1):
        weight = np.abs(1 - down - part[0]) * np.abs(1 - across - part[1])
        np.add.at(density, ((first[0] + down) % size, (first[1] + across) % size), weight)
np.save(snakemake.output.density, density)

plt.imshow(np.arcsinh(density), cmap="inferno", origin="lower", extent=(0, box_size, 0, box_size))
plt.title(f"D = {time:.1f}")
plt.xlabel("Mpc/h")
plt.savefig(snakemake.output.plot, dpi=100)
