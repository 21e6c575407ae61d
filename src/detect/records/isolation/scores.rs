//! Scores of the forest, and the reasons.

use std::sync::Arc;

use arrow::buffer::ScalarBuffer;

use super::model::Model;
use crate::detect::records::conformal::{Conformal, LEAD, PEER};
use crate::error::Result;
use crate::evidence::wording::figure;
use crate::evidence::{Cautions, ScoreColumn, Verdicts};
use crate::progress::Progress;
use crate::store::Shipments;

pub struct ForestScores {
    pub model: Arc<Model>,
    pub ships: Shipments,
    pub columns: Vec<ScalarBuffer<f64>>,
    pub scores: Vec<f64>,
    /// The shipments are the fitted ones.
    pub own: bool,
}

impl ForestScores {
    /// The part of each column in the isolation of a shipment: its share of the cuts on the paths. The first cut of a
    /// path counts one, the second a half, and so on.
    fn shares(&self, at: usize) -> Vec<f64> {
        let mut shares = vec![0.0; self.columns.len()];
        for tree in &self.model.trees {
            let mut node = 0;
            let mut weight = 1.0;
            for _ in 0..tree.depth {
                let column = tree.column[node] as usize;
                let real = tree.bound[node] != f64::INFINITY || tree.null_right[node];
                let right = tree.right(node, self.columns[column][at]);
                if real {
                    shares[column] += weight;
                    weight *= 0.5;
                }
                node = 2 * node + 1 + usize::from(right);
            }
        }
        let total: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|s| *s /= total.max(f64::MIN_POSITIVE));
        shares
    }
}

impl Verdicts for ForestScores {
    type Verdict = Conformal;

    fn detector(&self) -> &'static str {
        "Isolation"
    }

    fn ships(&self) -> Option<&Shipments> {
        Some(&self.ships)
    }

    fn verdict(&self, at: usize) -> Conformal {
        let (calibration, score) = (&self.model.calibration, self.scores[at]);
        let held = calibration.last().map_or(0, |c| c.1);
        let step = calibration.partition_point(|c| c.0 < score);
        let less = if step == 0 { 0 } else { calibration[step - 1].1 };
        let median = calibration.get(calibration.len() / 2).map_or(f64::NAN, |c| c.0);
        Conformal::new(score, median, less, held).lead_if(self.own)
    }

    fn value(&self, column: ScoreColumn, _at: usize, verdict: &Conformal) -> f64 {
        verdict.value(column, self.model.n)
    }

    fn peer(&self, _at: usize, _verdict: &Conformal) -> Option<String> {
        Some(PEER.into())
    }

    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_, Conformal>> {
        Ok(Box::new(|_, _| self.own.then(|| LEAD.to_owned())))
    }

    fn reason(&self, at: usize, verdict: &Conformal) -> String {
        let mut parts: Vec<(f64, usize)> = self.shares(at).into_iter().zip(0..).collect();
        parts.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let shown: Vec<String> = parts
            .into_iter()
            .take(3)
            .map(|(share, c)| {
                let feature = &self.model.pool.features[c];
                let x = self.columns[c][at];
                let value = match &feature.labels {
                    _ if x.is_nan() => "(none)".to_owned(),
                    Some(labels) => {
                        labels.get(x as usize).filter(|_| x.is_finite()).cloned().unwrap_or("(new value)".into())
                    }
                    None => figure(x),
                };
                format!("{} {value} ({:.0} % of the cuts)", feature.name, 100.0 * share)
            })
            .collect();
        format!(
            "random cuts isolate it with a score of {:.3}, the median shipment with {:.3}; most by {}",
            verdict.score,
            verdict.median,
            shown.join(", ")
        )
    }

    fn at_stake(&self, _at: usize, _verdict: &Conformal) -> f64 {
        f64::NAN
    }
}
