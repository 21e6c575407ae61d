//! `Surge`: did a flow rise or fall suddenly?
//!
//! Every flow has a robust baseline: level, slow trend, season and at most one level shift (see `stats::series`). Every
//! period is compared with it: counts with the negative binomial, values on a transformed scale. p-values come from the
//! tails of all flows. A shift is one finding, in the period where it begins; later periods are compared with the new
//! level.

mod scores;
mod series;

use std::sync::Arc;

use arrow::array::{Date32Array, RecordBatch, StringViewArray};
use rayon::prelude::*;

use self::scores::SurgeScores;
use self::series::{Buffers, Facts, Series};
use crate::calibrate::tails::{ScoreHistogram, Tails};
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::{Error, Result};
use crate::evidence::SharedScores;
use crate::flows::{FlowSpec, Flows, lay_out};
use crate::group::IndexCache;
use crate::progress::Progress;
use crate::state::members::numbers;
use crate::stats::{MAD_K, OrderStatistics, encode, ln, student_t_two_sided};
use crate::store::Shipments;
use crate::table::table;

/// The largest number of cells with one record from which the sizes of records are estimated.
const LEARN_FROM: usize = 200_000;
/// Flows processed at a time.
const CHUNK_GROUPS: usize = 64;

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
type Forecast = (f64, f64);

/// A lasting change of a flow's level.
#[derive(Clone, Copy)]
struct LevelShift {
    /// Its first period.
    at: usize,
    z: f64,
    p: f64,
}

struct Model {
    settings: Surge,
    flows: Arc<Flows>,
    facts: Facts,
    series: Vec<Series>,
    /// For an expanding fit: one for each flow and period.
    forecasts: Vec<Forecast>,
    /// The tails of flows with records in most periods, and of the others.
    tails: [Tails; 2],
    /// The shift of each flow, if it has one.
    shifts: Vec<Option<LevelShift>>,
}

impl Surge {
    fn flows(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<Flows> {
        let flows = self.spec.flows(ships, cache, progress)?;
        ships.store.check_grain(self.spec.every, progress)?;
        Ok(flows)
    }

    fn check(&self, flows: &Flows) -> Result<()> {
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

    fn model(&self, flows: Arc<Flows>, progress: &Progress) -> Result<Model> {
        self.check(&flows)?;
        let facts = Facts {
            periods: flows.periods.len(),
            season: self.spec.every.season(),
            additive: flows.additive,
            counts: flows.counts,
            size_variance: size_variance(&flows, progress)?,
        };
        progress.begin("fitting", flows.groups() as u64);
        let chunks: Vec<usize> = (0..flows.groups()).step_by(CHUNK_GROUPS).collect();
        let made: Result<Vec<(Vec<Series>, Vec<Forecast>)>> = chunks
            .into_par_iter()
            .map_init(Buffers::default, |buffers, from| {
                let groups = from..(from + CHUNK_GROUPS).min(flows.groups());
                progress.advance(groups.len() as u64);
                let mut forecasts = Vec::new();
                let series: Result<Vec<Series>> = groups
                    .map(|g| {
                        progress.check()?;
                        let cells = flows.of(g);
                        if self.expanding {
                            for t in 0..facts.periods {
                                progress.check()?;
                                forecasts.push(if t < self.min_periods {
                                    (f64::NAN, f64::NAN)
                                } else {
                                    let past = Series::fit(cells, t, &facts, buffers);
                                    (past.expected(t), past.z(t, flows.value(g, t as u32), &facts))
                                });
                            }
                        }
                        Ok(Series::fit(cells, facts.periods, &facts, buffers))
                    })
                    .collect();
                Ok((series?, forecasts))
            })
            .collect();
        let (mut series, mut forecasts) = (Vec::new(), Vec::new());
        for (some, more) in made? {
            series.extend(some);
            forecasts.extend(more);
        }
        let mut model = Model {
            settings: self.clone(),
            flows,
            facts,
            series,
            forecasts,
            tails: [Tails::default(), Tails::default()],
            shifts: Vec::new(),
        };
        model.learn_tails(progress)?;
        model.shifts = progress.each(0..model.series.len(), 256, |g| model.level_shift(g))?;
        Ok(model)
    }
}

/// The variance of the sizes of records, relative to the square of their mean, as for a lognormal. It is estimated from
/// cells of one record, compared with the median of their flow.
fn size_variance(flows: &Flows, progress: &Progress) -> Result<f64> {
    let mut keys: Vec<i64> = Vec::new();
    let mut middle: Vec<i64> = Vec::new();
    let step = flows.cells.len().div_ceil(LEARN_FROM).max(1);
    for g in (0..flows.groups()).step_by(step) {
        progress.check()?;
        let single = || flows.of(g).iter().filter(|c| c.records == 1 && c.value > 0.0).map(|c| ln(c.value));
        middle.clear();
        middle.extend(single().map(encode));
        if middle.len() >= 5 {
            let centre = OrderStatistics::new(&mut middle, false).median().unwrap_or(0.0);
            keys.extend(single().map(|x| encode((x - centre).abs())));
        }
    }
    let spread = MAD_K * OrderStatistics::new(&mut keys, false).median().unwrap_or(0.7);
    Ok((libm::exp(spread * spread) - 1.0).clamp(0.1, 20.0))
}

impl Model {
    /// Whether a flow has a row in every period, or only in periods with records.
    fn in_every_period(&self, group: usize) -> bool {
        self.facts.additive && !self.series[group].sparse
    }

    /// The z of a value in a period of the fit or after it.
    fn z(&self, group: usize, t: usize, y: f64) -> f64 {
        match self.forecasts.get(group * self.facts.periods + t) {
            Some(forecast) if self.settings.expanding && t < self.facts.periods => forecast.1,
            _ => self.series[group].z(t, y, &self.facts),
        }
    }

    fn expected(&self, group: usize, t: usize) -> f64 {
        match self.forecasts.get(group * self.facts.periods + t) {
            Some(forecast) if self.settings.expanding && t < self.facts.periods => forecast.0,
            _ => self.series[group].expected(t),
        }
    }

    /// Replaces the values of some periods by their z.
    fn standardise(&self, group: usize, periods: impl Iterator<Item = usize>, values: &mut [f64]) {
        if self.settings.expanding {
            values.iter_mut().zip(periods).for_each(|(y, t)| *y = self.z(group, t, *y));
        } else {
            self.series[group].standardise(periods, values, &self.facts);
        }
    }

    fn learn_tails(&mut self, progress: &Progress) -> Result<()> {
        let n = self.facts.periods;
        let counts = (0..self.flows.groups())
            .into_par_iter()
            .with_min_len(1 << 8)
            .fold(
                || ([ScoreHistogram::default(), ScoreHistogram::default()], Vec::new()),
                |(mut counts, mut values), g| {
                    if progress.stopped() {
                        return (counts, values);
                    }
                    let cells = self.flows.of(g);
                    values.clear();
                    if self.in_every_period(g) {
                        values.resize(n, 0.0);
                        lay_out(cells, &mut values);
                        self.standardise(g, 0..n, &mut values);
                    } else {
                        values.extend(cells.iter().map(|c| c.value));
                        self.standardise(g, cells.iter().map(|c| c.at as usize), &mut values);
                    }
                    let class = counts[usize::from(self.series[g].sparse)].of(n as u32);
                    values.iter().filter(|z| !z.is_nan()).for_each(|&z| class.add(z));
                    (counts, values)
                },
            )
            .map(|(counts, _)| counts)
            .reduce(|| [ScoreHistogram::default(), ScoreHistogram::default()], |[a, b], [c, d]| [a.plus(c), b.plus(d)]);
        progress.check()?;
        self.tails = counts.map(|c| c.tails());
        Ok(())
    }

    fn tail(&self, group: usize) -> &Tails {
        &self.tails[usize::from(self.series[group].sparse)]
    }

    /// By the tails of all flows; at least the p-value of the normal.
    fn p_value(&self, group: usize, z: f64) -> f64 {
        self.tail(group).p_value_or_normal(z, self.facts.periods as u32)
    }

    /// The shift of a flow. Its p-value accounts for the choice among all dates.
    fn level_shift(&self, group: usize) -> Option<LevelShift> {
        if self.settings.expanding {
            return None;
        }
        let shift = self.series[group].base.shift?;
        let freedom = (self.facts.periods as f64 / 3.0).max(3.0);
        let p = (student_t_two_sided(shift.z, freedom) * self.facts.periods as f64).min(1.0);
        Some(LevelShift { at: shift.at, z: shift.z, p: p.max(self.p_value(group, shift.z)) })
    }
}

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
                series::Form::Log { .. } => "log",
                series::Form::Root { .. } => "root",
                series::Form::Plain => "plain",
            })
        });
        columns.push(("form".into(), Arc::new(form.collect::<StringViewArray>())));
        table(columns, self.flows.groups())
    }
}
