//! Completes the periods missing between a key's first and last.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Date32Type, Float64Type, Int64Type};

use super::measure::Measure;
use super::table;
use crate::error::{Error, Result};
use crate::group::{GroupIndex, Key};
use crate::store::{Every, Role, day_labels};

/// The period among the keys: its place and its step.
pub fn period_key(keys: &[Key]) -> Option<(usize, Every)> {
    keys.iter().enumerate().find_map(|(i, key)| match key {
        Key::Period(every) => Some((i, *every)),
        Key::Role(Role::Date) => Some((i, Every::Day)),
        _ => None,
    })
}

pub fn complete(
    index: &GroupIndex,
    by: &[String],
    keys: &[Key],
    plan: &[Measure],
    arrays: &[ArrayRef],
) -> Result<RecordBatch> {
    let periods = keys.iter().filter(|k| period_key(&[**k]).is_some()).count();
    let Some((place, every)) = period_key(keys).filter(|_| periods == 1) else {
        return Err(Error::Argument(format!(
            "fill=\"zero\" needs exactly one of day, week, month, quarter, year (or date) among the keys; by has {periods}"
        )));
    };
    let days = index.keys.distinct(place).as_primitive::<Date32Type>().values().clone();
    let null = days.len() as u32;
    // A row: the codes of the other keys, the day (nulls last), and the group it has, if any.
    let mut rows: Vec<(Vec<u32>, i64, Option<u32>)> = Vec::new();
    let mut bounds: std::collections::BTreeMap<Vec<u32>, (i32, i32)> = std::collections::BTreeMap::new();
    for g in 0..index.groups() {
        let mut codes: Vec<u32> = (0..keys.len()).map(|k| index.keys.code(g, k)).collect();
        let period = std::mem::take(&mut codes[place]);
        if period == null {
            rows.push((codes, i64::MAX, Some(g as u32)));
            continue;
        }
        let day = days[period as usize];
        let bound = bounds.entry(codes.clone()).or_insert((day, day));
        *bound = (bound.0.min(day), bound.1.max(day));
        rows.push((codes, i64::from(day), Some(g as u32)));
    }
    let mut held: Vec<(Vec<u32>, i64)> = rows.iter().map(|(c, d, _)| (c.clone(), *d)).collect();
    held.sort_unstable();
    for (codes, (first, last)) in bounds {
        let mut day = first;
        while day <= last {
            let row = (codes.clone(), i64::from(day));
            if held.binary_search(&row).is_err() {
                rows.push((row.0, row.1, None));
            }
            day = every.next(day);
        }
    }
    rows.sort_unstable_by(|a, b| {
        let ordered = |r: &(Vec<u32>, i64, Option<u32>)| {
            r.0.iter().enumerate().map(|(k, &c)| if k == place { r.1 } else { i64::from(c) }).collect::<Vec<i64>>()
        };
        ordered(a).cmp(&ordered(b))
    });
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for (k, name) in by.iter().enumerate() {
        let array = if k == place {
            let values: Vec<Option<i32>> = rows.iter().map(|r| i32::try_from(r.1).ok()).collect();
            let nulls = values.iter().any(Option::is_none);
            if nulls {
                Arc::new(arrow::array::Date32Array::from(values)) as ArrayRef
            } else {
                day_labels(values.into_iter().flatten().collect())
            }
        } else {
            index.keys.labels_of(k, rows.iter().map(|r| r.0[k]).collect())?
        };
        columns.push((name.clone(), array));
    }
    let groups: UInt32Array = rows.iter().map(|r| r.2).collect();
    for (measure, array) in plan.iter().zip(arrays) {
        let mut taken = take(array, &groups, None)?;
        if measure.ask.additive() {
            taken = zeros(&taken, &groups);
        }
        columns.push((measure.name.clone(), taken));
    }
    table(columns, rows.len())
}

/// Puts zero where a row has no group; a null of a row that has one stays.
fn zeros(taken: &ArrayRef, groups: &UInt32Array) -> ArrayRef {
    if let Some(counts) = taken.as_primitive_opt::<Int64Type>() {
        Arc::new(counts.iter().zip(groups).map(|(v, g)| if g.is_none() { Some(0) } else { v }).collect::<Int64Array>())
    } else if let Some(sums) = taken.as_primitive_opt::<Float64Type>() {
        Arc::new(
            sums.iter().zip(groups).map(|(v, g)| if g.is_none() { Some(0.0) } else { v }).collect::<Float64Array>(),
        )
    } else {
        taken.clone()
    }
}
