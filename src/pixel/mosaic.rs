//! Photo mosaics: which tile goes where. In: the colours of the places and of the tiles, from 0 to 255; out: a tile for
//! each place. Knows colours only, no pictures.

use rayon::prelude::*;

use super::PixelError;
use super::assignment::{Columns, Offers, assign, scale};
use super::market::Market;

/// Red, green and blue from 0 to 255.
pub type Colour = [f64; 3];

/// How tiles are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// For each place by itself the tile of the nearest colour, as often as it comes.
    Nearest,
    /// Every tile at most once, so that the sum of the squared distances of all places is the least.
    Unique,
}

impl Method {
    /// `nearest` or `unique`.
    ///
    /// # Errors
    /// Any other name.
    pub fn from_name(name: &str) -> Result<Self, PixelError> {
        Ok(match name {
            "nearest" => Self::Nearest,
            "unique" => Self::Unique,
            _ => {
                return Err(PixelError::UnknownName {
                    name: "method",
                    got: name.to_owned(),
                    expected: "nearest, unique",
                });
            }
        })
    }
}

/// The tile for each place. Colours are compared by their Euclidean distance in red, green and blue, in steps of 1/8; of
/// tiles of one colour the first is the nearest.
///
/// # Errors
/// No tile; with [`Method::Unique`], fewer tiles than places.
pub fn choose(places: &[Colour], tiles: &[Colour], method: Method) -> Result<Vec<usize>, PixelError> {
    PixelError::at_least("the number of tiles", 1, tiles.len())?;
    let whole = |colours: &[Colour]| colours.iter().map(|colour| colour.map(|part| (part * 8.0).round())).collect();
    let (places, tiles): (Vec<Colour>, Vec<Colour>) = (whole(places), whole(tiles));
    if method == Method::Unique {
        PixelError::at_least("the number of tiles, each used once,", places.len(), tiles.len())?;
        return assign(Auctioned { market: Market::new(&tiles, scale(tiles.len())), places, tiles });
    }
    let nearest = |place: &Colour| {
        let distance = |tile: &Colour| squared_distance(*place, *tile);
        let best = tiles.iter().enumerate().min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)));
        best.expect("there is a tile").0
    };
    Ok(places.par_iter().map(nearest).collect())
}

fn squared_distance(a: Colour, b: Colour) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Tiles for which places bid: what they cost is the square of the distance, a whole number.
struct Auctioned {
    places: Vec<Colour>,
    tiles: Vec<Colour>,
    market: Market,
}

impl Columns for Auctioned {
    fn shape(&self) -> (usize, usize) {
        (self.places.len(), self.tiles.len())
    }

    fn spread(&self) -> f64 {
        let ends = |axis: usize| {
            let parts = self.places.iter().chain(&self.tiles).map(|colour| colour[axis]);
            parts.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), part| (low.min(part), high.max(part)))
        };
        [0, 1, 2].map(ends).iter().map(|(low, high)| (high - low) * (high - low)).sum()
    }

    fn cost(&self, row: usize, column: usize) -> f64 {
        squared_distance(self.places[row], self.tiles[column])
    }

    fn price(&self, column: usize) -> f64 {
        self.market.price(column)
    }

    fn lower(&mut self, column: usize, by: f64) {
        self.market.lower(column, by);
    }

    fn offers(&self, row: Option<usize>) -> Offers {
        self.market.offers(row.map(|row| self.places[row]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn distance(a: Colour, b: Colour) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
    }

    fn colours(bytes: &[[u8; 3]]) -> Vec<Colour> {
        bytes.iter().map(|colour| colour.map(f64::from)).collect()
    }

    proptest! {
        #[test]
        fn nearest_is_nearest_and_unique_is_unique(
            places in prop::collection::vec(any::<[u8; 3]>(), 1..20),
            tiles in prop::collection::vec(any::<[u8; 3]>(), 20..40),
        ) {
            let (places, tiles) = (colours(&places), colours(&tiles));
            let nearest = choose(&places, &tiles, Method::Nearest).unwrap();
            let mut least = 0.0;
            for (place, tile) in places.iter().zip(&nearest) {
                let best = tiles.iter().map(|tile| distance(*place, *tile)).fold(f64::INFINITY, f64::min);
                prop_assert_eq!(distance(*place, tiles[*tile]), best);
                least += best;
            }
            let unique = choose(&places, &tiles, Method::Unique).unwrap();
            let total: f64 = places.iter().zip(&unique).map(|(place, tile)| distance(*place, tiles[*tile])).sum();
            prop_assert!(total >= least);
            // No two places gain by an exchange.
            for (i, a) in unique.iter().enumerate() {
                for (j, b) in unique.iter().enumerate().skip(i + 1) {
                    let now = distance(places[i], tiles[*a]) + distance(places[j], tiles[*b]);
                    let exchanged = distance(places[i], tiles[*b]) + distance(places[j], tiles[*a]);
                    prop_assert!(a != b && now <= exchanged);
                }
            }
        }
    }

    #[test]
    fn odd_requests() {
        let grey = colours(&[[128; 3], [7; 3]]);
        assert!(choose(&grey, &[], Method::Nearest).is_err());
        assert!(choose(&grey, &grey[..1], Method::Unique).is_err());
        assert_eq!(choose(&grey, &grey[..1], Method::Nearest).unwrap(), [0, 0]);
        assert_eq!(choose(&grey, &grey, Method::Unique).unwrap(), [0, 1]);
        assert!(choose(&[], &grey, Method::Unique).unwrap().is_empty());
        assert!(Method::from_name("best").is_err());
    }
}
