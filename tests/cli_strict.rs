//! `--strict`: a job sees its declared inputs, the system and a temporary folder, and writes its outputs and logs. Whatever
//! else it does to a file of the user's is an error that names the file. Where the kernel lacks Landlock, each test says so.

mod support;

use support::Project;
use support::strict::{PLAIN, deeds, is_possible, job, link, passes, refuses};

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

/// All may write to `/dev`, which is where a disk in memory is.
#[test]
fn a_workflow_on_a_disk_in_memory_is_bound_too() {
    const PLACE: &str = "/dev/shm";
    if !std::path::Path::new(PLACE).is_dir() || !is_possible() {
        return;
    }
    let command = "cat config.txt > {output} || true; echo > /dev/null; head -c 1 /dev/urandom > /dev/null";
    let rulefile = format!("rule all:\n    input: \"in.txt\"\n    output: \"out.txt\"\n    shell: \"{command}\"\n");
    let project = Project::new_in(PLACE, &rulefile).file("in.txt", "input\n").file("config.txt", "secret\n");
    refuses(&project, &["reads config.txt"]);
    project.rulefile(&rulefile.replace("config.txt", "in.txt"));
    project.make("--strict").exits(0);
    // What lies beside it is no more the system's.
    let beside = tempfile::NamedTempFile::new_in(PLACE).unwrap();
    let path = beside.path().display().to_string();
    project.rulefile(&rulefile.replace("cat config.txt", &format!("cat {path}")));
    project.remove("out.txt");
    refuses(&project, &[&format!("reads {path}")]);
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
