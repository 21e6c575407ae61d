//! How many values of any stretch lie in a range, in the time of a few look-ups: a wavelet matrix (Claude,
//! Navarro and Ordóñez 2015) over the ranks of the values.

use std::ops::Range;

pub struct Within {
    sorted: Vec<f64>,
    /// The ranks' bits, the highest first; each level lies in the order in which the ones above leave it.
    levels: Vec<Level>,
}

struct Level {
    bits: Vec<u64>,
    /// Zeros before each word.
    before: Vec<u32>,
    zeros: usize,
}

impl Level {
    /// Zeros among the first places.
    fn zeros_up_to(&self, place: usize) -> usize {
        let (word, rest) = (place / 64, place % 64);
        let below = if rest == 0 { 0 } else { (!self.bits[word] << (64 - rest)).count_ones() as usize };
        self.before[word] as usize + below
    }
}

impl Within {
    /// Fewer than 2^32 values, none of them NaN.
    pub fn new(values: &[f64]) -> Within {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let mut ranks: Vec<u32> = values.iter().map(|x| sorted.partition_point(|v| v < x) as u32).collect();
        let mut spare: Vec<u32> = Vec::with_capacity(ranks.len());
        let width = usize::BITS - sorted.len().leading_zeros();
        let mut levels = Vec::new();
        for bit in (0..width).rev() {
            let mut level = Level { bits: vec![0; ranks.len() / 64 + 1], before: Vec::new(), zeros: 0 };
            for (place, rank) in ranks.iter().enumerate() {
                level.bits[place / 64] |= u64::from(rank >> bit & 1) << (place % 64);
            }
            let mut zeros = 0;
            for word in &level.bits {
                level.before.push(zeros);
                zeros += word.count_zeros();
            }
            spare.clear();
            spare.extend(ranks.iter().filter(|&rank| rank >> bit & 1 == 0));
            level.zeros = spare.len();
            spare.extend(ranks.iter().filter(|&rank| rank >> bit & 1 == 1));
            std::mem::swap(&mut ranks, &mut spare);
            levels.push(level);
        }
        Within { sorted, levels }
    }

    /// How many values at these places are no smaller than `low` and no larger than `high`.
    pub fn count(&self, places: Range<usize>, low: f64, high: f64) -> usize {
        let from = self.sorted.partition_point(|&v| v < low);
        let to = self.sorted.partition_point(|&v| v <= high);
        if places.len() == self.sorted.len() {
            return to.saturating_sub(from);
        }
        self.below(places.clone(), to).saturating_sub(self.below(places, from))
    }

    /// How many ranks at these places are smaller than `rank`.
    fn below(&self, places: Range<usize>, rank: usize) -> usize {
        let (mut from, mut to) = (places.start, places.end);
        let mut count = 0;
        for (level, bit) in self.levels.iter().zip((0..self.levels.len()).rev()) {
            let (before, up_to) = (level.zeros_up_to(from), level.zeros_up_to(to));
            if rank >> bit & 1 == 1 {
                count += up_to - before;
                (from, to) = (level.zeros + from - before, level.zeros + to - up_to);
            } else {
                (from, to) = (before, up_to);
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_counts_as_one_by_one(
            values in proptest::collection::vec((0..40i32).prop_map(|v| f64::from(v) / 4.0), 0..200),
            ends in (0..=200usize, 0..=200usize), low in -1.0..11.0f64, wide in 0.0..6.0f64,
        ) {
            let (from, to) = (ends.0.min(ends.1).min(values.len()), ends.0.max(ends.1).min(values.len()));
            let counted = values[from..to].iter().filter(|v| **v >= low && **v <= low + wide).count();
            prop_assert_eq!(Within::new(&values).count(from..to, low, low + wide), counted);
        }
    }
}
