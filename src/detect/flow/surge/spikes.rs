//! The periods of a flow that are farthest from what its other periods lead to. Their scores are standard normal if the
//! noise is normal; longer tails are learnt from the scores of all flows of a kind.

use crate::stats::shift::Noise;
use crate::stats::{ln, normal_of_student};

/// Sparse flows with fewer periods with records have no test of a single period.
const FEW_SIZES: f64 = 5.0;

/// What the periods of a flow are compared with.
#[derive(Clone, Copy)]
pub(super) enum Usual {
    /// The noise of the flow.
    Noise(Noise),
    /// Of a sparse flow, the sizes of its periods with records.
    Sizes(Sizes),
    /// The tails of other scores.
    Other,
}

/// The periods of a flow that are farthest above and below what the others lead to.
#[derive(Clone, Copy)]
pub(super) struct Spikes {
    pub(super) kind: usize,
    pub(super) usual: Usual,
    periods: usize,
    /// The normal score and the period, below and above.
    sides: [Option<(f64, u32)>; 2],
}

impl Spikes {
    pub(super) fn none(kind: usize, usual: Usual) -> Spikes {
        Spikes { kind, usual, periods: 0, sides: [None; 2] }
    }

    pub(super) fn add(&mut self, score: f64, at: u32) {
        self.periods += 1;
        let side = &mut self.sides[usize::from(score > 0.0)];
        if side.is_none_or(|(most, _)| score.abs() > most.abs()) {
            *side = Some((score, at));
        }
    }

    /// The smallest p-value of all periods, with the choice among them, and its period.
    pub(super) fn smallest(&self, p_value: impl Fn(f64, u32) -> f64) -> Option<(f64, u32)> {
        let sides = self.sides.into_iter().flatten().map(|(score, at)| (p_value(score, at), at));
        let (p, at) = sides.min_by(|a, b| a.0.total_cmp(&b.0))?;
        Some((smallest_of(p, self.periods as f64), at))
    }
}

/// The p-value of the smallest of n p-values: 1 - (1 - p)^n (Tippett 1931).
pub(super) fn smallest_of(p: f64, n: f64) -> f64 {
    if p >= 1.0 { 1.0 } else { -libm::expm1(n * libm::log1p(-p)) }
}

/// The logarithms of the values of the periods with records.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    many: f64,
    mean: f64,
    /// The sum of squares around the mean.
    squares: f64,
    /// The smallest variance.
    least: f64,
}

impl Sizes {
    /// How far another value is above these, as a standard normal score.
    pub(super) fn score(self, value: f64) -> f64 {
        if value <= 0.0 {
            return 0.0;
        }
        let freedom = self.many - 1.0;
        let error = (self.squares / freedom).max(self.least) * (1.0 + 1.0 / self.many);
        normal_of_student(((ln(value) - self.mean) / error.sqrt()).max(0.0), freedom)
    }
}

/// The sizes of the periods with records of a sparse flow, and the normal score of each: the deletion residual of its
/// logarithm. The variance is at least that of the sizes of records in all flows: a few records of one size do not show
/// that all are of this size.
pub(super) fn sizes(y: &[f64], size_variance: f64, scores: &mut Vec<(f64, u32)>) -> Option<Sizes> {
    let held = || y.iter().enumerate().filter(|(_, y)| **y > 0.0 && y.is_finite());
    let many = held().count() as f64;
    scores.clear();
    if many < FEW_SIZES {
        return None;
    }
    let mean = held().map(|(_, &y)| ln(y)).sum::<f64>() / many;
    let squares = held().map(|(_, &y)| ln(y) - mean).map(|off| off * off).sum::<f64>();
    let least = ln(1.0 + size_variance);
    let freedom = many - 2.0;
    scores.extend(held().map(|(at, &y)| {
        let off = ln(y) - mean;
        let explained = off * off / (1.0 - 1.0 / many);
        let left = (squares - explained).max(freedom * least);
        (normal_of_student((explained / (left / freedom)).sqrt(), freedom).copysign(off), at as u32)
    }));
    Some(Sizes { many, mean, squares, least })
}
