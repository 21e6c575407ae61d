//! Random trees, and their path lengths.

use super::pool::Pool;
use super::random_numbers::{stream, unit};
use crate::stats::{Random, mix};

/// Rows processed side by side, so that the processor does not wait.
const ABREAST: usize = 8;

/// The direction of rows at a node.
#[derive(Clone)]
enum Cut {
    /// Values above the number go right.
    Above(f64),
    /// The categories that go right, and the direction of categories not met.
    Category(Vec<bool>, bool),
}

/// A complete binary tree: node i has the children 2i + 1 and 2i + 2. If a branch ends early, its cuts send all rows
/// left, so that every row takes the same number of steps.
pub struct Tree {
    pub depth: u32,
    pub column: Vec<u32>,
    pub bound: Vec<f64>,
    pub null_right: Vec<bool>,
    /// Cuts by category for each node; `bound` is NaN there.
    categories: Vec<Option<(Vec<bool>, bool)>>,
    plain: bool,
    /// The path length at each leaf.
    lengths: Vec<f64>,
}

/// The mean path length of n shipments.
pub fn mean_path(n: u64) -> f64 {
    if n < 2 {
        return 0.0;
    }
    let harmonic: f64 = (1..n).rev().map(|i| 1.0 / i as f64).sum();
    2.0 * harmonic - 2.0 * (n - 1) as f64 / n as f64
}

pub fn grow(pool: &Pool, sample: Vec<u32>, seed: u64) -> Tree {
    let depth = sample.len().max(2).next_power_of_two().ilog2();
    let nodes = (1usize << depth) - 1;
    let mut tree = Tree {
        depth,
        column: vec![0; nodes],
        bound: vec![f64::INFINITY; nodes],
        null_right: vec![false; nodes],
        categories: vec![None; nodes],
        plain: true,
        lengths: vec![0.0; nodes + 1],
    };
    let mut random = stream(mix(seed));
    let mut open = vec![(0usize, 0u32, sample)];
    while let Some((node, level, rows)) = open.pop() {
        let cut = if level < depth && rows.len() > 1 { cut(pool, &rows, &mut random) } else { None };
        let Some((column, cut, null_right)) = cut else {
            let leaf = (node + 1) << (depth - level);
            tree.lengths[leaf - 1 - nodes] = f64::from(level) + mean_path(rows.len() as u64);
            continue;
        };
        tree.column[node] = column as u32;
        tree.null_right[node] = null_right;
        match cut {
            Cut::Above(bound) => tree.bound[node] = bound,
            Cut::Category(right, new) => {
                tree.bound[node] = f64::NAN;
                tree.categories[node] = Some((right, new));
                tree.plain = false;
            }
        }
        let values = &pool.features[column].values;
        let (right, left): (Vec<u32>, Vec<u32>) =
            rows.into_iter().partition(|&row| tree.right(node, values[row as usize]));
        open.push((2 * node + 2, level + 1, right));
        open.push((2 * node + 1, level + 1, left));
    }
    tree
}

/// A random cut of a random column that divides the rows, if there is one.
fn cut(pool: &Pool, rows: &[u32], random: &mut Random) -> Option<(usize, Cut, bool)> {
    let columns = pool.features.len();
    let mut left: Vec<usize> = (0..columns).collect();
    while !left.is_empty() {
        let column = left.swap_remove(random.below(left.len()));
        let feature = &pool.features[column];
        let known = || rows.iter().map(|&row| feature.values[row as usize]).filter(|v| !v.is_nan());
        let nulls = rows.len() - known().count();
        let coin = random.draw() & 1 == 1;
        let (low, high) = known().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        if low > high {
            continue; // all null
        }
        if low == high {
            if nulls == 0 {
                continue;
            }
            // The only difference is whether the value is missing. Missing values go right.
            return Some((column, Cut::Above(f64::INFINITY), true));
        }
        let Some(labels) = &feature.labels else {
            let span = unit(random);
            // Infinite values have no middle, and a cut above the largest double would divide nothing.
            let bound = low.max(-f64::MAX) * (1.0 - span) + high.min(f64::MAX) * span;
            return Some((column, Cut::Above(bound.clamp(low, high.next_down())), coin));
        };
        let mut met: Vec<usize> = known().map(|v| v as usize).collect();
        met.sort_unstable();
        met.dedup();
        let mut right = vec![false; labels.len()];
        met.iter().for_each(|&label| right[label] = random.draw() & 1 == 1);
        // At least one on each side.
        let first = met[random.below(met.len())];
        let chosen = right[first];
        if met.iter().all(|&label| right[label] == chosen) {
            right[first] = !chosen;
        }
        let heavy = known().filter(|v| right[*v as usize]).count();
        let new = 2 * heavy < rows.len() - nulls;
        let mut seen = vec![false; labels.len()];
        met.iter().for_each(|&label| seen[label] = true);
        right.iter_mut().zip(seen).filter(|(_, seen)| !seen).for_each(|(right, _)| *right = new);
        return Some((column, Cut::Category(right, new), coin));
    }
    None
}

impl Tree {
    pub fn right(&self, node: usize, x: f64) -> bool {
        if x.is_nan() {
            return self.null_right[node];
        }
        match &self.categories[node] {
            None => x > self.bound[node],
            Some((right, new)) => right.get(x as usize).copied().filter(|_| x.is_finite()).unwrap_or(*new),
        }
    }

    /// Adds the path lengths of consecutive rows. `rows` holds their values row by row.
    pub fn add_lengths(&self, rows: &[f64], columns: usize, nulls: bool, out: &mut [f64]) {
        if !self.plain || nulls {
            for (row, out) in rows.chunks_exact(columns).zip(out) {
                let mut node = 0;
                for _ in 0..self.depth {
                    node = 2 * node + 1 + usize::from(self.right(node, row[self.column[node] as usize]));
                }
                *out += self.lengths[node - self.column.len()];
            }
            return;
        }
        let last = self.column.len();
        for (rows, out) in rows.chunks(ABREAST * columns).zip(out.chunks_mut(ABREAST)) {
            if out.len() == ABREAST {
                let mut nodes = [0usize; ABREAST];
                for _ in 0..self.depth {
                    for (k, node) in nodes.iter_mut().enumerate() {
                        let x = rows[k * columns + self.column[*node] as usize];
                        *node = 2 * *node + 1 + usize::from(x > self.bound[*node]);
                    }
                }
                nodes.iter().zip(out).for_each(|(node, out)| *out += self.lengths[node - last]);
            } else {
                for (row, out) in rows.chunks_exact(columns).zip(out) {
                    let mut node = 0;
                    for _ in 0..self.depth {
                        node = 2 * node + 1 + usize::from(row[self.column[node] as usize] > self.bound[node]);
                    }
                    *out += self.lengths[node - last];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_path_of_256() {
        // With exact harmonic numbers.
        assert!((mean_path(256) - 10.24869).abs() < 1e-5);
        assert_eq!(mean_path(1), 0.0);
        assert_eq!(mean_path(2), 1.0);
    }
}
