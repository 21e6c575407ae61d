//! The distinct values of all runs in order, and the rank of each value of each run. A list is freed as soon as the
//! next one exists, because a column may have as many values as rows.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rayon::prelude::*;

/// Values for a thread at a time.
const SHARE: usize = 1 << 16;

/// The rank of each local number of each run, and a label for each distinct key in order.
pub fn rank<V, K, L>(
    values: Vec<Vec<V>>,
    key: impl Fn(V) -> K,
    label: impl Fn(K) -> L + Sync,
) -> (Vec<Vec<u32>>, Vec<L>)
where
    K: Ord + Copy + Send + Sync,
    L: Copy + Default + Send,
{
    let maps: Vec<Vec<AtomicU32>> =
        values.iter().map(|values| values.iter().map(|_| AtomicU32::new(0)).collect()).collect();
    let mut all: Vec<(K, u32, u32)> = Vec::with_capacity(values.iter().map(Vec::len).sum());
    for (run, values) in values.into_iter().enumerate() {
        all.extend(values.into_iter().enumerate().map(|(id, value)| (key(value), run as u32, id as u32)));
    }
    all.par_sort_unstable();
    // A key is new if it differs from the previous one.
    let new = |at: usize| at == 0 || all[at].0 != all[at - 1].0;
    let starts: Vec<usize> = (0..all.len()).step_by(SHARE).collect();
    let stretch = |start: usize| start..all.len().min(start + SHARE);
    let counts: Vec<usize> = starts.par_iter().map(|&start| stretch(start).filter(|&at| new(at)).count()).collect();
    let mut labels = vec![L::default(); counts.iter().sum()];
    let (mut rest, mut before) = (&mut labels[..], 0usize);
    let mut work = Vec::with_capacity(starts.len());
    for (&start, &count) in starts.iter().zip(&counts) {
        let (head, tail) = rest.split_at_mut(count);
        rest = tail;
        work.push((start, before, head));
        before += count;
    }
    work.into_par_iter().for_each(|(start, before, labels)| {
        let mut found = 0;
        for at in stretch(start) {
            let (key, run, id) = all[at];
            if new(at) {
                labels[found] = label(key);
                found += 1;
            }
            maps[run as usize][id as usize].store((before + found) as u32 - 1, Relaxed);
        }
    });
    let maps = maps.into_iter().map(|map| map.into_iter().map(AtomicU32::into_inner).collect());
    (maps.collect(), labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranks_are_places_among_the_distinct_values(
            values in prop::collection::vec(prop::collection::vec(0u16..500, 0..300), 0..6),
        ) {
            let mut distinct: Vec<u16> = values.concat();
            distinct.sort_unstable();
            distinct.dedup();
            let place = |v: &u16| distinct.binary_search(v).unwrap() as u32;
            let wanted: Vec<Vec<u32>> = values.iter().map(|run| run.iter().map(place).collect()).collect();
            prop_assert_eq!(rank(values, |v| v, |v| v), (wanted, distinct));
        }
    }

    #[test]
    fn many_values_are_ranked_alike_across_the_borders_of_shares() {
        let values: Vec<Vec<u32>> =
            (0..3).map(|run| (0..150_000u32).map(|v| v.wrapping_mul(run + 7) % 100_000).collect()).collect();
        let (maps, labels) = rank(values.clone(), |v| v, |v| v);
        assert!(labels.windows(2).all(|w| w[0] < w[1]));
        for (map, values) in maps.iter().zip(&values) {
            assert!(map.iter().zip(values).all(|(rank, value)| labels[*rank as usize] == *value));
        }
    }
}
