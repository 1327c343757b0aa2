//! The commonest mistakes in Rulefiles and on the command line, and the whole message that each gets: what is wrong,
//! where, and how to mend it.

mod support;

use support::Project;

/// What `flow` says to this Rulefile; the folder has `in.txt`, and `in.fits` that is not read.
#[track_caller]
fn message(rulefile: &str) -> String {
    let project = Project::new(rulefile).file("in.txt", "x\n").file("in.fits", "");
    let ran = project.flow("-j1").exits(1);
    assert!(!project.exists("out.txt"), "nothing was made");
    ran.shown()
}

macro_rules! mistakes {
    ($($name:ident: $rulefile:expr;)*) => {
        $(
            #[test]
            fn $name() {
                insta::assert_snapshot!(message($rulefile));
            }
        )*
    };
}

mistakes! {
    a_colon_forgotten_after_the_rule: r#"
        rule out
            output: "out.txt"
            shell: "touch {output}"
    "#;
    a_colon_forgotten_after_a_directive: r#"
        rule out:
            output "out.txt"
            shell: "touch {output}"
    "#;
    a_comma_forgotten_between_inputs: r#"
        rule out:
            input:
                "in.txt"
                "other.txt"
            output: "out.txt"
            shell: "cat {input} > {output}"
    "#;
    a_comma_forgotten_between_named_params: r#"
        rule out:
            output: "out.txt"
            params:
                a=1
                b=2
            shell: "touch {output}"
    "#;
    a_directive_misspelt: r#"
        rule out:
            outptu: "out.txt"
            shell: "touch {output}"
    "#;
    a_string_never_closed: r#"
        rule out:
            output: "out.txt
            shell: "touch {output}"
    "#;
    a_bracket_never_closed: r#"
        rule out:
            input: expand("{x}.txt", x=["in"]
            output: "out.txt"
            shell: "touch {output}"
    "#;
    an_indentation_that_fits_nothing: r#"
        rule out:
            output: "out.txt"
          shell: "touch {output}"
    "#;
    tabs_and_blanks_mixed: "rule out:\n    output: \"out.txt\"\n\tshell: \"touch {output}\"\n";
    a_placeholder_misspelt: r#"
        rule out:
            input: "in.txt"
            output: "out.txt"
            shell: "cp {inptu} {output}"
    "#;
    a_param_that_is_not_there: r#"
        rule out:
            output: "out.txt"
            params: size=3
            shell: "echo {params.sice} > {output}"
    "#;
    braces_of_the_shell_not_doubled: r#"
        rule out:
            input: "in.txt"
            output: "out.txt"
            shell: "awk '{print $1}' {input} > {output}"
    "#;
    a_wildcard_in_the_input_only: r#"
        rule out:
            input: "{sample}.txt"
            output: "out.txt"
            shell: "cp {input} {output}"
    "#;
    a_wildcard_that_expand_does_not_fill: r#"
        SAMPLES = ["a", "b"]

        rule out:
            input: expand("{sample}.txt", samples=SAMPLES)
            output: "out.txt"
            shell: "cat {input} > {output}"
    "#;
    wildcards_that_differ_between_outputs: r#"
        rule all:
            input: "out.txt"

        rule out:
            output: "{name}.txt", "{name}.{kind}"
            shell: "touch {output}"
    "#;
    a_name_that_is_not_defined: r#"
        SAMPLES = ["a", "b"]

        rule out:
            input: expand("{sample}.txt", sample=SAMPELS)
            output: "out.txt"
            shell: "cat {input} > {output}"
    "#;
    a_key_that_the_configuration_lacks: r#"
        rule out:
            output: config["output"]
            shell: "touch {output}"
    "#;
    a_configuration_file_that_is_not_there: r#"
        configfile: "config.yaml"

        rule out:
            output: "out.txt"
            shell: "touch {output}"
    "#;
    an_include_that_is_not_there: r#"
        include: "rules/other.smk"

        rule out:
            output: "out.txt"
            shell: "touch {output}"
    "#;
    two_rules_of_one_name: r#"
        rule out:
            output: "out.txt"
            shell: "touch {output}"

        rule out:
            output: "other.txt"
            shell: "touch {output}"
    "#;
    a_rule_with_two_actions: r#"
        rule out:
            output: "out.txt"
            shell: "touch {output}"
            run: pass
    "#;
    a_rule_with_outputs_and_no_action: r#"
        rule out:
            input: "in.txt"
            output: "out.txt"
    "#;
    an_output_that_is_a_function: r#"
        rule out:
            output: lambda wildcards: "out.txt"
            shell: "touch {output}"
    "#;
    a_rule_that_ruleorder_does_not_find: r#"
        ruleorder: out > otu

        rule out:
            output: "out.txt"
            shell: "touch {output}"
    "#;
    an_import_that_is_not_available: r#"
        import pandas as pd

        rule out:
            output: "out.txt"
            shell: "touch {output}"
    "#;
    a_file_opened: r#"
        SAMPLES = open("samples.txt").read().split()

        rule out:
            output: "out.txt"
            shell: "touch {output}"
    "#;
    an_action_misspelt: r#"
        rule out:
            input: "in.txt"
            output: "out.txt"
            run: write_txet("x", output[0])
    "#;
    an_argument_that_an_action_does_not_have: r#"
        rule out:
            input: "in.txt"
            output: "out.txt"
            run: write_text("x", output[0], encodign="utf-8")
    "#;
    a_path_that_is_no_input: r#"
        rule out:
            input: "in.txt"
            output: "out.txt"
            run: write_text(read_text("other.txt"), output[0])
    "#;
    an_output_that_never_comes: r#"
        rule out:
            input: "in.txt"
            output: "out.txt"
            shell: "cp {input} out.text"
    "#;
    a_constraint_that_is_no_regular_expression: r#"
        rule out:
            output: "{name,[a-}.txt"
            shell: "touch {output}"
    "#;
    a_directive_after_what_the_rule_does: r#"
        rule out:
            output: "out.txt"
            shell: "touch {output}"
            params: x=1
    "#;
    an_input_of_a_storage: r#"
        rule out:
            input: storage.http("https://example.org/in.txt")
            output: "out.txt"
            shell: "cp {input} {output}"
    "#;
    a_module_from_elsewhere: r#"
        module other:
            snakefile: github("owner/workflow", path="workflow/Snakefile", tag="v1.0")

        use rule * from other
    "#;
    a_wrapper_of_many_rules: r#"
        module other:
            meta_wrapper: "v1.0/meta/bio/bwa_mapping"

        use rule * from other
    "#;
    a_wrapper: r#"
        rule out:
            output: "out.txt"
            wrapper: "v1.0/bio/bwa/mem"
    "#;
    samples_of_a_pep: r#"
        pepfile: "pep/config.yaml"
    "#;
    unpack_in_params: r#"
        rule out:
            output: "out.txt"
            params: unpack(lambda wildcards: {"x": 1})
            shell: "echo {params.x} > {output}"
    "#;
    threads_that_are_text: r#"
        rule out:
            output: "out.txt"
            threads: "many"
            shell: "touch {output}"
    "#;
    a_wildcard_never_closed: r#"
        rule out:
            output: "{name.txt"
            shell: "touch {output}"
    "#;
    a_resource_with_an_unknown_unit: r#"
        rule out:
            output: "out.txt"
            resources: mem="2 gigs"
            shell: "touch {output}"
    "#;
    a_name_that_the_params_do_not_have: r#"
        rule out:
            output: "out.txt"
            params: size=3
            shell: "echo {params.sise} > {output}"
    "#;
    an_input_s_name_misspelt_in_a_message: r#"
        rule out:
            input: table="in.txt"
            output: "out.txt"
            message: "reading {input.tabel}"
            shell: "touch {output}"
    "#;
    a_wildcard_that_the_outputs_do_not_have: r#"
        rule out:
            output: "out.txt"
            shell: "echo {wildcards.name} > {output}"
    "#;
    a_function_that_asks_for_what_no_job_has: r#"
        rule out:
            output: "out.txt"
            params: x=lambda wildcards, inptu: 1
            shell: "echo {params.x} > {output}"
    "#;
    a_function_that_asks_for_a_wildcard_that_is_not_there: r#"
        rule all:
            input: "out.a.txt"
        rule out:
            output: "out.{name}.txt"
            params: x=lambda wildcards: wildcards.nmae
            shell: "echo {params.x} > {output}"
    "#;
    threads_below_zero: r#"
        rule out:
            output: "out.txt"
            threads: -1
            shell: "touch {output}"
    "#;
    a_resource_below_zero: r#"
        rule out:
            output: "out.txt"
            resources: mem_mb=-5
            shell: "touch {output}"
    "#;
    a_list_of_the_file_changed_in_a_body: r#"
        K = [1]
        rule out:
            output: "out.txt"
            run:
                K.append(2)
                write_text("x", output[0])
    "#;
    an_input_that_is_not_there_by_its_index: r#"
        rule out:
            input: "in.txt"
            output: "out.txt"
            run: copy(input[1], output[0])
    "#;
    a_number_that_is_too_large: r#"
        rule out:
            output: "out.npy"
            run: noise((4, 4), output[0], seed=2 ** 63)
    "#;
    a_size_below_zero: r#"
        rule out:
            output: "out.npy"
            run: noise(-5, output[0])
    "#;
    a_field_never_closed: r#"
        TEXT = f"""a
        b {1 c
        """
        rule out:
            output: "out.txt"
            shell: "touch {output}"
    "#;
    a_name_of_flow_s_own: r#"
        __rule__ = 5
        rule out:
            output: "out.txt"
            shell: "touch {output}"
    "#;
    a_script_that_is_not_there: r#"
        rule out:
            output: "out.txt"
            script: "scripts/none.py"
    "#;
    a_script_by_a_wildcard_that_is_not_there: r#"
        rule all:
            input: "a.txt"
        rule out:
            output: "{sample}.txt"
            script: "scripts/{wildcards.smaple}.py"
    "#;
    a_script_by_an_input: r#"
        rule out:
            input: "in.txt"
            output: "out.txt"
            script: "{input.script}"
    "#;
    a_colormap_that_is_not_there: r#"
        rule out:
            input: "in.fits"
            output: "out.png"
            run: preview(input[0], output[0], colormap="jet")
    "#;
    a_mode_misspelt: r#"
        rule out:
            input: "in.fits"
            output: "out.fits"
            run:
                frame = gaussian(input[0], sigma=2, mode="reflct")
                write(frame, output[0])
    "#;
    too_many_arguments_of_an_action: r#"
        rule out:
            input: "in.fits"
            output: "out.txt"
            run: write_text(str(mean(input[0], 2)), output[0])
    "#;
    a_cycle_that_two_targets_lead_into: r#"
        rule all:
            input: "x", "y"
        rule x:
            input: "y"
            output: "x"
            shell: "touch {output}"
        rule y:
            input: "x"
            output: "y"
            shell: "touch {output}"
    "#;
    the_second_of_two_inputs_is_missing: r#"
        rule all:
            input: "out.txt"
        rule one:
            input: frame="in.txt", bias="masters/bias.fits"
            output: "out.txt"
            shell: "touch {output}"
    "#;
    a_param_misspelt_in_a_body: r#"
        rule out:
            output: "out.txt"
            params: sample="a"
            run: write_text(params.smaple, output[0])
    "#;
    a_section_in_the_place_of_the_output: r#"
        rule out:
            input: "in.npy"
            output: "out.fits"
            run: write(crop(full([4, 4], 1), "[1:2,1:2]"), output[0])
        rule frame:
            output: "in.npy"
            run: full([4, 4], 1, output=output[0])
    "#;
    an_argument_that_is_missing: r#"
        rule out:
            input: "in.fits"
            output: "out.fits"
            run: write(gaussian(input[0]), output[0])
    "#;
    an_image_taken_for_true: r#"
        rule out:
            output: "out.txt"
            run:
                frame = noise(4, seed=1)
                if bool(frame):
                    write_text("x", output[0])
    "#;
    files_that_a_glob_did_not_find: r#"
        NAMES = glob_wildcards("frames/{name}.fits").name
        rule out:
            input: expand("frames/{name}.fits", name=NAMES)
            output: "out.png"
            run: montage(input, output[0])
    "#;
    memory_that_is_no_amount: r#"
        rule out:
            output: "out.txt"
            resources: mem_mb="lots"
            shell: "touch {output}"
    "#;
    a_directive_without_a_value: r#"
        rule out:
            input:
            output: "out.txt"
            shell: "touch {output}"
    "#;
    a_directive_given_twice: r#"
        rule out:
            output: "out.txt"
            input: "in.txt"
            input: "other.txt"
            shell: "touch {output}"
    "#;
    an_equals_sign_for_a_colon: r#"
        rule out:
            output = "out.txt"
            shell: "touch {output}"
    "#;
    a_directive_outside_of_a_rule: r#"
        input: "in.txt"
        rule out:
            output: "out.txt"
            shell: "touch {output}"
    "#;
    a_path_without_quotes: r#"
        rule out:
            input: in.txt
            output: "out.txt"
            shell: "cp {input} {output}"
    "#;
    a_value_without_a_name_after_named_ones: r#"
        rule out:
            input: a="in.txt", "other.txt"
            output: "out.txt"
            shell: "touch {output}"
    "#;
    a_rule_that_other_rules_do_not_find: r#"
        rule first:
            output: "first.txt"
            shell: "touch {output}"
        rule out:
            input: rules.frist.output
            output: "out.txt"
            shell: "touch {output}"
    "#;
    wildcards_used_outside_of_a_function: r#"
        rule all:
            input: "a.txt"
        rule out:
            input: "data/" + wildcards.name
            output: "{name}.txt"
            shell: "touch {output}"
    "#;
    a_key_that_a_dictionary_lacks: r#"
        FILES = {"a": "in.txt"}
        rule out:
            input: FILES["b"]
            output: "out.txt"
            shell: "touch {output}"
    "#;
    a_number_added_to_a_text: r#"
        rule out:
            output: "out.txt"
            params: name="size" + 3
            shell: "touch {output}"
    "#;
    an_input_that_is_a_number: r#"
        rule out:
            input: 3
            output: "out.txt"
            shell: "touch {output}"
    "#;
    an_input_that_is_empty: r#"
        rule out:
            input: ""
            output: "out.txt"
            shell: "touch {output}"
    "#;
    a_while_loop: r#"
        n = 0
        while n < 3:
            n += 1
        rule out:
            output: "out.txt"
            shell: "touch {output}"
    "#;
    an_error_caught: r#"
        try:
            x = config["x"]
        except KeyError:
            x = 1
        rule out:
            output: "out.txt"
            shell: "touch {output}"
    "#;
    a_print_of_python_2: r#"
        print "reading"
        rule out:
            output: "out.txt"
            shell: "touch {output}"
    "#;
    an_assignment_in_a_condition: r#"
        if config.get("more") = 1:
            x = 1
        rule out:
            output: "out.txt"
            shell: "touch {output}"
    "#;
    quotes_from_a_word_processor: r#"
        rule out:
            output: “out.txt”
            shell: "touch {output}"
    "#;
    an_environment_that_flow_does_not_make: r#"
        rule out:
            output: "out.txt"
            conda: "env.yaml"
            shell: "touch {output}"
    "#;
    a_rule_named_with_a_dash: r#"
        rule make-out:
            output: "out.txt"
            shell: "touch {output}"
    "#;
    a_shell_command_that_is_a_list: r#"
        rule out:
            output: "out.txt"
            shell: ["touch", "{output}"]
    "#;
    a_function_called_in_place_of_given: r#"
        def source(wildcards):
            return "in.txt"
        rule out:
            input: source()
            output: "out.txt"
            shell: "cp {input} {output}"
    "#;
}

#[test]
fn a_configuration_file_with_a_mistake_is_shown_at_its_place() {
    for (name, text) in
        [("c.yaml", "a: 1\nb: [1, 2\nc: 3\n"), ("c.json", "{\"a\": 1,\n \"b\": }\n"), ("c.toml", "a = 1\nb = = 2\n")]
    {
        let project = Project::new(&format!(
            "configfile: '{name}'\nrule out:\n    output: 'out.txt'\n    shell: 'touch out.txt'\n"
        ))
        .file(name, text);
        insta::assert_snapshot!(format!("configuration_{name}"), project.flow("").exits(1).shown());
    }
}

#[test]
fn mistakes_on_the_command_line() {
    for (name, words) in [
        ("option", "--keep-goign"),
        ("jobs", "-j0"),
        ("config", "-C size"),
        ("resources", "--resources mem"),
        ("modes", "--summary --unlock"),
        ("format", "--dag=png"),
        ("action", "--actions gausian"),
    ] {
        let project = Project::new("rule out:\n    output: 'out.txt'\n    shell: 'touch out.txt'\n");
        let ran = project.flow(words);
        assert!(matches!(ran.code, Some(1 | 2)), "{words}");
        insta::assert_snapshot!(format!("command_line_{name}"), ran.shown());
    }
}
