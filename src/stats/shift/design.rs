//! What is taken off all series of one length and dependence after whitening, and what is left of a series.

use super::vectors::{dot, normalise, off};
use super::whitening::{Dependence, Whitening};
use crate::stats::series::shortest;
use crate::stats::{MAD_K, OrderStatistics, encode};

/// What is taken off all series of one length and dependence.
pub struct Design {
    pub(super) n: usize,
    pub(super) whitening: Whitening,
    /// Orthonormal vectors of constant and season after whitening, one after the other.
    pub(super) basis: Vec<f64>,
    /// The direction of a straight drift, orthogonal to these.
    pub(super) drift: Vec<f64>,
    /// Degrees of freedom of the rest, drift included.
    pub(super) freedom: f64,
    /// The first date of a step. The last is as far from the end.
    pub(super) from: usize,
    /// For each date: the square of the step, its product with the next one, and its parts along drift and constant.
    pub(super) square: Vec<f64>,
    pub(super) next: Vec<f64>,
    pub(super) along: Vec<f64>,
    pub(super) along_constant: Vec<f64>,
}

/// A series after whitening, less constant and season.
#[derive(Default)]
pub struct Rest {
    pub(super) values: Vec<f64>,
    /// The sum of squares, and the product with the direction of the drift.
    pub(super) total: f64,
    pub(super) drift: f64,
    pub(super) step: Vec<f64>,
    keys: Vec<i64>,
}

impl Rest {
    /// The share that a drift explains.
    pub fn drift_share(&self) -> f64 {
        self.drift * self.drift / self.total
    }
}

impl Design {
    /// `period` is the length of a season that is taken off here; `lost` counts the coefficients of a season that was
    /// taken off before. Nothing if the series is too short for a test.
    pub fn new(n: usize, dependence: Dependence, period: usize, lost: usize) -> Option<Design> {
        let phases = if period > 1 && n >= 2 * period { period - 1 } else { 0 };
        let (from, taken) = (shortest(n), 1 + phases + lost);
        if n < 2 * from + 1 || n < taken + 4 {
            return None;
        }
        let mut made = Design {
            n,
            whitening: Whitening::new(n, dependence),
            basis: Vec::with_capacity((1 + phases) * n),
            drift: Vec::new(),
            freedom: (n - taken) as f64,
            from,
            square: Vec::new(),
            next: Vec::new(),
            along: Vec::new(),
            along_constant: Vec::new(),
        };
        let mut whitened = Vec::new();
        for phase in 0..=phases {
            let one = |t: usize| if phase == 0 || t % period == phase - 1 { 1.0 } else { 0.0 };
            made.whitening.whiten((0..n).map(one), &mut whitened);
            made.take_off(&mut whitened);
            normalise(&mut whitened);
            made.basis.extend_from_slice(&whitened);
        }
        made.whitening.whiten((0..n).map(|t| t as f64 - 0.5 * (n - 1) as f64), &mut whitened);
        made.take_off(&mut whitened);
        normalise(&mut whitened);
        made.drift = whitened;
        made.measure_steps();
        Some(made)
    }

    fn measure_steps(&mut self) {
        let n = self.n;
        let mut along = vec![0.0; n];
        self.square = (0..n).map(|t| self.whitening.step_square(t)).collect();
        self.next = (0..n - 1).map(|t| self.whitening.step_with_next(t)).collect();
        for vector in self.basis.chunks_exact(n) {
            self.whitening.along_steps(vector, |t, product| along[t] = product);
            for t in 0..n {
                self.square[t] -= along[t] * along[t];
                if t + 1 < n {
                    self.next[t] -= along[t] * along[t + 1];
                }
            }
            if self.along_constant.is_empty() {
                self.along_constant.clone_from(&along);
            }
        }
        self.whitening.along_steps(&self.drift, |t, product| along[t] = product);
        self.along = along;
    }

    /// Takes constant and season off. Twice, for the digits.
    fn take_off(&self, x: &mut [f64]) {
        for _ in 0..2 {
            self.basis.chunks_exact(self.n).for_each(|vector| off(x, vector, 1.0));
        }
    }

    pub(super) fn constant(&self) -> &[f64] {
        &self.basis[..self.n]
    }

    pub fn rest(&self, x: &[f64], rest: &mut Rest) {
        self.whitening.whiten(x.iter().copied(), &mut rest.values);
        self.take_basis_off(rest);
    }

    fn take_basis_off(&self, rest: &mut Rest) {
        self.basis.chunks_exact(self.n).for_each(|vector| off(&mut rest.values, vector, 1.0));
        rest.total = dot(&rest.values, &rest.values);
        rest.drift = dot(&rest.values, &self.drift);
    }

    /// Moves what is new in single values, if it is farther than so many scales, to this distance: where values depend on
    /// each other, one of them would look like a shift that fades.
    pub fn draw_in(&self, rest: &mut Rest, scales: f64) {
        if self.whitening.dependence == Dependence::default() {
            return;
        }
        let Rest { values, keys, .. } = rest;
        keys.clear();
        keys.extend(values.iter().map(|v| encode(v.abs())));
        let size = MAD_K * OrderStatistics::new(keys, false).median().unwrap_or(0.0);
        let far = scales * size * (self.n as f64 / self.freedom).sqrt();
        if far.is_nan() || far <= 0.0 || values.iter().all(|v| v.abs() <= far) {
            return;
        }
        values.iter_mut().for_each(|v| *v = v.clamp(-far, far));
        self.take_basis_off(rest);
    }
}
