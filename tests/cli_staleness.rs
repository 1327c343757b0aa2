//! What makes a job stale and what does not, and what `--why` says of it: edits of files and of the Rulefile, one after
//! the other, each followed by exactly the jobs that it calls for.

mod support;

use support::Project;
use support::samples::{ALL, samples};

#[test]
fn a_second_run_has_nothing_to_do() {
    let project = samples();
    let ran = project.makes("", &[]);
    assert_eq!(ran.events().len(), 1, "{}", ran.stdout);
    let said = project.flow("").exits(0);
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", "Nothing to do.\n"));
    project.flow("-n").exits(0).prints("Nothing to do.");
    project.flow("--why").exits(0).prints("Nothing to do: everything is up to date.");
    project.flow("--why double/a.txt").exits(0).prints("double (sample=a): up to date");
}

#[test]
fn a_touched_input_with_the_same_content_changes_nothing() {
    let project = samples();
    project.write("raw/a.txt", "2\n1\n");
    project
        .flow("--why double/a.txt")
        .exits(0)
        .prints("double (sample=a): up to date; stamps differ, and the contents are the same");
    project.makes("", &[]);
    project.flow("--why double/a.txt").exits(0).prints("double (sample=a): up to date");
}

#[test]
fn a_changed_input_remakes_what_follows_from_it() {
    let project = samples();
    project.write("raw/a.txt", "7\n1\n5\n");
    project.flow("--why").exits(0).says("double (sample=a): input raw/a.txt has changed: 4 → 6 bytes");
    let ran = project.makes("", &["double sample=a", "sort sample=a", "join"]);
    assert_eq!(ran.reason("sort sample=a"), "input remade: double/a.txt");
    project.makes("", &[]);
}

#[test]
fn an_input_of_another_content_and_the_same_size_and_time_is_not_taken_for_the_old_one() {
    let project = samples();
    project.write("raw/a.txt", "1\n2\n");
    project.stamp("raw/a.txt", 1);
    let ran = project.make("").exits(0);
    assert!(ran.jobs().len() <= 3, "{}", ran.stdout);
}

#[test]
fn a_changed_parameter_remakes_all_its_jobs_and_why_shows_both_values() {
    let project = samples();
    project.edit("Rulefile", "size=50", "size=51");
    project.flow("--why double/a.txt").exits(0).prints(
        "
        double (sample=a): the params have changed
            size  50 → 51
        ",
    );
    let ran = project.makes("", &ALL);
    assert_eq!(ran.reason("double sample=b"), "the params have changed");
    assert!(project.read("all.txt").contains("51"));
}

#[test]
fn a_parameter_that_comes_and_one_that_goes_are_both_shown() {
    let project = samples();
    project.edit("Rulefile", "params: size=50", "params: size=50, mode='fast', extra=[1, 2]");
    project.flow("--why double/a.txt").exits(0).prints(
        r#"
        double (sample=a): the params have changed
            extra  (none) → [1,2]
            mode   (none) → "fast"
        "#,
    );
}

#[test]
fn comments_and_white_space_do_not_count() {
    let project = samples();
    project.edit("Rulefile", "rule double:", "# twice\nrule double:  # the same, twice");
    project.makes("", &[]);
    project.edit("Rulefile", r#""cat {input} {input} > {output}; echo"#, r#""cat  {input}  {input} >  {output}; echo"#);
    project.makes("", &[]);
    project.edit(
        "Rulefile",
        r#""sort {input} > {output}""#,
        "'''\n        # in order\n        sort {input} > {output}\n        '''",
    );
    project.makes("", &[]);
}

#[test]
fn comments_and_white_space_in_a_body_do_not_count() {
    let project = Project::new(
        r#"
        rule shout:
            input: "a.txt"
            output: "b.txt"
            run:
                text = read_text(input[0])
                write_text(text.upper(), output[0])
        "#,
    )
    .file("a.txt", "hello\n");
    project.makes("", &["shout"]);
    assert_eq!(project.read("b.txt"), "HELLO\n");
    project.edit(
        "Rulefile",
        "        text = read_text(input[0])",
        "        # loud\n        text  =  read_text( input[0] )   # all of it\n",
    );
    project.makes("", &[]);
    project.edit("Rulefile", "text.upper()", "text.upper() + '!'");
    let why = project.flow("--why").exits(0).says("shout: the code has changed");
    assert!(why.stdout.contains("+ ") && why.stdout.contains("- "), "{}", why.stdout);
    project.makes("", &["shout"]);
}

#[test]
fn changed_code_is_shown_line_by_line() {
    let project = samples();
    project.edit("Rulefile", "sort {input}", "sort -r {input}");
    project.flow("--why sorted/a.txt").exits(0).prints(
        "
        sort (sample=a): the code has changed
            - sort {input} > {output}
            + sort -r {input} > {output}
        ",
    );
    project.makes("", &["sort sample=a", "sort sample=b", "join"]);
}

#[test]
fn a_changed_script_is_a_reason() {
    let project = Project::new(
        r#"
        rule shout:
            input: "a.txt"
            output: "b.txt"
            script: "shout.sh"
        "#,
    )
    .file("a.txt", "hello\n")
    .file("shout.sh", "tr a-z A-Z < ${snakemake_input[0]} > ${snakemake_output[0]}\n");
    project.makes("", &["shout"]);
    project.write(
        "shout.sh",
        "tr a-z A-Z < ${snakemake_input[0]} > ${snakemake_output[0]}; echo END >> ${snakemake_output[0]}\n",
    );
    project.flow("--why").exits(0).prints("shout: script shout.sh has changed");
    project.makes("", &["shout"]);
    assert_eq!(project.read("b.txt"), "HELLO\nEND\n");
}

#[test]
fn each_job_has_the_script_that_its_wildcards_and_params_name() {
    let project = Project::new(
        r#"
        rule all:
            input: "out/upper.txt", "out/lower.txt"
        rule change:
            input: "a.txt"
            output: "out/{how}.txt"
            params: folder="bodies"
            script: "{params.folder}/{wildcards.how}.sh"
        "#,
    )
    .file("a.txt", "Hello\n")
    .file("bodies/upper.sh", "tr a-z A-Z < ${snakemake_input[0]} > ${snakemake_output[0]}\n")
    .file("bodies/lower.sh", "tr A-Z a-z < ${snakemake_input[0]} > ${snakemake_output[0]}\n");
    project.flow("-n -p out/lower.txt").exits(0).says("bodies/lower.sh");
    project.makes("", &["change how=lower", "change how=upper"]);
    assert_eq!((project.read("out/upper.txt"), project.read("out/lower.txt")), ("HELLO\n".into(), "hello\n".into()));
    project.write("bodies/notes.txt", "");
    assert_eq!(project.flow("--list-untracked").exits(0).stdout, "bodies/notes.txt\n");
    project.write("bodies/lower.sh", "tr A-Z a-m < ${snakemake_input[0]} > ${snakemake_output[0]}\n");
    project.flow("--why").exits(0).prints("change (how=lower): script bodies/lower.sh has changed");
    project.makes("", &["change how=lower"]);
    project.edit("Rulefile", "folder=\"bodies\"", "folder=\"elsewhere\"");
    project.flow("").exits(1).says("cannot read script elsewhere/").says("relative to the file");
}

#[test]
fn what_is_read_from_temporary_files_that_have_gone_is_as_it_was() {
    for (params, script) in [("", "{wildcards.x}.sh"), ("params: n=lambda w, input: read_text(input[0])", "s.sh")] {
        let project = Project::new(&format!(
            r#"
        rule use:
            input: "{{x}}.sh"
            output: "{{x}}.txt"
            {params}
            script: "{script}"
        rule make:
            input: "source.txt"
            output: temp("{{x}}.sh")
            shell: "cat {{input}} > {{output}}"
        "#
        ))
        .file("source.txt", "echo 5 > ${snakemake_output[0]}\n")
        .file("s.sh", "echo 5 > ${snakemake_output[0]}\n");
        project.makes("a.txt", &["make x=a", "use x=a"]);
        project.makes("a.txt", &[]);
        project.write("source.txt", "echo 6 > ${snakemake_output[0]}\n");
        project.makes("a.txt", &["make x=a", "use x=a"]);
        project.makes("a.txt", &[]);
    }
}

#[test]
fn a_script_that_is_neither_there_nor_made_is_told_before_anything_is_run() {
    let project = Project::new(
        r#"
        rule all:
            input: "in.txt"
            output: "out.txt"
            script: "nowhere.sh"
        rule make:
            output: "in.txt"
            shell: "touch {output}"
        "#,
    );
    project.flow("").exits(1).says("there is no script nowhere.sh");
    assert!(!project.exists("in.txt"));
}

#[test]
fn a_script_that_depends_on_the_threads_is_found_when_they_are_known() {
    let project = Project::new(
        r#"
        rule count:
            output: "out.txt"
            params: suffix=lambda wildcards, threads: "sh" if threads else "py"
            threads: 2
            script: "count.{params.suffix}"
        "#,
    )
    .file("count.sh", "echo ${snakemake[threads]} > ${snakemake_output[0]}\n");
    project.makes("-j2", &["count"]);
    assert_eq!(project.read("out.txt"), "2\n");
}

#[test]
fn another_set_of_inputs_is_a_reason() {
    let project = samples();
    project.write("raw/c.txt", "0\n");
    project.edit("Rulefile", r#"["a", "b"]"#, r#"["a", "c"]"#);
    project.flow("--why all.txt").exits(0).says("join: new input: sorted/c.txt; no longer used: sorted/b.txt");
    project.makes("", &["double sample=c", "sort sample=c", "join"]);
    project.edit("Rulefile", r#"["a", "c"]"#, r#"["c", "a"]"#);
    project.flow("--why all.txt").exits(0).prints("join: the inputs are in another order");
    project.makes("", &["join"]);
    project.edit("Rulefile", r#"["c", "a"]"#, r#"["c"]"#);
    project.flow("--why all.txt").exits(0).says("input no longer used: sorted/a.txt");
}

#[test]
fn an_output_changed_behind_our_back_is_made_again() {
    let project = samples();
    project.write("sorted/a.txt", "tampered\n");
    project
        .flow("--why sorted/a.txt")
        .exits(0)
        .says("sort (sample=a): output sorted/a.txt was changed since it was made");
    let ran = project.makes("", &["sort sample=a"]);
    assert!(ran.events_of("cut_off").len() == 1, "the same content came again:\n{}", ran.stdout);
}

#[test]
fn a_deleted_output_is_made_again() {
    let project = samples();
    project.remove("sorted/b.txt");
    let ran = project.makes("", &["sort sample=b"]);
    assert_eq!(ran.reason("sort sample=b"), "missing: sorted/b.txt");
    project.remove("double/a.txt");
    project.makes("", &["double sample=a"]);
}

#[test]
fn an_output_that_comes_out_the_same_stops_the_wave() {
    let project = samples();
    // Sorting makes the change of order vanish.
    project.write("raw/a.txt", "1\n2\n");
    let ran = project.makes("", &["double sample=a", "sort sample=a"]);
    assert_eq!(ran.events_of("cut_off").len(), 1);
    assert_eq!(ran.events_of("ended")[0]["cut_off"], 1);
    project.makes("", &[]);
}

#[test]
fn the_dry_run_marks_what_may_come_out_the_same() {
    let project = samples();
    project.write("raw/a.txt", "1\n2\n");
    project.flow("-n").exits(0).prints(
        "
        double (sample=a): input raw/a.txt has changed: newer by 2.0 s
        sort (sample=a): input remade: double/a.txt (unless it comes out the same)
        join: input remade: sorted/a.txt (unless it comes out the same)

            jobs  rule
               1  double
               1  sort
               1  join
               3  in all; nothing was done (dry run)
        ",
    );
}

#[test]
fn without_a_record_a_newer_input_makes_a_job_stale_and_an_equal_time_does_not() {
    let project = Project::new(
        r#"
        rule copy:
            input: "in.txt"
            output: "out.txt"
            shell: "cp {input} {output}"
        "#,
    )
    .file("in.txt", "i\n")
    .file("out.txt", "o\n");
    project.stamp("in.txt", 100);
    project.stamp("out.txt", 100);
    project.makes("", &[]);
    project.stamp("in.txt", 103);
    project.flow("--why").exits(0).prints("copy: input in.txt is newer than out.txt by 3.0 s");
    project.makes("", &["copy"]);
    assert_eq!(project.read("out.txt"), "i\n");
}

#[test]
fn an_output_that_another_program_made_is_newer_and_fresh() {
    let project = Project::new(
        r#"
        rule copy:
            input: "in.txt"
            output: "out.txt"
            shell: "cp {input} {output}"
        "#,
    )
    .file("in.txt", "i\n")
    .file("out.txt", "o\n");
    project.makes("", &[]);
    project.flow("--why out.txt").exits(0).prints("copy: up to date");
}

#[test]
fn a_job_that_failed_is_run_again() {
    let project = Project::new(
        r#"
        rule copy:
            input: "in.txt"
            output: "out.txt"
            shell: "cp {input} {output}; grep -q good {input}"
        "#,
    )
    .file("in.txt", "bad\n");
    project.make("").exits(1);
    assert!(!project.exists("out.txt"));
    project.make("").exits(1);
    project.write("in.txt", "good\n");
    project.makes("", &["copy"]);
}

#[test]
fn configuration_counts_where_it_is_used() {
    let project = Project::new(
        r#"
        rule a:
            output: "a.txt"
            params: level=config.get("level", 1)
            shell: "echo {params.level} > {output}"

        rule b:
            output: "b.txt"
            shell: "echo {config[word]} > {output}"
        "#,
    );
    project.makes("-C word=x -- a.txt b.txt", &["a", "b"]);
    project.makes("-C word=x level=2 -- a.txt b.txt", &["a"]);
    project.makes("-C word=x level=2 other=3 -- a.txt b.txt", &[]);
}

/// A temporary file that two jobs read; one of them fails while the switch says so.
fn two_readers() -> Project {
    Project::new(
        r#"
        rule all:
            input: "c", "d"

        rule p:
            input: "in"
            output: temp("t")
            shell: "cat {input} > {output}"

        rule c:
            input: "t"
            output: "c"
            shell: "cat {input} > {output}"

        rule d:
            input: "t"
            output: "d"
            priority: 9
            shell: "cat {input} > {output}; test -e on"
        "#,
    )
    .file("in", "one\n")
    .file("on", "")
}

#[test]
fn a_temporary_file_that_was_made_anew_is_a_change_though_it_is_gone() {
    for between in [&["d"][..], &["-U p"], &["-O c"], &["t", "--delete-temp-output"]] {
        let project = two_readers();
        project.makes("", &["p", "c", "d"]);
        project.write("in", "two\n");
        for words in between {
            project.make(words).exits(0);
        }
        project.make("").exits(0);
        assert_eq!((project.read("c"), project.read("d")), ("two\n".into(), "two\n".into()), "after {between:?}");
        assert!(!project.exists("t"), "after {between:?}");
        project.makes("", &[]);
    }
}

#[test]
fn a_temporary_file_whose_other_reader_failed_is_a_change_though_it_is_gone() {
    let project = two_readers();
    project.makes("", &["p", "c", "d"]);
    project.write("in", "two\n");
    project.remove("on");
    project.make("-j1").exits(1);
    project.write("on", "");
    project.make("d").exits(0);
    project.make("").exits(0);
    assert_eq!((project.read("c"), project.read("d")), ("two\n".into(), "two\n".into()));
    project.makes("", &[]);
}

#[test]
fn a_temporary_file_that_is_missing_on_the_first_run_is_not_needed_again() {
    let project = two_readers();
    assert_eq!(project.makes("", &["p", "c", "d"]).reason("p"), "missing: t");
    project.remove("c");
    assert_eq!(project.makes("", &["p", "c"]).reason("p"), "temporary t is needed again");
}

#[test]
fn text_inside_a_substitution_counts() {
    let project = Project::new(
        r#"
        rule count:
            input: "in.txt"
            output: "out.txt"
            shell: """x="$(grep -o " #1" {input} | wc -l)"; echo $x "$(echo "a  b")" > {output}"""
        "#,
    )
    .file("in.txt", "a #1 #2 #2\n");
    project.makes("", &["count"]);
    assert_eq!(project.read("out.txt"), "1 a  b\n");
    project.edit("Rulefile", "#1", "#2");
    project.makes("", &["count"]);
    project.edit("Rulefile", "a  b", "a b");
    project.makes("", &["count"]);
    assert_eq!(project.read("out.txt"), "2 a b\n");
}

#[test]
fn what_a_parameter_was_when_the_job_began_is_what_it_used() {
    let project = Project::new(
        r#"
        rule a:
            output: "a.txt"
            params: n=lambda wildcards: read_text("n.txt").strip()
            shell: "echo {params.n} > {output}; echo 2 > n.txt"
        "#,
    )
    .file("n.txt", "1\n");
    project.makes("", &["a"]);
    project.makes("", &["a"]);
    assert_eq!(project.read("a.txt"), "2\n");
    project.makes("", &[]);
}

#[test]
fn names_of_files_are_part_of_a_job() {
    let project = Project::new(
        r#"
        rule a:
            input: a="x", b="y"
            output: "o"
            shell: "cat {input.a} {input.b} > {output}"
        "#,
    )
    .file("x", "x\n")
    .file("y", "y\n");
    project.makes("", &["a"]);
    project.edit("Rulefile", r#"a="x", b="y""#, r#"b="x", a="y""#);
    project.flow("--why").exits(0).prints(
        r#"
        a: the names of its files have changed
            input.a  "x" → "y"
            input.b  "y" → "x"
        "#,
    );
    project.makes("", &["a"]);
    assert_eq!(project.read("o"), "y\nx\n");
    project.makes("", &[]);
}

#[test]
fn wildcards_that_the_code_looks_at_are_part_of_a_job() {
    let project = Project::new(
        r#"
        rule a:
            output: "{a}-{b}.txt"
            shell: "echo {wildcards.a} > {output}"
        "#,
    );
    project.makes("x-y.txt", &["a a=x b=y"]);
    project.edit("Rulefile", "{a}-{b}", "{b}-{a}");
    project.flow("--why x-y.txt").exits(0).says("the wildcards have changed").says("a  \"x\" → \"y\"");
    project.makes("x-y.txt", &["a b=x a=y"]);
    assert_eq!(project.read("x-y.txt"), "y\n");
    project.makes("x-y.txt", &[]);
}

#[test]
fn no_value_of_a_parameter_is_lost() {
    let project = Project::new(
        r#"
        size = 3

        rule a:
            output: "o"
            params: size=float(config["n"]), other=config.get("m")
            shell: "echo {params.size} {size} {params.other} > {output}"
        "#,
    );
    let mut known = Vec::new();
    for value in ["inf", "-inf", "nan", "1", "2"] {
        let words = format!("-C n='{value}'");
        project.makes(&words, &["a"]);
        project.makes(&words, &[]);
        known.push(project.read("o"));
    }
    known.dedup();
    assert_eq!(known.len(), 5, "{known:?}");
    project.edit("Rulefile", "size = 3", "size = 4");
    project.flow("--why -C n=2").exits(0).says("size  3 → 4");
    project.makes("-C n=2", &["a"]);
}

#[test]
fn parameters_that_follow_from_threads_are_no_part_of_a_job() {
    let project = Project::new(
        r#"
        rule a:
            output: "o"
            threads: 8
            params:
                memory=lambda wildcards, threads: threads * 100,
                own=lambda wildcards: config.get("own", 1)
            shell: "echo {params.memory} {params.own} > {output}"
        "#,
    );
    project.makes("-j2", &["a"]);
    project.makes("-j1", &[]);
    project.makes("-j1 -C own=2", &["a"]);
}

#[test]
fn a_folder_that_a_job_reads_and_writes_into_is_no_change_of_its_own() {
    let project = Project::new(
        r#"
        rule index:
            input: "folder", "folder/a.txt"
            output: "folder/index.txt"
            shell: "ls {input[0]} > {output}"
        "#,
    )
    .file("folder/a.txt", "a\n");
    project.makes("", &["index"]);
    project.makes("", &[]);
    project.write("folder/a.txt", "other\n");
    project.makes("", &["index"]);
    project.makes("", &[]);
}

#[test]
fn why_follows_a_chain_to_the_difference_itself() {
    let project = samples();
    project.edit("Rulefile", "size=50", "size=51");
    project.flow("--why all.txt").exits(0).prints(
        "
        join: input remade: sorted/a.txt, sorted/b.txt
            because sort (sample=a): input remade: double/a.txt
            because double (sample=a): the params have changed
                size  50 → 51
        ",
    );
}

#[test]
fn a_changed_body_is_shown_as_it_was_written() {
    let project = Project::new(
        r#"
        rule half:
            output: "o"
            run:
                x = 3 / 2.0
                write_text(str(x), output[0])
        "#,
    );
    project.makes("", &["half"]);
    project.edit("Rulefile", "2.0", "2.5");
    project.flow("--why").exits(0).prints(
        "
        half: the code has changed
            - x = 3 / 2.0
            + x = 3 / 2.5
        ",
    );
}

#[test]
fn without_a_record_the_oldest_output_is_what_counts() {
    let project = Project::new(
        r#"
        rule two:
            input: "in.txt"
            output: "young.txt", "old.txt"
            shell: "cp {input} young.txt; cp {input} old.txt"
        "#,
    );
    for name in ["in.txt", "young.txt", "old.txt"] {
        project.write(name, "x\n");
    }
    project.stamp("young.txt", 300);
    project.stamp("in.txt", 200);
    project.stamp("old.txt", 100);
    project.flow("--why").exits(0).prints("two: input in.txt is newer than old.txt by 100.0 s");
}

#[test]
fn an_output_that_a_job_is_to_make_besides_is_a_reason() {
    let project = Project::new(
        r#"
        rule a:
            output: "one.txt"
            shell: "touch one.txt two.txt"
        "#,
    );
    project.makes("", &["a"]);
    project.edit("Rulefile", r#""one.txt""#, r#""one.txt", "two.txt""#);
    project.flow("--why").exits(0).says("two.txt");
    project.makes("", &["a"]);
    project.edit("Rulefile", r#""one.txt", "two.txt""#, r#""one.txt""#);
    project.flow("--why").exits(0).says("two.txt");
    project.makes("", &["a"]);
    project.makes("", &[]);
}

#[test]
fn a_folder_by_the_name_of_a_dot_that_a_job_writes_into_is_no_change_of_its_own() {
    let project = Project::new(
        r#"
        rule index:
            input: "."
            output: "index.txt"
            shell: "ls {input} > {output}"
        "#,
    );
    project.makes("", &["index"]);
    project.makes("", &[]);
}

#[test]
fn a_script_that_another_job_makes_is_awaited() {
    let project = Project::new(
        r#"
        rule use:
            output: "out.txt"
            input: "made.sh"
            script: "made.sh"
        rule make:
            output: "made.sh"
            input: "source.txt"
            shell: "cp {input} {output}"
        "#,
    )
    .file("source.txt", "echo 1 > ${snakemake_output[0]}\n");
    project.flow("-n").exits(0).says("use").says("make");
    project.makes("", &["make", "use"]);
    project.makes("", &[]);
    project.write("source.txt", "echo 2 > ${snakemake_output[0]}\n");
    project.makes("", &["make", "use"]);
    assert_eq!(project.read("out.txt"), "2\n");
}

#[test]
fn configuration_that_a_body_reads_is_part_of_its_job() {
    let project = Project::new(
        r#"
        rule one:
            output: "one.txt"
            run: write_text(str(config["level"]) + "\n", output[0])

        rule every:
            output: "every.txt"
            run: write_text(",".join(sorted(config.keys())) + "\n", output[0])
        "#,
    );
    let both = "-- one.txt every.txt";
    project.makes(&format!("-C level=1 {both}"), &["one", "every"]);
    project.makes(&format!("-C level=1 {both}"), &[]);
    project.makes(&format!("-C level=2 {both}"), &["one", "every"]);
    assert_eq!(project.read("one.txt"), "2\n");
    project.makes(&format!("-C level=2 other=3 {both}"), &["every"]);
    assert_eq!(project.read("every.txt"), "level,other\n");
}

#[test]
fn what_is_cut_off_does_not_have_temporary_files_made_again() {
    let project = Project::new(
        r#"
        rule end:
            input: "between.txt"
            output: "end.txt"
            shell: "cp {input} {output}"
        rule between:
            input: "first.txt"
            output: temp("between.txt")
            shell: "cp {input} {output}"
        rule first:
            input: "source.txt"
            output: "first.txt"
            shell: "head -n 1 {input} > {output}"
        "#,
    )
    .file("source.txt", "one\ntwo\n");
    project.makes("", &["between", "end", "first"]);
    project.write("source.txt", "one\nand two\n");
    project.makes("", &["first"]);
    project.write("source.txt", "three\n");
    project.makes("", &["between", "end", "first"]);
}
