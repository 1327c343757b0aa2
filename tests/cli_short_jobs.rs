//! Jobs so short that the next one is lined up behind each: they start, fail and end as all others do, within the cores and
//! resources that there are.

mod support;

use std::collections::BTreeMap;

use support::Project;

/// Which jobs ran, in their order, of those that say so.
fn numbers(project: &Project) -> Vec<u32> {
    project.read("ran").lines().map(|line| line.parse().expect("a job's number")).collect()
}

#[test]
fn jobs_that_fail_do_not_hold_up_or_repeat_those_behind_them() {
    let project = Project::new(
        r#"
        rule all:
            input: expand("out/{n}", n=range(90))
        rule work:
            output: "out/{n}"
            retries: 1
            shell: "test $(({wildcards.n} % 7)) != 3 && echo {wildcards.n} > {output}"
        "#,
    );
    let ran = project.make("-j3 -k").exits(1);
    let (mut running, mut most) = (0, 0);
    let mut begun = BTreeMap::<String, usize>::new();
    for event in ran.events() {
        match event["event"].as_str().expect("each has a kind") {
            "started" => {
                running += 1;
                *begun.entry(event["wildcards"][0][1].to_string()).or_default() += 1;
            }
            "finished" | "failed" => running -= 1,
            _ => {}
        }
        most = most.max(running);
    }
    assert_eq!((running, most), (0, 3));
    for n in 0..90 {
        let fails = n % 7 == 3;
        assert_eq!(begun[&format!("\"{n}\"")], if fails { 2 } else { 1 }, "{n} was begun so often");
        assert_eq!(project.exists(&format!("out/{n}")), !fails, "out/{n}");
    }
}

#[test]
fn a_failure_without_keep_going_leaves_what_was_lined_up_undone() {
    let project = Project::new(
        r#"
        rule all:
            input: expand("out/{n}", n=range(40))
        rule work:
            output: "out/{n}"
            shell: "echo {wildcards.n} >> ran; test {wildcards.n} != 20 && touch {output}"
        "#,
    );
    project.flow("-j1").exits(1).says("1 job failed: work n=20");
    assert_eq!(numbers(&project), (0..=20).collect::<Vec<_>>());
}

#[test]
fn a_resource_of_one_is_held_by_one() {
    let project = Project::new(
        r#"
        rule all:
            input: expand("out/{n}", n=range(60))
        rule work:
            output: "out/{n}"
            resources: licence=1
            shell: "mkdir licence && touch {output} && rmdir licence"
        "#,
    );
    project.flow("-j4 --resources licence=1").exits(0);
}

#[test]
fn the_order_on_one_core_is_the_same_whether_jobs_are_short_or_not() {
    let project = Project::new(
        r#"
        rule all:
            input: expand("last/{n}", n=range(8))
        rule first:
            output: temp("first/{n}")
            shell: "echo first {wildcards.n} >> ran; touch {output}"
        rule last:
            input: "first/{n}"
            output: "last/{n}"
            shell: "echo last {wildcards.n} >> ran; touch {output}"
        "#,
    );
    project.flow("-j1").exits(0);
    // What lets a temp() file go comes before what makes another one.
    let expected: Vec<String> = (0..8).flat_map(|n| [format!("first {n}"), format!("last {n}")]).collect();
    assert_eq!(project.read("ran").lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_job_that_cannot_be_prepared_fails_when_its_turn_has_come() {
    let project = Project::new(
        r#"
        def size(wildcards):
            if wildcards.n == "30":
                fail("no size")
            return 1

        rule all:
            input: expand("out/{n}", n=range(40))
        rule work:
            output: "out/{n}"
            params: size=size
            shell: "echo {wildcards.n} >> ran; touch {output}"
        "#,
    );
    project.flow("-j1").exits(1).says("no size");
    assert_eq!(numbers(&project), (0..30).collect::<Vec<_>>());
}

#[test]
fn jobs_lined_up_behind_one_that_waits_for_them_go_elsewhere() {
    let project = Project::new(
        r#"
        rule all:
            input: expand("out/{n}", n=range(40))
        rule work:
            output: "out/{n}"
            shell: "if test {wildcards.n} = 10; then until test -e out/39; do :; done; fi; touch {output}"
        "#,
    );
    project.flow("-j2").exits(0);
}

#[test]
fn what_a_checkpoint_makes_known_comes_before_what_is_less_urgent() {
    let project = Project::new(
        r#"
        def found(wildcards):
            checkpoints.look.get(place="1")
            return "urgent"

        rule all:
            input: found, expand("early/{n}", n=range(9)), expand("late/{n}", n=range(9))
        rule early:
            output: "early/{n}"
            priority: 2
            shell: "echo early >> ran; touch {output}"
        checkpoint look:
            input: lambda wildcards: "looked/0" if wildcards.place == "1" else []
            output: "looked/{place}"
            priority: 1
            shell: "echo look >> ran; touch {output}"
        rule urgent:
            output: "urgent"
            priority: 3
            shell: "echo urgent >> ran; touch {output}"
        rule late:
            output: "late/{n}"
            shell: "echo late >> ran; touch {output}"
        "#,
    );
    project.flow("-j1").exits(0);
    let expected = [["early"; 9].as_slice(), &["look", "look", "urgent"], &["late"; 9]].concat();
    assert_eq!(project.read("ran").lines().collect::<Vec<_>>(), expected);
}
