//! `Isolation`: is a shipment easy to separate from the others?
//!
//! The isolation forest of Liu, Ting and Zhou (2008): s = 2^(-E[h(x)] / c(ψ)), with h the depth at which random cuts
//! isolate x, and c(n) = 2 H(n-1) - 2 (n-1)/n its mean with exact harmonic numbers. Categories are cut into random
//! halves. A category that a cut has not met goes with the smaller half. Missing values go to the half that a random
//! bit of the cut chooses. Each tree has its own seed, and its sample is drawn by hashing the content of the shipments.
//! So the same shipments in any order, or in parts merged later, give the same forest. The p-value is conformal over
//! the shipments that samples are drawn from.

mod pool;
mod scores;
mod tree;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::buffer::ScalarBuffer;
use rayon::prelude::*;

use crate::detect::records::matrix;
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::{Error, Result};
use crate::evidence::SharedScores;
use crate::group::IndexCache;
use crate::progress::Progress;
use crate::state::checked;
use crate::stats::{Random, decode, encode, mix};
use crate::store::Shipments;
use crate::table::table;
use pool::{Pool, draw, pool};
use scores::ForestScores;
use tree::{Tree, grow, mean_path};

#[derive(Clone, Debug, PartialEq)]
pub struct Isolation {
    pub columns: Vec<String>,
    pub trees: usize,
    pub sample: usize,
    pub seed: u64,
}

/// The largest number of trees.
const MOST_TREES: usize = 10_000;
/// Rows that go through all trees together.
const BLOCK: usize = 1 << 10;

/// The random numbers of a seed after the first, which is the hash of the seed.
fn stream(seed: u64) -> Random {
    let mut random = Random::new(seed);
    random.draw();
    random
}

/// A number between 0 and 1, exclusive.
fn unit(random: &mut Random) -> f64 {
    ((random.draw() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
}

struct Model {
    settings: Isolation,
    pool: Pool,
    /// All fitted shipments, including those outside the pool.
    n: u64,
    trees: Vec<Tree>,
    /// The mean path length for as many shipments as in the sample of a tree.
    mean: f64,
    /// The scores of the pool, ascending, each with the number of shipments up to it.
    calibration: Vec<(f64, u64)>,
}

impl Isolation {
    fn check(&self) -> Result<()> {
        if !(1..=MOST_TREES).contains(&self.trees) {
            return Err(Error::Argument(format!("trees={}; use 1 to {MOST_TREES}, 100 is usual", self.trees)));
        }
        if self.sample < 2 || self.sample > 1 << 16 {
            return Err(Error::Argument(format!("sample={}; use 2 to 65536, 256 is usual", self.sample)));
        }
        Ok(())
    }

    fn model(&self, pool: Pool, n: u64, progress: &Progress) -> Result<Model> {
        let held: u64 = pool.counts.iter().sum();
        let size = (self.sample as u64).min(held);
        progress.begin("fitting", self.trees as u64);
        let trees: Result<Vec<Tree>> = (0..self.trees)
            .into_par_iter()
            .map(|tree| {
                progress.check()?;
                let seed = mix(self.seed ^ mix(tree as u64 + 1));
                let made = grow(&pool, draw(&pool, seed, size as usize), seed);
                progress.advance(1);
                Ok(made)
            })
            .collect();
        let mut model =
            Model { settings: self.clone(), pool, n, trees: trees?, mean: mean_path(size), calibration: Vec::new() };
        let columns: Vec<ScalarBuffer<f64>> = model.pool.features.iter().map(|f| f.values.clone()).collect();
        let mut own: Vec<(i64, u64)> = model
            .scores(&columns, progress)?
            .iter()
            .map(|&s| encode(s))
            .zip(model.pool.counts.iter().copied())
            .collect();
        progress.check()?;
        own.par_sort_unstable();
        let mut held = 0;
        model.calibration = own
            .into_iter()
            .map(|(key, count)| {
                held += count;
                (decode(key), held)
            })
            .collect();
        Ok(model)
    }
}

impl Model {
    fn scores(&self, columns: &[ScalarBuffer<f64>], progress: &Progress) -> Result<Vec<f64>> {
        let n = columns.first().map_or(0, |c| c.len());
        let mut scores = vec![0.0; n];
        let mean = if self.mean > 0.0 { self.mean } else { 1.0 };
        scores.par_chunks_mut(BLOCK).enumerate().try_for_each_init(Vec::new, |rows, (block, out)| {
            progress.check()?;
            let from = block * BLOCK;
            let mut nulls = false;
            rows.clear();
            for at in from..from + out.len() {
                for column in columns {
                    nulls |= column[at].is_nan();
                    rows.push(column[at]);
                }
            }
            for tree in self.trees.iter().take_while(|_| !progress.stopped()) {
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

impl Registered for Isolation {
    const NAME: &'static str = "Isolation";

    fn of_parameters(parameters: &Parameters) -> Result<Isolation> {
        Ok(Isolation {
            columns: parameters.names("columns")?,
            trees: parameters.count("trees")?,
            sample: parameters.count("sample")?,
            seed: parameters.seed("seed")?,
        })
    }
}

impl Detector for Isolation {
    fn fit(&self, ships: &Shipments, _cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        let features = matrix::load(ships, &self.columns, true, progress)?;
        let pool = pool(self, features, None, progress)?;
        Ok(Arc::new(self.model(pool, ships.len() as u64, progress)?))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        let features = matrix::from_columns(states, &self.columns, true, "Isolation")?;
        let (mut counts, mut n) = (Vec::new(), 0u64);
        for state in states {
            let own = checked::whole(state, "count", 1, "Isolation")?;
            let fitted = checked::whole(state, "fitted", 0, "Isolation")?;
            let held = checked::total(&own, "count", "Isolation")?;
            let all = fitted.first().copied().unwrap_or(0);
            if all < held || fitted.iter().any(|other| *other != all) {
                let what = "the column \"fitted\" does not say how many shipments were fitted in all";
                return Err(checked::wrong(what, "Isolation"));
            }
            n += all;
            counts.extend(own);
        }
        checked::total(&counts, "count", "Isolation")?;
        let pool = pool(self, features, Some(counts), progress)?;
        Ok(Arc::new(self.model(pool, n, progress)?))
    }
}

impl Fit for Model {
    fn score(self: Arc<Self>, ships: &Shipments, _cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let features = matrix::load(ships, &self.settings.columns, true, progress)?;
        let columns = matrix::relabelled(features, &self.labels());
        let scores = self.scores(&columns, progress)?;
        Ok(Arc::new(ForestScores { model: self, ships: ships.clone(), columns, scores }))
    }

    /// The shipments that trees are drawn from, one row for each distinct content: the columns, `count` (shipments with
    /// it), and `fitted` (all fitted shipments). The forest is a function of these and of the seed.
    fn state(&self, _progress: &Progress) -> Result<RecordBatch> {
        let rows = self.pool.counts.len();
        let mut columns = matrix::to_columns(&self.pool.features);
        let whole = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
        columns.push(("count".into(), whole(self.pool.counts.iter().map(|&c| c as i64).collect())));
        columns.push(("fitted".into(), whole(vec![self.n as i64; rows])));
        table(columns, rows)
    }
}
