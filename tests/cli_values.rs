//! Values through the program: texts, numbers, lists and dictionaries as Python has them, in a Rulefile and in commands.

mod support;

use support::{Project, out};

#[test]
fn strings_are_formatted_as_in_python() {
    let text = out(r#"
        n, x, name = 7, 3.14159, "it's"
        d = {"k": [1, 2]}
        ITEMS = [
            f"{n:03d} {x:.2f} {name!r} {n + 1} {d['k'][1]} {{}} {name.upper():>6}|",
            "{0} {1} {k:>4}".format("a", "b", k="c"),
            "%s-%05.1f-%d%%" % ("s", x, n),
            r"\n" + u"\t|",
            "adjacent " "strings",
            str(1 < n < 10) + str(2 ** 10) + str(7 // 2) + str(-7 % 3),
            ",".join([*["a", "b"], *("c",)]),
            " ".join(sorted({**{"a": 1}, **{"b": 2}})),
            str(sorted([3, 1, 2], key=lambda v: -v)),
            str(sum([1, 2])) + str(round(2.567, 1)) + str(max(1, 2)) + str(int("ff", 16)),
            "yes" if isinstance(n, int) else "no",
        ]

        rule out:
            output: "out.txt"
            params: text=ITEMS
            run: write_text("\n".join(params.text) + "\n", output[0])
        "#);
    assert_eq!(
        text,
        "007 3.14 \"it's\" 8 2 {}   IT'S|\na b    c\ns-003.1-7%\n\\n\t|\nadjacent strings\nTrue102432\na,b,c\n\
         a b\n[3, 2, 1]\n32.62255\nyes\n"
    );
}

#[test]
fn modules_have_their_pure_part() {
    let text = out(r#"
        import os, math, re, json, itertools
        import os.path as path
        from pathlib import Path
        from os.path import join, basename
        from snakemake.utils import min_version
        from snakemake.io import expand as grow

        min_version("6.0")
        ITEMS = [
            os.path.join("a", "b") + path.splitext("x.tar.gz")[1] + basename("d/e.f") + join("p", "q"),
            str(math.floor(math.pi)) + str(math.sqrt(16)),
            re.sub(r"(\d+)", r"<\1>", "a12b") + re.match(r"(?P<x>\w)", "q").group("x"),
            json.dumps({"a": [1, None]}) + str(json.loads("[1]")[0]),
            "".join([a + b for a, b in itertools.product("ab", "xy")]),
            Path("a/b.txt").stem + Path("a/b.txt").suffix + str(Path("a") / "c"),
            grow("{x}", x=["z"])[0],
        ]

        rule out:
            output: "out.txt"
            params: text=ITEMS
            run: write_text("\n".join(params.text) + "\n", output[0])
        "#);
    assert_eq!(text, "a/b.gze.fp/q\n34.0\na<12>bq\n{\"a\": [1, null]}1\naxaybxby\nb.txta/c\nz\n");
}

#[test]
fn values_without_end_are_errors() {
    for (rules, words) in [
        (
            "x = []\nx.append(x)\nrule out:\n    output: 'out.txt'\n    params: x=x\n    shell: 'touch {output}'\n",
            "contains itself",
        ),
        (
            "x = []\nx.append(x)\nrule out:\n    input: x\n    output: 'out.txt'\n    shell: 'touch {output}'\n",
            "contains itself",
        ),
        (
            "def deep(wildcards):\n    x = []\n    for i in range(100000):\n        x = [x]\n    return x\nrule out:\n    output: 'out.txt'\n    params: x=deep\n    shell: 'touch {output}'\n",
            "nested too deeply",
        ),
    ] {
        Project::new(rules).flow("").exits(1).says(words);
    }
    let branches: String = (0..2000).map(|n| format!("elif x == {n}:\n    y = {n}\n")).collect();
    let rules = format!("x = 1\nif x == -1:\n    y = 0\n{branches}");
    Project::new(&rules).flow("").exits(1).says("more than 200 branches");
}

#[test]
fn values_behave_as_in_python() {
    let project = Project::new(
        r#"
        from collections import Counter, OrderedDict

        counts = Counter("abca")
        values = [
            type("x") == str, type(1) == str, type([]) != list, type(True) == int, type({}) in (list, dict),
            "7".zfill(3), "-7".zfill(3), "ab".ljust(4, "."), "ab".rjust(4), "ab".center(5, "*"),
            int(" 12 "), int("1_000"), float(" 1.5\n"), True + 1, (1 < 2) * 3, (2 > 1) + (3 > 1),
            hex(255), bin(-5), oct(8), set([1]) < set([1, 2]), set([1, 2]) <= set([1]),
            ",".join("xyz"), [c for c in "ab"], list("ab"), sorted("ba"),
            str([1, "a"]), str({"k": "v"}), f"{[1, 'a']}", str("x"), str(),
            counts["a"], counts.most_common(1)[0][0], OrderedDict([("z", 1), ("a", 2)]).keys(),
        ]
        letters = ""
        for c in "hey":
            letters = letters + c + "."

        rule out:
            output: "out.txt"
            run: write_text("\n".join([repr(value) for value in values]) + "\n" + letters + "\n", output[0])
        "#,
    );
    project.make("").exits(0);
    let expected = "True False False False True '007' '-07' 'ab..' '  ab' '**ab*' 12 1000 1.5 2 3 2 '0xff' '-0b101' '0o10' \
                    True False 'x,y,z' ['a','b'] ['a','b'] ['a','b'] \"[1,'a']\" \"{'k':'v'}\" \"[1,'a']\" 'x' '' 2 \
                    'a' ['z','a'] h.e.y.";
    let shown = project
        .read("out.txt")
        .lines()
        .map(|line| line.replace(", ", ",").replace(": ", ":") + "\n")
        .collect::<String>();
    let shown = shown.replace("'  ab'", "'__ab'");
    assert_eq!(shown.split_whitespace().collect::<Vec<_>>().join(" ").replace("__ab", "  ab"), expected);
}

#[test]
fn placeholders_are_converted_and_formatted() {
    let text = out(r#"
        WORDS = ["ab", "cd"]

        rule out:
            output: "out.txt"
            params: d={"k": "v"}, name="a b"
            shell: "printf '%s\\n' \"{params.d}\" {params.name!r} {params.name!r:>7} {workflow.cores} > {output}; echo {WORDS[0][1]} >> {output}"
        "#);
    assert_eq!(text, "{'k': 'v'}\na b\na b\n2\nb\n");
    let project = Project::new(
        r#"
        rule all:
            input: expand("{r[0]}_{r!r:>6}.txt", r=["xy"])
        rule one:
            output: "{name}.txt"
            shell: "touch {output:q}"
        "#,
    );
    project.make("");
    assert!(project.exists("x_  'xy'.txt"));
}
