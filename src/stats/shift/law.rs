//! The law of the largest correlation over all dates, if the noise is normal.
//!
//! The direction of the rest is then uniform on a sphere, and the steps are a path of points on it. The chance to be
//! close to any point of the path is at most the chance to be close to the first, plus for each step on the path the
//! chance to be close to the new point but not to the old one (Hunter 1976, Worsley 1982, Naiman 1986). For points at an
//! angle φ this is the integral of (1 - r² / cos² ψ)^m / π over ψ from -φ/2 to φ/2, m = (freedom - 2) / 2. The bound is
//! close where it is small.

use super::design::{Design, Rest};
use crate::stats::student_t_two_sided;

/// The date that explains most.
#[derive(Clone, Copy, Debug)]
pub struct Best {
    /// The first value of the new level.
    pub at: usize,
    /// The correlation of the step with the series: the share explained is its square.
    pub r: f64,
}

pub struct Law {
    /// The share of the drift that is taken off.
    pub(super) taken: f64,
    pub(super) freedom: f64,
    /// One over the length of each step.
    pub(super) weight: Vec<f64>,
    /// The angles between neighbouring steps.
    angles: Vec<f64>,
}

impl Law {
    /// `variance` is how many times the variance of noise the drifts have: 0 if there are none, infinite to allow any.
    pub fn new(design: &Design, variance: f64) -> Law {
        let taken = if variance.is_finite() { variance / (1.0 + variance) } else { 1.0 };
        let square = |t: usize| design.square[t] - taken * design.along[t] * design.along[t];
        // A step that season and drift explain cannot be seen.
        let weight: Vec<f64> =
            (0..design.n).map(|t| if square(t) > 1e-9 { 1.0 / square(t).sqrt() } else { 0.0 }).collect();
        let angle = |t: usize| {
            let product = design.next[t] - taken * design.along[t] * design.along[t + 1];
            libm::acos((product.abs() * weight[t] * weight[t + 1]).min(1.0))
        };
        let angles = (design.from..design.n - design.from).map(angle).collect();
        Law { taken, freedom: design.freedom - if variance.is_finite() { 0.0 } else { 1.0 }, weight, angles }
    }

    /// Calls back with the correlation of each date, times the root of the sum of squares. `values` may be the rest in
    /// another order.
    pub(super) fn each_date(&self, design: &Design, values: &[f64], drift: f64, mut found: impl FnMut(usize, f64)) {
        let drift = self.taken * drift;
        design.whitening.along_steps(values, |t, product| {
            if t >= design.from && t <= design.n - design.from {
                found(t, (product - design.along[t] * drift) * self.weight[t]);
            }
        });
    }

    /// The date that explains most of these values.
    pub(super) fn best_of(&self, design: &Design, values: &[f64], drift: f64, total: f64) -> Option<Best> {
        let mut best: Option<(f64, usize)> = None;
        self.each_date(design, values, drift, |t, product| {
            if best.is_none_or(|(most, _)| product.abs() >= most.abs()) {
                best = Some((product, t));
            }
        });
        let (product, at) = best?;
        let r = product / total.sqrt();
        r.is_finite().then_some(Best { at, r: r.clamp(-1.0, 1.0) })
    }

    /// The mean over all dates of the squared correlation, times the sum of squares.
    pub(super) fn mean_square(&self, design: &Design, values: &[f64], drift: f64) -> f64 {
        let (mut squares, mut dates) = (0.0, 0.0);
        self.each_date(design, values, drift, |_, product| {
            squares += product * product;
            dates += 1.0;
        });
        squares / dates
    }

    /// The date that explains most of the rest.
    pub fn best(&self, design: &Design, rest: &Rest) -> Option<Best> {
        self.best_of(design, &rest.values, rest.drift, self.total(rest))
    }

    /// The sum of squares of a rest, less the drift that is taken off.
    pub fn total(&self, rest: &Rest) -> f64 {
        rest.total - self.taken * rest.drift * rest.drift
    }

    /// The share of a drift that is taken off.
    pub fn taken(&self) -> f64 {
        self.taken
    }

    /// The sum of squares beside a step, if the noise has this variance.
    pub fn noise(&self, variance: f64) -> f64 {
        (self.freedom - 1.0) * variance
    }

    /// The statistic as a Student's t: the step in standard errors.
    pub fn t(&self, r: f64) -> f64 {
        let left = 1.0 - r * r;
        if left > 0.0 { r * ((self.freedom - 1.0) / left).sqrt() } else { r.signum() * f64::INFINITY }
    }

    /// The probability of a correlation so large at any date.
    pub fn p_value(&self, r: f64) -> f64 {
        (self.at_one_date(r) + self.at_others(r)).min(1.0)
    }

    /// How many times larger this is than the probability at one date.
    pub(super) fn dates(&self, r: f64) -> f64 {
        let one = self.at_one_date(r);
        if one > 0.0 { (1.0 + self.at_others(r) / one).min(self.angles.len() as f64) } else { 1.0 }
    }

    fn at_one_date(&self, r: f64) -> f64 {
        student_t_two_sided(self.t(r), self.freedom - 1.0)
    }

    fn at_others(&self, r: f64) -> f64 {
        let (square, m) = (r * r, 0.5 * (self.freedom - 2.0));
        let left = 1.0 - square;
        if left <= 0.0 {
            return 0.0;
        }
        let one = libm::pow(left, m) / std::f64::consts::PI;
        let steep = (m * square / left).sqrt();
        one * self.angles.iter().map(|angle| within(0.5 * angle, steep)).sum::<f64>()
    }
}

/// The integral of exp(-(steep ψ)²) from -half to half. It is at least that of ((1 - r² / cos² ψ) / (1 - r²))^m.
fn within(half: f64, steep: f64) -> f64 {
    let end = half * steep;
    if end < 1e-4 { 2.0 * half } else { 2.0 / std::f64::consts::FRAC_2_SQRT_PI * libm::erf(end) / steep }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Random;
    use crate::stats::shift::vectors::dot;
    use crate::stats::shift::whitening::Dependence;

    fn made(n: usize, correlation: f64, period: usize) -> Design {
        Design::new(n, Dependence { correlation, walk: 0.0 }, period, 0).unwrap()
    }

    #[test]
    fn its_p_values_are_uniform_or_larger() {
        for (n, dependence, period) in [(24, 0.0, 1), (48, 0.6, 12), (60, 0.3, 12)] {
            let design = made(n, dependence, period);
            let law = Law::new(&design, 0.0);
            let mut random = Random::new(7);
            let mut rest = Rest::default();
            let (mut below, many) = ([0.0; 2], 20_000);
            for _ in 0..many {
                let mut before = 0.0;
                let x: Vec<f64> = (0..n)
                    .map(|t| {
                        let e = random.normal();
                        let new = if t == 0 { 1.0 } else { (1.0 - dependence * dependence).sqrt() };
                        before = dependence * before + new * e;
                        before + (t % 12) as f64 * f64::from(u8::from(period > 1))
                    })
                    .collect();
                design.rest(&x, &mut rest);
                let p = law.p_value(law.best(&design, &rest).unwrap().r);
                below[0] += f64::from(u8::from(p < 0.01)) / 0.01 / f64::from(many);
                below[1] += f64::from(u8::from(p < 0.001)) / 0.001 / f64::from(many);
            }
            assert!(below[0] > 0.6 && below[0] < 1.15, "{below:?}");
            assert!(below[1] > 0.3 && below[1] < 1.6, "{below:?}");
        }
    }

    #[test]
    fn a_step_is_found_where_it_is_and_explains_all() {
        let design = made(48, 0.5, 12);
        let x: Vec<f64> = (0..48).map(|t| f64::from(t % 12) + if t >= 29 { 3.0 } else { 0.0 }).collect();
        let mut rest = Rest::default();
        design.rest(&x, &mut rest);
        let best = Law::new(&design, 0.0).best(&design, &rest).unwrap();
        assert_eq!(best.at, 29);
        assert!(best.r > 0.999_999);
        // A drift is no step if drifts are allowed.
        let x: Vec<f64> = (0..48).map(|t| 0.1 * f64::from(t)).collect();
        design.rest(&x, &mut rest);
        assert!(Law::new(&design, f64::INFINITY).total(&rest).abs() < 1e-9);
        assert!(dot(&rest.values, &design.drift).abs() > 1.0);
    }
}
