//! The linear assignment problem: a column for each row, none taken twice, at the least total cost. In: costs, and who
//! finds the best columns at given prices; out: the column of each row. Knows nothing of what rows and columns are.
//!
//! The method is the auction of D. P. Bertsekas, "The auction algorithm: a distributed relaxation method for the
//! assignment problem", Annals of Operations Research 14 (1988): rows outbid each other for columns, by large steps first,
//! then by smaller and smaller ones. R. Jonker and A. Volgenant's shortest augmenting paths (Computing 38, 1987) find the
//! same answer and were tried: where most rows want the same columns, as the blues of a sky do, they take ten times as
//! long. All that the auction asks is the best column for a row at the prices of the moment, and the price of the next best;
//! where costs are distances, that is told faster than by writing down all costs. Memory goes with the number of columns.

use std::collections::VecDeque;

use ndarray::ArrayView2;

use super::PixelError;

/// The columns that rows bid for: costs are whole numbers, as `f64`, and prices 0 or less. The answer is proved to be the
/// least as long as the largest cost times the square of the number of columns stays below 2⁵³.
pub trait Columns {
    /// Rows and columns.
    fn shape(&self) -> (usize, usize);

    /// What the costs of a row differ by at most, or a little more.
    fn spread(&self) -> f64;

    fn cost(&self, row: usize, column: usize) -> f64;

    /// 0 in the beginning.
    fn price(&self, column: usize) -> f64;

    /// Lets the price of a column fall by as much.
    fn lower(&mut self, column: usize, by: f64);

    /// The best columns for a row, whose costs are multiplied by the [`scale`], less their prices; without a row, costs are 0.
    fn offers(&self, row: Option<usize>) -> Offers;
}

/// By what costs are multiplied where there are so many columns, so that a step of 1 is a small part of a cost.
pub fn scale(columns: usize) -> f64 {
    columns as f64 + 1.0
}

/// The column of the least cost less price, that, and the least but one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offers {
    pub best: usize,
    pub least: f64,
    /// ∞ where there is only one column.
    pub second: f64,
}

impl Offers {
    /// Before any is looked at.
    pub const NONE: Offers = Offers { best: NONE, least: f64::INFINITY, second: f64::INFINITY };

    /// Looks at a column.
    #[inline]
    pub fn take(&mut self, column: usize, cost: f64) {
        if cost < self.least {
            *self = Offers { best: column, least: cost, second: self.least };
        } else if cost < self.second {
            self.second = cost;
        }
    }
}

/// A table of costs, every one of which is looked at for each bid.
pub struct Table<'a> {
    costs: ArrayView2<'a, f64>,
    prices: Vec<f64>,
}

impl<'a> Table<'a> {
    pub fn new(costs: ArrayView2<'a, f64>) -> Table<'a> {
        Table { prices: vec![0.0; costs.ncols()], costs }
    }
}

impl Columns for Table<'_> {
    fn shape(&self) -> (usize, usize) {
        self.costs.dim()
    }

    fn spread(&self) -> f64 {
        let ends = |(low, high): (f64, f64), cost: &f64| (low.min(*cost), high.max(*cost));
        let (low, high) = self.costs.iter().fold((f64::INFINITY, f64::NEG_INFINITY), ends);
        (high - low).max(0.0)
    }

    fn cost(&self, row: usize, column: usize) -> f64 {
        self.costs[[row, column]]
    }

    fn price(&self, column: usize) -> f64 {
        self.prices[column]
    }

    fn lower(&mut self, column: usize, by: f64) {
        self.prices[column] -= by;
    }

    fn offers(&self, row: Option<usize>) -> Offers {
        let (mut offers, scale) = (Offers::NONE, scale(self.prices.len()));
        for (column, price) in self.prices.iter().enumerate() {
            offers.take(column, row.map_or(0.0, |row| scale * self.costs[[row, column]]) - price);
        }
        offers
    }
}

/// The column of each row, so that the sum of the costs is the least: scipy.optimize.linear_sum_assignment. Of several
/// answers of the same cost it is always the same one.
///
/// # Errors
/// More rows than columns.
pub fn assign(columns: impl Columns) -> Result<Vec<usize>, PixelError> {
    let (rows, count) = columns.shape();
    PixelError::at_least("the number of columns", rows, count)?;
    let mut auction = Auction::new(columns);
    // A twentieth of the largest difference of costs.
    let mut step = (auction.columns.spread() * auction.scale / 20.0).floor().max(1.0);
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

struct Auction<C> {
    columns: C,
    /// Rows that there are; beyond them stand rows to which every column is worth the same, one for each column left over.
    rows: usize,
    scale: f64,
    column_of: Vec<usize>,
    row_of: Vec<usize>,
}

impl<C: Columns> Auction<C> {
    fn new(columns: C) -> Self {
        let (rows, count) = columns.shape();
        Auction { columns, rows, scale: scale(count), column_of: vec![NONE; count], row_of: vec![NONE; count] }
    }

    fn offers(&self, row: usize) -> Offers {
        self.columns.offers((row < self.rows).then_some(row))
    }

    /// What a row pays for a column, scaled.
    fn paid(&self, row: usize, column: usize) -> f64 {
        let cost = if row < self.rows { self.scale * self.columns.cost(row, column) } else { 0.0 };
        cost - self.columns.price(column)
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
            if self.paid(row, column) > self.offers(row).least + step {
                self.column_of[row] = NONE;
                self.row_of[column] = NONE;
                waiting.push_back(row);
            }
        }
        while let Some(row) = waiting.pop_front() {
            let Offers { best, least, second } = self.offers(row);
            // A single column has no second best.
            let lead = if second.is_finite() { second - least } else { 0.0 };
            self.columns.lower(best, lead + step);
            self.column_of[row] = best;
            let ousted = std::mem::replace(&mut self.row_of[best], row);
            if ousted != NONE {
                self.column_of[ousted] = NONE;
                waiting.push_back(ousted);
            }
        }
    }
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
            let found = assign(Table::new(costs.view())).unwrap();
            let mut once = found.clone();
            once.sort_unstable();
            once.dedup();
            prop_assert_eq!(once.len(), rows);
            prop_assert_eq!(total(&costs, &found), least(&costs, 0, &mut Vec::new()));
        }
    }

    #[test]
    fn odd_requests() {
        assert!(assign(Table::new(Array2::<f64>::zeros((0, 3)).view())).unwrap().is_empty());
        assert_eq!(assign(Table::new(array![[7.0]].view())).unwrap(), [0]);
        assert_eq!(assign(Table::new(Array2::<f64>::zeros((3, 3)).view())).unwrap(), [0, 1, 2]);
        assert_eq!(assign(Table::new(array![[5.0, 1.0, 3.0]].view())).unwrap(), [1]);
        assert!(assign(Table::new(Array2::<f64>::zeros((3, 2)).view())).is_err());
    }
}
