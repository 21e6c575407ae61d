//! The law of natural scores on one side, and its tail.

use std::f64::consts::{PI, SQRT_2};

/// A core, and if needed a looser part: z = u exp(a + b u + c u²) with u the standard normal quantile, for the looser
/// part with z / ratio instead of z.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    pub a: f64,
    pub b: f64,
    pub c: f64,
    /// The share of the looser part.
    pub share: f64,
    /// How many times wider the looser part is.
    pub ratio: f64,
    /// The law's number of scores on this side, relative to the natural ones there are. The law is fitted away from the
    /// centre, so this is not always 1.
    pub times: f64,
}

/// About the tail of a Student's t with four degrees of freedom.
pub const CAUTIOUS: Tail = Tail { a: 0.06, b: 0.0, c: 0.09, share: 0.0, ratio: 1.0, times: 1.0 };

/// Beyond this probability the logarithm of a tail is used.
const UNDERFLOW: f64 = 1e-280;

/// The standard normal quantile u for a score z > 0 under z = u exp(a + b u + c u²), by Newton's method in ln u from a
/// first guess. The function is increasing and convex there, so the method converges.
pub(super) fn quantile(z: f64, a: f64, b: f64, c: f64, guess: f64) -> f64 {
    let target = libm::log(z) - a;
    let mut u = guess.clamp(1e-6, 40.0);
    for _ in 0..60 {
        let off = libm::log(u) + b * u + c * u * u - target;
        let slope = 1.0 + b * u + 2.0 * c * u * u;
        let next = u * libm::exp(-(off / slope).clamp(-2.0, 2.0));
        let done = (next - u).abs() <= 1e-9 * u;
        u = next;
        if done {
            break;
        }
    }
    u
}

/// The density of the standard normal.
pub(super) fn density(u: f64) -> f64 {
    libm::exp(-0.5 * u * u) / (2.0 * PI).sqrt()
}

/// The share of a standard normal beyond u on both sides.
pub(super) fn both_sides(u: f64) -> f64 {
    libm::erfc(u / SQRT_2)
}

impl Tail {
    fn core(&self, z: f64) -> f64 {
        quantile(z, self.a, self.b, self.c, z / libm::exp(self.a))
    }

    /// The share of natural scores of this side that lie beyond z > 0. It can pass 1 near the centre.
    pub fn beyond(&self, z: f64) -> f64 {
        let core = both_sides(self.core(z));
        let looser = if self.share > 0.0 { both_sides(self.core(z / self.ratio)) } else { 0.0 };
        self.times * ((1.0 - self.share) * core + self.share * looser)
    }

    /// The standard normal quantile with the same share beyond it, on both sides together.
    pub fn normal(&self, z: f64) -> f64 {
        let p = self.beyond(z);
        if p >= 1.0 {
            return 0.0;
        }
        if p > UNDERFLOW {
            return -crate::stats::normal_quantile(0.5 * p);
        }
        let (u, weight) = if self.share > 0.0 { (self.core(z / self.ratio), self.share) } else { (self.core(z), 1.0) };
        (u * u - 2.0 * libm::log(self.times * weight)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_normal_is_itself() {
        let normal = Tail { a: 0.0, b: 0.0, c: 0.0, ..CAUTIOUS };
        for z in [0.1, 1.0, 3.0, 8.0, 30.0] {
            assert!((normal.normal(z) / z - 1.0).abs() < 1e-9, "{z}");
        }
    }

    #[test]
    fn the_looser_part_rules_far_out() {
        let mixed = Tail { a: 0.0, b: 0.0, c: 0.0, share: 0.1, ratio: 3.0, times: 1.0 };
        let beyond = 0.9 * both_sides(6.0) + 0.1 * both_sides(2.0);
        assert!((mixed.beyond(6.0) / beyond - 1.0).abs() < 1e-9);
        assert!(mixed.normal(200.0) > mixed.normal(150.0));
    }
}
