//! The tails of a level, and the p-values that they give.

use super::curve::Curve;
use super::fit::Learnt;
use super::law::{CAUTIOUS, Tail};
use super::moderation::Moderation;
use super::sides::Observed;
use super::story::Story;
use crate::stats::{MEDIAN_VARIANCE, normal_of_student, normal_two_sided};

/// A score in the units of a certain scale and centre: the uncertainty of the centre is added to the scale, and the
/// Student's t of an uncertain scale becomes a normal.
pub(super) fn standard(z: f64, n: f64, moderation: &Moderation) -> f64 {
    if !z.is_finite() {
        return z;
    }
    let z = z / (1.0 + MEDIAN_VARIANCE / n.max(1.0)).sqrt();
    let freedom = freedom(n, moderation);
    if freedom.is_finite() { normal_of_student(z, freedom) } else { z }
}

/// The degrees of freedom of the moderated scale of n members.
pub(super) fn freedom(n: f64, moderation: &Moderation) -> f64 {
    moderation.weight + moderation.efficiency * (n.max(2.0) - 1.0)
}

/// What was learnt from the scores of one side.
#[derive(Clone, Debug)]
pub struct Side {
    pub curve: Curve,
    pub story: Story,
    /// The number of scores.
    pub scores: u64,
    pub errors: f64,
    pub dispersion: f64,
    /// The number of scores, with those that stand for what is known before, beyond some places.
    pub beyond: Vec<(f64, f64)>,
}

/// The tails below and above.
#[derive(Clone, Debug)]
pub struct Tails {
    pub sides: [Side; 2],
    pub moderation: Option<Moderation>,
}

impl Default for Tails {
    fn default() -> Tails {
        super::ScoreHistogram::default().tails()
    }
}

impl Tails {
    pub(super) fn of(
        learnt: [Learnt; 2],
        observed: &[Observed; 2],
        counts: [u64; 2],
        moderation: Option<Moderation>,
    ) -> Tails {
        let mut counts = counts.into_iter();
        let mut observed = observed.iter();
        let sides = learnt.map(|learnt| {
            let scores = counts.next().unwrap_or(0);
            let tail = if scores == 0 { CAUTIOUS } else { learnt.tail };
            let none = Observed::default();
            let observed = observed.next().unwrap_or(&none);
            Side {
                curve: Curve::of(tail, observed, learnt.described),
                story: learnt.story,
                scores,
                errors: if scores == 0 { 0.0 } else { learnt.errors },
                dispersion: learnt.dispersion,
                beyond: observed.beyond(),
            }
        });
        Tails { sides, moderation }
    }

    /// The tails below and above.
    pub fn laws(&self) -> [Tail; 2] {
        [self.sides[0].curve.tail, self.sides[1].curve.tail]
    }

    /// The score as a standard normal, with its sign, for a group of n members.
    pub fn normal(&self, z: f64, n: u32) -> f64 {
        let at = self.moderation.map_or(z.abs(), |m| standard(z.abs(), f64::from(n), &m));
        self.sides[usize::from(z > 0.0)].curve.normal(at) * if z < 0.0 { -1.0 } else { 1.0 }
    }

    /// Two-sided: twice the share beyond z on its side, for a group of n members.
    pub fn p_value(&self, z: f64, n: u32) -> f64 {
        normal_two_sided(self.normal(z, n))
    }

    /// For scales that are not made from n members of one group. At least the p-value of the normal.
    pub fn p_value_or_normal(&self, z: f64, n: u32) -> f64 {
        normal_two_sided(self.normal(z, n).abs().min(z.abs()))
    }
}
