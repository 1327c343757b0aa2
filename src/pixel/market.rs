//! Points in space that have prices: which of them costs a visitor the least, who pays the square of the way and the price.
//! In: whole coordinates, prices that only fall; out: the best two offers. All points are looked at in single precision,
//! which says of nearly all of them that they are not the best; the few that may be are looked at exactly.
//!
//! A tree of boxes was tried: where many want the same, prices level the points so far that a third of the boxes must be
//! opened, which takes longer than to pass over all points.

use super::assignment::Offers;

/// Points worked on side by side.
const LANES: usize = 32;

/// Points one behind the other in a lane of a block, of which the best is told.
const DEPTH: usize = 16;

/// A number of each point of a block.
type Numbers<T> = [[T; LANES]; DEPTH];

/// A point in space: whole numbers.
pub type Point = [f64; 3];

/// Points and their prices, which are 0 or less: what is paid is the price taken from the way.
pub struct Market {
    blocks: Vec<Block>,
    /// The same exactly, point by point.
    points: Vec<(Point, f64)>,
    /// What is paid for each unit of the square of the way.
    scale: f64,
    /// The lowest price, in units of the square of the way.
    lowest: f64,
}

#[derive(Clone)]
struct Block {
    axes: [Numbers<f32>; 3],
    /// Prices in units of the square of the way, rounded; -∞ where there is no point.
    about: Numbers<f32>,
}

impl Market {
    /// All prices are 0. The squares of distances, between points or from visitors, are to be below 2²⁴, so that they are exact.
    pub fn new(points: &[Point], scale: f64) -> Market {
        let empty = Block { axes: [[[0.0; LANES]; DEPTH]; 3], about: [[f32::NEG_INFINITY; LANES]; DEPTH] };
        let mut blocks = vec![empty; points.len().div_ceil(LANES * DEPTH)];
        for (at, point) in points.iter().enumerate() {
            let (block, row, lane) = place(at);
            let block = &mut blocks[block];
            for (axis, part) in block.axes.iter_mut().zip(point) {
                axis[row][lane] = *part as f32;
            }
            block.about[row][lane] = 0.0;
        }
        Market { blocks, points: points.iter().map(|point| (*point, 0.0)).collect(), scale, lowest: 0.0 }
    }

    pub fn price(&self, point: usize) -> f64 {
        self.points[point].1
    }

    /// Lets the price of a point fall by as much.
    pub fn lower(&mut self, point: usize, by: f64) {
        let (_, price) = &mut self.points[point];
        *price -= by;
        let about = *price / self.scale;
        self.lowest = self.lowest.min(about);
        let (block, row, lane) = place(point);
        self.blocks[block].about[row][lane] = about as f32;
    }

    /// The best offers to a visitor; to one from nowhere all ways are 0.
    pub fn offers(&self, from: Option<Point>) -> Offers {
        let weight = f64::from(u8::from(from.is_some()));
        let from = from.unwrap_or_default();
        let mut least = vec![[f32::INFINITY; LANES]; self.blocks.len()];
        look_over(&self.blocks, from.map(|part| part as f32), weight as f32, &mut least);
        // In single precision a price is rounded, and so is what comes of it, each by half of this at most for the two best;
        // for whoever is among them exactly, too. All that is paid is positive, so that nothing is lost in a difference.
        let second = f64::from(second_least(&least));
        let error = (second + self.lowest.abs()) * f64::from(f32::EPSILON);
        let most = ((second + 2.0 * error) as f32).next_up();
        let mut offers = Offers::NONE;
        for (number, least) in self.blocks_within(&least, most) {
            for (lane, _) in least.iter().enumerate().filter(|(_, least)| **least <= most) {
                let first = number * LANES * DEPTH + lane;
                for (row, (point, price)) in
                    self.points[first.min(self.points.len())..].iter().step_by(LANES).take(DEPTH).enumerate()
                {
                    let [x, y, z] = [point[0] - from[0], point[1] - from[1], point[2] - from[2]];
                    offers.take(first + row * LANES, self.scale * weight * (x * x + y * y + z * z) - price);
                }
            }
        }
        offers
    }

    /// The blocks in which a point is about as cheap as that.
    fn blocks_within<'a>(
        &self,
        least: &'a [[f32; LANES]],
        most: f32,
    ) -> impl Iterator<Item = (usize, &'a [f32; LANES])> {
        let has = move |least: &[f32; LANES]| least.iter().fold(false, |has, least| has | (*least <= most));
        least.iter().enumerate().filter(move |(_, least)| has(least))
    }
}

/// Block, row and lane of a point.
fn place(point: usize) -> (usize, usize, usize) {
    (point / (LANES * DEPTH), point / LANES % DEPTH, point % LANES)
}

/// For each lane of each block about what the best point costs, in units of the square of the way.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn look_over(blocks: &[Block], from: [f32; 3], weight: f32, least: &mut [[f32; LANES]]) {
    for (Block { axes: [x, y, z], about }, out) in blocks.iter().zip(least) {
        let mut least = [f32::INFINITY; LANES];
        for (((x, y), z), about) in x.iter().zip(y).zip(z).zip(about) {
            for lane in 0..LANES {
                let way = [x[lane] - from[0], y[lane] - from[1], z[lane] - from[2]];
                let cost = weight * (way[0] * way[0] + way[1] * way[1] + way[2] * way[2]) - about[lane];
                least[lane] = if cost < least[lane] { cost } else { least[lane] };
            }
        }
        *out = least;
    }
}

/// The least but one.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn second_least(numbers: &[[f32; LANES]]) -> f32 {
    let (mut least, mut second) = ([f32::INFINITY; LANES], [f32::INFINITY; LANES]);
    let lesser = |a: f32, b: f32| if a < b { a } else { b };
    let greater = |a: f32, b: f32| if a < b { b } else { a };
    for numbers in numbers {
        for lane in 0..LANES {
            second[lane] = lesser(second[lane], greater(least[lane], numbers[lane]));
            least[lane] = lesser(least[lane], numbers[lane]);
        }
    }
    let merge = |(least, second): (f32, f32), (a, b): (&f32, &f32)| {
        (lesser(least, *a), lesser(lesser(second, *b), greater(least, *a)))
    };
    least.iter().zip(&second).fold((f32::INFINITY, f32::INFINITY), merge).1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn offers_are_the_best_of_all(
            count in 1usize..1200, points in prop::collection::vec(any::<[u8; 3]>(), 200),
            falls in prop::collection::vec((any::<prop::sample::Index>(), 0u32..1 << 30), 0..200),
            visitors in prop::collection::vec(prop::option::of(any::<[u8; 3]>()), 1..20),
            scale in 1u16..10_000,
        ) {
            // Many are at the same place, more or less.
            let place = |at: usize| points[at % points.len()].map(|part| 8.0 * f64::from(part) + (at / 500) as f64);
            let points: Vec<Point> = (0..count).map(place).collect();
            let scale = f64::from(scale);
            let (mut market, mut prices) = (Market::new(&points, scale), vec![0.0; points.len()]);
            for (point, by) in falls {
                market.lower(point.index(points.len()), f64::from(by));
                prices[point.index(points.len())] -= f64::from(by);
            }
            for from in visitors {
                let from = from.map(|from| from.map(|part| 8.0 * f64::from(part)));
                let way = |point: &Point| match from {
                    Some(from) => point.iter().zip(from).map(|(a, b)| (a - b) * (a - b)).sum(),
                    None => 0.0,
                };
                let costs: Vec<f64> = points.iter().zip(&prices).map(|(point, price)| scale * way(point) - price).collect();
                let mut sorted = costs.clone();
                sorted.sort_by(f64::total_cmp);
                let found = market.offers(from);
                prop_assert_eq!(found.least, sorted[0]);
                prop_assert_eq!(found.second, sorted.get(1).copied().unwrap_or(f64::INFINITY));
                prop_assert_eq!(costs[found.best], found.least);
                prop_assert_eq!(market.price(found.best), prices[found.best]);
            }
        }
    }
}
