"""The distances between the points of two files: how many pairs, their sum, the longest. Run by flow, as by Snakemake."""

import json
import math

first, second = snakemake.input  # noqa: F821: the job that this script is run for


def points(path):
    with open(path) as lines:
        return [tuple(map(float, line.split())) for line in lines]


a, b = points(first), points(second)
if first == second:
    pairs = ((p, q) for i, p in enumerate(a) for q in a[i + 1 :])
else:
    pairs = ((p, q) for p in a for q in b)

count, total, longest = 0, 0.0, 0.0
for p, q in pairs:
    distance = math.dist(p, q)
    count += 1
    total += distance
    longest = max(longest, distance)

with open(snakemake.output[0], "w") as out:  # noqa: F821
    json.dump({"pairs": count, "sum": total, "longest": longest}, out)
