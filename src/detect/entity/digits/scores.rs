//! The scores: one row for each entity.

use std::sync::Arc;

use arrow::buffer::ScalarBuffer;

use super::model::{EntityDigits, Model};
use crate::error::Result;
use crate::evidence::wording::figure;
use crate::evidence::{Evidence, Reader, ScoreColumn, Verdicts};
use crate::group::{GroupIndex, GroupKeys};
use crate::stats::exact_sum;

pub struct DigitScores {
    pub model: Arc<Model>,
    pub here: GroupKeys,
    pub index: Arc<GroupIndex>,
    /// The number of each entity in the fit.
    pub known: Vec<Option<u32>>,
    pub value: ScalarBuffer<f64>,
}

impl DigitScores {
    fn fitted(&self, number: &Option<u32>) -> Option<&EntityDigits> {
        number.map(|entity| &self.model.digits[entity as usize])
    }

    fn tested(&self, number: &Option<u32>) -> Option<&EntityDigits> {
        self.fitted(number).filter(|digits| !digits.p.is_nan())
    }
}

impl Verdicts for DigitScores {
    /// The number of the entity in the fit, which holds all results.
    type Verdict = Option<u32>;

    fn detector(&self) -> &'static str {
        "Digits"
    }

    fn groups(&self) -> Option<&GroupKeys> {
        Some(&self.here)
    }

    fn verdict(&self, at: usize) -> Option<u32> {
        self.known[at]
    }

    fn value(&self, column: ScoreColumn, _at: usize, number: &Option<u32>) -> f64 {
        if column == ScoreColumn::Peers {
            return self.fitted(number).map_or(f64::NAN, |digits| digits.n);
        }
        let Some(digits) = self.tested(number) else { return f64::NAN };
        match column {
            ScoreColumn::Score => -libm::log10(digits.p.max(1e-300)),
            ScoreColumn::PValue => digits.p,
            ScoreColumn::Direction => f64::NAN,
            ScoreColumn::Observed => digits.mad,
            ScoreColumn::Expected => digits.mad_expected,
            ScoreColumn::Peers => digits.n,
        }
    }

    fn peer(&self, _at: usize, number: &Option<u32>) -> Option<String> {
        self.tested(number).map(|digits| format!("other traders of its {} products", digits.products))
    }

    fn reason(&self, _at: usize, number: &Option<u32>) -> String {
        let settings = &self.model.settings;
        match self.fitted(number) {
            None => format!("not scored: this {} was not fitted", settings.entity),
            Some(d) if d.n < settings.min_values as f64 => format!(
                "not scored: {} values of 10 or more, fewer than min_values={}",
                figure(d.n),
                settings.min_values
            ),
            Some(d) if d.p.is_nan() && d.products >= settings.min_products => {
                "not scored: too few values that are not round, and none of four digits".into()
            }
            Some(d) if d.p.is_nan() => format!(
                "not scored: {} HS chapters, fewer than min_products={}: one product may not follow Benford's law",
                d.products, settings.min_products
            ),
            Some(d) => {
                let round = format!(
                    "of its values of four digits and more {:.1} % are round, {:.1} % expected (p {:.1e})",
                    100.0 * d.round,
                    100.0 * d.round_expected,
                    d.round_p
                );
                if d.ratio.is_nan() {
                    return format!("{round}; too few values that are not round to test their digits");
                }
                let round = if d.long > 0.0 { round } else { "it has no values of four digits".to_owned() };
                format!(
                    "the first two digits of {} values that are not round differ from those of other traders of its \
                     products by {} on average where chance gives {} (chi-square {} times its degrees of freedom, p \
                     {:.1e}); most in excess: {}, {:.1} % instead of {:.1} %; {round}",
                    figure(d.plain),
                    figure(d.mad),
                    figure(d.mad_expected),
                    figure(d.ratio),
                    d.digits_p,
                    d.most_in_excess.digits,
                    100.0 * d.most_in_excess.share,
                    100.0 * d.most_in_excess.expected,
                )
            }
        }
    }

    /// The whole value of the entity is in doubt.
    fn at_stake(&self, at: usize, _number: &Option<u32>) -> f64 {
        let known: Vec<f64> =
            self.index.rows(at).iter().map(|&r| self.value[r as usize]).filter(|v| v.is_finite()).collect();
        exact_sum(&known)
    }

    fn evidence(&self) -> Vec<Evidence<Self>> {
        vec![
            Evidence {
                name: "digits_p",
                read: Reader::Number(|s, _, number| s.tested(number).map_or(f64::NAN, |d| d.digits_p)),
            },
            Evidence {
                name: "round_share",
                read: Reader::Number(|s, _, number| s.tested(number).map_or(f64::NAN, |d| d.round)),
            },
            Evidence {
                name: "round_expected",
                read: Reader::Number(|s, _, number| s.tested(number).map_or(f64::NAN, |d| d.round_expected)),
            },
            Evidence {
                name: "round_p",
                read: Reader::Number(|s, _, number| s.tested(number).map_or(f64::NAN, |d| d.round_p)),
            },
        ]
    }

    fn rows(&self, at: usize, _number: &Option<u32>) -> Result<Vec<u32>> {
        Ok(self.index.rows(at).to_vec())
    }
}
