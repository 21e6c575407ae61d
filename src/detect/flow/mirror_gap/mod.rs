//! `MirrorGap`: do the reports of exporter and importer differ by more than freight and insurance?
//!
//! The importer's reports are moved back by the usual lag, and both sides are summed by flow and period. If both sides
//! report, the gap is ln(import / export) less the usual gap of the route and the product (freight, insurance,
//! mark-ups), in the scale of flows of this size on this route. If one side has no report within the longest lag, the
//! flow is lost (it left and did not arrive) or an orphan (it arrived and did not leave). The p-value is then the share
//! of flows at least as large that this side misses. With `test="change"` the subject is a route, and the question is
//! whether its gap moved to another level. The reliability of the reports of each country is estimated jointly, with
//! the iteration of the Growth Lab.

mod change;
mod change_scores;
mod lag;
mod learnt;
mod mirror;
mod missing;
mod model;
mod reliability;
mod scores;
mod series;

pub use model::MirrorGap;

use std::sync::Arc;

use arrow::array::RecordBatch;

use self::change_scores::ChangeScores;
use self::model::{Model, Test};
use self::scores::GapScores;
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::Result;
use crate::evidence::SharedScores;
use crate::group::IndexCache;
use crate::progress::Progress;
use crate::state::members::numbers;
use crate::store::{Role, Shipments};
use crate::table::table;

impl Registered for MirrorGap {
    const NAME: &'static str = "MirrorGap";

    fn of_parameters(parameters: &Parameters) -> Result<MirrorGap> {
        Ok(MirrorGap {
            by: parameters.names("by")?,
            every: parameters.every("every")?,
            measure: parameters.text("measure")?,
            max_lag: parameters.days("max_lag")?,
            test: parameters.choice("test", &[("gap", Test::Gap), ("change", Test::Change)])?,
        })
    }
}

impl Detector for MirrorGap {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        ships.store.require(Role::ReportedBy)?;
        Ok(Arc::new(self.model(self.spec().flows(ships, cache, progress)?, progress)?))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        Ok(Arc::new(self.model(self.spec().restored(states, "MirrorGap", progress)?, progress)?))
    }
}

impl Fit for Model {
    /// The flows and periods, or the routes, of these shipments, compared with what was fitted.
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let flows = self.settings.spec().flows(ships, cache, progress)?;
        match self.settings.test {
            Test::Gap => Ok(Arc::new(GapScores::new(self, flows, progress)?)),
            Test::Change => Ok(Arc::new(ChangeScores::new(self, flows, progress)?)),
        }
    }

    /// One row for each flow and side: the keys, `n`, the cells by day, `expected` (the usual log gap of the flow),
    /// `scale` (of a flow of middle size) and `lag` (days).
    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        let mut columns = self.flows.state(progress)?;
        let mirror = self.settings.mirror(&self.flows, progress)?;
        let mut expected = vec![f64::NAN; self.flows.groups()];
        for (flow, groups) in mirror.groups.iter().enumerate() {
            progress.check()?;
            groups.iter().flatten().for_each(|&g| expected[g] = self.learnt.expected(&mirror, flow));
        }
        let n = self.flows.groups();
        columns.push(("expected".into(), numbers(expected.into_iter())));
        columns.push(("scale".into(), numbers(std::iter::repeat_n(self.learnt.scale, n))));
        columns.push(("lag".into(), numbers(std::iter::repeat_n(f64::from(self.learnt.lag.usual), n))));
        table(columns, n)
    }
}
