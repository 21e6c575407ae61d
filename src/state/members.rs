//! The members of fitted groups in a state: lists of numbers beside the keys. Restoring and merging use nothing else.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, LargeListArray, RecordBatch};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::filter;
use arrow::datatypes::{DataType, Field, Float64Type};

use crate::error::Result;
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::state::checked::{self, Rule, column, wrong};
use crate::state::keys::plain_key;

/// Removes the missing values of each group and updates where the groups begin.
pub fn compact<T: Copy>(starts: &mut [usize], values: &mut Vec<T>, missing: impl Fn(&T) -> bool) {
    let (mut kept, mut from) = (0, 0);
    for start in &mut starts[1..] {
        for i in from..*start {
            if !missing(&values[i]) {
                values[kept] = values[i];
                kept += 1;
            }
        }
        from = *start;
        *start = kept;
    }
    values.truncate(kept);
}

/// A column of numbers; NaN becomes null.
pub fn numbers(values: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(values.map(|v| Some(v).filter(|v| !v.is_nan())).collect::<Float64Array>())
}

/// One list for each of the first groups; null for the remaining rows.
pub fn lists(starts: &[usize], values: Vec<f64>, rows: usize) -> ArrayRef {
    let groups = starts.len() - 1;
    let lengths = (0..rows).map(|g| if g < groups { starts[g + 1] - starts[g] } else { 0 });
    let offsets: OffsetBuffer<i64> = OffsetBuffer::from_lengths(lengths);
    let nulls: Option<NullBuffer> = (groups < rows).then(|| (0..rows).map(|g| g < groups).collect());
    let item = Arc::new(Field::new("item", DataType::Float64, false));
    Arc::new(LargeListArray::new(item, offsets, Arc::new(Float64Array::from(values)), nulls))
}

/// The numbers of a list column group by group, and where each group begins.
#[derive(Default)]
pub struct List {
    pub starts: Vec<usize>,
    pub values: Vec<f64>,
}

/// [`read_all_lists`] for a fixed number of columns.
pub fn read_lists<const N: usize>(
    states: &[RecordBatch],
    keys: &[String],
    names: [(&str, Rule); N],
    detector: &str,
    progress: &Progress,
) -> Result<(GroupKeys, [List; N])> {
    let (group_keys, lists) = read_all_lists(states, keys, &names, detector, progress)?;
    let mut lists = lists.into_iter();
    Ok((group_keys, names.map(|_| lists.next().unwrap_or_default())))
}

/// The groups of several states together, with the named list columns, each checked by its rule. A row whose first list
/// is null has no members.
pub fn read_all_lists(
    states: &[RecordBatch],
    keys: &[String],
    names: &[(&str, Rule)],
    detector: &str,
    progress: &Progress,
) -> Result<(GroupKeys, Vec<List>)> {
    checked::rows(states, detector)?;
    let mut columns: Vec<Vec<ArrayRef>> = vec![Vec::new(); keys.len()];
    let mut held: Vec<Vec<LargeListArray>> = vec![Vec::new(); names.len()];
    let mut rows = 0;
    for state in states {
        let lists: Result<Vec<LargeListArray>> =
            names.iter().map(|(name, rule)| checked::list(state, name, *rule, detector)).collect();
        let lists = lists?;
        let first = &lists[0];
        let present: BooleanArray = (0..first.len()).map(|row| Some(first.is_valid(row))).collect();
        rows += present.true_count();
        for (list, held) in lists.iter().zip(&mut held) {
            held.push(filter(list, &present)?.as_list::<i64>().clone());
        }
        for (key, chunks) in keys.iter().zip(&mut columns) {
            chunks.push(filter(&plain_key(key, column(state, key, detector)?)?, &present)?);
        }
    }
    for (key, chunks) in keys.iter().zip(&mut columns) {
        *chunks = checked::key(chunks, key, detector)?;
    }
    let (group_keys, number) = GroupKeys::of_columns(keys, &columns, rows, progress)?.distinct()?;
    let lists = held.iter().map(|lists| by_group(lists, &number, group_keys.groups())).collect();
    Ok((group_keys, lists))
}

/// Concatenates the lists of each group. `number` gives the group of each list.
fn by_group(lists: &[LargeListArray], number: &[u32], groups: usize) -> List {
    let all = || lists.iter().flat_map(|l| (0..l.len()).map(move |row| l.value(row))).zip(number);
    let mut starts = vec![0usize; groups + 1];
    for (list, &g) in all() {
        starts[g as usize + 1] += list.len();
    }
    for g in 0..groups {
        starts[g + 1] += starts[g];
    }
    let mut next = starts.clone();
    let mut values = vec![0.0; starts[groups]];
    for (list, &g) in all() {
        let part = list.as_primitive::<Float64Type>().values();
        let to = &mut next[g as usize];
        values[*to..*to + part.len()].copy_from_slice(part);
        *to += part.len();
    }
    List { starts, values }
}

/// An error unless the lists of each member have the same length.
pub fn same_lengths(lists: &[&List], names: &[&str], detector: &str) -> Result<()> {
    match lists.iter().zip(names).find(|(list, _)| list.starts != lists[0].starts) {
        None => Ok(()),
        Some((_, name)) => {
            let what = format!("the lists of {name:?} are not as long as those of {:?}", names[0]);
            Err(wrong(&what, detector))
        }
    }
}
