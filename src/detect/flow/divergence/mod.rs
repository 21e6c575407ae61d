//! `Divergence`: did one destination develop differently from the others?
//!
//! The log growth of each product and destination between two windows, less the growth of the product everywhere and
//! the growth of the destination in all products. Both effects are found by weighted median polish (Tukey 1977). The
//! variance follows from the effective number of records behind the two sums, times a factor estimated from all pairs.
//! p-values come from the tails of all pairs.

mod fit;
mod median_polish;
mod model;
mod scores;

pub use model::Divergence;

use std::sync::Arc;

use arrow::array::RecordBatch;

use self::model::{Model, Pair};
use self::scores::PairScores;
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::Result;
use crate::evidence::SharedScores;
use crate::group::IndexCache;
use crate::progress::Progress;
use crate::state::members::numbers;
use crate::store::Shipments;
use crate::table::table;

impl Registered for Divergence {
    const NAME: &'static str = "Divergence";

    fn of_parameters(parameters: &Parameters) -> Result<Divergence> {
        Ok(Divergence {
            by: parameters.names("by")?,
            across: parameters.text("across")?,
            measure: parameters.text("measure")?,
            current: parameters.window("current")?,
            base: parameters.window("base")?,
        })
    }
}

impl Detector for Divergence {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        Ok(Arc::new(self.model(self.spec().flows(ships, cache, progress)?, progress)?))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        Ok(Arc::new(self.model(self.spec().restored(states, "Divergence", progress)?, progress)?))
    }
}

impl Fit for Model {
    /// The products and destinations of these shipments, with what was fitted for each.
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let flows = self.settings.spec().flows(ships, cache, progress)?;
        let known = self.flows.group_keys.find(&flows.group_keys, progress)?;
        Ok(Arc::new(PairScores { model: self, flows, known }))
    }

    /// One row for each product and destination: the keys, `n`, the cells, and `base`, `current`, `log_growth`,
    /// `expected` (log growth) and `z`.
    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        let mut columns = self.flows.state(progress)?;
        let mut float = |name: &str, value: fn(&Pair) -> f64| {
            columns.push((name.into(), numbers(self.pairs.iter().map(value))));
        };
        float("base", |p| p.base.value);
        float("current", |p| p.current.value);
        float("log_growth", |p| p.growth);
        float("expected", |p| p.expected);
        float("z", |p| p.z);
        table(columns, self.pairs.len())
    }
}
