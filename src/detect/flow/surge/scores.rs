//! The scores: one row for each flow and period. The p-value of a flow is on the row that its test points to.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array};
use arrow::datatypes::{DataType, Field};

use super::flow_test::{FlowTest, flow_tests};
use super::model::{DOUBTFUL, LevelShift, Model};
use super::rows::{NotScored, Rows};
use super::series::Series;
use crate::error::Result;
use crate::evidence::wording::{as_much, figure};
use crate::evidence::{Cautions, Evidence, PARALLEL_ROWS, Reader, ScoreColumn, Verdicts};
use crate::flows::Flows;
use crate::progress::Progress;

/// Periods closer to the baseline than this, in scales, have no kind.
const NAMED: f64 = 3.5;
/// A level at or below this share of the one before is a collapse.
const COLLAPSED: f64 = 0.1;

pub struct SurgeScores {
    rows: Rows,
    /// The tests of each flow: of the fitted periods and of later ones.
    tests: Vec<[Option<FlowTest>; 2]>,
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
    /// The p-value of the flow, if its test points to this row. Otherwise NaN.
    p_value: f64,
    expected: f64,
    shift: Option<LevelShift>,
}

impl SurgeScores {
    /// `known` is the number of each flow in the fit.
    pub fn new(
        model: Arc<Model>,
        flows: Arc<Flows>,
        known: Vec<Option<u32>>,
        progress: &Progress,
    ) -> Result<SurgeScores> {
        let rows = Rows::new(model, flows, known, progress)?;
        let tests = flow_tests(&rows, progress)?;
        Ok(SurgeScores { rows, tests })
    }

    /// The test of a row's flow, if it points to this row.
    fn test(&self, at: usize) -> Option<FlowTest> {
        self.tests[self.rows.groups[at] as usize].into_iter().flatten().find(|test| test.row == at)
    }

    /// The shift that begins in the period of a row, if it is shown or the flow's test points to it.
    fn shift(&self, at: usize, flow: usize, period: usize) -> Option<LevelShift> {
        let shift = self.rows.model.shifts[flow].filter(|s| s.at == period)?;
        (shift.shown() || self.test(at).is_some_and(|test| test.shifted)).then_some(shift)
    }

    /// The z of a row; NaN if it is not scored.
    fn z(&self, at: usize) -> f64 {
        let Ok((flow, period)) = self.rows.in_fit(at) else { return f64::NAN };
        let z = self.rows.z[at];
        self.shift(at, flow, period).filter(|_| !z.is_nan()).map_or(z, |s| s.z)
    }

    fn finding(&self, at: usize, observed: f64) -> std::result::Result<Finding, NotScored> {
        let (flow, period) = self.rows.in_fit(at)?;
        let z = self.rows.z[at];
        if z.is_nan() {
            return Err(if observed.is_nan() { NotScored::ValueMissing } else { NotScored::TooFewPeriodsBefore });
        }
        let (shift, series) = (self.shift(at, flow, period), &self.rows.model.series[flow]);
        let p_value = self.test(at).map_or(f64::NAN, |test| test.p_value);
        let expected = match shift {
            // The baseline of a sparse flow is a median, which is often 0.
            Some(shift) if series.sparse => shift.before,
            Some(_) => series.unshifted(period),
            None => self.rows.model.expected(flow, period),
        };
        Ok(Finding { flow, period, z: shift.map_or(z, |s| s.z), p_value, expected, shift })
    }

    fn series(&self, finding: &Finding) -> &Series {
        &self.rows.model.series[finding.flow]
    }

    /// The shift of a row's flow, if it is shown.
    fn shown_shift(&self, verdict: &PeriodVerdict) -> Option<LevelShift> {
        self.rows.model.shifts[verdict.flow?].filter(LevelShift::shown)
    }

    /// The kind of the finding, if it is large enough.
    fn kind(&self, verdict: &PeriodVerdict) -> Option<&'static str> {
        let f = verdict.finding.as_ref().ok()?;
        Some(match (f.shift, f.z > 0.0) {
            (Some(shift), _) if shift.p > DOUBTFUL => return None,
            (Some(shift), false) if shift.after <= COLLAPSED * shift.before => "collapse",
            (Some(_), _) => "shift",
            (None, _) if f.z.abs() < NAMED => return None,
            (None, true) => "spike",
            (None, false) => "dip",
        })
    }

    fn when(&self, at: usize) -> String {
        self.rows.model.settings.spec.every.text(self.rows.flows.periods[self.rows.periods[at] as usize])
    }
}

impl Verdicts for SurgeScores {
    type Verdict = PeriodVerdict;

    fn detector(&self) -> &'static str {
        "Surge"
    }

    fn subjects(&self) -> usize {
        self.rows.z.len()
    }

    fn verdict(&self, at: usize) -> PeriodVerdict {
        let observed = self.rows.observed(at);
        let flow = self.rows.in_fit(at).ok().map(|(flow, _)| flow);
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
            ScoreColumn::Peers => self.rows.model.facts.periods as f64,
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
            ScoreColumn::Observed => Some(progress.each(range, PARALLEL_ROWS, |at| self.rows.observed(at))?),
            _ => None,
        })
    }

    fn peer(&self, _at: usize, verdict: &PeriodVerdict) -> Option<String> {
        verdict.finding.as_ref().ok()?;
        let every = self.rows.model.settings.spec.every;
        let (periods, n) = (&self.rows.model.flows.periods, self.rows.model.facts.periods);
        Some(format!("its own {}s from {} to {}", every.name(), every.text(periods[0]), every.text(periods[n - 1])))
    }

    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_, PeriodVerdict>> {
        Ok(Box::new(|_, verdict: &PeriodVerdict| {
            let f = verdict.finding.as_ref().ok()?;
            let series = self.series(f);
            if series.sparse && f.shift.is_none() {
                return Some(format!(
                    "the flow has no records in most {}s: only {} of {} have some",
                    self.rows.model.settings.spec.every.name(),
                    series.active,
                    self.rows.model.facts.periods
                ));
            }
            // The last period of a file is often incomplete.
            let last = f.period + 1 == self.rows.model.facts.periods;
            (last && self.rows.model.facts.additive && f.z < -NAMED)
                .then(|| "the last period of the data may be incomplete".into())
        }))
    }

    fn reason(&self, at: usize, verdict: &PeriodVerdict) -> String {
        let measure = &self.rows.model.settings.spec.measure;
        let (observed, f) = match &verdict.finding {
            Ok(finding) => (verdict.observed, finding),
            Err(NotScored::NotFitted) => return "not scored: this flow was not fitted".into(),
            Err(NotScored::BeforeTheFit) => return "not scored: before the first period fitted".into(),
            Err(NotScored::ValueMissing) => return format!("not scored: {measure} is missing"),
            Err(NotScored::TooFewPeriodsBefore) => {
                return format!(
                    "not scored: fewer than min_periods={} before it",
                    self.rows.model.settings.min_periods
                );
            }
        };
        if let Some(LevelShift { before, after, p, .. }) = f.shift {
            let ratio =
                if before > 0.0 && after > 0.0 { format!(", {}", as_much(after / before)) } else { String::new() };
            let mean = if self.series(f).sparse { "mean" } else { "level" };
            let what = if p <= DOUBTFUL { "shifted" } else { "may have shifted" };
            let (every, months) =
                (self.rows.model.settings.spec.every.name(), self.rows.model.facts.periods - f.period);
            return format!(
                "the {mean} of {measure} {what} from {} to {}{ratio}, in the {months} {every}{} from {} to {} ({} standard \
                 errors)",
                figure(before),
                figure(after),
                if months == 1 { "" } else { "s" },
                self.when(at),
                self.rows.last_fitted(),
                figure(f.z.abs())
            );
        }
        let ratio = if f.expected > 0.0 && observed > 0.0 {
            format!(", {}", as_much(observed / f.expected))
        } else {
            String::new()
        };
        let by =
            if self.rows.model.settings.expanding { "from the periods before" } else { "from its level and season" };
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
            Ok(f) if self.rows.model.facts.additive => (verdict.observed - f.expected).abs(),
            _ => f64::NAN,
        }
    }

    fn keys(&self) -> Vec<Field> {
        let mut fields = self.rows.flows.group_keys.fields();
        fields.push(Field::new("period", DataType::Date32, false));
        fields
    }

    fn key(&self, column: usize, range: Range<usize>) -> Result<ArrayRef> {
        if column == self.rows.flows.group_keys.keys.len() {
            let days = self.rows.periods[range].iter().map(|&at| self.rows.flows.periods[at as usize]);
            return Ok(Arc::new(Date32Array::from_iter_values(days)));
        }
        self.rows.flows.group_keys.labels_of(column, &self.rows.groups[range])
    }

    fn evidence(&self) -> Vec<Evidence<Self>> {
        vec![
            Evidence { name: "kind", read: Reader::Text(|s, _, verdict| s.kind(verdict).map(str::to_owned)) },
            Evidence {
                name: "shift",
                read: Reader::Day(|s, _, verdict| {
                    s.shown_shift(verdict).map(|shift| s.rows.model.flows.periods[shift.at])
                }),
            },
            Evidence {
                name: "before",
                read: Reader::Number(|s, _, verdict| s.shown_shift(verdict).map_or(f64::NAN, |shift| shift.before)),
            },
            Evidence {
                name: "after",
                read: Reader::Number(|s, _, verdict| s.shown_shift(verdict).map_or(f64::NAN, |shift| shift.after)),
            },
        ]
    }

    fn subject(&self, at: usize) -> String {
        format!("{}, {}", self.rows.flows.group_keys.name(self.rows.groups[at] as usize), self.when(at))
    }

    /// The records of the period; for a shift, those of all fitted periods from there on.
    fn rows(&self, at: usize, verdict: &PeriodVerdict) -> Result<Vec<u32>> {
        let (group, period) = (self.rows.groups[at] as usize, self.rows.periods[at]);
        let shifted = verdict.finding.as_ref().is_ok_and(|f| f.shift.is_some());
        let last = if shifted { self.rows.last_of_fit() } else { period };
        Ok(self.rows.flows.rows_within(group, (period, last)))
    }
}
