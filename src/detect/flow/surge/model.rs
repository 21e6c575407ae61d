//! The settings of `Surge`, and what a fit holds: the baseline of every flow, the tails, and the level shifts.

use std::sync::Arc;

use super::series::{Facts, Series};
use crate::calibrate::tails::Tails;
use crate::error::{Error, Result};
use crate::flows::{FlowSpec, Flows};
use crate::group::IndexCache;
use crate::progress::Progress;
use crate::stats::student_t_two_sided;
use crate::store::Shipments;

/// Flows processed at a time.
pub(super) const CHUNK_GROUPS: usize = 64;
/// The largest number of periods. The time for a baseline grows with their square.
pub const MOST_PERIODS: f64 = 4_000.0;

#[derive(Clone, Debug, PartialEq)]
pub struct Surge {
    pub spec: FlowSpec,
    /// Each period is compared with earlier periods only.
    pub expanding: bool,
    pub min_periods: usize,
}

/// The expected value, and the z of the observed one.
pub(super) type Forecast = (f64, f64);

/// A lasting change of a flow's level.
#[derive(Clone, Copy)]
pub(super) struct LevelShift {
    /// Its first period.
    pub(super) at: usize,
    pub(super) z: f64,
    pub(super) p: f64,
}

pub(super) struct Model {
    pub(super) settings: Surge,
    pub(super) flows: Arc<Flows>,
    pub(super) facts: Facts,
    pub(super) series: Vec<Series>,
    /// For an expanding fit: one for each flow and period.
    pub(super) forecasts: Vec<Forecast>,
    /// The tails of flows with records in most periods, and of the others.
    pub(super) tails: [Tails; 2],
    /// The shift of each flow, if it has one.
    pub(super) shifts: Vec<Option<LevelShift>>,
}

impl Surge {
    pub(super) fn flows(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<Flows> {
        let flows = self.spec.flows(ships, cache, progress)?;
        ships.store.check_grain(self.spec.every, progress)?;
        Ok(flows)
    }

    pub(super) fn check(&self, flows: &Flows) -> Result<()> {
        let every = self.spec.every.name();
        if self.min_periods < 6 {
            return Err(Error::Argument(format!(
                "min_periods={}: a baseline needs 6 periods or more",
                self.min_periods
            )));
        }
        let (n, first, last) = (flows.periods.len(), flows.periods[0], flows.periods[flows.periods.len() - 1]);
        if n < self.min_periods {
            return Err(Error::Argument(format!(
                "the data have {n} {every}{} ({} to {}), fewer than min_periods={}; read more of them, or take shorter periods \
                 such as every=\"week\"",
                if n == 1 { "" } else { "s" },
                self.spec.every.text(first),
                self.spec.every.text(last),
                self.min_periods
            )));
        }
        Ok(())
    }
}

impl Model {
    /// Whether a flow has a row in every period, or only in periods with records.
    pub(super) fn in_every_period(&self, group: usize) -> bool {
        self.facts.additive && !self.series[group].sparse
    }

    /// The z of a value in a period of the fit or after it.
    fn z(&self, group: usize, t: usize, y: f64) -> f64 {
        match self.forecasts.get(group * self.facts.periods + t) {
            Some(forecast) if self.settings.expanding && t < self.facts.periods => forecast.1,
            _ => self.series[group].z(t, y, &self.facts),
        }
    }

    pub(super) fn expected(&self, group: usize, t: usize) -> f64 {
        match self.forecasts.get(group * self.facts.periods + t) {
            Some(forecast) if self.settings.expanding && t < self.facts.periods => forecast.0,
            _ => self.series[group].expected(t),
        }
    }

    /// Replaces the values of some periods by their z.
    pub(super) fn standardise(&self, group: usize, periods: impl Iterator<Item = usize>, values: &mut [f64]) {
        if self.settings.expanding {
            values.iter_mut().zip(periods).for_each(|(y, t)| *y = self.z(group, t, *y));
        } else {
            self.series[group].standardise(periods, values, &self.facts);
        }
    }

    fn tail(&self, group: usize) -> &Tails {
        &self.tails[usize::from(self.series[group].sparse)]
    }

    /// By the tails of all flows; at least the p-value of the normal.
    pub(super) fn p_value(&self, group: usize, z: f64) -> f64 {
        self.tail(group).p_value_or_normal(z, self.facts.periods as u32)
    }

    /// The shift of a flow. Its p-value accounts for the choice among all dates.
    pub(super) fn level_shift(&self, group: usize) -> Option<LevelShift> {
        if self.settings.expanding {
            return None;
        }
        let shift = self.series[group].base.shift?;
        let freedom = (self.facts.periods as f64 / 3.0).max(3.0);
        let p = (student_t_two_sided(shift.z, freedom) * self.facts.periods as f64).min(1.0);
        Some(LevelShift { at: shift.at, z: shift.z, p: p.max(self.p_value(group, shift.z)) })
    }
}
