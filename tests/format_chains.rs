//! What an image goes through on its way from file to file: `convert` from a Rulefile, through the program, from NumPy to
//! each format that holds the pixels and back. Every pixel must come out as it went in.

use std::fs::File;

use flow::action::file::{Output, ReadOptions, WriteOptions, read, write};
use flow::action::header::Header;
use flow::action::image::{Dtype, Image, Pixels};
use ndarray::Array3;
use proptest::prelude::*;
use support::Project;

mod support;

/// The formats that hold such an image, one after the other.
fn chain(dtype: Dtype, planes: usize) -> Vec<&'static str> {
    let mut suffixes = vec!["fits", "fits.gz"];
    if dtype != Dtype::I64 {
        suffixes.push("fits.fz");
    }
    if planes == 1 || matches!(dtype, Dtype::U8 | Dtype::U16 | Dtype::F32 | Dtype::F64) {
        suffixes.push("tif");
    }
    if matches!(dtype, Dtype::U8 | Dtype::U16) {
        suffixes.extend(["png", if planes == 1 { "pgm" } else { "ppm" }]);
    }
    // The others have colour only.
    if dtype == Dtype::U8 && planes == 3 {
        suffixes.extend(["bmp", "webp"]);
    }
    suffixes
}

fn pixels(planes: usize, height: usize, width: usize, seeds: &[i64]) -> Array3<i64> {
    Array3::from_shape_fn((planes, height, width), |(p, y, x)| {
        seeds[(31 * p + 7 * y + x) % seeds.len()].wrapping_mul(x as i64 + 1)
    })
}

fn typed(values: &Array3<i64>, dtype: Dtype) -> Pixels {
    match dtype {
        Dtype::U8 => values.mapv(|v| v as u8).into(),
        Dtype::U16 => values.mapv(|v| v as u16).into(),
        Dtype::I16 => values.mapv(|v| v as i16).into(),
        Dtype::I32 => values.mapv(|v| v as i32).into(),
        Dtype::I64 => values.clone().into(),
        Dtype::F32 => values.mapv(|v| v as f32 / 7.0).into(),
        Dtype::F64 => values.mapv(|v| v as f64 / 7.0).into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_pixel_survives(
        seeds in proptest::collection::vec(any::<i64>(), 1..20), height in 1usize..9, width in 1usize..12
    ) {
        let project = Project::new("");
        let (mut rulefile, mut wanted, mut images) = (String::new(), Vec::new(), Vec::new());
        for (dtype, planes) in Dtype::ALL.into_iter().flat_map(|dtype| [(dtype, 1), (dtype, 3)]) {
            let name = format!("{dtype}_{planes}");
            let image = Image::new(typed(&pixels(planes, height, width, &seeds), dtype), Header::default());
            let first = format!("{name}.npy");
            let path = project.path(&first);
            write(&image, Output::new(File::create(&path).expect("a temporary folder")), &first, &WriteOptions::default()).expect("it is written");
            let mut from = first;
            for (step, suffix) in chain(dtype, planes).into_iter().chain(["npy"]).enumerate() {
                let to = format!("{name}_{step}.{suffix}");
                rulefile += &format!("rule {name}_{step}:\n    input: {from:?}\n    output: {to:?}\n    run:\n        convert(input[0], output[0])\n");
                from = to;
            }
            wanted.push(format!("{from:?}"));
            images.push((from, image));
        }
        project.write("Rulefile", &format!("rule all:\n    input: {}\n{rulefile}", wanted.join(", ")));
        project.make("-j2").exits(0);
        for (last, image) in images {
            let back = read(project.path(&last).to_str().expect("a plain name"), &ReadOptions::default());
            let back = back.expect("it was written");
            prop_assert_eq!(back.pixels(), image.pixels(), "{}", last);
        }
    }
}

/// GIF holds any 256 colours exactly, and grey as colour.
#[test]
fn few_colours_survive_a_gif() {
    let project = Project::new(
        "
        rule all:
            input: 'b.npy'
        rule there:
            input: 'a.npy'
            output: 'a.gif'
            run:
                convert(input[0], output[0])
        rule back:
            input: 'a.gif'
            output: 'b.npy'
            run:
                convert(input[0], output[0])
        ",
    );
    let values = Array3::from_shape_fn((3, 16, 16), |(p, y, x)| (((16 * y + x) * (p + 1)) % 251) as u8);
    let image = Image::new(values, Header::default());
    let path = project.path("a.npy");
    write(&image, Output::new(File::create(&path).expect("a temporary folder")), "a.npy", &WriteOptions::default())
        .expect("it is written");
    project.make("").exits(0);
    let back = read(project.path("b.npy").to_str().expect("a plain name"), &ReadOptions::default());
    assert_eq!(back.expect("it was written").pixels(), image.pixels());
}
