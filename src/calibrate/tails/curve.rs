//! The standard normal quantile of a score on one side, from a table that is computed once.

use super::law::Tail;
use super::sides::{INNER, Observed};

/// Beyond z = 1 there are marks for each power of two, up to 2^8.
const MARKS: u64 = 128;
const OCTAVES: u64 = 8;

/// Up to z = 1 the curve follows the scores themselves: there are no anomalies to keep out. Beyond, it follows the
/// fitted tail. Between two marks it is a straight line, so it never falls.
#[derive(Clone, Debug)]
pub struct Curve {
    pub tail: Tail,
    inner: Vec<f64>,
    outer: Vec<f64>,
    /// Whether the tail describes the scores.
    described: bool,
}

impl Curve {
    pub fn of(tail: Tail, observed: &Observed, described: bool) -> Curve {
        let mut outer: Vec<f64> = (0..=OCTAVES * MARKS).map(|mark| tail.normal(place(mark))).collect();
        if !described {
            // No law describes these scores. What was observed far out is natural.
            let beyond = observed.beyond();
            let all = observed.total();
            for (mark, normal) in (0u64..).zip(&mut outer) {
                let at = beyond.partition_point(|(z, _)| *z <= place(mark)).saturating_sub(1);
                let share = (beyond[at].1 / all).clamp(1e-300, 1.0);
                *normal = normal.min(-crate::stats::normal_quantile(0.5 * share));
            }
        }
        let from = outer[0];
        let beyond = both(from);
        let total: f64 = observed.inner.iter().sum();
        let (mut inner, mut below) = (vec![0.0], 0.0);
        for (i, count) in observed.inner.iter().enumerate() {
            below += count;
            let share = if total > 0.0 { below / total } else { (i + 1) as f64 / INNER as f64 };
            let p: f64 = 1.0 - (1.0 - beyond) * share;
            inner.push(-crate::stats::normal_quantile(0.5 * p.clamp(1e-300, 1.0)));
        }
        // The ends of both parts meet, and rounding does not make the curve fall.
        inner[INNER] = from;
        for part in [&mut inner, &mut outer] {
            for i in 1..part.len() {
                part[i] = part[i].max(part[i - 1]);
            }
        }
        Curve { tail, inner, outer, described }
    }

    pub fn normal(&self, z: f64) -> f64 {
        let z = z.abs();
        if z < 1.0 {
            let at = z * INNER as f64;
            let mark = (at as usize).min(INNER - 1);
            return self.inner[mark] + (at - mark as f64) * (self.inner[mark + 1] - self.inner[mark]);
        }
        let mark = ((z.to_bits() - 1.0f64.to_bits()) >> (52 - 7)) as usize;
        if mark + 1 >= self.outer.len() {
            let last = self.outer[self.outer.len() - 1];
            return match z.is_finite() && self.described {
                true => self.tail.normal(z).max(last),
                false if self.described => z,
                false => last,
            };
        }
        let (from, to) = (place(mark as u64), place(mark as u64 + 1));
        self.outer[mark] + (z - from) / (to - from) * (self.outer[mark + 1] - self.outer[mark])
    }
}

fn both(u: f64) -> f64 {
    crate::stats::normal_two_sided(u)
}

/// The score at a mark beyond 1.
fn place(mark: u64) -> f64 {
    f64::from_bits(1.0f64.to_bits() + (mark << (52 - 7)))
}

#[cfg(test)]
mod tests {
    use super::super::law::CAUTIOUS;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn follows_its_tail_and_never_falls(
            (a, b, c) in (-0.5..0.5f64, 0.0..0.5f64, 0.0..0.2f64),
            (share, ratio) in (0.0..0.3f64, 1.3..6.0f64),
            z in 1.0..400.0f64, step in 1.0..1.2f64,
        ) {
            let tail = Tail { a, b, c, share, ratio, times: 1.0 };
            let curve = Curve::of(tail, &Observed::default(), true);
            let (u, exact) = (curve.normal(z), tail.normal(z));
            prop_assert!((u - exact).abs() < 2e-4 * (1.0 + exact), "{} is not {}", u, exact);
            prop_assert!(curve.normal(z * step) >= u);
        }
    }

    #[test]
    fn the_parts_meet() {
        let curve = Curve::of(CAUTIOUS, &Observed::default(), true);
        assert_eq!(curve.normal(0.0), 0.0);
        assert!((curve.normal(1.0 - 1e-12) - curve.normal(1.0)).abs() < 1e-9);
        assert_eq!(curve.normal(f64::INFINITY), f64::INFINITY);
    }
}
