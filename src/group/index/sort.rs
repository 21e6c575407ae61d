//! Rows sorted by their packed keys.

use std::ops::Range;

use rayon::prelude::*;

use super::keys::Packed;
use crate::error::Result;
use crate::group::key::KeyColumn;
use crate::progress::Progress;
use crate::store::RowList;

/// Top bits that choose a partition.
const PARTITION_BITS: u32 = 11;
/// Bits sorted in one pass inside a partition.
const DIGIT_BITS: u32 = 8;

/// Sorted rows, group starts, group keys.
pub(super) type Sorted<K> = (Vec<u32>, Vec<u32>, Vec<K>);

pub(super) fn sort<K: Packed>(
    columns: &[KeyColumn],
    strides: &[u128],
    rows: &RowList,
    key_bits: u32,
    row_bits: u32,
    progress: &Progress,
) -> Result<Sorted<K>> {
    let n = rows.len();
    let partition_bits = key_bits.min(PARTITION_BITS);
    let shift = row_bits + key_bits - partition_bits;
    let share = n.div_ceil(rayon::current_num_threads()).max(1 << 14);
    let runs: Result<Vec<(Vec<K>, Vec<u32>)>> = (0..n.div_ceil(share))
        .into_par_iter()
        .map(|run| {
            progress.check()?;
            let range = run * share..((run + 1) * share).min(n);
            let mut packed = Vec::new();
            pack::<K>(columns, strides, rows, range, Some(row_bits), &mut packed);
            Ok(spread(packed, shift, partition_bits))
        })
        .collect();
    let runs = runs?;
    let partitions = 1usize << partition_bits;
    let mut order = vec![0u32; n];
    let mut slices = Vec::with_capacity(partitions);
    let mut rest = &mut order[..];
    for p in 0..partitions {
        let size: usize = runs.iter().map(|(_, starts)| (starts[p + 1] - starts[p]) as usize).sum();
        let (head, tail) = rest.split_at_mut(size);
        rest = tail;
        slices.push(head);
    }
    let work: Vec<_> = slices.into_iter().enumerate().filter(|(_, s)| !s.is_empty()).collect();
    let found: Result<Vec<(Vec<u32>, Vec<K>)>> = work
        .into_par_iter()
        .map_init(
            || (Vec::new(), Vec::new()),
            |(items, spare), (p, out)| {
                progress.check()?;
                items.clear();
                for (run, starts) in &runs {
                    items.extend_from_slice(&run[starts[p] as usize..starts[p + 1] as usize]);
                }
                sort_partition(items, spare, row_bits, shift);
                Ok(boundaries(items, row_bits, out))
            },
        )
        .collect();
    let found = found?;
    let groups = found.iter().map(|(sizes, _)| sizes.len()).sum();
    let mut starts = Vec::with_capacity(groups + 1);
    let mut keys = Vec::with_capacity(groups);
    let mut at = 0;
    for (sizes, part) in found {
        for size in sizes {
            starts.push(at);
            at += size;
        }
        keys.extend(part);
    }
    starts.push(at);
    Ok((order, starts, keys))
}

/// The packed keys of a range of positions, with the row in the `row_bits` low bits if wanted.
pub(super) fn pack<K: Packed>(
    columns: &[KeyColumn],
    strides: &[u128],
    rows: &RowList,
    range: Range<usize>,
    row_bits: Option<u32>,
    packed: &mut Vec<K>,
) {
    packed.clear();
    packed.resize(range.len(), K::default());
    let strides: Vec<K> = strides.iter().map(|&s| K::from_wide(s << row_bits.unwrap_or(0))).collect();
    match rows {
        RowList::All(_) => {
            for (column, &stride) in columns.iter().zip(&strides) {
                column.add_range(range.start, stride, packed);
            }
            if row_bits.is_some() {
                for (item, row) in packed.iter_mut().zip(range) {
                    *item = item.plus(K::from_wide(row as u128));
                }
            }
        }
        RowList::Some(rows) => {
            for (item, &row) in packed.iter_mut().zip(&rows[range]) {
                let mut key = if row_bits.is_some() { K::from_wide(u128::from(row)) } else { K::default() };
                for (column, &stride) in columns.iter().zip(&strides) {
                    key = key.plus(stride.times(column.code(row as usize)));
                }
                *item = key;
            }
        }
    }
}

/// Orders items by partition, keeping their order inside each; returns where partitions start.
fn spread<K: Packed>(items: Vec<K>, shift: u32, bits: u32) -> (Vec<K>, Vec<u32>) {
    let mut starts = vec![0u32; (1 << bits) + 1];
    if bits == 0 {
        starts[1] = items.len() as u32;
        return (items, starts);
    }
    for item in &items {
        starts[item.digit(shift, bits) + 1] += 1;
    }
    for p in 0..1 << bits {
        starts[p + 1] += starts[p];
    }
    let mut next = starts.clone();
    let mut out = vec![K::default(); items.len()];
    for item in items {
        let slot = &mut next[item.digit(shift, bits)];
        out[*slot as usize] = item;
        *slot += 1;
    }
    (out, starts)
}

/// Sorts a partition by the key bits between `low` and `high`; rows are in order already and every
/// pass is stable, so the row bits need no pass of their own.
fn sort_partition<K: Packed>(items: &mut Vec<K>, spare: &mut Vec<K>, low: u32, high: u32) {
    if high <= low {
        return;
    }
    if items.len() < 64 {
        items.sort_unstable();
        return;
    }
    spare.clear();
    spare.resize(items.len(), K::default());
    let passes = (high - low).div_ceil(DIGIT_BITS);
    let bits = (high - low).div_ceil(passes);
    let mut shift = low;
    while shift < high {
        let width = bits.min(high - shift);
        let mut counts = [0u32; 1 << DIGIT_BITS];
        for item in items.iter() {
            counts[item.digit(shift, width)] += 1;
        }
        let mut at = 0;
        let mut starts = counts;
        for (start, count) in starts.iter_mut().zip(counts) {
            *start = at;
            at += count;
        }
        for &item in items.iter() {
            let slot = &mut starts[item.digit(shift, width)];
            spare[*slot as usize] = item;
            *slot += 1;
        }
        std::mem::swap(items, spare);
        shift += width;
    }
}

/// Writes the rows of a sorted partition to `out`; returns group sizes and keys.
fn boundaries<K: Packed>(items: &[K], row_bits: u32, out: &mut [u32]) -> (Vec<u32>, Vec<K>) {
    let mut sizes: Vec<u32> = Vec::new();
    let mut keys: Vec<K> = Vec::new();
    let mut previous = None;
    let mut begun = 0;
    for (i, (&item, out)) in items.iter().zip(out).enumerate() {
        let wide = item.wide();
        *out = (wide & ((1 << row_bits) - 1)) as u32;
        let key = K::from_wide(wide >> row_bits);
        if previous != Some(key) {
            if previous.is_some() {
                sizes.push(i as u32 - begun);
            }
            begun = i as u32;
            keys.push(key);
            previous = Some(key);
        }
    }
    sizes.push(items.len() as u32 - begun);
    (sizes, keys)
}
