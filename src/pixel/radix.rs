//! The order of the pixels of a block: values in, places by rising value out. A radix sort of 32 bits of each value,
//! taken where the block's values differ, and a comparison sort of the few that these bits leave undecided. Knows
//! nothing of windows.

use super::Sample;

/// Below this many values, clearing the tables of the radix sort costs more than comparing.
const SHORT: usize = 1024;

/// Bit positions and widths of the digits, the least significant first.
const DIGITS: [(u32, u32); 3] = [(32, 11), (43, 11), (54, 10)];
const BUCKETS: usize = 1 << 11;

/// The place of a value, in the low half, below the bits that decide its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Place(u64);

impl Place {
    #[inline(always)]
    pub fn index(self) -> usize {
        self.0 as u32 as usize
    }

    fn decided(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// Memory that is used again from block to block.
#[derive(Debug, Default)]
pub(super) struct Sorter {
    keys: Vec<u64>,
    places: Vec<Place>,
    spare: Vec<Place>,
}

impl Sorter {
    /// The places of `values` (at most 2³²) by rising value, equal values in any, but always the same, order.
    pub fn order<T: Sample>(&mut self, values: &[T]) -> &[Place] {
        self.keys.clear();
        self.keys.extend(values.iter().map(|value| value.order_key()));
        let (least, most) = self.keys.iter().fold((u64::MAX, 0), |(least, most), &key| (key.min(least), key.max(most)));
        let shift = most.wrapping_sub(least).leading_zeros().min(63);
        let mut undecided = 0;
        self.places.clear();
        self.places.extend(self.keys.iter().enumerate().map(|(place, key)| {
            let bits = (key - least) << shift;
            undecided |= bits as u32;
            Place((bits >> 32) << 32 | place as u64)
        }));
        if values.len() < SHORT {
            self.places.sort_unstable();
        } else {
            self.radix();
        }
        if undecided != 0 {
            self.decide();
        }
        &self.places
    }

    fn radix(&mut self) {
        let mut counts = [[0u32; BUCKETS]; DIGITS.len()];
        for place in &self.places {
            for (counts, (position, bits)) in counts.iter_mut().zip(DIGITS) {
                counts[digit(*place, position, bits)] += 1;
            }
        }
        self.spare.resize(self.places.len(), Place::default());
        for (counts, (position, bits)) in counts.iter_mut().zip(DIGITS) {
            let mut start = 0;
            for count in counts.iter_mut() {
                start += std::mem::replace(count, start);
            }
            for place in &self.places {
                let next = &mut counts[digit(*place, position, bits)];
                self.spare[*next as usize] = *place;
                *next += 1;
            }
            std::mem::swap(&mut self.places, &mut self.spare);
        }
    }

    /// Sorts the runs of places whose decided bits are equal by all the bits of their values.
    fn decide(&mut self) {
        let keys = &self.keys;
        for run in self.places.chunk_by_mut(|a, b| a.decided() == b.decided()) {
            if run.len() > 1 {
                run.sort_unstable_by_key(|place| (keys[place.index()], place.index()));
            }
        }
    }
}

#[inline(always)]
fn digit(place: Place, position: u32, bits: u32) -> usize {
    (place.0 >> position) as usize & ((1 << bits) - 1)
}
