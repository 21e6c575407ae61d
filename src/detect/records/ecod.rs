//! `Ecod`: does a shipment lie in the tails of several columns?
//!
//! The detector of Li et al. (2022) with empirical cumulative distribution functions. The fit keeps the distribution
//! functions, so a score never depends on the shipments scored together with it. For each column U_l = -ln F(x), U_r =
//! -ln F⁻(x), and U_skew is the tail on the side of the skewness (the sum of both without skewness). The score is the
//! sum over columns of the largest of the three. The p-value is conformal: the share of fitted shipments, this one
//! included, with a score at least as high. Shipments that are compared with each other are
//! leads without a p-value: it would only be a rank.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::ScalarBuffer;
use rayon::prelude::*;

use crate::detect::records::conformal::{Conformal, LEAD, PEER};
use crate::detect::records::matrix::{self, Feature};
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::{Error, Result};
use crate::evidence::wording::figure;
use crate::evidence::{Cautions, ScoreColumn, SharedScores, Verdicts};
use crate::group::IndexCache;
use crate::progress::Progress;
use crate::stats::{decode, encode, exact_sum_where, ln};
use crate::store::Shipments;
use crate::table::table;

#[derive(Clone, Debug, PartialEq)]
pub struct Ecod {
    pub columns: Vec<String>,
}

/// The distribution of one column.
struct Margin {
    name: String,
    /// Ascending; nulls are left out.
    sorted: Vec<f64>,
    /// Every [`STRIDE`]th value. They are few enough to stay in the cache during scoring.
    signposts: Vec<f64>,
    skewness: f64,
}

const STRIDE: usize = 64;

struct Model {
    settings: Ecod,
    features: Vec<Feature>,
    margins: Vec<Margin>,
    /// The scores of the fitted shipments, ascending.
    calibration: Vec<f64>,
    own: Vec<f64>,
}

impl Margin {
    /// The distribution of a column, and the tail of each of its values. `logs` holds the logarithms of the whole
    /// numbers up to the number of rows.
    fn of(feature: &Feature, logs: &[f64], progress: &Progress) -> Result<(Margin, Vec<f64>)> {
        // Values with their positions, sorted. The positions give the ranks without a search.
        let mut keys: Vec<(i64, u32)> = feature
            .values
            .iter()
            .enumerate()
            .filter(|(_, v)| !v.is_nan())
            .map(|(i, &v)| (encode(v + 0.0), i as u32))
            .collect();
        progress.check()?;
        keys.par_sort_unstable();
        progress.check()?;
        let sorted: Vec<f64> = keys.par_iter().with_min_len(1 << 12).map(|&(k, _)| decode(k)).collect();
        let skewness = skewness(&sorted);
        progress.check()?;
        let signposts = sorted.iter().copied().step_by(STRIDE).collect();
        let margin = Margin { name: feature.name.clone(), sorted, signposts, skewness };
        let n = keys.len();
        let mut tails = vec![0.0; feature.values.len()];
        let mut from = 0;
        while from < n {
            progress.check()?;
            let mut to = from + 1;
            while to < n && keys[to].0 == keys[from].0 {
                to += 1;
            }
            let tail = margin.tail(logs[n] - logs[to], logs[n] - logs[n - from]);
            keys[from..to].iter().for_each(|&(_, i)| tails[i as usize] = tail);
            from = to;
        }
        Ok((margin, tails))
    }

    /// The largest of the three tails of a value, from -ln F and -ln F⁻.
    fn tail(&self, left: f64, right: f64) -> f64 {
        let skewed = if self.skewness < 0.0 {
            left
        } else if self.skewness > 0.0 {
            right
        } else {
            left + right
        };
        left.max(right).max(skewed)
    }

    /// The number of fitted values up to x, and the number below x.
    fn places(&self, x: f64) -> (usize, usize) {
        let (below, up_to) = (self.count(|v| v < x), self.sorted.len());
        if below == up_to || self.sorted[below] != x {
            return (below, below);
        }
        let alone = self.sorted.get(below + 1).is_none_or(|&next| next != x);
        (if alone { below + 1 } else { self.count(|v| v <= x) }, below)
    }

    /// The number of fitted values for which `inside` is true. It is true for the first values only.
    fn count(&self, inside: impl Fn(f64) -> bool) -> usize {
        let from = self.signposts.partition_point(|&v| inside(v)).saturating_sub(1) * STRIDE;
        let to = (from + STRIDE).min(self.sorted.len());
        from + self.sorted[from..to].partition_point(|&v| inside(v))
    }

    /// A missing value adds nothing.
    fn at(&self, x: f64) -> f64 {
        if x.is_nan() || self.sorted.is_empty() {
            return 0.0;
        }
        let (up_to, below) = self.places(x);
        let n = self.sorted.len();
        self.tail(surprise(up_to, n), surprise(n - below, n))
    }
}

/// -ln(part / whole).
fn surprise(part: usize, whole: usize) -> f64 {
    ln(whole as f64) - ln(part.max(1) as f64)
}

/// The skewness of the sample, m3 / m2^1.5, from exactly rounded sums.
fn skewness(sorted: &[f64]) -> f64 {
    let n = sorted.len() as f64;
    let mut terms = Vec::new();
    let mean = exact_sum_where(sorted.len(), &mut terms, |i| sorted[i]) / n;
    let off = |i: usize| sorted[i] - mean;
    let second = exact_sum_where(sorted.len(), &mut terms, |i| off(i) * off(i)) / n;
    let third = exact_sum_where(sorted.len(), &mut terms, |i| off(i) * (off(i) * off(i))) / n;
    let skewness = third / (second * second.sqrt());
    if skewness.is_finite() { skewness } else { 0.0 }
}

impl Ecod {
    fn model(&self, features: Vec<Feature>, progress: &Progress) -> Result<Model> {
        let rows = features.first().map_or(0, |f| f.values.len());
        if let Some(empty) = features.iter().find(|f| f.values.iter().all(|v| v.is_nan())) {
            return Err(Error::Argument(format!(
                "column {:?} has no value to learn from; leave it out of columns",
                empty.name
            )));
        }
        progress.begin("fitting", features.len() as u64);
        let logs: Vec<f64> = (0..rows + 1).into_par_iter().with_min_len(1 << 12).map(|k| ln(k.max(1) as f64)).collect();
        let fitted: Result<Vec<(Margin, Vec<f64>)>> = features
            .par_iter()
            .map(|feature| {
                let made = Margin::of(feature, &logs, progress)?;
                progress.advance(1);
                Ok(made)
            })
            .collect();
        let (margins, tails): (Vec<Margin>, Vec<Vec<f64>>) = fitted?.into_iter().unzip();
        progress.check()?;
        let mut own = vec![0.0; rows];
        own.par_chunks_mut(1 << 13).enumerate().for_each(|(chunk, own)| {
            let from = chunk << 13;
            for tails in &tails {
                own.iter_mut().zip(&tails[from..]).for_each(|(own, tail)| *own += tail);
            }
        });
        progress.check()?;
        let mut keys: Vec<i64> = own.par_iter().with_min_len(1 << 12).map(|&s| encode(s)).collect();
        keys.par_sort_unstable();
        progress.check()?;
        let calibration = keys.into_par_iter().with_min_len(1 << 12).map(decode).collect();
        Ok(Model { settings: self.clone(), features, margins, calibration, own })
    }
}

impl Registered for Ecod {
    const NAME: &'static str = "Ecod";

    fn of_parameters(parameters: &Parameters) -> Result<Ecod> {
        Ok(Ecod { columns: parameters.names("columns")? })
    }
}

impl Detector for Ecod {
    fn fit(&self, ships: &Shipments, _cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        Ok(Arc::new(self.model(matrix::load(ships, &self.columns, false, progress)?, progress)?))
    }

    fn fit_score(
        &self,
        ships: &Shipments,
        _cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(SharedFit, SharedScores)> {
        let model = Arc::new(self.model(matrix::load(ships, &self.columns, false, progress)?, progress)?);
        let columns = model.features.iter().map(|f| f.values.clone()).collect();
        let scores = model.own.clone();
        let scores = EcodScores { scores, columns, ships: ships.clone(), model: model.clone(), own: true };
        Ok((model, Arc::new(scores)))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        Ok(Arc::new(self.model(matrix::from_columns(states, &self.columns, false, "Ecod")?, progress)?))
    }
}

impl Fit for Model {
    fn score(self: Arc<Self>, ships: &Shipments, _cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let columns: Vec<ScalarBuffer<f64>> =
            matrix::load(ships, &self.settings.columns, false, progress)?.into_iter().map(|f| f.values).collect();
        // Column by column over blocks of rows, so that the signposts of one column stay in the fastest cache.
        let mut scores = vec![0.0; ships.len()];
        scores.par_chunks_mut(1 << 10).enumerate().for_each(|(chunk, scores)| {
            for (margin, column) in self.margins.iter().zip(&columns).take_while(|_| !progress.stopped()) {
                let values = &column[chunk << 10..];
                scores.iter_mut().zip(values).for_each(|(score, &x)| *score += margin.at(x));
            }
        });
        progress.check()?;
        Ok(Arc::new(EcodScores { scores, columns, ships: ships.clone(), model: self, own: false }))
    }

    /// The fitted columns, one row for each shipment, sorted by value. They are the distribution functions.
    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        let rows = self.own.len();
        let mut order: Vec<u32> = (0..rows as u32).collect();
        let key = |row: u32| self.features.iter().map(move |f| encode(f.values[row as usize]));
        order.par_sort_unstable_by(|&a, &b| key(a).cmp(key(b)));
        progress.check()?;
        let sorted: Vec<Feature> = self
            .features
            .iter()
            .map(|f| Feature {
                name: f.name.clone(),
                values: order.iter().map(|&row| f.values[row as usize]).collect::<Vec<f64>>().into(),
                labels: None,
            })
            .collect();
        table(matrix::to_columns(&sorted), rows)
    }
}

struct EcodScores {
    model: Arc<Model>,
    ships: Shipments,
    columns: Vec<ScalarBuffer<f64>>,
    scores: Vec<f64>,
    /// The shipments are the fitted ones.
    own: bool,
}

impl Verdicts for EcodScores {
    type Verdict = Conformal;

    fn detector(&self) -> &'static str {
        "Ecod"
    }

    fn ships(&self) -> Option<&Shipments> {
        Some(&self.ships)
    }

    fn verdict(&self, at: usize) -> Conformal {
        let (calibration, score) = (&self.model.calibration, self.scores[at]);
        let n = calibration.len();
        let less = calibration.partition_point(|&s| s < score);
        let median = calibration.get(n / 2).copied().unwrap_or(f64::NAN);
        Conformal::new(score, median, less as u64, n as u64).lead_if(self.own)
    }

    fn value(&self, column: ScoreColumn, _at: usize, verdict: &Conformal) -> f64 {
        verdict.value(column, self.model.calibration.len() as u64)
    }

    fn peer(&self, _at: usize, _verdict: &Conformal) -> Option<String> {
        Some(PEER.into())
    }

    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_, Conformal>> {
        Ok(Box::new(|_, _| self.own.then(|| LEAD.to_owned())))
    }

    fn reason(&self, at: usize, verdict: &Conformal) -> String {
        let mut parts: Vec<(f64, String)> = self
            .model
            .margins
            .iter()
            .zip(&self.columns)
            .filter(|(_, column)| !column[at].is_nan())
            .map(|(margin, column)| {
                let x = column[at];
                let (up_to, below) = margin.places(x);
                let n = margin.sorted.len();
                let (left, right) = (up_to.max(1) as f64 / n as f64, (n - below).max(1) as f64 / n as f64);
                let (side, share) = if left < right { ("low", left) } else { ("high", right) };
                let text = format!("{} {} is among the {} % {side}est", margin.name, figure(x), figure(100.0 * share));
                (margin.at(x), text)
            })
            .collect();
        parts.sort_by(|a, b| b.0.total_cmp(&a.0));
        let most: Vec<String> = parts.into_iter().take(3).map(|(_, text)| text).collect();
        if most.is_empty() {
            return "not scored: every column is null".into();
        }
        format!(
            "{}; the score is {}, that of the median shipment {}",
            most.join(", "),
            figure(verdict.score),
            figure(verdict.median)
        )
    }

    fn at_stake(&self, _at: usize, _verdict: &Conformal) -> f64 {
        f64::NAN
    }
}
