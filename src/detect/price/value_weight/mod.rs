//! `ValueWeight`: is the value of a shipment far from the regression line of value on weight of its group?
//!
//! Least trimmed squares with reweighting in every group (`stats::linear`), on the weight or on several regressors. The
//! EU's anti-fraud services use this method on trade data. Residuals of traded goods grow with the weight, so they are
//! divided by weight^power. The power (0, 1/2 or 1) is the one that fits best over all groups. The line is fitted again
//! with these weights, and the uncertainty of the line itself is included. p-values come from tails learnt from groups
//! of the same size.

mod fair;
mod fit;
mod groups;
mod model;
mod scores;
mod state;

pub use model::ValueWeight;

use std::sync::Arc;

use arrow::array::RecordBatch;

use self::model::{Model, Outcome};
use self::scores::LineScores;
use crate::detect::{Detector, Fit, LevelTails, Parameters, Registered, SharedFit};
use crate::error::Result;
use crate::evidence::SharedScores;
use crate::group::{GroupKeys, IndexCache, resolve};
use crate::progress::Progress;
use crate::store::Shipments;

impl Registered for ValueWeight {
    const NAME: &'static str = "ValueWeight";

    fn of_parameters(parameters: &Parameters) -> Result<ValueWeight> {
        Ok(ValueWeight {
            by: parameters.names("by")?,
            on: parameters.names("on")?,
            min_peers: parameters.count("min_peers")?,
            log: parameters.flag("log")?,
            mm: parameters.choice("method", &[("lts", false), ("mm", true)])?,
        })
    }
}

impl Detector for ValueWeight {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        Ok(Arc::new(self.learn(ships, cache, progress)?.0))
    }

    fn fit_score(
        &self,
        ships: &Shipments,
        cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(SharedFit, SharedScores)> {
        let (model, index) = self.learn(ships, cache, progress)?;
        let model = Arc::new(model);
        let known = (0..model.outcomes.len() as u32).map(Some).collect();
        let scores = LineScores::new(model.clone(), ships, &index, known, progress)?;
        Ok((model, Arc::new(scores)))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        let (group_keys, starts, columns, facts) = state::read(self, states, progress)?;
        Ok(Arc::new(self.model(group_keys, starts, columns, facts, progress)?))
    }
}

impl Fit for Model {
    fn calibration(&self) -> Vec<LevelTails<'_>> {
        let able = (0..self.outcomes.len())
            .filter(|&g| self.size(g) >= self.settings.min_peers && matches!(self.outcomes[g], Outcome::Fitted(_)));
        vec![LevelTails { level: self.group_keys.keys.join(" x "), groups: able.count(), tails: &self.tails }]
    }

    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let index = cache.get(ships, &resolve(&ships.store, &self.settings.by)?, progress)?;
        let here = GroupKeys::of_index(&index, &self.settings.by);
        let known = self.group_keys.find(&here, progress)?;
        Ok(Arc::new(LineScores::new(self, ships, &index, known, progress)?))
    }

    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        state::write(self, progress)
    }
}
