//! What cropping, binning, mirroring and turning do to the coordinates in a header: the linear world coordinate system (Greisen &
//! Calabretta 2002, A&A 395, 1061; every alternate A to Z), the SIP distortion (Shupe et al. 2005, ASPC 347, 491) and IRAF's
//! LTV/LTM. Takes how pixel coordinates change; computes no sky position.

use super::header::{Header, Value};

/// The highest order of SIP that is carried over; its convention ends at 9.
const MOST_ORDER: usize = 9;

/// How the 1-based pixel coordinate of an axis changes: `new = factor · old + shift`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AxisMap {
    factor: f64,
    shift: f64,
}

impl AxisMap {
    /// Every `step`-th pixel from `start` (from 0) is kept, backwards where the step is negative.
    pub fn window(start: usize, step: isize) -> AxisMap {
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

    /// The part that begins `start` pixels from the edge gets `factor` times as many pixels.
    pub fn zoom(start: f64, factor: f64) -> AxisMap {
        AxisMap { factor, shift: 0.5 - (0.5 + start) * factor }
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

/// How 1-based pixel coordinates (x, y) change where the axes mix: `new = matrix · old + shift`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelMap {
    pub matrix: [[f64; 2]; 2],
    pub shift: [f64; 2],
}

impl PixelMap {
    /// An image of that shape (rows, columns) is turned by right angles counter-clockwise, row 0 being above, which is what
    /// numpy.rot90 does.
    pub fn rot90(shape: (usize, usize), turns: i64) -> PixelMap {
        let (last_y, last_x) = (shape.0 as f64 + 1.0, shape.1 as f64 + 1.0);
        let (matrix, shift) = match turns.rem_euclid(4) {
            0 => ([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]),
            1 => ([[0.0, 1.0], [-1.0, 0.0]], [0.0, last_x]),
            2 => ([[-1.0, 0.0], [0.0, -1.0]], [last_x, last_y]),
            _ => ([[0.0, -1.0], [1.0, 0.0]], [last_y, 0.0]),
        };
        PixelMap { matrix, shift }
    }

    /// Rows become columns.
    pub const TRANSPOSED: PixelMap = PixelMap { matrix: [[0.0, 1.0], [1.0, 0.0]], shift: [0.0, 0.0] };

    /// A turn that takes the 1-based place `from` (x, y) to `to`, with the matrix of the turn.
    pub fn about(from: [f64; 2], to: [f64; 2], matrix: [[f64; 2]; 2]) -> PixelMap {
        let turned = applied(matrix, from);
        PixelMap { matrix, shift: [to[0] - turned[0], to[1] - turned[1]] }
    }

    fn of(self, pixel: [f64; 2]) -> [f64; 2] {
        let turned = applied(self.matrix, pixel);
        [turned[0] + self.shift[0], turned[1] + self.shift[1]]
    }

    /// The matrix back; turns and swaps always have one.
    fn inverse(self) -> [[f64; 2]; 2] {
        let [[a, b], [c, d]] = self.matrix;
        let determinant = a * d - b * c;
        [[d / determinant, -b / determinant], [-c / determinant, a / determinant]]
    }
}

fn applied(matrix: [[f64; 2]; 2], v: [f64; 2]) -> [f64; 2] {
    matrix.map(|row| row[0] * v[0] + row[1] * v[1])
}

fn product(a: [[f64; 2]; 2], b: [[f64; 2]; 2]) -> [[f64; 2]; 2] {
    a.map(|row| [0, 1].map(|column| row[0] * b[0][column] + row[1] * b[1][column]))
}

impl Header {
    /// Corrects the coordinates for a change in which the x and y axes mix; sections are taken away. A coordinate system in the
    /// old CROTA2 becomes one with PC, and PC is made where there was only CDELT.
    pub fn map_pixels(&mut self, map: PixelMap) {
        self.forget_sections();
        for version in std::iter::once(String::new()).chain(('A'..='Z').map(String::from)) {
            self.map_version(map, &version);
        }
        self.map_distortion(map, ["A", "B"]);
        self.map_distortion(map, ["AP", "BP"]);
        if self.get("LTV1").is_some() || self.get("LTV2").is_some() {
            let number = |header: &Header, key: String, default| header.number(&key).unwrap_or(default);
            let shift = map.of([number(self, "LTV1".to_owned(), 0.0), number(self, "LTV2".to_owned(), 0.0)]);
            let scale =
                [1, 2].map(|i| [1, 2].map(|j| number(self, format!("LTM{i}_{j}"), f64::from(u8::from(i == j)))));
            let scale = product(map.matrix, scale);
            for (i, axis) in (1..).zip([0, 1]) {
                self.set(&format!("LTV{i}"), Value::Float(shift[axis]));
                for j in [0, 1] {
                    let key = format!("LTM{i}_{}", j + 1);
                    if scale[axis][j] != 0.0 || self.get(&key).is_some() {
                        self.set(&key, Value::Float(scale[axis][j]));
                    }
                }
            }
        }
    }

    /// The linear part of one alternate system (`""`, `"A"` … `"Z"`).
    fn map_version(&mut self, map: PixelMap, version: &str) {
        let key = |name: &str| format!("{name}{version}");
        let has = |header: &Header, names: &[&str]| names.iter().any(|name| header.get(&key(name)).is_some());
        if has(self, &["CRPIX1", "CRPIX2"]) {
            let old = ["CRPIX1", "CRPIX2"].map(|name| self.number(&key(name)).unwrap_or(0.0));
            let new = map.of(old);
            self.set(&key("CRPIX1"), Value::Float(new[0]));
            self.set(&key("CRPIX2"), Value::Float(new[1]));
        }
        let pairs = [["1_1", "1_2"], ["2_1", "2_2"]];
        let (name, old) = if has(self, &["CD1_1", "CD1_2", "CD2_1", "CD2_2"]) {
            ("CD", pairs.map(|row| row.map(|pair| self.number(&key(&format!("CD{pair}"))).unwrap_or(0.0))))
        } else if has(self, &["CDELT1", "CDELT2", "PC1_1", "PC1_2", "PC2_1", "PC2_2"]) {
            ("PC", self.turned_axes(version))
        } else {
            return;
        };
        let new = product(old, map.inverse());
        for (row, numbers) in pairs.into_iter().zip(new) {
            for (pair, number) in row.into_iter().zip(numbers) {
                // Without the sign of -0.0, which tells nobody anything.
                self.set(&key(&format!("{name}{pair}")), Value::Float(number + 0.0));
            }
        }
        if name == "PC" && version.is_empty() {
            self.remove("CROTA1");
            self.remove("CROTA2");
        }
    }

    /// PC, or what CROTA2 says in its place (Greisen & Calabretta 2002, section 6.1).
    fn turned_axes(&self, version: &str) -> [[f64; 2]; 2] {
        let number = |name: &str, default| self.number(&format!("{name}{version}")).unwrap_or(default);
        let angle = if version.is_empty() { number("CROTA2", 0.0).to_radians() } else { 0.0 };
        if angle == 0.0 {
            return [[number("PC1_1", 1.0), number("PC1_2", 0.0)], [number("PC2_1", 0.0), number("PC2_2", 1.0)]];
        }
        let ratio = number("CDELT2", 1.0) / number("CDELT1", 1.0);
        [[angle.cos(), -angle.sin() * ratio], [angle.sin() / ratio, angle.cos()]]
    }

    /// SIP's polynomials in the new pixel axes. Those of both directions take and give offsets in pixels, so that they change
    /// alike.
    fn map_distortion(&mut self, map: PixelMap, prefixes: [&str; 2]) {
        let orders =
            prefixes.map(|prefix| self.int(&format!("{prefix}_ORDER")).and_then(|order| usize::try_from(order).ok()));
        if orders.iter().all(Option::is_none) {
            return;
        }
        let order = orders.into_iter().flatten().max().unwrap_or(0).min(MOST_ORDER);
        let back = map.inverse();
        let mut new = [vec![vec![0.0; order + 1]; order + 1], vec![vec![0.0; order + 1]; order + 1]];
        for (axis, prefix) in prefixes.into_iter().enumerate() {
            for (p, q) in (0..=order).flat_map(|p| (0..=order - p).map(move |q| (p, q))) {
                let Some(old) = self.number(&format!("{prefix}_{p}_{q}")) else { continue };
                for (i, j, factor) in substituted(p, q, back) {
                    for (target, coefficients) in new.iter_mut().enumerate() {
                        coefficients[i][j] += map.matrix[target][axis] * old * factor;
                    }
                }
            }
        }
        for (prefix, coefficients) in prefixes.into_iter().zip(&new) {
            self.set(&format!("{prefix}_ORDER"), Value::Int(order as i64));
            for (p, q) in (0..=order).flat_map(|p| (0..=order - p).map(move |q| (p, q))) {
                let key = format!("{prefix}_{p}_{q}");
                let number = coefficients[p][q];
                if number != 0.0 || self.get(&key).is_some() {
                    self.set(&key, Value::Float(number + 0.0));
                }
            }
        }
    }

    /// Corrects the coordinates for a change of the x and y axes. Sections, which count pixels of the image that was, are taken
    /// away.
    pub fn map_axes(&mut self, x: AxisMap, y: AxisMap) {
        self.map_coordinates(x, y);
        if [x, y] != [AxisMap::SAME; 2] {
            self.forget_sections();
        }
    }

    fn forget_sections(&mut self) {
        for keyword in ["BIASSEC", "TRIMSEC", "DATASEC", "CCDSEC", "DETSEC"] {
            self.remove(keyword);
        }
    }

    /// The same for the coordinates alone. Keywords that are not there are not made, but for LTM where LTV asks for it.
    pub fn map_coordinates(&mut self, x: AxisMap, y: AxisMap) {
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

/// `u^p · v^q` in the new axes, where (u, v) = `back` · (new u, new v): exponents and factor of each term.
fn substituted(p: usize, q: usize, back: [[f64; 2]; 2]) -> Vec<(usize, usize, f64)> {
    let mut terms = Vec::new();
    for (i, a) in expanded(p, back[0]) {
        for (j, b) in expanded(q, back[1]) {
            if a * b != 0.0 {
                terms.push((i + j, p + q - i - j, a * b));
            }
        }
    }
    terms
}

/// The binomial `(row[0] · x + row[1] · y)^n`: the exponent of x and the factor of each term.
fn expanded(n: usize, row: [f64; 2]) -> Vec<(usize, f64)> {
    let mut terms = vec![1.0];
    for _ in 0..n {
        let mut next = vec![0.0; terms.len() + 1];
        for (k, term) in terms.iter().enumerate() {
            next[k] += term * row[1];
            next[k + 1] += term * row[0];
        }
        terms = next;
    }
    terms.into_iter().enumerate().collect()
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
            x in 1.0f64..100.0, y in 1.0f64..100.0, start in 0usize..50, step in 1isize..6, bins in 1usize..5, cd in any::<bool>()
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

    proptest! {
        #[test]
        fn a_turned_pixel_keeps_its_world_coordinates(
            x in 1.0f64..100.0, y in 1.0f64..100.0, turns in -4i64..5, angle in -3.0f64..3.0, kind in 0usize..4,
        ) {
            let mut keys = vec![
                ("CRPIX1", 20.5), ("CRPIX2", -3.0), ("A_2_0", 1e-4), ("A_0_1", 2e-3), ("B_1_1", 3e-4),
            ];
            keys.extend(match kind {
                0 => vec![("CD1_1", 0.1), ("CD1_2", 0.02), ("CD2_1", -0.03), ("CD2_2", 0.2)],
                1 => vec![("CDELT1", 0.1), ("CDELT2", 0.2), ("PC1_2", 0.3), ("PC2_1", -0.4)],
                2 => vec![("CDELT1", -0.1), ("CDELT2", 0.2)],
                _ => vec![],
            });
            let mut before = header(&keys);
            before.set("A_ORDER", Value::Int(2));
            before.set("B_ORDER", Value::Int(2));
            let (sin, cos) = angle.sin_cos();
            let turn = PixelMap::about([7.0, 8.0], [30.0, -2.0], [[cos, -sin], [sin, cos]]);
            for map in [PixelMap::rot90((60, 90), turns), PixelMap::TRANSPOSED, turn] {
                let mut after = before.clone();
                after.map_pixels(map);
                let [new_x, new_y] = map.of([x, y]);
                if kind == 3 {
                    prop_assert_eq!(after.get("PC1_1"), None);
                    continue;
                }
                let (old, new) = (full_world(&before, x, y), full_world(&after, new_x, new_y));
                prop_assert!((0..2).all(|i| (old[i] - new[i]).abs() < 1e-8), "{old:?} {new:?}");
            }
        }
    }

    /// As [`world`], with every term of SIP up to the second order.
    fn full_world(h: &Header, x: f64, y: f64) -> [f64; 2] {
        let n = |key: &str, default| h.number(key).unwrap_or(default);
        let (u, v) = (x - n("CRPIX1", 0.0), y - n("CRPIX2", 0.0));
        let polynomial = |name: &str| -> f64 {
            let term = |(p, q): (i32, i32)| n(&format!("{name}_{p}_{q}"), 0.0) * u.powi(p) * v.powi(q);
            [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)].into_iter().map(term).sum()
        };
        let (u, v) = (u + polynomial("A"), v + polynomial("B"));
        [1, 2].map(|row| {
            let matrix = |column: usize| {
                let diagonal = f64::from(u8::from(row == column));
                h.number(&format!("CD{row}_{column}"))
                    .unwrap_or(n(&format!("CDELT{row}"), 1.0) * n(&format!("PC{row}_{column}"), diagonal))
            };
            matrix(1) * u + matrix(2) * v
        })
    }

    #[test]
    fn turning_four_times_leaves_the_header_as_it_was() {
        let before = header(&[
            ("CRPIX1", 3.0),
            ("CRPIX2", 4.0),
            ("CD1_1", 0.5),
            ("CD1_2", 0.0),
            ("CD2_1", 0.0),
            ("CD2_2", 0.25),
            ("LTV1", -2.0),
            ("LTV2", 0.0),
        ]);
        let mut after = before.clone();
        for shape in [(4, 6), (6, 4), (4, 6), (6, 4)] {
            after.map_pixels(PixelMap::rot90(shape, 1));
        }
        for card in before.cards() {
            assert_eq!(after.get(&card.keyword), Some(&card.value), "{}", card.keyword);
        }
    }

    #[test]
    fn an_old_rotation_becomes_pc() {
        let mut h = header(&[("CRPIX1", 1.0), ("CRPIX2", 1.0), ("CDELT1", -2.0), ("CDELT2", 1.0), ("CROTA2", 90.0)]);
        h.map_pixels(PixelMap::rot90((1, 1), 0));
        assert_eq!(h.get("CROTA2"), None);
        let pc = ["PC1_1", "PC1_2", "PC2_1", "PC2_2"].map(|key| h.number(key).unwrap());
        for (number, expected) in pc.into_iter().zip([0.0, 0.5, -2.0, 0.0]) {
            assert!((number - expected).abs() < 1e-12, "{pc:?}");
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
