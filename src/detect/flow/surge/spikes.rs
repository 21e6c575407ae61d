//! The periods of a flow that are farthest from what its other periods lead to, and the tails of their scores.
//!
//! The scores are standard normal if the noise is. Longer tails are those of Tukey's h distributions: u = v exp(h v²), v
//! standard normal. h is learnt for each side from the largest scores of all flows.

use crate::stats::shift::Noise;
use crate::stats::{OrderStatistics, encode, ln, normal_of_student, normal_quantile, normal_two_sided, normal_upper};

/// The quantile of the largest scores of flows from which a tail is learnt.
const INNER: f64 = 0.8;

/// The periods of a flow that are farthest above and below what the others lead to.
#[derive(Clone, Copy)]
pub(super) struct Spikes {
    pub(super) kind: usize,
    pub(super) periods: usize,
    /// Of a flow that is not sparse.
    pub(super) noise: Noise,
    /// Of a sparse flow, the sizes of its periods with records.
    pub(super) sizes: Option<Sizes>,
    /// The normal score and the period, below and above.
    pub(super) sides: [Option<(f64, u32)>; 2],
}

impl Spikes {
    pub(super) fn none(kind: usize) -> Spikes {
        let noise = Noise { scale: f64::NAN, freedom: 1.0, dependence: 0.0 };
        Spikes { kind, periods: 0, noise, sizes: None, sides: [None; 2] }
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

/// Sparse flows with fewer periods with records have no test of a single period.
const FEW_SIZES: f64 = 5.0;

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

/// The periods of a sparse flow with values above those of its other periods with records, as deletion residuals of
/// logarithms. A small consignment is no dip of a flow that mostly rests. Their variance is at least that of the sizes of
/// records in all flows: a few records of one size do not show that all are of this size.
pub(super) fn large_sizes(y: &[f64], kind: usize, size_variance: f64) -> Option<Spikes> {
    let held = || y.iter().enumerate().filter(|(_, y)| **y > 0.0 && y.is_finite());
    let many = held().count() as f64;
    if many < FEW_SIZES {
        return None;
    }
    let mean = held().map(|(_, &y)| ln(y)).sum::<f64>() / many;
    let squares = held().map(|(_, &y)| ln(y) - mean).map(|off| off * off).sum::<f64>();
    let least = ln(1.0 + size_variance);
    let mut spikes = Spikes { sizes: Some(Sizes { many, mean, squares, least }), ..Spikes::none(kind) };
    let freedom = many - 2.0;
    for (at, &y) in held() {
        let off = (ln(y) - mean).max(0.0);
        let explained = off * off / (1.0 - 1.0 / many);
        let left = (squares - explained).max(freedom * least);
        spikes.add(normal_of_student((explained / (left / freedom)).sqrt(), freedom), at as u32);
    }
    Some(spikes)
}

/// The h of both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct LongTails([f64; 2]);

impl LongTails {
    /// Learns from all flows of a kind.
    pub(super) fn learn<'a>(all: impl Iterator<Item = &'a Spikes> + Clone) -> LongTails {
        let mut keys: Vec<i64> = all.clone().map(|s| s.periods as i64).collect();
        keys.sort_unstable();
        let Some(&periods) = keys.get(keys.len() / 2) else { return LongTails::default() };
        // The score that one of so many normal ones passes with this probability.
        let largest = |p: f64| -normal_quantile(-libm::expm1(libm::log1p(-p) / periods.max(1) as f64));
        let (p, many) = (1.0 - INNER, keys.len() as f64);
        // One standard error more, because a tail that is too short is the worse error.
        let less = (p - (p * (1.0 - p) / many).sqrt()).max(0.01 * p);
        let side = |side: usize| {
            let levels = all.clone().map(|spikes| {
                let score = spikes.sides[side].map_or(0.0, |(score, _)| score.abs());
                smallest_of(normal_upper(score), spikes.periods as f64)
            });
            let mut keys: Vec<i64> = levels.map(encode).collect();
            let level = OrderStatistics::new(&mut keys, false).quantile(p).unwrap_or(p);
            let (found, normal) = (largest(level.max(1e-12) * less / p), largest(p));
            if found > normal && normal > 1.0 { ln(found / normal) / (normal * normal) } else { 0.0 }
        };
        LongTails([side(0), side(1)])
    }

    /// Two-sided: twice the share beyond a score on its side.
    pub(super) fn p_value(&self, score: f64) -> f64 {
        let (h, u) = (self.0[usize::from(score > 0.0)], score.abs());
        if h <= 0.0 || !u.is_finite() {
            return normal_two_sided(u);
        }
        // v² = W(2 h u²) / 2 h with Lambert's W, by Newton steps from above: w + ln w = ln(2 h u²).
        let x = ln((2.0 * h * u * u).max(1e-300));
        let mut w = libm::exp(x.min(0.0)).max(x);
        for _ in 0..20 {
            w = (w * (1.0 + x - ln(w)) / (1.0 + w)).max(1e-300);
        }
        normal_two_sided((w / (2.0 * h)).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_tails_are_inverted() {
        let tails = LongTails([0.0, 0.03]);
        for v in [0.5f64, 2.0, 4.0, 6.0] {
            let p = tails.p_value(v * libm::exp(0.03 * v * v));
            assert!((p / normal_two_sided(v) - 1.0).abs() < 1e-6, "{v}");
            assert_eq!(tails.p_value(-v), normal_two_sided(v));
        }
        assert_eq!(tails.p_value(f64::INFINITY), 0.0);
        assert!((tails.p_value(0.0) - 1.0).abs() < 1e-9);
    }
}
