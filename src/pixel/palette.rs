//! The 256 colours of a GIF. In: the pixels of all frames; out: a palette, and for a frame the palette's entry of each
//! pixel. One palette for all frames, so that what stands still does not flicker.

use rustc_hash::FxHashMap;

/// Red, green and blue.
pub type Rgb = [u8; 3];

/// The most colours of a palette.
const MOST: usize = 256;

/// At most 256 colours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Palette(Vec<Rgb>);

impl Palette {
    /// The colours of some frames: all of them, in order, where there are at most 256. Otherwise colour space is cut, box by
    /// box, where the squared distances from the mean are largest (X. Wu, "Color quantization by dynamic programming and
    /// principal analysis", ACM Transactions on Graphics 11, 1992, along the three axes only), and the means of the
    /// boxes are moved to where they serve best (S. P. Lloyd's iteration).
    pub fn of<'a>(frames: impl Iterator<Item = &'a [Rgb]> + Clone) -> Palette {
        if let Some(all) = few(frames.clone()) {
            return Palette(all);
        }
        let mut boxes = vec![histogram(frames)];
        while boxes.len() < MOST {
            let worst = boxes.iter().enumerate().max_by(|a, b| spread(a.1).2.total_cmp(&spread(b.1).2));
            let at = worst.expect("there is a box").0;
            let (axis, middle, square) = spread(&boxes[at]);
            if square <= 0.0 {
                break;
            }
            let (low, high) = boxes[at].iter().partition(|bin| bin.colour[axis] <= middle);
            boxes[at] = low;
            boxes.push(high);
        }
        let bins: Vec<Bin> = boxes.iter().flatten().copied().collect();
        let mut centers: Vec<[f64; 3]> = boxes.iter().map(|bins| mean(bins)).collect();
        for _ in 0..LLOYD_ROUNDS {
            let mut served = vec![Vec::new(); centers.len()];
            bins.iter().for_each(|bin| served[nearest(&centers, bin.colour)].push(*bin));
            for (center, bins) in centers.iter_mut().zip(&served).filter(|(_, bins)| !bins.is_empty()) {
                *center = mean(bins);
            }
        }
        let mut colours: Vec<Rgb> = centers.iter().map(|center| center.map(|part| part.round() as u8)).collect();
        colours.sort_unstable();
        colours.dedup();
        Palette(colours)
    }

    pub fn colours(&self) -> &[Rgb] {
        &self.0
    }

    /// The entry of the nearest colour for each pixel.
    pub fn entries(&self, pixels: &[Rgb]) -> Vec<u8> {
        let colours: Vec<[f64; 3]> = self.0.iter().map(|colour| colour.map(f64::from)).collect();
        let mut known: FxHashMap<Rgb, u8> = FxHashMap::default();
        let entry = |pixel: &Rgb| *known.entry(*pixel).or_insert_with(|| nearest(&colours, pixel.map(f64::from)) as u8);
        pixels.iter().map(entry).collect()
    }
}

/// After a few rounds the centers hardly move.
const LLOYD_ROUNDS: usize = 4;

/// All colours in order, if they are at most 256.
fn few<'a>(frames: impl Iterator<Item = &'a [Rgb]>) -> Option<Vec<Rgb>> {
    let mut colours: Vec<Rgb> = Vec::new();
    let mut last = None;
    for pixel in frames.flatten() {
        if last == Some(pixel) {
            continue;
        }
        last = Some(pixel);
        if let Err(at) = colours.binary_search(pixel) {
            if colours.len() == MOST {
                return None;
            }
            colours.insert(at, *pixel);
        }
    }
    Some(colours)
}

/// Pixels of nearly the same colour: how many, and their mean.
#[derive(Debug, Clone, Copy)]
struct Bin {
    colour: [f64; 3],
    weight: f64,
}

/// The pixels counted in 32 × 32 × 32 bins, without the empty ones.
fn histogram<'a>(frames: impl Iterator<Item = &'a [Rgb]>) -> Vec<Bin> {
    let mut sums = vec![[0u64; 4]; 1 << 15];
    for pixel in frames.flatten() {
        let [r, g, b] = pixel.map(|part| usize::from(part >> 3));
        let sum = &mut sums[r << 10 | g << 5 | b];
        pixel.iter().zip(&mut sum[..3]).for_each(|(part, sum)| *sum += u64::from(*part));
        sum[3] += 1;
    }
    let bin = |[r, g, b, count]: [u64; 4]| {
        let weight = count as f64;
        Bin { colour: [r, g, b].map(|sum| sum as f64 / weight), weight }
    };
    sums.into_iter().filter(|sum| sum[3] > 0).map(bin).collect()
}

fn mean(bins: &[Bin]) -> [f64; 3] {
    let weight: f64 = bins.iter().map(|bin| bin.weight).sum();
    [0, 1, 2].map(|axis| bins.iter().map(|bin| bin.colour[axis] * bin.weight).sum::<f64>() / weight)
}

/// The axis along which a box is widest, the mean there, and the sum of the squared distances from it.
fn spread(bins: &[Bin]) -> (usize, f64, f64) {
    let mean = mean(bins);
    let square = |axis: usize| bins.iter().map(|bin| bin.weight * (bin.colour[axis] - mean[axis]).powi(2)).sum::<f64>();
    let axes = [0, 1, 2].map(|axis| (axis, mean[axis], if bins.len() < 2 { 0.0 } else { square(axis) }));
    axes.into_iter().fold(axes[0], |best, axis| if axis.2 > best.2 { axis } else { best })
}

/// The first of the nearest colours.
fn nearest(colours: &[[f64; 3]], to: [f64; 3]) -> usize {
    let distance = |colour: &[f64; 3]| colour.iter().zip(to).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    let step = |best: (usize, f64), (at, colour)| {
        let far = distance(colour);
        if far < best.1 { (at, far) } else { best }
    };
    colours.iter().enumerate().fold((0, f64::INFINITY), step).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_are_kept_as_they_are() {
        let frames = [vec![[1, 2, 3], [255, 0, 0], [1, 2, 3]], vec![[0, 0, 0]]];
        let palette = Palette::of(frames.iter().map(Vec::as_slice));
        assert_eq!(palette.colours(), [[0, 0, 0], [1, 2, 3], [255, 0, 0]]);
        assert_eq!(palette.entries(&frames[0]), [1, 2, 1]);
        let grey: Vec<Rgb> = (0..=255).map(|v| [v; 3]).collect();
        assert_eq!(Palette::of([grey.as_slice()].into_iter()).colours(), grey);
        assert!(Palette::of(std::iter::empty()).colours().is_empty());
    }

    #[test]
    fn many_colours_are_met_closely() {
        // A sheet of colours, 128 × 128 of them.
        let sheet: Vec<Rgb> = (0..1 << 14).map(|i| [(i % 128 * 2) as u8, (i / 128 * 2) as u8, 90]).collect();
        let palette = Palette::of([sheet.as_slice()].into_iter());
        assert!(palette.colours().len() > 200 && palette.colours().len() <= 256);
        let error: f64 = sheet
            .iter()
            .zip(palette.entries(&sheet))
            .flat_map(|(pixel, entry)| pixel.iter().zip(palette.0[usize::from(entry)]))
            .map(|(a, b)| (f64::from(*a) - f64::from(b)).powi(2))
            .sum();
        // A grid of 16 × 16 squares, 16 wide, would leave 16² / 12 on each of two axes.
        assert!(error / (sheet.len() as f64) < 2.0 * 256.0 / 12.0 * 1.15, "{}", error / sheet.len() as f64);
    }
}
