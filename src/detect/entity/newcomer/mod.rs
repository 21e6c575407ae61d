//! `Newcomer`: is a firm or pair new in the data and already large?
//!
//! An entity is new if it first appears after the burn-in of the data, or again after a long pause. Its volume in the
//! window from that day (scaled to the whole window if the data end earlier) is compared, as a logarithm, with that of
//! other newcomers of its main product and year, or of wider cohorts. The p-value comes from the tail that is learnt
//! from the scores of all newcomers.

mod cohorts;
mod first_seen;
mod fit;
mod model;
mod scores;

pub use model::Newcomer;

use std::sync::Arc;

use arrow::array::{Date32Array, RecordBatch};

use self::first_seen::{EntityStatus, FirstSeen};
use self::model::Model;
use self::scores::NewcomerScores;
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::Result;
use crate::evidence::SharedScores;
use crate::group::IndexCache;
use crate::progress::Progress;
use crate::state::members::numbers;
use crate::store::{Role, Shipments};
use crate::table::table;

impl Registered for Newcomer {
    const NAME: &'static str = "Newcomer";

    fn of_parameters(parameters: &Parameters) -> Result<Newcomer> {
        Ok(Newcomer {
            entity: parameters.names("entity")?,
            measure: parameters.text("measure")?,
            window: parameters.days("window")?,
            burn_in: parameters.days("burn_in")?,
            dormant: parameters.days("dormant")?,
            min_peers: parameters.count("min_peers")?,
            founded: parameters.dated_names("founded")?,
        })
    }
}

impl Detector for Newcomer {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        let product = self.product(ships.store.role(Role::Hs).is_some());
        let flows = self.spec(product.as_ref()).flows(ships, cache, progress)?;
        Ok(Arc::new(self.model(flows, product, progress)?))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        let product = self.product(states.iter().any(|s| s.column_by_name("hs4").is_some()));
        let flows = self.spec(product.as_ref()).restored(states, "Newcomer", progress)?;
        Ok(Arc::new(self.model(flows, product, progress)?))
    }
}

impl Fit for Model {
    /// The entities of these shipments. Those that were fitted keep their status; others are newcomers after the fit.
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let flows = self.settings.spec(self.product.as_ref()).flows(ships, cache, progress)?;
        let (here, of) = flows.group_keys.project(&self.settings.entity)?.distinct()?;
        let known = self.entities.find(&here, progress)?;
        let mut statuses = self.settings.statuses(&flows, &of, here.groups(), i32::MIN, progress)?;
        for (status, known) in statuses.iter_mut().zip(&known) {
            progress.check()?;
            match (known, &mut *status) {
                (Some(k), status) => *status = self.statuses[*k as usize].clone(),
                (None, EntityStatus::New(first_seen)) => self.cohorts.score_one(&flows, first_seen),
                _ => {}
            }
        }
        let mut cells_of: Vec<Vec<usize>> = vec![Vec::new(); here.groups()];
        of.iter().enumerate().for_each(|(g, &e)| cells_of[e as usize].extend(flows.range(g)));
        let founded = self.settings.founding_days(&here, progress)?;
        Ok(Arc::new(NewcomerScores { model: self, flows, here, statuses, founded, cells_of }))
    }

    /// One row for each entity and product: the keys, `n`, the cells (one for each day), and for the entity
    /// `first_seen`, `volume`, `centre` and `scale` (of the log volumes of its cohort).
    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        let mut columns = self.flows.state(progress)?;
        let (_, of) = self.flows.group_keys.project(&self.settings.entity)?.distinct()?;
        let first = |s: &EntityStatus| match s {
            EntityStatus::Old(day) | EntityStatus::TooLate(day) => *day,
            EntityStatus::New(first_seen) => first_seen.first,
        };
        let statuses: Vec<&EntityStatus> = of.iter().map(|&e| &self.statuses[e as usize]).collect();
        columns.push(("first_seen".into(), Arc::new(Date32Array::from_iter_values(statuses.iter().map(|s| first(s))))));
        let mut float = |name: &str, value: fn(&FirstSeen) -> f64| {
            let cell = |s: &&EntityStatus| if let EntityStatus::New(n) = s { value(n) } else { f64::NAN };
            columns.push((name.into(), numbers(statuses.iter().map(cell))));
        };
        float("volume", |n| n.volume);
        float("centre", |n| n.centre);
        float("scale", |n| n.scale);
        table(columns, statuses.len())
    }
}
