//! `Surge`: did a flow rise or fall suddenly?
//!
//! Every flow has a robust baseline: level, slow trend, season and at most one level shift (see `stats::series`). Every
//! period is compared with it: counts with the negative binomial, values on a transformed scale. Later periods are
//! compared with the new level.
//!
//! A flow has one p-value: that of its largest shift or its most distant period, whichever is less likely, with the
//! choice among all dates and periods accounted for. It is on the row where the shift begins, or on that of the period.

mod dependence;
mod fit;
mod flow_test;
mod model;
mod pool;
mod rows;
mod scores;
mod series;
mod shifts;
mod spikes;

pub use model::Surge;

use std::sync::Arc;

use arrow::array::{Date32Array, RecordBatch, StringViewArray};

use self::model::{MOST_PERIODS, Model};
use self::scores::SurgeScores;
use self::series::Series;
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::Result;
use crate::evidence::SharedScores;
use crate::flows::FlowSpec;
use crate::group::IndexCache;
use crate::progress::Progress;
use crate::state::members::numbers;
use crate::store::Shipments;
use crate::table::table;

impl Registered for Surge {
    const NAME: &'static str = "Surge";

    fn of_parameters(parameters: &Parameters) -> Result<Surge> {
        let spec = FlowSpec {
            by: parameters.names("by")?,
            every: parameters.every("every")?,
            measure: parameters.text("measure")?,
            squares: false,
            most: MOST_PERIODS,
        };
        Ok(Surge {
            spec,
            expanding: parameters.choice("mode", &[("whole", false), ("expanding", true)])?,
            min_periods: parameters.count("min_periods")?,
        })
    }
}

impl Detector for Surge {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        Ok(Arc::new(self.model(Arc::new(self.flows(ships, cache, progress)?), progress)?))
    }

    fn fit_score(
        &self,
        ships: &Shipments,
        cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(SharedFit, SharedScores)> {
        let flows = Arc::new(self.flows(ships, cache, progress)?);
        let model = Arc::new(self.model(flows.clone(), progress)?);
        let known = (0..flows.groups() as u32).map(Some).collect();
        let scores = SurgeScores::new(model.clone(), flows, known, progress)?;
        Ok((model, Arc::new(scores)))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        Ok(Arc::new(self.model(Arc::new(self.spec.restored(states, "Surge", progress)?), progress)?))
    }
}

impl Fit for Model {
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let flows = self.settings.spec.flows(ships, cache, progress)?;
        let known = self.flows.group_keys.find(&flows.group_keys, progress)?;
        Ok(Arc::new(SurgeScores::new(self, Arc::new(flows), known, progress)?))
    }

    /// One row for each flow: the keys, `n` (records), its cells, and what was fitted: `form`, `level` and `scale`
    /// (transformed as `form` says), `shift` (first day of the period), `before` and `after` (medians).
    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        let mut columns = self.flows.state(progress)?;
        let mut float = |name: &str, value: &dyn Fn(&Series) -> f64| {
            columns.push((name.into(), numbers(self.series.iter().map(value))));
        };
        float("level", &|s| s.base.before);
        float("scale", &|s| s.base.scale);
        float("before", &|s| s.before);
        float("after", &|s| s.after);
        let shift = self.series.iter().map(|s| s.base.shift.map(|s| self.flows.periods[s.at]));
        columns.push(("shift".into(), Arc::new(shift.collect::<Date32Array>())));
        let form = self.series.iter().map(|s| {
            Some(match s.form {
                series::Transform::Log { .. } => "log",
                series::Transform::Root { .. } => "root",
                series::Transform::Plain => "plain",
            })
        });
        columns.push(("form".into(), Arc::new(form.collect::<StringViewArray>())));
        table(columns, self.flows.groups())
    }
}
