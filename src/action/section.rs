//! Parts of images: Python's slices (`image[y0:y1, x0:x1]`) and FITS sections (`"[x1:x2,y1:y2]"`). Takes an image and a part,
//! gives the smaller image with its header's coordinates corrected. Every plane is cut alike.

use ndarray::s;

use super::header::{self, Header};
use super::image::{Image, Pixels, each_dtype};
use super::wcs::AxisMap;

/// A Python slice: negative ends count from the end, and ends outside are moved inside. A negative step goes backwards, from
/// the start down to the stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    pub start: Option<i64>,
    pub stop: Option<i64>,
    pub step: i64,
}

impl Slice {
    /// `:`
    pub const ALL: Slice = Slice { start: None, stop: None, step: 1 };
}

impl std::fmt::Display for Slice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = |end: Option<i64>| end.map(|at| at.to_string()).unwrap_or_default();
        write!(f, "{}:{}", end(self.start), end(self.stop))?;
        if self.step == 1 { Ok(()) } else { write!(f, ":{}", self.step) }
    }
}

/// A part that cannot be cut out.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SectionError {
    #[error("\"{0}\" is not a FITS section like \"[x1:x2,y1:y2]\"")]
    Syntax(String),
    #[error("the header has no section {0}")]
    NoKeyword(String),
    #[error("the section \"{section}\" is not within the image of {width} × {height} pixels")]
    Outside { section: String, width: usize, height: usize },
    #[error("the slice holds no pixel of the image of {width} × {height} pixels")]
    Empty { width: usize, height: usize },
    #[error("a slice's step must not be 0")]
    Step,
}

/// The pixels from `start` below `stop`, every `step`-th of them: counted from the start, or from the end if the step is
/// negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    start: usize,
    stop: usize,
    step: isize,
}

impl Window {
    /// What it does to the coordinates of its axis.
    fn axis_map(self) -> AxisMap {
        AxisMap::window(if self.step < 0 { self.stop - 1 } else { self.start }, self.step)
    }
}

impl Image {
    /// The rows and columns of a Python slice, every plane of them.
    pub fn slice(&self, rows: Slice, columns: Slice) -> Result<Image, SectionError> {
        let [_, height, width] = self.shape();
        match (rows.window(height)?, columns.window(width)?) {
            (Some(y), Some(x)) => Ok(self.cut(y, x)),
            _ => Err(SectionError::Empty { width, height }),
        }
    }

    /// The part that a FITS section names: `[x1:x2,y1:y2]`, x first, from 1, both ends included; `*` or `:` is a whole axis,
    /// an end left out that of the axis, one number one pixel, a third number a step. A keyword (`TRIMSEC`) stands for the
    /// section that the header has under it.
    pub fn section(&self, section: &str) -> Result<Image, SectionError> {
        let [_, height, width] = self.shape();
        let section = match is_keyword(section) {
            true => self.header().str(section).ok_or_else(|| SectionError::NoKeyword(section.to_owned()))?,
            false => section,
        };
        let syntax = || SectionError::Syntax(section.to_owned());
        let outside = || SectionError::Outside { section: section.to_owned(), width, height };
        let inner = section.trim().strip_prefix('[').and_then(|s| s.strip_suffix(']')).ok_or_else(syntax)?;
        let (x, y) = inner.split_once(',').ok_or_else(syntax)?;
        let range = |text: &str, length| section_range(text, length).ok_or_else(syntax);
        let (x, y) = (range(x, width)?, range(y, height)?);
        let is_inside = |w: Window, length| w.start < w.stop && w.stop <= length;
        if is_inside(x, width) && is_inside(y, height) { Ok(self.cut(y, x)) } else { Err(outside()) }
    }

    fn cut(&self, y: Window, x: Window) -> Image {
        let rows = s![.., y.start..y.stop; y.step, x.start..x.stop; x.step];
        let pixels = each_dtype!(self.pixels(), a => Pixels::from(a.slice(rows).to_owned()));
        let mut header = self.header().clone();
        header.map_coordinates(x.axis_map(), y.axis_map());
        cut_sections(&mut header, x, y, self.shape());
        Image::new(pixels, header)
    }
}

impl Slice {
    /// The pixels of an axis of that length; none if the slice is empty.
    fn window(self, length: usize) -> Result<Option<Window>, SectionError> {
        let step = match isize::try_from(self.step) {
            Ok(0) => return Err(SectionError::Step),
            Ok(step) => step,
            Err(_) => isize::MAX * if self.step < 0 { -1 } else { 1 },
        };
        // Places from 0, and -1 for "before the first".
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let from_start = |end: i64| if end < 0 { end.saturating_add(length) } else { end };
        let (first, end) = if step > 0 {
            let inside = |end| from_start(end).clamp(0, length);
            (self.start.map_or(0, inside), self.stop.map_or(length, inside))
        } else {
            // Backwards from `start` to what follows `stop` is forwards from `stop + 1` to `start + 1`.
            let inside = |end| from_start(end).clamp(-1, length - 1) + 1;
            (self.stop.map_or(0, inside), self.start.map_or(length, inside))
        };
        let place = |at: i64| usize::try_from(at).expect("brought inside of the axis");
        Ok((first < end).then(|| Window { start: place(first), stop: place(end), step }))
    }
}

/// One axis of a FITS section. None where it cannot be read; ends that are outside come out as a window that is.
fn section_range(text: &str, length: usize) -> Option<Window> {
    let text = text.trim();
    if matches!(text, "*" | ":") {
        return Some(Window { start: 0, stop: length, step: 1 });
    }
    let mut parts = text.split(':');
    let end = |part: &str, open| if part.trim().is_empty() { Some(open) } else { part.trim().parse::<usize>().ok() };
    let first = parts.next()?;
    let (first, last) = match parts.next() {
        None => (first.parse().ok()?, first.parse().ok()?),
        Some(last) => (end(first, 1)?, end(last, length)?),
    };
    let mut numbers = parts.map(|n| n.trim().parse::<usize>().ok());
    let step = numbers.next().unwrap_or(Some(1)).filter(|&step| step > 0)?;
    let step = isize::try_from(step).ok()?;
    let is_whole = numbers.next().is_none();
    // Pixel 0 is outside: an empty window says so.
    is_whole.then(|| Window { start: first.checked_sub(1).unwrap_or(last), stop: last, step })
}

/// Whether a text is the name of a header's keyword rather than a section.
fn is_keyword(text: &str) -> bool {
    let text = text.trim();
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.len() <= 8 && text.chars().all(is_allowed)
}

/// Brings the sections in a header, which count pixels of the image, to the part that is left: moved, cut to what is inside,
/// and gone where nothing is or pixels were skipped. What DATASEC covers on the detector is no longer known once DATASEC
/// itself was cut.
fn cut_sections(header: &mut Header, x: Window, y: Window, [_, height, width]: [usize; 3]) {
    for keyword in ["BIASSEC", "TRIMSEC", "DATASEC"] {
        let Some(text) = header.str(keyword) else { continue };
        let inner = text.trim().strip_prefix('[').and_then(|s| s.strip_suffix(']')).and_then(|s| s.split_once(','));
        let Some((sx, sy)) = inner.and_then(|(x, y)| section_range(x, width).zip(section_range(y, height))) else {
            continue; // not understood, and so left alone
        };
        let (left, bottom) = (sx.within(x), sy.within(y));
        let is_cut = left.is_none_or(|w| w.length() < sx.length()) || bottom.is_none_or(|w| w.length() < sy.length());
        match left.zip(bottom) {
            Some((x, y)) => {
                let section = format!("[{}:{},{}:{}]", x.start + 1, x.stop, y.start + 1, y.stop);
                header.set(keyword, header::Value::Str(section));
            }
            None => header.remove(keyword),
        }
        if keyword == "DATASEC" && is_cut {
            header.remove("CCDSEC");
            header.remove("DETSEC");
        }
    }
}

impl Window {
    fn length(self) -> usize {
        self.stop.saturating_sub(self.start)
    }

    /// What of this window is in another, counted from that one's start.
    fn within(self, other: Window) -> Option<Window> {
        let (start, stop) = (self.start.max(other.start), self.stop.min(other.stop));
        let is_some = start < stop && self.step == 1 && other.step == 1;
        is_some.then(|| Window { start: start - other.start, stop: stop - other.start, step: 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::header::{Header, Value};
    use ndarray::Array3;

    /// Pixels that tell their place: 10 y + x.
    fn image() -> Image {
        let mut header = Header::default();
        header.set("CRPIX1", Value::Float(3.0));
        header.set("CRPIX2", Value::Float(2.0));
        Image::new(Array3::from_shape_fn((1, 4, 6), |(_, y, x)| (10 * y + x) as u8), header)
    }

    fn values(image: &Image) -> Vec<u8> {
        match image.pixels() {
            Pixels::U8(a) => a.iter().copied().collect(),
            _ => unreachable!("made of u8"),
        }
    }

    fn slice(start: Option<i64>, stop: Option<i64>, step: i64) -> Slice {
        Slice { start, stop, step }
    }

    #[test]
    fn slices_are_python_s() {
        let part = image().slice(slice(Some(1), Some(3), 1), slice(Some(-2), None, 1)).unwrap();
        assert_eq!(values(&part), [14, 15, 24, 25]);
        let part = image().slice(slice(None, Some(99), 3), slice(Some(-99), Some(-1), 2)).unwrap();
        assert_eq!(values(&part), [0, 2, 4, 30, 32, 34]);
        let empty = image().slice(slice(Some(3), Some(1), 1), Slice::ALL).unwrap_err();
        assert_eq!(empty.to_string(), "the slice holds no pixel of the image of 6 × 4 pixels");
        assert_eq!(image().slice(slice(None, None, 0), Slice::ALL), Err(SectionError::Step));
    }

    /// Against Python's own rule, written out.
    #[test]
    fn every_slice_of_a_short_axis() {
        let ends: Vec<Option<i64>> = std::iter::once(None).chain((-9..9).map(Some)).collect();
        let row = Image::new(Array3::from_shape_fn((1, 1, 6), |(_, _, x)| x as u8), Header::default());
        for (&start, &stop) in ends.iter().flat_map(|start| ends.iter().map(move |stop| (start, stop))) {
            for step in [-7, -3, -2, -1, 1, 2, 7] {
                let inside = |end: Option<i64>, low: i64, high: i64, absent: i64| {
                    end.map_or(absent, |end| if end < 0 { end + 6 } else { end }.clamp(low, high))
                };
                let (mut at, end) = if step > 0 {
                    (inside(start, 0, 6, 0), inside(stop, 0, 6, 6))
                } else {
                    (inside(start, -1, 5, 5), inside(stop, -1, 5, -1))
                };
                let mut expected = Vec::new();
                while if step > 0 { at < end } else { at > end } {
                    expected.push(at as u8);
                    at += step;
                }
                match row.slice(Slice::ALL, slice(start, stop, step)) {
                    Ok(part) => assert_eq!(values(&part), expected, "{start:?}:{stop:?}:{step}"),
                    Err(_) => assert!(expected.is_empty(), "{start:?}:{stop:?}:{step}"),
                }
            }
        }
    }

    #[test]
    fn coordinates_follow_a_slice_backwards() {
        let part = image().slice(slice(None, None, -1), slice(None, None, -2)).unwrap();
        assert_eq!(values(&part), [35, 33, 31, 25, 23, 21, 15, 13, 11, 5, 3, 1]);
        // The pixel at x = 3 of 6 is between the second (4) and the third (2); y = 2 of 4 is the third from above.
        assert_eq!([part.header().number("CRPIX1"), part.header().number("CRPIX2")], [Some(2.5), Some(3.0)]);
    }

    #[test]
    fn sections_are_fits_s() {
        assert_eq!(values(&image().section("[2:3,1:2]").unwrap()), [1, 2, 11, 12]);
        assert_eq!(values(&image().section(" [ 1:6:3 , 4 ] ").unwrap()), [30, 33]);
        assert_eq!(image().section("[*,:]").unwrap().shape(), [1, 4, 6]);
        for outside in ["[0:3,1:2]", "[1:7,1:2]", "[1:2,3:5]", "[4:2,1:2]", "[0,1]"] {
            assert!(matches!(image().section(outside), Err(SectionError::Outside { .. })), "{outside}");
        }
        for wrong in ["2:3,1:2", "[1:2]", "[a:b,1:2]", "[1:2:0,1:2]", "[1:2:1:1,1:2]", "[1:2,1:2,1]", "[-1:2,1:2]", ""]
        {
            assert!(matches!(image().section(wrong), Err(SectionError::Syntax(_))), "{wrong}");
        }
    }

    #[test]
    fn sections_come_from_the_header_and_follow() {
        let mut header = image().header().clone();
        for (keyword, section) in [
            ("BIASSEC", "[1:2,1:4]"),
            ("TRIMSEC", "[   3: 6,   1: 4]"),
            ("DATASEC", "[2:6,1:4]"),
            ("CCDSEC", "[1:5,1:4]"),
        ] {
            header.set(keyword, Value::Str(section.to_owned()));
        }
        header.set("OBJECT", Value::Str("M13".to_owned()));
        let image = image().with_header(header);
        let part = image.section("TRIMSEC").unwrap();
        assert_eq!(part, image.section("[3:,:4]").unwrap());
        let sections = ["BIASSEC", "TRIMSEC", "DATASEC", "CCDSEC"].map(|keyword| part.header().str(keyword));
        assert_eq!(sections, [None, Some("[1:4,1:4]"), Some("[1:4,1:4]"), None]);
        assert_eq!(part.section("TRIMSEC"), Ok(part.clone()));
        let padded = |before| {
            let mut header = image.header().clone();
            header.map_axes(AxisMap::padding(before), AxisMap::SAME);
            header.str("TRIMSEC").map(str::to_owned)
        };
        assert_eq!((padded(0).as_deref(), padded(3)), (image.header().str("TRIMSEC"), None));
        let missing = image.section("NOSEC").unwrap_err();
        assert_eq!(missing.to_string(), "the header has no section NOSEC");
        assert!(matches!(image.section("OBJECT"), Err(SectionError::Syntax(text)) if text == "M13"));
    }

    #[test]
    fn coordinates_follow() {
        let part = image().section("[3:6,2:4]").unwrap();
        assert_eq!([part.header().number("CRPIX1"), part.header().number("CRPIX2")], [Some(1.0), Some(1.0)]);
    }
}
