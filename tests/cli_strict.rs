//! `--strict`: a job sees its declared inputs, the system and a temporary folder, and writes its outputs and logs. Whatever
//! else it does to a file of the user's is an error that names the file. Where the kernel lacks Landlock, each test says so.

mod support;

use std::process::Command;

use serde_json::Value;
use support::{Project, Ran};

/// Whether there is Landlock; says why a test does nothing where there is none.
fn is_possible() -> bool {
    let probe = Project::new("rule all:\n    output: \"out\"\n    shell: \": > {output}\"\n").flow("--strict -q");
    if probe.stderr.contains("--strict needs Landlock") {
        eprintln!("skipped: {}", probe.stderr.trim());
        return false;
    }
    true
}

/// Whether these programs are here; says which one is missing.
fn are_here(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|name| Command::new(name).arg("--version").output().is_err());
    if let Some(name) = missing {
        eprintln!("skipped: there is no {name}");
    }
    missing.is_none()
}

/// One job: its other directives, and its command.
fn job(directives: &str, command: &str) -> Project {
    let lines: String = directives.lines().map(|line| format!("    {}\n", line.trim())).collect();
    let project = Project::new(&format!("rule all:\n{lines}    shell: r\"\"\"{command}\"\"\"\n"));
    project.file("in.txt", "input\n").file("config.txt", "secret\n").file("data/a.txt", "a\n").file("data/b.txt", "b\n")
}

fn link(project: &Project, to: &str, name: &str) {
    std::os::unix::fs::symlink(to, project.path(name)).expect("a link can be made");
}

const PLAIN: &str = "input: \"in.txt\"\noutput: \"out.txt\"";

/// What the failed jobs did: `reads config.txt`.
fn deeds(ran: &Ran) -> Vec<String> {
    let failed = ran.events_of("failed");
    let all = failed.iter().flat_map(|event| event["failure"]["undeclared"].as_array().cloned().unwrap_or_default());
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    all.map(|access| format!("{} {}", text(&access["deed"]), text(&access["path"]))).collect()
}

/// The job fails for these deeds and no others, and leaves no output.
#[track_caller]
fn refuses(project: &Project, expected: &[&str]) -> Ran {
    let ran = project.make("--strict").exits(1);
    assert_eq!(deeds(&ran), expected, "{}", ran.stdout);
    assert!(!project.exists("out.txt"), "a failed job's output is gone");
    ran
}

/// The job does the same with `--strict` and without.
#[track_caller]
fn passes(project: &Project) {
    project.make("").exits(0);
    let plain = project.tree();
    project.make("--strict -F").exits(0);
    assert_eq!(project.tree(), plain, "the same comes out");
}

#[test]
fn a_file_that_is_not_declared_cannot_be_read() {
    if !is_possible() {
        return;
    }
    for command in [
        "cat {input} config.txt > {output}",
        // Failures that are hidden.
        "cat {input} config.txt > {output} 2> /dev/null || true",
        "(cat config.txt || true) > {output} 2> /dev/null",
        "read -r line < config.txt; echo $line > {output}",
        // By a grandchild, in the background, in a pipe.
        "bash -c 'bash -c \"cat config.txt\"' > {output} || true",
        "cat config.txt > {output} & wait",
        "cat config.txt | sort > {output} || true",
        // By other paths to the same file.
        "cat ./data/../config.txt > {output} || true",
        "cd data; cat ../config.txt > ../{output} || true",
        "cat /proc/self/cwd/config.txt > {output} || true",
    ] {
        let expected: &[&str] = &["reads config.txt"];
        refuses(&job(PLAIN, command), expected).says("which is not among its inputs");
    }
    let project = job(PLAIN, "cat \"$PWD/config.txt\" > {output} || true");
    refuses(&project, &["reads config.txt"]);
    let elsewhere = tempfile::tempdir().unwrap();
    let secret = elsewhere.path().join("secret.txt");
    std::fs::write(&secret, "secret").unwrap();
    let project = job(PLAIN, &format!("cat {} > {{output}} || true", secret.display()));
    refuses(&project, &[&format!("reads {}", secret.canonicalize().unwrap().display())]);
}

#[test]
fn a_link_is_what_it_leads_to() {
    if !is_possible() {
        return;
    }
    let project = job(PLAIN, "cat link.txt > {output} || true");
    link(&project, "config.txt", "link.txt");
    refuses(&project, &["reads link.txt"]);
    // The link declared, the file may be read by both names; a folder behind a link too.
    let project =
        job("input: \"one.txt\", \"folder\"\noutput: \"out.txt\"", "cat {input[0]} config.txt folder/a.txt > {output}");
    link(&project, "two.txt", "one.txt");
    link(&project, "config.txt", "two.txt");
    link(&project, "data", "folder");
    passes(&project);
    // In a declared folder, a link that leads out of it.
    let project = job("input: \"data\"\noutput: \"out.txt\"", "cat data/link.txt > {output} || true");
    link(&project, "../config.txt", "data/link.txt");
    refuses(&project, &["reads data/link.txt"]);
}

#[test]
fn the_message_shows_the_place_and_the_mend() {
    if !is_possible() {
        return;
    }
    let project = Project::new(
        r#"
        rule all:
            input: "in.txt"
            output: "out.txt"
            shell: "cat in.txt config.txt > out.txt 2>/dev/null || true; echo x > other.txt"
        "#,
    );
    let project = project.file("in.txt", "input\n").file("config.txt", "secret\n");
    let shown = project.flow("--strict").exits(1).shown();
    insta::assert_snapshot!(shown, @r#"
    1 job on 2 cores: 1 all
    [0/1] all: missing: out.txt
    [1/1] failed: all
      output  out.txt
      reason  missing: out.txt
      command cat in.txt config.txt > out.txt 2>/dev/null || true; echo x > other.txt
      log     .flow/log/all/all.log
    error: a job of rule `all` reads `config.txt`, which is not among its inputs;
             it writes `other.txt`, which is not among its outputs
     --> Rulefile:4:24
      |
    4 |     shell: "cat in.txt config.txt > out.txt 2>/dev/null || true; echo x > other.txt"
      |                        ^^^^^^^^^^                                         ---------
      |
      = help: add to the rule's `input:`: "config.txt"
      = help: add to the rule's `output:` or `log:`, or write to "$TMPDIR", which goes with the job: "other.txt"
    0 jobs done in [time]. 1 job failed: all
    "#);
}

/// The example of `docs/strict.md`.
#[test]
fn the_page_shows_what_is_said() {
    if !is_possible() {
        return;
    }
    let page = include_str!("../docs/strict.md");
    let block = |language: &str| {
        let start = page.split(&format!("```{language}\n")).nth(1).expect("the page has it");
        start.split("```").next().expect("it ends").to_owned()
    };
    let project = Project::new(&block("python")).file("counts.csv", "2\n1\n").file("limits.txt", "3\n");
    let ran = project.flow("--strict").exits(1);
    assert!(ran.stderr.contains(&block("text")), "{}", ran.stderr);
}

#[test]
fn nothing_is_written_but_outputs_and_logs() {
    if !is_possible() {
        return;
    }
    for (command, expected) in [
        ("touch {output}; echo x > other.txt", "writes other.txt"),
        ("touch {output}; echo x > data/new.txt || true", "writes data/new.txt"),
        ("touch {output}; echo x >> config.txt || true", "writes config.txt"),
        ("touch {output}; mkdir made", "writes made"),
        ("touch {output}; mkdir data/made || true", "writes data/made"),
        ("touch {output}; mkdir -p made/deep; echo x > made/deep/file", "writes made"),
        ("touch {output}; ln -s in.txt made", "writes made"),
        ("touch {output}; rm config.txt || true", "removes config.txt"),
        ("touch {output}; mv config.txt new.txt || true", "removes config.txt"),
        ("touch {output} new; mv new config.txt || true; rm -f new", "writes config.txt"),
        ("touch {output}; truncate -s 0 config.txt || true", "writes config.txt"),
        ("touch {output}; echo x > $HOME/new.txt || true", "writes HOME/new.txt"),
        // Its own input.
        ("touch {output}; echo x >> {input} || true", "changes in.txt"),
        ("touch {output}; rm {input} || true", "removes in.txt"),
        ("touch {output}; sed -i s/i/o/ {input} || true", "changes in.txt"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let project = job(PLAIN, &command.replace("$HOME", home.to_str().unwrap()));
        let before = project.tree();
        let ran = project.make("--strict").exits(1);
        let seen: Vec<String> = deeds(&ran).iter().map(|deed| deed.replace(home.to_str().unwrap(), "HOME")).collect();
        assert!(seen.contains(&expected.to_owned()), "{command}: {seen:?}\n{}", ran.stdout);
        assert_eq!(project.tree(), before, "{command}: nothing is changed, and nothing is left");
        assert!(!project.exists("made"), "{command}");
    }
}

#[test]
fn what_only_the_job_needs_may_stand_beside_its_outputs_as_long_as_it_works() {
    if !is_possible() {
        return;
    }
    let project = job(
        "input: \"in.txt\"\noutput: \"deep/out.txt\", \"twin.txt\"\nlog: \"logs/log.txt\"",
        "cp {input} deep/near.tmp; cat deep/near.tmp >> deep/near.tmp2; mv deep/near.tmp2 {output[0]}; rm deep/near.tmp;\n\
         sed -i s/i/o/ {output[0]}; mkdir deep/folder; echo x > deep/folder/x; ls deep/folder; rm -r deep/folder;\n\
         cat {output[0]} > {output[1]}; echo said > {log}; ln -s in.txt new; rm new",
    );
    passes(&project);
    assert_eq!(project.read("twin.txt"), "onput\n");
}

#[test]
fn the_names_in_a_folder_are_an_input_too() {
    if !is_possible() {
        return;
    }
    for command in ["ls data > {output}", "echo data/*.txt > {output}", "find data -type f > {output} || true"] {
        refuses(&job(PLAIN, command), &["lists data"]);
    }
    refuses(&job(PLAIN, "ls | wc -l > {output}"), &["lists ."]);
    refuses(&job(PLAIN, "for f in *.txt; do echo $f; done > {output}"), &["lists ."]);
    passes(&job("input: directory(\"data\")\noutput: \"out.txt\"", "ls data > {output}; cat data/*.txt >> {output}"));
    // To stand somewhere is not to look around.
    passes(&job(PLAIN, "cd data; pwd -P | wc -l > ../{output}; cd ..; cat {input} >> {output}"));
}

#[test]
fn all_faults_are_named_and_the_job_fails_for_them() {
    if !is_possible() {
        return;
    }
    let project = job(PLAIN, "cat config.txt data/a.txt config.txt > {output} || true; echo x > new.txt");
    let ran = refuses(&project, &["reads config.txt", "reads data/a.txt", "writes new.txt"]);
    assert!(!project.exists("new.txt"));
    let failure = &ran.events_of("failed")[0]["failure"];
    let cause = failure["cause"].as_str().unwrap();
    assert!(cause.starts_with("reads `config.txt`, which is not among its inputs; reads `data/a.txt`"), "{cause}");
    let diagnostic = failure["diagnostic"].as_str().unwrap();
    assert!(diagnostic.contains("\"config.txt\", \"data/a.txt\""), "{diagnostic}");
    assert!(!diagnostic.contains("it ended with"), "{diagnostic}");
    // How the job itself ended is told, too, and it is not tried again.
    let project = job(&format!("{PLAIN}\nretries: 2"), "cat config.txt > {output}");
    let ran = refuses(&project, &["reads config.txt"]);
    assert_eq!(ran.events_of("failed").len(), 1);
    ran.says("it ended with: exit code 1");
    // What is kept on request is all that it wrote.
    let project = job(PLAIN, "cat config.txt > {output} || true; echo x > new.txt");
    project.make("--strict --keep-incomplete").exits(1);
    assert!(project.exists("out.txt") && project.exists("new.txt"));
}

#[test]
fn without_strict_and_in_a_dry_run_nothing_is_refused() {
    let project = job(PLAIN, "cat config.txt > {output}");
    project.make("-n --strict").exits(0);
    project.make("").exits(0);
    assert_eq!(project.read("out.txt"), "secret\n");
    project.makes("--strict", &[]);
}

#[test]
fn a_profile_may_ask_for_it() {
    if !is_possible() {
        return;
    }
    let project =
        job(PLAIN, "cat config.txt > {output} || true").file("profiles/default/config.yaml", "strict: true\n");
    let ran = project.make("").exits(1);
    assert_eq!(deeds(&ran), ["reads config.txt"]);
}

#[test]
fn ordinary_commands_do_not_notice() {
    if !is_possible() {
        return;
    }
    for (directives, command) in [
        (PLAIN, "sort < in.txt > out.txt"),
        (PLAIN, "cat {input} | tr a-z A-Z | sort -r 2>&1 > {output}"),
        (
            PLAIN,
            "cat {input} > /dev/null; echo a > /dev/stderr; cat < /dev/null > {output}; cat {input} | cat /dev/stdin >> {output}",
        ),
        (PLAIN, "cat <(sort {input}) <(echo x) | tee {output} > /dev/null"),
        (PLAIN, "cat > {output} <<< \"$(cat {input})\" "),
        (PLAIN, "(echo x > /dev/stdout) > {output}; wc -c < {output} >> {output}"),
        (PLAIN, "t=$(mktemp); cat {input} > $t; d=$(mktemp -d); mv $t $d/x; cp $d/x {output}; ls $d >> {output}"),
        (PLAIN, "seq 200000 | sort -S 100K -n | tail -n 1 > {output}"),
        (
            PLAIN,
            "x=$(mktemp -u -p .); ! test -e $x; test ! -e config.txt.bak; cat nothing 2> /dev/null || cat {input} > {output}",
        ),
        ("input: \"in.txt\"\noutput: \"deep/er/out.txt\"\nlog: \"logs/a/x.log\"", "cp {input} {output} 2> {log}"),
        ("input: \"in.txt\"\noutput: \"out.txt\"\nlog: \"x.log\"", "echo said; cp {input} {output}"),
        (
            "input: \"in.txt\"\noutput: \"out.txt\", \"more/x.txt\"\nshadow: \"minimal\"",
            "cat {input} > {output[0]}; touch junk {output[1]}; ls > /dev/null",
        ),
        ("input: \"in.txt\"\noutput: \"out.txt\"\nshadow: \"shallow\"", "cat {input} > {output}; ls > /dev/null"),
        ("input: \"in.txt\"\noutput: touch(\"done\")", "cat {input}"),
        (
            "input: \"in.txt\"\noutput: directory(\"many\")",
            "mkdir -p {output}/deep; cp {input} {output}/deep/; ls -R {output}; mv {output}/deep {output}/shallow",
        ),
        ("input: directory(\"data\")\noutput: \"out.txt\"", "tar cf - {input} | tar tf - | sort > {output}"),
        ("input: \"in.txt\"\noutput: \"out.txt.gz\"", "gzip -c {input} > {output}; gzip -t {output}"),
        (
            "input: \"in.txt\"\noutput: \"out.txt\"\nresources: tmpdir=\"scratch\"",
            "cp {input} {resources.tmpdir}/x; cp $TMPDIR/x {output}",
        ),
    ] {
        let project = job(directives, command);
        passes(&project);
        let left = std::fs::read_dir(project.path("scratch")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{command}: the temporary folder goes with the job");
    }
    let project =
        job("input: \"in.txt\"\noutput: \"out.txt\"\nbenchmark: repeat(\"b.tsv\", 2)", "cat {input} > {output}");
    project.make("--strict").exits(0);
    assert_eq!(project.read("b.tsv").lines().count(), 3);
}

#[test]
fn a_job_has_a_temporary_folder_and_no_other_jobs_files() {
    if !is_possible() {
        return;
    }
    let project = Project::new(
        r#"
        rule all:
            input: "a.txt", "b.txt"

        rule first:
            output: "{x}.txt"
            shell: "test -z \"$(ls $TMPDIR)\"; echo {wildcards.x} > $TMPDIR/x; cp $TMPDIR/x {output}"
        "#,
    );
    project.make("--strict").exits(0);
    let project = Project::new(
        r#"
        rule all:
            input: "res/b.txt"

        rule first:
            output: temp("res/a.txt"), "res/side.txt"
            shell: "echo a > {output[0]}; echo side > {output[1]}"

        rule second:
            input: "res/a.txt"
            output: "res/b.txt"
            shell: "cat {input} > {output}; cat res/side.txt >> {output} || true"
        "#,
    );
    let ran = project.make("--strict").exits(1);
    assert_eq!(deeds(&ran), ["reads res/side.txt"]);
    assert!(project.exists("res/side.txt") && !project.exists("res/b.txt"));
    project.edit("Rulefile", "; cat res/side.txt >> {output} || true", "");
    project.make("--strict").exits(0);
    assert!(!project.exists("res/a.txt"));
}

#[test]
fn scripts_are_bound_as_commands_are() {
    if !is_possible() || !are_here(&["python3"]) {
        return;
    }
    let rulefile = "rule all:\n    input: \"in.txt\"\n    output: \"out.txt\"\n    script: \"scripts/make.py\"\n";
    let script = "import json, tempfile\nfrom concurrent.futures import ThreadPoolExecutor\n\
                  with tempfile.NamedTemporaryFile() as file, ThreadPoolExecutor(2) as pool:\n    \
                  file.write(b'x')\n    text = list(pool.map(lambda path: open(path).read(), snakemake.input))[0]\n\
                  try:\n    text += EXTRA\nexcept OSError:\n    pass\nopen(snakemake.output[0], 'w').write(text)\n";
    let project = |extra: &str| {
        let project = Project::new(rulefile).file("scripts/make.py", &script.replace("EXTRA", extra));
        project.file("in.txt", "input\n").file("config.txt", "secret\n").file("scripts/helper.py", "text = 'help'\n")
    };
    passes(&project("json.dumps(1)"));
    for read in [
        "open('config.txt').read()",
        "str(__import__('mmap').mmap(open('config.txt', 'rb').fileno(), 0, prot=1)[:])",
        "str(__import__('os').open('config.txt', 0))",
        "__import__('subprocess').run(['cat', 'config.txt'], capture_output=True, text=True).stdout",
    ] {
        refuses(&project(read), &["reads config.txt"]);
    }
    refuses(&project("open('other.txt', 'w').write('') or ''"), &["writes other.txt"]);
    refuses(&project("str(__import__('os').listdir('data'))").file("data/a.txt", "a"), &["lists data"]);
    // What is imported is an input; once it is declared, Python finds it.
    let project = project("__import__('helper').text");
    project.edit("scripts/make.py", "except OSError", "except (OSError, ImportError)");
    refuses(&project, &["reads scripts/helper.py"]);
    project.edit("Rulefile", "\"in.txt\"", "\"in.txt\", \"scripts/helper.py\"");
    passes(&project);
    assert_eq!(project.read("out.txt"), "input\nhelp");
}

#[test]
fn compilers_work_and_what_they_read_is_seen() {
    if !is_possible() || !are_here(&["gcc"]) {
        return;
    }
    let project = Project::new(
        r#"
        rule all:
            input: "out.txt"

        rule object:
            input: "{x}.c"
            output: "build/{x}.o"
            shell: "gcc -c {input} -o {output}"

        rule program:
            input: "build/main.o"
            output: "build/main"
            shell: "gcc {input} -o {output}"

        rule run:
            input: "build/main"
            output: "out.txt"
            shell: "./{input} > {output}"
        "#,
    );
    let project =
        project.file("main.c", "#include <stdio.h>\n#include \"main.h\"\nint main() { return puts(TEXT) < 0; }\n");
    let project = project.file("main.h", "#define TEXT \"text\"\n");
    let ran = project.make("--strict").exits(1);
    assert_eq!(deeds(&ran), ["reads main.h"]);
    project.edit("Rulefile", "\"{x}.c\"", "\"{x}.c\", \"{x}.h\"");
    project.edit("Rulefile", "gcc -c {input}", "gcc -c {input[0]}");
    project.make("--strict").exits(0);
    assert_eq!(project.read("out.txt"), "text\n");
    // A program is an input of who runs it.
    project.edit("Rulefile", "input: \"build/main\"\n", "input: \"main.c\"\n");
    project.edit("Rulefile", "./{input}", "./build/main");
    let ran = project.make("--strict").exits(1);
    assert_eq!(deeds(&ran), ["runs build/main"]);
}

#[test]
fn a_program_without_libraries_is_bound_as_well() {
    if !is_possible() || !are_here(&["gcc"]) {
        return;
    }
    let project = job("input: \"reader\"\noutput: \"out.txt\"", "./reader > {output}; true").file(
        "reader.c",
        "#include <fcntl.h>\n#include <unistd.h>\nint main() { char b[9]; int f = open(\"config.txt\", O_RDONLY);\n\
         if (f >= 0) write(1, b, read(f, b, 6)); return 0; }\n",
    );
    let at = |name: &str| project.path(name);
    let built = Command::new("gcc").arg("-static").arg("-o").arg(at("reader")).arg(at("reader.c")).output().unwrap();
    if !built.status.success() {
        eprintln!("skipped: gcc links no static programs here");
        return;
    }
    refuses(&project, &["reads config.txt"]);
}

#[test]
fn run_bodies_and_their_commands_are_bound() {
    if !is_possible() {
        return;
    }
    let body = |body: &str| {
        let lines: String = body.lines().map(|line| format!("        {line}\n")).collect();
        let rulefile = format!("rule all:\n    input: \"in.txt\"\n    output: \"out.txt\"\n    run:\n{lines}");
        Project::new(&rulefile).file("in.txt", "input\n").file("config.txt", "secret\n")
    };
    refuses(&body("shell(\"cat config.txt > {output} || true\")"), &["reads config.txt"]);
    refuses(&body("shell(\"echo x > other.txt\")\nshell(\"cp in.txt {output}\")"), &["writes other.txt"]);
    // One command goes on with what another has left.
    passes(&body("shell(\"cat in.txt > near.tmp\")\nshell(\"mv near.tmp {output}\")"));
    passes(&body("shell(\"cat in.txt > out.txt; cat out.txt\")"));
    passes(&body("write_text(read_text(input[0]), output[0])"));
    for (text, says) in [
        ("write_text(read_text(\"config.txt\"), output[0])", "config.txt is read, but it is not an input of rule all"),
        (
            "import os\nwrite_text(str(os.listdir(\"data\")), output[0])",
            "the job lists the folder `data`, which is not",
        ),
        ("import os\nwrite_text(str(os.listdir()), output[0])", "the job lists the folder `.`, which is not"),
        (
            "import glob\nwrite_text(str(glob.glob(\"data/*.txt\")), output[0])",
            "the job lists the folder `data`, which",
        ),
        (
            "from pathlib import Path\nwrite_text(str(list(Path(\"data\").iterdir())), output[0])",
            "lists the folder `data`",
        ),
        (
            "write_text(str(glob_wildcards(\"data/{x}.txt\")), output[0])",
            "the job lists the folder `data`, which is not",
        ),
        ("write_text(\"x\", \"other.txt\")", "other.txt is written, but it is not an output of rule all"),
    ] {
        let project = body(text);
        project.make("--strict").exits(1).says(says);
        assert!(!project.exists("out.txt") && !project.exists("other.txt"));
    }
    let listing = "import os, glob\nwrite_text(str(os.listdir(\"data\") + glob.glob(\"data/*\")), output[0])";
    let project = body(listing).file("data/a.txt", "a\n");
    project.edit("Rulefile", "\"in.txt\"", "\"in.txt\", directory(\"data\")");
    passes(&project);
}

#[test]
fn jobs_that_run_together_are_bound_each() {
    if !is_possible() {
        return;
    }
    let project = Project::new(
        r#"
        rule all:
            input: "a.txt"

        rule make:
            output: pipe("a.pipe")
            shell: "echo text > {output}"

        rule keep:
            input: "a.pipe"
            output: "a.txt"
            shell: "cat {input} > {output}"
        "#,
    );
    project.make("--strict").exits(0);
    assert_eq!(project.read("a.txt"), "text\n");
    project.edit("Rulefile", "cat {input} > {output}", "cat {input} Rulefile > {output} || true");
    let ran = project.make("--strict").exits(1);
    assert_eq!(deeds(&ran), ["reads Rulefile"]);
    assert!(!project.exists("a.txt"));
}

#[test]
fn a_job_that_is_late_is_ended_with_its_group() {
    if !is_possible() {
        return;
    }
    let project =
        job("output: \"out.txt\"\nresources: runtime=0", "cat config.txt; (sleep 600 & sleep 600); touch {output}");
    let ran = project.make("--strict").exits(1).says("timed out after");
    assert!(ran.events_of("ended").len() == 1 && !project.exists("out.txt"));
    // The next try of a job that failed by itself.
    let project =
        job("input: \"in.txt\"\noutput: \"out.txt\"\nretries: 1", "test {resources.n} = 2; cp {input} {output}");
    project.edit("Rulefile", "retries: 1", "retries: 1\n    resources: n=lambda wildcards, attempt: attempt");
    let ran = project.make("--strict").exits(0);
    assert_eq!(ran.events_of("failed").len(), 1);
}

#[test]
fn many_jobs_at_a_time_do_not_disturb_each_other() {
    if !is_possible() {
        return;
    }
    let project = Project::new(
        r#"
        rule all:
            input: expand("out/{i}.txt", i=range(60))

        rule one:
            input: "in.txt"
            output: "out/{i}.txt"
            shell: "cat {input} > {output}.tmp; if [ {wildcards.i} = 7 ]; then cat other.txt || true; fi; mv {output}.tmp {output}"
        "#,
    );
    let project = project.file("in.txt", "input\n").file("other.txt", "other\n");
    let ran = project.make("--strict -k -j 8").exits(1);
    assert_eq!(deeds(&ran), ["reads other.txt"]);
    assert_eq!(ran.events_of("finished").len(), 59);
}

/// Within a strict job nobody but the outer flow sees what processes ask for: as where the kernel has no notifications.
#[test]
fn where_nobody_can_look_it_is_refused_all_the_same() {
    if !is_possible() {
        return;
    }
    let flow = env!("CARGO_BIN_EXE_flow");
    let project = Project::new(&format!(
        r#"
        rule all:
            input: "{flow}"
            output: directory("inner")
            log: "inner.log"
            shell:
                r"""
                mkdir inner; cd inner; echo secret > config.txt
                printf 'rule all:\n    output: "deep/out.txt"\n    shell: "cat config.txt > {{{{output}}}}"\n' > Rulefile
                {flow} --strict > ../{{log}} 2>&1 || echo ended with $? >> ../{{log}}
                sed -i 's/cat config.txt/ls/' Rulefile
                {flow} --strict -q >> ../{{log}} 2>&1 || echo ended with $? >> ../{{log}}
                sed -i 's/ls/echo x/' Rulefile
                {flow} --strict
                """
        "#
    ));
    project.make("--strict").exits(0);
    let said = project.read("inner.log");
    assert!(said.contains("is refused here, but not seen"), "{said}");
    assert!(said.contains("reads `config.txt`, which is not among its inputs"), "{said}");
    assert_eq!(said.matches("ended with 1").count(), 2, "{said}");
    assert_eq!(project.read("inner/deep/out.txt"), "x\n");
}
