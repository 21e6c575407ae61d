//! The scores: one row for each product and intermediary.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::Field;

use super::model::{Leg, Model, Triangle};
use crate::error::Result;
use crate::evidence::wording::figure;
use crate::evidence::{Cautions, Evidence, Reader, ScoreColumn, Verdicts};
use crate::flows::Flows;
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::store::{Every, Period, iso};

pub struct TriangleScores {
    model: Arc<Model>,
    flows: Flows,
    here: GroupKeys,
    /// The number of each row in the fit.
    known: Vec<u32>,
    /// The flows of each row to the intermediary and from there.
    legs: Vec<Vec<u32>>,
}

/// The sums of a triangle, before and after the event.
pub struct TriangleVerdict {
    direct: (f64, f64),
    /// The loss of direct trade.
    lost: f64,
    inward: (f64, f64),
    /// The trade to the intermediary after the event, if it had grown as in the rest of the world.
    expected: f64,
    excess: f64,
    onward: (f64, f64),
    /// The excess divided by the loss.
    substitution_ratio: f64,
}

impl TriangleScores {
    pub fn new(model: Arc<Model>, flows: Flows, progress: &Progress) -> Result<TriangleScores> {
        let mut keys = model.by.clone();
        keys.push("destination".into());
        let (all, triangle_of) = flows.group_keys.project(&keys)?.distinct()?;
        let known = model.group_keys.find(&all, progress)?;
        let kept: Vec<u32> = (0..all.groups() as u32).filter(|&g| known[g as usize].is_some()).collect();
        let here = all.some(&kept);
        let known: Vec<u32> = known.into_iter().flatten().collect();
        let legs = legs(&model, &flows, &known, &kept, &triangle_of, progress)?;
        Ok(TriangleScores { model, flows, here, known, legs })
    }

    fn triangle(&self, at: usize) -> &Triangle {
        &self.model.triangles[self.known[at] as usize]
    }

    fn direct(&self, at: usize) -> &Leg {
        self.model.direct_of(self.triangle(at))
    }

    /// The number of placebo scores.
    fn placebos(&self, at: usize) -> usize {
        self.model.pools[usize::from(self.triangle(at).onward_reported)].scores.len()
    }

    /// The intermediary.
    fn through(&self, at: usize) -> String {
        self.here.value(at, self.model.by.len())
    }

    fn span(&self, window: (u32, u32)) -> String {
        let months = &self.model.flows.periods;
        format!("{} to {}", Every::Month.text(months[window.0 as usize]), Every::Month.text(months[window.1 as usize]))
    }
}

/// The flows of each triangle to and from the intermediary, in their order. `known` is the number of each triangle in
/// the model, `kept` its product and destination, and `goes_to` the product and destination of each flow.
fn legs(
    model: &Model,
    flows: &Flows,
    known: &[u32],
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
        let goes_on = !model.triangles[*known as usize].onward.is_empty();
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

impl Verdicts for TriangleScores {
    type Verdict = TriangleVerdict;

    fn detector(&self) -> &'static str {
        "Diversion"
    }

    fn groups(&self) -> Option<&GroupKeys> {
        Some(&self.here)
    }

    /// The direct trade is a leg of all intermediaries.
    fn shares_rows(&self) -> bool {
        true
    }

    fn verdict(&self, at: usize) -> TriangleVerdict {
        let t = self.triangle(at);
        let (before, after) = self.model.spans;
        let longer = f64::from(after.1 - after.0 + 1) / f64::from(before.1 - before.0 + 1);
        let both = |leg: &Leg| (leg.total(before).0, leg.total(after).0);
        let (direct, inward) = (both(self.direct(at)), both(&t.inward));
        let onward = if t.onward_reported { both(&t.onward) } else { (f64::NAN, f64::NAN) };
        let lost = direct.0 * longer - direct.1;
        let expected = inward.0 * t.world_growth.unwrap_or(1.0) * longer;
        let excess = inward.1 - expected;
        let substitution_ratio = if lost > 0.0 { excess / lost } else { f64::NAN };
        TriangleVerdict { direct, lost, inward, expected, excess, onward, substitution_ratio }
    }

    fn value(&self, column: ScoreColumn, at: usize, verdict: &TriangleVerdict) -> f64 {
        let t = self.triangle(at);
        match column {
            ScoreColumn::Score => t.score.max(0.0),
            ScoreColumn::PValue => t.p,
            ScoreColumn::Direction => t.z[1],
            ScoreColumn::Observed => verdict.inward.1,
            ScoreColumn::Expected => verdict.expected,
            ScoreColumn::Peers => self.placebos(at) as f64,
        }
    }

    fn peer(&self, at: usize, _verdict: &TriangleVerdict) -> Option<String> {
        Some(format!(
            "{} placebo scores: {}",
            self.placebos(at),
            if self.model.placebo_dates().is_empty() {
                "products whose direct trade did not fall"
            } else {
                "earlier dates"
            }
        ))
    }

    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_, TriangleVerdict>> {
        Ok(Box::new(|at, _| {
            let t = self.triangle(at);
            let aggregates = &self.model.aggregates;
            if !aggregates.is_empty() {
                return Some(format!(
                    "{} among the origins look like sums of others, so trade is counted twice: leave them out, as with ships.where",
                    aggregates.iter().map(|s| format!("{s:?}")).collect::<Vec<_>>().join(", ")
                ));
            }
            if !t.onward_reported {
                return Some(format!(
                    "the data hold no trade from {} to the target: only two of the three legs are known",
                    self.through(at)
                ));
            }
            if t.world_growth.is_none() {
                return Some(
                    "too few other destinations for the product's growth in the world: none is assumed".into(),
                );
            }
            None
        }))
    }

    fn reason(&self, at: usize, verdict: &TriangleVerdict) -> String {
        let settings = &self.model.settings;
        let (before, after) = self.model.spans;
        let windows = format!("{} against {}", self.span(after), self.span(before));
        let direct = format!(
            "{} direct to {} went from {} to {}",
            settings.measure,
            settings.target,
            figure(verdict.direct.0),
            figure(verdict.direct.1)
        );
        let inward = format!(
            "to {} from {} to {} where {} is expected from the world's growth",
            self.through(at),
            figure(verdict.inward.0),
            figure(verdict.inward.1),
            figure(verdict.expected)
        );
        let onward = if self.triangle(at).onward_reported {
            format!(", and onward from {} to {}", figure(verdict.onward.0), figure(verdict.onward.1))
        } else {
            String::new()
        };
        let share = if verdict.lost > 0.0 && verdict.excess > 0.0 {
            format!("; the excess is {} % of what was lost", figure(100.0 * verdict.substitution_ratio))
        } else {
            String::new()
        };
        format!("{direct}, {inward}{onward}{share} ({windows}, event {})", iso(settings.event))
    }

    fn at_stake(&self, _at: usize, verdict: &TriangleVerdict) -> f64 {
        verdict.excess.max(0.0)
    }

    fn keys(&self) -> Vec<Field> {
        let mut fields = self.here.fields();
        if let Some(last) = fields.last_mut() {
            *last = last.clone().with_name("through");
        }
        fields
    }

    fn evidence(&self) -> Vec<Evidence<Self>> {
        vec![
            Evidence { name: "direct_before", read: Reader::Number(|_, _, v: &TriangleVerdict| v.direct.0) },
            Evidence { name: "direct_after", read: Reader::Number(|_, _, v: &TriangleVerdict| v.direct.1) },
            Evidence { name: "lost", read: Reader::Number(|_, _, v: &TriangleVerdict| v.lost) },
            Evidence { name: "in_before", read: Reader::Number(|_, _, v: &TriangleVerdict| v.inward.0) },
            Evidence { name: "in_after", read: Reader::Number(|_, _, v: &TriangleVerdict| v.inward.1) },
            Evidence { name: "in_expected", read: Reader::Number(|_, _, v: &TriangleVerdict| v.expected) },
            Evidence { name: "excess", read: Reader::Number(|_, _, v: &TriangleVerdict| v.excess) },
            Evidence { name: "onward_before", read: Reader::Number(|_, _, v: &TriangleVerdict| v.onward.0) },
            Evidence { name: "onward_after", read: Reader::Number(|_, _, v: &TriangleVerdict| v.onward.1) },
            Evidence {
                name: "substitution_ratio",
                read: Reader::Number(|_, _, v: &TriangleVerdict| v.substitution_ratio),
            },
            Evidence { name: "placebos", read: Reader::Number(|s, at, _| s.placebos(at) as f64) },
            Evidence { name: "direct_series", read: Reader::Numbers(|s, at, _| &s.direct(at).value) },
            Evidence { name: "in_series", read: Reader::Numbers(|s, at, _| &s.triangle(at).inward.value) },
            Evidence { name: "onward_series", read: Reader::Numbers(|s, at, _| &s.triangle(at).onward.value) },
            Evidence { name: "series_from", read: Reader::Day(|s, _, _| Some(s.model.flows.periods[0])) },
        ]
    }

    fn subject(&self, at: usize) -> String {
        format!("{} to {}", self.here.name(at).replace("destination ", "through "), self.model.settings.target)
    }

    /// The records of both legs of the intermediary, in both windows.
    fn rows(&self, at: usize, _verdict: &TriangleVerdict) -> Result<Vec<u32>> {
        let months = &self.model.flows.periods;
        let days =
            |w: (u32, u32)| Period { first: months[w.0 as usize], last: Every::Month.next(months[w.1 as usize]) - 1 };
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
