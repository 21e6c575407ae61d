//! The scores: one row for each flow and period.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array};
use arrow::datatypes::{DataType, Field};
use rayon::prelude::*;

use super::model::{CHUNK_GROUPS, LevelShift, Model};
use super::series::Series;
use crate::error::Result;
use crate::evidence::wording::{as_much, figure};
use crate::evidence::{Cautions, Evidence, PARALLEL_ROWS, Reader, ScoreColumn, Verdicts};
use crate::flows::{Flows, lay_out};
use crate::progress::Progress;

/// Periods closer to the baseline than this, in scales, have no kind.
const NAMED: f64 = 3.5;
/// Shifts with a larger p-value have no kind.
const DOUBTFUL: f64 = 0.02;
/// A level at or below this share of the one before is a collapse.
const COLLAPSED: f64 = 0.1;

pub struct SurgeScores {
    model: Arc<Model>,
    flows: Arc<Flows>,
    /// The number of each flow in the fit.
    known: Vec<Option<u32>>,
    /// Periods from the first one fitted to the first one here; negative if these begin earlier.
    offset: i64,
    /// The flow, the period and the z of each row; NaN if there is none.
    groups: Vec<u32>,
    periods: Vec<u32>,
    z: Vec<f64>,
}

/// The result for a flow in a period.
pub struct PeriodVerdict {
    observed: f64,
    /// The number of the flow in the fit, if the period was fitted or comes later.
    flow: Option<usize>,
    finding: std::result::Result<Finding, NotScored>,
}

/// The shift of the flow if it begins in this period, else the period itself.
#[derive(Clone, Copy)]
pub struct Finding {
    /// The flow and the period in the fit.
    flow: usize,
    period: usize,
    z: f64,
    p_value: f64,
    expected: f64,
    shifted: bool,
}

#[derive(Clone, Copy)]
pub enum NotScored {
    NotFitted,
    BeforeTheFit,
    ValueMissing,
    TooFewPeriodsBefore,
}

impl SurgeScores {
    /// `known` is the number of each flow in the fit.
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
                scores.fill_rows(g, &mut periods[own.clone()], &mut z[own.clone()]);
                from = own.end;
            }
        });
        progress.check()?;
        (scores.groups, scores.periods, scores.z) = (groups, periods, z);
        Ok(scores)
    }

    /// The number of rows of a flow.
    fn rows_of(&self, group: usize) -> usize {
        if self.in_every_period(group) {
            self.flows.periods.len()
        } else {
            self.flows.of(group).len() + usize::from(self.shift_without_record(group).is_some())
        }
    }

    /// Whether a flow has a row in every period, or only in periods with records.
    fn in_every_period(&self, group: usize) -> bool {
        self.known[group].is_some_and(|k| self.model.in_every_period(k as usize))
    }

    /// The period of the shift of a sparse flow, if it has no record in that period.
    fn shift_without_record(&self, group: usize) -> Option<u32> {
        let at = self.model.shifts[self.known[group]? as usize]?.at as i64 - self.offset;
        let at = u32::try_from(at).ok().filter(|&at| (at as usize) < self.flows.periods.len())?;
        self.flows.find(group, at).is_none().then_some(at)
    }

    /// The rows of a flow: every period, or periods with records and the period of a shift.
    fn fill_rows(&self, group: usize, periods: &mut [u32], z: &mut [f64]) {
        let cells = self.flows.of(group);
        if self.in_every_period(group) {
            (0..).zip(periods.iter_mut()).for_each(|(t, period)| *period = t);
            lay_out(cells, z);
        } else {
            let shift = self.shift_without_record(group);
            let before = cells.partition_point(|c| shift.is_none_or(|at| c.at < at));
            let own = cells[..before].iter().map(|c| c.at).chain(shift).chain(cells[before..].iter().map(|c| c.at));
            periods.iter_mut().zip(own).for_each(|(period, at)| *period = at);
            z.iter_mut().zip(&*periods).for_each(|(z, &at)| *z = self.flows.value(group, at));
        }
        // Periods before the fitted ones have no z.
        let fitted = |at: u32| i64::from(at) + self.offset;
        let early = self.known[group].map_or(z.len(), |_| periods.partition_point(|&at| fitted(at) < 0));
        z[..early].fill(f64::NAN);
        if let Some(known) = self.known[group] {
            let later = periods[early..].iter().map(|&at| fitted(at) as usize);
            self.model.standardise(known as usize, later, &mut z[early..]);
        }
    }

    fn observed(&self, at: usize) -> f64 {
        self.flows.value(self.groups[at] as usize, self.periods[at])
    }

    /// The numbers of the flow and of the period in the fit, if they were fitted or come later.
    fn in_fit(&self, at: usize) -> std::result::Result<(usize, usize), NotScored> {
        let flow = self.known[self.groups[at] as usize].ok_or(NotScored::NotFitted)? as usize;
        let period = usize::try_from(i64::from(self.periods[at]) + self.offset);
        Ok((flow, period.map_err(|_| NotScored::BeforeTheFit)?))
    }

    /// The shift of a flow, if it begins in this period.
    fn shift(&self, flow: usize, period: usize) -> Option<LevelShift> {
        self.model.shifts[flow].filter(|s| s.at == period)
    }

    /// The z of a row; NaN if it is not scored.
    fn z(&self, at: usize) -> f64 {
        let Ok((flow, period)) = self.in_fit(at) else { return f64::NAN };
        let z = self.z[at];
        self.shift(flow, period).filter(|_| !z.is_nan()).map_or(z, |s| s.z)
    }

    fn finding(&self, at: usize, observed: f64) -> std::result::Result<Finding, NotScored> {
        let (flow, period) = self.in_fit(at)?;
        let z = self.z[at];
        if z.is_nan() {
            return Err(if observed.is_nan() { NotScored::ValueMissing } else { NotScored::TooFewPeriodsBefore });
        }
        Ok(match self.shift(flow, period) {
            Some(shift) => {
                let expected = self.model.series[flow].unshifted(period);
                Finding { flow, period, z: shift.z, p_value: shift.p, expected, shifted: true }
            }
            None => {
                let (p_value, expected) = (self.model.p_value(flow, z), self.model.expected(flow, period));
                Finding { flow, period, z, p_value, expected, shifted: false }
            }
        })
    }

    fn series(&self, finding: &Finding) -> &Series {
        &self.model.series[finding.flow]
    }

    /// The series of a row's flow, and the first period of its shift, if it has one.
    fn shifted(&self, verdict: &PeriodVerdict) -> Option<(&Series, usize)> {
        let flow = verdict.flow?;
        Some((&self.model.series[flow], self.model.shifts[flow]?.at))
    }

    /// The kind of the finding, if it is large enough.
    fn kind(&self, verdict: &PeriodVerdict) -> Option<&'static str> {
        let f = verdict.finding.as_ref().ok()?;
        let series = self.series(f);
        Some(match (f.shifted, f.z > 0.0) {
            (true, _) if f.p_value > DOUBTFUL => return None,
            (true, false) if series.after <= COLLAPSED * series.before => "collapse",
            (true, _) => "shift",
            (false, _) if f.z.abs() < NAMED => return None,
            (false, true) => "spike",
            (false, false) => "dip",
        })
    }

    fn when(&self, at: usize) -> String {
        self.model.settings.spec.every.text(self.flows.periods[self.periods[at] as usize])
    }
}

impl Verdicts for SurgeScores {
    type Verdict = PeriodVerdict;

    fn detector(&self) -> &'static str {
        "Surge"
    }

    fn subjects(&self) -> usize {
        self.z.len()
    }

    fn verdict(&self, at: usize) -> PeriodVerdict {
        let observed = self.observed(at);
        let flow = self.in_fit(at).ok().map(|(flow, _)| flow);
        PeriodVerdict { observed, flow, finding: self.finding(at, observed) }
    }

    fn value(&self, column: ScoreColumn, _at: usize, verdict: &PeriodVerdict) -> f64 {
        if column == ScoreColumn::Observed {
            return verdict.observed;
        }
        let Ok(f) = &verdict.finding else { return f64::NAN };
        match column {
            ScoreColumn::Score => f.z.abs(),
            ScoreColumn::PValue => f.p_value,
            ScoreColumn::Direction => f.z,
            ScoreColumn::Expected => f.expected,
            ScoreColumn::Peers => self.model.facts.periods as f64,
            ScoreColumn::Observed => verdict.observed,
        }
    }

    /// The z of each row is stored. p-values and expected values take longer.
    fn values_directly(
        &self,
        column: ScoreColumn,
        range: Range<usize>,
        progress: &Progress,
    ) -> Result<Option<Vec<f64>>> {
        Ok(match column {
            ScoreColumn::Score => Some(progress.each(range, PARALLEL_ROWS, |at| self.z(at).abs())?),
            ScoreColumn::Direction => Some(progress.each(range, PARALLEL_ROWS, |at| self.z(at))?),
            ScoreColumn::Observed => Some(progress.each(range, PARALLEL_ROWS, |at| self.observed(at))?),
            _ => None,
        })
    }

    fn peer(&self, _at: usize, verdict: &PeriodVerdict) -> Option<String> {
        verdict.finding.as_ref().ok()?;
        let every = self.model.settings.spec.every;
        let (periods, n) = (&self.model.flows.periods, self.model.facts.periods);
        Some(format!("its own {}s from {} to {}", every.name(), every.text(periods[0]), every.text(periods[n - 1])))
    }

    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_, PeriodVerdict>> {
        Ok(Box::new(|_, verdict: &PeriodVerdict| {
            let f = verdict.finding.as_ref().ok()?;
            let series = self.series(f);
            if series.sparse && !f.shifted {
                return Some(format!(
                    "the flow has no records in most {}s: only {} of {} have some",
                    self.model.settings.spec.every.name(),
                    series.active,
                    self.model.facts.periods
                ));
            }
            // The last period of a file is often incomplete.
            let last = f.period + 1 == self.model.facts.periods;
            (last && self.model.facts.additive && f.z < -NAMED)
                .then(|| "the last period of the data may be incomplete".into())
        }))
    }

    fn reason(&self, at: usize, verdict: &PeriodVerdict) -> String {
        let measure = &self.model.settings.spec.measure;
        let (observed, f) = match &verdict.finding {
            Ok(finding) => (verdict.observed, finding),
            Err(NotScored::NotFitted) => return "not scored: this flow was not fitted".into(),
            Err(NotScored::BeforeTheFit) => return "not scored: before the first period fitted".into(),
            Err(NotScored::ValueMissing) => return format!("not scored: {measure} is missing"),
            Err(NotScored::TooFewPeriodsBefore) => {
                return format!("not scored: fewer than min_periods={} before it", self.model.settings.min_periods);
            }
        };
        if f.shifted {
            let Series { before, after, .. } = *self.series(f);
            let ratio =
                if before > 0.0 && after > 0.0 { format!(", {}", as_much(after / before)) } else { String::new() };
            return format!(
                "the level of {measure} shifted from {} to {}{ratio}, in {} and for the {} periods since ({} standard errors)",
                figure(before),
                figure(after),
                self.when(at),
                self.model.facts.periods - f.period,
                figure(f.z.abs())
            );
        }
        let ratio = if f.expected > 0.0 && observed > 0.0 {
            format!(", {}", as_much(observed / f.expected))
        } else {
            String::new()
        };
        let by = if self.model.settings.expanding { "from the periods before" } else { "from its level and season" };
        format!(
            "{measure} {} in {} where {} was expected {by}{ratio} (robust z {})",
            figure(observed),
            self.when(at),
            figure(f.expected),
            figure(f.z.abs())
        )
    }

    fn at_stake(&self, _at: usize, verdict: &PeriodVerdict) -> f64 {
        match &verdict.finding {
            Ok(f) if self.model.facts.additive => (verdict.observed - f.expected).abs(),
            _ => f64::NAN,
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

    fn evidence(&self) -> Vec<Evidence<Self>> {
        vec![
            Evidence { name: "kind", read: Reader::Text(|s, _, verdict| s.kind(verdict).map(str::to_owned)) },
            Evidence {
                name: "shift",
                read: Reader::Day(|s, _, verdict| s.shifted(verdict).map(|(_, at)| s.model.flows.periods[at])),
            },
            Evidence {
                name: "before",
                read: Reader::Number(|s, _, verdict| s.shifted(verdict).map_or(f64::NAN, |(series, _)| series.before)),
            },
            Evidence {
                name: "after",
                read: Reader::Number(|s, _, verdict| s.shifted(verdict).map_or(f64::NAN, |(series, _)| series.after)),
            },
        ]
    }

    fn subject(&self, at: usize) -> String {
        format!("{}, {}", self.flows.group_keys.name(self.groups[at] as usize), self.when(at))
    }

    /// The records of the period; for a shift, all records from there on.
    fn rows(&self, at: usize, verdict: &PeriodVerdict) -> Result<Vec<u32>> {
        let (group, period) = (self.groups[at] as usize, self.periods[at]);
        let shifted = verdict.finding.as_ref().is_ok_and(|f| f.shifted);
        Ok(self.flows.rows_within(group, (period, if shifted { u32::MAX } else { period })))
    }
}
