//! Which pixels of a bin lie in the window, as bits of a mask: rows and columns in, mask out. Knows nothing of values.
//!
//! The file has `unsafe` for one purpose: the mask of a vector comparison, a single instruction on x86-64, has no
//! expression in plain Rust that compilers turn into it, and it is half of the time of a median. The two unsafe things
//! done are loads from arrays of known length, and calls that the caller's selected target makes sound.

/// Pixels that are tested together.
pub(super) const GROUP: usize = 64;

/// The integers of a block of the image: coordinates and counts of a column, and counts of a window.
pub(super) trait Count: Copy + Default + PartialOrd + Send + 'static {
    type Window: Copy + Default + PartialOrd;
    const ONE: Self;

    fn of(number: usize) -> Self;
    fn wrapping_add(self, other: Self) -> Self;
    fn wrapping_sub(self, other: Self) -> Self;

    fn window(count: usize) -> Self::Window;
    fn index(window: Self::Window) -> usize;

    /// `window + entering - leaving`.
    fn slide(window: Self::Window, entering: Self, leaving: Self) -> Self::Window;

    /// A bit for each pixel, set where it lies in the window of `size` at `corner`.
    #[inline(always)]
    fn inside(rows: &[Self; GROUP], columns: &[Self; GROUP], corner: (Self, Self), size: (Self, Self)) -> u64 {
        let mut mask = 0;
        for i in 0..GROUP {
            let inside = (rows[i].wrapping_sub(corner.0) < size.0) & (columns[i].wrapping_sub(corner.1) < size.1);
            mask |= u64::from(inside) << i;
        }
        mask
    }

    /// The same, by AVX-512.
    ///
    /// # Safety
    /// The processor must have AVX-512 BW.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn inside_avx512(
        rows: &[Self; GROUP],
        columns: &[Self; GROUP],
        corner: (Self, Self),
        size: (Self, Self),
    ) -> u64 {
        Self::inside(rows, columns, corner, size)
    }

    /// The same, by AVX2.
    ///
    /// # Safety
    /// The processor must have AVX2.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn inside_avx2(
        rows: &[Self; GROUP],
        columns: &[Self; GROUP],
        corner: (Self, Self),
        size: (Self, Self),
    ) -> u64 {
        Self::inside(rows, columns, corner, size)
    }
}

macro_rules! integers {
    ($narrow:ty, $wide:ty) => {
        type Window = $wide;
        const ONE: Self = 1;

        #[inline(always)]
        fn of(number: usize) -> Self {
            number as Self
        }

        #[inline(always)]
        fn wrapping_add(self, other: Self) -> Self {
            self.wrapping_add(other)
        }

        #[inline(always)]
        fn wrapping_sub(self, other: Self) -> Self {
            self.wrapping_sub(other)
        }

        #[inline(always)]
        fn window(count: usize) -> $wide {
            count as $wide
        }

        #[inline(always)]
        fn index(window: $wide) -> usize {
            window as usize
        }

        #[inline(always)]
        fn slide(window: $wide, entering: Self, leaving: Self) -> $wide {
            window.wrapping_add(<$wide>::from(entering)).wrapping_sub(<$wide>::from(leaving))
        }
    };
}

impl Count for u8 {
    integers!(u8, u16);

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn inside_avx512(rows: &[u8; GROUP], columns: &[u8; GROUP], corner: (u8, u8), size: (u8, u8)) -> u64 {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { x86::inside_avx512(rows, columns, corner, size) }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn inside_avx2(rows: &[u8; GROUP], columns: &[u8; GROUP], corner: (u8, u8), size: (u8, u8)) -> u64 {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { x86::inside_avx2(rows, columns, corner, size) }
    }
}

impl Count for u16 {
    integers!(u16, u32);

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn inside_avx512(rows: &[u16; GROUP], columns: &[u16; GROUP], corner: (u16, u16), size: (u16, u16)) -> u64 {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { x86::inside_avx512_wide(rows, columns, corner, size) }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::GROUP;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub fn inside_avx512(rows: &[u8; GROUP], columns: &[u8; GROUP], corner: (u8, u8), size: (u8, u8)) -> u64 {
        let within = |places: &[u8; GROUP], corner: u8, size: u8| {
            // SAFETY: the array is as long as the vector, and the load needs no alignment.
            let places = unsafe { _mm512_loadu_si512(places.as_ptr().cast()) };
            let offset = _mm512_sub_epi8(places, _mm512_set1_epi8(corner as i8));
            _mm512_cmplt_epu8_mask(offset, _mm512_set1_epi8(size as i8))
        };
        within(rows, corner.0, size.0) & within(columns, corner.1, size.1)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub fn inside_avx512_wide(
        rows: &[u16; GROUP],
        columns: &[u16; GROUP],
        corner: (u16, u16),
        size: (u16, u16),
    ) -> u64 {
        let within = |places: &[u16], corner: u16, size: u16| {
            let places: &[u16; 32] = places.try_into().expect("half a group");
            // SAFETY: the array is as long as the vector, and the load needs no alignment.
            let places = unsafe { _mm512_loadu_si512(places.as_ptr().cast()) };
            let offset = _mm512_sub_epi16(places, _mm512_set1_epi16(corner as i16));
            _mm512_cmplt_epu16_mask(offset, _mm512_set1_epi16(size as i16))
        };
        let half = |start: usize| {
            let range = start..start + GROUP / 2;
            within(&rows[range.clone()], corner.0, size.0) & within(&columns[range], corner.1, size.1)
        };
        u64::from(half(0)) | u64::from(half(GROUP / 2)) << 32
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn inside_avx2(rows: &[u8; GROUP], columns: &[u8; GROUP], corner: (u8, u8), size: (u8, u8)) -> u64 {
        let within = |places: &[u8], corner: u8, size: u8| {
            let places: &[u8; 32] = places.try_into().expect("half a group");
            // SAFETY: the array is as long as the vector, and the load needs no alignment.
            let places = unsafe { _mm256_loadu_si256(places.as_ptr().cast()) };
            let offset = _mm256_sub_epi8(places, _mm256_set1_epi8(corner as i8));
            // There is no unsigned comparison; a size is at least 1, so that its last offset fits as well.
            _mm256_cmpeq_epi8(_mm256_min_epu8(offset, _mm256_set1_epi8(size.wrapping_sub(1) as i8)), offset)
        };
        let half = |start: usize| {
            let range = start..start + GROUP / 2;
            let rows = within(&rows[range.clone()], corner.0, size.0);
            let columns = within(&columns[range], corner.1, size.1);
            _mm256_movemask_epi8(_mm256_and_si256(rows, columns)) as u32
        };
        u64::from(half(0)) | u64::from(half(GROUP / 2)) << 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_of_finding_the_mask_agree() {
        let rows: [u8; GROUP] = std::array::from_fn(|i| (i * 37 % 256) as u8);
        let columns: [u8; GROUP] = std::array::from_fn(|i| (i * 91 % 256) as u8);
        for (corner, size) in [((0, 0), (255, 255)), ((10, 20), (100, 200)), ((200, 3), (56, 1)), ((255, 255), (1, 1))]
        {
            let mask = u8::inside(&rows, &columns, corner, size);
            let wide = |pair: (u8, u8)| (u16::from(pair.0), u16::from(pair.1));
            let (wide_rows, wide_columns) = (rows.map(u16::from), columns.map(u16::from));
            let mask_wide = u16::inside(&wide_rows, &wide_columns, wide(corner), wide(size));
            assert_eq!(mask_wide, mask);
            for i in 0..GROUP {
                let within =
                    |at: u8, from: u8, size: u8| at >= from && u32::from(at) < u32::from(from) + u32::from(size);
                let inside = within(rows[i], corner.0, size.0) && within(columns[i], corner.1, size.1);
                assert_eq!(mask >> i & 1 == 1, inside);
            }
            #[cfg(target_arch = "x86_64")]
            {
                if is_x86_feature_detected!("avx512bw") {
                    // SAFETY: detected just now.
                    assert_eq!(mask, unsafe { u8::inside_avx512(&rows, &columns, corner, size) });
                    // SAFETY: the same.
                    let wide = unsafe { u16::inside_avx512(&wide_rows, &wide_columns, wide(corner), wide(size)) };
                    assert_eq!(wide, mask_wide);
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: detected just now.
                    assert_eq!(mask, unsafe { u8::inside_avx2(&rows, &columns, corner, size) });
                }
            }
        }
    }
}
