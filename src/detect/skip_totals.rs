//! A detector that leaves rows out that are totals of others: they are nobody's peers and have no score.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::Field;

use crate::detect::{Detector, Fit, SharedFit};
use crate::error::Result;
use crate::evidence::{Cautions, ScoreColumn, Scores, SharedScores};
use crate::group::IndexCache;
use crate::progress::Progress;
use crate::store::Shipments;

/// The detector, without totals.
pub struct SkipTotals<D>(pub D);

impl<D: Detector> Detector for SkipTotals<D> {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        let fit = match parts(ships, cache) {
            Some((kept, cache)) => self.0.fit(&kept, &cache, progress)?,
            None => self.0.fit(ships, cache, progress)?,
        };
        Ok(Arc::new(ApartFit(fit)))
    }

    fn fit_score(
        &self,
        ships: &Shipments,
        cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(SharedFit, SharedScores)> {
        let Some((kept, cache)) = parts(ships, cache) else {
            let (fit, scores) = self.0.fit_score(ships, cache, progress)?;
            return Ok((Arc::new(ApartFit(fit)), scores));
        };
        let (fit, scores) = self.0.fit_score(&kept, &cache, progress)?;
        Ok((Arc::new(ApartFit(fit)), widened(ships, &kept, scores)))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        Ok(Arc::new(ApartFit(self.0.restore(states, progress)?)))
    }
}

struct ApartFit(SharedFit);

impl Fit for ApartFit {
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        match parts(ships, cache) {
            Some((kept, cache)) => Ok(widened(ships, &kept, self.0.clone().score(&kept, &cache, progress)?)),
            None => self.0.clone().score(ships, cache, progress),
        }
    }

    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        self.0.state(progress)
    }
}

/// The shipments that are no totals, where some are, with a cache of their own.
fn parts(ships: &Shipments, cache: &IndexCache) -> Option<(Shipments, Arc<IndexCache>)> {
    ships.has_totals().then(|| (ships.without_totals(), cache.without_totals()))
}

/// Scores of single shipments with a line for the totals among them, too.
fn widened(ships: &Shipments, kept: &Shipments, scores: SharedScores) -> SharedScores {
    if scores.ships().is_none() {
        return scores; // groups are those of the rows kept
    }
    Arc::new(SkipTotalsScores { ships: ships.clone(), scores, place: ships.places_among(kept) })
}

struct SkipTotalsScores {
    ships: Shipments,
    scores: SharedScores,
    /// Where each shipment is among those scored.
    place: Vec<Option<u32>>,
}

impl SkipTotalsScores {
    fn at(&self, at: usize) -> Option<usize> {
        self.place[at].map(|p| p as usize)
    }

    /// The scored shipments that belong to a range of all.
    fn inner(&self, range: Range<usize>) -> Range<usize> {
        let mut known = self.place[range].iter().flatten();
        let Some(&first) = known.next() else { return 0..0 };
        first as usize..known.next_back().map_or(first, |&last| last) as usize + 1
    }
}

impl Scores for SkipTotalsScores {
    fn detector(&self) -> &'static str {
        self.scores.detector()
    }

    fn ships(&self) -> Option<&Shipments> {
        Some(&self.ships)
    }

    fn value(&self, column: ScoreColumn, at: usize) -> f64 {
        self.at(at).map_or(f64::NAN, |at| self.scores.value(column, at))
    }

    fn values(&self, column: ScoreColumn, range: Range<usize>, progress: &Progress) -> Result<Vec<f64>> {
        let inner = self.inner(range.clone());
        let start = inner.start;
        let made = self.scores.values(column, inner, progress)?;
        Ok(range.map(|at| self.at(at).map_or(f64::NAN, |at| made[at - start])).collect())
    }

    fn peer(&self, at: usize) -> Option<String> {
        self.scores.peer(self.at(at)?)
    }

    fn cautions(&self, progress: &Progress) -> Result<Cautions<'_>> {
        let inner = self.scores.cautions(progress)?;
        Ok(Box::new(move |at| inner(self.at(at)?)))
    }

    fn reason(&self, at: usize) -> String {
        match self.at(at) {
            Some(at) => self.scores.reason(at),
            None => {
                let why = self.ships.store.totals().reason(self.ships.rows.row(at)).unwrap_or_default();
                format!("not scored: the row is a total of other rows ({why})")
            }
        }
    }

    fn at_stake(&self, at: usize) -> f64 {
        self.at(at).map_or(f64::NAN, |at| self.scores.at_stake(at))
    }

    fn evidence(&self) -> Vec<Field> {
        self.scores.evidence().into_iter().map(|field| field.with_nullable(true)).collect()
    }

    fn evidence_column(&self, column: usize, range: Range<usize>, progress: &Progress) -> Result<ArrayRef> {
        let inner = self.inner(range.clone());
        let start = inner.start as u32;
        let made = self.scores.evidence_column(column, inner, progress)?;
        let places: UInt32Array = range.map(|at| self.place[at].map(|p| p - start)).collect();
        Ok(take(&made, &places, None)?)
    }
}
