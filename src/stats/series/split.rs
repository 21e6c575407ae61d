//! Where two levels fit best, by the sum of absolute deviations from the medians on either side, exactly.
//!
//! With each value more, that sum grows by the value's distance from the median of those before it, or
//! from their two middle values. The medians of all beginnings and of all ends are met by taking the
//! values out of the sorted whole one by one: each time the median moves to a neighbour at most.

use crate::stats::{decode, encode};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    /// The first place of the second level.
    pub at: usize,
    pub before: f64,
    pub after: f64,
}

/// Values without one, and what is left.
#[derive(Clone, Copy, Default)]
struct Left {
    /// How far the value taken out is from the middle of the others.
    far: f64,
    median: f64,
    held: usize,
}

/// Working memory, kept from series to series.
#[derive(Default)]
pub struct Splitter {
    keys: Vec<(i64, u32)>,
    /// From 1 on the values in ascending order.
    sorted: Vec<f64>,
    /// The place of each value among them, 0 where it is NaN.
    place: Vec<u32>,
    /// Places of the neighbours below and above that have not been taken out.
    links: Vec<(u32, u32)>,
    beginnings: Vec<Left>,
    ends: Vec<Left>,
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
        if n == 0 { f64::NAN } else { middle(self.sorted[n.div_ceil(2)], self.sorted[n / 2 + 1], n) }
    }

    /// The best split of the values sorted last with at least so many on either side, if there is one.
    pub fn best(&mut self, least: usize) -> Option<Split> {
        let n = self.place.len();
        let mut beginnings = std::mem::take(&mut self.beginnings);
        let mut ends = std::mem::take(&mut self.ends);
        self.take_out((0..n).rev(), &mut beginnings);
        self.take_out(0..n, &mut ends);
        // From here on `far` is the sum of deviations of the values before.
        let mut cost = 0.0;
        for left in &mut beginnings {
            let far = left.far;
            left.far = cost;
            cost += far;
        }
        let mut cost = 0.0;
        let mut best: Option<(f64, Split)> = None;
        for at in (least.max(1)..n).rev() {
            cost += ends[at].far;
            let (before, after) = (&beginnings[at], &ends[at - 1]);
            if n - at < least || before.held < least || after.held < least {
                continue;
            }
            let both = before.far + cost;
            if best.is_none_or(|(least, _)| both <= least) {
                best = Some((both, Split { at, before: before.median, after: after.median }));
            }
        }
        (self.beginnings, self.ends) = (beginnings, ends);
        best.map(|b| b.1)
    }

    /// Takes all values out in this order.
    fn take_out(&mut self, order: impl Iterator<Item = usize>, out: &mut Vec<Left>) {
        let mut held = self.keys.len();
        out.clear();
        out.resize(self.place.len(), Left::default());
        self.links.clear();
        self.links.extend((0..held as u32 + 2).map(|i| (i.saturating_sub(1), i + 1)));
        // The place of the lower middle value.
        let mut low = held.div_ceil(2) as u32;
        let mut before = Left { far: 0.0, median: self.median(), held };
        for t in order {
            let place = self.place[t];
            if place == 0 {
                out[t] = Left { far: 0.0, ..before };
                continue;
            }
            let (below, above) = self.links[place as usize];
            self.links[below as usize].1 = above;
            self.links[above as usize].0 = below;
            // An odd number's middle is the upper of the two that are left, or one of them goes. The way
            // is not to be guessed, so it is looked up rather than branched on.
            let (down, up) = self.links[low as usize];
            let odd = held % 2 == 1;
            low = if odd { [low, down][usize::from(place >= low)] } else { [low, up][usize::from(place <= low)] };
            held -= 1;
            if held == 0 {
                before = Left::default();
                continue;
            }
            let high = if odd { self.links[low as usize].1 } else { low };
            let x = self.sorted[place as usize];
            let (low, high) = (self.sorted[low as usize], self.sorted[high as usize]);
            before = Left { far: (low - x).max(x - high).max(0.0), median: middle(low, high, held), held };
            out[t] = before;
        }
    }
}

/// The middle of the two middle values, which are one where there is an odd number.
fn middle(low: f64, high: f64, n: usize) -> f64 {
    if n % 2 == 1 {
        return low + 0.0;
    }
    let sum = low + high;
    (if sum.is_finite() { sum / 2.0 } else { low / 2.0 + high / 2.0 }) + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Ordered;
    use proptest::prelude::*;

    fn median(values: &[f64]) -> Option<f64> {
        let mut keys: Vec<i64> = values.iter().filter(|v| !v.is_nan()).map(|&v| encode(v)).collect();
        Ordered::new(&mut keys, true).median()
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
