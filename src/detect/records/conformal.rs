//! Conformal p-values: a score compared with the scores of the fitted shipments.

use crate::evidence::ScoreColumn;

/// The peer group of every shipment.
pub const PEER: &str = "all shipments fitted";

/// The caution of shipments that are compared with each other. Their p-values would be ranks: the smallest of n is 1 / n,
/// so none could pass a false discovery rate.
pub const LEAD: &str = "a lead, not a finding: it is compared with the data it belongs to, so it has a rank and no \
                        p-value; fit on earlier shipments to get findings";

/// A score, the median score of the fitted shipments, and the share of these with at least this score, with the shipment
/// itself added.
pub struct Conformal {
    pub score: f64,
    pub median: f64,
    p: f64,
}

impl Conformal {
    /// `less` of the `fitted` shipments have a lower score.
    pub fn new(score: f64, median: f64, less: u64, fitted: u64) -> Conformal {
        Conformal { score, median, p: (1 + fitted - less) as f64 / (fitted + 1) as f64 }
    }

    /// Without a p-value, if the shipment is one of those fitted.
    pub fn lead_if(self, own: bool) -> Conformal {
        if own { Conformal { p: f64::NAN, ..self } } else { self }
    }

    /// A column of the score table; `peers` is the number of fitted shipments.
    pub fn value(&self, column: ScoreColumn, peers: u64) -> f64 {
        match column {
            ScoreColumn::Score | ScoreColumn::Observed => self.score,
            ScoreColumn::PValue => self.p,
            ScoreColumn::Direction => f64::NAN,
            ScoreColumn::Expected => self.median,
            ScoreColumn::Peers => peers as f64,
        }
    }
}
