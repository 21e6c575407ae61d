//! Scores by fitted lines, and the reasons.

use std::sync::Arc;

use arrow::buffer::ScalarBuffer;
use rayon::prelude::*;

use super::model::{CHUNK_ROWS, Fitted, Model, Outcome, usable};
use super::state::no_line;
use crate::error::Result;
use crate::evidence::wording::{figure, unusable};
use crate::evidence::{Cautions, ScoreColumn, Verdicts, cautions};
use crate::group::GroupIndex;
use crate::progress::Progress;
use crate::stats::linear::MOST;
use crate::store::Shipments;

const NONE: u32 = u32::MAX;
/// Variance inflation from which single slopes say little (Marquardt 1970).
const INFLATED: f64 = 10.0;

pub struct LineScores {
    model: Arc<Model>,
    ships: Shipments,
    /// The regressors, and the value last.
    numbers: Vec<ScalarBuffer<f64>>,
    /// The fitted group of each position, or [`NONE`].
    group: Vec<u32>,
}

impl LineScores {
    pub fn new(
        model: Arc<Model>,
        ships: &Shipments,
        index: &GroupIndex,
        known: Vec<Option<u32>>,
        progress: &Progress,
    ) -> Result<LineScores> {
        let mut group = index.group_of_positions(ships);
        group.par_iter_mut().with_min_len(CHUNK_ROWS).for_each(|g| *g = known[*g as usize].unwrap_or(NONE));
        Ok(LineScores { numbers: model.settings.numbers(ships, progress)?, model, ships: ships.clone(), group })
    }

    /// The regressors and the value, in the form used for the regression.
    fn point(&self, at: usize) -> Option<([f64; MOST], f64)> {
        let (settings, row) = (&self.model.settings, self.ships.rows.row(at));
        let (value, on) = self.numbers.split_last()?;
        if !self.numbers.iter().all(|column| usable(column[row])) {
            return None;
        }
        let mut x = [0.0; MOST];
        x.iter_mut().zip(on).for_each(|(x, column)| *x = settings.shown(column[row]));
        Some((x, settings.shown(value[row])))
    }

    fn fitted(&self, at: usize) -> Option<(usize, &Fitted)> {
        let g = self.group[at] as usize;
        match self.model.outcomes.get(g)? {
            Outcome::Fitted(fit) if self.model.size(g) >= self.model.settings.min_peers => Some((g, fit)),
            _ => None,
        }
    }

    /// A number of the source by its name; the value if there is no name.
    fn given(&self, name: Option<&str>, at: usize) -> Option<f64> {
        let on = &self.model.settings.on;
        let column = name.map_or(Some(on.len()), |name| on.iter().position(|own| own == name))?;
        Some(self.numbers[column][self.ships.rows.row(at)])
    }

    /// `10 kg`, or `net_weight 10 and quantity 3`.
    fn size_of(&self, at: usize) -> String {
        let row = self.ships.rows.row(at);
        let on = &self.model.settings.on;
        if let [only] = on.as_slice()
            && only == "net_weight"
        {
            return format!("{} kg", figure(self.numbers[0][row]));
        }
        let parts: Vec<String> =
            on.iter().zip(&self.numbers).map(|(name, column)| format!("{name} {}", figure(column[row]))).collect();
        parts.join(" and ")
    }

    /// `value = 3 + 2.5 x weight`.
    fn formula(&self, fit: &Fitted) -> String {
        let settings = &self.model.settings;
        let ln = if settings.log { "ln " } else { "" };
        let mut text = format!("{ln}value = {}", figure(fit.fair.intercept));
        for (name, slope) in settings.on.iter().zip(fit.fair.slopes) {
            let times = if settings.log { " " } else { " x " };
            let sign = if slope < 0.0 { '-' } else { '+' };
            text += &format!(" {sign} {}{times}{ln}{name}", figure(slope.abs()));
        }
        if fit.leverage.inflation() > INFLATED {
            text += &format!("; {} are correlated here, so a single slope is uncertain", settings.on.join(" and "));
        }
        text
    }
}

/// A value compared with the line of its group.
pub struct Verdict {
    /// The fitted group, if it has a line and enough shipments.
    group: Option<usize>,
    z: f64,
    p: f64,
    observed: f64,
    /// The value on the line.
    expected: f64,
}

impl Verdicts for LineScores {
    type Verdict = Verdict;

    fn detector(&self) -> &'static str {
        "ValueWeight"
    }

    fn ships(&self) -> Option<&Shipments> {
        Some(&self.ships)
    }

    fn verdict(&self, at: usize) -> Verdict {
        let fitted = self.fitted(at);
        let observed = self.given(None, at).unwrap_or(f64::NAN);
        let mut verdict =
            Verdict { group: fitted.map(|(g, _)| g), z: f64::NAN, p: f64::NAN, observed, expected: f64::NAN };
        if let (Some((g, fit)), Some((x, y))) = (fitted, self.point(at)) {
            let at_line = fit.fair.at(&x);
            verdict.expected = if self.model.settings.log { libm::exp(at_line) } else { at_line };
            verdict.z = self.model.standard(fit, &x, y);
            if !verdict.z.is_nan() {
                verdict.p = self.model.tails.p_value(verdict.z, self.model.size(g) as u32);
            }
        }
        verdict
    }

    fn value(&self, column: ScoreColumn, at: usize, verdict: &Verdict) -> f64 {
        match column {
            ScoreColumn::Score => verdict.z.abs(),
            ScoreColumn::Direction => verdict.z,
            ScoreColumn::PValue => verdict.p,
            ScoreColumn::Observed => verdict.observed,
            ScoreColumn::Expected => verdict.expected,
            ScoreColumn::Peers => {
                let g = self.group[at];
                if g == NONE { f64::NAN } else { self.model.size(g as usize) as f64 }
            }
        }
    }

    fn peer(&self, _at: usize, verdict: &Verdict) -> Option<String> {
        verdict.group.map(|g| self.model.group_keys.name(g))
    }

    fn cautions(&self, progress: &Progress) -> Result<Cautions<'_, Verdict>> {
        let known = self.model.facts.get(progress)?;
        Ok(Box::new(move |at, verdict| {
            let weight = self.given(Some("net_weight"), at);
            let price = cautions::Price { value: self.given(None, at), weight, z: verdict.z };
            cautions::caution(known.groups.get(verdict.group?)?, &known.whole, price)
        }))
    }

    fn reason(&self, at: usize, verdict: &Verdict) -> String {
        let settings = &self.model.settings;
        let mut names = std::iter::once(None).chain(settings.on.iter().map(|name| Some(name.as_str())));
        if let Some(why) = names.find_map(|name| unusable(name.unwrap_or("value"), self.given(name, at)?)) {
            return why;
        }
        let g = self.group[at] as usize;
        let Some((_, fit)) = self.fitted(at) else {
            let Some(outcome) = self.model.outcomes.get(g) else {
                return "not scored: no line was fitted for its keys".into();
            };
            let (n, group) = (self.model.size(g), self.model.group_keys.name(g));
            return match outcome {
                Outcome::None(reason) => format!("not scored: {} ({group})", no_line(*reason, n, settings)),
                Outcome::Fitted(_) => format!(
                    "not scored: {n} shipments with a value and a place on the line ({group}), fewer than min_peers={}",
                    settings.min_peers
                ),
            };
        };
        let n = self.model.size(g) as f64;
        let bonferroni = (verdict.p * n).min(1.0);
        format!(
            "value {} for {}, where the {} of {} shipments ({}) gives {} ({}); robust z {:.1}, {}",
            figure(verdict.observed),
            self.size_of(at),
            if settings.on.len() == 1 { "line" } else { "fit" },
            figure(n),
            self.model.group_keys.name(g),
            figure(verdict.expected),
            self.formula(fit),
            verdict.z,
            if bonferroni <= 0.01 {
                format!("an outlier among them at 1 % (Bonferroni p {bonferroni:.1e})")
            } else {
                "not an outlier among them at 1 %".into()
            }
        )
    }

    fn at_stake(&self, _at: usize, verdict: &Verdict) -> f64 {
        (verdict.observed - verdict.expected).abs()
    }
}
