//! The search for the line whose h smallest squared residuals sum to the least.

use super::concentrate::{Candidate, UNKNOWN, converge, finish};
use super::frame::{ordered, unordered};
use super::{Linear, Scratch};
use crate::stats::Random;
use crate::stats::lanes::{Lanes, sums};

/// Pairs of points tried as starting lines: for groups of a few hundred points, and for larger ones.
const PAIRS: (usize, usize) = (32, 400);
/// How many of them are concentrated to the end.
const FINALISTS: (usize, usize) = (2, 12);
/// From here on the larger numbers apply.
const LARGE: usize = 600;
/// Points that the first line is made from, at the most.
const PART: usize = 100;
/// Squares count up to this many times the mean of the best line's: two and a half standard deviations, or so.
const TRUNCATED: f64 = 6.0;

/// Lines through pairs of points, screened by their truncated squares, the best of them concentrated.
pub fn search(scratch: &mut Scratch, h: usize) -> Candidate {
    let n = scratch.y.len();
    let (pairs, finalists) = if n < LARGE { (PAIRS.0, FINALISTS.0) } else { (PAIRS.1, FINALISTS.1) };
    let first = middle_line(scratch);
    let best = converge(scratch, &first, h, UNKNOWN);
    let bound = best.objective / h as f64 * TRUNCATED;
    let (mut starts, mut sums) = (Vec::with_capacity(pairs), Vec::with_capacity(pairs));
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15 ^ n as u64);
    let (u, v) = (&scratch.x[0], &scratch.y);
    for _ in 0..pairs {
        let (i, j) = (random.below(n), random.below(n));
        let run = u[j] - u[i];
        if run == 0.0 {
            continue;
        }
        let slope = (v[j] - v[i]) / run;
        let line = Linear::line(v[i] - slope * u[i], slope);
        sums.push(truncated(u, v, &line, bound));
        starts.push(line);
    }
    finish(scratch, &starts, &sums, finalists, h, best)
}

/// The line through the middle slope of points half the range of x apart: good where fewer than a quarter
/// of the points are off. A part of the points, all along x, is enough to begin with.
fn middle_line(scratch: &mut Scratch) -> Linear {
    let Scratch { x, y, bits, .. } = scratch;
    let (u, n) = (&x[0], y.len());
    let (half, part) = (n / 2, n.div_ceil(PART));
    bits.clear();
    for i in (0..half).step_by(part) {
        let run = u[i + n - half] - u[i];
        if run > 0.0 {
            bits.push(ordered((y[i + n - half] - y[i]) / run));
        }
    }
    let slope = if bits.is_empty() { 0.0 } else { upper_median(bits) };
    bits.clear();
    bits.extend(u.iter().zip(y).step_by(part).map(|(u, v)| ordered(*v - slope * u)));
    Linear::line(upper_median(bits), slope)
}

fn upper_median(bits: &mut [u64]) -> f64 {
    unordered(*bits.select_nth_unstable(bits.len() / 2).1)
}

/// The sum of squared residuals, none counted as more than `bound`.
fn truncated(u: &[f64], v: &[f64], line: &Linear, bound: f64) -> f64 {
    let (bound, intercept, slope) = (Lanes::splat(bound), Lanes::splat(line.intercept), Lanes::splat(line.slopes[0]));
    let [sum] = sums([u, v], |[u, v]| {
        let r = v - (intercept + slope * u);
        [(r * r).fast_min(bound)]
    });
    sum
}
