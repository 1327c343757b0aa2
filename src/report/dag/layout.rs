//! A layered layout (Sugiyama, Tagawa and Toda 1981): ranks by longest path, long edges cut by bends, a few sweeps of
//! barycenter ordering, then coordinates that pull each box towards its neighbours. Everything is linear in boxes, bends
//! and edges, times the sweeps; the same graph gives the same layout.

/// Where a box stands: its centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub x: f64,
    pub y: f64,
}

#[derive(Debug, Default)]
pub struct Layout {
    pub boxes: Vec<Place>,
    /// The points that each edge passes between its ends.
    pub bends: Vec<Vec<Place>>,
    pub width: f64,
    pub height: f64,
}

const GAP_X: f64 = 24.0;
const GAP_Y: f64 = 44.0;
const BEND_WIDTH: f64 = 4.0;
const SWEEPS: usize = 8;
/// With more bends than this edges are drawn straight: the picture is a texture then, and must not cost minutes.
const MOST_BENDS: usize = 50_000;

/// A box or a bend.
struct Item {
    width: f64,
    rank: usize,
    up: Vec<usize>,
    down: Vec<usize>,
}

/// Lays out boxes of these sizes.
pub fn layout(sizes: &[(f64, f64)], edges: &[(usize, usize)]) -> Layout {
    if sizes.is_empty() {
        return Layout::default();
    }
    let ranks = ranks(sizes.len(), edges);
    let mut items: Vec<Item> = sizes
        .iter()
        .zip(&ranks)
        .map(|(size, rank)| Item { width: size.0, rank: *rank, up: Vec::new(), down: Vec::new() })
        .collect();
    let chains = connect(&mut items, edges);
    let mut rows = rows(&items);
    order(&items, &mut rows);
    let x = coordinates(&items, &rows);
    let (y, tall) = heights(sizes, &ranks, rows.len());
    let place = |at: usize| Place { x: x[at], y: y[items[at].rank] };
    // Straight through the row, so that an edge cuts no box beside it.
    let pass = |at: usize| {
        let half = tall[items[at].rank] / 2.0;
        [-half, half].map(|dy| Place { y: place(at).y + dy, ..place(at) })
    };
    let right = (0..items.len()).map(|at| x[at] + items[at].width / 2.0).fold(0.0, f64::max);
    let last = sizes.iter().zip(&ranks).filter(|(_, rank)| **rank + 1 == rows.len()).map(|(size, _)| size.1);
    Layout {
        boxes: (0..sizes.len()).map(place).collect(),
        bends: chains.iter().map(|chain| chain.iter().flat_map(|at| pass(*at)).collect()).collect(),
        width: right,
        height: y.last().copied().unwrap_or(0.0) + last.fold(0.0, f64::max) / 2.0,
    }
}

/// The longest path from a source to each box; a box on a circle, which no DAG has, stays where the rest left it.
fn ranks(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut down: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut needed = vec![0usize; count];
    for (from, to) in edges.iter().filter(|(from, to)| from != to) {
        down[*from].push(*to);
        needed[*to] += 1;
    }
    let mut ranks = vec![0; count];
    let mut ready: Vec<usize> = (0..count).filter(|at| needed[*at] == 0).collect();
    while let Some(at) = ready.pop() {
        for &next in &down[at] {
            ranks[next] = ranks[next].max(ranks[at] + 1);
            needed[next] -= 1;
            if needed[next] == 0 {
                ready.push(next);
            }
        }
    }
    ranks
}

/// Joins neighbours of adjacent ranks; an edge over several ranks gets a bend in each. Gives each edge's bends.
fn connect(items: &mut Vec<Item>, edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut left = MOST_BENDS;
    let mut chains = Vec::with_capacity(edges.len());
    for &(from, to) in edges {
        let (first, last) = (items[from].rank, items[to].rank);
        let bends = last.saturating_sub(first + 1);
        let mut chain = Vec::new();
        let mut at = from;
        if bends <= left {
            left -= bends;
            for rank in first + 1..last {
                items.push(Item { width: BEND_WIDTH, rank, up: vec![at], down: Vec::new() });
                let bend = items.len() - 1;
                items[at].down.push(bend);
                chain.push(bend);
                at = bend;
            }
        }
        if items[at].rank < last {
            items[at].down.push(to);
            items[to].up.push(at);
        }
        chains.push(chain);
    }
    chains
}

fn rows(items: &[Item]) -> Vec<Vec<usize>> {
    let count = items.iter().map(|item| item.rank + 1).max().unwrap_or(0);
    let mut rows = vec![Vec::new(); count];
    for (at, item) in items.iter().enumerate() {
        rows[item.rank].push(at);
    }
    rows
}

/// Sweeps down and up; each row is sorted by the mean place of its items' neighbours in the row before.
fn order(items: &[Item], rows: &mut [Vec<usize>]) {
    let mut place = vec![0.0f64; items.len()];
    let number = |row: &[usize], place: &mut [f64]| {
        #[allow(clippy::cast_precision_loss)]
        row.iter().enumerate().for_each(|(at, item)| place[*item] = at as f64 / row.len() as f64);
    };
    rows.iter().for_each(|row| number(row, &mut place));
    let last = rows.len().saturating_sub(1);
    for sweep in 0..SWEEPS {
        let downwards = sweep % 2 == 0;
        for step in 0..rows.len() {
            let row = &mut rows[if downwards { step } else { last - step }];
            let mut keyed: Vec<(f64, usize)> = row
                .iter()
                .map(|&item| {
                    let near = if downwards { &items[item].up } else { &items[item].down };
                    (mean(near.iter().map(|n| place[*n])).unwrap_or(place[item]), item)
                })
                .collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            *row = keyed.into_iter().map(|(_, item)| item).collect();
            number(row, &mut place);
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

/// Horizontal centres: rows packed from the left, then each item moved towards its neighbours as far as the row allows.
fn coordinates(items: &[Item], rows: &[Vec<usize>]) -> Vec<f64> {
    let mut x = vec![0.0f64; items.len()];
    for row in rows {
        let mut at = 0.0;
        for &item in row {
            x[item] = at + items[item].width / 2.0;
            at += items[item].width + GAP_X;
        }
    }
    for sweep in 0..SWEEPS {
        let mut settle = |row: &[usize]| {
            let wish = |item: usize, x: &[f64]| {
                let (up, down) = (&items[item].up[..], &items[item].down[..]);
                let (up, down) = match sweep {
                    0 => (up, &[][..]),
                    1 => (&[][..], down),
                    _ => (up, down),
                };
                mean(up.iter().chain(down).map(|n| x[*n])).unwrap_or(x[item])
            };
            let wishes: Vec<f64> = row.iter().map(|item| wish(*item, &x)).collect();
            for (item, centre) in row.iter().zip(spread(row, &wishes, items)) {
                x[*item] = centre;
            }
        };
        if sweep % 2 == 0 {
            rows.iter().for_each(|row| settle(row));
        } else {
            rows.iter().rev().for_each(|row| settle(row));
        }
    }
    let left = (0..items.len()).map(|at| x[at] - items[at].width / 2.0).fold(f64::INFINITY, f64::min);
    x.iter_mut().for_each(|x| *x -= left);
    x
}

/// The centres nearest to the wishes (least squares) that keep the order and the gaps: pooling of adjacent violators.
fn spread(row: &[usize], wishes: &[f64], items: &[Item]) -> Vec<f64> {
    // Offsets turn "so far apart" into "not decreasing".
    let mut offsets = Vec::with_capacity(row.len());
    let mut offset = 0.0;
    for (at, item) in row.iter().enumerate() {
        if at > 0 {
            offset += (items[row[at - 1]].width + items[*item].width) / 2.0 + GAP_X;
        }
        offsets.push(offset);
    }
    // Blocks of items that touch: sum of wishes, and how many.
    let mut blocks: Vec<(f64, f64)> = Vec::new();
    for (wish, offset) in wishes.iter().zip(&offsets) {
        blocks.push((wish - offset, 1.0));
        while let [.., before, last] = &blocks[..] {
            if before.0 / before.1 <= last.0 / last.1 {
                break;
            }
            let joined = (before.0 + last.0, before.1 + last.1);
            blocks.truncate(blocks.len() - 2);
            blocks.push(joined);
        }
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let centres = blocks.iter().flat_map(|(sum, count)| std::iter::repeat_n(sum / count, *count as usize));
    centres.zip(offsets).map(|(centre, offset)| centre + offset).collect()
}

/// The vertical centre and the height of each row.
fn heights(sizes: &[(f64, f64)], ranks: &[usize], rows: usize) -> (Vec<f64>, Vec<f64>) {
    let mut tallest = vec![0.0f64; rows];
    for (size, rank) in sizes.iter().zip(ranks) {
        tallest[*rank] = tallest[*rank].max(size.1);
    }
    let mut top = 0.0;
    let centres = tallest.iter().map(|height| {
        let centre = top + height / 2.0;
        top += height + GAP_Y;
        centre
    });
    (centres.collect(), tallest)
}
