//! The members of fitted groups in a state: lists of numbers beside the keys. Restoring and merging
//! go by them alone.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, LargeListArray, RecordBatch};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{cast, filter};
use arrow::datatypes::{DataType, Field, Float64Type};

use crate::error::{Error, Result};
use crate::group::Combos;
use crate::watch::Watch;

/// Leaves out the missing values of each group, and says where the groups begin then.
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

/// The values of the first groups, a list each; null for the rows behind them.
pub fn lists(starts: &[usize], values: Vec<f64>, rows: usize) -> ArrayRef {
    let groups = starts.len() - 1;
    let lengths = (0..rows).map(|g| if g < groups { starts[g + 1] - starts[g] } else { 0 });
    let offsets: OffsetBuffer<i64> = OffsetBuffer::from_lengths(lengths);
    let nulls: Option<NullBuffer> = (groups < rows).then(|| (0..rows).map(|g| g < groups).collect());
    let item = Arc::new(Field::new("item", DataType::Float64, false));
    Arc::new(LargeListArray::new(item, offsets, Arc::new(Float64Array::from(values)), nulls))
}

/// A column of a detector's state.
pub fn column<'a>(state: &'a RecordBatch, name: &str, detector: &str) -> Result<&'a ArrayRef> {
    state.column_by_name(name).ok_or_else(|| wrong(&format!("the state has no column {name:?}"), detector))
}

fn wrong(what: &str, detector: &str) -> Error {
    Error::Argument(format!("{what}; pass tables that state() of a {detector} returned"))
}

/// The groups of several states together, where each begins, and the values of the named list
/// columns, group after group. Rows whose list is null hold no members.
pub fn read_lists(
    states: &[RecordBatch],
    keys: &[String],
    names: &[&str],
    detector: &str,
    watch: &Watch,
) -> Result<(Combos, Vec<usize>, Vec<Vec<f64>>)> {
    let mut columns: Vec<Vec<ArrayRef>> = vec![Vec::new(); keys.len()];
    let mut held: Vec<Vec<LargeListArray>> = vec![Vec::new(); names.len()];
    for state in states {
        let mut present: Option<BooleanArray> = None;
        for (name, lists) in names.iter().zip(&mut held) {
            let item = Arc::new(Field::new("item", DataType::Float64, true));
            let list = cast(column(state, name, detector)?, &DataType::LargeList(item))
                .map_err(|_| wrong(&format!("the column {name:?} does not hold lists of numbers"), detector))?;
            let present = present.get_or_insert_with(|| (0..list.len()).map(|row| Some(list.is_valid(row))).collect());
            lists.push(filter(&list, present)?.as_list::<i64>().clone());
        }
        for (key, chunks) in keys.iter().zip(&mut columns) {
            let labels = plain(column(state, key, detector)?)?;
            chunks.push(match &present {
                Some(present) => filter(&labels, present)?,
                None => labels,
            });
        }
    }
    let rows = held.first().map_or(0, |lists| lists.iter().map(Array::len).sum());
    let (combos, number) = Combos::of_columns(keys, &columns, rows, watch)?.distinct()?;
    let lengths = |lists: &[LargeListArray]| -> Vec<usize> {
        lists.iter().flat_map(|l| (0..l.len()).map(move |row| l.value_length(row) as usize)).collect()
    };
    let first = held.first().map_or_else(Vec::new, |lists| lengths(lists));
    let mut starts = vec![0usize; combos.groups() + 1];
    for (&g, length) in number.iter().zip(&first) {
        starts[g as usize + 1] += length;
    }
    for g in 0..combos.groups() {
        starts[g + 1] += starts[g];
    }
    let mut values = Vec::new();
    for (name, lists) in names.iter().zip(&held) {
        if lengths(lists) != first {
            let what = format!("the lists of {name:?} are not as long as those of {:?}", names[0]);
            return Err(wrong(&what, detector));
        }
        let mut next = starts.clone();
        let mut out = vec![0.0; starts[combos.groups()]];
        for (list, &g) in lists.iter().flat_map(|l| (0..l.len()).map(move |row| l.value(row))).zip(&number) {
            let part = list.as_primitive::<Float64Type>().values();
            let to = &mut next[g as usize];
            out[*to..*to + part.len()].copy_from_slice(part);
            *to += part.len();
        }
        values.push(out);
    }
    Ok((combos, starts, values))
}

/// Keys as they were before they went through other hands: text as views, dates as days.
pub fn plain(column: &ArrayRef) -> Result<ArrayRef> {
    let kind = match column.data_type() {
        DataType::Dictionary(_, value) => value.as_ref().clone(),
        kind => kind.clone(),
    };
    Ok(match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => cast(column, &DataType::Utf8View)?,
        DataType::Date64 | DataType::Timestamp(_, _) => cast(column, &DataType::Date32)?,
        kind => cast(column, &kind)?,
    })
}
