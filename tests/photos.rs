//! Photos decoded at a part of their size: what comes is the mean of the pixels that are left out, the files that cannot come
//! so come whole, and what is made of either looks the same. `reference/photos.py` makes the files.

use std::path::PathBuf;

use flow::action::file::{Part, ReadOptions, Wanted, read, read_part};
use flow::action::image::{Image, Pixels};
use flow::pixel::resize::{Filter, Region};
use ndarray::{Array3, Axis, s};
use support::Project;

mod support;

const FACTORS: [usize; 3] = [2, 4, 8];

/// The files that are decoded at a part of their size, and how far a pixel may be from the mean of the whole: by rounding,
/// or because the whole decoder draws out the colours of half the width and height to all pixels.
const USUAL: [(&str, f64); 6] = [
    ("444.jpg", 3.0),
    ("422.jpg", 6.0),
    ("420.jpg", 6.0),
    ("grey.jpg", 1.0),
    ("420-restart.jpg", 6.0),
    ("420-optimised.jpg", 6.0),
];

fn place(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/photos");
    folder.join(name).to_str().expect("a plain name").to_owned()
}

/// All of the image at so small a size that it may come smaller by the factor, and by no larger one.
fn all_at(factor: usize) -> impl Fn((usize, usize)) -> Wanted {
    let filter = Filter::Lanczos;
    move |shape| Wanted::new(Region::whole(shape), (shape.0 / (2 * factor), shape.1 / (2 * factor)), filter)
}

fn part(name: &str, factor: usize) -> Part {
    read_part(&place(name), all_at(factor)).expect("a file that can be read")
}

fn bytes(image: &Image) -> &Array3<u8> {
    match image.pixels() {
        Pixels::U8(pixels) => pixels,
        other => panic!("photos are bytes, not {}", other.dtype()),
    }
}

#[test]
fn pixels_are_means_of_those_left_out() {
    for (name, slack) in USUAL {
        let whole = read(&place(name), &ReadOptions::default()).expect("a file that can be read");
        let whole = bytes(&whole);
        for factor in FACTORS {
            let part = part(name, factor);
            let small = bytes(&part.image);
            assert_eq!(small.dim(), (whole.dim().0, 45usize.div_ceil(factor), 61usize.div_ceil(factor)));
            for ((plane, y, x), found) in small.indexed_iter() {
                let (top, left) = (y * factor, x * factor);
                let block = whole.slice(s![plane, top..45.min(top + factor), left..61.min(left + factor)]);
                // What fills up the last blocks is the encoder's to choose, and is weighed like the rest.
                let is_whole = block.dim() == (factor, factor);
                let mean = block.iter().map(|pixel| f64::from(*pixel)).sum::<f64>() / block.len() as f64;
                let difference = (f64::from(*found) - mean).abs();
                let most = if is_whole { slack } else { 20.0 };
                assert!(difference <= most, "{name} at 1/{factor}, {plane} {y} {x}: {found}, mean {mean}");
            }
        }
    }
}

#[test]
fn colours_are_those_of_pillow_s_draft() {
    let table = std::fs::read_to_string(place("draft.txt")).expect("the reference is there");
    for line in table.lines() {
        let numbers: Vec<f64> = line.split(' ').map(|number| number.parse().expect("a number")).collect();
        let [factor, width, height, means @ ..] = &numbers[..] else { panic!("a size and three means, not {line}") };
        let part = part("420.jpg", *factor as usize);
        assert_eq!(part.image.shape(), [3, *height as usize, *width as usize]);
        for (plane, mean) in bytes(&part.image).axis_iter(Axis(0)).zip(means) {
            let found = plane.iter().map(|pixel| f64::from(*pixel)).sum::<f64>() / plane.len() as f64;
            assert!((found - mean).abs() < 1.0, "at 1/{factor}: {found}, in Pillow {mean}");
        }
    }
}

#[test]
fn what_is_wanted_lies_where_the_image_is() {
    for factor in FACTORS {
        let scale = factor as f64;
        let upright = part("420.jpg", factor).region;
        assert_eq!(upright, Region { top: 0.0, left: 0.0, height: 45.0 / scale, width: 61.0 / scale });
        // Turned to the right, the last row of the file, which may reach beyond the image, is the first column.
        let turned = part("420-turned.jpg", factor).region;
        let left = 45f64.div_euclid(scale) + f64::from(u8::from(factor > 1)) - 45.0 / scale;
        assert_eq!(turned, Region { top: 0.0, left, height: 61.0 / scale, width: 45.0 / scale });
    }
}

#[test]
fn other_files_and_larger_sizes_come_whole() {
    assert_eq!(part("progressive.jpg", 8).image.shape(), [3, 45, 61]);
    let rows = |wanted: &dyn Fn((usize, usize)) -> Wanted| {
        read_part(&place("420.jpg"), wanted).expect("a file that can be read").image.shape()[1]
    };
    let all = |size, filter| move |shape| Wanted::new(Region::whole(shape), size, filter);
    assert_eq!(rows(&all((11, 15), Filter::Lanczos)), 23);
    assert_eq!(rows(&all((12, 15), Filter::Lanczos)), 45, "23 rows are not twice as many");
    assert_eq!(rows(&all((11, 15), Filter::Box)), 45, "nor four times, which a mean needs");
    assert_eq!(rows(&all((1, 1), Filter::Nearest)), 45, "a pixel is picked from all");
    // What counts is the part that is shown.
    let corner = Region { top: 0.0, left: 0.0, height: 8.0, width: 8.0 };
    assert_eq!(rows(&|_| Wanted::new(corner, (3, 3), Filter::Lanczos)), 45);
}

/// By path, where the file may be decoded at a part of its size, and by value, where it has been decoded whole.
const RULEFILE: &str = r#"
    photos = ["444", "422", "420", "grey", "420-restart", "420-optimised", "progressive", "420-turned"]
    rule all:
        input: expand("{how}/{photo}.{what}.npy", how=["path", "value"], photo=photos, what=["fit", "thumbnail", "resize", "preview"])
    rule fit:
        input: "{photo}.jpg"
        output: "{how}/{photo}.fit.npy"
        run: fit(input[0] if wildcards.how == "path" else read(input[0]), output[0], size=5)
    rule thumbnail:
        input: "{photo}.jpg"
        output: "{how}/{photo}.thumbnail.npy"
        run: thumbnail(input[0] if wildcards.how == "path" else read(input[0]), output[0], size=10)
    rule resize:
        input: "{photo}.jpg"
        output: "{how}/{photo}.resize.npy"
        run: resize(input[0] if wildcards.how == "path" else read(input[0]), output[0], size=(6, 9))
    rule preview:
        input: "{photo}.jpg"
        output: "{how}/{photo}.preview.npy"
        run: preview(input[0] if wildcards.how == "path" else read(input[0]), output[0], width=7, interval="minmax")
"#;

#[test]
fn what_is_made_of_either_looks_the_same() {
    let project = Project::new(RULEFILE);
    let photos: Vec<&str> = USUAL.iter().map(|(name, _)| *name).chain(["progressive.jpg", "420-turned.jpg"]).collect();
    for name in &photos {
        std::fs::copy(place(name), project.path(name)).expect("a file in a temporary folder");
    }
    project.flow("-j2 -q all").exits(0);
    let two = project.tree();
    project.flow("-j1 -q all --forceall").exits(0);
    assert_eq!(two, project.tree(), "whatever the number of threads, the bytes are the same");
    let image = |how: &str, name: &str, what: &str| {
        let path = project.path(format!("{how}/{}.{what}.npy", name.trim_end_matches(".jpg")));
        let image = read(path.to_str().expect("a plain name"), &ReadOptions::default()).expect("just written");
        bytes(&image).mapv(f64::from)
    };
    for name in photos {
        for what in ["fit", "thumbnail", "resize", "preview"] {
            let (small, whole) = (image("path", name, what), image("value", name, what));
            assert_eq!(small.dim(), whole.dim(), "{name} {what}");
            let difference = (&small - &whole).mapv(f64::abs);
            let (mean, most) = (difference.mean().unwrap_or(0.0), difference.iter().copied().fold(0.0, f64::max));
            // A preview takes means over whole pixels, whose edges are elsewhere in fewer pixels, and stretches what is grey.
            let (slack, limit) = if what == "preview" { (8.0, 32.0) } else { (3.0, 16.0) };
            assert!(mean < slack && most < limit, "{name} {what}: {mean} on average, {most} at most");
        }
    }
    // Turned by the file's orientation, and turned afterwards.
    let (turned, upright) = (image("path", "420-turned.jpg", "fit"), image("path", "420.jpg", "fit"));
    for ((plane, y, x), found) in turned.indexed_iter() {
        assert!((found - upright[[plane, 4 - x, y]]).abs() <= 1.0, "{plane} {y} {x}");
    }
}
