//! Scores by fitted lines, and the sentence for each.

use std::sync::Arc;

use arrow::buffer::ScalarBuffer;
use rayon::prelude::*;

use super::{Fitted, Model, Outcome, STRETCH, no_line};
use crate::error::Result;
use crate::group::GroupIndex;
use crate::score::guards;
use crate::score::phrase::{number, unusable};
use crate::score::scores::{Number, Scores};
use crate::store::{Role, Shipments};
use crate::watch::Watch;

const NONE: u32 = u32::MAX;

pub struct LineScores {
    model: Arc<Model>,
    ships: Shipments,
    value: ScalarBuffer<f64>,
    weight: ScalarBuffer<f64>,
    /// The fitted group of each position, [`NONE`] where there is none.
    group: Vec<u32>,
}

impl LineScores {
    pub fn new(
        model: Arc<Model>,
        ships: &Shipments,
        index: &GroupIndex,
        known: Vec<Option<u32>>,
        watch: &Watch,
    ) -> Result<LineScores> {
        let mut group = index.group_of_positions(ships);
        group.par_iter_mut().with_min_len(STRETCH).for_each(|g| *g = known[*g as usize].unwrap_or(NONE));
        Ok(LineScores {
            value: ships.store.role_numbers(Role::Value, watch)?,
            weight: ships.store.role_numbers(Role::NetWeight, watch)?,
            model,
            ships: ships.clone(),
            group,
        })
    }

    fn point(&self, at: usize) -> (f64, f64) {
        let row = self.ships.rows.row(at);
        self.model.settings.point(self.weight[row], self.value[row])
    }

    fn fitted(&self, at: usize) -> Option<(usize, &Fitted)> {
        let g = self.group[at] as usize;
        match self.model.outcomes.get(g)? {
            Outcome::Line(fit) if self.model.members(g).len() >= self.model.settings.min_peers => Some((g, fit)),
            _ => None,
        }
    }

    fn standard(&self, at: usize) -> f64 {
        let (x, y) = self.point(at);
        self.fitted(at).map_or(f64::NAN, |(_, fit)| self.model.standard(fit, x, y))
    }

    fn p_value(&self, at: usize) -> f64 {
        let z = self.standard(at);
        match self.fitted(at) {
            Some((g, _)) if !z.is_nan() => self.model.tails.p_value(z, self.model.members(g).len() as u32),
            _ => f64::NAN,
        }
    }

    /// The value that the line gives for the weight.
    fn expected(&self, at: usize) -> f64 {
        let (x, _) = self.point(at);
        self.fitted(at).map_or(f64::NAN, |(_, fit)| {
            let y = fit.fair.at(x);
            if self.model.settings.log { libm::exp(y) } else { y }
        })
    }
}

impl Scores for LineScores {
    fn detector(&self) -> &'static str {
        "ValueWeight"
    }

    fn ships(&self) -> Option<&Shipments> {
        Some(&self.ships)
    }

    fn number(&self, what: Number, at: usize) -> f64 {
        match what {
            Number::Score => self.standard(at).abs(),
            Number::Direction => self.standard(at),
            Number::PValue => self.p_value(at),
            Number::Observed => self.value[self.ships.rows.row(at)],
            Number::Expected => self.expected(at),
            Number::Peers => {
                let g = self.group[at];
                if g == NONE { f64::NAN } else { self.model.members(g as usize).len() as f64 }
            }
        }
    }

    fn peer(&self, at: usize) -> Option<String> {
        self.fitted(at).map(|(g, _)| self.model.combos.name(g))
    }

    fn caution(&self, at: usize) -> Option<String> {
        let (g, _) = self.fitted(at)?;
        let row = self.ships.rows.row(at);
        let price =
            guards::Price { value: Some(self.value[row]), weight: Some(self.weight[row]), z: self.standard(at) };
        guards::caution(self.model.facts.get().get(g)?, self.model.facts.whole(), price)
    }

    fn reason(&self, at: usize) -> String {
        let row = self.ships.rows.row(at);
        let (value, weight) = (self.value[row], self.weight[row]);
        if let Some(why) = unusable("value", value).or_else(|| unusable("net_weight", weight)) {
            return why;
        }
        let g = self.group[at] as usize;
        let Some((_, fit)) = self.fitted(at) else {
            let Some(outcome) = self.model.outcomes.get(g) else {
                return "not scored: no line was fitted for its keys".into();
            };
            let n = self.model.members(g).len();
            return match outcome {
                Outcome::None(reason) => format!("not scored: {} ({})", no_line(*reason, n), self.model.combos.name(g)),
                Outcome::Line(_) => format!(
                    "not scored: {n} shipments with a value and a weight ({}), fewer than min_peers={}",
                    self.model.combos.name(g),
                    self.model.settings.min_peers
                ),
            };
        };
        let n = self.model.members(g).len() as f64;
        let bonferroni = (self.p_value(at) * n).min(1.0);
        let formula = if self.model.settings.log {
            format!("ln value = {} + {} ln weight", number(fit.fair.intercept), number(fit.fair.slope))
        } else {
            format!("value = {} + {} x weight", number(fit.fair.intercept), number(fit.fair.slope))
        };
        format!(
            "value {} for {} kg, where the line of {} shipments ({}) gives {} ({formula}); {:.1} spreads off, {}",
            number(value),
            number(weight),
            number(n),
            self.model.combos.name(g),
            number(self.expected(at)),
            self.standard(at),
            if bonferroni <= 0.01 {
                format!("an outlier among them at 1 % (Bonferroni p {bonferroni:.1e})")
            } else {
                "no outlier among so many".into()
            }
        )
    }

    fn at_stake(&self, at: usize) -> f64 {
        (self.value[self.ships.rows.row(at)] - self.expected(at)).abs()
    }
}
