//! Jobs on a Slurm cluster: what goes out, what comes back, and what is lost when nodes, the controller, the network or flow
//! itself fail (nothing). On a private cluster of three nodes, where one can be had.

mod support;

use support::running::Running;
use support::{Project, slurm};

/// Four jobs that say that they have begun, and end when `go` is there.
const HELD: &str = r#"
    rule all:
        input: expand("out/{n}.txt", n=range(4))

    rule held:
        output: "out/{n}.txt"
        shell: "echo begun >> began.{wildcards.n}; while ! test -e go; do sleep 0.05; done; echo {wildcards.n} > {output}"
"#;

/// How often the four jobs have begun.
fn beginnings(project: &Project) -> Vec<usize> {
    (0..4).map(|n| project.read(&format!("began.{n}")).lines().count()).collect()
}

fn await_four(project: &Project) {
    (0..4).for_each(|n| project.await_file(&format!("began.{n}")));
}

fn places(ran: &support::Ran) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    ran.events_of("finished").iter().map(|event| (text(&event["ran"]["node"]), text(&event["ran"]["job"]))).collect()
}

#[test]
fn jobs_of_one_shape_go_out_as_one_array_and_ask_for_what_their_rules_say() {
    let Some(slurm) = slurm::shared() else { return };
    let project = Project::new(
        r#"
        rule all:
            input: expand("small/{n}", n=range(6)), expand("large/{n}", n=range(2))

        rule small:
            output: "small/{n}"
            shell: "echo $SLURM_CPUS_PER_TASK ${{SLURM_MEM_PER_NODE:-any}} $SLURM_JOB_PARTITION > {output}"

        rule large:
            output: "large/{n}"
            threads: 2
            resources: mem="300MB", runtime="5m", slurm_partition="short"
            shell: "echo $SLURM_CPUS_PER_TASK ${{SLURM_MEM_PER_NODE:-any}} $SLURM_JOB_PARTITION {threads} > {output}"
        "#,
    );
    let ran = slurm.flow(&project, "-j 20").exits(0);
    let mut arrays: Vec<String> =
        places(&ran).iter().map(|(_, job)| job.split('_').next().unwrap_or_default().to_owned()).collect();
    arrays.sort();
    arrays.dedup();
    assert_eq!(arrays.len(), 2, "{arrays:?}");
    assert_eq!(project.read("small/3"), "1 any main\n");
    assert_eq!(project.read("large/1"), "2 300 short 2\n");
    assert!(slurm.flow(&project, "-j 20").exits(0).jobs().is_empty());
    assert!(!project.exists(".flow/cluster"), "nothing is left of what was submitted");
}

#[test]
fn everything_that_a_job_can_be_runs_there_and_makes_the_same() {
    let Some(slurm) = slurm::shared() else { return };
    let rulefile = r#"
        localrules: here

        rule all:
            input: "count.txt", "here.txt", "field.npy", "folder", "links/b", "climbs.txt", "kept.txt", "log.txt"

        rule numbers:
            output: pipe("numbers.pipe")
            shell: "seq 10 > {output}"

        rule count:
            input: "numbers.pipe"
            output: "count.txt"
            shell: "wc -l < {input} > {output}"

        rule source:
            output: temp("source.txt")
            shell: "echo source > {output}; echo beside > $(dirname {output})/beside.txt"

        rule here:
            input: "source.txt"
            output: "here.txt"
            shell: "cat {input} > {output}; echo ${{SLURM_JOB_ID:-at home}} >> {output}"

        rule field:
            output: "field.npy"
            run: random_field(16, output[0], seed=3)

        rule folder:
            output: directory("folder")
            params: inside=lambda wildcards, output: output[0] + "/deep"
            shell: "mkdir -p {params.inside}; echo x > {params.inside}/x"

        rule links:
            output: a="links/a", b="links/b"
            shell: "echo a > {output.a}; ln -sr {output.a} {output.b}"

        rule climbs:
            output: "climbs.txt"
            log: "logs/climbs.log"
            shell: "echo said >&2; echo literal > climbs.txt"

        rule log:
            input: "climbs.txt"
            output: "log.txt"
            shell: "cat logs/climbs.log > {output}"

        rule kept:
            output: update("kept.txt")
            shell: "echo more >> {output}"
    "#;
    let there = Project::new(rulefile).file("kept.txt", "before\n");
    slurm.flow(&there, "-j 10").exits(0);
    let here = Project::new(rulefile).file("kept.txt", "before\n");
    here.flow("-j4").exits(0);
    assert_eq!(there.tree(), here.tree());
    assert_eq!(there.read("here.txt"), "source\nat home\n");
    assert_eq!(std::fs::read_link(there.path("links/b")).expect("a link").to_string_lossy(), "a");
    assert!(slurm.flow(&there, "").exits(0).jobs().is_empty());
    there.flow("-n").exits(0).says("Nothing to do");
}

#[test]
fn short_jobs_share_a_task_one_after_the_other_or_side_by_side() {
    let Some(slurm) = slurm::shared() else { return };
    let project = Project::new(
        r#"
        rule all:
            input: expand("a/{n}", n=range(6)), expand("b/{n}", n=range(4))

        rule a:
            output: "a/{n}"
            shell: "echo $SLURM_CPUS_PER_TASK > {output}"

        rule b:
            output: "b/{n}"
            group: "pairs"
            shell: "echo $SLURM_CPUS_PER_TASK > {output}"
        "#,
    );
    let ran = slurm.flow(&project, "-j 20 --group-size 3 --group-components pairs=2 --groups b=pairs").exits(0);
    let mut tasks: Vec<String> = places(&ran).into_iter().map(|(_, job)| job).collect();
    tasks.sort();
    tasks.dedup();
    assert_eq!(tasks.len(), 3, "two tasks of three, and one for all of a group: {tasks:?}");
    assert_eq!((project.read("a/0").as_str(), project.read("b/0").as_str()), ("1\n", "2\n"));
}

#[test]
fn jobs_of_a_group_that_need_each_other_are_one_task() {
    let Some(slurm) = slurm::shared() else { return };
    let project = Project::new(
        r#"
        rule all:
            input: expand("b/{n}", n=range(3))

        rule a:
            output: temp("a/{n}")
            group: "pair"
            shell: "echo $SLURM_ARRAY_TASK_ID > {output}"

        rule b:
            input: "a/{n}"
            output: "b/{n}"
            group: "pair"
            threads: 2
            shell: "echo $(cat {input}) $SLURM_ARRAY_TASK_ID $SLURM_CPUS_PER_TASK > {output}"
        "#,
    );
    let ran = slurm.flow(&project, "-j 20").exits(0);
    let tasks: std::collections::BTreeSet<String> = places(&ran).into_iter().map(|(_, job)| job).collect();
    assert_eq!((places(&ran).len(), tasks.len()), (6, 3), "{tasks:?}");
    for n in 0..3 {
        let words = project.read(&format!("b/{n}"));
        let words: Vec<&str> = words.split_whitespace().collect();
        assert_eq!((words[0], words[2]), (words[1], "2"), "{words:?}");
    }
}

#[test]
fn a_failed_job_is_told_with_its_node_and_its_log_and_leaves_nothing() {
    let Some(slurm) = slurm::shared() else { return };
    let project = Project::new(
        r#"
        rule fails:
            output: "out.txt"
            log: "its.log"
            shell: "echo half > {output}; echo reason >&2; exit 7"
        "#,
    )
    .file("out.txt", "old\n");
    let mut command = slurm.command(&project, "-F -j 4 --log-format text");
    command.env("NO_COLOR", "1");
    project.ran(command).exits(1).says("exit code 7").says("ran on  node").says("| reason");
    assert!(!project.exists("out.txt"));
    assert_eq!(project.read("its.log"), "reason\n");
}

#[test]
fn a_flow_that_was_killed_finds_its_jobs_again() {
    let Some(slurm) = slurm::shared() else { return };
    let project = Project::new(HELD);
    let flow = Running::start(slurm.command(&project, "-j 10"));
    await_four(&project);
    flow.signal("KILL", false);
    flow.ended();
    project.write("go", "");
    let ran = slurm.flow(&project, "-j 10").exits(0);
    assert_eq!(ran.jobs().len(), 4);
    assert_eq!(beginnings(&project), [1, 1, 1, 1], "none of them ran twice");
    project.flow("-n").exits(0).says("Nothing to do");
}

#[test]
fn what_ended_while_nobody_looked_is_taken_unless_it_is_other_work_by_now() {
    let Some(slurm) = slurm::shared() else { return };
    for (edit, times) in [(None, 1), (Some("echo other {wildcards.n}"), 2)] {
        let project = Project::new(HELD);
        let flow = Running::start(slurm.command(&project, "-j 10"));
        await_four(&project);
        flow.signal("KILL", false);
        flow.ended();
        project.write("go", "");
        (0..4).for_each(|n| project.await_file(&format!("out/{n}.txt")));
        if let Some(edit) = edit {
            project.edit("Rulefile", "echo {wildcards.n}", edit);
        }
        slurm.flow(&project, "-j 10").exits(0);
        assert_eq!(beginnings(&project), [times; 4]);
        assert_eq!(project.read("out/2.txt"), if edit.is_some() { "other 2\n" } else { "2\n" });
    }
}

#[test]
fn an_interrupted_flow_cancels_what_it_submitted() {
    let Some(slurm) = slurm::shared() else { return };
    let project = Project::new(&HELD.replace("held", "cancelled"));
    let flow = Running::start(slurm.command(&project, "-j 10"));
    await_four(&project);
    flow.signal("INT", false);
    assert_eq!(flow.ended().0, Some(130));
    assert_eq!(slurm.uncancelled("cancelled"), Vec::<String>::new());
    project.write("go", "");
    while !slurm.queue("cancelled").is_empty() {}
    assert!((0..4).all(|n| !project.exists(&format!("out/{n}.txt"))));
    slurm.flow(&project, "-j 10").exits(0);
    assert_eq!(beginnings(&project), [2; 4]);
}

#[test]
fn a_detached_flow_leaves_them_running_for_the_next_or_a_local_one_makes_them_itself() {
    let Some(slurm) = slurm::shared() else { return };
    for elsewhere in [true, false] {
        let name = if elsewhere { "left" } else { "given_up" };
        let project = Project::new(&HELD.replace("held", name));
        let flow = Running::start(slurm.command(&project, "-j 10 --detach"));
        await_four(&project);
        flow.signal("INT", false);
        flow.ended();
        assert_eq!(slurm.queue(name).len(), 4);
        if elsewhere {
            project.write("go", "");
            slurm.flow(&project, "-j 10").exits(0);
            assert_eq!(beginnings(&project), [1; 4]);
        } else {
            let mut local = project.command("-j4");
            local.env("SLURM_CONF", &slurm.conf);
            let local = Running::start(local);
            while project.read("began.0").lines().count() < 2 {}
            assert_eq!(slurm.uncancelled(name), Vec::<String>::new());
            project.write("go", "");
            assert_eq!(local.ended().0, Some(0));
            assert_eq!(beginnings(&project), [2; 4]);
        }
        project.flow("-n").exits(0).says("Nothing to do");
    }
}

#[test]
fn a_job_that_somebody_cancels_is_named_so() {
    let Some(slurm) = slurm::shared() else { return };
    let project = Project::new(&HELD.replace("held", "by_hand"));
    let flow = Running::start(slurm.command(&project, "-j 10 -k -w 1"));
    await_four(&project);
    let first = slurm.queue("by_hand").remove(0);
    slurm.says("scancel", &[&first]);
    while slurm.queue("by_hand").contains(&first) {}
    project.write("go", "");
    let mut failed = Vec::new();
    while let Some(line) = flow.line() {
        failed.extend(line.contains("\"event\":\"failed\"").then_some(line));
    }
    assert_eq!(flow.ended().0, Some(1));
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("CANCELLED") && failed[0].contains(&first), "{failed:?}");
}

#[test]
fn a_job_without_enough_memory_asks_for_more() {
    let Some(slurm) = slurm::shared() else { return };
    let project = Project::new(
        r#"
        rule large:
            output: "large.txt"
            retries: 1
            resources: mem_mb=lambda wildcards, attempt: 40 if attempt == 1 else 1000
            shell:
                "python3 -c 'import time; x = bytearray(200_000_000); time.sleep(2 if {resources.mem_mb} > 40 else 60)';"
                "echo {resources.mem_mb} > {output}"
        "#,
    );
    let ran = slurm.flow(&project, "-w 1").exits(0);
    let failures = ran.events_of("failed");
    assert_eq!(failures.len(), 1);
    assert!(
        failures[0]["failure"]["cause"].as_str().is_some_and(|cause| cause.starts_with("OUT_OF_MEMORY")),
        "{failures:?}"
    );
    assert_eq!(project.read("large.txt"), "1000\n");
}

#[test]
fn a_job_that_takes_too_long_is_named_so() {
    let Some(slurm) = slurm::shared() else { return };
    let project = Project::new(
        r#"
        rule slow:
            output: "slow.txt"
            resources: runtime=1
            shell: "sleep 600; echo > {output}"
        "#,
    );
    let ran = slurm.flow(&project, "-w 1").exits(1);
    let failures = ran.events_of("failed");
    assert!(failures[0]["failure"]["cause"].as_str().is_some_and(|cause| cause.starts_with("TIMEOUT")), "{failures:?}");
}

#[test]
fn a_refused_job_fails_with_what_sbatch_says() {
    let Some(slurm) = slurm::shared() else { return };
    let project = Project::new(
        r#"
        rule refused:
            output: "refused.txt"
            resources: slurm_partition="nosuch"
            shell: "echo > {output}"
        "#,
    );
    let ran = slurm.flow(&project, "").exits(1);
    let failures = ran.events_of("failed");
    assert!(
        failures[0]["failure"]["cause"].as_str().is_some_and(|cause| cause.contains("invalid partition")),
        "{failures:?}"
    );
}

/// An `sbatch` before the real one on the path.
fn with_sbatch(project: &Project, mut command: std::process::Command, text: &str) -> std::process::Command {
    use std::os::unix::fs::PermissionsExt;
    let real = std::env::var("PATH").unwrap_or_default();
    let script = format!("#!/bin/bash\nreal() {{ PATH='{real}' sbatch \"$@\"; }}\n{text}\n");
    project.write("bin/sbatch", &script);
    std::fs::set_permissions(project.path("bin/sbatch"), std::fs::Permissions::from_mode(0o755))
        .expect("it can be made to run");
    command.env("PATH", format!("{}:{real}", project.path("bin").display()));
    command
}

#[test]
fn a_full_queue_takes_them_bit_by_bit() {
    let Some(slurm) = slurm::shared() else { return };
    let project = Project::new(HELD).file("go", "");
    let limited = r#"case "$*" in
        *--array=0-[2-9]*) echo "sbatch: error: QOSMaxSubmitJobPerUserLimit" >&2; exit 1 ;;
        *) echo x >> taken; real "$@" ;;
        esac"#;
    project
        .ran(with_sbatch(&project, slurm.command(&project, "-j 10"), limited))
        .exits(0)
        .says("has no room for more jobs");
    assert_eq!(project.read("taken").lines().count(), 2, "four jobs in two arrays of two");
    assert_eq!(beginnings(&project), [1; 4]);
}

#[test]
fn a_submission_whose_answer_was_lost_is_found_in_the_queue() {
    let Some(slurm) = slurm::shared() else { return };
    let project = Project::new(HELD);
    let lossy = r#"real "$@" > /dev/null; echo "sbatch: error: Socket timed out on send/recv operation" >&2; exit 1"#;
    let flow = Running::start(with_sbatch(&project, slurm.command(&project, "-j 10"), lossy));
    await_four(&project);
    project.write("go", "");
    assert_eq!(flow.ended().0, Some(0));
    assert_eq!(beginnings(&project), [1; 4], "none was submitted twice");
}

#[test]
fn a_node_that_fails_takes_its_jobs_with_it_and_another_one_runs_them() {
    let Some(slurm) = slurm::alone() else { return };
    let project = Project::new(HELD);
    let flow = Running::start(slurm.command(&project, "-j 10 --retries 1 -w 1"));
    await_four(&project);
    slurm.control("fail", &["node1"]);
    project.write("go", "");
    let mut failed = 0;
    while let Some(line) = flow.line() {
        failed += usize::from(line.contains("NODE_FAIL"));
    }
    assert_eq!(flow.ended().0, Some(0));
    assert!(failed > 0, "jobs were on that node");
    assert_eq!(beginnings(&project).iter().sum::<usize>(), 4 + failed);
}

#[test]
fn a_node_that_is_cut_off_and_goes_on_writing_changes_nothing() {
    let Some(slurm) = slurm::alone() else { return };
    let project = Project::new(
        r#"
        rule slow:
            output: "out.txt"
            retries: 1
            params: attempt=lambda wildcards, attempt: attempt
            shell:
                "echo $SLURMD_NODENAME > node.{params.attempt};"
                "if test {params.attempt} = 1; then while ! test -e go; do sleep 0.05; done; fi;"
                "echo {params.attempt} > {output} || true; echo {params.attempt} > ended.{params.attempt}"
        "#,
    );
    let flow = Running::start(slurm.command(&project, "-j 10 -w 1"));
    project.await_file("node.1");
    slurm.control("cut", &[project.read("node.1").trim()]);
    // It takes the controller some seconds to give the node up, and flow as long to ask.
    assert_eq!(flow.ended().0, Some(0));
    assert_eq!(project.read("out.txt"), "2\n");
    project.write("go", "");
    project.await_file("ended.1");
    assert_eq!(project.read("out.txt"), "2\n");
    project.flow("-n").exits(0).says("Nothing to do");
}

#[test]
fn a_controller_that_goes_and_comes_back_loses_nothing() {
    let Some(slurm) = slurm::alone() else { return };
    let project = Project::new(HELD);
    let flow = Running::start(slurm.command(&project, "-j 2"));
    project.await_file("began.0");
    slurm.control("controller", &[]);
    // The first two end, and the others cannot be submitted before the controller is back.
    project.write("go", "");
    project.await_file("out/0.txt");
    slurm.control("start", &[]);
    assert_eq!(flow.ended().0, Some(0));
    assert_eq!(beginnings(&project), [1; 4]);
}
