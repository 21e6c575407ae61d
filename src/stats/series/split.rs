//! Where two levels fit best, by the sum of absolute deviations from the medians on either side, exactly.
//!
//! With each value more, that sum grows by the value's distance from the median of those before it, or
//! from their two middle values. The medians of all beginnings and all ends are found by removing the values from the
//! sorted series one by one: each time, the median moves to a neighbour or stays.

use crate::stats::{decode, encode};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    /// The first place of the second level.
    pub at: usize,
    pub before: f64,
    pub after: f64,
}

/// Working memory, kept from series to series.
#[derive(Default)]
pub struct Splitter {
    keys: Vec<(i64, u32)>,
    /// From 1 on the values in ascending order.
    sorted: Vec<f64>,
    /// The place of each value among them, 0 where it is NaN.
    place: Vec<u32>,
    /// What is left without the values from each on, and without those up to each.
    beginnings: Vec<Left>,
    ends: Vec<Left>,
    links: [Vec<(u32, u32)>; 2],
}

/// What is left when a value is taken out.
#[derive(Clone, Copy, Default)]
struct Left {
    /// How far the value is from the middle of the others.
    far: f64,
    /// The places of their middle values, which are one where there is an odd number.
    middle: (u32, u32),
    held: u32,
}

impl Splitter {
    pub fn sort(&mut self, values: &[f64]) {
        self.keys.clear();
        let held = values.iter().enumerate().filter(|(_, v)| !v.is_nan());
        self.keys.extend(held.map(|(t, &v)| (encode(v), t as u32)));
        self.keys.sort_unstable();
        self.place.clear();
        self.place.resize(values.len(), 0);
        self.sorted.clear();
        self.sorted.push(f64::NAN);
        for (i, &(key, t)) in self.keys.iter().enumerate() {
            self.place[t as usize] = i as u32 + 1;
            self.sorted.push(decode(key));
        }
    }

    /// The median of the values sorted last; NaN of none.
    pub fn median(&self) -> f64 {
        let n = self.keys.len();
        if n == 0 { f64::NAN } else { mean(self.sorted[n.div_ceil(2)], self.sorted[n / 2 + 1]) }
    }

    /// The best split of the values sorted last with at least so many on either side, if there is one.
    pub fn best(&mut self, least: usize) -> Option<Split> {
        let Splitter { sorted, place, beginnings, ends, links, .. } = self;
        let n = place.len();
        for left in [&mut *beginnings, &mut *ends] {
            left.clear();
            left.resize(n, Left::default());
        }
        // Both ways in one loop: each waits for its own links.
        let [mut back, mut forth] = links.each_mut().map(|links| Taker::of(sorted, links));
        for (t, u) in (0..n).zip((0..n).rev()) {
            forth.take_out(place[t], &mut ends[t]);
            back.take_out(place[u], &mut beginnings[u]);
        }
        // From here on `far` is the sum of deviations of the values before.
        let mut cost = 0.0;
        for left in &mut *beginnings {
            let far = left.far;
            left.far = cost;
            cost += far;
        }
        let mut cost = 0.0;
        let mut best: Option<(f64, usize)> = None;
        for at in (least.max(1)..n).rev() {
            cost += ends[at].far;
            let (before, after) = (&beginnings[at], &ends[at - 1]);
            if n - at < least || before.held < least as u32 || after.held < least as u32 {
                continue;
            }
            let both = before.far + cost;
            if best.is_none_or(|(least, _)| both <= least) {
                best = Some((both, at));
            }
        }
        let median = |left: &Left| mean(sorted[left.middle.0 as usize], sorted[left.middle.1 as usize]);
        best.map(|(_, at)| Split { at, before: median(&beginnings[at]), after: median(&ends[at - 1]) })
    }
}

/// Values in ascending order that are taken out one by one.
struct Taker<'a> {
    sorted: &'a [f64],
    /// Places of the neighbours below and above that are left.
    links: &'a mut [(u32, u32)],
    /// Places of the middle values.
    low: u32,
    high: u32,
    held: u32,
}

impl<'a> Taker<'a> {
    fn of(sorted: &'a [f64], links: &'a mut Vec<(u32, u32)>) -> Taker<'a> {
        let held = sorted.len() as u32 - 1;
        links.clear();
        links.extend((0..held + 2).map(|i| (i.saturating_sub(1), i + 1)));
        Taker { sorted, links, low: held.div_ceil(2), high: held / 2 + 1, held }
    }

    fn take_out(&mut self, place: u32, left: &mut Left) {
        let mut far = 0.0;
        if place > 0 {
            let (below, above) = self.links[place as usize];
            self.links[below as usize].1 = above;
            self.links[above as usize].0 = below;
            // An odd number's middle is the upper of the two that are left, or one of them goes. The way
            // is not predictable, so it is chosen by bits, without a branch.
            let (down, up) = self.links[self.low as usize];
            let odd = self.held % 2 == 1;
            let (other, moves) = if odd { (down, place >= self.low) } else { (up, place <= self.low) };
            self.low ^= (self.low ^ other) & u32::from(moves).wrapping_neg();
            self.high = if odd { self.links[self.low as usize].1 } else { self.low };
            self.held -= 1;
            if self.held > 0 {
                let value = |place: u32| self.sorted[place as usize];
                far = (value(self.low) - value(place)).max(value(place) - value(self.high)).max(0.0);
            }
        }
        *left = Left { far, middle: (self.low, self.high), held: self.held };
    }
}

/// The mean of two middle values.
fn mean(low: f64, high: f64) -> f64 {
    let sum = low + high;
    (if sum.is_finite() { sum / 2.0 } else { low / 2.0 + high / 2.0 }) + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::OrderStatistics;
    use proptest::prelude::*;

    fn median(values: &[f64]) -> Option<f64> {
        let mut keys: Vec<i64> = values.iter().filter(|v| !v.is_nan()).map(|&v| encode(v)).collect();
        OrderStatistics::new(&mut keys, true).median()
    }

    fn deviations(values: &[f64]) -> f64 {
        let centre = median(values).unwrap_or(0.0);
        values.iter().filter(|v| !v.is_nan()).map(|v| (v - centre).abs()).sum()
    }

    proptest! {
        #[test]
        fn it_is_the_best_of_all(
            values in prop::collection::vec(prop_oneof![4 => (-9..9i32).prop_map(f64::from), 1 => Just(f64::NAN), 2 => -9.0..9.0f64], 0..40),
            least in 1..6usize,
        ) {
            let mut splitter = Splitter::default();
            splitter.sort(&values);
            prop_assert_eq!(median(&values), Some(splitter.median()).filter(|m| !m.is_nan()));
            let able = |at: &usize| {
                let held = |part: &[f64]| part.iter().filter(|v| !v.is_nan()).count() >= least;
                values.len() - at >= least && held(&values[..*at]) && held(&values[*at..])
            };
            let cost = |at: usize| deviations(&values[..at]) + deviations(&values[at..]);
            let all: Vec<f64> = (1..values.len()).filter(able).map(cost).collect();
            let found = splitter.best(least);
            prop_assert_eq!(found.is_some(), !all.is_empty());
            if let Some(split) = found {
                prop_assert!(able(&split.at));
                let best = all.into_iter().fold(f64::INFINITY, f64::min);
                prop_assert!((cost(split.at) - best).abs() < 1e-9);
                prop_assert_eq!(Some(split.before), median(&values[..split.at]));
                prop_assert_eq!(Some(split.after), median(&values[split.at..]));
            }
        }
    }
}
