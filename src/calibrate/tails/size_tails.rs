//! The tails for each size of group, and the p-values that they give.

use super::curve::{CAUTIOUS, Curve, Tail};
use crate::stats::{MAD_EFFICIENCY, normal_of_student, normal_two_sided};

/// Upper bounds of the sizes of groups that share a tail.
pub(super) const SIZES: [u32; 5] = [30, 50, 100, 300, u32::MAX];
/// A typical size for each of these classes.
pub(super) const TYPICAL: [u32; SIZES.len()] = [22, 39, 71, 173, 500];

pub(super) fn class(n: u32) -> usize {
    SIZES.partition_point(|&bound| bound <= n).min(SIZES.len() - 1)
}

/// The uncertainty of a scale from n peers: one over its degrees of freedom. `drawn` is the weight, in peers, of a
/// certain scale towards which it is shrunk.
pub(super) fn doubt(n: u32, drawn: f64) -> f64 {
    let n = f64::from(n.max(2));
    let own = n / (n + drawn);
    own * own / (MAD_EFFICIENCY * (n - 1.0))
}

/// The tails for each size of group.
#[derive(Clone, Debug)]
pub struct Tails {
    pub(super) sizes: Vec<SizeTails>,
    pub(super) drawn: f64,
}

#[derive(Clone, Debug)]
pub(super) struct SizeTails {
    /// Below and above.
    sides: [Curve; 2],
    /// The uncertainty of scales that these tails include.
    within: f64,
}

impl SizeTails {
    pub(super) fn of(sides: [Tail; 2], within: f64) -> SizeTails {
        SizeTails { sides: sides.map(Curve::of), within }
    }
}

impl Default for Tails {
    fn default() -> Tails {
        Tails { sizes: vec![SizeTails::of([CAUTIOUS; 2], f64::INFINITY); SIZES.len()], drawn: 0.0 }
    }
}

impl Tails {
    /// The tails below and above for groups of a size.
    pub fn of(&self, n: u32) -> [Tail; 2] {
        [0, 1].map(|side| self.sizes[class(n)].sides[side].tail)
    }

    /// The degrees of freedom of the t; `None` for a normal.
    pub fn freedom(&self, n: u32) -> Option<f64> {
        let beyond = doubt(n, self.drawn) - self.sizes[class(n)].within;
        (beyond > 0.0).then_some(1.0 / beyond)
    }

    /// Two-sided: twice the share beyond z on its side, for a scale from n peers.
    pub fn p_value(&self, z: f64, n: u32) -> f64 {
        let u = self.normal(z, class(n));
        normal_two_sided(self.freedom(n).map_or(u, |freedom| normal_of_student(u, freedom)))
    }

    /// For scales that are not made from n members of one group. At least the p-value of the normal.
    pub fn p_value_or_normal(&self, z: f64, n: u32) -> f64 {
        normal_two_sided(self.normal(z, class(n)).min(z.abs()))
    }

    /// The absolute standard normal quantile of a score.
    pub(super) fn normal(&self, z: f64, class: usize) -> f64 {
        if z == 0.0 || !z.is_finite() {
            return z.abs();
        }
        self.sizes[class].sides[usize::from(z > 0.0)].normal(z.abs())
    }
}
