//! File names that could be taken for something else by a shell: they reach commands as they are, wherever a
//! placeholder stands, and nothing in a name is ever executed.

mod support;

use support::{Project, raw_name};

/// Names as people and accidents make them, and as an attacker would.
const NAMES: [&str; 16] = [
    "with blank",
    " leading and trailing ",
    "it's",
    "\"quoted\"",
    "$(touch pwned)",
    "`touch pwned`",
    "a;touch pwned;b",
    "a&touch pwned&",
    "a|touch pwned",
    "$HOME",
    "back\\slash",
    "new\nline",
    "glob*?[a]",
    "~",
    "-rf",
    "ünïcödé #hash !bang",
];

/// Each name goes through all three quoting places, as an input, an output and a wildcard.
#[test]
fn names_come_out_as_they_are_in_all_quoting_places() {
    let project = Project::new(
        r#"
        rule copy:
            input: "in/{name}.txt"
            output: bare="bare/{name}.txt", single="single/{name}.txt", double="double/{name}.txt", words="words/{name}.txt"
            shell:
                """
                cat {input} > {output.bare}
                cat '{input}' > '{output.single}'
                cat "{input}" > "{output.double}"
                printf '%s|' {wildcards.name} '{wildcards.name}' "{wildcards.name}" "pre-{wildcards.name}-post" > {output.words}
                """
        "#,
    );
    let mut targets = vec!["-j2".to_owned(), "--".to_owned()];
    for (at, name) in NAMES.iter().enumerate() {
        project.write(format!("in/{name}.txt"), &format!("content {at}\n"));
        targets.push(format!("bare/{name}.txt"));
    }
    project.flow_with(&targets).exits(0);
    for (at, name) in NAMES.iter().enumerate() {
        for folder in ["bare", "single", "double"] {
            assert_eq!(
                project.read(&format!("{folder}/{name}.txt")),
                format!("content {at}\n"),
                "{name:?} in {folder}"
            );
        }
        let words = project.read(&format!("words/{name}.txt"));
        assert_eq!(words, format!("{name}|{name}|{name}|pre-{name}-post|"));
    }
    assert!(!project.exists("pwned"), "a name was executed");
    project.flow_with(&targets).exits(0).says("Nothing to do.");
}

#[test]
fn names_reach_bodies_and_actions_as_they_are() {
    let project = Project::new(
        r#"
        rule copy:
            input: "in/{name}.txt"
            output: "out/{name}.txt", more="more/{name}.txt"
            run:
                write_text(read_text(input[0]) + wildcards.name, output[0])
                shell("cat {input} > {output.more}")
        "#,
    );
    let mut targets = vec!["-j2".to_owned(), "--".to_owned()];
    for name in NAMES {
        project.write(format!("in/{name}.txt"), "x\n");
        targets.push(format!("out/{name}.txt"));
    }
    project.flow_with(&targets).exits(0);
    for name in NAMES {
        assert_eq!(project.read(&format!("out/{name}.txt")), format!("x\n{name}"));
        assert_eq!(project.read(&format!("more/{name}.txt")), "x\n");
    }
    assert!(!project.exists("pwned"), "a name was executed");
}

#[test]
fn names_reach_scripts_as_they_are() {
    let project = Project::new(
        r#"
        rule copy:
            input: "in/{name}.txt"
            output: "out/{name}.txt"
            script: "copy.sh"
        "#,
    )
    .file("copy.sh", "cat \"${snakemake_input[0]}\" > \"${snakemake_output[0]}\"\n");
    let mut targets = vec!["-j2".to_owned(), "--".to_owned()];
    for name in NAMES {
        project.write(format!("in/{name}.txt"), "x\n");
        targets.push(format!("out/{name}.txt"));
    }
    project.flow_with(&targets).exits(0);
    for name in NAMES {
        assert_eq!(project.read(&format!("out/{name}.txt")), "x\n", "{name:?}");
    }
    assert!(!project.exists("pwned"), "a name was executed");
}

#[test]
fn found_names_are_quoted_too() {
    let project = Project::new(
        r#"
        NAMES = glob_wildcards("in/{name}.txt").name

        rule all:
            input: expand("out/{name}.txt", name=NAMES), "joined"

        rule copy:
            input: "in/{name}.txt"
            output: "out/{name}.txt"
            shell: "cp -- {input} {output}"

        rule join:
            input: expand("out/{name}.txt", name=NAMES)
            output: "joined"
            shell: "cat {input} > {output}"
        "#,
    );
    for name in NAMES {
        project.write(format!("in/{name}.txt"), "x\n");
    }
    project.flow("-j2").exits(0);
    assert_eq!(project.read("joined").lines().count(), NAMES.len());
    assert!(!project.exists("pwned"), "a name was executed");
    let said = project.flow("-n -F -p").exits(0);
    assert!(!said.stdout.contains("new\nline"), "a name does not break a line of the report");
}

#[test]
fn an_unbalanced_quote_next_to_a_name_is_refused() {
    let project = Project::new(
        r#"
        rule copy:
            input: "in.txt"
            output: "out.txt"
            shell: "cat 'it {input} > {output}"
        "#,
    )
    .file("in.txt", "");
    let ran = project.flow("");
    assert_eq!(ran.code, Some(1));
    assert!(!project.exists("out.txt"));
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let project = Project::new(
        r#"
        rule copy:
            input: "in/{name}.txt"
            output: "out/{name}.txt"
            shell: "cp -- {input} {output}"
        "#,
    );
    let name = "red\u{1b}[31m\u{7}bell";
    project.write(format!("in/{name}.txt"), "x\n");
    let target = format!("out/{name}.txt");
    for arguments in [
        vec!["-n", &target],
        vec!["-p", &target],
        vec!["--why", &target],
        vec!["-S", &target],
        vec!["nothing-\u{1b}[31m"],
    ] {
        let ran = project.flow_with(&arguments);
        assert!(
            !ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'),
            "{arguments:?}: {}{}",
            ran.stdout,
            ran.stderr
        );
    }
    assert!(project.exists(&target));
}

#[test]
fn a_name_that_is_not_utf_8_is_refused_or_passed_over() {
    let project = Project::new(
        r#"
        NAMES = glob_wildcards("in/{name}.txt").name

        rule all:
            input: expand("out/{name}.txt", name=NAMES)

        rule copy:
            input: "in/{name}.txt"
            output: "out/{name}.txt"
            shell: "cp -- {input} {output}"
        "#,
    )
    .file("in/good.txt", "x\n");
    let bad = std::path::Path::new("in").join(raw_name(b"b\xffd.txt"));
    if std::fs::write(project.path(&bad), "x\n").is_err() {
        // A file system that holds UTF-8 only has no such names.
        return;
    }
    let ran = project.flow("-j2");
    ran.exits(1).says("UTF-8").says("in/");
    let target = raw_name(b"out/b\xffd.txt");
    project.flow_with([&target]).exits(2).says("UTF-8");
}

/// Rules that make a file `{name}` in each of the ways that a file can be made.
const WAYS: &str = r#"
    rule command:
        input: "in.txt"
        output: "command/{name}"
        shell: "cat {input} > {output}; echo said"

    rule body:
        input: "in.txt"
        output: "body/{name}"
        run: write_text(read_text(input[0]), output[0])

    rule mixed:
        input: "in.txt"
        output: "mixed/{name}"
        benchmark: "mixed-benchmark/{name}"
        log: "mixed-log/{name}"
        run:
            write_text(read_text(input[0]), output[0])
            shell("echo more >> {output}; echo said > {log}")

    rule script:
        input: "in.txt"
        output: "script/{name}"
        script: "copy.sh"

    rule folder:
        input: "in.txt"
        output: directory("folder/{name}")
        shell: "mkdir {output}; cp {input} {output}/x"

    rule shadow:
        input: "in.txt"
        output: protected("shadow/{name}")
        shadow: "minimal"
        shell: "cat {input} > {output}"

    rule pipe:
        input: "in.txt"
        output: pipe("pipe/{name}")
        shell: "cat {input} > {output}"

    rule piped:
        input: "pipe/{name}"
        output: "piped/{name}"
        shell: "cat {input} > {output}"
"#;

const FOLDERS: [&str; 7] = ["command", "body", "mixed", "script", "folder", "shadow", "piped"];

fn ways() -> Project {
    let script = "cat \"${snakemake_input[0]}\" > \"${snakemake_output[0]}\"\n";
    Project::new(WAYS).file("in.txt", "x\n").file("copy.sh", script)
}

#[test]
fn names_of_255_bytes_are_made_in_every_way_and_longer_ones_are_refused() {
    let project = ways();
    for name in ["n".repeat(255), "é".repeat(127), format!("{}.fits", "n".repeat(250))] {
        let targets: Vec<String> = FOLDERS.iter().map(|folder| format!("{folder}/{name}")).collect();
        project.flow_with([&["-j2".to_owned()], &targets[..]].concat()).exits(0);
        assert!(targets.iter().all(|target| project.exists(target)));
        project.flow_with(&targets).exits(0).says("Nothing to do.");
        for option in ["-S", "--why", "--dag", "-n"] {
            project.flow_with([&[option.to_owned()], &targets[..]].concat()).exits(0);
        }
    }
    let before = project.tree();
    for folder in FOLDERS {
        let ran = project.flow_with([format!("{folder}/{}", "n".repeat(256))]).exits(1);
        ran.says("is too long: 256 bytes, where 255 fit");
    }
    assert_eq!(project.tree().len(), before.len(), "nothing is left of it");
}

#[test]
fn the_longest_paths_are_made_and_longer_ones_are_refused() {
    let project = ways();
    let path = |folder: &str, size: usize| {
        let mut path = format!("{folder}/");
        while path.len() + 202 < size {
            path.push_str(&format!("{}/", "d".repeat(200)));
        }
        format!("{path}{}", "n".repeat(size - path.len()))
    };
    for folder in ["command", "body", "mixed", "script", "piped"] {
        let longest = path(folder, 4085);
        project.flow_with(["-j2", &longest]).exits(0);
        project.flow_with(["-j2", &longest]).exits(0).says("Nothing to do.");
        for size in [4086, 4096, 10_000] {
            let ran = project.flow_with([path(folder, size)]).exits(1);
            ran.says(&format!("is too long: {size} bytes, where 4085 fit"));
        }
    }
}

#[test]
fn an_output_whose_name_is_too_long_is_refused_at_its_place() {
    let project = Project::new(&format!(
        "rule long:\n    output: \"short.txt\", \"{}.txt\"\n    shell: \"touch {{output}}\"\n",
        "n".repeat(300)
    ));
    project.flow("short.txt").exits(1).says("is too long: 304 bytes, where 255 fit").says("--> Rulefile:2:26");
    let project = Project::new(&format!(
        "rule long:\n    input: \"{}/in.txt\"\n    output: \"short.txt\"\n    shell: \"touch {{output}}\"\n",
        "n".repeat(300)
    ));
    project.flow("short.txt").exits(1).says("is too long: 300 bytes, where 255 fit").does_not_say("grows");
}

/// Every byte that a name can have, alone and between others.
#[test]
fn every_byte_of_a_name_comes_out_as_it_is() {
    let project = Project::new(
        r#"
        NAMES = glob_wildcards("in/{name}.txt").name

        rule all:
            input: expand("command/{name}.txt", name=NAMES), expand("body/{name}.txt", name=NAMES)

        rule command:
            input: "in/{name}.txt"
            output: "command/{name}.txt"
            shell: "cat {input} > {output}; printf %s {wildcards.name} >> '{output}'; cat {input} >> \"{output}\""

        rule body:
            input: "command/{name}.txt"
            output: "body/{name}.txt"
            run: write_text(read_text(input[0]) + wildcards.name, output[0])
        "#,
    );
    // Of U+0080 to U+00FF the second byte is each of those that follow a first one; the others take the first ones.
    let letters =
        (1..=255).filter_map(char::from_u32).chain((0x100..0x10_ffff).step_by(0x3333).filter_map(char::from_u32));
    let mut names = Vec::new();
    for letter in letters.filter(|&letter| letter != '/') {
        for name in [format!("{letter}"), format!("a{letter}b")] {
            project.write(format!("in/{name}.txt"), "x\n");
            names.push(name);
        }
    }
    project.flow("-j2").exits(0);
    for name in names {
        let made = project.read(&format!("body/{name}.txt"));
        assert_eq!(made, format!("x\n{name}x\n{name}"), "{name:?}");
    }
    project.flow("-j2").exits(0).says("Nothing to do.");
}
