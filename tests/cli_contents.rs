//! What a job inside flow saw in the files that it read and wrote is what the records say of them: a file with another
//! stamp and the same content changes nothing, and one with another content makes its jobs run, wherever it differs.

mod support;

use std::fs;

use support::Project;

/// Gives every file below the folder this stamp.
fn stamp_all(project: &Project, second: i64) {
    for entry in walkdir::WalkDir::new(project.path(".")).into_iter().flatten() {
        let is_own =
            entry.path().components().any(|part| part.as_os_str() == ".flow" || part.as_os_str() == "Rulefile");
        if entry.file_type().is_file() && !is_own {
            project.stamp(entry.path().to_str().expect("a plain name"), second);
        }
    }
}

#[test]
fn a_touched_file_of_any_format_has_the_content_on_record() {
    let project = Project::new(
        r#"
        SUFFIXES = ["fits", "fits.gz", "fits.fz", "npy", "tiff", "png", "jpg", "bmp", "webp", "pgm", "gif"]

        rule all:
            input:
                expand("read/{suffix}.json", suffix=SUFFIXES), "cube.json", "keys.csv", "card.fits", "twice.txt",
                "shell.txt", "copied.bmp", "moving.gif"
        rule field:
            output: "field.fits"
            run: random_field((150, 170), seed=1, output=output[0])
        rule written:
            input: "field.fits"
            output: "as/image.{suffix}"
            run: write(clip(read(input[0]) * 50 + 100, 0, 255), output[0], dtype="uint8")
        rule read:
            input: "as/image.{suffix}"
            output: "read/{suffix}.json"
            run: write_json({"mean": mean(input[0])}, output[0])
        rule cube:
            output: "cube.fits"
            run: write(rgb(full((300, 310), 9), full((300, 310), 5), full((300, 310), 7)), output[0])
        rule plane:
            input: "cube.fits"
            output: "cube.json"
            run: write_json(mean(read(input[0], plane=1)), output[0])
        rule keys:
            input: "cube.fits", "field.fits"
            output: "keys.csv"
            run: catalogue(input, ["NAXIS1"], output[0])
        rule card:
            input: "cube.fits"
            output: "card.fits"
            run: set_header(input[0], output[0], OBJECT="M13")
        rule twice:
            output: "twice.txt"
            run:
                write_text("first", output[0])
                write_text("other", output[0])
        rule shell:
            output: "shell.txt"
            run:
                write_text("first", output[0])
                shell("printf other > {output}")
        rule copied:
            input: "as/image.bmp", "field.fits"
            output: "copied.bmp"
            run:
                write(clip(read(input[1]), 0, 255), output[0], dtype="uint8")
                copy(input[0], output[0])
        rule moving:
            input: "as/image.png", "as/image.bmp"
            output: "moving.gif"
            run: animate(list(input), output[0])
        "#,
    );
    project.flow("-j2").exits(0);
    for second in [1_500_000_000, 1_600_000_000] {
        stamp_all(&project, second);
        project.makes("-j2", &[]);
    }
}

#[test]
fn a_change_in_a_part_that_the_job_did_not_read_is_a_change() {
    let project = Project::new(
        r#"
        rule all:
            input: "plane.json"
        rule plane:
            input: "cube.fits"
            output: "plane.json"
            run: write_json(mean(read(input[0], plane=0)), output[0])
        "#,
    );
    let maker = Project::new(
        r#"
        rule cube:
            output: "cube.fits"
            run: write(rgb(full((300, 310), 9), full((300, 310), 5), full((300, 310), 7)), output[0])
        "#,
    );
    maker.flow("").exits(0);
    let mut bytes = fs::read(maker.path("cube.fits")).expect("it was made");
    fs::write(project.path("cube.fits"), &bytes).expect("it can be written");
    project.flow("").exits(0);
    project.stamp("cube.fits", 1_500_000_000);
    project.makes("", &[]);
    // The last plane: far behind what was read.
    let at = bytes.len() - 4000;
    bytes[at] ^= 1;
    fs::write(project.path("cube.fits"), &bytes).expect("it can be written");
    project.makes("", &["plane"]);
}
