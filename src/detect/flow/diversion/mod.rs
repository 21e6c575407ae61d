//! `Diversion`: did trade with a target go through a third country after an event?
//!
//! Three legs of a product before and after the event: direct from the origins to the target, from the origins to an
//! intermediary, and from there to the target. The score is close to the weaker of two changes: the growth of the
//! second and of the third leg, in standard deviations of flows of this size. It is 0 if the first did not fall. The
//! p-value compares it with the same score at earlier placebo dates, and of products whose direct trade did not fall.

mod fit;
mod model;
mod placebo_test;
mod pool;
mod scores;

pub use model::Diversion;

use std::sync::Arc;

use arrow::array::RecordBatch;

use self::model::Model;
use self::scores::TriangleScores;
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::Result;
use crate::evidence::SharedScores;
use crate::group::IndexCache;
use crate::progress::Progress;
use crate::store::{Every, Role, Shipments, country};
use crate::table::table;

impl Registered for Diversion {
    const NAME: &'static str = "Diversion";

    fn of_parameters(parameters: &Parameters) -> Result<Diversion> {
        let country = |name: String| country::key(&name).map_or(name, str::to_owned);
        let countries = |list: Option<Vec<String>>| list.map(|l| l.into_iter().map(country).collect());
        Ok(Diversion {
            target: country(parameters.text("target")?),
            event: parameters.day("event")?,
            by: parameters.optional_names("by")?,
            through: countries(parameters.optional_names("through")?),
            origins: countries(parameters.optional_names("origins")?),
            measure: parameters.text("measure")?,
            before: parameters.window("before")?,
            after: parameters.window("after")?,
        })
    }
}

impl Detector for Diversion {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        ships.store.require(Role::Origin)?;
        ships.store.require(Role::Destination)?;
        ships.store.require(Role::Date)?;
        ships.store.check_grain(Every::Month, progress)?;
        let by = self.products(ships.store.role(Role::Hs).is_some());
        Ok(Arc::new(self.model(self.spec(&by).flows(ships, cache, progress)?, by, progress)?))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        let by = self.products(states.iter().any(|s| s.column_by_name("hs6").is_some()));
        Ok(Arc::new(self.model(self.spec(&by).restored(states, "Diversion", progress)?, by, progress)?))
    }
}

impl Fit for Model {
    /// The products and intermediaries of these shipments, with what was fitted for each.
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let flows = self.settings.spec(&self.by).flows(ships, cache, progress)?;
        Ok(Arc::new(TriangleScores::new(self, flows, progress)?))
    }

    /// One row for each product, origin and destination: the keys, `n`, and the months.
    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        table(self.flows.state(progress)?, self.flows.groups())
    }
}
