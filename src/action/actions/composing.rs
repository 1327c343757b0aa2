//! Many images as one. Tiles are brought to bytes and to one size; [`crate::pixel::montage`] lays them out.

use ndarray::{Array2, Array3, Axis, s};

use super::font;
use super::planes::stacked;
use super::preview::{picture, shrinking, shrunk};
use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::file::Wanted;
use crate::action::header::Header;
use crate::action::image::{Image, Pixels};
use crate::action::registry::{Action, Default, Group, Kind, OUTPUT, optional, required, with};
use crate::pixel::montage::montage;

pub const ACTIONS: &[Action] = &[Action {
    name: "montage",
    group: Group::Composing,
    summary: "Images side by side on a grid, with captions.",
    parameters: &[
        required("images", Kind::Frames, "The images, row by row."),
        OUTPUT,
        optional("columns", Kind::Int, "Images a row; about as many as rows without it."),
        optional(
            "size",
            Kind::Size,
            "The most rows and columns of an image, which is shrunk to fit; as it is without.",
        ),
        optional("captions", Kind::Texts, "A line below each image, in ASCII; of a long one, the end."),
        with("gap", Kind::Int, Default::Int(2), "Pixels between images."),
    ],
    manual: "uint8, in colour where one image is. Images of uint8 are taken as they are, others are stretched as by preview(). \
             Each stands in the middle of a cell as large as the largest, on black. What was read from FITS is turned so that its \
             first row is the lowest, as ds9 shows it. Files are read one after the other, and kept at the size of their cells.",
    reference: "ImageMagick's montage",
    run,
}];

/// Rows of air above and below a caption.
const AIR: usize = 2;

/// Rows of a caption.
const CAPTION: usize = font::CELL.0 + 2 * AIR;

fn run(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let sources = call.sources("images");
    let mut pictures = Vec::with_capacity(sources.len());
    for source in sources {
        call.job.check_cancelled()?;
        let part = match call.optional_size("size") {
            Some((rows, columns)) => source.read_part(call.job, shrinking((rows.max(1), columns.max(1))))?,
            None => source.read_part(call.job, Wanted::whole)?,
        };
        pictures.push(picture(&shrunk(part)?)?);
    }
    if pictures.is_empty() {
        return Err(Failure::of_nothing("montage"));
    }
    let captions = call.texts("captions").unwrap_or_default();
    if !captions.is_empty() && captions.len() != pictures.len() {
        let (texts, images) = (captions.len(), pictures.len());
        return Err(
            Failure::new(format!("{texts} captions for {images} images")).help("give one caption an image, or none")
        );
    }
    let columns = match call.optional_int("columns") {
        Some(_) => call.count("columns")?,
        None => (pictures.len() as f64).sqrt().ceil() as usize,
    };
    let planes = if pictures.iter().any(|image| image.shape()[0] == 3) { 3 } else { 1 };
    let largest = |axis: usize| pictures.iter().map(|image| image.shape()[axis]).max().unwrap_or(0);
    let cell = (largest(1), largest(2));
    let tiles: Vec<Array3<u8>> = pictures
        .iter()
        .enumerate()
        .map(|(at, image)| tile(image, planes, cell, captions.get(at).map(String::as_str)))
        .collect();
    let gap = call.count("gap")?;
    let laid_out = (0..planes).map(|plane| {
        let views: Vec<_> = tiles.iter().map(|tile| tile.index_axis(Axis(0), plane)).collect();
        montage(&views, columns, gap, 0u8)
    });
    Ok(Answer::Image(Image::new(stacked(laid_out)?, Header::default())))
}

/// A picture in the middle of its cell, with its caption below.
fn tile(picture: &Image, planes: usize, cell: (usize, usize), caption: Option<&str>) -> Array3<u8> {
    let Pixels::U8(pixels) = picture.pixels() else { unreachable!("pictures are bytes") };
    let (own, height, width) = pixels.dim();
    let below = if caption.is_some() { CAPTION } else { 0 };
    let mut out = Array3::zeros((planes, cell.0 + below, cell.1));
    let (top, left) = ((cell.0 - height) / 2, (cell.1 - width) / 2);
    for (plane, mut target) in out.outer_iter_mut().enumerate() {
        let source = pixels.index_axis(Axis(0), plane.min(own - 1));
        target.slice_mut(s![top..top + height, left..left + width]).assign(&source);
    }
    if let Some(text) = caption {
        let letters = letters(text, cell.1);
        for mut target in out.outer_iter_mut() {
            target.slice_mut(s![cell.0 + AIR..cell.0 + CAPTION - AIR, ..]).assign(&letters);
        }
    }
    out
}

/// A line of white characters in the middle of so many columns.
fn letters(text: &str, width: usize) -> Array2<u8> {
    let mut out = Array2::zeros((font::CELL.0, width));
    let text = font::fitted(text, width);
    let left = (width - text.chars().count() * font::CELL.1) / 2;
    font::draw(&text, width, |y, x| out[[y, left + x]] = 255);
    out
}
