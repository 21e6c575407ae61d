//! The scores: one row for each product and destination.

use std::sync::Arc;

use super::model::{Model, Pair};
use crate::error::Result;
use crate::evidence::wording::figure;
use crate::evidence::{Cautions, Evidence, Reader, ScoreColumn, Verdicts};
use crate::flows::Flows;
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::store::iso;

pub struct PairScores {
    pub model: Arc<Model>,
    pub flows: Flows,
    /// The number of each pair in the fit.
    pub known: Vec<Option<u32>>,
}

/// A pair that was fitted.
pub struct PairVerdict {
    /// Its number in the fit.
    pair: usize,
    finding: std::result::Result<Finding, NotScored>,
}

#[derive(Clone, Copy)]
pub struct Finding {
    z: f64,
    p_value: f64,
    observed: f64,
    expected: f64,
    peers: usize,
}

#[derive(Clone, Copy)]
pub enum NotScored {
    /// The sum of a window is below zero.
    Negative,
    /// Neither window has records.
    Empty,
    /// The product has only one destination.
    NoOtherDestination,
}

impl PairScores {
    fn finding(&self, p: &Pair) -> std::result::Result<Finding, NotScored> {
        if p.growth.is_nan() {
            let negative = p.base.value < 0.0 || p.current.value < 0.0;
            return Err(if negative { NotScored::Negative } else { NotScored::Empty });
        }
        if p.z.is_nan() {
            return Err(NotScored::NoOtherDestination);
        }
        Ok(Finding {
            z: p.z,
            p_value: self.model.tails.p_value_or_normal(p.z, p.peers as u32),
            observed: p.current.value,
            expected: if p.base.value > 0.0 {
                p.base.value * libm::exp(p.expected)
            } else {
                p.current.value * libm::exp(p.expected - p.growth)
            },
            peers: p.peers,
        })
    }

    /// A number of a fitted pair, if it is finite.
    fn number(&self, verdict: &Option<PairVerdict>, read: impl Fn(&Pair) -> f64) -> f64 {
        let value = verdict.as_ref().map_or(f64::NAN, |v| read(&self.model.pairs[v.pair]));
        if value.is_finite() { value } else { f64::NAN }
    }

    /// The destination of the same product that moved furthest in the other direction.
    fn against(&self, verdict: &Option<PairVerdict>) -> Option<usize> {
        self.model.pairs[verdict.as_ref()?.pair].against
    }

    fn destination(&self, pair: usize) -> String {
        self.model.flows.group_keys.value(pair, self.model.settings.by.len())
    }
}

/// The score of a pair, if it has one.
fn scored(verdict: &Option<PairVerdict>) -> Option<&Finding> {
    verdict.as_ref()?.finding.as_ref().ok()
}

/// The growth from the base window to the current one.
fn growth(p: &Pair) -> f64 {
    if p.base.value > 0.0 { p.current.value / p.base.value - 1.0 } else { f64::NAN }
}

/// `rose by 69 %`, `fell by 61 %`.
fn moved(base: f64, current: f64) -> String {
    if base <= 0.0 {
        return format!("rose from nothing to {}", figure(current));
    }
    let growth = 100.0 * (current / base - 1.0);
    format!("{} by {} %", if growth >= 0.0 { "rose" } else { "fell" }, figure(rounded(growth.abs())))
}

/// Percent, without decimals for large numbers.
fn rounded(x: f64) -> f64 {
    if x >= 10.0 { x.round() } else { x }
}

impl Verdicts for PairScores {
    /// `None` if the pair was not fitted.
    type Verdict = Option<PairVerdict>;

    fn detector(&self) -> &'static str {
        "Divergence"
    }

    fn groups(&self) -> Option<&GroupKeys> {
        Some(&self.flows.group_keys)
    }

    fn verdict(&self, at: usize) -> Self::Verdict {
        let pair = self.known[at]? as usize;
        Some(PairVerdict { pair, finding: self.finding(&self.model.pairs[pair]) })
    }

    fn value(&self, column: ScoreColumn, _at: usize, verdict: &Self::Verdict) -> f64 {
        let Some(f) = scored(verdict) else { return f64::NAN };
        match column {
            ScoreColumn::Score => f.z.abs(),
            ScoreColumn::PValue => f.p_value,
            ScoreColumn::Direction => f.z,
            ScoreColumn::Observed => f.observed,
            ScoreColumn::Expected => f.expected,
            ScoreColumn::Peers => f.peers as f64,
        }
    }

    fn peer(&self, _at: usize, verdict: &Self::Verdict) -> Option<String> {
        let f = scored(verdict)?;
        Some(format!("{} other {}s of the product, and other products there", f.peers, self.model.settings.across))
    }

    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_, Self::Verdict>> {
        Ok(Box::new(|_, verdict: &Self::Verdict| {
            scored(verdict)?;
            let p = &self.model.pairs[verdict.as_ref()?.pair];
            let few = p.base.worth().min(p.current.worth());
            (few < 3.0).then(|| {
                format!(
                    "one window has few records: {} before and {} after",
                    figure(p.base.records as f64),
                    figure(p.current.records as f64)
                )
            })
        }))
    }

    fn reason(&self, _at: usize, verdict: &Self::Verdict) -> String {
        let settings = &self.model.settings;
        let Some(verdict) = verdict else { return "not scored: this pair was not fitted".into() };
        let p = &self.model.pairs[verdict.pair];
        let own = moved(p.base.value, p.current.value);
        let f = match &verdict.finding {
            Ok(finding) => finding,
            Err(NotScored::Negative) => {
                return format!(
                    "not scored: {} is negative in a window, a correction of earlier records",
                    settings.measure
                );
            }
            Err(NotScored::Empty) => return format!("not scored: no {} in either window", settings.measure),
            Err(NotScored::NoOtherDestination) => {
                return format!(
                    "not scored: {} {own}, and the product has no other {} to compare it with",
                    settings.measure, settings.across
                );
            }
        };
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
            "{} to {} {own} (from {} to {}){}; the product elsewhere and the {} in other products give \
             an expected value of {} (robust z {})",
            settings.measure,
            self.destination(verdict.pair),
            figure(p.base.value),
            figure(p.current.value),
            against.unwrap_or_default(),
            settings.across,
            figure(f.expected),
            figure(f.z.abs())
        )
    }

    fn at_stake(&self, _at: usize, verdict: &Self::Verdict) -> f64 {
        scored(verdict).map_or(f64::NAN, |f| (f.observed - f.expected).abs())
    }

    fn evidence(&self) -> Vec<Evidence<Self>> {
        vec![
            Evidence { name: "base", read: Reader::Number(|s, _, verdict| s.number(verdict, |p| p.base.value)) },
            Evidence { name: "current", read: Reader::Number(|s, _, verdict| s.number(verdict, |p| p.current.value)) },
            Evidence { name: "growth", read: Reader::Number(|s, _, verdict| s.number(verdict, growth)) },
            Evidence {
                name: "growth_others",
                read: Reader::Number(|s, _, verdict| s.number(verdict, |p| libm::exp(p.others) - 1.0)),
            },
            Evidence {
                name: "log_divergence",
                read: Reader::Number(|s, _, verdict| s.number(verdict, |p| p.growth - p.others)),
            },
            Evidence {
                name: "ratio_of_ratios",
                read: Reader::Number(|s, _, verdict| s.number(verdict, |p| libm::exp(p.growth - p.others))),
            },
            Evidence {
                name: "against",
                read: Reader::Text(|s, _, verdict| s.against(verdict).map(|pair| s.destination(pair))),
            },
            Evidence {
                name: "growth_against",
                read: Reader::Number(|s, _, verdict| {
                    s.number(verdict, |p| p.against.map_or(f64::NAN, |pair| growth(&s.model.pairs[pair])))
                }),
            },
        ]
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
    fn rows(&self, at: usize, _verdict: &Self::Verdict) -> Result<Vec<u32>> {
        let [base, current] = self.model.windows.each_ref().map(|w| w.days);
        let mut rows = Vec::new();
        for window in [base, current] {
            rows.extend(self.flows.window(window).map(|span| self.flows.rows_within(at, span)).unwrap_or_default());
        }
        Ok(rows)
    }
}
