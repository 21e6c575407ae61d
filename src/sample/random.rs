//! Random numbers that depend on a seed and a name, not on the order they are drawn in.

/// SplitMix64 (Steele, Lea and Flood 2014), one stream for each (seed, stream, item).
pub struct Random(u64);

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    pub fn new(seed: u64, stream: u64, item: u64) -> Random {
        Random(mix(mix(mix(seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_add(stream)).wrapping_add(item)))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Uniform in (0, 1).
    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(self.unit())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// Normal, but every twentieth is twice as wide: prices have heavier tails than the normal.
    pub fn contaminated(&mut self) -> f64 {
        let wide = self.unit() < 0.05;
        self.normal() * if wide { 2.0 } else { 1.0 }
    }

    /// A rank below `n` with probability falling like 1 / (rank + 1), approximately.
    pub fn zipf(&mut self, n: usize) -> usize {
        let rank = libm::exp(self.unit() * libm::log(n as f64 + 1.0)) - 1.0;
        (rank as usize).min(n - 1)
    }
}
