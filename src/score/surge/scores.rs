//! A row a flow and period.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Float64Array, StringViewArray};
use arrow::datatypes::{DataType, Field};
use rayon::prelude::*;

use super::{Model, STRETCH, Turn};
use crate::error::Result;
use crate::score::flows::Flows;
use crate::score::phrase::{as_much, number};
use crate::score::scores::{Number, Scores};

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
    lines: Vec<Line>,
}

struct Verdict {
    /// The flow and the period of the fit.
    g: usize,
    t: usize,
    z: f64,
    shift: Option<Turn>,
}

#[derive(Clone, Copy)]
struct Line {
    group: u32,
    at: u32,
    /// How far out its value is; NaN where that cannot be told.
    z: f64,
}

impl SurgeScores {
    /// `known`: for each flow here its number in the fit.
    pub fn new(model: Arc<Model>, flows: Arc<Flows>, known: Vec<Option<u32>>) -> SurgeScores {
        let (first, here) = (model.flows.periods[0], flows.periods[0]);
        let every = model.settings.ruler.every;
        let offset = if here >= first {
            every.range(first, here).len() as i64 - 1
        } else {
            1 - every.range(here, first).len() as i64
        };
        let mut scores = SurgeScores { model, flows, known, offset, lines: Vec::new() };
        let stretches: Vec<usize> = (0..scores.flows.groups()).step_by(STRETCH).collect();
        let made: Vec<Vec<Line>> = stretches
            .into_par_iter()
            .map_init(Vec::new, |values, from| {
                let mut lines = Vec::new();
                for g in from..(from + STRETCH).min(scores.flows.groups()) {
                    scores.draw(g, &mut lines, values);
                }
                lines
            })
            .collect();
        scores.lines = made.concat();
        scores
    }

    /// The lines of a flow.
    fn draw(&self, group: usize, lines: &mut Vec<Line>, values: &mut Vec<f64>) {
        let line = |at: u32| Line { group: group as u32, at, z: f64::NAN };
        let (first, cells) = (lines.len(), self.flows.of(group));
        let known = self.known[group].map(|k| k as usize);
        values.clear();
        if known.is_some_and(|k| self.model.whole(k)) {
            let periods = self.flows.periods.len();
            lines.extend((0..periods as u32).map(line));
            values.resize(periods, 0.0);
            cells.iter().for_each(|c| values[c.at as usize] = c.value);
        } else {
            // A flow that mostly rests: its records, and the period in which it shifted.
            let shift = known.and_then(|k| self.model.shifts[k]).map(|s| s.at as i64 - self.offset);
            let mut shift = shift.filter(|s| (0..self.flows.periods.len() as i64).contains(s)).map(|s| s as u32);
            for cell in cells {
                if let Some(at) = shift.filter(|&at| at <= cell.at) {
                    if at < cell.at {
                        lines.push(line(at));
                    }
                    shift = None;
                }
                lines.push(line(cell.at));
            }
            lines.extend(shift.map(line));
            values.extend(lines[first..].iter().map(|l| self.flows.value(group, l.at)));
        }
        let Some(known) = known else { return };
        // Periods before those fitted have no z.
        let early = lines[first..].partition_point(|l| i64::from(l.at) + self.offset < 0);
        let later = &mut lines[first + early..];
        let periods = later.iter().map(|l| (i64::from(l.at) + self.offset) as usize);
        self.model.measure(known, periods, &mut values[early..]);
        later.iter_mut().zip(&values[early..]).for_each(|(line, &z)| line.z = z);
    }

    /// The flow's number in the fit and the period's, where they were fitted or come after.
    fn place(&self, at: usize) -> Option<(usize, usize)> {
        let line = self.lines[at];
        let t = i64::from(line.at) + self.offset;
        Some((self.known[line.group as usize]? as usize, usize::try_from(t).ok()?))
    }

    fn observed(&self, at: usize) -> f64 {
        let line = self.lines[at];
        self.flows.value(line.group as usize, line.at)
    }

    /// What is judged of a row, if anything: its flow's shift or the period itself.
    fn verdict(&self, at: usize) -> Option<Verdict> {
        let (g, t) = self.place(at)?;
        let z = self.lines[at].z;
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
        self.model.settings.ruler.every.text(self.flows.periods[self.lines[at].at as usize])
    }
}

impl Scores for SurgeScores {
    fn detector(&self) -> &'static str {
        "Surge"
    }

    fn len(&self) -> usize {
        self.lines.len()
    }

    fn number(&self, what: Number, at: usize) -> f64 {
        if what == Number::Observed {
            return self.observed(at);
        }
        let Some(v) = self.verdict(at) else { return f64::NAN };
        match what {
            Number::Score => v.z.abs(),
            Number::PValue => self.p_value(&v),
            Number::Direction => v.z,
            Number::Expected if v.shift.is_some() => self.model.series[v.g].unshifted(v.t),
            Number::Expected => self.model.expected(v.g, v.t),
            Number::Peers => self.model.ground.periods as f64,
            Number::Observed => f64::NAN,
        }
    }

    fn peer(&self, at: usize) -> Option<String> {
        self.verdict(at)?;
        let every = self.model.settings.ruler.every;
        let (periods, n) = (&self.model.flows.periods, self.model.ground.periods);
        Some(format!("its own {}s from {} to {}", every.name(), every.text(periods[0]), every.text(periods[n - 1])))
    }

    fn caution(&self, at: usize) -> Option<String> {
        let v = self.verdict(at)?;
        let series = &self.model.series[v.g];
        if series.sparse && v.shift.is_none() {
            return Some(format!(
                "the flow rests in most {}s: only {} of {} have records",
                self.model.settings.ruler.every.name(),
                series.active,
                self.model.ground.periods
            ));
        }
        // The last period of a file often ends before the calendar's.
        let last = v.t + 1 == self.model.ground.periods;
        (last && self.model.ground.additive && v.z < -NAMED)
            .then(|| "the last period of the data may be incomplete".into())
    }

    fn reason(&self, at: usize) -> String {
        let measure = &self.model.settings.ruler.measure;
        let observed = self.observed(at);
        let Some((g, t)) = self.place(at) else {
            return if self.known[self.lines[at].group as usize].is_none() {
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
                number(before),
                number(after),
                self.when(at),
                self.model.ground.periods - t,
                number(v.z.abs())
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
            number(observed),
            self.when(at),
            number(expected),
            number(v.z.abs())
        )
    }

    fn at_stake(&self, at: usize) -> f64 {
        if self.model.ground.additive {
            (self.observed(at) - self.number(Number::Expected, at)).abs()
        } else {
            f64::NAN
        }
    }

    fn keys(&self) -> Vec<Field> {
        let mut fields = self.flows.combos.fields();
        fields.push(Field::new("period", DataType::Date32, false));
        fields
    }

    fn key(&self, column: usize, range: Range<usize>) -> Result<ArrayRef> {
        let lines = &self.lines[range];
        if column == self.flows.combos.keys.len() {
            let days = lines.iter().map(|l| self.flows.periods[l.at as usize]);
            return Ok(Arc::new(Date32Array::from_iter_values(days)));
        }
        let groups: Vec<u32> = lines.iter().map(|l| l.group).collect();
        self.flows.combos.labels_of(column, &groups)
    }

    fn evidence(&self) -> Vec<Field> {
        vec![
            Field::new("kind", DataType::Utf8View, true),
            Field::new("shift", DataType::Date32, true),
            Field::new("before", DataType::Float64, true),
            Field::new("after", DataType::Float64, true),
        ]
    }

    fn proof(&self, column: usize, range: Range<usize>) -> Result<ArrayRef> {
        let shifted = |at: usize| {
            let (g, _) = self.place(at)?;
            Some((g, self.model.shifts[g]?.at))
        };
        Ok(match column {
            0 => Arc::new(range.map(|at| self.kind(at)).collect::<StringViewArray>()),
            1 => Arc::new(range.map(|at| Some(self.model.flows.periods[shifted(at)?.1])).collect::<Date32Array>()),
            2 => Arc::new(range.map(|at| Some(self.model.series[shifted(at)?.0].before)).collect::<Float64Array>()),
            _ => Arc::new(range.map(|at| Some(self.model.series[shifted(at)?.0].after)).collect::<Float64Array>()),
        })
    }

    fn subject(&self, at: usize) -> String {
        format!("{}, {}", self.flows.combos.name(self.lines[at].group as usize), self.when(at))
    }

    /// The records of the period; of a shift, all from there on.
    fn rows(&self, at: usize) -> Result<Vec<u32>> {
        let line = self.lines[at];
        let shifted = self.verdict(at).is_some_and(|v| v.shift.is_some());
        Ok(self.flows.rows_within(line.group as usize, (line.at, if shifted { u32::MAX } else { line.at })))
    }
}
