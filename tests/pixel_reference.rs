//! The pixel kernels against what scipy, scikit-image, astropy, numpy and Pillow give, as written by
//! `tests/reference/make.py`. The name of each file says its case.

use std::path::Path;

use flow::pixel::blocks::{Reduce, block_reduce};
use flow::pixel::colormap::Colormap;
use flow::pixel::convolve::{Extent, convolve};
use flow::pixel::gaussian::gaussian;
use flow::pixel::geometry::rot90;
use flow::pixel::median::{highpass, median_filter, percentile_filter};
use flow::pixel::padding::{Frame, pad};
use flow::pixel::resize::{Filter, Region, resize, resize_region, thumbnail_size};
use flow::pixel::rotate::{Order, Turn, rotate};
use flow::pixel::sliding::{maximum_filter, minimum_filter, uniform_filter};
use flow::pixel::stretch::{Interval, Stretch, stretch};
use flow::pixel::unsharp::unsharp_mask;
use flow::pixel::{Border, statistics};
use ndarray::{Array1, Array2, s};

const MODES: [&str; 5] = ["reflect", "nearest", "mirror", "constant", "wrap"];

/// A .npy file of one or two axes (format 1.0), as `f64`; one axis becomes a row.
fn load(name: &str) -> Array2<f64> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(format!("{name}.npy"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + length]).expect("an ASCII header");
    let field = |key: &str, end: char| {
        let start = header.find(key).expect("the key") + key.len();
        header[start..].split(end).next().expect("a value").trim_matches([' ', '\'', '(']).to_owned()
    };
    assert!(header.contains("'fortran_order': False"));
    let shape: Vec<usize> = field("'shape':", ')').split(',').filter_map(|n| n.trim().parse().ok()).collect();
    let data = &bytes[10 + length..];
    let values: Vec<f64> = match field("'descr':", ',').as_str() {
        "<f8" => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        "<f4" => data.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        "|u1" => data.iter().map(|b| f64::from(*b)).collect(),
        other => panic!("{name}: type {other}"),
    };
    let shape = if let [height, width] = shape[..] { (height, width) } else { (1, shape[0]) };
    Array2::from_shape_vec(shape, values).expect("as many values as the shape says")
}

fn mode(name: &str) -> Border {
    Border::from_name(name, 3.0).expect("a mode of scipy")
}

/// The largest difference, in units of the reference's size (its values about 1 or their magnitude).
#[track_caller]
fn assert_close(name: &str, ours: &Array2<f64>, reference: &Array2<f64>, tolerance: f64) {
    assert_eq!(ours.dim(), reference.dim(), "{name}");
    for ((at, ours), reference) in ours.indexed_iter().zip(reference) {
        let error = (ours - reference).abs() / reference.abs().max(1.0);
        assert!(error <= tolerance, "{name} {at:?}: {ours}, reference {reference}");
    }
}

#[test]
fn median_is_that_of_scipy() {
    let ties = load("input_ties");
    for name in MODES {
        for size in [(3, 3), (4, 5), (9, 8)] {
            let case = format!("median_ties_f64_{}x{}_{name}", size.0, size.1);
            assert_eq!(median_filter(ties.view(), size, mode(name)).unwrap(), load(&case), "{case}");
        }
        let single = median_filter(ties.mapv(|v| v as f32).view(), (4, 5), mode(name)).unwrap();
        assert_eq!(single.mapv(f64::from), load(&format!("median_ties_f32_4x5_{name}")));
        for (input, size) in [("small", (3, 5)), ("row", (1, 6))] {
            let case = format!("median_{input}_f64_{}x{}_{name}", size.0, size.1);
            let ours = median_filter(load(&format!("input_{input}")).view(), size, mode(name)).unwrap();
            assert_eq!(ours, load(&case), "{case}");
        }
    }
}

#[test]
fn percentile_filter_and_highpass_are_those_of_scipy() {
    let field = load("input_field");
    for percentile in [0.0, 20.0, 90.0, 100.0] {
        let ours = percentile_filter(field.view(), percentile, (5, 6), Border::Reflect).unwrap();
        assert_eq!(ours, load(&format!("percentile_{percentile}")));
    }
    assert_eq!(highpass(field.view(), (12, 12), Border::Reflect).unwrap(), load("highpass"));
}

#[test]
fn gaussian_is_that_of_skimage() {
    for name in MODES {
        let small = gaussian(load("input_small").view(), 2.0, mode(name), 4.0).unwrap();
        assert_close(name, &small, &load(&format!("gaussian_small_f64_2_{name}")), 1e-14);
        let row = gaussian(load("input_row").view(), 1.3, mode(name), 4.0).unwrap();
        assert_close(name, &row, &load(&format!("gaussian_row_f64_1.3_{name}")), 1e-14);
    }
    let field = load("input_field");
    let double = gaussian(field.view(), (3.0, 1.5), Border::Nearest, 4.0).unwrap();
    assert_close("f64", &double, &load("gaussian_field_f64_3x1.5_nearest"), 1e-14);
    let single = gaussian(field.mapv(|v| v as f32).view(), (3.0, 1.5), Border::Nearest, 4.0).unwrap();
    assert_close("f32", &single.mapv(f64::from), &load("gaussian_field_f32_3x1.5_nearest"), 3e-7);
}

#[test]
fn windows_are_those_of_scipy() {
    for name in MODES {
        for (input, size) in [("ties", (4, 5)), ("small", (3, 9)), ("row", (1, 6)), ("constant", (5, 2))] {
            let case = format!("windows_{input}_{}x{}_{name}", size.0, size.1);
            let (image, reference) = (load(&format!("input_{input}")), load(&case));
            let part = |i: usize| reference.slice(s![i * image.nrows()..(i + 1) * image.nrows(), ..]).to_owned();
            assert_close(&case, &uniform_filter(image.view(), size, mode(name)).unwrap(), &part(0), 1e-14);
            assert_eq!(minimum_filter(image.view(), size, mode(name)).unwrap(), part(1), "{case}");
            assert_eq!(maximum_filter(image.view(), size, mode(name)).unwrap(), part(2), "{case}");
        }
    }
    let (image, reference) = (load("input_field").mapv(|v| v as f32), load("windows_field_f32_7x8"));
    let part = |i: usize| reference.slice(s![i * image.nrows()..(i + 1) * image.nrows(), ..]).to_owned();
    let mean = uniform_filter(image.view(), (7, 8), Border::Reflect).unwrap().mapv(f64::from);
    assert_close("f32", &mean, &part(0), 3e-7);
    assert_eq!(minimum_filter(image.view(), (7, 8), Border::Reflect).unwrap().mapv(f64::from), part(1));
    assert_eq!(maximum_filter(image.view(), (7, 8), Border::Reflect).unwrap().mapv(f64::from), part(2));
}

#[test]
fn windows_with_infinities_are_those_of_scipy() {
    let (mut image, reference) = (load("input_ties"), load("windows_infinite_3x4"));
    (image[[5, 3]], image[[20, 17]]) = (f64::INFINITY, f64::NEG_INFINITY);
    assert_eq!(minimum_filter(image.view(), (3, 4), Border::Reflect).unwrap(), reference.slice(s![..24, ..]));
    assert_eq!(maximum_filter(image.view(), (3, 4), Border::Reflect).unwrap(), reference.slice(s![24.., ..]));
}

#[test]
fn unsharp_mask_is_that_of_skimage() {
    for (name, radius, amount) in [("field", 2.5, 1.5), ("small", 3.0, -0.5), ("row", 1.0, 4.0)] {
        let ours = unsharp_mask(load(&format!("input_{name}")).view(), radius, amount).unwrap();
        assert_close(name, &ours, &load(&format!("unsharp_{name}")), 1e-13);
    }
}

#[test]
fn rotate_is_that_of_skimage() {
    let image = load("input_ties");
    let turn = Turn::new(image.dim(), 33.0, false).unwrap();
    for name in MODES {
        for order in [0, 1, 3] {
            let case = format!("rotate_{order}_{name}");
            let ours = rotate(image.view(), &turn, Order::from_number(order).unwrap(), mode(name)).unwrap();
            assert_close(&case, &ours, &load(&case), 1e-11);
        }
    }
    for angle in [-70.0, 180.0, 12.5] {
        let turn = Turn::new(image.dim(), angle, true).unwrap();
        let ours = rotate(image.view(), &turn, Order::Linear, Border::Constant(0.0)).unwrap();
        assert_close("resized", &ours, &load(&format!("rotate_resized_{angle}")), 1e-11);
    }
}

#[test]
fn turns_and_frames_are_those_of_numpy() {
    let (small, row) = (load("input_small"), load("input_row"));
    for turns in 1..4 {
        assert_eq!(rot90(small.view(), turns), load(&format!("rot90_{turns}")));
    }
    let frame = |before, after| Frame { before, after };
    for name in MODES {
        let ours = pad(small.view(), frame(2, 9), frame(7, 1), mode(name), 3.0).unwrap();
        assert_eq!(ours, load(&format!("pad_{name}")), "{name}");
        let ours = pad(row.view(), frame(1, 2), frame(30, 50), mode(name), 3.0).unwrap();
        assert_eq!(ours, load(&format!("pad_row_{name}")), "{name}");
    }
}

#[test]
fn block_reduce_is_that_of_skimage() {
    for name in ["sum", "mean", "median", "min", "max"] {
        let ours = block_reduce(load("input_field").view(), (4, 3), Reduce::from_name(name).unwrap(), 50.0).unwrap();
        assert_close(name, &ours, &load(&format!("blocks_{name}")), 1e-14);
    }
}

#[test]
fn fit_and_thumbnail_are_those_of_pillow() {
    let field = load("input_field");
    let (single, bytes) = (field.mapv(|v| v as f32), field.mapv(|v| (v * 0.05 + 20.0) as u8));
    for size in [(11, 17), (30, 7), (50, 50)] {
        let case = |kind: &str| load(&format!("fit_{kind}_{}x{}", size.0, size.1));
        let region = Region::fitting(field.dim(), size);
        let ours = resize_region(single.view(), region, size, Filter::Bicubic).unwrap();
        assert_close("f32", &ours.mapv(f64::from), &case("f32"), 1e-6);
        let ours = resize_region(single.mapv(f64::from).view(), region, size, Filter::Bicubic).unwrap();
        assert_close("f64", &ours, &case("f32"), 1e-6);
        let ours = resize_region(bytes.view(), region, size, Filter::Bicubic).unwrap();
        // Both round to bytes between the axes, which they take in different order: one unit each.
        assert!(ours.iter().zip(&case("u8")).all(|(a, b)| (f64::from(*a) - b).abs() <= 2.0), "u8 {size:?}");
    }
    for row in load("thumbnail_sizes").outer_iter() {
        let [height, width, rows, columns, made_rows, made_columns] = [0, 1, 2, 3, 4, 5].map(|i| row[i] as usize);
        assert_eq!(thumbnail_size((height, width), (rows, columns)), (made_rows, made_columns));
    }
    let ours = resize(single.view(), thumbnail_size(field.dim(), (16, 16)), Filter::Bicubic).unwrap();
    assert_close("thumbnail", &ours.mapv(f64::from), &load("thumbnail_16"), 1e-6);
}

#[test]
fn convolve_is_that_of_scipy_thinned_out() {
    let (image, kernel) = (load("input_ties"), load("input_kernel"));
    for extent in ["full", "same", "valid"] {
        for (name, boundary) in [("fill", Border::Constant(2.0)), ("wrap", Border::Wrap), ("symm", Border::Reflect)] {
            let ours = convolve(image.view(), kernel.view(), Extent::from_name(extent).unwrap(), boundary, 3).unwrap();
            assert_close(name, &ours, &load(&format!("convolve_{extent}_{name}")), 1e-13);
        }
    }
}

#[test]
fn statistics_are_those_of_numpy() {
    for name in ["field", "row", "constant"] {
        let image = load(&format!("input_{name}"));
        let view = || image.view();
        let mut ours = vec![statistics::sum(view())];
        let stat = statistics::imstat(view()).unwrap();
        ours.extend([stat.mean, statistics::var(view()).unwrap(), stat.std, stat.min, stat.max, stat.median]);
        ours.extend([0.0, 2.5, 50.0, 99.5, 100.0].map(|q| statistics::percentile(view(), q).unwrap()));
        let ours = Array1::from(ours).insert_axis(ndarray::Axis(0));
        assert_close(name, &ours, &load(&format!("statistics_{name}")), 1e-13);
        assert_eq!(stat.npix, image.len());
    }
}

#[test]
fn intervals_are_those_of_astropy() {
    for name in ["field", "row", "constant", "small", "ties", "sky"] {
        let image = load(&format!("input_{name}"));
        let reference = load(&format!("limits_{name}"));
        for (i, interval) in [Interval::ZScale, Interval::Percentile(99.5), Interval::MinMax].into_iter().enumerate() {
            let (low, high) = interval.limits(image.view()).unwrap();
            let ours = Array2::from_shape_vec((1, 2), vec![low, high]).unwrap();
            assert_close(name, &ours, &reference.slice(s![i..=i, ..]).to_owned(), 1e-12);
        }
    }
}

#[test]
fn stretches_are_those_of_astropy() {
    let image = load("input_field");
    let part = image.slice(s![..12, ..]);
    for name in ["linear", "sqrt", "log", "asinh"] {
        let ours = stretch(part, Stretch::from_name(name).unwrap(), Interval::Manual(90.0, 400.0)).unwrap();
        assert_close(name, &ours, &load(&format!("stretch_{name}")), 1e-14);
    }
}

#[test]
fn resize_is_that_of_pillow() {
    let field = load("input_field");
    for name in ["nearest", "box", "bilinear", "bicubic", "lanczos"] {
        let filter = Filter::from_name(name).unwrap();
        for size in [(11, 17), (45, 50)] {
            let case = |kind: &str| load(&format!("resize_{kind}_{name}_{}x{}", size.0, size.1));
            let single = resize(field.mapv(|v| v as f32).view(), size, filter).unwrap();
            assert_close(name, &single.mapv(f64::from), &case("f32"), 1e-6);
            let double = resize(field.mapv(|v| f64::from(v as f32)).view(), size, filter).unwrap();
            assert_close(name, &double, &case("f32"), 1e-6);
            let bytes = resize(field.mapv(|v| (v * 0.05 + 20.0) as u8).view(), size, filter).unwrap();
            let reference = case("u8");
            assert!(bytes.iter().zip(&reference).all(|(a, b)| (f64::from(*a) - b).abs() <= 1.0), "{name} u8 {size:?}");
        }
    }
}

/// A few entries, as matplotlib prints them.
#[test]
fn colours_are_those_of_matplotlib() {
    for (name, place, colour) in
        [("inferno", 0.5, [187, 55, 84]), ("magma", 1.0, [251, 252, 191]), ("hot", 0.25, [178, 0, 0])]
    {
        assert_eq!(Colormap::from_name(name).unwrap().colour(place), colour, "{name}");
    }
}
