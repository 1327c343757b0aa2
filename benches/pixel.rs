//! Speed of the pixel kernels on the sizes of the project's targets. `cargo bench --bench pixel -- median` runs a part;
//! `RAYON_NUM_THREADS=1` shows one thread.

use divan::{Bencher, black_box};
use flow::pixel::Border;
use flow::pixel::median::median_filter;
use ndarray::Array2;

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
