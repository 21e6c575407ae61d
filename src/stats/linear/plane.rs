//! The search with several regressors.

use super::concentrate::{Candidate, UNKNOWN, concentrate, converge, finish, squares};
use super::{Scratch, subsets, weighted};
use crate::stats::lanes::{Lanes, sums};

/// Fits to few points that are tried (robustbase's number).
pub const SUBSETS: usize = 500;
/// So many of them are concentrated twice, to know which squares are large.
const FIRST: usize = 20;
/// How many are concentrated to the end.
const FINALISTS: usize = 12;
/// Squares count up to this many times the mean of the best fit's: two and a half standard deviations, or so.
const TRUNCATED: f64 = 6.0;

/// Exact fits to a few points, screened by their truncated squares, the best of them concentrated. `None`
/// where no few points tell the slopes apart.
pub fn search(scratch: &mut Scratch, h: usize) -> Option<Candidate> {
    let starts = subsets::fits(&scratch.points(), SUBSETS);
    let of_all = weighted(&scratch.points(), &vec![1.0; scratch.y.len()]);
    let mut best: Option<Candidate> = None;
    for start in of_all.iter().chain(starts.iter().step_by(starts.len().div_ceil(FIRST).max(1))) {
        let step = concentrate(scratch, start, h, UNKNOWN);
        let found = concentrate(scratch, &step.linear, h, UNKNOWN);
        if best.is_none_or(|best| found.objective < best.objective) {
            best = Some(found);
        }
    }
    let best = converge(scratch, &best?.linear, h, UNKNOWN);
    let bound = Lanes::splat(best.objective / h as f64 * TRUNCATED);
    let truncated = starts.iter().map(|start| {
        squares(scratch, start);
        let [sum] = sums([&scratch.squares], |[square]| [square.fast_min(bound)]);
        sum
    });
    let truncated: Vec<f64> = truncated.collect();
    Some(finish(scratch, &starts, &truncated, FINALISTS, h, best))
}
