//! `FirmPrices`: do the prices of a firm lie to one side, or are a few of them extreme?
//!
//! Each shipment is compared with its peers as in `UnitValue`, less the shipments of the firm itself, and its score is
//! read as a standard normal number. Two tests of all the numbers of a firm follow. Their mean is compared with the
//! means of other firms, which differ for honest reasons (meta-analysis with random effects). Their extremes are counted
//! (higher criticism, Donoho and Jin 2004).

mod compare;
mod components;
mod extremes;
mod fit;
mod law;
mod model;
mod parts;
mod record;
mod scores;
mod settings;
mod state;

pub use settings::FirmPrices;

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::unit_value::{Prices, Scale, UnitValue};
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::Result;
use crate::evidence::SharedScores;
use crate::group::{GroupIndex, IndexCache};
use crate::progress::Progress;
use crate::store::Shipments;

use self::compare::Compared;
use self::model::Model;
use self::scores::FirmScores;

impl Registered for FirmPrices {
    const NAME: &'static str = "FirmPrices";

    fn of_parameters(parameters: &Parameters) -> Result<FirmPrices> {
        Ok(FirmPrices {
            entity: parameters.names("entity")?,
            prices: UnitValue {
                measure: parameters.text("measure")?,
                by: parameters.names("by")?,
                min_peers: parameters.count("min_peers")?,
                backoff: parameters.levels("backoff")?,
                scale: Scale::Mad,
            },
            min_shipments: parameters.count("min_shipments")?,
        })
    }
}

/// A fit to shipments, and what their scores are made of.
struct Learnt {
    model: Model,
    compared: Compared,
    prices: Prices,
    /// The rows of each part.
    rows: Arc<GroupIndex>,
}

impl FirmPrices {
    fn learn(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<Learnt> {
        self.check()?;
        let settings = FirmPrices { prices: self.prices.suited(ships), ..self.clone() };
        let levels = settings.prices.levels_for(ships)?;
        let prices = Prices::load(&settings.prices, ships, progress)?;
        let (parts, rows) = settings.parts(&levels, ships, &prices, cache, progress)?;
        let (model, compared) = Model::learn(settings, &levels, parts, progress)?;
        Ok(Learnt { model, compared, prices, rows })
    }
}

impl Detector for FirmPrices {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        Ok(Arc::new(self.learn(ships, cache, progress)?.model))
    }

    fn fit_score(
        &self,
        ships: &Shipments,
        cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(SharedFit, SharedScores)> {
        let Learnt { model, compared, prices, rows } = self.learn(ships, cache, progress)?;
        let model = Arc::new(model);
        let parts = &model.base.parts;
        let scores = FirmScores::new(model.clone(), ships, parts, &compared, (&rows, &prices), cache, progress)?;
        Ok((model, Arc::new(scores)))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        Ok(Arc::new(state::restore(self, states, progress)?))
    }
}

impl Fit for Model {
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        Ok(Arc::new(scores::of(self, ships, cache, progress)?))
    }

    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        state::table_of(self, progress)
    }
}
