//! What cropping, binning and mirroring do to the coordinates in a header: the linear world coordinate system (Greisen &
//! Calabretta 2002, A&A 395, 1061; every alternate A to Z), the SIP distortion (Shupe et al. 2005, ASPC 347, 491) and IRAF's
//! LTV/LTM. Takes how pixel coordinates change; computes no sky position.

use super::header::{Header, Value};

/// How the 1-based pixel coordinate of an axis changes: `new = factor · old + shift`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AxisMap {
    factor: f64,
    shift: f64,
}

impl AxisMap {
    /// Every `step`-th pixel from `start` (from 0) is kept.
    pub fn window(start: usize, step: usize) -> AxisMap {
        let step = step as f64;
        AxisMap { factor: 1.0 / step, shift: 1.0 - (1.0 + start as f64) / step }
    }

    /// Blocks of `factor` pixels become one: pixel edges map to edges.
    pub fn binning(factor: usize) -> AxisMap {
        AxisMap::scaling(1.0 / factor as f64)
    }

    /// The axis has `factor` times as many pixels, over the same extent.
    pub fn scaling(factor: f64) -> AxisMap {
        AxisMap { factor, shift: 0.5 - 0.5 * factor }
    }

    /// `before` pixels are added in front.
    pub fn padding(before: usize) -> AxisMap {
        AxisMap { factor: 1.0, shift: before as f64 }
    }

    /// An axis of `length` pixels is read backwards.
    pub fn flip(length: usize) -> AxisMap {
        AxisMap { factor: -1.0, shift: length as f64 + 1.0 }
    }

    /// Nothing changes.
    pub const SAME: AxisMap = AxisMap { factor: 1.0, shift: 0.0 };

    fn of(self, pixel: f64) -> f64 {
        self.factor * pixel + self.shift
    }
}

impl Header {
    /// Corrects the coordinates for a change of the x and y axes. Keywords that are not there are not made, but for LTM where
    /// LTV asks for it.
    pub fn map_axes(&mut self, x: AxisMap, y: AxisMap) {
        let axes = [x, y];
        for (keyword, value) in self.cards_mut() {
            let changed = value.as_f64().and_then(|old| corrected(keyword, old, axes).filter(|new| *new != old));
            if let Some(new) = changed {
                *value = Value::Float(new);
            }
        }
        for (n, axis) in (1..).zip(axes) {
            let ltm = format!("LTM{n}_{n}");
            if axis.factor != 1.0 && self.get(&format!("LTV{n}")).is_some() && self.get(&ltm).is_none() {
                self.set(&ltm, Value::Float(axis.factor));
            }
        }
    }
}

/// The new value of a keyword that depends on pixel coordinates.
fn corrected(keyword: &str, old: f64, axes: [AxisMap; 2]) -> Option<f64> {
    let linear = keyword.strip_suffix(|c: char| c.is_ascii_uppercase()).unwrap_or(keyword);
    if let Some(axis) = axis_of(linear, "CRPIX") {
        return Some(axes[axis].of(old));
    }
    if let Some(axis) = axis_of(linear, "CDELT") {
        return Some(old / axes[axis].factor);
    }
    if let Some(axis) = axis_of(keyword, "LTV") {
        return Some(axes[axis].of(old));
    }
    if let Some((_, axis)) = indices(linear, "CD") {
        return Some(old / axes.get(axis.wrapping_sub(1))?.factor);
    }
    if let Some((world, axis)) = indices(linear, "PC") {
        // CDELT of the same world axis has changed too, so that only the ratio is left to correct.
        let factor = |n: usize| axes.get(n.wrapping_sub(1)).map_or(1.0, |a| a.factor);
        return Some(old * factor(world) / factor(axis));
    }
    if let Some((axis, _)) = indices(keyword, "LTM") {
        return Some(old * axes.get(axis.wrapping_sub(1))?.factor);
    }
    let sip = |prefixes: [&str; 2], axis: usize| {
        let (p, q) = prefixes.iter().find_map(|prefix| indices(keyword, prefix))?;
        let power = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        Some(old * axes[axis].factor / (axes[0].factor.powi(power(p)) * axes[1].factor.powi(power(q))))
    };
    sip(["A_", "AP_"], 0).or_else(|| sip(["B_", "BP_"], 1))
}

/// `CRPIX2` → 1.
fn axis_of(keyword: &str, prefix: &str) -> Option<usize> {
    match keyword.strip_prefix(prefix)? {
        "1" => Some(0),
        "2" => Some(1),
        _ => None,
    }
}

/// `CD1_2` → (1, 2).
fn indices(keyword: &str, prefix: &str) -> Option<(usize, usize)> {
    let (first, second) = keyword.strip_prefix(prefix)?.split_once('_')?;
    Some((first.parse().ok()?, second.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(keys: &[(&str, f64)]) -> Header {
        let mut header = Header::default();
        for &(key, value) in keys {
            header.set(key, Value::Float(value));
        }
        header
    }

    /// World coordinates before the projection, with CD or with PC and CDELT, and with SIP.
    fn world(h: &Header, x: f64, y: f64) -> [f64; 2] {
        let n = |key: &str, default| h.number(key).unwrap_or(default);
        let (u, v) = (x - n("CRPIX1", 0.0), y - n("CRPIX2", 0.0));
        let (u, v) = (u + n("A_2_0", 0.0) * u * u + n("A_0_1", 0.0) * v, v + n("B_1_1", 0.0) * u * v);
        [1, 2].map(|row| {
            let matrix = |column: usize| {
                let diagonal = f64::from(u8::from(row == column));
                h.number(&format!("CD{row}_{column}"))
                    .unwrap_or(n(&format!("CDELT{row}"), 1.0) * n(&format!("PC{row}_{column}"), diagonal))
            };
            matrix(1) * u + matrix(2) * v
        })
    }

    proptest! {
        #[test]
        fn a_pixel_keeps_its_world_coordinates(
            x in 1.0f64..100.0, y in 1.0f64..100.0, start in 0usize..50, step in 1usize..6, bins in 1usize..5, cd in any::<bool>()
        ) {
            let mut keys = vec![
                ("CRPIX1", 20.5), ("CRPIX2", -3.0), ("A_2_0", 1e-4), ("A_0_1", 2e-3), ("B_1_1", 3e-4), ("A_ORDER", 2.0),
            ];
            keys.extend(if cd {
                [("CD1_1", 0.1), ("CD1_2", 0.02), ("CD2_1", -0.03), ("CD2_2", 0.2)]
            } else {
                [("CDELT1", 0.1), ("CDELT2", 0.2), ("PC1_2", 0.3), ("PC2_1", -0.4)]
            });
            let before = header(&keys);
            for (ax, ay) in [
                (AxisMap::window(start, step), AxisMap::binning(bins)),
                (AxisMap::flip(100), AxisMap::padding(7)),
                (AxisMap::scaling(0.4), AxisMap::SAME),
            ] {
                let mut after = before.clone();
                after.map_axes(ax, ay);
                let (old, new) = (world(&before, x, y), world(&after, ax.of(x), ay.of(y)));
                prop_assert!((0..2).all(|i| (old[i] - new[i]).abs() < 1e-9), "{old:?} {new:?}");
                prop_assert_eq!(after.number("A_ORDER"), Some(2.0));
            }
        }
    }

    #[test]
    fn windows_move_every_reference_pixel() {
        let mut h = header(&[("CRPIX1", 10.0), ("CRPIX1A", 20.0), ("LTV1", 0.0), ("CRVAL1", 5.0), ("CDELT1", 2.0)]);
        h.map_axes(AxisMap::window(4, 1), AxisMap::SAME);
        let numbers = ["CRPIX1", "CRPIX1A", "LTV1", "CRVAL1", "CDELT1"].map(|k| h.number(k));
        assert_eq!(numbers, [6.0, 16.0, -4.0, 5.0, 2.0].map(Some));
        assert_eq!(h.get("LTM1_1"), None);
        h.map_axes(AxisMap::window(0, 2), AxisMap::SAME);
        assert_eq!(["CRPIX1", "CDELT1", "LTM1_1"].map(|k| h.number(k)), [3.5, 4.0, 0.5].map(Some));
    }
}
