//! CCD and header actions from a Rulefile: what they write, what the header says of it, and how a wrong call is answered.

use std::fs::File;

use flow::action::file::{Output, ReadOptions, WriteOptions, read, read_header, write};
use flow::action::header::{Header, Value};
use flow::action::image::{FloatView, Image};
use ndarray::{Array3, s};
use support::Project;

mod support;

/// A folder whose rule `all` makes `out` of `inputs` by `body`, with frames of 6 × 8 pixels.
fn project(inputs: &[&str], out: &str, body: &str) -> Project {
    let inputs = inputs.iter().map(|input| format!("{input:?}")).collect::<Vec<_>>().join(", ");
    let body = body.lines().map(|line| format!("        {}\n", line.trim())).collect::<String>();
    let project = Project::new("");
    project.write("Rulefile", &format!("rule all:\n    input: {inputs}\n    output: {out:?}\n    run:\n{body}"));
    project
}

fn frame(seed: u16) -> Array3<u16> {
    Array3::from_shape_fn((1, 6, 8), |(_, y, x)| {
        1000 + seed * 10 + (y * 37 + x * 11 + usize::from(seed) * 5) as u16 % 23
    })
}

fn header(cards: &[(&str, Value)]) -> Header {
    let mut header = Header::default();
    for (keyword, value) in cards {
        header.set(keyword, value.clone());
    }
    header
}

fn put(project: &Project, name: &str, image: &Image) {
    let out = Output::new(File::create(project.path(name)).expect("writes in a temporary folder"));
    write(image, out, name, &WriteOptions::default()).expect("it can be written");
}

fn got(project: &Project, name: &str) -> Image {
    read(project.path(name).to_str().expect("a plain name"), &ReadOptions::default()).expect("it can be read")
}

fn pixels(image: &Image) -> Array3<f64> {
    match image.pixels().to_float() {
        FloatView::F32(pixels) => pixels.mapv(f64::from),
        FloatView::F64(pixels) => pixels.into_owned(),
    }
}

fn history(image: &Image) -> Vec<String> {
    let cards = image.header().cards().iter().filter(|card| card.keyword == "HISTORY");
    cards.map(|card| card.value.to_string()).collect()
}

fn text(value: &str) -> Value {
    Value::Str(value.to_owned())
}

#[test]
fn a_frame_is_reduced_and_its_header_follows() {
    let project = project(
        &["raw.fits", "bias.fits", "dark.fits", "flat.fits"],
        "out.fits",
        "frame = trim_image(subtract_overscan(input[0]))
         frame = subtract_bias(frame, input[1])
         frame = subtract_dark(frame, input[2], scale=True)
         flat_correct(frame, input[3], output[0], min_value=0.5)",
    );
    let raw = Image::new(
        frame(1),
        header(&[
            ("BIASSEC", text("[1:2,1:6]")),
            ("TRIMSEC", text("[   3:   8, 1: 6]")),
            ("EXPTIME", Value::Int(30)),
            ("CRPIX1", Value::Float(5.0)),
        ]),
    );
    put(&project, "raw.fits", &raw);
    let master = |value: f32| Array3::from_elem((1, 6, 6), value);
    put(&project, "bias.fits", &Image::new(master(3.0), Header::default()));
    put(&project, "dark.fits", &Image::new(master(8.0), header(&[("EXPTIME", Value::Float(120.0))])));
    put(&project, "flat.fits", &Image::new(master(7.0), Header::default()));
    project.flow("").exits(0);

    let out = got(&project, "out.fits");
    let raw = pixels(&raw);
    let expected = Array3::from_shape_fn((1, 6, 6), |(_, y, x)| {
        raw[[0, y, x + 2]] - raw.slice(s![0, y, ..2]).mean().expect("two pixels") - 3.0 - 2.0
    });
    assert_eq!(pixels(&out), expected);
    assert_eq!(out.header().number("CRPIX1"), Some(3.0));
    assert_eq!(["BIASSEC", "TRIMSEC"].map(|keyword| out.header().str(keyword)), [None, Some("[1:6,1:6]")]);
    assert_eq!(
        history(&out),
        [
            "flow: subtract_overscan",
            "flow: trim_image",
            "flow: subtract_bias master='bias.fits'",
            "flow: subtract_dark master='dark.fits' scale=True",
            "flow: flat_correct flat='flat.fits' min_value=0.5",
        ]
    );
}

/// Frames on disk, in memory, compressed and gzipped come together; bands do not show.
#[test]
fn frames_of_all_kinds_are_combined() {
    let project = project(
        &["1.fits", "2.fits.fz", "3.fits.gz", "4.npy", "5.fits"],
        "out.fits",
        "frames = list(input)[:4] + [read(input[4])]
         combine(frames, output[0], method=\"sum\", scale=[1, 2, 3, 4, 5])",
    );
    for (seed, name) in (1..).zip(["1.fits", "2.fits.fz", "3.fits.gz", "4.npy", "5.fits"]) {
        put(&project, name, &Image::new(frame(seed), header(&[("OBJECT", text("M13"))])));
    }
    project.flow("").exits(0);
    let out = got(&project, "out.fits");
    let sum = (1..=5u16).map(|seed| frame(seed).mapv(|value| f64::from(value) * f64::from(seed)));
    assert_eq!(pixels(&out), sum.reduce(|a, b| a + b).expect("five frames"));
    assert_eq!(out.header().int("NCOMBINE"), Some(5));
    assert_eq!(out.header().str("OBJECT"), Some("M13"));
    assert_eq!(history(&out), ["flow: combine method='sum' scale=[1, 2, 3, 4, 5]"]);
}

/// More pixels than a band holds, in frames that tell their places.
#[test]
fn bands_do_not_show() {
    let inputs: Vec<String> = (0..40).map(|k| format!("{k:02}.fits")).collect();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let project = project(&inputs, "out.fits", "combine(input, output[0])");
    let shape = (1, 401, 503);
    for (k, name) in inputs.iter().enumerate() {
        let image = Array3::from_shape_fn(shape, |(_, y, x)| (y * 503 + x) as f64 + (k * 7 % 40) as f64 - 19.5);
        put(&project, name, &Image::new(image, Header::default()));
    }
    project.flow("").exits(0);
    let expected = Array3::from_shape_fn(shape, |(_, y, x)| (y * 503 + x) as f64);
    assert_eq!(pixels(&got(&project, "out.fits")), expected);
}

#[test]
fn operators_tell_what_they_did() {
    let project = project(
        &["a.fits", "b.fits"],
        "out.fits",
        "a = read(input[0])
         b = read(input[1])
         write(-((a - b) * 2.5)[1:3, ::2] + (a > 3)[1:3, ::2], output[0])",
    );
    put(&project, "a.fits", &Image::new(frame(2), Header::default()));
    put(&project, "b.fits", &Image::new(frame(1), Header::default()));
    project.flow("").exits(0);
    let told = history(&got(&project, "out.fits"));
    let expected =
        ["flow: image - image", "flow: image * 2.5", "flow: image[1:3, ::2]", "flow: -image", "flow: image + image"];
    assert_eq!(told, expected);
}

#[test]
fn headers_are_read_and_set() {
    let project = project(
        &["a.fits"],
        "b.fits",
        "old = header(input[0])
         set_header(input[0], output[0], OBJECT=[old[\"OBJECT\"] + \"!\", \"who\"], NAXES=old[\"NAXIS\"], GAIN=None, \
            HISTORY=\"renamed\", **{\"DATE-OBS\": \"2024-01-01\"})",
    );
    let cards = header(&[("OBJECT", text("M13")), ("GAIN", Value::Float(1.5))]);
    let image = Image::new(frame(1), cards);
    put(&project, "a.fits", &image);
    project.flow("").exits(0);
    let out = got(&project, "b.fits");
    assert_eq!(out.pixels(), image.pixels());
    let object = out.header().card("OBJECT").expect("it is set");
    assert_eq!((&object.value, object.comment.as_str()), (&text("M13!"), "who"));
    assert_eq!(out.header().int("NAXES"), Some(2));
    assert_eq!(out.header().get("GAIN"), None);
    assert_eq!(out.header().str("DATE-OBS"), Some("2024-01-01"));
    assert_eq!(history(&out), ["renamed"]);
}

/// Other HDUs stay, gzipped or not.
#[test]
fn a_header_is_set_in_a_file_of_several_hdus() {
    let project = project(&["a.fits.fz"], "b.fits.gz", "set_header(input[0], output[0], FILTER=\"B\")");
    put(&project, "a.fits.fz", &Image::new(frame(1), header(&[("FILTER", text("V"))])));
    project.flow("").exits(0);
    let out = got(&project, "b.fits.gz");
    assert_eq!((out.header().str("FILTER"), out.pixels()), (Some("B"), &frame(1).into()));
    let path = project.path("b.fits.gz");
    let structure = read_header(path.to_str().expect("plain"), &ReadOptions::default()).expect("it can be read");
    assert_eq!(structure.get("ZIMAGE"), Some(&Value::Bool(true)));
}

#[test]
fn a_catalogue_has_a_row_a_file() {
    let project = project(
        &["a.fits", "b.fits", "c.png"],
        "night.csv",
        "catalogue(input, output[0], keys=[\"object\", \"NAXIS1\", \"NONE\"])",
    );
    put(&project, "a.fits", &Image::new(frame(1), header(&[("OBJECT", text("M 13, core"))])));
    put(&project, "b.fits", &Image::new(frame(2), Header::default()));
    put(&project, "c.png", &Image::new(frame(3), Header::default()));
    project.flow("").exits(0);
    let expected = "file,object,NAXIS1,NONE\na.fits,\"M 13, core\",8,\nb.fits,,8,\nc.png,,,\n";
    assert_eq!(project.read("night.csv"), expected);

    let project =
        self::project(&["a.fits"], "all.csv", "rows = catalogue(input, output[0])\nassert rows[0][\"GAIN\"] == 1.5");
    put(&project, "a.fits", &Image::new(frame(1), header(&[("GAIN", Value::Float(1.5))])));
    project.flow("").exits(0);
    assert!(project.read("all.csv").starts_with("file,SIMPLE,BITPIX,NAXIS,NAXIS1,NAXIS2,BSCALE,BZERO,GAIN\n"));
}

#[test]
fn numbers_sum_up() {
    let project = project(
        &["a.fits", "b.fits"],
        "out.json",
        "mean, median, std = sigma_clipped_stats(input[0], sigma=(2, 2), maxiters=3)
         counts, edges = histogram(input[0], bins=2, range=[1000, 1040])
         write_json([mean < 1100, counts, edges, compare(input[0], input[1])], output[0], indent=0)",
    );
    put(&project, "a.fits", &Image::new(frame(1), Header::default()));
    put(&project, "b.fits", &Image::new(frame(1).mapv(|value| value + 3), Header::default()));
    project.flow("").exits(0);
    let psnr = 20.0 * (65535.0f64 / 3.0).log10();
    let told = project.read("out.json");
    assert!(told.starts_with("[true,["), "{told}");
    assert!(told.contains("],[1000.0,1020.0,1040.0],{\"rmse\":3.0,\"psnr\":"), "{told}");
    assert!(told.contains(&format!("{:.9}", psnr)[..8]) && told.ends_with("\"max\":3.0}]\n"), "{told}");
}

#[test]
fn a_wrong_call_is_told() {
    for (body, message) in [
        ("trim_image(input[0], output[0])", "the header has no section TRIMSEC"),
        ("trim_image(input[0], output[0], section=\"[1:9,1:6]\")", "is not within the image of 8 × 6 pixels"),
        (
            "subtract_overscan(input[0], output[0], section=\"[1:2,1:3]\")",
            "the overscan [1:2,1:3] has 3 rows, the frame 6",
        ),
        (
            "subtract_overscan(input[0], output[0], section=\"[1:2,:]\", overscan_axis=2)",
            "overscan_axis is 0 or 1, not 2",
        ),
        ("subtract_bias(input[0], input[1], output[0])", "the images differ in shape: (6, 8) and (1, 2)"),
        (
            "subtract_dark(input[0], input[0], output[0], scale=True)",
            "the header of the frame has no number under EXPTIME",
        ),
        (
            "subtract_dark(input[0], input[0], output[0], scale=True, exposure=[1, 0])",
            "exposure times of 1 (frame) and 0 (dark)",
        ),
        ("flat_correct(input[0], input[0], output[0], norm_value=0)", "norm_value must be above 0, got 0"),
        ("combine([], output[0])", "combine() got an empty list"),
        ("combine(input, output[0])", "b.fits: the images differ in shape: (6, 8) and (1, 2)"),
        (
            "combine([input[0]], output[0], method=\"mean\")",
            "combine() knows no method \"mean\"; one of median, average, sum",
        ),
        (
            "combine([input[0]], output[0], reject=\"ccdclip\")",
            "combine() knows no reject \"ccdclip\"; one of sigclip, minmax",
        ),
        ("combine([input[0]], output[0], reject=\"sigclip\", sigma=-1)", "sigma must be at least 0, got -1"),
        (
            "combine([input[0]], output[0], sigma=\"3\")",
            "combine() takes a number or a pair of them (low, high) for sigma",
        ),
        ("combine([input[0]], output[0], reject=\"minmax\")", "nlow + nhigh must be at most 0, got 2"),
        ("combine([input[0]], output[0], scale=[1, 2])", "scale has 2 numbers for 1 frames"),
        ("combine(\"missing.fits\", output[0])", "missing.fits is read, but it is not an input of rule all"),
        ("set_header(input[0], output[0], BITPIX=8)", "BITPIX says how the file is laid out, and cannot be set"),
        ("set_header(input[0], output[0], GAIN={})", "GAIN: a header holds text, numbers and booleans"),
        ("write_json(compare(input[0], input[1]), output[0])", "the images differ in shape"),
        ("write_json(histogram(input[0], bins=0), output[0])", "bins must be at least 1, got 0"),
    ] {
        let project = project(&["a.fits", "b.fits"], "out.fits", body);
        put(&project, "a.fits", &Image::new(frame(1), Header::default()));
        put(&project, "b.fits", &Image::new(Array3::<u8>::zeros((1, 1, 2)), Header::default()));
        let ran = project.flow("").exits(1);
        assert!(ran.stderr.contains(message), "{body}\n{}", ran.stderr);
        assert!(!project.exists("out.fits"), "{body}");
    }
}
