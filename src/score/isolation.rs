//! `Isolation`: is a shipment easily told apart from the rest?
//!
//! Isolation forest (Liu, Ting and Zhou 2008): s = 2^(-E[h(x)] / c(ψ)), with h the depth at which
//! random cuts isolate x and c(n) = 2 H(n-1) - 2 (n-1)/n its mean, by exact harmonic numbers.
//! Categories are cut into random halves, one that a cut has not met goes with the smaller half, and
//! nulls go with the half a coin decides for the cut. Each tree has its own seed, and its sample is
//! drawn by hashing the shipments' content: the same shipments in any order, or in parts merged
//! later, give the same forest. The p-value is conformal over the shipments the samples came from.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use rayon::prelude::*;

use super::matrix::{self, Feature};
use super::members::column;
use super::phrase::number;
use super::scores::{Number, Scores};
use super::{Detector, Fit, SharedFit, SharedScores};
use crate::aggregate::table;
use crate::error::{Error, Result};
use crate::group::IndexCache;
use crate::stats::encode;
use crate::store::Shipments;
use crate::watch::Watch;

#[derive(Clone, Debug, PartialEq)]
pub struct Isolation {
    pub columns: Vec<String>,
    pub trees: usize,
    pub sample: usize,
    pub seed: u64,
}

/// Rows whose scores are worked out side by side, so that the processor waits for none of them.
const ABREAST: usize = 8;
/// Rows that go through all trees before the next ones.
const BLOCK: usize = 1 << 10;

/// The next of a fixed sequence (splitmix64; Steele, Lea and Flood 2014).
pub fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Between 0 and 1, both left out.
    fn unit(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}

/// How a node sends rows on.
#[derive(Clone)]
enum Cut {
    /// Beyond the number goes right.
    Number(f64),
    /// Categories that go right, by their numbers; and where those go that the cut has not met.
    Category(Vec<bool>, bool),
}

/// A tree as a complete binary one: node i has the children 2i + 1 and 2i + 2. Where a branch ends
/// early its cuts send everything left, so every row takes the same number of steps.
struct Tree {
    depth: u32,
    column: Vec<u32>,
    bound: Vec<f64>,
    null_right: Vec<bool>,
    /// Cuts by category, by node; `bound` is NaN there.
    categories: Vec<Option<(Vec<bool>, bool)>>,
    plain: bool,
    /// The path length at each leaf.
    lengths: Vec<f64>,
}

/// A fitted shipment that may be drawn: its values, and how many there are of it.
struct Pool {
    features: Vec<Feature>,
    counts: Vec<u64>,
    hashes: Vec<u64>,
}

struct Model {
    settings: Isolation,
    pool: Pool,
    /// All shipments fitted, those outside the pool too.
    n: u64,
    trees: Vec<Tree>,
    /// The mean path of as many shipments as a tree's sample has.
    mean: f64,
    /// The pool's own scores, ascending, and the shipments that score no more.
    calibration: Vec<(f64, u64)>,
}

/// The mean path length of n shipments.
fn mean_path(n: u64) -> f64 {
    if n < 2 {
        return 0.0;
    }
    let harmonic: f64 = (1..n).rev().map(|i| 1.0 / i as f64).sum();
    2.0 * harmonic - 2.0 * (n - 1) as f64 / n as f64
}

impl Isolation {
    fn check(&self) -> Result<()> {
        if self.trees == 0 {
            return Err(Error::Argument("trees=0; a forest has at least one, and 100 is usual".into()));
        }
        if self.sample < 2 || self.sample > 1 << 16 {
            return Err(Error::Argument(format!("sample={}; use 2 to 65536, 256 is usual", self.sample)));
        }
        Ok(())
    }

    /// Shipments by their content, those with the smallest hashes. A shipment's hash does not depend on
    /// where it stands, so pools of parts of the data hold all that the pool of the whole needs.
    fn pool(&self, features: Vec<Feature>, counts: Option<Vec<u64>>, watch: &Watch) -> Result<Pool> {
        let rows = features.first().map_or(0, |f| f.values.len());
        let labels: Vec<Vec<u64>> = features
            .iter()
            .map(|f| f.labels.as_ref().map_or_else(Vec::new, |l| l.iter().map(|l| text_hash(l)).collect()))
            .collect();
        let seed = mix(self.seed);
        let hash = |row: usize| {
            features.iter().zip(&labels).fold(seed, |hash, (f, labels)| {
                let x = f.values[row];
                let bits = if x.is_nan() {
                    u64::MAX
                } else if labels.is_empty() {
                    (x + 0.0).to_bits()
                } else {
                    labels[x as usize]
                };
                mix(hash ^ bits)
            })
        };
        let mut order: Vec<(u64, u32)> =
            (0..rows).into_par_iter().with_min_len(1 << 12).map(|row| (hash(row), row as u32)).collect();
        watch.check()?;
        let wanted = self.trees.saturating_mul(self.sample);
        // Those of one content come together; a few more rows than wanted allow for them.
        if order.len() > 4 * wanted {
            order.select_nth_unstable(4 * wanted);
            let bound = order[4 * wanted].0;
            let smaller: Vec<(u64, u32)> = order.iter().copied().filter(|o| o.0 < bound).collect();
            let mut distinct: Vec<u64> = smaller.iter().map(|o| o.0).collect();
            distinct.sort_unstable();
            distinct.dedup();
            if distinct.len() >= wanted {
                order = smaller;
            }
        }
        order.par_sort_unstable();
        let mut kept: Vec<u32> = Vec::new();
        let mut sizes: Vec<u64> = Vec::new();
        let mut hashes: Vec<u64> = Vec::new();
        for (hash, row) in order {
            let count = counts.as_ref().map_or(1, |c| c[row as usize]);
            if hashes.last() == Some(&hash) {
                if let Some(size) = sizes.last_mut() {
                    *size += count;
                }
            } else if hashes.len() == wanted {
                break;
            } else {
                hashes.push(hash);
                kept.push(row);
                sizes.push(count);
            }
        }
        let features = features.into_iter().map(|f| chosen(f, &kept)).collect();
        Ok(Pool { features, counts: sizes, hashes })
    }

    fn model(&self, pool: Pool, n: u64, watch: &Watch) -> Result<Model> {
        let held: u64 = pool.counts.iter().sum();
        let size = (self.sample as u64).min(held);
        watch.begin("fitting", self.trees as u64);
        let trees: Result<Vec<Tree>> = (0..self.trees)
            .into_par_iter()
            .map(|tree| {
                watch.check()?;
                let seed = mix(self.seed ^ mix(tree as u64 + 1));
                let made = grow(&pool, draw(&pool, seed, size as usize), seed);
                watch.advance(1);
                Ok(made)
            })
            .collect();
        let mut model =
            Model { settings: self.clone(), pool, n, trees: trees?, mean: mean_path(size), calibration: Vec::new() };
        let columns: Vec<ScalarBuffer<f64>> = model.pool.features.iter().map(|f| f.values.clone()).collect();
        let mut own: Vec<(i64, u64)> =
            model.scores(&columns, watch)?.iter().map(|&s| encode(s)).zip(model.pool.counts.iter().copied()).collect();
        own.sort_unstable();
        let mut held = 0;
        model.calibration = own
            .into_iter()
            .map(|(key, count)| {
                held += count;
                (crate::stats::decode(key), held)
            })
            .collect();
        Ok(model)
    }
}

/// A column at the rows kept, with no more labels than those rows have.
fn chosen(feature: Feature, kept: &[u32]) -> Feature {
    let values: Vec<f64> = kept.iter().map(|&row| feature.values[row as usize]).collect();
    let Some(labels) = &feature.labels else { return Feature { values: values.into(), ..feature } };
    let mut used: Vec<usize> = values.iter().filter(|v| !v.is_nan()).map(|v| *v as usize).collect();
    used.sort_unstable();
    used.dedup();
    let mut number = vec![f64::NAN; labels.len()];
    used.iter().enumerate().for_each(|(new, &old)| number[old] = new as f64);
    let values: Vec<f64> = values.iter().map(|v| if v.is_nan() { *v } else { number[*v as usize] }).collect();
    let labels = used.iter().map(|&old| labels[old].clone()).collect();
    Feature { name: feature.name, values: values.into(), labels: Some(Arc::new(labels)) }
}

fn text_hash(text: &str) -> u64 {
    let mut hash = text.len() as u64;
    for chunk in text.as_bytes().chunks(8) {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        hash = mix(hash ^ u64::from_le_bytes(bytes));
    }
    hash
}

/// The sample of one tree: each shipment of the pool gets a random number by its content and the
/// tree's seed, and those with the smallest are taken. Of many shipments of one content only the
/// smallest numbers matter; they are drawn in ascending order, as order statistics of the uniform.
fn draw(pool: &Pool, seed: u64, size: usize) -> Vec<u32> {
    let mut drawn: Vec<(u64, u32)> = Vec::with_capacity(pool.counts.len());
    for (i, (&hash, &count)) in pool.hashes.iter().zip(&pool.counts).enumerate() {
        let mut random = Random(mix(hash ^ seed));
        let mut above = 1.0;
        for copy in 0..count.min(size as u64) {
            let left = (count - copy) as f64;
            above *= if left == 1.0 { random.unit() } else { libm::pow(random.unit(), 1.0 / left) };
            drawn.push(((1.0 - above).to_bits(), i as u32));
        }
    }
    if drawn.len() > size {
        drawn.select_nth_unstable(size);
        drawn.truncate(size);
    }
    drawn.sort_unstable();
    drawn.into_iter().map(|(_, i)| i).collect()
}

fn grow(pool: &Pool, sample: Vec<u32>, seed: u64) -> Tree {
    let depth = (sample.len().max(2) as f64).log2().ceil() as u32;
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
    let mut random = Random(mix(seed));
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
            Cut::Number(bound) => tree.bound[node] = bound,
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

/// A random cut of a random column that parts the rows, if any does.
fn cut(pool: &Pool, rows: &[u32], random: &mut Random) -> Option<(usize, Cut, bool)> {
    let columns = pool.features.len();
    let mut left: Vec<usize> = (0..columns).collect();
    while !left.is_empty() {
        let column = left.swap_remove(random.below(left.len()));
        let feature = &pool.features[column];
        let known = || rows.iter().map(|&row| feature.values[row as usize]).filter(|v| !v.is_nan());
        let nulls = rows.len() - known().count();
        let coin = random.next() & 1 == 1;
        let (low, high) = known().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        if low > high {
            continue; // all null
        }
        if low == high {
            if nulls == 0 {
                continue;
            }
            // Only whether it is known parts these rows; nulls go right.
            return Some((column, Cut::Number(f64::INFINITY), true));
        }
        let Some(labels) = &feature.labels else {
            let span = random.unit();
            // Infinities have no middle; a cut beyond the largest double would part nothing.
            let bound = low.max(-f64::MAX) * (1.0 - span) + high.min(f64::MAX) * span;
            return Some((column, Cut::Number(bound.clamp(low, high.next_down())), coin));
        };
        let mut met: Vec<usize> = known().map(|v| v as usize).collect();
        met.sort_unstable();
        met.dedup();
        let mut right = vec![false; labels.len()];
        met.iter().for_each(|&label| right[label] = random.next() & 1 == 1);
        // At least one on either side.
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
    fn right(&self, node: usize, x: f64) -> bool {
        if x.is_nan() {
            return self.null_right[node];
        }
        match &self.categories[node] {
            None => x > self.bound[node],
            Some((right, new)) => right.get(x as usize).copied().filter(|_| x.is_finite()).unwrap_or(*new),
        }
    }

    /// Adds the path lengths of consecutive rows; `rows` holds them one after the other.
    fn add_lengths(&self, rows: &[f64], columns: usize, nulls: bool, out: &mut [f64]) {
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

impl Model {
    fn scores(&self, columns: &[ScalarBuffer<f64>], watch: &Watch) -> Result<Vec<f64>> {
        let n = columns.first().map_or(0, |c| c.len());
        let mut scores = vec![0.0; n];
        let mean = if self.mean > 0.0 { self.mean } else { 1.0 };
        scores.par_chunks_mut(BLOCK).enumerate().try_for_each_init(Vec::new, |rows, (block, out)| {
            watch.check()?;
            let from = block * BLOCK;
            let mut nulls = false;
            rows.clear();
            for at in from..from + out.len() {
                for column in columns {
                    nulls |= column[at].is_nan();
                    rows.push(column[at]);
                }
            }
            for tree in &self.trees {
                tree.add_lengths(rows, columns.len(), nulls, out);
            }
            let trees = self.trees.len() as f64;
            out.iter_mut().for_each(|length| *length = libm::exp2(-(*length / trees) / mean));
            Ok::<(), Error>(())
        })?;
        Ok(scores)
    }

    fn labels(&self) -> Vec<Option<Arc<Vec<String>>>> {
        self.pool.features.iter().map(|f| f.labels.clone()).collect()
    }
}

impl Detector for Isolation {
    fn fit(&self, ships: &Shipments, _cache: &IndexCache, watch: &Watch) -> Result<SharedFit> {
        self.check()?;
        let features = matrix::load(ships, &self.columns, true, watch)?;
        let pool = self.pool(features, None, watch)?;
        Ok(Arc::new(self.model(pool, ships.len() as u64, watch)?))
    }

    fn restore(&self, states: &[RecordBatch], watch: &Watch) -> Result<SharedFit> {
        self.check()?;
        let features = matrix::from_columns(states, &self.columns, "Isolation")?;
        let whole = |name: &str| -> Result<Vec<u64>> {
            let mut values = Vec::new();
            for state in states {
                let column = cast(column(state, name, "Isolation")?, &DataType::Int64)?;
                values.extend(column.as_primitive::<Int64Type>().values().iter().map(|&n| n.max(0) as u64));
            }
            Ok(values)
        };
        let counts = whole("count")?;
        let mut n = 0;
        for state in states {
            let fitted = state.column_by_name("fitted").map(|c| cast(c, &DataType::Int64)).transpose()?;
            n += fitted.filter(|c| !c.is_empty()).map_or(0, |c| c.as_primitive::<Int64Type>().value(0).max(0) as u64);
        }
        let pool = self.pool(features, Some(counts), watch)?;
        Ok(Arc::new(self.model(pool, n, watch)?))
    }
}

impl Fit for Model {
    fn score(self: Arc<Self>, ships: &Shipments, _cache: &IndexCache, watch: &Watch) -> Result<SharedScores> {
        let features = matrix::load(ships, &self.settings.columns, true, watch)?;
        let columns = matrix::relabelled(features, &self.labels());
        let scores = self.scores(&columns, watch)?;
        Ok(Arc::new(ForestScores { model: self, ships: ships.clone(), columns, scores }))
    }

    /// The shipments that trees are drawn from, a row a content: the columns, `count` shipments of it,
    /// and `fitted`, how many shipments were fitted in all. The forest is a function of these and of the
    /// seed.
    fn state(&self) -> Result<RecordBatch> {
        let rows = self.pool.counts.len();
        let mut columns = matrix::to_columns(&self.pool.features);
        let whole = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
        columns.push(("count".into(), whole(self.pool.counts.iter().map(|&c| c as i64).collect())));
        columns.push(("fitted".into(), whole(vec![self.n as i64; rows])));
        table(columns, rows)
    }
}

struct ForestScores {
    model: Arc<Model>,
    ships: Shipments,
    columns: Vec<ScalarBuffer<f64>>,
    scores: Vec<f64>,
}

impl ForestScores {
    /// Each column's part in isolating a shipment: its share of the cuts on the shipment's paths, the
    /// first cut of a path counting one, the second a half, and so on.
    fn shares(&self, at: usize) -> Vec<f64> {
        let mut shares = vec![0.0; self.columns.len()];
        for tree in &self.model.trees {
            let mut node = 0;
            let mut weight = 1.0;
            for _ in 0..tree.depth {
                let column = tree.column[node] as usize;
                let real = tree.bound[node] != f64::INFINITY || tree.null_right[node];
                let right = tree.right(node, self.columns[column][at]);
                if real {
                    shares[column] += weight;
                    weight *= 0.5;
                }
                node = 2 * node + 1 + usize::from(right);
            }
        }
        let total: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|s| *s /= total.max(f64::MIN_POSITIVE));
        shares
    }
}

impl Scores for ForestScores {
    fn detector(&self) -> &'static str {
        "Isolation"
    }

    fn ships(&self) -> Option<&Shipments> {
        Some(&self.ships)
    }

    fn number(&self, what: Number, at: usize) -> f64 {
        let calibration = &self.model.calibration;
        let held = calibration.last().map_or(0, |c| c.1);
        match what {
            Number::Score | Number::Observed => self.scores[at],
            Number::PValue => {
                let step = calibration.partition_point(|c| c.0 < self.scores[at]);
                let less = if step == 0 { 0 } else { calibration[step - 1].1 };
                (1 + held - less) as f64 / (held + 1) as f64
            }
            Number::Direction => f64::NAN,
            Number::Expected => calibration.get(calibration.len() / 2).map_or(f64::NAN, |c| c.0),
            Number::Peers => self.model.n as f64,
        }
    }

    fn peer(&self, _at: usize) -> Option<String> {
        Some("all shipments fitted".into())
    }

    fn reason(&self, at: usize) -> String {
        let mut parts: Vec<(f64, usize)> = self.shares(at).into_iter().zip(0..).collect();
        parts.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let shown: Vec<String> = parts
            .into_iter()
            .take(3)
            .map(|(share, c)| {
                let feature = &self.model.pool.features[c];
                let x = self.columns[c][at];
                let value = match &feature.labels {
                    _ if x.is_nan() => "(none)".to_owned(),
                    Some(labels) => {
                        labels.get(x as usize).filter(|_| x.is_finite()).cloned().unwrap_or("(not met before)".into())
                    }
                    None => number(x),
                };
                format!("{} {value} ({:.0} % of the cuts)", feature.name, 100.0 * share)
            })
            .collect();
        format!(
            "random cuts isolate it with a score of {:.3} where the middle shipment has {:.3}; most by {}",
            self.scores[at],
            self.number(Number::Expected, at),
            shown.join(", ")
        )
    }

    fn at_stake(&self, _at: usize) -> f64 {
        f64::NAN
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
