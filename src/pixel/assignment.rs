//! The linear assignment problem: a column for each row, none taken twice, at the least total cost. In: the costs, one
//! row at a time; out: the column of each row. Knows nothing of what rows and columns are.
//!
//! The method is the auction of D. P. Bertsekas, "The auction algorithm: a distributed relaxation method for the
//! assignment problem", Annals of Operations Research 14 (1988): rows outbid each other for columns, by large steps first,
//! then by smaller and smaller ones. R. Jonker and A. Volgenant's shortest augmenting paths (Computing 38, 1987) find the
//! same answer and were tried: where most rows want the same columns, as the blues of a sky do, they take ten times as
//! long. Costs are asked for and never kept: memory goes with the number of columns.

use std::collections::VecDeque;

use ndarray::ArrayView2;

use super::PixelError;

/// What each pair of a row and a column costs: whole numbers, as `f64`. The answer is proved to be the least as long as the
/// largest cost times the square of the number of columns stays below 2⁵³.
pub trait Costs {
    /// Rows and columns.
    fn shape(&self) -> (usize, usize);

    /// Puts the costs of all columns in `row` into `costs`.
    fn fill(&self, row: usize, costs: &mut [f64]);
}

/// A table of costs.
impl Costs for ArrayView2<'_, f64> {
    fn shape(&self) -> (usize, usize) {
        self.dim()
    }

    fn fill(&self, row: usize, costs: &mut [f64]) {
        costs.iter_mut().zip(self.row(row)).for_each(|(to, cost)| *to = *cost);
    }
}

/// The column of each row, so that the sum of the costs is the least: scipy.optimize.linear_sum_assignment. Of several
/// answers of the same cost it is always the same one.
///
/// # Errors
/// More rows than columns.
pub fn assign(costs: &impl Costs) -> Result<Vec<usize>, PixelError> {
    let (rows, columns) = costs.shape();
    PixelError::at_least("the number of columns", rows, columns)?;
    let mut auction = Auction::new(costs);
    let mut step = auction.first_step();
    loop {
        auction.run(step);
        // Below one unit of cost for all columns together, no other assignment can be better.
        if step <= 1.0 {
            break;
        }
        step = (step / STEP_RATIO).floor().max(1.0);
    }
    auction.column_of.truncate(rows);
    Ok(auction.column_of)
}

/// By how much smaller the steps of each round of bidding are.
const STEP_RATIO: f64 = 6.0;

/// No row, no column.
const NONE: usize = usize::MAX;

struct Auction<'a, C> {
    costs: &'a C,
    /// Rows that there are; beyond them stand rows to which every column is worth the same, one for each column left over.
    rows: usize,
    /// Costs are multiplied by the number of columns and one more, so that a step of 1 is a small part of one.
    scale: f64,
    column_of: Vec<usize>,
    row_of: Vec<usize>,
    /// What each column is dear for, in scaled costs; at most 0.
    prices: Vec<f64>,
    /// One row of costs; then scaled, less the prices.
    row: Vec<f64>,
}

impl<'a, C: Costs> Auction<'a, C> {
    fn new(costs: &'a C) -> Self {
        let (rows, columns) = costs.shape();
        Auction {
            costs,
            rows,
            scale: columns as f64 + 1.0,
            column_of: vec![NONE; columns],
            row_of: vec![NONE; columns],
            prices: vec![0.0; columns],
            row: vec![0.0; columns],
        }
    }

    /// A twentieth of the largest difference of costs in a row.
    fn first_step(&mut self) -> f64 {
        let mut most: f64 = 0.0;
        for row in 0..self.rows {
            self.costs.fill(row, &mut self.row);
            let ends = |(low, high): (f64, f64), cost: &f64| (low.min(*cost), high.max(*cost));
            let (low, high) = self.row.iter().fold((f64::INFINITY, f64::NEG_INFINITY), ends);
            most = most.max(high - low);
        }
        (most * self.scale / 20.0).floor().max(1.0)
    }

    /// The least and the least but one of a row's scaled costs less prices, which are left in `self.row`.
    fn two_least(&mut self, row: usize) -> (f64, f64) {
        if row < self.rows {
            self.costs.fill(row, &mut self.row);
        } else {
            self.row.fill(0.0);
        }
        two_least(&mut self.row, self.scale, &self.prices)
    }

    /// Bidding until every row has a column that is within `step` of its best. Who has one already keeps it.
    fn run(&mut self, step: f64) {
        let mut waiting = VecDeque::new();
        for row in 0..self.column_of.len() {
            let column = self.column_of[row];
            if column == NONE {
                waiting.push_back(row);
                continue;
            }
            let (least, _) = self.two_least(row);
            if self.row[column] > least + step {
                self.column_of[row] = NONE;
                self.row_of[column] = NONE;
                waiting.push_back(row);
            }
        }
        while let Some(row) = waiting.pop_front() {
            let (least, second) = self.two_least(row);
            let best = place(&self.row, least);
            // A single column has no second best.
            let lead = if second.is_finite() { second - least } else { 0.0 };
            self.prices[best] -= lead + step;
            self.column_of[row] = best;
            let ousted = std::mem::replace(&mut self.row_of[best], row);
            if ousted != NONE {
                self.column_of[ousted] = NONE;
                waiting.push_back(ousted);
            }
        }
    }
}

/// Numbers worked on side by side.
const LANES: usize = 32;

/// Scales the costs and takes the prices from them; the least of these, and the least but one (∞ where there is only one
/// column).
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn two_least(costs: &mut [f64], scale: f64, prices: &[f64]) -> (f64, f64) {
    let (mut least, mut second) = ([f64::INFINITY; LANES], [f64::INFINITY; LANES]);
    let lesser = |a: f64, b: f64| if a < b { a } else { b };
    let greater = |a: f64, b: f64| if a < b { b } else { a };
    let (chunks, rest) = costs.as_chunks_mut::<LANES>();
    let (price_chunks, price_rest) = prices.as_chunks::<LANES>();
    for (costs, prices) in chunks.iter_mut().zip(price_chunks) {
        for lane in 0..LANES {
            costs[lane] = costs[lane] * scale - prices[lane];
            second[lane] = lesser(second[lane], greater(least[lane], costs[lane]));
            least[lane] = lesser(least[lane], costs[lane]);
        }
    }
    for (lane, (cost, price)) in rest.iter_mut().zip(price_rest).enumerate() {
        *cost = *cost * scale - price;
        second[lane] = lesser(second[lane], greater(least[lane], *cost));
        least[lane] = lesser(least[lane], *cost);
    }
    let merge = |(least, second): (f64, f64), (a, b): (&f64, &f64)| {
        (lesser(least, *a), lesser(lesser(second, *b), greater(least, *a)))
    };
    least.iter().zip(&second).fold((f64::INFINITY, f64::INFINITY), merge)
}

/// The first place of a value that is there.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn place(values: &[f64], value: f64) -> usize {
    let is_in = |chunk: &&[f64]| chunk.iter().fold(false, |found, other| found | (*other == value));
    let chunk = values.chunks(4 * LANES).take_while(|chunk| !is_in(chunk)).count() * 4 * LANES;
    let within = values[chunk..].iter().position(|other| *other == value);
    chunk + within.expect("the least of these values")
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::*;

    /// The least cost by trying everything.
    fn least(costs: &Array2<f64>, row: usize, taken: &mut Vec<usize>) -> f64 {
        if row == costs.nrows() {
            return 0.0;
        }
        let mut best = f64::INFINITY;
        for column in 0..costs.ncols() {
            if !taken.contains(&column) {
                taken.push(column);
                best = best.min(costs[[row, column]] + least(costs, row + 1, taken));
                taken.pop();
            }
        }
        best
    }

    fn total(costs: &Array2<f64>, columns: &[usize]) -> f64 {
        columns.iter().enumerate().map(|(row, &column)| costs[[row, column]]).sum()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn no_other_assignment_costs_less(
            rows in 1usize..6, more in 0usize..3, values in prop::collection::vec(-9i32..10, 48),
        ) {
            let columns = rows + more;
            let costs = Array2::from_shape_fn((rows, columns), |(y, x)| f64::from(values[y * columns + x]));
            let found = assign(&costs.view()).unwrap();
            let mut once = found.clone();
            once.sort_unstable();
            once.dedup();
            prop_assert_eq!(once.len(), rows);
            prop_assert_eq!(total(&costs, &found), least(&costs, 0, &mut Vec::new()));
        }
    }

    #[test]
    fn odd_requests() {
        assert!(assign(&Array2::<f64>::zeros((0, 3)).view()).unwrap().is_empty());
        assert_eq!(assign(&array![[7.0]].view()).unwrap(), [0]);
        assert_eq!(assign(&Array2::<f64>::zeros((3, 3)).view()).unwrap(), [0, 1, 2]);
        assert_eq!(assign(&array![[5.0, 1.0, 3.0]].view()).unwrap(), [1]);
        assert!(assign(&Array2::<f64>::zeros((3, 2)).view()).is_err());
    }
}
