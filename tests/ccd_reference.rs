//! Combination, clipping, calibration and comparison against what ccdproc, astropy, numpy and scikit-image give, as written by
//! `tests/reference/ccd.py`. The name of each file says its case; of a stack each row is a frame.

use std::path::Path;

use flow::pixel::clip::{Center, SigmaClip, Spread, sigma_clipped_stats};
use flow::pixel::combine::{Combiner, Method, Reject};
use flow::pixel::{calibrate, statistics};
use ndarray::{Array2, s};

/// A .npy file of two axes of float64.
fn load(name: &str) -> Array2<f64> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/ccd").join(format!("{name}.npy"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + length]).expect("an ASCII header");
    assert!(header.contains("'<f8'") && header.contains("'fortran_order': False"), "{header}");
    let shape = header.split("'shape': (").nth(1).and_then(|rest| rest.split(')').next()).expect("a shape");
    let shape: Vec<usize> = shape.split(',').map(|n| n.trim().parse().expect("a length")).collect();
    let values = bytes[10 + length..].as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
    Array2::from_shape_vec((shape[0], shape[1]), values).expect("as many values as the shape says")
}

#[track_caller]
fn assert_close<'a>(
    name: &str,
    ours: impl IntoIterator<Item = &'a f64>,
    reference: impl IntoIterator<Item = &'a f64>,
    tolerance: f64,
) {
    let (ours, reference): (Vec<_>, Vec<_>) = (ours.into_iter().collect(), reference.into_iter().collect());
    assert_eq!(ours.len(), reference.len(), "{name}");
    for (at, (ours, reference)) in ours.iter().zip(reference).enumerate() {
        let close = (*ours - reference).abs() <= tolerance * reference.abs().max(1.0);
        assert!(close || (ours.is_nan() && reference.is_nan()), "{name} {at}: {ours}, reference {reference}");
    }
}

fn combined(stack: &Array2<f64>, factors: &[f64], method: &str, reject: Reject) -> Vec<f64> {
    let frames: Vec<&[f64]> = stack.rows().into_iter().map(|row| row.to_slice().expect("in C order")).collect();
    let mut out = vec![0.0; stack.ncols()];
    let method = Method::from_name(method).expect("a method of ccdproc");
    Combiner::new(frames.len(), method, reject).expect("frames").combine(&frames, factors, &mut out);
    out
}

const ONCE: SigmaClip = SigmaClip { low: 3.0, high: 3.0, maxiters: 1, center: Center::Mean, spread: Spread::Std };
const TIGHT: SigmaClip = SigmaClip { low: 2.0, high: 1.5, maxiters: 1, center: Center::Median, spread: Spread::MadStd };

#[test]
fn combine_is_that_of_ccdproc() {
    for name in ["odd", "even", "one", "missing", "constant"] {
        let stack = load(&format!("stack_{name}"));
        let ones = vec![1.0; stack.nrows()];
        for method in ["median", "average", "sum"] {
            let plain = combined(&stack, &ones, method, Reject::Missing);
            let case = format!("combine_{name}_{method}");
            assert_close(&case, &plain, &load(&case), 1e-13);
            for (how, clip) in [("sigclip", ONCE), ("tight", TIGHT)] {
                let case = format!("{case}_{how}");
                assert_close(&case, &combined(&stack, &ones, method, Reject::SigmaClip(clip)), &load(&case), 1e-13);
            }
            if ["odd", "even"].contains(&name) {
                let minmax = combined(&stack, &ones, method, Reject::Extrema { low: 1, high: 2 });
                assert_close(&case, &minmax, &load(&format!("{case}_minmax")), 1e-13);
                let factors: Vec<f64> =
                    stack.rows().into_iter().map(|row| 1.0 / statistics::mean(row).expect("a mean")).collect();
                let scaled = combined(&stack, &factors, method, Reject::SigmaClip(ONCE));
                assert_close(&case, &scaled, &load(&format!("{case}_scaled")), 1e-13);
            }
        }
    }
}

/// The same in float32: what was read of a 16-bit frame is exact, and the answer is rounded once.
#[test]
fn single_precision_is_the_double_one_rounded() {
    let stack = load("stack_even").mapv(|value| value.round());
    let single = stack.mapv(|value| value as f32);
    for (method, reject) in [
        (Method::Median, Reject::Missing),
        (Method::Average, Reject::SigmaClip(ONCE)),
        (Method::Sum, Reject::Extrema { low: 1, high: 1 }),
    ] {
        let name = format!("{method:?}").to_lowercase();
        let double = combined(&stack, &vec![1.0; stack.nrows()], &name, reject);
        let frames: Vec<&[f32]> = single.rows().into_iter().map(|row| row.to_slice().expect("in C order")).collect();
        let mut out = vec![0.0f32; stack.ncols()];
        let combiner = Combiner::new(frames.len(), method, reject).expect("frames");
        combiner.combine(&frames, &vec![1.0; frames.len()], &mut out);
        assert_eq!(out, double.iter().map(|value| *value as f32).collect::<Vec<_>>(), "{method:?}");
    }
}

#[test]
fn sigma_clipped_stats_are_those_of_astropy() {
    let image = load("input_clip");
    let base = SigmaClip { low: 3.0, high: 3.0, maxiters: 5, center: Center::Median, spread: Spread::Std };
    let cases = [
        base,
        SigmaClip { low: 2.0, high: 2.0, ..base },
        SigmaClip { maxiters: 1, ..base },
        SigmaClip { low: 1.0, high: 4.0, ..base },
        SigmaClip { center: Center::Mean, ..base },
        SigmaClip { spread: Spread::MadStd, maxiters: 20, ..base },
    ];
    let reference = load("clipped_stats");
    for (case, reference) in cases.iter().zip(reference.rows()) {
        let stats = sigma_clipped_stats(image.view(), case).expect("values");
        assert_close(&format!("{case:?}"), &[stats.mean, stats.median, stats.std], reference, 1e-12);
    }
}

#[test]
fn histograms_are_those_of_numpy() {
    for (bins, range) in [(10, None), (7, Some((-1.0, 2.5))), (40, Some((0.0, 2.0)))] {
        let values = load(&format!("input_histogram_{bins}"));
        let (counts, edges) = statistics::histogram(values.view(), bins, range).expect("values");
        let counts: Vec<f64> = counts.into_iter().map(|count| count as f64).collect();
        assert_close("counts", &counts, &load(&format!("histogram_{bins}_counts")), 0.0);
        assert_close("edges", &edges, &load(&format!("histogram_{bins}_edges")), 1e-15);
    }
}

#[test]
fn differences_are_those_of_skimage() {
    let far = statistics::difference(load("input_a").view(), load("input_b").view()).expect("values");
    let psnr = 20.0 * (far.range / far.rmse).log10();
    assert_close("compare", &[far.rmse, psnr, far.max], &load("compare"), 1e-13);
}

#[test]
fn calibration_is_that_of_ccdproc() {
    let raw = load("input_raw");
    for (name, median) in [("mean", false), ("median", true)] {
        let mut rows = raw.clone();
        calibrate::subtract_overscan(rows.view_mut(), raw.slice(s![.., 14..18]), true, median).expect("it fits");
        assert_close(name, &rows, &load(&format!("overscan_rows_{name}")), 1e-12);
        let mut columns = raw.clone();
        calibrate::subtract_overscan(columns.view_mut(), raw.slice(s![0..3, ..]), false, median).expect("it fits");
        assert_close(name, &columns, &load(&format!("overscan_columns_{name}")), 1e-12);
    }
    let flat = load("input_flat");
    let values = |image: &Array2<f64>| image.iter().copied().collect::<Vec<f64>>();
    for (name, factor) in [("bias", 1.0), ("dark", 0.25)] {
        let mut image = values(&raw);
        calibrate::subtract_scaled(&mut image, &values(&load(&format!("input_{name}"))), factor);
        assert_close(name, &image, &load(name), 1e-14);
    }
    for (name, norm) in [("flat_min", None), ("flat_norm", Some(2.5))] {
        let mut image = values(&raw);
        calibrate::divide_by_flat(&mut image, &values(&flat), Some(100.0), norm).expect("a flat");
        assert_close(name, &image, &load(name), 1e-13);
    }
}
