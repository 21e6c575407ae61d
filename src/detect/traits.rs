//! What every detector provides.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::parameters::Parameters;
use crate::calibrate::tails::Tails;
use crate::error::Result;
use crate::evidence::SharedScores;
use crate::group::IndexCache;
use crate::progress::Progress;
use crate::store::Shipments;

/// A detector of the registry.
pub trait Registered: Detector + Sized {
    /// The name of the class in Python.
    const NAME: &'static str;

    /// The detector with these parameters; invalid ones are errors.
    fn of_parameters(parameters: &Parameters) -> Result<Self>;
}

/// A detector with its settings.
pub trait Detector: Send + Sync {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit>;

    /// Fits and scores the same shipments.
    fn fit_score(
        &self,
        ships: &Shipments,
        cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(SharedFit, SharedScores)> {
        let fit = self.fit(ships, cache, progress)?;
        let scores = fit.clone().score(ships, cache, progress)?;
        Ok((fit, scores))
    }

    /// The fit behind these states together. States add up: the states of fits on disjoint data, restored together,
    /// give the fit on all data.
    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit>;
}

/// The result of a fit.
pub trait Fit: Send + Sync {
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores>;

    /// Everything that restoring and merging need, with the fitted numbers under plain names.
    fn state(&self, progress: &Progress) -> Result<RecordBatch>;

    /// What was learnt about the tails of scores: a part for each level. None if p-values do not come from such tails.
    fn calibration(&self) -> Vec<LevelTails<'_>> {
        Vec::new()
    }
}

/// The tails of a level.
pub struct LevelTails<'a> {
    /// The keys of its groups.
    pub level: String,
    pub groups: usize,
    pub tails: &'a Tails,
}

pub type SharedFit = Arc<dyn Fit>;
