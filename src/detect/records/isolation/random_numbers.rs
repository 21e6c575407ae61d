//! The random numbers of a seed.

use crate::stats::Random;

/// The random numbers of a seed after the first, which is the hash of the seed.
pub(super) fn stream(seed: u64) -> Random {
    let mut random = Random::new(seed);
    random.draw();
    random
}

/// A number between 0 and 1, exclusive.
pub(super) fn unit(random: &mut Random) -> f64 {
    ((random.draw() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
}
