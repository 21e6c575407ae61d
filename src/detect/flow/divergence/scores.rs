//! A row a product and destination.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringViewArray};
use arrow::datatypes::{DataType, Field};

use super::{Model, Pair};
use crate::error::Result;
use crate::evidence::wording::figure;
use crate::evidence::{Cautions, SHARE, ScoreColumn, Scores};
use crate::flows::Flows;
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::store::iso;

pub struct PairScores {
    pub model: Arc<Model>,
    pub flows: Flows,
    pub known: Vec<Option<u32>>,
}

impl PairScores {
    fn pair(&self, at: usize) -> Option<&Pair> {
        Some(&self.model.pairs[self.known[at]? as usize])
    }

    fn scored(&self, at: usize) -> Option<&Pair> {
        self.pair(at).filter(|p| !p.z.is_nan())
    }

    fn destination(&self, pair: usize) -> String {
        self.model.flows.group_keys.value(pair, self.model.settings.by.len())
    }
}

/// `rose by 69 %`, `fell by 61 %`.
fn moved(base: f64, current: f64) -> String {
    if base <= 0.0 {
        return format!("rose from nothing to {}", figure(current));
    }
    let growth = 100.0 * (current / base - 1.0);
    format!("{} by {} %", if growth >= 0.0 { "rose" } else { "fell" }, figure(rounded(growth.abs())))
}

/// Per cent without decimals that say nothing.
fn rounded(x: f64) -> f64 {
    if x >= 10.0 { x.round() } else { x }
}

impl Scores for PairScores {
    fn detector(&self) -> &'static str {
        "Divergence"
    }

    fn groups(&self) -> Option<&GroupKeys> {
        Some(&self.flows.group_keys)
    }

    fn value(&self, column: ScoreColumn, at: usize) -> f64 {
        let Some(p) = self.scored(at) else { return f64::NAN };
        match column {
            ScoreColumn::Score => p.z.abs(),
            ScoreColumn::PValue => self.model.tails.p_value_or_normal(p.z, p.peers as u32),
            ScoreColumn::Direction => p.z,
            ScoreColumn::Observed => p.current.value,
            ScoreColumn::Expected if p.base.value > 0.0 => p.base.value * libm::exp(p.expected),
            ScoreColumn::Expected => p.current.value * libm::exp(p.expected - p.growth),
            ScoreColumn::Peers => p.peers as f64,
        }
    }

    fn peer(&self, at: usize) -> Option<String> {
        let p = self.scored(at)?;
        Some(format!("{} other {}s of the product, and other products there", p.peers, self.model.settings.across))
    }

    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_>> {
        Ok(Box::new(|at: usize| {
            let p = self.scored(at)?;
            let few = p.base.worth().min(p.current.worth());
            (few < 3.0).then(|| {
                format!(
                    "one window rests on few records: {} before and {} after",
                    figure(p.base.records as f64),
                    figure(p.current.records as f64)
                )
            })
        }))
    }

    fn reason(&self, at: usize) -> String {
        let settings = &self.model.settings;
        let Some(p) = self.pair(at) else { return "not scored: this pair was not fitted".into() };
        if p.growth.is_nan() {
            let sums = p.base.value < 0.0 || p.current.value < 0.0;
            return if sums {
                format!("not scored: {} is negative in a window, a correction of earlier records", settings.measure)
            } else {
                format!("not scored: no {} in either window", settings.measure)
            };
        }
        let own = moved(p.base.value, p.current.value);
        if p.z.is_nan() {
            return format!(
                "not scored: {} {own}, and the product has no other {} to compare it with",
                settings.measure, settings.across
            );
        }
        let against = p.against.map(|k| {
            let other = &self.model.pairs[k];
            format!(
                " while to {} it {} (from {} to {})",
                self.destination(k),
                moved(other.base.value, other.current.value),
                figure(other.base.value),
                figure(other.current.value)
            )
        });
        format!(
            "{} to {} {own} (from {} to {}){}; what the product did elsewhere and the {} in other products makes one expect {} \
             ({} spreads)",
            settings.measure,
            self.destination(self.known[at].unwrap_or(0) as usize),
            figure(p.base.value),
            figure(p.current.value),
            against.unwrap_or_default(),
            settings.across,
            figure(self.value(ScoreColumn::Expected, at)),
            figure(p.z.abs())
        )
    }

    fn at_stake(&self, at: usize) -> f64 {
        (self.value(ScoreColumn::Observed, at) - self.value(ScoreColumn::Expected, at)).abs()
    }

    fn evidence(&self) -> Vec<Field> {
        let mut fields: Vec<Field> =
            ["base", "current", "growth", "growth_others", "log_divergence", "ratio_of_ratios"]
                .into_iter()
                .map(|name| Field::new(name, DataType::Float64, true))
                .collect();
        fields.push(Field::new("against", DataType::Utf8View, true));
        fields.push(Field::new("growth_against", DataType::Float64, true));
        fields
    }

    fn evidence_column(&self, column: usize, range: std::ops::Range<usize>, progress: &Progress) -> Result<ArrayRef> {
        let growth = |p: &Pair| if p.base.value > 0.0 { p.current.value / p.base.value - 1.0 } else { f64::NAN };
        if column == 6 {
            let against = progress.each(range, SHARE, |at| Some(self.destination(self.pair(at)?.against?)))?;
            return Ok(Arc::new(against.into_iter().collect::<StringViewArray>()));
        }
        let cell = |at: usize| {
            let p = self.pair(at)?;
            Some(match column {
                0 => p.base.value,
                1 => p.current.value,
                2 => growth(p),
                3 => libm::exp(p.others) - 1.0,
                4 => p.growth - p.others,
                5 => libm::exp(p.growth - p.others),
                _ => growth(&self.model.pairs[p.against?]),
            })
            .filter(|v| v.is_finite())
        };
        Ok(Arc::new(progress.each(range, SHARE, cell)?.into_iter().collect::<Float64Array>()))
    }

    fn subject(&self, at: usize) -> String {
        let [base, current] = self.model.windows.each_ref().map(|w| w.days);
        format!(
            "{}, {} to {} against {} to {}",
            self.flows.group_keys.name(at),
            iso(current.first),
            iso(current.last),
            iso(base.first),
            iso(base.last)
        )
    }

    /// The records of both windows.
    fn rows(&self, at: usize) -> Result<Vec<u32>> {
        let [base, current] = self.model.windows.each_ref().map(|w| w.days);
        let mut rows = Vec::new();
        for window in [base, current] {
            rows.extend(self.flows.window(window).map(|span| self.flows.rows_within(at, span)).unwrap_or_default());
        }
        Ok(rows)
    }
}
