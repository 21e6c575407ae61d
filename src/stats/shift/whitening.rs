//! Whitening: noise whose values depend on each other becomes independent noise.
//!
//! The noise is an autoregression whose innovations are independent values plus a random walk: u_t = x_t - ρ x_(t-1) is
//! white noise plus a level that wanders. The Kalman filter of this local level gives the part of u_t that earlier values
//! do not foretell, divided by its standard deviation (Durbin and Koopman 2012). All of this is linear, and a step or an
//! impulse after it has a simple form, so that products with all steps take one pass.

/// How the values of noise depend on each other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dependence {
    /// The correlation of neighbouring values.
    pub correlation: f64,
    /// The variance of the steps of the wandering level, in variances of the white noise.
    pub walk: f64,
}

/// The filter for series of one length.
pub struct Whitening {
    pub(super) dependence: Dependence,
    /// The share of what is new in a value that the level keeps.
    gain: Vec<f64>,
    /// One over the standard deviation of what is new.
    weight: Vec<f64>,
    /// For each date: the square of a whitened step of the local level.
    square: Vec<f64>,
}

impl Whitening {
    pub fn new(n: usize, dependence: Dependence) -> Whitening {
        let (mut gain, mut weight, mut variance) = (Vec::with_capacity(n), Vec::with_capacity(n), 0.0);
        for _ in 0..n {
            let new = variance + 1.0;
            gain.push(variance / new);
            weight.push(1.0 / f64::sqrt(new));
            variance = variance / new + dependence.walk;
        }
        let mut square = vec![0.0; n + 2];
        for t in (0..n).rev() {
            let kept = 1.0 - gain[t];
            square[t] = weight[t] * weight[t] + kept * kept * square[t + 1];
        }
        Whitening { dependence, gain, weight, square }
    }

    /// The factor of a value in its own innovation.
    fn first(&self, t: usize) -> f64 {
        let correlation = self.dependence.correlation;
        if t == 0 { (1.0 - correlation * correlation).sqrt() } else { 1.0 }
    }

    pub fn whiten(&self, x: impl Iterator<Item = f64>, into: &mut Vec<f64>) {
        let (mut before, mut level) = (0.0, 0.0);
        into.clear();
        into.extend(x.enumerate().map(|(t, x)| {
            let new = self.first(t) * x - self.dependence.correlation * before - level;
            before = x;
            level += self.gain[t] * new;
            new * self.weight[t]
        }));
    }

    /// Noise with this dependence, from white noise: the inverse of whitening.
    pub fn colour(&self, white: &[f64]) -> Vec<f64> {
        let (mut before, mut level) = (0.0, 0.0);
        let colour = |(t, white): (usize, &f64)| {
            let new = white / self.weight[t];
            before = (new + level + self.dependence.correlation * before) / self.first(t);
            level += self.gain[t] * new;
            before
        };
        white.iter().enumerate().map(colour).collect()
    }

    /// Calls back with the product of a vector and the whitened step at each date, from the last date to the second.
    #[inline]
    pub fn along_steps(&self, vector: &[f64], mut found: impl FnMut(usize, f64)) {
        let (Dependence { correlation, walk }, mut later) = (self.dependence, 0.0);
        // Without a walk gains are 0 and weights 1.
        if walk == 0.0 {
            for (t, value) in vector.iter().enumerate().skip(1).rev() {
                let here = value + later;
                found(t, here - correlation * later);
                later = here;
            }
            return;
        }
        for (t, (value, (gain, weight))) in
            vector.iter().zip(self.gain.iter().zip(&self.weight)).enumerate().skip(1).rev()
        {
            let here = value * weight + (1.0 - gain) * later;
            found(t, here - correlation * later);
            later = here;
        }
    }

    /// The product of a vector and the whitened impulse at each value.
    pub fn along_impulses(&self, vector: &[f64], into: &mut Vec<f64>) {
        let (mut later, mut next) = (0.0, 0.0);
        into.clear();
        into.resize(vector.len(), 0.0);
        for t in (0..vector.len()).rev() {
            let here = vector[t] * self.weight[t] - self.gain[t] * later;
            into[t] = self.first(t) * here - self.dependence.correlation * next;
            later += here;
            next = here;
        }
    }

    /// The square of a whitened step.
    pub fn step_square(&self, t: usize) -> f64 {
        let correlation = self.dependence.correlation;
        let both = (1.0 - self.gain[t]) * self.square[t + 1];
        self.square[t] - 2.0 * correlation * both + correlation * correlation * self.square[t + 1]
    }

    /// The product of a whitened step and that of the next date.
    pub fn step_with_next(&self, t: usize) -> f64 {
        let (correlation, kept) = (self.dependence.correlation, 1.0 - self.gain[t]);
        let next = self.gain.get(t + 1).map_or(0.0, |gain| 1.0 - gain) * self.square[t + 2];
        kept * self.square[t + 1] - correlation * (kept * next + self.square[t + 1]) + correlation * correlation * next
    }

    /// The square of a whitened impulse.
    pub fn impulse_square(&self, t: usize) -> f64 {
        let (first, correlation) = (self.first(t), self.dependence.correlation);
        let own = |t: usize| match self.gain.get(t) {
            Some(gain) => self.weight[t] * self.weight[t] + gain * gain * self.square[t + 1],
            None => 0.0,
        };
        let common = match self.gain.get(t + 1) {
            Some(gain) => self.square[t + 1] - (1.0 - gain) * self.square[t + 2],
            None => 0.0,
        };
        first * first * own(t)
            + correlation * correlation * own(t + 1)
            + 2.0 * first * correlation * self.gain[t] * common
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::shift::vectors::dot;

    #[test]
    fn products_with_steps_and_impulses_are_those_of_whitened_vectors() {
        let n = 9;
        for (correlation, walk) in [(0.0, 0.0), (0.6, 0.0), (0.0, 0.3), (0.8, 2.0)] {
            let whitening = Whitening::new(n, Dependence { correlation, walk });
            let whitened = |x: &dyn Fn(usize) -> f64| {
                let mut made = Vec::new();
                whitening.whiten((0..n).map(x), &mut made);
                made
            };
            let step = |at: usize| whitened(&|t| if t >= at { 1.0 } else { 0.0 });
            let impulse = |at: usize| whitened(&|t| if t == at { 1.0 } else { 0.0 });
            let vector: Vec<f64> = (0..n).map(|t| ((t * t) % 7) as f64 - 3.0).collect();
            let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
            whitening.along_steps(&vector, |t, found| near(found, dot(&step(t), &vector)));
            let mut along = Vec::new();
            whitening.along_impulses(&vector, &mut along);
            for (t, &along) in along.iter().enumerate() {
                near(along, dot(&impulse(t), &vector));
                near(whitening.impulse_square(t), dot(&impulse(t), &impulse(t)));
                if t > 0 {
                    near(whitening.step_square(t), dot(&step(t), &step(t)));
                    near(whitening.step_with_next(t), dot(&step(t), &step(t + 1)));
                }
            }
            let again = whitening.colour(&vector);
            whitened(&|t| again[t]).iter().zip(&vector).for_each(|(a, b)| near(*a, *b));
        }
    }

    #[test]
    fn the_filter_makes_the_noise_of_a_local_level_independent() {
        // The covariance of white noise plus a walk that begins at nothing.
        let (n, walk) = (6, 0.7);
        let whitening = Whitening::new(n, Dependence { correlation: 0.0, walk });
        let rows: Vec<Vec<f64>> = (0..n)
            .map(|at| {
                let mut made = Vec::new();
                whitening.whiten((0..n).map(|t| if t == at { 1.0 } else { 0.0 }), &mut made);
                made
            })
            .collect();
        for a in 0..n {
            for b in 0..n {
                let covariance = |s: usize, t: usize| walk * s.min(t) as f64 + if s == t { 1.0 } else { 0.0 };
                let found: f64 = (0..n)
                    .flat_map(|s| (0..n).map(move |t| (s, t)))
                    .map(|(s, t)| rows[s][a] * covariance(s, t) * rows[t][b])
                    .sum();
                assert!((found - if a == b { 1.0 } else { 0.0 }).abs() < 1e-12);
            }
        }
    }
}
