//! A picture made of pictures. Tiles are read a few at a time and kept at the size they are shown in;
//! [`crate::pixel::mosaic`] says which goes where.

use ndarray::{Array3, Axis, s};
use rayon::prelude::*;

use super::geometry::resampled;
use super::preview::picture;
use crate::action::call::{Answer, Call, read_image, read_part};
use crate::action::failure::Failure;
use crate::action::file::{Part, ReadOptions, Wanted};
use crate::action::header::Header;
use crate::action::image::{Image, Pixels};
use crate::action::registry::{Action, Default, Group, Kind, OUTPUT, optional, required, with};
use crate::pixel::mosaic::{Colour, Method, choose};
use crate::pixel::resize::{Filter, Region};

pub const ACTIONS: &[Action] = &[Action {
    name: "mosaic",
    group: Group::Composing,
    summary: "A picture put together of many small ones.",
    parameters: &[
        required("target", Kind::Picture, "What the whole is to look like."),
        required("tiles", Kind::Paths, "The small pictures; inputs of the rule."),
        OUTPUT,
        required("grid", Kind::Size, "Tiles down and across, or one number for both."),
        optional("tile_size", Kind::Size, "Rows and columns of a tile; those of the first tile without it."),
        with(
            "method",
            Kind::Word(&["nearest", "unique"]),
            Default::Text("nearest"),
            "How tiles are chosen: \"nearest\" or \"unique\".",
        ),
    ],
    manual: "uint8, three planes. Target and tiles are cut in the middle to the shape that they get, and resampled, as by fit(); images \
             of other types than uint8 are stretched as by preview(). A tile goes where its mean colour is that of the target, by the Euclidean \
             distance in red, green and blue.\n\
             method=\"nearest\" takes for each place the nearest tile, as often as it comes. method=\"unique\" takes every tile at \
             most once, so that the sum of the squared distances is the least that there is, and needs as many tiles as there are \
             places: the linear assignment problem. Time goes with the square of the number of tiles and more; ten thousand take half \
             a minute.\n\
             Tiles are kept in memory at tile_size, no matter how large their files are.",
    reference: "scipy.optimize.linear_sum_assignment; D. P. Bertsekas, Annals of Operations Research 14 (1988)",
    run,
}];

/// Tiles that are read between two looks at whether the job is to end.
const BATCH: usize = 64;

fn run(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let method = Method::from_name(call.text("method"))?;
    let paths = call.texts("tiles").unwrap_or_default();
    let Some(first) = paths.first() else { return Err(Failure::of_nothing("mosaic")) };
    let (rows, columns) = call.size("grid");
    let size = match call.optional_size("tile_size") {
        Some(size) => size,
        None => tile_shape(call, first)?,
    };
    for (name, (down, across)) in [("grid", (rows, columns)), ("tile_size", size)] {
        if down == 0 || across == 0 {
            return Err(Failure::new(format!("{name} must be at least 1, got {down} × {across}")));
        }
    }
    let places = rows.saturating_mul(columns);
    if places.saturating_mul(size.0).saturating_mul(size.1) > MOST_PIXELS {
        let (down, across) = size;
        return Err(Failure::new(format!("{rows} × {columns} tiles of {down} × {across} pixels are too many")));
    }
    if method == Method::Unique && places > paths.len() {
        let message =
            format!("method=\"unique\" needs a tile for each of the {places} places, and there are {}", paths.len());
        return Err(Failure::new(message).help("a smaller grid, more tiles, or method=\"nearest\""));
    }
    // The part of the target that has the shape of the whole, one pixel a tile.
    let whole = (rows.saturating_mul(size.0), columns.saturating_mul(size.1));
    let target = |shape| Wanted::new(Region::fitting(shape, whole), (rows, columns), Filter::Box);
    let target = colour_picture(call.picture("target", target)?, Filter::Box)?;
    let wanted: Vec<Colour> =
        (0..places).map(|at| [0, 1, 2].map(|plane| f64::from(target[[plane, at / columns, at % columns]]))).collect();
    let tiles = read_tiles(call, paths, size)?;
    let colours: Vec<Colour> = tiles.par_iter().map(mean_colour).collect();
    let chosen = choose(&wanted, &colours, method)?;
    call.job.check_cancelled()?;
    let mut whole = Array3::zeros((3, rows * size.0, columns * size.1));
    for (at, tile) in chosen.into_iter().enumerate() {
        let (y, x) = (at / columns * size.0, at % columns * size.1);
        whole.slice_mut(s![.., y..y + size.0, x..x + size.1]).assign(&tiles[tile]);
    }
    Ok(Answer::Image(Image::new(whole, Header::default())))
}

/// The most pixels of a mosaic.
const MOST_PIXELS: usize = 1 << 30;

fn tile_shape(call: &Call<'_, '_>, path: &str) -> Result<(usize, usize), Failure> {
    let [_, height, width] = read_image(call.job, path, &ReadOptions::default())?.shape();
    Ok((height, width))
}

/// All tiles in colour and of one size, in the order of their paths.
fn read_tiles(call: &Call<'_, '_>, paths: &[String], size: (usize, usize)) -> Result<Vec<Array3<u8>>, Failure> {
    let wanted = |shape| Wanted::new(Region::fitting(shape, size), size, Filter::Lanczos);
    let mut tiles = Vec::with_capacity(paths.len());
    for paths in paths.chunks(BATCH) {
        call.job.check_cancelled()?;
        let places: Vec<String> = paths.iter().map(|path| call.job.readable(path)).collect::<Result<_, _>>()?;
        let batch: Result<Vec<_>, Failure> = places
            .par_iter()
            .zip(paths)
            .map(|(place, path)| colour_picture(read_part(place, path, wanted)?, Filter::Lanczos))
            .collect();
        tiles.extend(batch?);
    }
    Ok(tiles)
}

/// A picture with three planes, at the size at which it is wanted.
fn colour_picture(part: Part, filter: Filter) -> Result<Array3<u8>, Failure> {
    let part = Part { image: picture(&part.image)?, ..part };
    let [_, height, width] = part.image.shape();
    let is_so = part.size == (height, width) && part.region == Region::whole(part.size);
    let picture = if is_so { part.image } else { resampled(&part, filter)? };
    let Pixels::U8(pixels) = picture.into_pixels() else { unreachable!("pictures are bytes, and bytes stay bytes") };
    if pixels.dim().0 == 3 {
        return Ok(pixels);
    }
    let shape = (3, part.size.0, part.size.1);
    Ok(pixels.broadcast(shape).expect("one plane stands for three").to_owned())
}

fn mean_colour(tile: &Array3<u8>) -> Colour {
    let mean = |plane: usize| {
        let plane = tile.index_axis(Axis(0), plane);
        plane.iter().map(|value| u64::from(*value)).sum::<u64>() as f64 / plane.len() as f64
    };
    [mean(0), mean(1), mean(2)]
}
