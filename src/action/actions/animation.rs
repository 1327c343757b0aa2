//! Images one after the other: an animated GIF. Frames are brought to bytes here, their colours chosen by
//! [`crate::pixel::palette`], the file written by [`crate::action::file`].

use super::preview::picture;
use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::file::{Animation, write_animation};
use crate::action::image::Pixels;
use crate::action::registry::{Action, Default, Group, Kind, required, with};
use crate::pixel::palette::{Palette, Rgb};

pub const ACTIONS: &[Action] = &[Action {
    name: "animate",
    group: Group::Composing,
    summary: "Images one after the other, as an animated GIF.",
    parameters: &[
        required("frames", Kind::Images, "The images, in order, all of one size."),
        required("output", Kind::Output, "Where to write it: a .gif."),
        with("delay_ms", Kind::Int, Default::Int(100), "How long each is shown; GIF counts in 10 ms, from 20 on."),
        with("loop", Kind::Int, Default::Int(0), "How often it is shown again; 0 for ever."),
    ],
    manual: "Images of uint8 are taken as they are, others are stretched, each by itself, as by preview(); what was read from FITS \
             has its first row at the bottom. All frames share one palette: their own colours where these are 256 at most, as with one \
             colormap, and else the 256 that are nearest to them. Nothing is dithered.",
    reference: "Pillow's save(save_all=True); GIF89a",
    run,
}];

fn run(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let images = call.images("frames");
    let delay_ms = call.count("delay_ms")?;
    let repeats = u16::try_from(call.count("loop")?).map_err(|_| Failure::new("loop must be at most 65535"))?;
    let mut frames: Vec<Vec<Rgb>> = Vec::with_capacity(images.len());
    let mut shape = None;
    for (at, image) in images.iter().enumerate() {
        call.job.check_cancelled()?;
        let [_, height, width] = image.shape();
        let (first_height, first_width) = *shape.get_or_insert((height, width));
        if (height, width) != (first_height, first_width) {
            let message = format!("frame {at} has {height} × {width} pixels, the first {first_height} × {first_width}");
            return Err(Failure::new(message).help("resize() or preview() brings frames to one size"));
        }
        let picture = picture(image)?;
        let Pixels::U8(pixels) = picture.pixels() else { unreachable!("pictures are bytes") };
        let planes: Vec<&[u8]> =
            pixels.outer_iter().map(|plane| plane.to_slice().expect("images are kept in C order")).collect();
        let colour = |at: usize| [0, 1, 2].map(|part: usize| planes[part.min(planes.len() - 1)][at]);
        frames.push((0..height * width).map(colour).collect());
    }
    let Some(shape) = shape else { return Err(Failure::of_nothing("animate")) };
    let palette = Palette::of(frames.iter().map(Vec::as_slice));
    let animation = Animation { shape, colours: palette.colours(), delay_ms, repeats };
    let to = call.text("output");
    let entries = frames.iter().map(|frame| palette.entries(frame));
    call.job.write(to, |out| write_animation(&animation, entries, out, to))?;
    Ok(Answer::Nothing)
}
