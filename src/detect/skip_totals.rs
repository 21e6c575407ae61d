//! Fits and scores leave out rows that are totals of other rows. These rows are in no peer group and have no score.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringViewArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::Field;

use crate::detect::{Detector, SharedFit};
use crate::error::Result;
use crate::evidence::{Account, Column, ScoreColumn, Scores, SharedScores};
use crate::group::{GroupKeys, IndexCache};
use crate::progress::Progress;
use crate::store::Shipments;

/// Fits a detector without the totals.
pub fn fit(detector: &dyn Detector, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
    match parts(ships, cache) {
        Some((kept, cache)) => detector.fit(&kept, &cache, progress),
        None => detector.fit(ships, cache, progress),
    }
}

/// Fits and scores the same shipments without the totals.
pub fn fit_score(
    detector: &dyn Detector,
    ships: &Shipments,
    cache: &IndexCache,
    progress: &Progress,
) -> Result<(SharedFit, SharedScores)> {
    let Some((kept, cache)) = parts(ships, cache) else { return detector.fit_score(ships, cache, progress) };
    let (fit, scores) = detector.fit_score(&kept, &cache, progress)?;
    Ok((fit, widened(ships, &kept, scores)))
}

/// Scores shipments without the totals.
pub fn score(fit: SharedFit, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
    match parts(ships, cache) {
        Some((kept, cache)) => Ok(widened(ships, &kept, fit.score(&kept, &cache, progress)?)),
        None => fit.score(ships, cache, progress),
    }
}

/// The shipments without totals, with their own cache; `None` if there are no totals.
fn parts(ships: &Shipments, cache: &IndexCache) -> Option<(Shipments, Arc<IndexCache>)> {
    ships.has_totals().then(|| (ships.without_totals(), cache.without_totals()))
}

/// Scores of single shipments, with a row for each total as well.
fn widened(ships: &Shipments, kept: &Shipments, scores: SharedScores) -> SharedScores {
    if scores.ships().is_none() {
        return scores; // groups are those of the rows kept
    }
    Arc::new(SkipTotalsScores { ships: ships.clone(), scores, place: ships.places_among(kept) })
}

struct SkipTotalsScores {
    ships: Shipments,
    scores: SharedScores,
    /// The position of each shipment among those scored.
    place: Vec<Option<u32>>,
}

impl SkipTotalsScores {
    fn at(&self, at: usize) -> Option<usize> {
        self.place[at].map(|p| p as usize)
    }

    /// The scored shipments within a range of all shipments.
    fn inner(&self, range: Range<usize>) -> Range<usize> {
        let mut known = self.place[range].iter().flatten();
        let Some(&first) = known.next() else { return 0..0 };
        first as usize..known.next_back().map_or(first, |&last| last) as usize + 1
    }

    /// Why a row that is a total has no score.
    fn reason(&self, at: usize) -> String {
        let why = self.ships.store.totals().reason(self.ships.rows.row(at)).unwrap_or_default();
        format!("not scored: the row is a total of other rows ({why})")
    }
}

impl Scores for SkipTotalsScores {
    fn detector(&self) -> &'static str {
        self.scores.detector()
    }

    fn ships(&self) -> Option<&Shipments> {
        Some(&self.ships)
    }

    fn groups(&self) -> Option<&GroupKeys> {
        None
    }

    fn len(&self) -> usize {
        self.ships.len()
    }

    fn keys(&self) -> Vec<Field> {
        self.scores.keys()
    }

    fn evidence(&self) -> Vec<Field> {
        self.scores.evidence()
    }

    fn read(&self, columns: &[Column], range: Range<usize>, progress: &Progress) -> Result<Vec<ArrayRef>> {
        let inner = self.inner(range.clone());
        let start = inner.start as u32;
        let made = self.scores.read(columns, inner, progress)?;
        let places: UInt32Array = self.place[range.clone()].iter().map(|place| place.map(|p| p - start)).collect();
        let one = |(array, column): (ArrayRef, &Column)| -> Result<ArrayRef> {
            Ok(match column {
                Column::Key(_) => {
                    let rows = range.clone().map(|at| self.ships.rows.row(at) as i64);
                    Arc::new(Int64Array::from_iter_values(rows))
                }
                Column::Reason => {
                    let reasons = array.as_string_view();
                    let text = |(i, at): (usize, usize)| match places.is_valid(i) {
                        true => reasons.value(places.value(i) as usize).to_owned(),
                        false => self.reason(at),
                    };
                    Arc::new(range.clone().enumerate().map(|place| Some(text(place))).collect::<StringViewArray>())
                }
                _ => take(&array, &places, None)?,
            })
        };
        made.into_iter().zip(columns).map(one).collect()
    }

    fn values(&self, column: ScoreColumn, range: Range<usize>, progress: &Progress) -> Result<Vec<f64>> {
        let inner = self.inner(range.clone());
        let start = inner.start;
        let made = self.scores.values(column, inner, progress)?;
        Ok(range.map(|at| self.at(at).map_or(f64::NAN, |at| made[at - start])).collect())
    }

    /// Totals have no p-value, so a screen never reads their accounts.
    fn accounts(&self, subjects: &[usize], progress: &Progress) -> Result<Vec<Account>> {
        let known: Vec<usize> = subjects.iter().filter_map(|&at| self.at(at)).collect();
        let mut made = self.scores.accounts(&known, progress)?.into_iter();
        let one = |&at: &usize| match self.at(at) {
            Some(_) => made.next().unwrap_or_default(),
            None => Account { reason: self.reason(at), ..Account::default() },
        };
        Ok(subjects.iter().map(one).collect())
    }
}
