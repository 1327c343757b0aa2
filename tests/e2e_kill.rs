//! SIGKILL to flow, and to its whole process group, at two hundred moments that a seeded generator chooses among the
//! events of a run: whatever was half done, the next plain `flow` completes, with the bytes of a clean build.

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use support::Project;
use support::running::Running;

/// How often flow is killed, in all.
const KILLS: u32 = 200;

/// Commands that write in pieces, bodies that write at once, and a folder; each reads what came before.
const RULES: &str = r#"
    N = range(6)

    rule all:
        input: "all.txt", "folder"

    rule source:
        output: "source/{n}.txt"
        shell: "for i in 1 2 3 4 5 6 7 8; do echo {wildcards.n} $i; done > {output}"

    rule body:
        input: "source/{n}.txt"
        output: "body/{n}.txt", "body/{n}.json"
        run:
            text = read_text(input[0])
            write_text(text.replace(" ", "-"), output[0])
            write_json({"n": wildcards.n, "lines": len(text.splitlines())}, output[1])

    rule slow:
        input: "body/{n}.txt"
        output: "slow/{n}.txt", temp("slow/{n}.tmp")
        shell: "cp {input} {output[1]}; head -c 7 {input} > {output[0]}; cat {output[1]} | sort -r >> {output[0]}"

    rule folder:
        input: expand("source/{n}.txt", n=N)
        output: directory("folder")
        shell: "mkdir -p {output}; for f in {input}; do cp $f {output}/; done"

    rule all_of_them:
        input: expand("slow/{n}.txt", n=N), expand("body/{n}.json", n=N)
        output: "all.txt"
        shell: "cat {input} > {output}"
"#;

/// A generator of moments: splitmix64, by Steele, Lea and Flood, "Fast splittable pseudorandom number generators".
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

fn clean_build() -> (BTreeMap<PathBuf, Vec<u8>>, u64) {
    let project = Project::new(RULES);
    let ran = project.make("").exits(0);
    project.make("").exits(0);
    (project.tree(), ran.events().len() as u64)
}

/// Kills runs in one folder after another, each after some number of events and some spins of the processor, until a
/// run gets through; then looks at what is there.
fn survives(seed: u64, kills: u32) {
    let (clean, events) = clean_build();
    let mut moments = Moments(seed);
    let mut killed = 0;
    while killed < kills {
        let project = Project::new(RULES);
        // A few kills in the same folder, so that what one left meets the next.
        for _ in 0..=moments.next(4) {
            let flow = Running::start(project.command("-j2 --log-format json"));
            for _ in 0..moments.next(events) {
                if flow.line().is_none() {
                    break;
                }
            }
            for _ in 0..moments.next(200_000) {
                std::hint::spin_loop();
            }
            flow.signal("KILL", moments.next(2) == 0);
            killed += u32::from(flow.ended().0.is_none());
        }
        let ran = project.make("");
        assert_eq!(ran.code, Some(0), "seed {seed}, kill {killed}: the next run completes\n{}{}", ran.stdout, ran.stderr);
        assert_eq!(project.tree(), clean, "seed {seed}, kill {killed}: the bytes of a clean build");
        let again = project.make("").exits(0);
        assert_eq!(again.jobs(), Vec::<String>::new(), "seed {seed}, kill {killed}: nothing is left to do");
    }
}

#[test]
fn a_killed_flow_is_completed_by_the_next_first_half() {
    survives(1, KILLS / 2);
}

#[test]
fn a_killed_flow_is_completed_by_the_next_second_half() {
    survives(2, KILLS / 2);
}
