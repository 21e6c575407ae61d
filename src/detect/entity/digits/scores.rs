//! A row an entity.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::Field;

use super::{Model, Verdict};
use crate::error::Result;
use crate::evidence::wording::figure;
use crate::evidence::{SHARE, ScoreColumn, Scores};
use crate::group::{GroupIndex, GroupKeys};
use crate::progress::Progress;
use crate::stats::exact_sum;

pub struct DigitScores {
    pub model: Arc<Model>,
    pub here: GroupKeys,
    pub index: Arc<GroupIndex>,
    pub known: Vec<Option<u32>>,
    pub value: ScalarBuffer<f64>,
}

impl DigitScores {
    fn verdict(&self, at: usize) -> Option<&Verdict> {
        Some(&self.model.verdicts[self.known[at]? as usize])
    }
}

impl Scores for DigitScores {
    fn detector(&self) -> &'static str {
        "Digits"
    }

    fn groups(&self) -> Option<&GroupKeys> {
        Some(&self.here)
    }

    fn value(&self, column: ScoreColumn, at: usize) -> f64 {
        let Some(verdict) = self.verdict(at) else { return f64::NAN };
        if verdict.p.is_nan() && column != ScoreColumn::Peers {
            return f64::NAN;
        }
        match column {
            ScoreColumn::Score => -libm::log10(verdict.p.max(1e-300)),
            ScoreColumn::PValue => verdict.p,
            ScoreColumn::Direction => f64::NAN,
            ScoreColumn::Observed => verdict.mad,
            ScoreColumn::Expected => verdict.mad_expected,
            ScoreColumn::Peers => verdict.n,
        }
    }

    fn peer(&self, at: usize) -> Option<String> {
        self.verdict(at).filter(|v| !v.p.is_nan()).map(|v| format!("other traders of its {} products", v.products))
    }

    fn reason(&self, at: usize) -> String {
        let settings = &self.model.settings;
        match self.verdict(at) {
            None => format!("not scored: this {} was not fitted", settings.entity),
            Some(v) if v.n < settings.min_values as f64 => format!(
                "not scored: {} values of 10 or more, fewer than min_values={}",
                figure(v.n),
                settings.min_values
            ),
            Some(v) if v.p.is_nan() => format!(
                "not scored: {} HS chapters, fewer than min_products={}: the digits of one product need not be Benford's",
                v.products, settings.min_products
            ),
            Some(v) => format!(
                "the first two digits of {} values differ from those of other traders of its products by {} on average \
                 where chance gives {} (chi-square {} times its degrees of freedom, p {:.1e}); most in excess: {}, {:.1} % \
                 instead of {:.1} %; of its values of four digits and more {:.1} % are round, {:.1} % expected (p {:.1e})",
                figure(v.n),
                figure(v.mad),
                figure(v.mad_expected),
                figure(v.ratio),
                v.digits_p,
                v.most.0,
                100.0 * v.most.1,
                100.0 * v.most.2,
                100.0 * v.round,
                100.0 * v.round_expected,
                v.round_p
            ),
        }
    }

    /// Invented numbers put all of the entity's value in doubt.
    fn at_stake(&self, at: usize) -> f64 {
        let known: Vec<f64> =
            self.index.rows(at).iter().map(|&r| self.value[r as usize]).filter(|v| v.is_finite()).collect();
        exact_sum(&known)
    }

    fn evidence(&self) -> Vec<Field> {
        ["digits_p", "round_share", "round_expected", "round_p"]
            .into_iter()
            .map(|name| Field::new(name, arrow::datatypes::DataType::Float64, true))
            .collect()
    }

    fn evidence_column(&self, column: usize, range: std::ops::Range<usize>, progress: &Progress) -> Result<ArrayRef> {
        let cell = |v: &Verdict| [v.digits_p, v.round, v.round_expected, v.round_p][column];
        let values = progress.each(range, SHARE, |at| self.verdict(at).filter(|v| !v.p.is_nan()).map(cell))?;
        Ok(Arc::new(values.into_iter().collect::<Float64Array>()))
    }

    fn rows(&self, at: usize) -> Result<Vec<u32>> {
        Ok(self.index.rows(at).to_vec())
    }
}
