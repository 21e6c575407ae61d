//! Random numbers that depend on a seed and a name, and not on the order in which they are drawn.

use crate::stats::{self, scramble};

/// One stream for each (seed, stream, item).
pub struct Random(stats::Random);

impl Random {
    pub fn new(seed: u64, stream: u64, item: u64) -> Random {
        let seed = scramble(seed ^ 0x9e37_79b9_7f4a_7c15);
        Random(stats::Random::new(scramble(scramble(seed.wrapping_add(stream)).wrapping_add(item))))
    }

    pub fn next(&mut self) -> u64 {
        self.0.draw()
    }

    /// Uniform in (0, 1).
    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0.below(n)
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(self.unit())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// Normal, but every twentieth number has twice the standard deviation: prices have longer tails than the normal.
    pub fn contaminated(&mut self) -> f64 {
        let wide = self.unit() < 0.05;
        self.normal() * if wide { 2.0 } else { 1.0 }
    }

    /// A rank below `n`, with a probability of about 1 / (rank + 1).
    pub fn zipf(&mut self, n: usize) -> usize {
        let rank = libm::exp(self.unit() * libm::log(n as f64 + 1.0)) - 1.0;
        (rank as usize).min(n - 1)
    }
}
