//! The group index. All keys of a row are packed into one number. Rows are divided by the top bits of this number into
//! partitions that fit the cache, and each partition is sorted by the other bits. A group ends at each change of the
//! number. Groups are in key order, and rows in a group are in row order, for any number of threads.

mod keys;
mod sort;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use rayon::prelude::*;

use self::keys::Keys;
use self::sort::{pack, sort};
use super::key::{Key, KeyColumn};
use super::strides::strides;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::store::{RowList, Shipments};

pub use keys::{IndexKeys, Packed, gather};

/// Groups of rows in key order.
pub struct GroupIndex {
    /// Source rows, by group.
    pub order: Vec<u32>,
    /// The rows of group `g` are `order[starts[g]..starts[g + 1]]`.
    pub starts: Vec<u32>,
    pub keys: Arc<IndexKeys>,
    columns: Vec<KeyColumn>,
}

impl GroupIndex {
    pub fn build(ships: &Shipments, keys: &[Key], progress: &Progress) -> Result<GroupIndex> {
        let columns: Result<Vec<KeyColumn>> = keys.iter().map(|k| k.load(&ships.store, progress)).collect();
        let columns = columns?;
        let (strides, range) = strides(columns.iter().map(|column| &column.labels))?;
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
        let labels = columns.iter().map(|c| c.labels.clone()).collect();
        // Without keys there is one group of all rows, even if there are no rows.
        let (starts, keys) =
            if columns.is_empty() && order.is_empty() { (vec![0, 0], Keys::Narrow(vec![0])) } else { (starts, keys) };
        let keys = Arc::new(IndexKeys::new(keys, strides, labels));
        let index = GroupIndex { order, starts, keys, columns };
        Ok(index)
    }

    pub fn groups(&self) -> usize {
        self.starts.len() - 1
    }

    pub fn rows(&self, group: usize) -> &[u32] {
        &self.order[self.starts[group] as usize..self.starts[group + 1] as usize]
    }

    /// The group of each row of `ships`, the shipments that the index was built over.
    pub fn group_of_positions(&self, ships: &Shipments) -> Vec<u32> {
        let strides = &self.keys.strides;
        let range = strides.first().map_or(1, |s| s * u128::from(self.columns[0].radix()));
        match &self.keys.keys {
            // With few possible keys, a table maps each to its group, and codes are read once in row order.
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
                // A row is in one group, so no two threads write to the same element.
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

    /// Ranges of groups with about `rows` rows each, for parallel work.
    pub fn group_chunks(&self, rows: usize) -> Vec<Range<usize>> {
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
