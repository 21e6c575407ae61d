//! The search with several regressors.

use fearless_simd::SimdBase;

use super::concentrate::{Candidate, UNKNOWN, concentrate, converge, foremost, squares};
use super::{Scratch, subsets, weighted};
use crate::stats::lanes::sums;

/// Fits to few points that are tried (robustbase's number).
pub const SUBSETS: usize = 500;
/// This many of them are concentrated twice, to learn which squares are large.
const FIRST: usize = 20;
/// How many are concentrated to the end.
const FINALISTS: usize = 12;

/// Exact fits to a few points, screened by their truncated squares, the best of them concentrated. `None` if no few
/// points separate the slopes.
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
    let mut best = converge(scratch, &best?.linear, h, UNKNOWN);
    let bound = best.bound(h);
    let truncated = starts.iter().map(|start| {
        squares(scratch, start);
        let [sum] = sums!([&scratch.squares], |[square]| [square.min(bound)]);
        sum
    });
    let truncated: Vec<f64> = truncated.collect();
    for start in foremost(&truncated, FINALISTS) {
        // A fit to a few points is seldom nearer than the best so far.
        let found = converge(scratch, &starts[start], h, 0.9 * best.threshold..3.0 * best.threshold);
        if found.objective < best.objective {
            best = found;
        }
    }
    Some(best)
}
