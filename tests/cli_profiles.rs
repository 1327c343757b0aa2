//! Profiles, and the amounts and parts that options give: what a file says stands as if it were typed, and what is typed
//! wins.

mod support;

use support::Project;

const SHOW: &str = r#"
    rule all:
        input: "in.txt"
        output: "out.txt"
        threads: 1
        shell: "echo {threads} {resources.mem_mb} {resources.word} > {output}"
"#;

fn show() -> Project {
    Project::new(SHOW).file("in.txt", &"x".repeat(3_000_000))
}

#[test]
fn a_profile_stands_for_what_is_not_typed() {
    let project = show();
    let profile =
        "cores: 2\nset-threads: {all: 2}\nset-resources:\n  all:\n    mem_mb: 2 * input.size_mb\n    word: $GREETING\n";
    project.write("conf/config.yaml", "cores: 1\n");
    project.write("conf/config.v8+.yaml", &profile.replace("$GREETING", "hello"));
    project.write("conf/config.v99+.yaml", "nonsense: 1\n");
    project.flow("--profile conf").exits(0);
    assert_eq!(project.read("out.txt"), "2 6 hello\n");
    project.flow("-F --profile conf --set-threads all=1").exits(0);
    assert_eq!(project.read("out.txt"), "1 6 hello\n");
    project.flow("-F --profile conf/config.v8+.yaml -- out.txt").exits(0);
    project.flow("--profile none-here").exits(2).says("there is no profile none-here");
    let from_it = "Part of it stands in the profile conf/config.v99+.yaml.";
    project.flow("--profile conf/config.v99+.yaml").exits(2).says("nonsense").says(from_it);
    project.write("conf/config.v99+.yaml", "set-threads: {all: many}\n");
    project.flow("--profile conf/config.v99+.yaml").exits(2).says("many").says(from_it);
    let typed = project.flow("--profile conf/config.v99+.yaml --set-threads all=lots").exits(2);
    assert!(!typed.shown().contains(from_it), "{}", typed.shown());
    project.write("conf/config.v8+.yaml", "a: [\n");
    project.flow("--profile conf").exits(2).says("profile conf/config.v8+.yaml");
}

#[test]
fn the_workflows_own_profile_is_found_and_wins() {
    let project = show();
    project.write("profiles/default/config.yaml", "set-resources: {all: {mem_mb: 7, word: own}}\n");
    project.write("other.yaml", "set-resources: {all: {mem_mb: 8, word: other}}\nset-threads: [all=2]\n");
    project.flow("-j2 --profile other.yaml").exits(0);
    assert_eq!(project.read("out.txt"), "2 7 own\n");
    project.flow("-j2 -F --profile other.yaml --workflow-profile none").exits(0);
    assert_eq!(project.read("out.txt"), "2 8 other\n");
}

#[test]
fn a_profile_of_the_workflow_may_have_a_name() {
    for folder in ["profiles/cluster", "workflow/profiles/cluster"] {
        let project = show();
        project.write(format!("{folder}/config.yaml"), "set-resources: {all: {mem_mb: 5, word: named}}\n");
        project.flow("--workflow-profile cluster").exits(0);
        assert_eq!(project.read("out.txt"), "1 5 named\n");
        project.flow("--workflow-profile clutser").exits(2).says("clutser");
    }
}

#[test]
fn amounts_are_values_or_expressions_of_the_job() {
    let project = show();
    project.flow_with(["-j4", "--default-resources", "mem_mb=3 * 1024 + input.size_mb * 0", "word=gpu-long"]).exits(0);
    assert_eq!(project.read("out.txt"), "1 3072 gpu-long\n");
    project.flow_with(["-j4", "-F", "--default-resources", "mem='1.5GB'", "word='a b'"]).exits(0);
    assert_eq!(project.read("out.txt"), "1 1500 a b\n");
    project
        .flow_with(["-F", "--default-resources", "mem_mb=max(input.nothing, 1)", "word=1"])
        .exits(1)
        .says("the expression `max(input.nothing, 1)` fails for rule `all`");
    project.flow_with(["--default-resources", "mem=lots"]).exits(1).says("`lots` is not an amount of mem");
}

#[test]
fn memory_is_shown_in_every_unit() {
    let project = Project::new(
        r#"
        rule all:
            output: "out.txt"
            resources: mem="1.5 GB", disk_mib=1024, runtime="1h 30m"
            shell: "echo {resources.mem} {resources.mem_mb} {resources.mem_mib} {resources.disk_mb} {resources.runtime} > {output}"
        "#,
    );
    project.flow("-j1").exits(0);
    assert_eq!(project.read("out.txt"), "1.5 GB 1500 1431 1074 90\n");
}

const PARTS: &str = r#"
    rule all:
        input: "sum.txt", "else.txt"

    rule sum:
        input: expand("{n}.part", n=range(5))
        output: "sum.txt"
        shell: "cat {input} > {output}"

    rule part:
        output: temp("{n}.part")
        shell: "echo {wildcards.n} > {output}"

    rule other:
        output: "else.txt"
        shell: "touch {output}"
"#;

#[test]
fn a_rule_with_many_inputs_is_made_in_parts() {
    let project = Project::new(PARTS);
    project.makes("--batch sum=1/2", &["part n=0", "part n=1", "other"]);
    assert!(project.exists("0.part") && !project.exists("sum.txt"));
    project.makes("--batch sum=2/2", &["part n=2", "part n=3", "part n=4", "sum"]);
    assert_eq!(project.read("sum.txt"), "0\n1\n2\n3\n4\n");
    let project = Project::new(PARTS);
    project.flow("--batch sum=2/2").exits(1).says("0.part");
    project.flow("--batch sum=1/9").exits(1).says("too few for 9 batches");
    project.flow("--batch sum=3/2").exits(2).says("RULE=I/N");
    project.flow("--batch some=1/2").exits(1).says("there is no rule called `some`");
}

#[test]
fn lists_of_changes_and_of_files_that_nobody_knows() {
    let project = Project::new(
        r#"
        rule all:
            input: "in.txt"
            output: "out.txt"
            params: size=1
            shell: "echo {params.size} > {output}"
        "#,
    )
    .file("in.txt", "a\n")
    .file("notes/stray.txt", "");
    project.flow("-j1").exits(0);
    assert_eq!(project.flow("--list-changes code,params,input").exits(0).stdout, "");
    project.edit("Rulefile", "size=1", "size=2");
    for older in ["--list-changes params", "--list-params-changes", "--lp"] {
        assert_eq!(project.flow(older).exits(0).stdout, "out.txt\n");
    }
    for older in ["--list-changes code,input", "--list-code-changes", "--list-input-changes", "--li"] {
        assert_eq!(project.flow(older).exits(0).stdout, "");
    }
    project.edit("Rulefile", "> {output}", ">> {output}");
    project.flow("-j1 --rerun-triggers params").exits(0);
    project.edit("Rulefile", ">> {output}", "| cat > {output}");
    assert_eq!(project.flow("--list-changes code").exits(0).stdout, "out.txt\n");
    assert_eq!(project.flow("--list-untracked").exits(0).stdout, "notes/stray.txt\n");
}

#[test]
fn options_of_snakemake_that_change_nothing_pass_and_others_do_not() {
    let project = show();
    let passed = "--executor local --scheduler greedy --conda-frontend mamba --max-jobs-per-timespan 2/1s --local-cores 2 \
                  --default-resources mem_mb=1 word=x --jobname x.{rule} out.txt";
    project.flow(passed).exits(0);
    project.flow("--executor htcondor").exits(2).says("--executor htcondor: flow has local, slurm, and cluster");
    project.flow("--executor cluster").exits(2).says("--executor cluster needs --cluster-submit-cmd");
    project.flow_with(["--cluster-submit-cmd", "qsub"]).exits(2).says("--cluster-submit-cmd is for --executor cluster");
    project.flow("--envvars SURELY_NOT_SET").exits(1).says("SURELY_NOT_SET is not set");
    project.flow("--list-target-rules").exits(0).says("all");
    project.flow("--cleanup-shadow").exits(0);
}

#[test]
fn prioritized_targets_go_first_and_all_but_targets_may_be_temporary() {
    let project = Project::new(PARTS);
    let ran = project.make("-j1 --prioritize else.txt").exits(0);
    assert_eq!(ran.jobs()[0], "other");
    let project = Project::new(&PARTS.replace("temp(\"{n}.part\")", "\"{n}.part\""));
    project.make("--all-temp").exits(0);
    assert!(project.exists("sum.txt") && !project.exists("0.part"));
}
