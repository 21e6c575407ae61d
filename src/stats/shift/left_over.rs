//! What is left of a series after its best step and a drift: from this the dependence of noise is learnt. Otherwise a
//! shift would look like dependence.

use super::design::{Design, Rest};
use super::law::Law;
use super::vectors::{dot, off};

/// What is left of a series after its best step and a drift.
#[derive(Clone, Copy, Debug)]
pub struct LeftOver {
    /// The correlation of neighbours.
    pub correlation: f64,
    /// The size of the drift beside the step, in standard deviations of noise.
    pub drift: f64,
    /// How much the level wanders: the mean over all dates of the squared correlation with a step (Nyblom 1989), when a
    /// drift is taken off, and when the best step is taken off as well.
    pub wander: f64,
    pub wander_beside: f64,
}

impl LeftOver {
    /// `free` allows any drift. Nothing if the series has no best step. The rest is changed.
    pub fn of(design: &Design, free: &Law, rest: &mut Rest) -> Option<LeftOver> {
        let best = free.best(design, rest)?;
        let total = free.total(rest);
        let wander = free.mean_square(design, &rest.values, rest.drift) / total;
        let product = best.r * total.sqrt() * free.weight[best.at];
        let (square, along) = (design.square[best.at], design.along[best.at]);
        let with_step = best.r * total.sqrt() / free.weight[best.at] + along * rest.drift;
        let noise = (total * (1.0 - best.r * best.r) / (free.freedom - 1.0)).sqrt();
        let drift = (rest.drift - along * with_step / square) / (1.0 - along * along / square) / noise;
        let Rest { values, step, .. } = rest;
        design.whitening.whiten((0..design.n).map(|t| if t < best.at { 0.0 } else { 1.0 }), step);
        design.basis.chunks_exact(design.n).for_each(|vector| off(step, vector, 1.0));
        off(step, &design.drift, 1.0);
        off(values, &design.drift, 1.0);
        values.iter_mut().zip(&*step).for_each(|(v, s)| *v -= product * s);
        let size = dot(values, values);
        let common: f64 = values.windows(2).map(|w| w[0] * w[1]).sum();
        let wander_beside = free.mean_square(design, values, 0.0) / size;
        let made = LeftOver { correlation: common / size, drift: drift.abs(), wander, wander_beside };
        [made.correlation, made.drift, wander, wander_beside].iter().all(|x| x.is_finite()).then_some(made)
    }

    /// The size of the drift of a series, in standard errors.
    pub fn drift_alone(free: &Law, rest: &Rest) -> f64 {
        rest.drift.abs() / (free.total(rest) / (free.freedom - 1.0)).sqrt()
    }
}
