//! Detectors, one file or folder each, and the screen that combines them.

mod apart;
mod checked;
mod content;
mod digits;
mod divergence;
mod diversion;
mod ecod;
mod evaluate;
mod features;
mod flows;
mod guards;
mod isolation;
mod leakage;
mod matrix;
mod members;
mod mirror;
mod newcomer;
mod phrase;
mod rarity;
mod repeats;
mod scores;
mod screen;
mod span;
mod surge;
mod tails;
mod unit_value;
mod value_weight;

use std::sync::Arc;

use arrow::array::RecordBatch;

pub use apart::Apart;
pub use content::contents;
pub use digits::Digits;
pub use divergence::Divergence;
pub use diversion::Diversion;
pub use ecod::Ecod;
pub use evaluate::{Scored, evaluate};
pub use features::features;
pub use flows::Ruler;
pub use isolation::Isolation;
pub use leakage::leakage;
pub use mirror::MirrorGap;
pub use newcomer::Newcomer;
pub use rarity::Rarity;
pub use repeats::Repeats;
pub use scores::{Number, ScoreTable, Scores, SharedScores};
pub use screen::{Findings, by_shipment, screen};
pub use surge::{MOST_PERIODS, Surge};
pub use unit_value::{Scale, UnitValue};
pub use value_weight::ValueWeight;

use crate::error::Result;
use crate::group::IndexCache;
use crate::store::Shipments;
use crate::watch::Watch;

/// A detector with its settings.
pub trait Detector: Send + Sync {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<SharedFit>;

    /// Fits and scores the same shipments.
    fn fit_score(&self, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<(SharedFit, SharedScores)> {
        let fit = self.fit(ships, cache, watch)?;
        let scores = fit.clone().score(ships, cache, watch)?;
        Ok((fit, scores))
    }

    /// The fit that these states stand for together. States add up: the states of fits of disjoint
    /// data, restored together, give the fit of all of it.
    fn restore(&self, states: &[RecordBatch], watch: &Watch) -> Result<SharedFit>;
}

/// What a detector learnt.
pub trait Fit: Send + Sync {
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<SharedScores>;

    /// All that is needed to restore and to merge, with the fitted numbers under plain names.
    fn state(&self, watch: &Watch) -> Result<RecordBatch>;
}

pub type SharedFit = Arc<dyn Fit>;
