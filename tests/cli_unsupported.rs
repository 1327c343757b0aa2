//! What Snakemake has and this version has not yet: each is an error that names it and points at it, and nothing runs.

mod support;

use support::Project;

/// The Rulefile is refused for `what`, at `place` (`line:column`).
#[track_caller]
fn refused(rulefile: &str, what: &str, place: &str) {
    let project = Project::new(rulefile);
    let ran = project.flow("").exits(1).says(what).says(&format!("--> Rulefile:{place}"));
    assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    assert_eq!(project.tree().len(), 1, "nothing was made");
}

#[test]
fn directives_that_are_to_come() {
    for directive in [
        "group: 'g'",
        "shadow: 'minimal'",
        "envmodules: 'm'",
        "cache: True",
        "handover: True",
        "pathvars: a='b'",
        "conda: 'env.yaml'",
        "container: 'docker://x'",
        "containerized: 'docker://x'",
        "singularity: 'docker://x'",
        "notebook: 'n.ipynb'",
        "wrapper: 'w'",
        "cwl: 'c'",
        "template_engine: 'jinja2'",
    ] {
        let name = directive.split(':').next().expect("a name");
        let rulefile = format!("rule a:\n    output: 'a.txt'\n    {directive}\n    shell: 'touch a.txt'\n");
        refused(&rulefile, &format!("this version does not have the directive `{name}` yet"), "3:5");
    }
}

#[test]
fn statements_that_are_to_come() {
    for (statement, what) in [
        ("checkpoint a:\n    output: 'a.txt'\n    shell: 'touch a.txt'", "checkpoints"),
        ("module m:\n    snakefile: 'm.smk'", "`module`"),
        ("use rule a as b with:\n    output: 'c.txt'", "`use rule`"),
        ("envvars: 'HOME'", "`envvars`"),
        ("scattergather: n=3", "`scattergather`"),
        ("pathvars:\n    a='b'", "`pathvars`"),
        ("inputflags: ancient", "`inputflags`"),
        ("outputflags: temp", "`outputflags`"),
        ("resource_scopes: mem_mb='local'", "`resource_scopes`"),
        ("container: 'docker://x'", "`container`"),
        ("onstart: print('x')", "`onstart`"),
        ("onsuccess: print('x')", "`onsuccess`"),
        ("onerror: print('x')", "`onerror`"),
    ] {
        let rulefile = format!("{statement}\n\nrule z:\n    output: 'z.txt'\n    shell: 'touch z.txt'\n");
        refused(&rulefile, &format!("this version does not have {what} yet"), "1:");
    }
}

#[test]
fn functions_that_are_to_come() {
    for call in [
        "pipe('a.txt')",
        "service('a.txt')",
        "repeat('a.txt', 3)",
        "local('a.txt')",
        "update('a.txt')",
        "before_update('a.txt')",
        "flag('a.txt', 'f')",
        "storage('http://x')",
        "subpath('a.txt', parent=True)",
        "flatten([['a.txt']])",
        "branch(True, then='a.txt')",
        "evaluate('{x} == 1')",
        "lookup('a', within=config)",
        "prepend_param('a', 'b')",
        "parse_input('a.txt', parser=None)",
        "extract_checksum('a.txt', file='b')",
        "gather.split('a.txt')",
        "scatter.split('a.txt')",
        "access.random('a.txt')",
        "checkpoints.a.get()",
        "github('a/b', path='c')",
    ] {
        let name = call.split(['(', '.']).next().expect("a name");
        let rulefile = format!("rule a:\n    output: {call}\n    shell: 'touch a.txt'\n");
        refused(&rulefile, &format!("this version does not have `{name}` yet"), "2:13");
    }
}

#[test]
fn python_that_starlark_has_no_word_for() {
    for (statement, what) in [
        ("while True:\n    pass", "`while` is not available in a Rulefile"),
        ("try:\n    pass\nexcept ValueError:\n    pass", "`try` is not available in a Rulefile"),
        ("with open('f') as f:\n    pass", "`with` is not available in a Rulefile"),
        ("class A:\n    pass", "`class` is not available in a Rulefile"),
        ("import pandas as pd", "the module `pandas` is not available in a Rulefile"),
        ("from collections import defaultdict", "`defaultdict` is not available in a Rulefile"),
        ("import functools", "the module `functools` is not available in a Rulefile"),
        ("import numpy.linalg", "the module `numpy.linalg` is not available in a Rulefile"),
        ("x = open('f').read()", "`open`"),
        ("def f():\n    yield 1", "`yield`"),
    ] {
        let rulefile = format!("{statement}\n\nrule z:\n    output: 'z.txt'\n    shell: 'touch z.txt'\n");
        let project = Project::new(&rulefile);
        let ran = project.flow("").exits(1).says(what).says("= help: ");
        assert!(ran.stderr.contains("--> Rulefile:"), "{}", ran.stderr);
    }
}
