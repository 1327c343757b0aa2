//! The codes of `flow --lint`, each with the page that explains it. A code never changes its meaning, so that a comment
//! which allows it stays true.

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    pub code: &'static str,
    /// What it says in a few words, for the list.
    pub title: &'static str,
    pub page: &'static str,
}

/// All of them, by code.
pub const CHECKS: &[Check] = &[
    Check {
        code: "absolute-path",
        title: "a path from the root of the disk",
        page: "\
A file of a rule, an include or a configuration file is named from the root of the disk, so that the workflow runs on
this machine only. Name it from the folder that the workflow runs in, or take it from the configuration:

    input: config[\"reference\"]        # flow -C reference=/data/reference.fits",
    },
    Check {
        code: "missing-log",
        title: "a command without `log:`",
        page: "\
A rule with `shell:` or `script:` has no `log:`. flow keeps what its jobs print in `.flow/log` and shows the end of it
when one fails; other runners let the output of all jobs run together on the terminal. With a log of its own, the rule
says where to look under any of them:

    log: \"logs/align_{sample}.txt\"
    shell: \"bwa mem {input} > {output} 2> {log}\"",
    },
    Check {
        code: "quoted-placeholder",
        title: "quotes around a placeholder of the command",
        page: "\
A file name is escaped by flow for the place where it stands, so that quotes around `{input}` do nothing for one file.
For several files they are wrong: the names become one word. Leave the quotes out:

    shell: \"cat {input} > {output}\"",
    },
    Check {
        code: "shadowed-name",
        title: "a name that jobs have for something else",
        page: "\
A name at file level is one that each job has for itself (`input`, `output`, `params`, `wildcards`, …), or a function of
the language (`expand`, `temp`, …). In `run:` and in commands the job's own is meant, elsewhere yours: call it by
another name.",
    },
    Check {
        code: "tab",
        title: "a tab in the indentation",
        page: "\
A line is indented with tabs. Blanks and tabs look the same, and a line with the other kind is an error that cannot be
seen. `flow --fmt` writes four blanks a level.",
    },
    Check {
        code: "undeclared-input",
        title: "a `run:` body that reads what is no input",
        page: "\
A `run:` body reads a path that is written out and is no input of the rule. The job will be refused when it runs, because
flow would not know that it depends on the file. Add the path to `input:`.",
    },
    Check {
        code: "undeclared-wildcard",
        title: "a wildcard that the rule does not have",
        page: "\
A function of the rule asks for `wildcards.NAME`, and no output of the rule has `{NAME}`: the function fails when the
first job asks it. Also a name in `wildcard_constraints:` that no output has, which constrains nothing.",
    },
    Check {
        code: "unknown-allow",
        title: "a comment that allows a code that is not there",
        page: "\
A comment `# flow: allow(CODE)` names a code that does not exist, and allows nothing. `flow --lint` after a finding says
its code in brackets.",
    },
    Check {
        code: "unused-function",
        title: "a function that nothing calls",
        page: "\
A function at file level is named nowhere else. Remove it, or use it.",
    },
    Check {
        code: "unused-import",
        title: "an import that nothing uses",
        page: "\
A name is imported and used nowhere. Remove the import.",
    },
    Check {
        code: "unused-param",
        title: "a parameter that the rule does not use",
        page: "\
A named value of `params:` appears in none of the rule's command, body, message and functions. Every change of it makes
all jobs of the rule again, for nothing. Use it, or remove it.",
    },
    Check {
        code: "unused-rule",
        title: "a rule whose files nothing asks for",
        page: "\
The rule's outputs have wildcards, so that it cannot be a target by its name; no other rule's input asks for one of its
files, and making the default target runs none of its jobs. Most often a path is misspelt in its output, or in the
input that should lead to it.",
    },
    Check {
        code: "unused-threads",
        title: "threads that the command does not know of",
        page: "\
The rule takes more than one thread, and its command does not pass `{threads}` on, so that the program uses one, or all
cores of the machine while flow counts on fewer:

    threads: 4
    shell: \"samtools sort -@ {threads} {input} > {output}\"",
    },
];

/// The check of a code.
pub fn find(code: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.code == code)
}
