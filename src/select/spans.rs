//! Ranges of an ordered type, with binary search.

/// Disjoint ranges in ascending order. Both ends are included.
#[derive(Clone, Debug, PartialEq)]
pub struct Spans<T>(Vec<(T, T)>);

impl<T: Ord + Copy> Spans<T> {
    /// Takes ranges in any order. A range whose end is before its beginning is empty.
    pub fn new(mut list: Vec<(T, T)>) -> Spans<T> {
        list.retain(|(first, last)| first <= last);
        list.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(list.len());
        for (first, last) in list {
            match merged.last_mut() {
                Some(before) if first <= before.1 => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Spans(merged)
    }

    pub fn contains(&self, x: T) -> bool {
        let after = self.0.partition_point(|span| span.0 <= x);
        after > 0 && x <= self.0[after - 1].1
    }

    pub fn iter(&self) -> impl Iterator<Item = (T, T)> + '_ {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_same_as_looking_at_each(list in prop::collection::vec((-20..20i32, -20..20i32), 0..8)) {
            let spans = Spans::new(list.clone());
            for x in -21..21 {
                prop_assert_eq!(spans.contains(x), list.iter().any(|&(a, b)| a <= x && x <= b));
            }
        }
    }
}
