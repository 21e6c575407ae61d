//! `UnitValue`: is the price per kilogram or unit out of line with its peer group?
//!
//! x = ln(numerator / denominator); z = (x - centre) / scale in the finest peer group with `min_peers` members. The
//! centre is the median, the scale 1.4826 MAD (Hampel 1974, Iglewicz and Hoaglin 1993) or another robust scale. Both
//! are shrunk to those of the parent group.

mod fit;
mod model;
mod prices;
mod scores;
mod shrink;
mod state;
mod tail_scale;

pub(super) use fit::gather;
pub use model::UnitValue;
pub(super) use model::{Fitted, Level, LocationScale, Members, PeerGroupRef, Scale};
pub(super) use prices::Prices;
pub(super) use state::measure;

use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::detect::{Detector, Fit, LevelTails, Parameters, Registered, SharedFit};
use crate::error::Result;
use crate::evidence::SharedScores;
use crate::group::IndexCache;
use crate::progress::Progress;
use crate::store::Shipments;

impl Registered for UnitValue {
    const NAME: &'static str = "UnitValue";

    fn of_parameters(parameters: &Parameters) -> Result<UnitValue> {
        Ok(UnitValue {
            measure: parameters.text("measure")?,
            by: parameters.names("by")?,
            min_peers: parameters.count("min_peers")?,
            backoff: parameters.levels("backoff")?,
            scale: parameters.choice("scale", &Scale::NAMES)?,
        })
    }
}

impl Detector for UnitValue {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        let suited = self.suited(ships);
        let prices = Prices::load(&suited, ships, progress)?;
        Ok(Arc::new(Fitted::of_shipments(&suited, ships, &prices, cache, progress)?.0))
    }

    fn fit_score(
        &self,
        ships: &Shipments,
        cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(SharedFit, SharedScores)> {
        let suited = self.suited(ships);
        let prices = Prices::load(&suited, ships, progress)?;
        let (fitted, index) = Fitted::of_shipments(&suited, ships, &prices, cache, progress)?;
        let fitted = Arc::new(fitted);
        let scores = scores::of_fitted(fitted.clone(), ships, prices, &index);
        Ok((fitted, Arc::new(scores)))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        Ok(Arc::new(state::restore(self, states, progress)?))
    }
}

impl Fit for Fitted {
    fn calibration(&self) -> Vec<LevelTails<'_>> {
        let part = |level: &'_ model::Level| {
            (level.group_keys.keys.join(" x "), level.groups.iter().filter(|g| self.enough(g)).count())
        };
        let named = self.levels.iter().map(|level| (part(level), &level.tails));
        named.map(|((level, groups), tails)| LevelTails { level, groups, tails }).collect()
    }

    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let prices = Prices::load(&self.settings, ships, progress)?;
        Ok(Arc::new(scores::of_new(self, ships, prices, cache, progress)?))
    }

    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        state::table_of(self, progress)
    }
}
