//! A row a flow and period.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Float64Array, StringViewArray};
use arrow::datatypes::{DataType, Field};
use rayon::prelude::*;

use super::{CHUNK_GROUPS, Model, Turn};
use crate::error::Result;
use crate::evidence::wording::{as_much, figure};
use crate::evidence::{Cautions, SHARE, ScoreColumn, Scores};
use crate::flows::{Flows, lay_out};
use crate::progress::Progress;

/// Below this many spreads a period is nothing to name.
const NAMED: f64 = 3.5;
/// A shift with a larger p-value is none to name.
const DOUBTFUL: f64 = 0.02;
/// A level below this share of the one before is a collapse.
const COLLAPSED: f64 = 0.1;

pub struct SurgeScores {
    model: Arc<Model>,
    flows: Arc<Flows>,
    /// For each flow here its number in the fit.
    known: Vec<Option<u32>>,
    /// Periods from the first one fitted to the first one here; negative where these begin earlier.
    offset: i64,
    /// Of each row its flow and period, and how far out its value is; NaN where that cannot be told.
    groups: Vec<u32>,
    periods: Vec<u32>,
    z: Vec<f64>,
}

struct Verdict {
    /// The flow and the period of the fit.
    g: usize,
    t: usize,
    z: f64,
    shift: Option<Turn>,
}

impl SurgeScores {
    /// `known`: for each flow here its number in the fit.
    pub fn new(
        model: Arc<Model>,
        flows: Arc<Flows>,
        known: Vec<Option<u32>>,
        progress: &Progress,
    ) -> Result<SurgeScores> {
        let (first, here) = (model.flows.periods[0], flows.periods[0]);
        let every = model.settings.spec.every;
        let offset = if here >= first {
            every.range(first, here).len() as i64 - 1
        } else {
            1 - every.range(here, first).len() as i64
        };
        let (groups, periods, z) = (Vec::new(), Vec::new(), Vec::new());
        let mut scores = SurgeScores { model, flows, known, offset, groups, periods, z };
        let all = 0..scores.flows.groups();
        let lengths = progress.each(all.clone(), CHUNK_GROUPS, |g| scores.rows_of(g))?;
        let many = lengths.iter().sum();
        let (mut groups, mut periods, mut z) = (vec![0; many], vec![0; many], vec![0.0; many]);
        let mut runs = Vec::new();
        let mut rest = (&mut groups[..], &mut periods[..], &mut z[..]);
        for from in all.clone().step_by(CHUNK_GROUPS) {
            let some = from..(from + CHUNK_GROUPS).min(all.end);
            let cut = lengths[some.clone()].iter().sum();
            let (group, period, z) = (rest.0.split_at_mut(cut), rest.1.split_at_mut(cut), rest.2.split_at_mut(cut));
            runs.push((some, group.0, period.0, z.0));
            rest = (group.1, period.1, z.1);
        }
        runs.into_par_iter().for_each(|(some, groups, periods, z)| {
            let mut from = 0;
            for g in some.take_while(|_| !progress.stopped()) {
                let own = from..from + lengths[g];
                groups[own.clone()].fill(g as u32);
                scores.draw(g, &mut periods[own.clone()], &mut z[own.clone()]);
                from = own.end;
            }
        });
        progress.check()?;
        (scores.groups, scores.periods, scores.z) = (groups, periods, z);
        Ok(scores)
    }

    fn rows_of(&self, group: usize) -> usize {
        if self.whole(group) {
            self.flows.periods.len()
        } else {
            self.flows.of(group).len() + usize::from(self.restful_shift(group).is_some())
        }
    }

    fn whole(&self, group: usize) -> bool {
        self.known[group].is_some_and(|k| self.model.whole(k as usize))
    }

    /// The period in which a flow that mostly rests shifted, where it has no record then.
    fn restful_shift(&self, group: usize) -> Option<u32> {
        let at = self.model.shifts[self.known[group]? as usize]?.at as i64 - self.offset;
        let at = u32::try_from(at).ok().filter(|&at| (at as usize) < self.flows.periods.len())?;
        self.flows.find(group, at).is_none().then_some(at)
    }

    /// The rows of a flow: every period, or those with records and that of a shift.
    fn draw(&self, group: usize, periods: &mut [u32], z: &mut [f64]) {
        let cells = self.flows.of(group);
        if self.whole(group) {
            (0..).zip(periods.iter_mut()).for_each(|(t, period)| *period = t);
            lay_out(cells, z);
        } else {
            let shift = self.restful_shift(group);
            let before = cells.partition_point(|c| shift.is_none_or(|at| c.at < at));
            let own = cells[..before].iter().map(|c| c.at).chain(shift).chain(cells[before..].iter().map(|c| c.at));
            periods.iter_mut().zip(own).for_each(|(period, at)| *period = at);
            z.iter_mut().zip(&*periods).for_each(|(z, &at)| *z = self.flows.value(group, at));
        }
        // Periods before those fitted have no z.
        let place = |at: u32| i64::from(at) + self.offset;
        let early = self.known[group].map_or(z.len(), |_| periods.partition_point(|&at| place(at) < 0));
        z[..early].fill(f64::NAN);
        if let Some(known) = self.known[group] {
            let later = periods[early..].iter().map(|&at| place(at) as usize);
            self.model.measure(known as usize, later, &mut z[early..]);
        }
    }

    /// The flow's number in the fit and the period's, where they were fitted or come after.
    fn place(&self, at: usize) -> Option<(usize, usize)> {
        let t = i64::from(self.periods[at]) + self.offset;
        Some((self.known[self.groups[at] as usize]? as usize, usize::try_from(t).ok()?))
    }

    fn observed(&self, at: usize) -> f64 {
        self.flows.value(self.groups[at] as usize, self.periods[at])
    }

    /// What is judged of a row, if anything: its flow's shift or the period itself.
    fn verdict(&self, at: usize) -> Option<Verdict> {
        let (g, t) = self.place(at)?;
        let z = self.z[at];
        let shift = self.model.shifts[g].filter(|s| s.at == t);
        (!z.is_nan()).then_some(Verdict { g, t, z: shift.map_or(z, |s| s.z), shift })
    }

    fn p_value(&self, v: &Verdict) -> f64 {
        v.shift.map_or_else(|| self.model.p_value(v.g, v.z), |s| s.p)
    }

    fn kind(&self, at: usize) -> Option<&'static str> {
        let v = self.verdict(at)?;
        let series = &self.model.series[v.g];
        let (z, shift) = (v.z, v.shift.is_some());
        Some(match (shift, z > 0.0) {
            (true, _) if self.p_value(&v) > DOUBTFUL => return None,
            (true, false) if series.after <= COLLAPSED * series.before => "collapse",
            (true, _) => "shift",
            (false, _) if z.abs() < NAMED => return None,
            (false, true) => "spike",
            (false, false) => "dip",
        })
    }

    fn when(&self, at: usize) -> String {
        self.model.settings.spec.every.text(self.flows.periods[self.periods[at] as usize])
    }
}

impl Scores for SurgeScores {
    fn detector(&self) -> &'static str {
        "Surge"
    }

    fn len(&self) -> usize {
        self.z.len()
    }

    fn value(&self, column: ScoreColumn, at: usize) -> f64 {
        if column == ScoreColumn::Observed {
            return self.observed(at);
        }
        let Some(v) = self.verdict(at) else { return f64::NAN };
        match column {
            ScoreColumn::Score => v.z.abs(),
            ScoreColumn::PValue => self.p_value(&v),
            ScoreColumn::Direction => v.z,
            ScoreColumn::Expected if v.shift.is_some() => self.model.series[v.g].unshifted(v.t),
            ScoreColumn::Expected => self.model.expected(v.g, v.t),
            ScoreColumn::Peers => self.model.ground.periods as f64,
            ScoreColumn::Observed => f64::NAN,
        }
    }

    fn peer(&self, at: usize) -> Option<String> {
        self.verdict(at)?;
        let every = self.model.settings.spec.every;
        let (periods, n) = (&self.model.flows.periods, self.model.ground.periods);
        Some(format!("its own {}s from {} to {}", every.name(), every.text(periods[0]), every.text(periods[n - 1])))
    }

    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_>> {
        Ok(Box::new(|at: usize| {
            let v = self.verdict(at)?;
            let series = &self.model.series[v.g];
            if series.sparse && v.shift.is_none() {
                return Some(format!(
                    "the flow rests in most {}s: only {} of {} have records",
                    self.model.settings.spec.every.name(),
                    series.active,
                    self.model.ground.periods
                ));
            }
            // The last period of a file often ends before the calendar's.
            let last = v.t + 1 == self.model.ground.periods;
            (last && self.model.ground.additive && v.z < -NAMED)
                .then(|| "the last period of the data may be incomplete".into())
        }))
    }

    fn reason(&self, at: usize) -> String {
        let measure = &self.model.settings.spec.measure;
        let observed = self.observed(at);
        let Some((g, t)) = self.place(at) else {
            return if self.known[self.groups[at] as usize].is_none() {
                "not scored: this flow was not fitted".into()
            } else {
                "not scored: before the first period fitted".into()
            };
        };
        let Some(v) = self.verdict(at) else {
            return if observed.is_nan() {
                format!("not scored: {measure} is missing")
            } else {
                format!("not scored: fewer than min_periods={} before it", self.model.settings.min_periods)
            };
        };
        let series = &self.model.series[g];
        if v.shift.is_some() {
            let (before, after) = (series.before, series.after);
            let ratio =
                if before > 0.0 && after > 0.0 { format!(", {}", as_much(after / before)) } else { String::new() };
            return format!(
                "the level of {measure} shifted from {} to {}{ratio}, in {} and for the {} periods since ({} standard errors)",
                figure(before),
                figure(after),
                self.when(at),
                self.model.ground.periods - t,
                figure(v.z.abs())
            );
        }
        let expected = self.model.expected(g, t);
        let ratio = if expected > 0.0 && observed > 0.0 {
            format!(", {}", as_much(observed / expected))
        } else {
            String::new()
        };
        let by = if self.model.settings.expanding { "from the periods before" } else { "from its level and season" };
        format!(
            "{measure} {} in {} where {} was expected {by}{ratio} ({} spreads)",
            figure(observed),
            self.when(at),
            figure(expected),
            figure(v.z.abs())
        )
    }

    fn at_stake(&self, at: usize) -> f64 {
        if self.model.ground.additive {
            (self.observed(at) - self.value(ScoreColumn::Expected, at)).abs()
        } else {
            f64::NAN
        }
    }

    fn keys(&self) -> Vec<Field> {
        let mut fields = self.flows.group_keys.fields();
        fields.push(Field::new("period", DataType::Date32, false));
        fields
    }

    fn key(&self, column: usize, range: Range<usize>) -> Result<ArrayRef> {
        if column == self.flows.group_keys.keys.len() {
            let days = self.periods[range].iter().map(|&at| self.flows.periods[at as usize]);
            return Ok(Arc::new(Date32Array::from_iter_values(days)));
        }
        self.flows.group_keys.labels_of(column, &self.groups[range])
    }

    fn evidence(&self) -> Vec<Field> {
        vec![
            Field::new("kind", DataType::Utf8View, true),
            Field::new("shift", DataType::Date32, true),
            Field::new("before", DataType::Float64, true),
            Field::new("after", DataType::Float64, true),
        ]
    }

    fn evidence_column(&self, column: usize, range: Range<usize>, progress: &Progress) -> Result<ArrayRef> {
        let shifted = |at: usize| {
            let (g, _) = self.place(at)?;
            Some((g, self.model.shifts[g]?.at))
        };
        Ok(match column {
            0 => Arc::new(progress.each(range, SHARE, |at| self.kind(at))?.into_iter().collect::<StringViewArray>()),
            1 => {
                let day = |at: usize| Some(self.model.flows.periods[shifted(at)?.1]);
                Arc::new(progress.each(range, SHARE, day)?.into_iter().collect::<Date32Array>())
            }
            _ => {
                let level = |at: usize| {
                    let series = &self.model.series[shifted(at)?.0];
                    Some(if column == 2 { series.before } else { series.after })
                };
                Arc::new(progress.each(range, SHARE, level)?.into_iter().collect::<Float64Array>())
            }
        })
    }

    fn subject(&self, at: usize) -> String {
        format!("{}, {}", self.flows.group_keys.name(self.groups[at] as usize), self.when(at))
    }

    /// The records of the period; of a shift, all from there on.
    fn rows(&self, at: usize) -> Result<Vec<u32>> {
        let (group, period) = (self.groups[at] as usize, self.periods[at]);
        let shifted = self.verdict(at).is_some_and(|v| v.shift.is_some());
        Ok(self.flows.rows_within(group, (period, if shifted { u32::MAX } else { period })))
    }
}
