//! `Isolation`: is a shipment easy to separate from the others?
//!
//! The isolation forest of Liu, Ting and Zhou (2008): s = 2^(-E[h(x)] / c(ψ)), with h the depth at which random cuts
//! isolate x, and c(n) = 2 H(n-1) - 2 (n-1)/n its mean with exact harmonic numbers. Categories are cut into random
//! halves. A category that a cut has not met goes with the smaller half. Missing values go to the half that a random
//! bit of the cut chooses. Each tree has its own seed, and its sample is drawn by hashing the content of the shipments.
//! So the same shipments in any order, or in parts merged later, give the same forest. The p-value is conformal over
//! the shipments that samples are drawn from. Shipments that are compared with each other are leads without a
//! p-value: it would only be a rank.

mod fit;
mod model;
mod pool;
mod random_numbers;
mod scores;
mod settings;
mod tree;

pub use settings::Isolation;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};

use self::model::Model;
use self::pool::pool;
use self::scores::ForestScores;
use crate::detect::records::matrix;
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::Result;
use crate::evidence::SharedScores;
use crate::group::IndexCache;
use crate::progress::Progress;
use crate::state::checked;
use crate::store::Shipments;
use crate::table::table;

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

impl Isolation {
    fn learn(&self, ships: &Shipments, progress: &Progress) -> Result<Model> {
        self.check()?;
        let features = matrix::load(ships, &self.columns, true, progress)?;
        let pool = pool(self, features, None, progress)?;
        self.model(pool, ships.len() as u64, progress)
    }
}

impl Detector for Isolation {
    fn fit(&self, ships: &Shipments, _cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        Ok(Arc::new(self.learn(ships, progress)?))
    }

    fn fit_score(
        &self,
        ships: &Shipments,
        _cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(SharedFit, SharedScores)> {
        let model = Arc::new(self.learn(ships, progress)?);
        let columns = model.columns_of(ships, progress)?;
        let scores = model.scores(&columns, progress)?;
        let scores = ForestScores { model: model.clone(), ships: ships.clone(), columns, scores, own: true };
        Ok((model, Arc::new(scores)))
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
        let columns = self.columns_of(ships, progress)?;
        let scores = self.scores(&columns, progress)?;
        Ok(Arc::new(ForestScores { model: self, ships: ships.clone(), columns, scores, own: false }))
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
