//! `--strict` and real programs: what the shell, compilers, Python and sockets do works as it does without, and what they do beyond
//! their rule's declaration is found. Where the kernel lacks Landlock, or a program is not here, the test says so.

mod support;

use std::process::Command;

use support::Project;
use support::strict::{PLAIN, are_here, deeds, is_possible, job, passes, refuses};

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
fn a_program_on_the_path_may_read_what_was_installed_with_it_and_nothing_beside_that() {
    if !is_possible() {
        return;
    }
    let place = tempfile::tempdir().expect("a temporary folder");
    let prefix = place.path().join("installed");
    for folder in ["bin", "share"] {
        std::fs::create_dir_all(prefix.join(folder)).expect("a folder can be made");
    }
    std::fs::write(prefix.join("share/word"), "hello\n").expect("a file can be written");
    std::fs::write(place.path().join("other"), "other\n").expect("a file can be written");
    let project = Project::new(
        "rule a:\n    output: 'a.txt'\n    shell: 'greet share/word > {output}'\n\n\
         rule b:\n    output: 'b.txt'\n    shell: 'greet ../other > {output}'\n",
    );
    let program = prefix.join("bin/greet");
    project.program("greet", "#!/bin/sh\ncat \"$(dirname \"$0\")/../$1\"\n");
    std::fs::copy(project.path("greet"), &program).expect("a program can be copied");
    project.remove("greet");
    let path = format!("{}:{}", prefix.join("bin").display(), std::env::var("PATH").unwrap_or_default());
    let run = |target: &str| {
        let mut command = project.command(&format!("--strict {target}"));
        command.env("PATH", &path);
        project.ran(command)
    };
    run("a.txt").exits(0);
    assert_eq!(project.read("a.txt"), "hello\n");
    run("b.txt").exits(1).says("other");
    assert!(!project.exists("b.txt"));
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

/// Programs that ask the C library for a file, not for `TMPDIR`; and sockets, which are made without being opened.
#[test]
fn files_without_a_name_and_sockets_are_the_jobs_own() {
    if !is_possible() || !are_here(&["gcc", "python3"]) {
        return;
    }
    let project = job("input: \"temporary\"\noutput: \"out.txt\"", "./temporary > {output}").file(
        "temporary.c",
        "#include <stdio.h>\nint main() { FILE *f = tmpfile(); char b[9]; if (!f) return 1; fputs(\"text\", f); rewind(f);\n\
         return fgets(b, 9, f) && puts(b) >= 0 ? 0 : 2; }\n",
    );
    let at = |name: &str| project.path(name);
    let built = Command::new("gcc").arg("-o").arg(at("temporary")).arg(at("temporary.c")).status().unwrap();
    assert!(built.success());
    passes(&project);
    assert_eq!(project.read("out.txt"), "text\n");
    let bind = |path: &str, then: &str| {
        let script = format!("import socket, os; s = socket.socket(socket.AF_UNIX); s.bind('{path}'); {then}");
        job(PLAIN, &format!("touch {{output}}; python3 -c \"{script}\" "))
    };
    passes(&bind("near.sock", "os.remove('near.sock')"));
    passes(&bind("\\\\0abstract' + str(os.getpid()) + '", ""));
    refuses(&bind("near.sock", ""), &["writes near.sock"]);
    refuses(&bind("data/near.sock", ""), &["writes data/near.sock"]);
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
