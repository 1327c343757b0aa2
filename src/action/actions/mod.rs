//! The actions themselves, one file a group: records of the registry and the functions they name. An action takes a
//! [`Call`](super::call::Call), whose images are read already, and gives an answer; it writes nothing but what is its
//! purpose.

mod animation;
mod ccd;
mod combine;
mod composing;
mod files;
mod filters;
mod font;
mod geometry;
mod headers;
mod looking;
mod making;
mod mosaic;
mod numbers;
mod padding;
mod pixelwise;
mod planes;
mod preview;
mod tables;
mod text;

use super::registry::Action;

/// Every action, by group, in the order of the listing.
pub const ALL: [&[Action]; 17] = [
    files::ACTIONS,
    tables::ACTIONS,
    filters::ACTIONS,
    geometry::ACTIONS,
    padding::ACTIONS,
    numbers::ACTIONS,
    ccd::ACTIONS,
    combine::ACTIONS,
    headers::ACTIONS,
    pixelwise::ACTIONS,
    looking::ACTIONS,
    preview::ACTIONS,
    composing::ACTIONS,
    mosaic::ACTIONS,
    animation::ACTIONS,
    making::ACTIONS,
    text::ACTIONS,
];
