//! What is asked for: targets on the command line, default targets, `--until` and `--omit-from`, and where the Rulefile
//! and the working directory are.

mod support;

use support::Project;

/// A line of three, and one that is beside it.
fn line() -> Project {
    Project::new(
        r#"
        rule third:
            input: "two.txt"
            output: "three.txt"
            shell: "cat {input} > {output}; echo 3 >> {output}"

        rule second:
            input: "one.txt"
            output: "two.txt"
            shell: "cat {input} > {output}; echo 2 >> {output}"

        rule first:
            output: "one.txt"
            shell: "echo 1 > {output}"

        rule beside:
            input: "one.txt"
            output: "beside-{name}.txt"
            shell: "cp {input} {output}"
        "#,
    )
}

#[test]
fn without_a_target_the_first_rule_is_made() {
    let project = line();
    project.makes("", &["first", "second", "third"]);
    assert_eq!(project.read("three.txt"), "1\n2\n3\n");
    assert!(!project.exists("beside-x.txt"));
}

#[test]
fn a_target_is_a_rule_or_a_file() {
    line().makes("second", &["first", "second"]);
    line().makes("two.txt", &["first", "second"]);
    line().makes("./two.txt", &["first", "second"]);
    line().makes("first beside-x.txt beside-y.txt", &["first", "beside name=x", "beside name=y"]);
}

#[test]
fn default_target_takes_the_place_of_the_first_rule() {
    let project = line();
    project.edit("Rulefile", "rule second:", "rule second:\n    default_target: True");
    project.makes("", &["first", "second"]);
}

#[test]
fn an_absolute_target_is_the_same_file() {
    let project = line();
    let absolute = project
        .path("two.txt")
        .canonicalize()
        .unwrap_or_else(|_| project.path(".").canonicalize().expect("the folder is there").join("two.txt"));
    let ran = project.flow_with(["--log-format", "json", absolute.to_str().expect("UTF-8")]);
    // Snakemake takes paths as they are written: an absolute one is another file than a relative one.
    ran.exits(1).says("no rule makes");
}

#[test]
fn until_stops_at_a_rule_or_a_file() {
    line().makes("--until second", &["first", "second"]);
    line().makes("-U one.txt", &["first"]);
    line().makes("--until first -- three.txt beside-x.txt", &["first"]);
}

#[test]
fn omit_from_leaves_out_a_rule_and_what_follows() {
    line().makes("--omit-from third", &["first", "second"]);
    line().makes("-O two.txt", &["first"]);
    line().makes("--omit-from second -- three.txt beside-x.txt", &["first", "beside name=x"]);
}

#[test]
fn names_that_are_not_there_are_said() {
    line()
        .flow("--until secnod")
        .exits(1)
        .says("--until: there is no rule called `secnod`")
        .says("did you mean `second`?");
    line().flow("--omit-from nothing").exits(1).says("--omit-from: there is no rule called `nothing`");
    for words in ["-P one.text", "-n -P one.text"] {
        line().flow(words).exits(1).says("--prioritize: there is no rule called `one.text`");
    }
    let swallowed = "all names after --forcerun belong to it: targets go before it, or after `--`";
    line()
        .flow("-R second three.text")
        .exits(1)
        .says("--forcerun: there is no rule called `three.text`")
        .says(swallowed);
    assert!(!line().flow("-R secnod").exits(1).shown().contains(swallowed));
    line()
        .flow("three.text")
        .exits(1)
        .says("no rule makes three.text, and it does not exist")
        .says("makes `three.txt`");
    line().flow("secnod").exits(1).says("there is a rule called `second`");
}

#[test]
fn an_existing_file_that_no_rule_makes_is_nothing_to_do() {
    let project = line().file("source.txt", "s\n");
    project.flow("source.txt").exits(0).says("Nothing to do.");
    project.flow("--why source.txt").exits(0).says("source.txt: a source file, which no rule makes");
}

#[test]
fn the_rulefile_is_found_or_named() {
    let rulefile = "rule a:\n    output: 'a.txt'\n    shell: 'echo a > {output}'\n";
    for place in ["Snakefile", "workflow/Rulefile", "workflow/Snakefile"] {
        let project = Project::new("").file(place, rulefile);
        project.remove("Rulefile");
        project.makes("", &["a"]);
    }
    let project = line().file("other/rules.flow", rulefile);
    project.makes("-s other/rules.flow", &["a"]);
    let project = Project::new("");
    project.remove("Rulefile");
    project.flow("").exits(1).says("there is no Rulefile in").says("flow -s FILE");
}

#[test]
fn a_directory_is_worked_in() {
    let project = line();
    project.makes("-d elsewhere/deep -s Rulefile first", &["first"]);
    assert!(project.exists("elsewhere/deep/one.txt") && !project.exists("one.txt"));
    project.makes("--directory elsewhere/deep --snakefile Rulefile second", &["second"]);
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    line().flow("--no-such-option").exits(2).says("--no-such-option");
    line().flow("-j0").exits(2).says("number from 1");
    line().flow("-n --touch --delete-all-output").exits(2);
}

#[test]
fn help_and_version_are_printed_to_standard_output() {
    let help = line().flow("--help").exits(0);
    assert!(help.stdout.contains("--until") && help.stderr.is_empty());
    line().flow("--version").exits(0).prints(concat!("flow ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn forced_rules_still_count_with_until() {
    let project = line();
    project.makes("", &["first", "second", "third"]);
    project.makes("-F --until second", &["first", "second"]);
    project.makes("-R first --until first", &["first"]);
}

const PASSING: &str = r#"
    rule all:
        input: "end.txt"

    rule start:
        output: temp("middle.txt")
        shell: "echo m > {output}"

    rule end:
        input: "middle.txt"
        output: temp("end.txt")
        shell: "cp {input} {output}"
"#;

#[test]
fn a_temporary_file_that_is_asked_for_stays() {
    let project = Project::new(PASSING);
    project.makes("", &["start", "end"]);
    assert!(project.exists("end.txt") && !project.exists("middle.txt"));
    project.makes("", &[]);
    assert!(project.exists("end.txt"));
}

#[test]
fn until_a_rule_with_a_temporary_output_keeps_it() {
    let project = Project::new(PASSING);
    project.makes("--until start", &["start"]);
    assert!(project.exists("middle.txt"));
    project.makes("--until start", &[]);
    assert!(project.exists("middle.txt"));
    let project = Project::new(PASSING);
    project.makes("--omit-from end", &["start"]);
    assert!(project.exists("middle.txt"));
}

#[test]
fn a_folder_is_made_for_a_run_alone_that_has_a_rulefile() {
    let project = line();
    for words in ["-n -d typo", "--list-rules -d typo", "-d typo", "-n -s Rulefile -d typo", "-s no -d typo"] {
        project.flow(words).exits(1).says("there is no ");
        assert!(!project.exists("typo"), "{words}");
    }
    project.flow("-d typo").exits(1).says("there is no folder typo").says("flow -s FILE -d DIR");
    project.write("sub/Rulefile", "rule x:\n    output: 'x.txt'\n    shell: 'touch {output}'\n");
    project.remove("Rulefile");
    let ran = project.flow("-s Rulefile -d sub").exits(1);
    ran.says("there is no Rulefile Rulefile").says("not from the folder that -d names").says("write -s sub/Rulefile");
    project.makes("-d sub", &["x"]);
}

#[test]
fn words_that_were_meant_for_an_option_are_explained() {
    line().flow("--dag png").exits(1).says("no rule makes png").says("--dag takes one of dot, mermaid-js, json, svg");
    line().flow("-j abc").exits(1).says("no rule makes abc").says("--jobs takes a number or `all`");
    line().flow("--report out.html").exits(2).says("flow --summary");
    line().flow("--use-conda").exits(2).says("start it inside the one that has your programs");
    line().flow("--slurm").exits(2).says("write --executor slurm");
}

#[test]
fn a_resource_that_no_rule_uses_is_told() {
    let project = line();
    project.flow("-n --resources cok=1").exits(0).says("--resources: no rule uses `cok`").does_not_say("did you mean");
    project.edit("Rulefile", "rule third:", "rule third:\n    resources: cook=1");
    project.flow("-n --resources cok=1").exits(0).says("did you mean `cook`?");
    project.flow("-n --resources cook=1").exits(0).does_not_say("warning");
}

#[test]
fn what_an_until_needs_for_itself_alone_is_temporary_all_the_same() {
    let project = line();
    project.edit("Rulefile", "output: \"one.txt\"", "output: temp(\"one.txt\")");
    project.edit("Rulefile", "output: \"two.txt\"", "output: temp(\"two.txt\")");
    project.makes("--until second", &["first", "second"]);
    assert!(project.exists("two.txt"), "it was asked for");
    assert!(!project.exists("one.txt"), "nobody asked for it");
}
