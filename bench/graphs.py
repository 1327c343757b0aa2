"""The graphs of bench/engine.py: what they are, and how each tool is told of them.

A shape gives its sources and jobs, each job `: > output`, for about N files; from these come the files of ninja, n2 and
make. For flow and Snakemake, which read the same file, each shape says itself as a person would write it: with wildcards
and functions. Knows no tool's command line and times nothing.
"""
from typing import Callable, Iterator, NamedTuple

#: Jobs one after another in a chain, and layers one above the other.
CHAIN = 1_000
LAYERS = 10

Job = tuple[str, list[str]]


class Shape(NamedTuple):
    """A family of graphs; `jobs` and `sources` are for about N files."""

    about: str
    sources: Callable[[int], list[str]]
    #: Output and inputs, each after those it depends on; the last is what everything is for, where there is one.
    jobs: Callable[[int], Iterator[Job]]
    rulefile: Callable[[int], str]
    #: Whether the last job is the target; else all jobs are asked for that nothing reads.
    has_end: bool = False


def wide_jobs(n: int) -> Iterator[Job]:
    yield from ((f"out/{i}", []) for i in range(n))
    yield "end", [f"out/{i}" for i in range(n)]


def wide_rulefile(n: int) -> str:
    return f"""\
rule all:
    input: "end"

rule one:
    output: "out/{{i}}"
    shell: ": > {{output}}"

rule combine:
    input: expand("out/{{i}}", i=range({n}))
    output: "end"
    shell: ": > {{output}}"
"""


def width(n: int) -> int:
    """Files in a layer; the sources are one too."""
    return max(1, n // (LAYERS + 1))


def layer_inputs(layer: int, i: int, wide: int) -> list[str]:
    return [f"l{layer - 1}/{at % wide}" for at in dict.fromkeys((i, i + 1, i + 7))]


def layers_jobs(n: int) -> Iterator[Job]:
    wide = width(n)
    for layer in range(1, LAYERS + 1):
        yield from ((f"l{layer}/{i}", layer_inputs(layer, i, wide)) for i in range(wide))


def layers_rulefile(n: int) -> str:
    return f"""\
WIDTH = {width(n)}

def before(wildcards):
    i, layer = int(wildcards.i), int(wildcards.layer)
    return ["l%d/%d" % (layer - 1, at % WIDTH) for at in (i, i + 1, i + 7)]

rule all:
    input: expand("l{LAYERS}/{{i}}", i=range(WIDTH))

rule layer:
    input: before
    output: "l{{layer,[1-9][0-9]*}}/{{i}}"
    shell: ": > {{output}}"
"""


def chain_count(n: int) -> tuple[int, int]:
    """Chains, and jobs in each."""
    return max(1, n // CHAIN), min(n, CHAIN)


def chains_jobs(n: int) -> Iterator[Job]:
    chains, length = chain_count(n)
    for chain in range(chains):
        yield from ((f"c{chain}/{i}", [f"c{chain}/{i - 1}"]) for i in range(1, length))


def chains_rulefile(n: int) -> str:
    chains, length = chain_count(n)
    return f"""\
rule all:
    input: expand("c{{chain}}/{length - 1}", chain=range({chains}))

rule step:
    input: lambda wildcards: "c%s/%d" % (wildcards.chain, int(wildcards.i) - 1)
    output: "c{{chain}}/{{i,[1-9][0-9]*}}"
    shell: ": > {{output}}"
"""


def rules_jobs(n: int) -> Iterator[Job]:
    yield from ((f"out/{i}", [f"src/{i}"]) for i in range(n // 2))


def rules_rulefile(n: int) -> str:
    wanted = "".join(f'        "out/{i}",\n' for i in range(n // 2))
    rule = '\nrule r{0}:\n    input: "src/{0}"\n    output: "out/{0}"\n    shell: ": > {{output}}"\n'
    rules = "".join(rule.format(i) for i in range(n // 2))
    return f"rule all:\n    input:\n{wanted}{rules}"


def edge(n: int) -> int:
    """Values of each of three wildcards, for three files of each combination."""
    return max(1, round((n / 3) ** (1 / 3)))


def triples(n: int) -> Iterator[str]:
    values = range(edge(n))
    return (f"{a}/{b}/{c}" for a in values for b in values for c in values)


def wildcards_jobs(n: int) -> Iterator[Job]:
    yield from ((f"mid/{name}.mid", [f"src/{name}.txt"]) for name in triples(n))
    yield from ((f"out/{name}.end", [f"mid/{name}.mid"]) for name in triples(n))


def wildcards_rulefile(n: int) -> str:
    return f"""\
VALUES = range({edge(n)})

rule all:
    input: expand("out/{{night}}/{{camera}}/{{frame}}.end", night=VALUES, camera=VALUES, frame=VALUES)

rule second:
    input: "mid/{{night}}/{{camera}}/{{frame}}.mid"
    output: "out/{{night}}/{{camera}}/{{frame}}.end"
    shell: ": > {{output}}"

rule first:
    input: "src/{{night}}/{{camera}}/{{frame}}.txt"
    output: "mid/{{night}}/{{camera}}/{{frame}}.mid"
    shell: ": > {{output}}"
"""


def fan_in_jobs(n: int) -> Iterator[Job]:
    yield "end", [f"src/{i}" for i in range(n)]


def fan_in_rulefile(n: int) -> str:
    return f"""\
rule end:
    input: expand("src/{{i}}", i=range({n}))
    output: "end"
    shell: ": > {{output}}"
"""


SHAPES = {
    "wide": Shape("N jobs without inputs, one that reads all of them", lambda n: [], wide_jobs, wide_rulefile, True),
    "layers": Shape(
        "ten layers above the sources, each job with three inputs from the layer before",
        lambda n: [f"l0/{i}" for i in range(width(n))],
        layers_jobs,
        layers_rulefile,
    ),
    "chains": Shape(
        "chains of a thousand files, each made of the one before",
        lambda n: [f"c{chain}/0" for chain in range(chain_count(n)[0])],
        chains_jobs,
        chains_rulefile,
    ),
    "wildcards": Shape(
        "two steps for every combination of three wildcards",
        lambda n: [f"src/{name}.txt" for name in triples(n)],
        wildcards_jobs,
        wildcards_rulefile,
    ),
    "rules": Shape(
        "N / 2 rules, each with one source and one output, written out one by one",
        lambda n: [f"src/{i}" for i in range(n // 2)],
        rules_jobs,
        rules_rulefile,
    ),
    "fan-in": Shape(
        "one job that reads N sources", lambda n: [f"src/{i}" for i in range(n)], fan_in_jobs, fan_in_rulefile, True
    ),
}


def targets(shape: Shape, n: int) -> list[str]:
    jobs = list(shape.jobs(n))
    if shape.has_end:
        return [jobs[-1][0]]
    read = {path for _, inputs in jobs for path in inputs}
    return [output for output, _ in jobs if output not in read]


def ninja_file(shape: Shape, n: int) -> str:
    """For ninja and n2."""
    lines = ["rule one", "  command = : > $out"]
    lines += [f"build {output}: one {' '.join(inputs)}" for output, inputs in shape.jobs(n)]
    return "\n".join([*lines, f"build all: phony {' '.join(targets(shape, n))}", "default all", ""])


def makefile(shape: Shape, n: int) -> str:
    jobs = list(shape.jobs(n))
    lines = [f"all: {' '.join(targets(shape, n))}", ".PHONY: all"]
    lines += [f"{output}: {' '.join(inputs)}" for output, inputs in jobs]
    outputs = " ".join(output for output, _ in jobs)
    return "\n".join([*lines, f"{outputs}:", "\t@: > $@", ""])


def murmur64(data: bytes) -> int:
    """MurmurHash64A by Austin Appleby, with the seed of ninja's log: how it writes a command down."""
    mask, m = (1 << 64) - 1, 0xC6A4A7935BD1E995
    h = 0xDECAFBADDECAFBAD ^ (len(data) * m & mask)
    whole = len(data) // 8 * 8
    for at in range(0, whole, 8):
        k = int.from_bytes(data[at : at + 8], "little") * m & mask
        h = (h ^ ((k ^ k >> 47) * m & mask)) * m & mask
    if whole < len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 47) * m & mask
    return h ^ h >> 47


def ninja_log(shape: Shape, n: int, mtimes_ns: Callable[[str], int]) -> str:
    """What ninja 1.11 would have written had it made the outputs."""
    rows = (
        f"0\t1\t{mtimes_ns(output)}\t{output}\t{murmur64(f': > {output}'.encode()):x}" for output, _ in shape.jobs(n)
    )
    return "\n".join(["# ninja log v5", *rows, ""])
