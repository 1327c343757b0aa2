//! Made images, structure formation, assignment and Lupton's colours against numpy, scipy and astropy, as written by
//! `tests/reference/making.py`.

use std::path::Path;

use flow::pixel::assignment::{Table, assign};
use flow::pixel::cosmology::{Counting, potential, zeldovich};
use flow::pixel::fractal::{View, julia, mandelbrot};
use flow::pixel::lupton::{Lupton, lupton};
use flow::pixel::stretch::Interval;
use ndarray::{Array2, ArrayView2, s};

/// A .npy file of one or two axes (format 1.0), as `f64`; one axis becomes a row.
fn load(name: &str) -> Array2<f64> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/making").join(format!("{name}.npy"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + length]).expect("an ASCII header");
    let shape = header.split("'shape': (").nth(1).and_then(|rest| rest.split(')').next()).expect("a shape");
    let shape: Vec<usize> = shape.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    let data = &bytes[10 + length..];
    let values: Vec<f64> = match header.split('\'').nth(3).expect("a type") {
        "<f8" => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        "<i4" => data.as_chunks().0.iter().map(|b| f64::from(i32::from_le_bytes(*b))).collect(),
        "|u1" => data.iter().map(|b| f64::from(*b)).collect(),
        other => panic!("{name}: type {other}"),
    };
    let shape = if let [height, width] = shape[..] { (height, width) } else { (1, shape[0]) };
    Array2::from_shape_vec(shape, values).expect("as many values as the shape says")
}

#[track_caller]
fn assert_close(ours: &Array2<f64>, reference: &Array2<f64>, tolerance: f64) {
    assert_eq!(ours.dim(), reference.dim());
    for ((at, ours), reference) in ours.indexed_iter().zip(reference) {
        let error = (ours - reference).abs() / reference.abs().max(1.0);
        assert!(error <= tolerance, "{at:?}: {ours}, reference {reference}");
    }
}

#[test]
fn fractals_are_those_of_numpy() {
    let view = View { shape: (33, 50), center: (-0.6, 0.1), extent: 2.9 };
    assert_eq!(mandelbrot(view, 100).unwrap().mapv(f64::from), load("mandelbrot"));
    let view = View { shape: (29, 41), center: (0.05, 0.0), extent: 3.2 };
    assert_eq!(julia((-0.8, 0.156), view, 100).unwrap().mapv(f64::from), load("julia"));
}

#[test]
fn structure_forms_as_in_numpy() {
    let box_size = (10.0, 15.0);
    let phi = potential(load("delta").view(), box_size).unwrap();
    assert_close(&phi, &load("potential"), 1e-13);
    for (name, counting) in [("cic", Counting::CloudInCell), ("ngp", Counting::NearestGridPoint)] {
        let density = zeldovich(load("potential").view(), box_size, 0.4, counting).unwrap();
        assert_close(&density, &load(&format!("zeldovich_{name}")), 1e-12);
    }
}

#[test]
fn the_least_cost_is_that_of_scipy() {
    let costs = load("costs");
    let columns = assign(Table::new(costs.view())).unwrap();
    let cost: f64 = columns.iter().enumerate().map(|(row, &column)| costs[[row, column]]).sum();
    assert_eq!(cost, load("least_cost")[[0, 0]]);
}

#[test]
fn colours_are_those_of_astropy() {
    let bands = load("bands");
    let band = |at: usize| -> ArrayView2<f64> { bands.slice(s![at * 15..(at + 1) * 15, ..]) };
    let zscale = [0, 1, 2].map(|at| Interval::ZScale.limits(band(at)).unwrap().0);
    for (name, how) in [
        ("lupton", Lupton { minimum: [3.0, 1.0, 2.0], stretch: 4.0, q: 9.0 }),
        ("lupton_zscale", Lupton { minimum: zscale, stretch: 5.0, q: 8.0 }),
    ] {
        let ours = lupton([band(0), band(1), band(2)], how).unwrap();
        let reference = load(name);
        let ours = ours.iter().flatten();
        // Both cut off what is behind the point, where rounding may decide.
        let off: Vec<f64> =
            ours.zip(&reference).map(|(a, b)| (f64::from(*a) - b).abs()).filter(|off| *off > 0.0).collect();
        assert!(off.len() < 5 && off.iter().all(|off| *off <= 1.0), "{name}: {off:?}");
    }
}
