//! Bodies of `run:` through the program: what they know of their job, what they may touch, and the commands they start.

mod support;

use std::path::{Path, PathBuf};

use support::Project;

/// The files of the folder but flow's own.
fn files(project: &Project) -> Vec<PathBuf> {
    project.tree().into_keys().filter(|path| !path.starts_with(".flow")).collect()
}

fn has_temporaries(project: &Project) -> bool {
    project.tree().keys().any(|path| path.to_string_lossy().contains(".flow-tmp"))
}

#[test]
fn tables_are_asked_for_columns_and_rows_in_bodies_too() {
    let project = Project::new(
        r#"
        rule out:
            input: "samples.csv"
            output: "out.txt"
            run:
                table = read_csv(input[0])
                chosen = table.where(kind="b", n=2)
                chosen[0]["name"] += "!"
                write_text(",".join(table.column("name")) + " " + str(len(chosen)) + "\n", output[0])

        rule wrong:
            input: "samples.csv"
            output: "wrong.txt"
            run: write_text(str(read_csv(input[0]).column("kid")), output[0])
        "#,
    )
    .file("samples.csv", "name,kind,n\nx,a,2\ny,b,2\nz,b,3\n");
    project.flow("out.txt").exits(0);
    assert_eq!(project.read("out.txt"), "x,y!,z 1\n");
    project.flow("wrong.txt").exits(1).says("the table has no column `kid`; its columns are: name, kind, n");
}

#[test]
fn a_run_body_has_the_job_and_the_shell() {
    let project = Project::new(
        r#"
        def shout(text):
            return text.upper()

        rule out:
            input: "in.txt"
            output: "out/{name}.txt", extra="out/{name}.more"
            params: times=2
            threads: 2
            resources: stove=1
            run:
                lines = [shout(read_text(input[0]).strip())] * params.times
                lines.append(f"{wildcards.name} {threads} {resources.stove} {rule} {attempt}")
                write_text("\n".join(lines) + "\n", output[0])
                if config.get("more", True):
                    shell("echo {wildcards.name} > {output.extra}")
        "#,
    )
    .file("in.txt", "hello\n");
    project.makes("out/a.txt", &["out name=a"]);
    assert_eq!(project.read("out/a.txt"), "HELLO\nHELLO\na 2 1 out 1\n");
    assert_eq!(project.read("out/a.more"), "a\n");
}

#[test]
fn a_run_body_gets_structs_of_the_file() {
    let project = Project::new(
        r#"
        site = struct(name="M13", filters=struct(names=("B", "V"), best=1), all=[struct(**{"a-b": float("inf")}), {}])

        rule out:
            output: "out.txt"
            run: write_text("%s %s %s" % (site.name, site.filters.names[site.filters.best], getattr(site.all[0], "a-b")), output[0])
        "#,
    );
    project.flow("").exits(0);
    assert_eq!(project.read("out.txt"), "M13 V inf");
    project.edit("Rulefile", "best=1", "best=0");
    project.makes("", &["out"]);
    assert_eq!(project.read("out.txt"), "M13 B inf");
}

#[test]
fn a_run_body_touches_only_what_it_declares() {
    let rules = r#"
        rule out:
            input: "in.txt"
            output: "out.txt"
            run:
                BODY
    "#;
    let project = Project::new(&rules.replace("BODY", "write_text(read_text('other.txt'), output[0])"))
        .file("in.txt", "")
        .file("other.txt", "");
    project.flow("").exits(1).says("other.txt").says("input");
    let project = Project::new(&rules.replace("BODY", "write_text('x', 'elsewhere.txt')")).file("in.txt", "");
    project.flow("").exits(1).says("elsewhere.txt").says("output");
    assert!(!project.exists("elsewhere.txt") && !project.exists("out.txt"));
}

/// A rule that computes with a small image, and the expression's value.
fn computed(body: &str) -> Project {
    let mut rules = String::from(
        "rule out:\n    input: \"x.npy\"\n    output: \"out.txt\"\n    run:\n        x = read(input[0])\n",
    );
    for line in body.lines() {
        rules += &format!("        {line}\n");
    }
    let project = Project::new(&rules);
    // 2 × 2 pixels: 1, 2, 3, 4.
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(format!("{:<117}\n", "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }").bytes());
    bytes.extend([1.0f64, 2.0, 3.0, 4.0].iter().flat_map(|pixel| pixel.to_le_bytes()));
    std::fs::write(project.path("x.npy"), bytes).expect("it can be written");
    project
}

#[test]
fn no_action_is_hidden_by_a_name_of_the_job() {
    let project = computed("write_text(str(sum(log(x)) > 3) + str([sum(y) > 3 for y in map(log, [x])]), output[0])");
    project.make("").exits(0);
    assert_eq!(project.read("out.txt"), "True[True]");
    // Of the names that a body has for its job, `log` alone is also an action.
    let names =
        ["input", "output", "params", "wildcards", "threads", "resources", "log", "config", "rule", "attempt", "jobid"];
    let actions = project.flow("--actions").exits(0).stdout;
    let shared: Vec<&str> = names.into_iter().filter(|name| actions.contains(&format!("  {name} "))).collect();
    assert_eq!(shared, ["log"]);
}

#[test]
fn an_image_is_no_condition() {
    for condition in [
        "1 if x > 2 else 0",
        "1 < x < 3",
        "x or 1",
        "x and 1",
        "not x",
        "not (x > 2)",
        "[1 for y in [x] if y]",
        "1 if (x == x and True) else 0",
        "helper(x)",
        "list(filter(None, [x]))",
    ] {
        let project = computed(&format!("value = {condition}\nwrite_text(str(value), output[0])"));
        project.write(
            "Rulefile",
            &format!("def helper(x):\n    if x == 1:\n        return 1\n    return 0\n\n{}", project.read("Rulefile")),
        );
        project.flow("").exits(1).says("an image is neither true nor false").says("where(");
    }
    for body in ["if x > 2:\n    pass", "if False:\n    pass\nelif x:\n    pass", "assert x > 2"] {
        computed(body).flow("").exits(1).says("an image is neither true nor false");
    }
    let project = computed(
        "value = 1 if max(x) > 3 and x.shape == (2, 2) and not None else 0\nwrite_text(str(value), output[0])",
    );
    project.make("").exits(0);
    assert_eq!(project.read("out.txt"), "1");
}

#[test]
fn commands_in_a_body_know_the_names_around_them() {
    let project = Project::new(
        r#"
        GREETING = "good  day"
        PEOPLE = [("Ann", {"old": 7}), ("Bob", {"old": 9})]

        def append(line, output):
            shell("echo {line} >> {output}")

        rule out:
            input: "a b.txt"
            output: "out 1.txt", "out 2.txt"
            run:
                for path in output:
                    shell("cat {input} > {path}")
                    for name, years in PEOPLE:
                        shell("echo {name} {years[old]:>3} '{GREETING}' {rule} | "
                              "awk '{{print NF, $0}}' >> {path}")
                    append("last", path)
        "#,
    )
    .file("a b.txt", "first\n");
    project.make("").exits(0);
    let expected = "first\n5 Ann 7 good  day out\n5 Bob 9 good  day out\nlast\n";
    assert_eq!(project.read("out 1.txt"), expected);
    assert_eq!(project.read("out 2.txt"), expected);
    project.edit("Rulefile", "good  day", "hello");
    assert!(project.make("").exits(0).reason("out").contains("code"));
}

#[test]
fn a_command_in_a_body_may_write_its_outputs_by_their_names() {
    let project = Project::new(
        r#"
        rule out:
            input: "in.txt"
            output: "out.txt", "deep/more.txt"
            run:
                shell("cat in.txt >> out.txt")
                write_text("more", output[1])
        "#,
    )
    .file("in.txt", "1\n");
    project.make("").exits(0);
    project.write("in.txt", "2\n");
    project.make("").exits(0);
    assert_eq!(project.read("out.txt"), "2\n", "the old output is gone when the body begins");
    project.edit("Rulefile", "write_text(\"more\", output[1])", "shell(\"exit 3\")");
    project.flow("").exits(1).says("exit code 3");
    assert!(!project.exists("out.txt") && !project.exists("deep/more.txt"), "nothing is left of a failed job");
}

#[test]
fn a_command_in_a_body_that_names_nothing_is_an_error_at_its_rule() {
    Project::new("rule out:\n    output: 'out.txt'\n    run:\n        shell('echo {nothing} > {output}')\n")
        .flow("")
        .exits(1)
        .says("`nothing` is not defined, and the body of rule `out` uses it");
}

#[test]
fn a_body_finds_what_it_has_written() {
    let project = Project::new(
        r#"
        rule out:
            input: "x.fits"
            output:
                image="image.fits", text=ensure("text.txt", sha256="SUM"), copy="copy.txt", shown="shown.txt",
                late="late.txt"
            run:
                before = exists(output.text)
                write_text("twice\n", output.text)
                write_text("once\n", output.text)
                found = [before, exists(output.text), read_text(output.text)]
                copy(output.text, output.copy)
                write_text("more\n", output.copy)
                concat([output.text, output.copy], output.late)
                write(read(input[0]) + 1, output.image)
                set_header(output.image, output.image, OBJECT="M13")
                set_header(output.image, output.image, OBSERVER="nobody")
                write_json(found + [header(output.image)["OBJECT"], mean(read(output.image))], output.shown, indent=0)

        rule x:
            output: "x.fits"
            run: full((2, 3), output[0], value=2)
        "#,
    );
    let sum = "ad06e72726f6d8ff00228160453949c1ceb89571c99332e4815f9edce2acad07";
    project.edit("Rulefile", "SUM", &sum.replace("ad", "da"));
    project.flow("out").exits(1).says(sum).says("its sha256 is");
    assert_eq!(files(&project), [Path::new("Rulefile"), Path::new("x.fits")]);
    project.edit("Rulefile", &sum.replace("ad", "da"), sum);
    for _ in 0..2 {
        project.flow("out -F").exits(0);
        assert_eq!(project.read("shown.txt"), "[false,true,\"once\\n\",\"M13\",3.0]\n");
        assert_eq!(project.read("late.txt"), "once\nmore\n");
        assert!(!has_temporaries(&project));
    }
    project.makes("out", &[]);
}

#[test]
fn a_body_may_write_what_is_touched_and_change_what_is_updated() {
    let project = Project::new(
        r#"
        rule touched:
            output: touch("t.txt"), "u.txt"
            run:
                write_text("hi", output[0])
                write_text("hu", output[1])

        rule updated:
            output: update("n.txt")
            run: write_text((read_text(output[0]) if exists(output[0]) else "") + "x", output[0])

        rule in_place:
            output: "a.fits", directory("more")
            run:
                full((300, 300), output[0], value=1)
                shell("mkdir more")
                full((300, 300), output[1] + "/b.fits", value=2)
                for path in [output[0], output[1] + "/b.fits"]:
                    set_header(path, path, OBJECT="M13")
        "#,
    );
    for n in 1..=3 {
        project.flow("touched updated in_place -F").exits(0);
        assert_eq!((project.read("t.txt").as_str(), project.read("u.txt").as_str()), ("hi", "hu"));
        assert_eq!(project.read("n.txt"), "x".repeat(n));
        for path in ["a.fits", "more/b.fits"] {
            // A header block, and 300 × 300 × 8 bytes in whole blocks.
            assert_eq!(std::fs::metadata(project.path(path)).unwrap().len(), 2880 + 720_000_u64.next_multiple_of(2880));
        }
        assert!(!has_temporaries(&project));
    }
}

#[test]
fn a_failed_update_leaves_what_was_there_and_nothing_else() {
    let body = "run:\n        write_text(read_text(output[0]) + \"more\", output[0])\n        write_text(\"\", \"undeclared.txt\")\n";
    let command = "shadow: \"minimal\"\n    shell: \"echo more >> {output}; exit 1\"\n";
    for work in [body, command] {
        let project =
            Project::new(&format!("rule out:\n    output: update(\"n.txt\")\n    {work}")).file("n.txt", "old");
        project.flow("-F").exits(1);
        assert_eq!(files(&project), [Path::new("Rulefile"), Path::new("n.txt")]);
        assert_eq!(project.read("n.txt"), "old");
    }
}

#[test]
fn a_file_is_not_written_while_it_is_read() {
    let rules = "rule out:\n    output: \"o.txt\"\n    run:\n        write_text(\"x\", output[0])\n        ACTION\n";
    for action in ["concat([output[0], output[0]], output[0])", "copy(output[0], \"./o.txt\")"] {
        let project = Project::new(&rules.replace("ACTION", action));
        project.flow("").exits(1).says("would write").says("while it reads it").says("Rulefile:5");
        assert!(!project.exists("o.txt"));
    }
}
