//! Speed of the pixel kernels on the sizes of the project's targets. `cargo bench --bench pixel -- median` runs a part;
//! `RAYON_NUM_THREADS=1` shows one thread.

use divan::{Bencher, black_box};
use flow::pixel::Border;
use flow::pixel::blocks::{Reduce, block_reduce};
use flow::pixel::clip::{Center, SigmaClip, Spread, sigma_clipped_stats};
use flow::pixel::combine::{Combiner, Method, Reject};
use flow::pixel::convolve::{Extent, convolve};
use flow::pixel::dct::{LANES, Means};
use flow::pixel::fractal::{View, mandelbrot};
use flow::pixel::gaussian::gaussian;
use flow::pixel::geometry::rot90;
use flow::pixel::median::median_filter;
use flow::pixel::mosaic::{Method as Matching, choose};
use flow::pixel::random::{noise, random_field};
use flow::pixel::resize::{Filter, resize_rgb};
use flow::pixel::rotate::{Order, Turn, rotate};
use flow::pixel::sliding::{minimum_filter, uniform_filter};
use flow::pixel::statistics;
use flow::pixel::stretch::{Interval, Stretch, stretch};
use ndarray::{Array2, Array3};

/// The allocator of the program: fresh memory for every result is a fifth of some kernels' time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// A sky of pseudo-random pixels between 0 and 1000.
fn image(height: usize, width: usize) -> Array2<f64> {
    let mut state = 1u64;
    Array2::from_shape_simple_fn((height, width), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 * (1000.0 / (1u64 << 53) as f64)
    })
}

#[divan::bench(args = [3, 5, 7, 9, 15, 25, 50, 100, 200], sample_count = 10)]
fn median(bencher: Bencher, size: usize) {
    let image = image(1000, 1000);
    bencher.bench(|| median_filter(black_box(image.view()), (size, size), Border::Reflect));
}

#[divan::bench(args = [3, 5, 50], sample_count = 10)]
fn median_f32(bencher: Bencher, size: usize) {
    let image = image(1000, 1000).mapv(|pixel| pixel as f32);
    bencher.bench(|| median_filter(black_box(image.view()), (size, size), Border::Reflect));
}

#[divan::bench(args = [1.0, 3.0, 10.0], sample_count = 10)]
fn gaussian_2048(bencher: Bencher, sigma: f64) {
    let image = image(2048, 2048);
    bencher.bench(|| gaussian(black_box(image.view()), sigma, Border::Nearest, 4.0));
}

#[divan::bench(sample_count = 10)]
fn gaussian_2048_f32(bencher: Bencher) {
    let image = image(2048, 2048).mapv(|pixel| pixel as f32);
    bencher.bench(|| gaussian(black_box(image.view()), 10.0, Border::Nearest, 4.0));
}

#[divan::bench(args = [3, 9, 50, 200], sample_count = 10)]
fn uniform(bencher: Bencher, size: usize) {
    let image = image(1000, 1000);
    bencher.bench(|| uniform_filter(black_box(image.view()), (size, size), Border::Reflect));
}

#[divan::bench(args = [3, 9, 50, 200], sample_count = 10)]
fn minimum(bencher: Bencher, size: usize) {
    let image = image(1000, 1000);
    bencher.bench(|| minimum_filter(black_box(image.view()), (size, size), Border::Reflect));
}

/// The blocks of a photo of 1024 × 1024 pixels, grey, as so many means a side.
#[divan::bench(args = [1, 2, 4, 8], sample_count = 10)]
fn means_of_blocks(bencher: Bencher, side: usize) {
    let means = Means::new(side, side, &std::array::from_fn(|at| at as u8), &[3; 64]).expect("a part of eight");
    let mut coefficients = vec![[[1; LANES]; 80]; 128 / LANES];
    let mut out = vec![0; 128 * side * side];
    bencher
        .bench_local(|| (0..128).for_each(|_| means.samples(black_box(&mut coefficients), 128, &mut out, 128 * side)));
}

#[divan::bench(args = [0, 1, 3], sample_count = 10)]
fn rotate_1_megapixel(bencher: Bencher, order: i64) {
    let image = image(1000, 1000);
    let turn = Turn::new((1000, 1000), 33.0, false).expect("a finite angle");
    let order = Order::from_number(order).expect("an order that there is");
    bencher.bench(|| rotate(black_box(image.view()), &turn, order, Border::Constant(0.0)));
}

#[divan::bench(sample_count = 10)]
fn rot90_1_megapixel(bencher: Bencher) {
    let image = image(1000, 1000);
    bencher.bench(|| rot90(black_box(image.view()), 1));
}

#[divan::bench(sample_count = 10)]
fn block_mean_of_4_1_megapixel(bencher: Bencher) {
    let image = image(1000, 1000);
    bencher.bench(|| block_reduce(black_box(image.view()), (4, 4), Reduce::Mean, 0.0));
}

/// A kernel of 4 by 4 over 3000 by 3000 pixels.
#[divan::bench(args = [1, 5], sample_count = 10)]
fn convolve_3000(bencher: Bencher, stride: usize) {
    let (image, kernel) = (image(3000, 3000), image(4, 4));
    bencher.bench(|| convolve(black_box(image.view()), kernel.view(), Extent::Full, Border::Constant(0.0), stride));
}

#[divan::bench(sample_count = 10)]
fn imstat_1_megapixel(bencher: Bencher) {
    let image = image(1000, 1000);
    bencher.bench(|| statistics::imstat(black_box(image.view())));
}

#[divan::bench(sample_count = 10)]
fn stretch_zscale_asinh_1_megapixel(bencher: Bencher) {
    let image = image(1000, 1000);
    bencher.bench(|| stretch(black_box(image.view()), Stretch::Asinh, Interval::ZScale));
}

/// Twenty frames of a megapixel in single precision.
fn stack() -> Vec<Vec<f32>> {
    (0..20)
        .map(|k| noise((1000, 1000), 1000.0, 10.0, k).expect("a shape").iter().map(|v| *v as f32).collect())
        .collect()
}

fn bench_combine(bencher: Bencher, method: Method, reject: Reject) {
    let frames = stack();
    let frames: Vec<&[f32]> = frames.iter().map(Vec::as_slice).collect();
    let combiner = Combiner::new(frames.len(), method, reject).expect("frames");
    let mut out = vec![0.0; 1_000_000];
    bencher.bench_local(|| combiner.combine(black_box(&frames), &[1.0; 20], &mut out));
}

#[divan::bench(sample_count = 20)]
fn combine_20_megapixels_median(bencher: Bencher) {
    bench_combine(bencher, Method::Median, Reject::Missing);
}

#[divan::bench(sample_count = 20)]
fn combine_20_megapixels_sigclip_average(bencher: Bencher) {
    let clip = SigmaClip { low: 3.0, high: 3.0, maxiters: 1, center: Center::Mean, spread: Spread::Std };
    bench_combine(bencher, Method::Average, Reject::SigmaClip(clip));
}

#[divan::bench(sample_count = 20)]
fn combine_20_megapixels_sigclip_median_mad(bencher: Bencher) {
    let clip = SigmaClip { low: 3.0, high: 3.0, maxiters: 5, center: Center::Median, spread: Spread::MadStd };
    bench_combine(bencher, Method::Average, Reject::SigmaClip(clip));
}

#[divan::bench(sample_count = 10)]
fn sigma_clipped_stats_1_megapixel(bencher: Bencher) {
    let image = noise((1000, 1000), 1000.0, 10.0, 1).expect("a shape");
    let clip = SigmaClip { low: 3.0, high: 3.0, maxiters: 5, center: Center::Median, spread: Spread::Std };
    bencher.bench(|| sigma_clipped_stats(black_box(image.view()), &clip));
}

/// A photograph's size, to a fifth.
#[divan::bench(sample_count = 10)]
fn lanczos_rgb(bencher: Bencher) {
    let image = Array3::from_shape_fn((3279, 4928, 3), |(y, x, plane)| (y * 31 + x * 17 + plane) as u8);
    bencher.bench(|| resize_rgb(black_box(image.view()), (567, 852), Filter::Lanczos));
}

#[divan::bench(sample_count = 10)]
fn noise_1_megapixel(bencher: Bencher) {
    bencher.bench(|| noise(black_box((1000, 1000)), 0.0, 1.0, 1));
}

#[divan::bench(sample_count = 10)]
fn random_field_1_megapixel(bencher: Bencher) {
    bencher.bench(|| random_field(black_box((1000, 1000)), -2.0, 1));
}

/// The whole set with 256 iterations: numba takes 0.354 s with two threads.
#[divan::bench(sample_count = 10)]
fn mandelbrot_2048(bencher: Bencher) {
    let view = View { shape: (2048, 2048), center: (-0.5, 0.0), extent: 3.0 };
    bencher.bench(|| mandelbrot(black_box(view), 256));
}

/// Each of as many tiles used once, on a square of places that want warm colours.
#[divan::bench(args = [400, 2500, 10_000], sample_count = 1)]
fn mosaic_unique(bencher: Bencher, count: usize) {
    let values = image(count, 6) / 1000.0;
    let colour =
        |row: usize, shift: usize, range: [f64; 3]| [0, 1, 2].map(|part| values[[row, shift + part]] * range[part]);
    let places: Vec<_> = (0..count).map(|row| colour(row, 0, [255.0, 160.0, 60.0])).collect();
    let tiles: Vec<_> = (0..count).map(|row| colour(row, 3, [255.0; 3])).collect();
    bencher.bench(|| choose(black_box(&places), &tiles, Matching::Unique));
}
