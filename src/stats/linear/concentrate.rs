//! Concentration steps (Rousseeuw and Van Driessen 2006): the least squares fit to the h points nearest to
//! a fit has a smaller sum of their squares, until nothing changes. All of it in the points' frame.

use std::ops::Range;

use super::{Linear, Scratch, weighted};
use crate::stats::lanes::sums;
use crate::stats::select;

/// The largest number of steps. Most searches need fewer than ten.
const STEPS: usize = 60;

/// No estimate: all squares are examined.
pub const UNKNOWN: Range<f64> = 0.0..f64::INFINITY;

/// A fit, the largest of its h smallest squares, and their sum. A step's come from the fit it started from.
#[derive(Clone, Copy)]
pub struct Candidate {
    pub linear: Linear,
    pub threshold: f64,
    pub objective: f64,
}

impl Candidate {
    /// The bound of squares when starts are screened: about two and a half standard deviations.
    pub fn bound(&self, h: usize) -> f64 {
        6.0 * self.objective / h as f64
    }
}

/// The range in which the next fit's largest square is searched.
pub fn near(threshold: f64) -> Range<f64> {
    0.7 * threshold..1.2 * threshold
}

pub fn squares(scratch: &mut Scratch, linear: &Linear) {
    let Scratch { x, y, slopes, squares, .. } = scratch;
    squares.clear();
    let (first, slope) = (&x[0], linear.slopes[0]);
    if *slopes == 1 {
        squares.extend(first.iter().zip(y).map(|(u, v)| {
            let r = *v - (linear.intercept + slope * u);
            r * r
        }));
        return;
    }
    squares.extend(first.iter().zip(y).map(|(u, v)| *v - (linear.intercept + slope * u)));
    for (column, slope) in x[1..*slopes].iter().zip(&linear.slopes[1..]) {
        squares.iter_mut().zip(column).for_each(|(r, u)| *r -= slope * u);
    }
    squares.iter_mut().for_each(|r| *r *= *r);
}

/// One step: the least squares fit to the h points nearest to `linear`, and the sum of their squared
/// residuals from the old fit. Of points equally far the earlier ones are taken.
pub fn concentrate(scratch: &mut Scratch, linear: &Linear, h: usize, about: Range<f64>) -> Candidate {
    squares(scratch, linear);
    let (threshold, next) = select(&scratch.squares, h - 1, about, &mut scratch.bits);
    let Scratch { squares, weights, .. } = scratch;
    weights.clear();
    if next > threshold {
        weights.extend(squares.iter().map(|&s| if s <= threshold { 1.0 } else { 0.0 }));
    } else {
        let mut missing = h - squares.iter().filter(|s| **s < threshold).count();
        weights.extend(squares.iter().map(|&s| {
            let tied = s == threshold && missing > 0;
            missing -= usize::from(tied);
            f64::from(u8::from(tied || s < threshold))
        }));
    }
    let [objective] = sums!([&*squares, &*weights], |[s, w]| [s * w]);
    let next = if scratch.slopes == 1 { kept_line(scratch, h) } else { weighted(&scratch.points(), &scratch.weights) };
    Candidate { linear: next.unwrap_or(*linear), threshold, objective }
}

/// The line of the h points of weight one, the others having none, in one pass.
fn kept_line(scratch: &Scratch, h: usize) -> Option<Linear> {
    let [u, v, uu, uv] = sums!([&scratch.x[0], &scratch.y, &scratch.weights], |[u, v, w]| {
        let wu = w * u;
        [wu, w * v, wu * u, wu * v]
    });
    line_of(h as f64, u, v, uu, uv)
}

/// The least squares line from plain sums; `None` if all u are the same.
pub fn line_of(n: f64, u: f64, v: f64, uu: f64, uv: f64) -> Option<Linear> {
    let squares = uu - u * u / n;
    let slope = (uv - u * v / n) / squares;
    (squares > 1e-14 * uu && slope.is_finite()).then(|| Linear::line((v - slope * u) / n, slope))
}

/// Concentrates until nothing changes; the first step's largest square is looked for in `about`.
pub fn converge(scratch: &mut Scratch, linear: &Linear, h: usize, about: Range<f64>) -> Candidate {
    let mut best = Candidate { linear: *linear, threshold: f64::NAN, objective: f64::INFINITY };
    let (mut linear, mut about) = (*linear, about);
    for _ in 0..STEPS {
        let step = concentrate(scratch, &linear, h, about);
        if step.objective >= best.objective {
            break;
        }
        best = Candidate { linear, ..step };
        (linear, about) = (step.linear, near(step.threshold));
    }
    best
}

/// Which sums are the smallest, so many of them, from the smallest on.
pub fn foremost(sums: &[f64], how_many: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sums.len()).collect();
    order.sort_unstable_by(|&a, &b| sums[a].total_cmp(&sums[b]).then(a.cmp(&b)));
    order.truncate(how_many);
    order
}
