//! What a kernel answers to a request it cannot carry out. Messages name the parameter and the value that was given;
//! they know nothing of files or jobs, which the caller adds.

/// A request that no kernel can carry out.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PixelError {
    /// A count or a length that must be positive is not.
    #[error("{name} must be at least {least}, got {got}")]
    TooSmall { name: &'static str, least: usize, got: usize },
    /// A window, kernel or result larger than the kernels are built for.
    #[error("{name} must be at most {most}, got {got}")]
    TooLarge { name: &'static str, most: usize, got: usize },
    /// A number outside the range on which the operation is defined.
    #[error("{name} must be {expected}, got {got}")]
    BadNumber { name: &'static str, expected: &'static str, got: f64 },
    /// An array without a single value where at least one is needed.
    #[error("the {name} is empty ({height} by {width} pixels)")]
    Empty { name: &'static str, height: usize, width: usize },
    /// No value where at least one is needed.
    #[error("the array has no value")]
    NoValue,
    /// No value is left once those that are not finite are put aside.
    #[error("the image has no finite value")]
    NoFiniteValue,
    /// Two arrays whose shapes must agree differ.
    #[error("shapes differ: {left:?} and {right:?}")]
    ShapeMismatch { left: (usize, usize), right: (usize, usize) },
    /// A region that reaches outside of the image.
    #[error("rows {}:{}, columns {}:{} reach outside of an image of {height} by {width} pixels",
        rows.0, rows.1, columns.0, columns.1)]
    OutsideImage { rows: (usize, usize), columns: (usize, usize), height: usize, width: usize },
    /// A word that is not one of those a parameter takes.
    #[error("unknown {name} `{got}`; one of {expected}")]
    UnknownName { name: &'static str, got: String, expected: &'static str },
}

impl PixelError {
    /// `Ok` when `got` is at least `least`.
    pub(super) fn at_least(name: &'static str, least: usize, got: usize) -> Result<(), Self> {
        if got < least { Err(Self::TooSmall { name, least, got }) } else { Ok(()) }
    }

    /// The sides of a window (rows, columns): 1 pixel at least, 2¹⁴ at most.
    pub(super) fn window(size: (usize, usize)) -> Result<(), Self> {
        const MOST_SIDE: usize = 1 << 14;
        Self::at_least("size", 1, size.0.min(size.1))?;
        Self::at_most("size", MOST_SIDE, size.0.max(size.1))
    }

    /// `Ok` when `got` is at most `most`.
    pub(super) fn at_most(name: &'static str, most: usize, got: usize) -> Result<(), Self> {
        if got > most { Err(Self::TooLarge { name, most, got }) } else { Ok(()) }
    }

    /// `Ok` when `condition` holds for the number `got`.
    pub(super) fn number(name: &'static str, expected: &'static str, got: f64, condition: bool) -> Result<(), Self> {
        if condition { Ok(()) } else { Err(Self::BadNumber { name, expected, got }) }
    }
}
