//! A row a product and intermediary.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Float64Array};
use arrow::datatypes::{DataType, Field};

use super::{Leg, Model, Triangle};
use crate::error::Result;
use crate::evidence::wording::figure;
use crate::evidence::{Cautions, SHARE, ScoreColumn, Scores};
use crate::flows::Flows;
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::state::members::lists;
use crate::store::{Every, iso};

pub struct TriangleScores {
    model: Arc<Model>,
    flows: Flows,
    here: GroupKeys,
    known: Vec<Option<u32>>,
    /// The flows in and onward of each row.
    legs: Vec<Vec<u32>>,
}

const NUMBERS: [&str; 11] = [
    "direct_before",
    "direct_after",
    "lost",
    "in_before",
    "in_after",
    "in_expected",
    "excess",
    "onward_before",
    "onward_after",
    "substitution_ratio",
    "placebos",
];
const SERIES: [&str; 3] = ["direct_series", "in_series", "onward_series"];

impl TriangleScores {
    pub fn new(model: Arc<Model>, flows: Flows, progress: &Progress) -> Result<TriangleScores> {
        let mut keys = model.by.clone();
        keys.push("destination".into());
        let (all, triangle_of) = flows.group_keys.project(&keys)?.distinct()?;
        let known = model.group_keys.find(&all, progress)?;
        let kept: Vec<u32> = (0..all.groups() as u32).filter(|&g| known[g as usize].is_some()).collect();
        let here = all.some(&kept);
        let known: Vec<Option<u32>> = kept.iter().map(|&g| known[g as usize]).collect();
        let legs = legs(&model, &flows, &known, &kept, &triangle_of, progress)?;
        Ok(TriangleScores { model, flows, here, known, legs })
    }

    fn triangle(&self, at: usize) -> Option<&Triangle> {
        Some(&self.model.triangles[self.known[at]? as usize])
    }

    fn direct(&self, triangle: &Triangle) -> &Leg {
        &self.model.direct[triangle.product]
    }

    fn figures(&self, t: &Triangle) -> [f64; NUMBERS.len()] {
        let (before, after) = self.model.spans;
        let longer = f64::from(after.1 - after.0 + 1) / f64::from(before.1 - before.0 + 1);
        let both = |leg: &Leg| (leg.total(before).0, leg.total(after).0);
        let (direct, inward) = (both(self.direct(t)), both(&t.inward));
        let onward = if t.seen { both(&t.onward) } else { (f64::NAN, f64::NAN) };
        let lost = direct.0 * longer - direct.1;
        let expected = inward.0 * t.world * longer;
        let excess = inward.1 - expected;
        let ratio = if lost > 0.0 { excess / lost } else { f64::NAN };
        let placebos = self.model.placebos.len() as f64;
        [direct.0, direct.1, lost, inward.0, inward.1, expected, excess, onward.0, onward.1, ratio, placebos]
    }

    fn span(&self, window: (u32, u32)) -> String {
        let months = &self.model.flows.periods;
        format!("{} to {}", Every::Month.text(months[window.0 as usize]), Every::Month.text(months[window.1 as usize]))
    }
}

/// The flows of each triangle that are its way in or onward, in their order. `known` is each triangle's number in
/// the model, `kept` its product and destination, and `goes_to` the product and destination of each flow.
fn legs(
    model: &Model,
    flows: &Flows,
    known: &[Option<u32>],
    kept: &[u32],
    goes_to: &[u32],
    progress: &Progress,
) -> Result<Vec<Vec<u32>>> {
    let by = model.by.len();
    let (_, product_of) = flows.group_keys.project(&model.by)?.distinct()?;
    let places: HashMap<u32, usize> = kept.iter().enumerate().map(|(at, &g)| (g, at)).collect();
    let mut legs: Vec<Vec<u32>> = vec![Vec::new(); kept.len()];
    let mut onward: HashMap<(u32, String), Vec<u32>> = HashMap::new();
    for g in 0..flows.groups() {
        progress.check()?;
        if let Some(&at) = places.get(&goes_to[g]) {
            legs[at].push(g as u32);
        }
        if flows.group_keys.value(g, by + 1) == model.settings.target {
            onward.entry((product_of[g], flows.group_keys.value(g, by))).or_default().push(g as u32);
        }
    }
    for (legs, known) in legs.iter_mut().zip(known) {
        progress.check()?;
        let goes_on = known.is_some_and(|k| !model.triangles[k as usize].onward.is_empty());
        let Some(first) = legs.first().filter(|_| goes_on).map(|&g| g as usize) else { continue };
        let through = flows.group_keys.value(first, by + 1);
        if let Some(more) = onward.get(&(product_of[first], through)) {
            legs.extend(more);
            legs.sort_unstable();
            legs.dedup();
        }
    }
    Ok(legs)
}

impl Scores for TriangleScores {
    fn detector(&self) -> &'static str {
        "Diversion"
    }

    fn groups(&self) -> Option<&GroupKeys> {
        Some(&self.here)
    }

    fn value(&self, column: ScoreColumn, at: usize) -> f64 {
        let Some(t) = self.triangle(at).filter(|t| !t.score.is_nan()) else { return f64::NAN };
        let figures = self.figures(t);
        match column {
            ScoreColumn::Score => t.score.max(0.0),
            ScoreColumn::PValue => t.p,
            ScoreColumn::Direction => t.z[1],
            ScoreColumn::Observed => figures[4],
            ScoreColumn::Expected => figures[5],
            ScoreColumn::Peers => figures[10],
        }
    }

    fn peer(&self, at: usize) -> Option<String> {
        self.triangle(at)?;
        Some(format!(
            "{} placebo scores: earlier dates, and products whose direct trade did not fall",
            self.model.placebos.len()
        ))
    }

    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_>> {
        Ok(Box::new(|at: usize| {
            let t = self.triangle(at)?;
            let sums = &self.model.sums;
            if !sums.is_empty() {
                return Some(format!(
                    "{} among the origins look like sums of others, so trade is counted twice: leave them out, as with ships.where",
                    sums.iter().map(|s| format!("{s:?}")).collect::<Vec<_>>().join(", ")
                ));
            }
            if !t.seen {
                let through = self.here.value(at, self.model.by.len());
                return Some(format!(
                    "the data hold no trade from {through} to the target: only two of the three legs are seen"
                ));
            }
            if !t.told {
                return Some(
                    "too few other destinations to tell the product's growth in the world: none is assumed".into(),
                );
            }
            None
        }))
    }

    fn reason(&self, at: usize) -> String {
        let Some(t) = self.triangle(at) else { return "not scored: not fitted".into() };
        let settings = &self.model.settings;
        let [
            direct_before,
            direct_after,
            lost,
            in_before,
            in_after,
            expected,
            excess,
            onward_before,
            onward_after,
            ratio,
            _,
        ] = self.figures(t);
        let through = self.here.value(at, self.model.by.len());
        let (before, after) = self.model.spans;
        let windows = format!("{} against {}", self.span(after), self.span(before));
        let direct = format!(
            "{} direct to {} went from {} to {}",
            settings.measure,
            settings.target,
            figure(direct_before),
            figure(direct_after)
        );
        let inward = format!(
            "to {through} from {} to {} where the world's growth makes one expect {}",
            figure(in_before),
            figure(in_after),
            figure(expected)
        );
        let onward = if t.seen {
            format!(", and from there on from {} to {}", figure(onward_before), figure(onward_after))
        } else {
            String::new()
        };
        let share = if lost > 0.0 && excess > 0.0 {
            format!("; the excess is {} % of what was lost", figure(100.0 * ratio))
        } else {
            String::new()
        };
        format!("{direct}, {inward}{onward}{share} ({windows}, event {})", iso(settings.event))
    }

    fn at_stake(&self, at: usize) -> f64 {
        self.triangle(at).map_or(f64::NAN, |t| self.figures(t)[6].max(0.0))
    }

    fn keys(&self) -> Vec<Field> {
        let mut fields = self.here.fields();
        if let Some(last) = fields.last_mut() {
            *last = last.clone().with_name("through");
        }
        fields
    }

    fn evidence(&self) -> Vec<Field> {
        let mut fields: Vec<Field> = NUMBERS.iter().map(|name| Field::new(*name, DataType::Float64, true)).collect();
        let item = Arc::new(Field::new("item", DataType::Float64, false));
        fields.extend(SERIES.iter().map(|name| Field::new(*name, DataType::LargeList(item.clone()), true)));
        fields.push(Field::new("series_from", DataType::Date32, true));
        fields
    }

    fn evidence_column(&self, column: usize, range: Range<usize>, progress: &Progress) -> Result<ArrayRef> {
        if column < NUMBERS.len() {
            let cell = |at: usize| self.triangle(at).map(|t| self.figures(t)[column]).filter(|v| !v.is_nan());
            return Ok(Arc::new(progress.each(range, SHARE, cell)?.into_iter().collect::<Float64Array>()));
        }
        if column == NUMBERS.len() + SERIES.len() {
            let first = self.model.flows.periods[0];
            return Ok(Arc::new(Date32Array::from(vec![first; range.len()])));
        }
        let (mut starts, mut values) = (vec![0], Vec::new());
        for at in range.clone() {
            progress.check()?;
            if let Some(t) = self.triangle(at) {
                values.extend(match column - NUMBERS.len() {
                    0 => &self.direct(t).value,
                    1 => &t.inward.value,
                    _ => &t.onward.value,
                });
            }
            starts.push(values.len());
        }
        Ok(lists(&starts, values, range.len()))
    }

    fn subject(&self, at: usize) -> String {
        format!("{} to {}", self.here.name(at).replace("destination ", "through "), self.model.settings.target)
    }

    /// The records of the legs in and onward, in both windows.
    fn rows(&self, at: usize) -> Result<Vec<u32>> {
        if self.triangle(at).is_none_or(|t| t.score.is_nan()) {
            return Ok(Vec::new());
        }
        let months = &self.model.flows.periods;
        let days = |w: (u32, u32)| crate::store::Period {
            first: months[w.0 as usize],
            last: Every::Month.next(months[w.1 as usize]) - 1,
        };
        let mut rows = Vec::new();
        for g in self.legs[at].iter().map(|&g| g as usize) {
            for window in [self.model.spans.0, self.model.spans.1] {
                if let Some(span) = self.flows.window(days(window)) {
                    rows.extend(self.flows.rows_within(g, span));
                }
            }
        }
        Ok(rows)
    }
}
