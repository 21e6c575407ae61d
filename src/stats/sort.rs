//! Sorts whole numbers that carry their place in the last bits. Few numbers are sorted by counting. Some hundreds,
//! spread over their range like the logarithms of weights, are put at the place expected from their size and then
//! moved past the few larger neighbours.

/// Puts the place of each number into its last bits. The other bits stay.
#[derive(Clone, Copy, Default)]
pub struct Places(u64);

impl Places {
    pub fn below(many: usize) -> Places {
        Places(many.next_power_of_two() as u64 - 1)
    }

    pub fn put(self, number: u64, at: usize) -> u64 {
        self.number(number) | at as u64
    }

    pub fn at(self, key: u64) -> usize {
        (key & self.0) as usize
    }

    pub fn number(self, key: u64) -> u64 {
        key & !self.0
    }
}

/// Fewer numbers, or more, are sorted by comparing them.
const NUMBERS: (usize, usize) = (24, 1 << 12);
/// So are numbers with more than this many expected at one place.
const CROWD: u32 = 24;

/// Working memory, kept from sort to sort.
#[derive(Default)]
pub struct Sorter {
    places: Vec<u32>,
    spare: Vec<u64>,
}

impl Sorter {
    pub fn sort(&mut self, numbers: &mut [u64]) {
        let n = numbers.len();
        let (low, high) = numbers.iter().fold((u64::MAX, 0), |(low, high), &x| (low.min(x), high.max(x)));
        if n < NUMBERS.0 || n > NUMBERS.1 || low == high {
            numbers.sort_unstable();
            return;
        }
        let Sorter { places, spare } = self;
        let buckets = n.next_power_of_two();
        let shift = (u64::BITS - (high - low).leading_zeros()).saturating_sub(buckets.trailing_zeros());
        let bucket = |x: u64| ((x - low) >> shift) as usize;
        places.clear();
        places.resize(buckets, 0);
        numbers.iter().for_each(|x| places[bucket(*x)] += 1);
        if places.iter().any(|many| *many > CROWD) {
            numbers.sort_unstable();
            return;
        }
        let mut before = 0;
        for place in &mut *places {
            (*place, before) = (before, before + *place);
        }
        spare.clear();
        spare.extend_from_slice(numbers);
        for &x in &*spare {
            let place = &mut places[bucket(x)];
            numbers[*place as usize] = x;
            *place += 1;
        }
        for i in 1..n {
            let (x, mut at) = (numbers[i], i);
            while at > 0 && numbers[at - 1] > x {
                numbers[at] = numbers[at - 1];
                at -= 1;
            }
            numbers[at] = x;
        }
    }
}

/// Up to so many numbers are sorted by counting.
const FEW: usize = 16;

/// Sorts numbers that all differ; few of them by counting the smaller ones for each, without branches.
pub fn sort_few(numbers: &mut [u64]) {
    let n = numbers.len();
    if n > FEW {
        numbers.sort_unstable();
        return;
    }
    let mut few = [u64::MAX; FEW];
    few[..n].copy_from_slice(numbers);
    for &x in &few[..n] {
        let smaller: usize = few[..n].iter().map(|other| usize::from(*other < x)).sum();
        numbers[smaller] = x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_sorts(
            numbers in prop_oneof![
                prop::collection::vec(any::<u64>(), 0..400),
                prop::collection::vec(1u64 << 40..1 << 41, 0..400),
                prop::collection::vec(prop_oneof![any::<u64>(), 0..50u64], 0..400),
            ],
        ) {
            let (mut ours, mut sorted) = (numbers.clone(), numbers);
            Sorter::default().sort(&mut ours);
            sorted.sort_unstable();
            prop_assert_eq!(ours, sorted);
        }

        #[test]
        fn it_sorts_a_few(numbers in prop::collection::hash_set(any::<u64>(), 0..=FEW + 2)) {
            let mut ours: Vec<u64> = numbers.into_iter().collect();
            let mut sorted = ours.clone();
            sort_few(&mut ours);
            sorted.sort_unstable();
            prop_assert_eq!(ours, sorted);
        }
    }
}
