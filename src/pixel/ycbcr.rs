//! Luminance and two differences of colour, as JPEG keeps them (JFIF; ITU-R BT.601 over the whole range of a byte), to red,
//! green and blue. Bytes in, bytes out, sample by sample.

/// Puts red, green and blue of as many samples into `rgb` as all six have.
///
/// In fixed point of 16 bits: each is at most one half, and the trace of an error of that, away from the exact value.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx2", "x86_64+avx2", "x86_64+sse4.1"))]
pub fn to_rgb(y: &[u8], cb: &[u8], cr: &[u8], rgb: [&mut [u8]; 3]) {
    let whole = |value: i32| ((value + (1 << 15)) >> 16).clamp(0, 255) as u8;
    let [red, green, blue] = rgb;
    for (((((y, cb), cr), red), green), blue) in y.iter().zip(cb).zip(cr).zip(red).zip(green).zip(blue) {
        let (y, cb, cr) = (i32::from(*y) << 16, i32::from(*cb) - 128, i32::from(*cr) - 128);
        *red = whole(y + 91_881 * cr);
        *green = whole(y - 22_554 * cb - 46_802 * cr);
        *blue = whole(y + 116_130 * cb);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_formula() {
        for at in 0..1u32 << 15 {
            // Every eighth value of each, and the last.
            let [y, cb, cr] = [at, at >> 5, at >> 10].map(|part| (part % 32 * 255 / 31) as u8);
            let mut rgb = [[0]; 3];
            let [red, green, blue] = &mut rgb;
            to_rgb(&[y], &[cb], &[cr], [red, green, blue]);
            let [y, b, r] = [f64::from(y), f64::from(cb) - 128.0, f64::from(cr) - 128.0];
            let exact = [y + 1.402 * r, y - 0.344_136 * b - 0.714_136 * r, y + 1.772 * b];
            for (found, exact) in rgb.iter().flatten().zip(exact) {
                assert!((f64::from(*found) - exact.clamp(0.0, 255.0)).abs() <= 0.501, "{found} for {exact}");
            }
        }
    }
}
