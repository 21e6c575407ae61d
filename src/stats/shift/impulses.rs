//! How far each value of a series is from what the other values lead to.

use super::design::{Design, Rest};
use super::whitening::Dependence;
use crate::stats::normal_of_student;

/// The noise of a series.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// Its standard deviation, without what a wandering level adds.
    pub scale: f64,
    pub freedom: f64,
    pub dependence: Dependence,
}

/// For each value, how much of its impulse is left when constant, season and any drift are taken off.
pub struct Impulses {
    square: Vec<f64>,
    least: f64,
}

impl Impulses {
    pub fn of(design: &Design) -> Impulses {
        let n = design.n;
        let mut square: Vec<f64> = (0..n).map(|t| design.whitening.impulse_square(t)).collect();
        let least = 1e-9 * square.iter().copied().fold(0.0, f64::max);
        let mut along = Vec::new();
        for vector in design.basis.chunks_exact(n).chain([&design.drift[..]]) {
            design.whitening.along_impulses(vector, &mut along);
            square.iter_mut().zip(&along).for_each(|(square, along)| *square -= along * along);
        }
        Impulses { square, least }
    }

    /// The deletion residual of each value as a standard normal score: a Student's t, for normal noise. `more` is the
    /// difference to each value that the rest was made without. `least` is the smallest variance of noise.
    pub fn scores(&self, design: &Design, rest: &mut Rest, more: &[f64], least: f64, scores: &mut Vec<f64>) {
        let (freedom, total) = (design.freedom - 2.0, rest.total - rest.drift * rest.drift);
        rest.step.clear();
        rest.step.extend(rest.values.iter().zip(&design.drift).map(|(value, drift)| value - rest.drift * drift));
        design.whitening.along_impulses(&rest.step, scores);
        for ((score, &size), &more) in scores.iter_mut().zip(&self.square).zip(more) {
            let product = *score;
            if size <= self.least {
                *score = f64::NAN;
                continue;
            }
            let all = total + more * (2.0 * product + more * size);
            let explained = (product + more * size) / size.sqrt();
            let left = (all - explained * explained).max(freedom * least);
            let t = explained / (left / freedom).sqrt();
            *score = if t.is_finite() { normal_of_student(t.abs(), freedom).copysign(t) } else { f64::NAN };
        }
    }
}

impl Design {
    /// The noise of a series: its standard deviation before whitening, and the degrees of freedom of this estimate.
    pub fn noise(&self, rest: &Rest) -> Noise {
        let freedom = self.freedom - 1.0;
        let variance = (rest.total - rest.drift * rest.drift).max(0.0) / freedom;
        let dependence = self.whitening.dependence;
        let own = 1.0 - dependence.correlation * dependence.correlation;
        Noise { scale: (variance / own).sqrt(), freedom, dependence }
    }
}
