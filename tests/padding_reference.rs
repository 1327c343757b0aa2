//! Frames made of rows and columns against numpy.pad, as written by `tests/reference/make.py`, for numbers with fractions and
//! whole ones; through a Rulefile, because the rounding of whole numbers is the action's.

use flow::action::file::{ReadOptions, read};
use flow::action::image::{Dtype, Image};
use support::Project;

mod support;

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference");

fn image(path: &str) -> Image {
    read(path, &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn frames_of_statistics_and_ramps_are_those_of_numpy() {
    let project = Project::new(&format!(
        r#"
MODES = ["maximum", "mean", "median", "minimum", "linear_ramp"]
FRAME = ((2, 9), (7, 1))
rule all:
    input: expand("{{kind}}_{{mode}}.npy", kind=["float", "int16"], mode=MODES)
rule whole:
    input: "{REFERENCE}/input_small.npy"
    output: "whole.npy"
    run: write(read(input[0]) * 10, output[0], dtype="int16")
rule float:
    input: "{REFERENCE}/input_small.npy"
    output: "float_{{mode}}.npy"
    run: pad(input[0], output[0], FRAME, mode=wildcards.mode, end_values=3)
rule int16:
    input: "whole.npy"
    output: "int16_{{mode}}.npy"
    run: pad(input[0], output[0], FRAME, mode=wildcards.mode, end_values=3)
"#
    ));
    project.flow("-j2").exits(0);
    for mode in ["maximum", "mean", "median", "minimum", "linear_ramp"] {
        let ours = image(project.path(format!("int16_{mode}.npy")).to_str().expect("a plain name"));
        assert_eq!(ours.dtype(), Dtype::I16);
        assert_eq!(ours.pixels(), image(&format!("{REFERENCE}/pad_int16_{mode}.npy")).pixels(), "{mode}");

        let ours = image(project.path(format!("float_{mode}.npy")).to_str().expect("a plain name"));
        let reference = image(&format!("{REFERENCE}/pad_{mode}.npy"));
        assert_eq!(ours.shape(), reference.shape());
        let (ours, reference) = (ours.into_pixels().into_float().into_f64(), reference.into_pixels().into_float());
        for ((at, ours), reference) in ours.indexed_iter().zip(&reference.into_f64()) {
            assert!((ours - reference).abs() <= 1e-14, "{mode} {at:?}: {ours}, numpy {reference}");
        }
    }
}

#[test]
fn modes_that_there_are_not_are_named() {
    let project = Project::new(
        "rule all:\n    output: \"out.fits\"\n    run: pad(full((2, 2), 1.0), output[0], 1, mode=\"empty\")\n",
    );
    project.flow("-j1").exits(1).says("unknown mode \"empty\"; one of constant, edge, linear_ramp,");
}
