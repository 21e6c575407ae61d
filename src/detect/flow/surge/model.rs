//! The settings of `Surge`, and what a fit holds: the baseline of every flow, the tails, and the level shifts.

use std::sync::Arc;

use super::series::{Facts, Series};
use super::spikes::{Spikes, Usual};
use crate::calibrate::tails::Tails;
use crate::error::{Error, Result};
use crate::flows::{FlowSpec, Flows};
use crate::group::IndexCache;
use crate::progress::Progress;
use crate::stats::{normal_of_student, normal_quantile, normal_two_sided};
use crate::store::Shipments;

/// Flows processed at a time.
pub(super) const CHUNK_GROUPS: usize = 64;
/// The fewest flows whose scores are counted together: a table of counts is large.
pub(super) fn fewest(flows: usize) -> usize {
    (flows / 32).max(1 << 8)
}

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
    /// Its size in standard errors.
    pub(super) z: f64,
    pub(super) p: f64,
    /// Medians of the measure before it and from it on; means of a sparse flow.
    pub(super) before: f64,
    pub(super) after: f64,
    /// The baseline has this shift.
    pub(super) fitted: bool,
}

/// Shifts with a larger p-value have no kind.
pub(super) const DOUBTFUL: f64 = 0.02;

impl LevelShift {
    /// Whether it is shown as a shift.
    pub(super) fn shown(&self) -> bool {
        self.fitted || self.p <= DOUBTFUL
    }
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
    /// The largest shift of each flow, if it has enough records for a test.
    pub(super) shifts: Vec<Option<LevelShift>>,
    /// The most distant periods of each flow, and the tails of the scores of all periods of flows of each kind.
    pub(super) spikes: Vec<Option<Spikes>>,
    pub(super) spike_tails: [Tails; 3],
}

/// The kinds of flows: with a value in every period, with empty periods, and with records in less than half of them.
pub(super) const FULL: usize = 0;
pub(super) const GAPS: usize = 1;
pub(super) const SPARSE: usize = 2;

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

    /// The normal score of an empty period: by chance, if records come at random (Poisson). The logarithm of nothing says
    /// nothing.
    pub(super) fn empty_score(&self, group: usize) -> f64 {
        if self.facts.counts {
            return f64::INFINITY;
        }
        let records: f64 = self.flows.of(group).iter().map(|c| f64::from(c.records)).sum();
        (-normal_quantile(libm::exp(-records / self.facts.periods as f64))).max(0.0)
    }

    /// The p-value of a period after the fit, or of other data than the fitted ones.
    pub(super) fn later_p_value(&self, group: usize, t: usize, z: f64, value: f64) -> f64 {
        let Some(spikes) = self.spikes[group] else { return self.p_value(group, z) };
        let score = match spikes.usual {
            Usual::Other => return self.p_value(group, z),
            Usual::Sizes(sizes) => sizes.score(value),
            Usual::Noise(noise) => {
                let (base, depends) = (&self.series[group].base, noise.dependence);
                let error =
                    noise.scale * base.prediction_error(t, self.facts.periods, depends.correlation, depends.walk);
                let t = z * base.scale / error;
                let score = normal_of_student(t.abs(), noise.freedom).copysign(t);
                if value == 0.0 { score.max(-self.empty_score(group)) } else { score }
            }
        };
        self.spike_p_value(spikes.kind, score)
    }

    /// The p-value of the normal score of a period, by the tails of all flows of its kind.
    pub(super) fn spike_p_value(&self, kind: usize, score: f64) -> f64 {
        self.spike_tails[kind].p_value_or_normal(score, self.facts.periods as u32)
    }

    fn tail(&self, group: usize) -> &Tails {
        &self.tails[usize::from(self.series[group].sparse)]
    }

    /// By the tails of all flows; at least the p-value of the normal.
    pub(super) fn p_value(&self, group: usize, z: f64) -> f64 {
        self.tail(group).p_value(z, self.facts.periods as u32).max(normal_two_sided(z))
    }
}
