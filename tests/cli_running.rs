//! Running: what a job gets, what becomes of its outputs and logs, what a failure says, and how many jobs run at a time.

mod support;

use support::Project;

#[test]
fn a_failed_job_is_shown_whole() {
    let project = Project::new(
        r#"
        rule all:
            input: "out/a.txt", "out/b.txt"

        rule make:
            output: "out/{name}.txt"
            params: code=lambda wildcards: 3 if wildcards.name == "a" else 0
            shell:
                "echo half > {output}; echo 'cannot go on' >&2; exit {params.code}"
        "#,
    );
    let ran = project.flow("-j1").exits(1);
    insta::assert_snapshot!(ran.shown());
    assert!(!project.exists("out/a.txt"), "a failed job leaves nothing");
    assert_eq!(project.read(".flow/log/make/a.log"), "cannot go on\n");
}

#[test]
fn keep_going_runs_what_does_not_need_the_failed_job() {
    let rules = r#"
        rule all:
            input: "a2.txt", "b2.txt"

        rule first:
            output: "{name}1.txt"
            shell: "test {wildcards.name} != a && touch {output}"

        rule second:
            input: "{name}1.txt"
            output: "{name}2.txt"
            shell: "cp {input} {output}"
    "#;
    let project = Project::new(rules);
    let ran = project.make("-k -j1").exits(1);
    assert_eq!(ran.jobs(), ["first name=a", "first name=b", "second name=b"]);
    let end = &ran.events_of("ended")[0];
    assert_eq!((&end["done"], &end["not_run"]), (&2.into(), &1.into()));
    assert_eq!(end["failed"][0]["wildcards"][0][1], "a");
    let project = Project::new(rules);
    let ran = project.make("-j1").exits(1);
    assert_eq!(ran.jobs(), ["first name=a"]);
}

#[test]
fn retries_run_a_job_again_with_the_next_attempt() {
    let project = Project::new(
        r#"
        rule flaky:
            output: "out.txt"
            retries: 2
            resources: mem_mb=lambda wildcards, attempt: attempt * 100
            shell: "echo {resources.mem_mb} >> tries.log; test {resources.mem_mb} = 300 && touch {output}"
        "#,
    );
    let ran = project.make("").exits(0);
    assert_eq!(project.read("tries.log"), "100\n200\n300\n");
    let attempts: Vec<_> = ran.events_of("started").iter().map(|event| event["attempt"].clone()).collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert!(ran.events_of("failed").iter().all(|event| event["failure"]["retrying"] == true));

    let project = Project::new("rule a:\n    output: 'a'\n    shell: 'echo x >> tries.log; false'\n");
    project.flow("--retries 1").exits(1).says("trying again");
    assert_eq!(project.read("tries.log"), "x\nx\n");
}

#[test]
fn failures_name_their_cause() {
    for (command, cause) in [
        ("exit 7", "exit code 7"),
        ("kill -SEGV $$", "SIGSEGV"),
        ("true", "out.txt"),
        ("echo $undefined_name", "exit code 1"),
        ("false | true", "exit code 1"),
        ("no_such_program_anywhere", "exit code 127"),
    ] {
        let project = Project::new(&format!("rule a:\n    output: 'out.txt'\n    shell: '{command}'\n"));
        let ran = project.make("").exits(1);
        let found = ran.events_of("failed")[0]["failure"]["cause"].as_str().expect("a cause").to_owned();
        assert!(found.contains(cause), "`{command}`: {found}");
        assert!(!project.exists("out.txt"));
    }
}

#[test]
fn logs_get_what_a_command_says() {
    let project = Project::new(
        r#"
        rule all:
            input: "named.txt", "plain.txt", "own.txt"

        rule named:
            output: "named.txt"
            log: "logs/named.log"
            shell: "echo to named log; echo and errors >&2; touch {output}"

        rule own:
            output: "own.txt"
            log: out="logs/own.out", err="logs/own.err"
            shell: "echo o > {log.out}; echo e > {log.err}; touch {output}"

        rule plain:
            output: "plain.txt"
            shell: "echo said; touch {output}"
        "#,
    );
    let ran = project.flow("-j1").exits(0).does_not_say("said");
    assert!(ran.stdout.is_empty());
    assert_eq!(project.read("logs/named.log"), "to named log\nand errors\n");
    assert_eq!((project.read("logs/own.out"), project.read("logs/own.err")), ("o\n".into(), "e\n".into()));
    assert_eq!(project.read(".flow/log/plain/plain.log"), "said\n");
}

#[test]
fn the_log_of_a_failed_job_stays() {
    let project = Project::new(
        r#"
        rule a:
            output: "a.txt"
            log: "a.log"
            shell: "for i in $(seq 30); do echo line $i; done; false"
        "#,
    );
    project.flow("").exits(1).says("a.log").says("line 30").says("line 11").does_not_say("line 10\n");
    assert_eq!(project.read("a.log").lines().count(), 30);
}

#[test]
fn a_benchmark_is_a_table_in_snakemakes_format() {
    let project = Project::new(
        r#"
        rule a:
            output: "{name}.txt"
            benchmark: "bench/{name}.tsv"
            shell: "touch {output}"
        "#,
    );
    project.flow("x.txt").exits(0);
    let table = project.read("bench/x.tsv");
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"));
    let row: Vec<_> = lines.next().expect("a row").split('\t').collect();
    assert_eq!(row.len(), 10);
    assert!(row[0].parse::<f64>().is_ok() && row[1].starts_with("0:00:"), "{row:?}");
    assert_eq!(lines.next(), None);
}

/// The most jobs that ran at one time, by the order of their events.
fn most_at_a_time(ran: &support::Ran) -> usize {
    let (mut now, mut most) = (0usize, 0);
    for event in ran.events() {
        match event["event"].as_str() {
            Some("started") => now += 1,
            Some("finished" | "failed") => now -= 1,
            _ => {}
        }
        most = most.max(now);
    }
    most
}

const MANY: &str = r#"
    rule all:
        input: expand("{n}.txt", n=range(8))

    rule make:
        output: "{n}.txt"
        threads: THREADS
        resources: stove=1
        shell: "touch {output}"
"#;

#[test]
fn jobs_threads_and_resources_limit_what_runs_at_a_time() {
    for (threads, words, limit) in [
        ("1", "-j3", 3),
        ("1", "-j1", 1),
        ("2", "-j4", 2),
        ("3", "-j4", 1),
        ("9", "-j2", 1),
        ("1", "-j4 --resources stove=2", 2),
        ("1", "-j4 --set-threads make=4", 1),
        ("4", "-j4 --max-threads 2", 2),
        ("1", "-j8 --resources stove=4 --set-resources make:stove=2", 2),
    ] {
        let project = Project::new(&MANY.replace("THREADS", threads));
        let ran = project.make(words).exits(0);
        assert_eq!(ran.jobs().len(), 8);
        let most = most_at_a_time(&ran);
        assert!(most <= limit, "{words} with {threads} threads ran {most} at a time");
    }
    let project = Project::new(&MANY.replace("THREADS", "1"));
    project.flow("--resources stove=0").exits(1).says("needs 1 of `stove`, and there are 0");
}

#[test]
fn default_resources_hold_where_a_rule_says_nothing() {
    let project = Project::new(
        "rule a:\n    output: 'a.txt'\n    shell: 'echo {resources.mem_mb} {resources.runtime} > {output}'\n",
    );
    project.flow("--default-resources mem=1.5GB runtime=2h").exits(0);
    assert_eq!(project.read("a.txt"), "1500 120\n");
}

#[test]
fn jobs_get_a_temporary_folder_that_goes_away() {
    let project = Project::new(
        "rule a:\n    output: 'a.txt'\n    shell: 'test -d {resources.tmpdir} && touch \"$TMPDIR/x\" && echo {resources.tmpdir} > {output}'\n",
    );
    project.flow("").exits(0);
    assert!(!std::path::Path::new(project.read("a.txt").trim()).join("x").exists());
}

#[test]
fn a_script_knows_the_folder_that_it_is_in() {
    let project = Project::new("rule a:\n    output: 'a.txt'\n    script: 'scripts/a.sh'\n")
        .file("scripts/a.sh", "echo ${snakemake[scriptdir]} > ${snakemake_output[0]}\n");
    project.flow("").exits(0);
    assert_eq!(std::path::Path::new(project.read("a.txt").trim()), project.path("scripts"));
}

#[test]
fn a_language_that_is_not_installed_is_named() {
    let project = Project::new("rule a:\n    output: 'a.txt'\n    script: 'a.jl'\n").file("a.jl", "println(1)\n");
    let mut command = project.command("");
    command.env("PATH", project.path("nothing-is-here"));
    project.ran(command).exits(1).says("command not found: julia");
}

#[test]
fn libraries_are_told_their_threads() {
    let project = Project::new(
        "rule a:\n    output: 'a.txt'\n    threads: 2\n    shell: 'echo $OMP_NUM_THREADS $OPENBLAS_NUM_THREADS > {output}'\n",
    );
    project.flow("-j4").exits(0);
    assert_eq!(project.read("a.txt"), "2 2\n");
}

#[test]
fn a_priority_goes_first() {
    let project = Project::new(
        r#"
        rule all:
            input: "low.txt", "high.txt", "mid.txt"

        rule low:
            output: "low.txt"
            shell: "touch {output}"

        rule high:
            output: "high.txt"
            priority: 10
            shell: "touch {output}"

        rule mid:
            output: "mid.txt"
            priority: 5
            shell: "touch {output}"
        "#,
    );
    assert_eq!(project.make("-j1").exits(0).jobs(), ["high", "mid", "low"]);
}

#[test]
fn the_longest_way_goes_first() {
    let project = Project::new(
        r#"
        rule all:
            input: "single.txt", "last.txt"

        rule single:
            output: "single.txt"
            shell: "touch {output}"

        rule first:
            output: "first.txt"
            shell: "touch {output}"

        rule last:
            input: "first.txt"
            output: "last.txt"
            shell: "touch {output}"
        "#,
    );
    assert_eq!(project.make("-j1").exits(0).jobs()[0], "first");
}

const TALKS: &str = r#"
    rule a:
        output: "{name}.txt"
        message: "Making {output} of {wildcards.name} with {threads} threads"
        shell: "echo {wildcards.name} > {output}"
"#;

#[test]
fn messages_commands_and_silence() {
    insta::assert_snapshot!("messages", Project::new(TALKS).flow("-j1 x.txt").exits(0).shown());
    insta::assert_snapshot!("commands", Project::new(TALKS).flow("-j1 -p x.txt").exits(0).shown());
    insta::assert_snapshot!("dry_run_with_commands", Project::new(TALKS).flow("-n -p x.txt").exits(0).shown());
    let quiet = Project::new(TALKS).flow("-j1 -q x.txt").exits(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let fails = TALKS.replace("echo", "false");
    Project::new(&fails).flow("-q x.txt").exits(1).says("failed: a name=x").says("false x > x.txt");
    let silent = Project::new(&fails).flow("-q all x.txt").exits(1);
    assert_eq!(silent.stderr.lines().count(), 1, "{}", silent.stderr);
    assert!(silent.stderr.contains("1 job failed: a name=x"));
}

#[test]
fn events_are_lines_of_json() {
    let ran = Project::new(TALKS).make("-j1 x.txt").exits(0);
    let events: Vec<String> = ran.events().iter().map(|e| e["event"].as_str().expect("a name").to_owned()).collect();
    assert_eq!(events, ["planned", "started", "finished", "ended"]);
    let started = &ran.events()[1];
    assert_eq!(started["message"], "Making x.txt of x with 1 threads");
    assert_eq!(started["command"], "echo x > x.txt");
    assert_eq!(started["outputs"][0], "x.txt");
    assert_eq!(started["reason"], "missing: x.txt");
}

#[test]
fn a_job_has_no_standard_input() {
    let project = Project::new("rule a:\n    output: 'a.txt'\n    shell: 'cat > {output}'\n");
    project.flow("").exits(0);
    assert_eq!(project.read("a.txt"), "");
}

#[test]
fn touching_makes_stale_outputs_fresh_without_running() {
    let project = Project::new("rule a:\n    input: 'in.txt'\n    output: 'a.txt'\n    shell: 'cp {input} {output}'\n")
        .file("in.txt", "1\n");
    project.flow("--touch").exits(0).says("a.txt is not there");
    assert!(!project.exists("a.txt"));
    project.makes("", &["a"]);
    project.write("in.txt", "2\n");
    project.flow("--touch -n").exits(0).prints("would touch a.txt");
    project.flow("--touch -n -q").exits(0).prints("would touch 1 file");
    project.flow("--touch").exits(0).prints("touched a.txt");
    project.makes("", &[]);
    assert_eq!(project.read("a.txt"), "1\n");
    project.flow("--touch").exits(0).prints("Nothing to touch.");
}

fn chain() -> Project {
    let project = Project::new(
        r#"
        rule all:
            input: "b.txt"

        rule a:
            input: "source.txt"
            output: "a.txt"
            shell: "cp {input} {output}"

        rule b:
            input: "a.txt"
            output: "b.txt"
            shell: "cp {input} {output}"
        "#,
    )
    .file("source.txt", "s\n");
    project.makes("", &["a", "b"]);
    project
}

#[test]
fn all_outputs_can_be_deleted_and_nothing_else() {
    let project = chain();
    project.flow("--delete-all-output -n").exits(0).prints("would remove a.txt\nwould remove b.txt");
    assert!(project.exists("a.txt"));
    project.flow("--delete-all-output").exits(0).prints("removed a.txt\nremoved b.txt");
    assert!(!project.exists("a.txt") && !project.exists("b.txt") && project.exists("source.txt"));
    project.makes("", &["a", "b"]);
}

#[test]
fn metadata_can_be_forgotten() {
    let project = chain();
    project.edit("Rulefile", "cp {input} {output}\"\n\nrule b", "cp -p {input} {output}\"\n\nrule b");
    project.flow("-n").exits(0).says("the code has changed");
    project.flow("--cleanup-metadata a.txt nothing.txt").exits(1).says("there is no record of nothing.txt");
    project.makes("", &[]);
    project.flow("--cleanup-metadata a.txt").exits(1).says("there is no record of a.txt");
}

#[test]
fn a_summary_lists_outputs_and_their_states() {
    let project = chain();
    project.stamp("b.txt", 0);
    project.remove("a.txt");
    let text = project.flow("-S").exits(0).stdout;
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0], ["output_file", "date", "rule", "status", "plan"]);
    assert_eq!(rows[1], ["a.txt", "-", "a", "missing", "missing: a.txt"]);
    assert_eq!(rows[2][..2], ["b.txt", "2001-09-09 01:46:40Z"]);
    assert_eq!(rows[2][3], "pending");
}

#[test]
fn graphs_are_drawn_in_all_formats() {
    let project = chain();
    project.edit("source.txt", "s", "t");
    for graph in ["dag", "rulegraph", "filegraph"] {
        for format in ["dot", "mermaid-js", "json", "svg"] {
            let drawn = project.flow(&format!("--{graph} {format}")).exits(0).stdout;
            insta::assert_snapshot!(format!("{graph}_{format}"), drawn);
        }
        let default = project.flow(&format!("--{graph}")).exits(0).stdout;
        assert!(default.starts_with("digraph"), "{default}");
    }
    project.flow("--dag=pdf").exits(2).says("pdf");
}

#[test]
fn scripts_get_their_job() {
    let project = Project::new(
        r#"
        rule python:
            input: "in.txt", named="more.txt"
            output: "python.txt"
            params: n=3, words=["a", "b"]
            threads: 2
            script: "scripts/job.py"
        "#,
    )
    .file("in.txt", "i\n")
    .file("more.txt", "m\n")
    .file(
        "scripts/job.py",
        "with open(snakemake.output[0], 'w') as f:\n    f.write(' '.join([snakemake.input[0], snakemake.input.named, str(snakemake.params.n + 1), \
         ','.join(snakemake.params.words), str(snakemake.threads), snakemake.rule]))\n",
    );
    project.flow("-j2").exits(0);
    assert_eq!(project.read("python.txt"), "in.txt more.txt 4 a,b 2 python");
}

#[test]
fn one_flow_works_in_a_folder_at_a_time_and_a_stale_lock_can_be_removed() {
    let project = chain();
    project.flow("--unlock").exits(0).prints("There is no lock here.");
    project.makes("", &[]);
}

#[test]
fn a_resource_that_is_counted_is_a_number() {
    let project = Project::new("rule a:\n    output: 'a'\n    resources: queue='long'\n    shell: 'touch {output}'\n");
    project.flow("--resources queue=2").exits(1).says("`queue` is counted by --resources").says("the text \"long\"");
    project.flow("").exits(0);
}

#[test]
fn threads_that_a_function_gives_are_each_job_s_own() {
    let project = Project::new(
        r#"
        rule all:
            input: "one.txt", "four.txt", "two.txt"

        rule make:
            output: "{n}.txt"
            threads: lambda wildcards: {"one": 1, "two": 2, "four": 4}[wildcards.n]
            shell: "echo {threads} > {output}"
        "#,
    );
    let ran = project.make("-j4").exits(0);
    let (mut now, mut threads) = (0, std::collections::BTreeMap::new());
    for event in ran.events() {
        match event["event"].as_str() {
            Some("started") => {
                let asked = event["threads"].as_u64().expect("a number");
                threads.insert(event["job"].as_u64(), asked);
                now += asked;
                assert!(now <= 4, "{}", ran.stdout);
            }
            Some("finished") => now -= threads[&event["job"].as_u64()],
            _ => {}
        }
    }
    assert_eq!(threads.values().sum::<u64>(), 7);
}

#[test]
fn a_runtime_without_end_is_none() {
    let project =
        Project::new("rule a:\n    output: 'a.txt'\n    resources: runtime=1e300\n    shell: 'echo a > {output}'\n");
    project.makes("", &["a"]);
}

#[test]
fn a_run_body_is_ended_between_its_actions_when_its_time_is_over() {
    let project = Project::new(
        "rule a:\n    output: 'a.txt'\n    resources: runtime=0\n    run:\n        write_text('a', output[0])\n        write_text('b', output[0])\n",
    );
    project.flow("").exits(1).says("timed out");
    assert!(!project.exists("a.txt"));
}

#[test]
fn a_retry_that_asks_for_too_much_names_what() {
    let project = Project::new(
        r#"
        rule a:
            output: "a.txt"
            retries: 3
            resources: mem_mb=lambda wildcards, attempt: attempt * 100
            shell: "false"
        "#,
    );
    project.flow("--resources mem_mb=150").exits(1).says("needs 200 of `mem_mb`, and there are 150");
}

#[test]
fn the_memory_of_a_small_command_is_not_flow_s_own() {
    let project =
        Project::new("rule a:\n    output: 'a.txt'\n    shell: 'true > {output}; head -c 1 /dev/zero >> {output}'\n");
    let ran = project.make("").exits(0);
    let peak = &ran.events_of("finished")[0]["usage"]["peak_memory"];
    assert!(peak.is_null() || peak.as_u64().is_some_and(|bytes| bytes < 8 << 20), "{peak}");
}

#[test]
fn the_memory_of_a_large_command_is_known() {
    let project = Project::new(
        "rule a:\n    output: 'a.txt'\n    benchmark: 'b.tsv'\n    shell: 'head -c 200000000 /dev/zero | tail -c 150000000 > /dev/null; touch {output}'\n",
    );
    let ran = project.make("").exits(0);
    let peak = ran.events_of("finished")[0]["usage"]["peak_memory"].as_u64();
    assert!(peak.is_some_and(|bytes| bytes > 150_000_000), "{peak:?}");
    let table = project.read("b.tsv");
    let row: Vec<_> = table.lines().nth(1).expect("a row").split('\t').collect();
    assert!(row[2].parse::<f64>().is_ok_and(|mebibytes| mebibytes > 140.0), "{row:?}");
}

#[test]
fn a_closed_standard_error_is_no_fault() {
    let project = Project::new("rule a:\n    output: 'a.txt'\n    shell: 'false'\n");
    let flow = env!("CARGO_BIN_EXE_flow");
    for (words, code) in [("", 1), ("nothing", 1), ("--no-such-option", 2)] {
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", &format!("exec {flow} {words} 2>&-")]).current_dir(project.path("."));
        assert_eq!(bash.status().expect("bash starts").code(), Some(code), "{words}");
    }
}

#[test]
fn braces_for_the_shell_are_no_log() {
    let project = Project::new(
        "rule a:\n    output: 'a.txt'\n    log: 'a.log'\n    shell: 'echo said; echo \"{{log(x)}}\" > {output}'\n",
    );
    project.makes("", &["a"]);
    assert_eq!(project.read("a.log"), "said\n");
}

#[test]
fn a_shell_job_that_fails_names_its_line() {
    let project = Project::new("\nrule a:\n    output: 'a.txt'\n    shell:\n        'false'\n");
    project.flow("").exits(1).says("  rule    Rulefile:4\n").says("failed: a: exit code 1");
}

#[test]
fn an_error_of_an_action_is_told_once() {
    let project = Project::new("rule a:\n    output: 'a.txt'\n    run:\n        fail('no luck today')\n");
    let ran = project.flow("").exits(1);
    assert_eq!(
        ran.stderr.matches("no luck today").count(),
        2,
        "the message, and the line that it points at:\n{}",
        ran.stderr
    );
}

#[test]
fn a_quiet_dry_run_counts() {
    let project = chain();
    let counts = project.flow("-n -q -F").exits(0).stdout;
    assert_eq!(counts, "    jobs  rule\n       1  a\n       1  b\n       2  in all; nothing was done (dry run)\n");
}

#[test]
fn tidying_says_what_was_done() {
    let project = chain();
    project.flow("--delete-temp-output").exits(0).prints("Nothing to remove.");
    project.flow("--cleanup-metadata a.txt").exits(0).prints("forgot the record of a.txt");
}
