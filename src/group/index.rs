//! The group index. All keys of a row are packed into one number; the rows are spread by its top
//! bits into partitions that fit the cache, each partition is sorted by the remaining bits, and
//! where the number changes a new group begins. Groups come out in key order and rows inside a
//! group in row order, however many threads took part.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, UInt32Array};
use arrow::compute::take;
use rayon::prelude::*;

use super::key::{Key, KeyColumn};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::store::{RowList, Shipments};

/// Top bits that choose a partition.
const PARTITION_BITS: u32 = 11;
/// Bits sorted in one pass inside a partition.
const DIGIT_BITS: u32 = 8;

/// A packed key: 64 bits where they suffice, else 128.
pub trait Packed: Copy + Ord + Send + Sync + Default {
    const BITS: u32;
    fn plus(self, other: Self) -> Self;
    fn times(self, code: u32) -> Self;
    fn digit(self, shift: u32, bits: u32) -> usize;
    fn wide(self) -> u128;
    fn from_wide(wide: u128) -> Self;
}

macro_rules! packed {
    ($t:ty) => {
        impl Packed for $t {
            const BITS: u32 = <$t>::BITS;
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            fn times(self, code: u32) -> Self {
                self.wrapping_mul(code as $t)
            }
            fn digit(self, shift: u32, bits: u32) -> usize {
                ((self >> shift) & ((1 << bits) - 1)) as usize
            }
            fn wide(self) -> u128 {
                self as u128
            }
            fn from_wide(wide: u128) -> Self {
                wide as $t
            }
        }
    };
}
packed!(u64);
packed!(u128);

enum Keys {
    Narrow(Vec<u64>),
    Wide(Vec<u128>),
}

/// The keys of groups, apart from their rows.
pub struct IndexKeys {
    keys: Keys,
    strides: Vec<u128>,
    /// Stride and radix of each column for narrow keys.
    divisors: Vec<(Divisor, Divisor)>,
    labels: Vec<ArrayRef>,
}

/// Groups of rows in key order.
pub struct GroupIndex {
    /// Source rows, group after group.
    pub order: Vec<u32>,
    /// Group `g` is `order[starts[g]..starts[g + 1]]`.
    pub starts: Vec<u32>,
    pub keys: Arc<IndexKeys>,
    columns: Vec<KeyColumn>,
}

impl IndexKeys {
    /// The packed key: comparable between indexes over the same keys of one store.
    pub fn key(&self, group: usize) -> u128 {
        match &self.keys {
            Keys::Narrow(keys) => u128::from(keys[group]),
            Keys::Wide(keys) => keys[group],
        }
    }

    /// The code of key `column` in `group`.
    pub fn code(&self, group: usize, column: usize) -> u32 {
        match &self.keys {
            Keys::Narrow(keys) => {
                let (stride, radix) = &self.divisors[column];
                let above = stride.divide(keys[group]);
                (above - radix.divide(above) * radix.by) as u32
            }
            Keys::Wide(keys) => self.code_of(keys[group], column),
        }
    }

    /// The packed codes of all keys but the last.
    pub fn leading(&self, group: usize) -> u128 {
        let last = self.labels.len() - 1;
        match &self.keys {
            Keys::Narrow(keys) => u128::from(self.divisors[last].1.divide(keys[group])),
            Keys::Wide(keys) => keys[group] / (self.labels[last].len() as u128 + 1),
        }
    }

    /// The code of key `column` inside the packed key `packed`.
    pub fn code_of(&self, packed: u128, column: usize) -> u32 {
        ((packed / self.strides[column]) % (self.labels[column].len() as u128 + 1)) as u32
    }

    /// The sorted distinct values of key `column`.
    pub fn distinct(&self, column: usize) -> &ArrayRef {
        &self.labels[column]
    }

    /// The values of key `column` for these groups.
    pub fn labels(&self, column: usize, groups: std::ops::Range<usize>) -> Result<ArrayRef> {
        gather(&self.labels[column], groups.len(), |i| self.code(groups.start + i, column))
    }

    /// The values of key `column` for these codes.
    pub fn labels_of(&self, column: usize, codes: Vec<u32>) -> Result<ArrayRef> {
        gather(&self.labels[column], codes.len(), |i| codes[i])
    }
}

impl GroupIndex {
    pub fn build(ships: &Shipments, keys: &[Key], progress: &Progress) -> Result<GroupIndex> {
        let columns: Result<Vec<KeyColumn>> = keys.iter().map(|k| k.load(&ships.store, progress)).collect();
        let columns = columns?;
        let mut strides = vec![1u128; columns.len()];
        let mut range = 1u128;
        for (stride, column) in strides.iter_mut().zip(&columns).rev() {
            *stride = range;
            range = range.checked_mul(u128::from(column.radix())).ok_or_else(|| {
                Error::Argument("these keys have more combinations than 128 bits hold; group by fewer keys".into())
            })?;
        }
        let rows = ships.store.rows as u64;
        let row_bits = u64::BITS - rows.leading_zeros();
        let key_bits = if range <= 1 { 0 } else { u128::BITS - (range - 1).leading_zeros() };
        if key_bits + row_bits > u128::BITS {
            return Err(Error::Argument(
                "these keys have more combinations than fit beside the row number; group by fewer keys".into(),
            ));
        }
        let (order, starts, keys) = if key_bits + row_bits <= u64::BITS {
            let (order, starts, keys) = sort::<u64>(&columns, &strides, &ships.rows, key_bits, row_bits, progress)?;
            (order, starts, Keys::Narrow(keys))
        } else {
            let (order, starts, keys) = sort::<u128>(&columns, &strides, &ships.rows, key_bits, row_bits, progress)?;
            (order, starts, Keys::Wide(keys))
        };
        let divisors: Vec<(Divisor, Divisor)> = strides
            .iter()
            .zip(&columns)
            .map(|(&stride, column)| {
                let stride = u64::try_from(stride).unwrap_or(u64::MAX);
                (Divisor::new(stride), Divisor::new(column.radix()))
            })
            .collect();
        let labels = columns.iter().map(|c| c.labels.clone()).collect();
        // No keys: one group of everything, even where there is nothing.
        let (starts, keys) =
            if columns.is_empty() && order.is_empty() { (vec![0, 0], Keys::Narrow(vec![0])) } else { (starts, keys) };
        let keys = Arc::new(IndexKeys { keys, strides, divisors, labels });
        let index = GroupIndex { order, starts, keys, columns };
        Ok(index)
    }

    pub fn groups(&self) -> usize {
        self.starts.len() - 1
    }

    pub fn rows(&self, group: usize) -> &[u32] {
        &self.order[self.starts[group] as usize..self.starts[group + 1] as usize]
    }

    /// The group of each position of the rows it was built over.
    pub fn group_of_positions(&self, ships: &Shipments) -> Vec<u32> {
        let strides = &self.keys.strides;
        let range = strides.first().map_or(1, |s| s * u128::from(self.columns[0].radix()));
        match &self.keys.keys {
            // Few enough keys for a table of all of them: codes are read in row order, once.
            Keys::Narrow(keys) if range <= 1 << 22 => {
                let mut table = vec![0u32; range as usize];
                keys.iter().enumerate().for_each(|(g, &key)| table[key as usize] = g as u32);
                let mut groups = vec![0u32; ships.len()];
                groups.par_chunks_mut(1 << 14).enumerate().for_each_init(Vec::new, |packed, (chunk, out)| {
                    let start = chunk << 14;
                    pack::<u64>(&self.columns, strides, &ships.rows, start..start + out.len(), None, packed);
                    out.iter_mut().zip(packed.iter()).for_each(|(out, &key)| *out = table[key as usize]);
                });
                groups
            }
            _ => {
                let by_row: Vec<AtomicU32> = (0..ships.store.rows).into_par_iter().map(|_| AtomicU32::new(0)).collect();
                // A row is in one group, so threads never write to the same place.
                self.group_chunks(1 << 16).into_par_iter().for_each(|groups| {
                    for g in groups {
                        self.rows(g).iter().for_each(|&row| by_row[row as usize].store(g as u32, Relaxed));
                    }
                });
                match &ships.rows {
                    RowList::All(_) => by_row.into_par_iter().map(AtomicU32::into_inner).collect(),
                    RowList::Some(rows) => rows.iter().map(|&r| by_row[r as usize].load(Relaxed)).collect(),
                }
            }
        }
    }

    /// Stretches of groups that hold about `rows` rows each, for parallel work.
    pub fn group_chunks(&self, rows: usize) -> Vec<std::ops::Range<usize>> {
        let mut group_chunks = Vec::new();
        let mut start = 0;
        while start < self.groups() {
            let target = self.starts[start] as usize + rows;
            let end = self.starts.partition_point(|&s| (s as usize) < target).clamp(start + 1, self.groups());
            group_chunks.push(start..end);
            start = end;
        }
        group_chunks
    }
}

/// Labels gathered by code; the code one past the last label is null.
pub fn gather(labels: &ArrayRef, n: usize, code: impl Fn(usize) -> u32 + Sync) -> Result<ArrayRef> {
    let null = labels.len() as u32;
    let Some(texts) = labels.as_string_view_opt() else {
        let codes: Vec<u32> = (0..n).into_par_iter().with_min_len(1 << 12).map(&code).collect();
        let indices: UInt32Array = if codes.contains(&null) {
            codes.into_iter().map(|c| (c != null).then_some(c)).collect()
        } else {
            codes.into()
        };
        return Ok(take(labels, &indices, None)?);
    };
    let views = texts.views();
    let any_null = AtomicBool::new(false);
    let view = |i: usize| {
        views.get(code(i) as usize).copied().unwrap_or_else(|| {
            any_null.store(true, Relaxed);
            0
        })
    };
    let gathered: Vec<u128> = (0..n).into_par_iter().with_min_len(1 << 12).map(view).collect();
    let nulls = any_null.into_inner().then(|| (0..n).map(|i| code(i) != null).collect());
    // SAFETY: every view is one of `texts`' own, which are valid for its buffers, or 0, the empty
    // text. Checking seven million of them again took a sixth of an aggregation.
    let array = unsafe { StringViewArray::new_unchecked(gathered.into(), texts.data_buffers().to_vec(), nulls) };
    Ok(Arc::new(array))
}

/// Division by a number known beforehand, as a multiplication: a third of the cycles.
struct Divisor {
    by: u64,
    inverse: u64,
}

impl Divisor {
    fn new(by: u64) -> Divisor {
        Divisor { by, inverse: u64::MAX / by }
    }

    fn divide(&self, n: u64) -> u64 {
        // The product falls short of n / by by less than two.
        let mut quotient = ((u128::from(n) * u128::from(self.inverse)) >> 64) as u64;
        while n - quotient * self.by >= self.by {
            quotient += 1;
        }
        quotient
    }
}

/// Sorted rows, group starts, group keys.
type Sorted<K> = (Vec<u32>, Vec<u32>, Vec<K>);

fn sort<K: Packed>(
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
fn pack<K: Packed>(
    columns: &[KeyColumn],
    strides: &[u128],
    rows: &RowList,
    range: std::ops::Range<usize>,
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

/// The index last built over one `Shipments`, kept so that the next question by the same keys does
/// not sort again. Nobody waits for the lock: who finds it taken does without the cache. A process that was
/// forked while another thread held it finds it taken for ever.
#[derive(Default)]
pub struct IndexCache {
    held: Mutex<Option<(Vec<Key>, Arc<GroupIndex>)>>,
    /// That of the same shipments without the rows that are totals of others.
    parts: OnceLock<Arc<IndexCache>>,
}

impl IndexCache {
    pub fn get(&self, ships: &Shipments, keys: &[Key], progress: &Progress) -> Result<Arc<GroupIndex>> {
        if let Some(held) = self.held.try_lock().ok().as_deref()
            && let Some((cached, index)) = held
            && cached == keys
        {
            return Ok(index.clone());
        }
        self.put(None); // let go of the old index before the new one takes its memory
        let index = Arc::new(GroupIndex::build(ships, keys, progress)?);
        self.put(Some((keys.to_vec(), index.clone())));
        Ok(index)
    }

    /// The cache of the same shipments without the rows that are totals of others.
    pub fn without_totals(&self) -> Arc<IndexCache> {
        self.parts.get_or_init(Arc::default).clone()
    }

    fn put(&self, new: Option<(Vec<Key>, Arc<GroupIndex>)>) {
        let old = self.held.try_lock().ok().map(|mut held| std::mem::replace(&mut *held, new));
        drop(old); // it may take a while, so the lock is free again
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn multiplication_divides(n in any::<u64>(), by in prop_oneof![1..1000u64, 1..u64::MAX]) {
            prop_assert_eq!(Divisor::new(by).divide(n), n / by);
        }
    }
}
