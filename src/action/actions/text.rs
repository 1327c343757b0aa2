//! The pea soup: texts mixed, boiled and chopped. The random order is the same on every run: it comes from a seed, or
//! from the text itself.

use super::files::put;
use super::tables::text;
use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::registry::{Action, Group, Kind, Parameter, optional, required};
use crate::value::Value;

const PATH: Parameter = required("path", Kind::Path, "The text: an input of the rule.");
const TO: Parameter = optional("output", Kind::Output, "Where to write the result; without it, it is returned.");
const SEED: Parameter =
    optional("seed", Kind::Int, "The same seed and text give the same result; else it comes of the text.");

/// Columns of a result.
const WIDTH: usize = 70;

pub const ACTIONS: &[Action] = &[
    Action {
        name: "mix",
        group: Group::Text,
        summary: "The words of a text in random order.",
        parameters: &[PATH, TO, SEED],
        manual: "Words are what blanks separate. The result is wrapped at 70 columns.",
        reference: "",
        run: |call| {
            shuffled(call, |text, random| {
                let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
                random.shuffle(&mut words);
                words
            })
        },
    },
    Action {
        name: "boil",
        group: Group::Text,
        summary: "A text whose words have their letters in random order.",
        parameters: &[PATH, TO, SEED],
        manual: "Words keep their places and lengths; within each the characters are shuffled. The result is wrapped at 70 columns.",
        reference: "",
        run: |call| {
            shuffled(call, |text, random| {
                let boiled = text.split_whitespace().map(|word| {
                    let mut letters: Vec<char> = word.chars().collect();
                    random.shuffle(&mut letters);
                    letters.into_iter().collect()
                });
                boiled.collect()
            })
        },
    },
    Action {
        name: "chop",
        group: Group::Text,
        summary: "The letters of a text, one by one.",
        parameters: &[PATH, TO],
        manual: "All characters but blanks, in their order, a blank between two. The result is wrapped at 70 columns.",
        reference: "",
        run: |call| {
            let letters = text(call)?.chars().filter(|c| !c.is_whitespace()).map(String::from).collect();
            served(call, letters)
        },
    },
];

fn shuffled(call: &Call<'_, '_>, work: impl Fn(&str, &mut Random) -> Vec<String>) -> Result<Answer, Failure> {
    let text = text(call)?;
    let seed = call.optional_int("seed").map_or_else(|| seed_of(&text), i64::cast_unsigned);
    served(call, work(&text, &mut Random(seed)))
}

/// Writes the words, or gives them where there is no output.
fn served(call: &Call<'_, '_>, words: Vec<String>) -> Result<Answer, Failure> {
    let text = wrapped(&words);
    match call.optional_text("output") {
        Some(_) => put(call, text.as_bytes()),
        None => Ok(Answer::Data(Value::Str(text))),
    }
}

/// The words on lines of at most [`WIDTH`] characters; a longer word has a line of its own.
fn wrapped(words: &[String]) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in words {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    if column > 0 {
        out.push('\n');
    }
    out
}

/// A seed that comes of the content.
fn seed_of(text: &str) -> u64 {
    let digest = blake3::hash(text.as_bytes());
    let (first, _) = digest.as_bytes().split_first_chunk().expect("a digest has 32 bytes");
    u64::from_le_bytes(*first)
}

/// SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0: the high half of a product, whose bias nobody can see here.
    fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.next()) * (bound as u128);
        usize::try_from(product >> 64).expect("less than the bound")
    }

    /// Every order is as likely as another (R. Durstenfeld, "Algorithm 235", CACM 7 (1964)).
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffling_keeps_what_there_is_and_repeats() {
        let mut items: Vec<u32> = (0..100).collect();
        Random(7).shuffle(&mut items);
        let mut again: Vec<u32> = (0..100).collect();
        Random(7).shuffle(&mut again);
        assert_eq!(items, again);
        again.sort_unstable();
        assert_eq!(again, (0..100).collect::<Vec<_>>());
        assert_ne!(items, again);
    }

    #[test]
    fn lines_end_before_column_71() {
        let words = vec!["pea".to_owned(); 40];
        let text = wrapped(&words);
        assert!(text.lines().all(|line| line.len() <= WIDTH && line.len() > WIDTH - 4 || line.len() < WIDTH));
        assert_eq!(text.split_whitespace().count(), 40);
        assert_eq!(wrapped(&["x".repeat(80), "y".to_owned()]), format!("{}\ny\n", "x".repeat(80)));
        assert_eq!(wrapped(&[]), "");
    }
}
