//! What a series looks like after whitening, and how much a step at each date can explain of the rest.

use super::law::Law;
use crate::stats::normal_of_student;
use crate::stats::series::shortest;

/// What is taken off all series of one length and dependence.
pub struct Design {
    pub(super) n: usize,
    /// The correlation of neighbouring values.
    dependence: f64,
    /// Orthonormal vectors of constant and season after whitening, one after the other.
    basis: Vec<f64>,
    /// The direction of a straight drift, orthogonal to these.
    pub(super) drift: Vec<f64>,
    /// Degrees of freedom of the rest, drift included.
    pub(super) freedom: f64,
    /// The first date of a step. The last is as far from the end.
    pub(super) from: usize,
    /// For each date: the square of the step, its product with the next one, and its part along the drift.
    pub(super) square: Vec<f64>,
    pub(super) next: Vec<f64>,
    pub(super) along: Vec<f64>,
    /// For each value, how much of it is left when constant, season and any drift are taken off.
    spike: Vec<f64>,
}

/// The date that explains most.
#[derive(Clone, Copy, Debug)]
pub struct Best {
    /// The first value of the new level.
    pub at: usize,
    /// The correlation of the step with the series: the share explained is its square.
    pub r: f64,
}

/// The noise of a series.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    pub scale: f64,
    pub freedom: f64,
    pub dependence: f64,
}

/// What is left of a series after its best step and a drift.
#[derive(Clone, Copy, Debug)]
pub struct LeftOver {
    /// The correlation of neighbours. Before the step is taken off, a shift would look like dependence.
    pub dependence: f64,
    /// The size of the drift beside the step, in standard deviations of noise.
    pub drift: f64,
    /// The size of the next step, in standard errors.
    pub second: f64,
}

/// A series after whitening, less constant and season.
#[derive(Default)]
pub struct Rest {
    pub(super) values: Vec<f64>,
    /// The sum of squares, and the product with the direction of the drift.
    pub(super) total: f64,
    pub(super) drift: f64,
    step: Vec<f64>,
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
    pub fn new(n: usize, dependence: f64, period: usize, lost: usize) -> Option<Design> {
        let phases = if period > 1 && n >= 2 * period { period - 1 } else { 0 };
        let (from, taken) = (shortest(n), 1 + phases + lost);
        if n < 2 * from + 1 || n < taken + 4 {
            return None;
        }
        let mut made = Design {
            n,
            dependence,
            basis: Vec::with_capacity((1 + phases) * n),
            drift: Vec::new(),
            freedom: (n - taken) as f64,
            from,
            square: Vec::new(),
            next: Vec::new(),
            along: Vec::new(),
            spike: Vec::new(),
        };
        let mut whitened = Vec::new();
        for phase in 0..=phases {
            let one = |t: usize| if phase == 0 || t % period == phase - 1 { 1.0 } else { 0.0 };
            made.whiten((0..n).map(one), &mut whitened);
            made.take_off(&mut whitened);
            normalise(&mut whitened);
            made.basis.extend_from_slice(&whitened);
        }
        made.whiten((0..n).map(|t| t as f64 - 0.5 * (n - 1) as f64), &mut whitened);
        made.take_off(&mut whitened);
        normalise(&mut whitened);
        made.drift = whitened;
        made.measure_steps();
        made.measure_spikes();
        Some(made)
    }

    fn measure_spikes(&mut self) {
        let product = |vector: &[f64], t: usize| {
            let next = vector.get(t + 1).map_or(0.0, |next| self.dependence * next);
            self.first(t) * vector[t] - next
        };
        let left = |t: usize| {
            let next = if t + 1 < self.n { self.dependence * self.dependence } else { 0.0 };
            let vectors = self.basis.chunks_exact(self.n).chain([&self.drift[..]]);
            self.first(t) * self.first(t) + next - vectors.map(|v| product(v, t) * product(v, t)).sum::<f64>()
        };
        self.spike = (0..self.n).map(left).collect();
    }

    /// The factor of a value in its own whitened value.
    fn first(&self, t: usize) -> f64 {
        if t == 0 { (1.0 - self.dependence * self.dependence).sqrt() } else { 1.0 }
    }

    /// How far each value is from what the others lead to, as a standard normal score: its deletion residual, a Student's
    /// t, for normal noise. `more` is the difference to each value that the rest was made without. `least` is the
    /// smallest variance of noise.
    pub fn spikes(&self, rest: &Rest, more: &[f64], least: f64, scores: &mut Vec<f64>) {
        let (freedom, total) = (self.freedom - 2.0, rest.total - rest.drift * rest.drift);
        let value = |t: usize| rest.values[t] - rest.drift * self.drift[t];
        scores.clear();
        scores.extend((0..self.n).map(|t| {
            let next = if t + 1 < self.n { self.dependence * value(t + 1) } else { 0.0 };
            let (product, size) = (self.first(t) * value(t) - next, self.spike[t]);
            if size < 1e-9 {
                return f64::NAN;
            }
            let all = total + more[t] * (2.0 * product + more[t] * size);
            let explained = (product + more[t] * size) / size.sqrt();
            let left = (all - explained * explained).max(freedom * least);
            let t = explained / (left / freedom).sqrt();
            if t.is_finite() { normal_of_student(t.abs(), freedom).copysign(t) } else { f64::NAN }
        }));
    }

    fn measure_steps(&mut self) {
        let (n, later) = (self.n, 1.0 - self.dependence);
        // A whitened step is 1 at its date and `later` from then on.
        let after = |t: usize| (n - t - 1) as f64;
        self.square = (0..n).map(|t| 1.0 + later * later * after(t)).collect();
        self.next = (0..n - 1).map(|t| later + later * later * after(t + 1)).collect();
        let mut along = vec![0.0; n];
        for vector in self.basis.chunks_exact(n) {
            steps_along(vector, later, &mut along);
            for t in 0..n {
                self.square[t] -= along[t] * along[t];
                if t + 1 < n {
                    self.next[t] -= along[t] * along[t + 1];
                }
            }
        }
        steps_along(&self.drift, later, &mut along);
        self.along = along;
    }

    /// Whitens a series: a first-order autoregression becomes independent noise.
    fn whiten(&self, x: impl Iterator<Item = f64>, into: &mut Vec<f64>) {
        let mut before = 0.0;
        into.clear();
        into.extend(x.enumerate().map(|(t, x)| {
            let new = self.first(t) * x - self.dependence * before;
            before = x;
            new
        }));
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
        self.whiten(x.iter().copied(), &mut rest.values);
        self.basis.chunks_exact(self.n).for_each(|vector| off(&mut rest.values, vector, 1.0));
        rest.total = dot(&rest.values, &rest.values);
        rest.drift = dot(&rest.values, &self.drift);
    }

    /// The noise of a series: its standard deviation before whitening, and the degrees of freedom of this estimate.
    pub fn noise(&self, rest: &Rest) -> Noise {
        let freedom = self.freedom - 1.0;
        let variance = (rest.total - rest.drift * rest.drift).max(0.0) / freedom;
        let own = 1.0 - self.dependence * self.dependence;
        Noise { scale: (variance / own).sqrt(), freedom, dependence: self.dependence }
    }

    /// The size of the drift, in standard errors.
    pub fn drift_size(&self, rest: &Rest, free: &Law) -> f64 {
        rest.drift.abs() / (free.total(rest) / (free.freedom - 1.0)).sqrt()
    }

    /// The date that explains most of the rest. `values` may be the rest in another order.
    pub(super) fn best_of(&self, law: &Law, values: &[f64], drift: f64, total: f64) -> Option<Best> {
        let (later, drift) = (1.0 - self.dependence, law.taken * drift);
        let mut after = 0.0;
        let mut best: Option<(f64, usize)> = None;
        for t in (self.from..self.n).rev() {
            let product = (values[t] + later * after - self.along[t] * drift) * law.weight[t];
            after += values[t];
            if t <= self.n - self.from && best.is_none_or(|(most, _)| product.abs() >= most.abs()) {
                best = Some((product, t));
            }
        }
        let (product, at) = best?;
        let r = product / total.sqrt();
        r.is_finite().then_some(Best { at, r: r.clamp(-1.0, 1.0) })
    }

    pub fn best(&self, rest: &Rest, law: &Law) -> Option<Best> {
        self.best_of(law, &rest.values, rest.drift, law.total(rest))
    }

    /// What is left after the best step and a drift are taken off, if there is a best step.
    pub fn left_over(&self, rest: &mut Rest, free: &Law) -> Option<LeftOver> {
        let best = self.best(rest, free)?;
        let total = free.total(rest);
        let product = best.r * total.sqrt() * free.weight[best.at];
        let (square, along) = (self.square[best.at], self.along[best.at]);
        let with_step = best.r * total.sqrt() / free.weight[best.at] + along * rest.drift;
        let noise = (total * (1.0 - best.r * best.r) / (free.freedom - 1.0)).sqrt();
        let drift = (rest.drift - along * with_step / square) / (1.0 - along * along / square) / noise;
        let Rest { values, step, .. } = rest;
        self.whiten((0..self.n).map(|t| if t < best.at { 0.0 } else { 1.0 }), step);
        self.basis.chunks_exact(self.n).for_each(|vector| off(step, vector, 1.0));
        off(step, &self.drift, 1.0);
        off(values, &self.drift, 1.0);
        values.iter_mut().zip(&*step).for_each(|(v, s)| *v -= product * s);
        let size = dot(values, values);
        let common: f64 = values.windows(2).map(|w| w[0] * w[1]).sum();
        let second = free.t(self.best_of(free, values, 0.0, size)?.r).abs();
        let made = LeftOver { dependence: common / size, drift: drift.abs(), second };
        [made.dependence, made.drift, made.second].iter().all(|x| x.is_finite()).then_some(made)
    }
}

/// The product of each whitened step with a vector.
fn steps_along(vector: &[f64], later: f64, along: &mut [f64]) {
    let mut after = 0.0;
    for (along, v) in along.iter_mut().zip(vector).rev() {
        *along = v + later * after;
        after += v;
    }
}

/// Four sums side by side, which vectorise.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (first, second) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = first.remainder().iter().zip(second.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0; 4];
    for (a, b) in first.zip(second) {
        for i in 0..4 {
            sums[i] += a[i] * b[i];
        }
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3]) + rest
}

/// Takes a share of the part along a unit vector off.
pub(super) fn off(x: &mut [f64], unit: &[f64], share: f64) {
    let along = share * dot(x, unit);
    x.iter_mut().zip(unit).for_each(|(x, u)| *x -= along * u);
}

fn normalise(x: &mut [f64]) {
    let size = dot(x, x).sqrt();
    x.iter_mut().for_each(|x| *x /= size);
}
