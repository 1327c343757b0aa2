#!/usr/bin/env python3
"""Mutation tests: which changes of the sources does no test notice?

usage: mutation/mutants.py [--parts graph plan run] [--share N] [--offset K] [--seconds S] [--tests NAME...]

The mutants are those that cargo-mutants lists (`cargo install cargo-mutants`). It builds the project once for each, which
takes a minute; here all of them are put into one copy of the sources, each asleep until the environment's FLOW_MUTANT
names its number, and one build serves them all. Each test is run once to learn which mutants it reaches; then each
mutant's tests are run, the quick ones first, until one fails. A test that fails is run once more without the mutant, so
that what fails by itself catches nothing.

--share N takes every Nth mutant of the parts, from the Kth on; --seconds is the most that is spent on one of them.
Everything is under target/mutation; what came of each mutant is appended to results.jsonl there, and a mutant that is
in it is not run again. Needs Python 3.9 or later, tree-sitter and tree-sitter-rust from its package index.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Optional

import tree_sitter_rust
from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "target" / "mutation"
TREE, BUILD, RESULTS = PLACE / "tree", PLACE / "build", PLACE / "results.jsonl"
# One build in many pieces: what is measured is right or wrong, not fast.
CARGO = ["--release", "--config", "profile.release.package.flow.codegen-units=64",
         "--config", "profile.release.package.flow.opt-level=1"]
#: Tests of other parts, of whole minutes, or that share a batch system with others.
LEFT_OUT = ("cluster_slurm", "pixel_", "padding_", "making_", "ccd_", "photos", "examples", "damaged_", "real_data", "files")
MODULE = '''\
//! Which mutant is awake, and which were reached.
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

static AWAKE: OnceLock<(u32, Option<std::fs::File>)> = OnceLock::new();
static SEEN: [AtomicBool; 1 << 16] = [const { AtomicBool::new(false) }; 1 << 16];

pub fn awake(number: u32) -> bool {
    let (awake, cover) = AWAKE.get_or_init(|| {
        let number = |name| std::env::var(name).ok().and_then(|value| value.parse().ok());
        let cover = std::env::var_os("FLOW_MUTANT_COVER");
        let open = |path| std::fs::OpenOptions::new().create(true).append(true).open(path).ok();
        (number("FLOW_MUTANT").unwrap_or(u32::MAX), cover.and_then(open))
    });
    if let Some(mut cover) = cover.as_ref() {
        if !SEEN[number as usize].swap(true, Ordering::Relaxed) {
            let _ = cover.write_all(&number.to_le_bytes());
        }
    }
    *awake == number
}
'''


class Mutant(NamedTuple):
    number: int
    file: str
    genre: str
    #: Line and column from 1 on, of what is replaced.
    start: tuple[int, int]
    replacement: str
    name: str


def listed(parts: list[str]) -> list[Mutant]:
    """All mutants of these folders of src, in the order of their places."""
    files = [word for part in parts for word in ("--file", f"src/{part}/**")]
    said = subprocess.run(["cargo", "mutants", "--list", "--json", *files], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    mutants = sorted(json.loads(said.stdout), key=lambda it: (it["file"], it["span"]["start"]["line"], it["name"]))
    return [
        Mutant(
            number, it["file"], it["genre"], (it["span"]["start"]["line"], it["span"]["start"]["column"]),
            it["replacement"], it["name"],
        )
        for number, it in enumerate(mutants)
    ]


class Sleeper:
    """A source file with its mutants in it, asleep."""

    def __init__(self, source: bytes, mutants: list[Mutant]) -> None:
        self.source = source
        self.root = Parser(Language(tree_sitter_rust.language())).parse(source).root_node
        lines = source.split(b"\n")
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line) + 1)
        self.at: dict[tuple[int, str], list[Mutant]] = defaultdict(list)
        for mutant in mutants:
            line, column = mutant.start
            within = len(lines[line - 1].decode()[: column - 1].encode())
            self.at[starts[line - 1] + within, mutant.genre].append(mutant)
        self.placed: list[Mutant] = []

    def text(self, node: Node) -> str:
        return self.source[node.start_byte : node.end_byte].decode()

    def taken(self, place: int, genre: str) -> list[Mutant]:
        mutants = self.at.pop((place, genre), [])
        self.placed += mutants
        return mutants

    def render(self) -> str:
        return self.node(self.root)

    def node(self, node: Node) -> str:
        """The text of a node, with what sleeps in it."""
        if node.type in ("const_item", "static_item", "attribute_item", "inner_attribute_item", "token_tree"):
            return self.text(node)
        if node.type == "function_item" and re.match(r"[^({]*\bconst\b", self.text(node)):
            return self.text(node)
        pieces, at = [], node.start_byte
        for child in node.children:
            pieces.append(self.source[at : child.start_byte].decode())
            pieces.append(self.node(child))
            at = child.end_byte
        pieces.append(self.source[at : node.end_byte].decode())
        return self.wrapped(node, "".join(pieces))

    def wrapped(self, node: Node, text: str) -> str:
        kind = node.type
        if kind == "block" and node.parent is not None and node.parent.type == "function_item":
            first = node.start_byte + 1
            inside = [key for key in self.at if key[1] == "FnValue" and first <= key[0] < node.end_byte]
            returned = node.parent.child_by_field_name("return_type")
            # A function has one type of iterator, or whatever it is that it hides.
            is_hidden = returned is not None and "impl " in self.text(returned)
            # A function within this one has been rendered, and taken its own, before.
            for mutant in [it for key in inside for it in ([] if is_hidden else self.taken(*key))]:
                text = "{" + f" if crate::mutant::awake({mutant.number}) {{ return {mutant.replacement}; }}" + text[1:]
        elif kind in ("binary_expression", "compound_assignment_expr"):
            left, operator, right = (node.child_by_field_name(name) for name in ("left", "operator", "right"))
            if operator is not None and "let_condition" not in {child.type for child in node.children}:
                for mutant in self.taken(operator.start_byte, "BinaryOperator"):
                    changed = f"{self.text(left)} {mutant.replacement} {self.text(right)}"
                    text = f"(if crate::mutant::awake({mutant.number}) {{ {changed} }} else {{ {text} }})"
        elif kind == "unary_expression":
            for mutant in self.taken(node.start_byte, "UnaryOperator"):
                changed = f"{mutant.replacement} {self.text(node.children[-1])}"
                text = f"(if crate::mutant::awake({mutant.number}) {{ {changed} }} else {{ {text} }})"
        elif kind == "match_pattern":
            text = self.arm(node, text)
        return text

    def arm(self, node: Node, text: str) -> str:
        guard = node.child_by_field_name("condition")
        if guard is not None and guard.type in ("let_condition", "let_chain"):
            return text
        pattern, condition = text, ""
        if guard is not None:
            # The pattern itself holds no expression: its text is that of the source.
            head = self.source[node.start_byte : guard.start_byte].decode()
            pattern, condition = head.rstrip()[: -len("if")], text[len(head) :]
        for mutant in self.taken(guard.start_byte, "MatchArmGuard") if guard is not None else []:
            awake = f"crate::mutant::awake({mutant.number})"
            condition = f"({awake} || ({condition}))" if mutant.replacement == "true" else f"(!{awake} && ({condition}))"
        for mutant in self.taken(node.parent.start_byte, "MatchArm"):
            asleep = f"!crate::mutant::awake({mutant.number})"
            condition = f"({asleep} && ({condition}))" if condition else asleep
        return f"{pattern} if {condition}" if condition else text


def lay_down(mutants: list[Mutant]) -> list[Mutant]:
    """A copy of the project in which these sleep; those that could be put there."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.split("\n")
    for name in filter(None, names):
        target = TREE / name
        target.parent.mkdir(parents=True, exist_ok=True)
        put(target, (ROOT / name).read_bytes())
    by_file = defaultdict(list)
    for mutant in mutants:
        by_file[mutant.file].append(mutant)
    placed = []
    for name, some in by_file.items():
        sleeper = Sleeper((ROOT / name).read_bytes(), some)
        put(TREE / name, sleeper.render().encode())
        placed += sleeper.placed
    put(TREE / "src/mutant.rs", MODULE.encode())
    library = (ROOT / "src/lib.rs").read_text()
    put(TREE / "src/lib.rs", library.replace("\npub mod action;", "\npub mod mutant;\npub mod action;", 1).encode())
    return placed


def put(path: Path, content: bytes) -> None:
    """Writes what is not there yet: cargo looks at times."""
    if not path.exists() or path.read_bytes() != content:
        if path.is_symlink() or path.exists():
            path.unlink()
        path.write_bytes(content)


def cargo(*words: str) -> list[dict]:
    """Its messages."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(BUILD)}
    command = ["cargo", *words, "--message-format=json"]
    said = subprocess.run(command, cwd=TREE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]


def culprits(error: dict, span: dict) -> list[int]:
    """The mutants that an error is about: the one that begins last before it."""
    lines = (TREE / span["file_name"]).read_text().split("\n")
    numbers = re.compile(r"mutant::awake\((\d+)\)")
    if (error["code"] or {}).get("code") == "E0004":
        # A match that needs the arm that is to be deleted: one of those that follow.
        guards = re.findall(r" if \(?!crate::mutant::awake\((\d+)\)", "\n".join(lines[span["line_start"] :][:20]))
        return [int(number) for number in guards]
    first, last = span["line_start"] - 1, span["line_end"]
    before = numbers.findall(lines[first][: span["column_start"] - 1])
    return [int(number) for number in before[-1:] or numbers.findall("\n".join(lines[first:last]))]


def without_the_unviable(mutants: list[Mutant]) -> list[Mutant]:
    """Lays down those that compile together."""
    while True:
        mutants = lay_down(mutants)
        errors = [it["message"] for it in cargo("check", "--lib") if it.get("message", {}).get("level") == "error"]
        if not errors:
            return mutants
        bad = {
            number
            for error in errors
            for span in error["spans"]
            if span["is_primary"]
            for number in culprits(error, span)
        }
        left = [mutant for mutant in mutants if mutant.number not in bad]
        print(f"{len(mutants) - len(left)} do not compile", flush=True)
        if len(left) == len(mutants):
            sys.exit("\n".join(error["rendered"] for error in errors[:5]))
        mutants = left


class Test(NamedTuple):
    binary: str
    name: str

    def run(self, seconds: float, **environment: str) -> Optional[float]:
        """How long it took; `None`: it failed, or took longer than so many seconds."""
        start = time.monotonic()
        # A test's files are its own, and go with it.
        place = PLACE / "tmp" / f"{os.getpid()}-{time.monotonic_ns()}"
        place.mkdir(parents=True)
        variables = {**os.environ, "TMPDIR": str(place), "FLOW_RANDOM_CASES": "3", **environment}
        process = subprocess.Popen(
            [self.binary, "--exact", self.name], cwd=TREE, env=variables, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = 1
        end_group(process.pid)
        process.wait()
        end_those_in(place)
        shutil.rmtree(place, ignore_errors=True)
        return time.monotonic() - start if status == 0 else None


def tests(wanted: Optional[list[str]]) -> list[Test]:
    built = [it for it in cargo("test", "--no-run", *CARGO) if it.get("executable") and it.get("profile", {}).get("test")]
    found = []
    for it in built:
        name = it["target"]["name"]
        if not name.startswith(LEFT_OUT) and (wanted is None or name in wanted):
            said = subprocess.run([it["executable"], "--list"], cwd=TREE, check=True, stdout=subprocess.PIPE, text=True)
            found += [Test(it["executable"], line[:-6]) for line in said.stdout.splitlines() if line.endswith(": test")]
    return found


def end_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end_those_in(place: Path) -> None:
    """Whatever a mutant has left running: jobs have groups of their own, and stand in the test's folder."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{process}/cwd").startswith(f"{place}/"):
                os.kill(int(process), signal.SIGKILL)
        except OSError:
            pass


def reached(test: Test) -> tuple[Optional[float], set[int]]:
    cover = PLACE / f"cover-{time.monotonic_ns()}"
    took = test.run(120, FLOW_MUTANT_COVER=str(cover))
    content = cover.read_bytes() if cover.exists() else b""
    cover.unlink(missing_ok=True)
    return took, {int.from_bytes(content[i : i + 4], "little") for i in range(0, len(content), 4)}


def tried(mutant: Mutant, reaching: list[tuple[float, Test]], seconds: float) -> dict:
    """What came of a mutant: caught by which test, or missed, by how many of those that reach it."""
    start, ran = time.monotonic(), 0
    for took, test in sorted(reaching):
        if time.monotonic() - start > seconds:
            break
        ran += 1
        if test.run(10 + 10 * took, FLOW_MUTANT=str(mutant.number)) is None and test.run(10 + 10 * took) is not None:
            return {"mutant": mutant.name, "outcome": "caught", "by": test.name, "ran": ran}
    outcome = "missed" if reaching else "not reached"
    return {"mutant": mutant.name, "outcome": outcome, "ran": ran, "reaching": len(reaching)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", default=["graph", "plan", "run"])
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--tests", nargs="+")
    wanted = parser.parse_args()
    PLACE.mkdir(parents=True, exist_ok=True)
    every = listed(wanted.parts)
    mutants = without_the_unviable(every)
    print(f"{len(every)} mutants, {len(mutants)} of them in one build", flush=True)
    all_tests = tests(wanted.tests)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        reach = defaultdict(list)
        for test, (took, numbers) in zip(all_tests, pool.map(reached, all_tests)):
            if took is None:
                print(f"fails without a mutant, left out: {test.name}", flush=True)
                continue
            for number in numbers:
                reach[number].append((took, test))
        print(f"{len(all_tests)} tests reach {len(reach)} of them", flush=True)
        done = {json.loads(line)["mutant"] for line in RESULTS.read_text().splitlines()} if RESULTS.exists() else set()
        chosen = [mutant for mutant in mutants[wanted.offset :: wanted.share] if mutant.name not in done]
        with RESULTS.open("a") as results:
            for result in pool.map(lambda it: tried(it, reach[it.number], wanted.seconds), chosen):
                print(json.dumps(result), file=results, flush=True)
                if result["outcome"] != "caught":
                    print(result["outcome"], result["mutant"], f"({result['ran']} of {result['reaching']} tests)", flush=True)
    outcomes = Counter(json.loads(line)["outcome"] for line in RESULTS.read_text().splitlines())
    print(", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()))


if __name__ == "__main__":
    main()
