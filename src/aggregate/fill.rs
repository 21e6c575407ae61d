//! Adds the missing periods between the first and last period of each key.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Date32Type, Float64Type, Int64Type};
use rayon::prelude::*;

use super::measure::Measure;
use crate::error::{Error, Result};
use crate::group::{GroupIndex, Key};
use crate::progress::Progress;
use crate::store::{Every, Role, day_labels, iso};
use crate::table::table;

/// The period among the keys: its position and its step.
pub fn period_key(keys: &[Key]) -> Option<(usize, Every)> {
    keys.iter().enumerate().find_map(|(i, key)| match key {
        Key::Period(every) => Some((i, *every)),
        Key::Role(Role::Date) => Some((i, Every::Day)),
        _ => None,
    })
}

/// The number of rows that are always made, and the largest number.
const ROOM: u64 = 10_000_000;
const MOST: u64 = 200_000_000;
/// The largest number of rows for each row with records. More are a sign of a single wrong date.
const SPARSE: u64 = 100;
/// Stands for "no group". No run of periods is as long.
const NONE: u32 = u32::MAX;

/// A row of the result: the combination of the other keys, the period, and the group, if any.
#[derive(Clone, Copy, Default)]
struct Row {
    flow: u32,
    period: u32,
    group: u32,
}

/// The groups of one combination of the other keys.
struct Flow {
    /// The packed codes of the keys before the period.
    leading: u128,
    cells: Range<usize>,
}

pub fn complete(
    index: &GroupIndex,
    by: &[String],
    keys: &[Key],
    plan: &[Measure],
    arrays: &[ArrayRef],
    progress: &Progress,
) -> Result<RecordBatch> {
    let periods = keys.iter().filter(|k| period_key(&[**k]).is_some()).count();
    let Some((place, every)) = period_key(keys).filter(|_| periods == 1) else {
        return Err(Error::Argument(format!(
            "fill=\"zero\" needs exactly one of day, week, month, quarter, year (or date) among the keys; by has {periods}"
        )));
    };
    let days = index.keys.distinct(place).as_primitive::<Date32Type>().values().clone();
    // All periods from the first to the last, and the position of each one with records.
    let all = match (days.first(), days.last()) {
        (Some(&first), Some(&last)) => every.range(first, last),
        _ => Vec::new(),
    };
    let mut place_of: Vec<u32> = days.iter().map(|d| all.partition_point(|p| p < d) as u32).collect();
    place_of.push(all.len() as u32);
    // A group as the packed codes of the keys before the period, those of the keys after it, its period (nulls last)
    // and its number.
    let packed = |g: usize, keys: Range<usize>| {
        let radix = |k: usize| index.keys.distinct(k).len() as u128 + 1;
        keys.fold(0u128, |packed, k| packed * radix(k) + u128::from(index.keys.code(g, k)))
    };
    let mut cells: Vec<(u128, u128, u32, u32)> = progress.each(0..index.groups(), 1 << 12, |g| {
        let period = place_of[index.keys.code(g, place) as usize];
        (packed(g, 0..place), packed(g, place + 1..keys.len()), period, g as u32)
    })?;
    if place + 1 < keys.len() {
        cells.par_sort_unstable();
        progress.check()?;
    }
    let mut flows: Vec<Flow> = Vec::new();
    let mut from = 0;
    for cells in cells.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        flows.push(Flow { leading: cells[0].0, cells: from..from + cells.len() });
        from += cells.len();
    }
    let known = |flow: &Flow| {
        let cells = &cells[flow.cells.clone()];
        &cells[..cells.partition_point(|c| (c.2 as usize) < all.len())]
    };
    let span = |flow: &Flow| match known(flow) {
        [] => 0..0,
        [first, .., last] => first.2..last.2 + 1,
        [only] => only.2..only.2 + 1,
    };
    let made = flows.iter().map(|flow| span(flow).len() + flow.cells.len() - known(flow).len());
    let many: u64 = made.map(|n| n as u64).sum();
    if many > (SPARSE * index.groups() as u64).clamp(ROOM, MOST) {
        let (first, last) = (all.first().copied().unwrap_or(0), all.last().copied().unwrap_or(0));
        return Err(Error::Argument(format!(
            "fill=\"zero\" would make {many} rows of {} that have records: the dates go from {} to {}; dates far from the \
             others are mostly mistakes: leave them out with ships.where(date=rl.between(...)), take longer periods than \"{}\", or \
             fewer keys",
            index.groups(),
            iso(first),
            iso(last),
            every.name()
        )));
    }
    let mut rows: Vec<Row> = Vec::with_capacity(many as usize);
    for (at, flow) in flows.iter().enumerate() {
        progress.check()?;
        let mut cells = cells[flow.cells.clone()].iter().peekable();
        for period in span(flow) {
            let group = cells.next_if(|c| c.2 == period).map_or(NONE, |c| c.3);
            rows.push(Row { flow: at as u32, period, group });
        }
        rows.extend(cells.map(|c| Row { flow: at as u32, period: c.2, group: c.3 }));
    }
    if place + 1 < keys.len() {
        // Flows are in the order of their keys, so the keys after the period need no comparison.
        rows.par_sort_unstable_by_key(|row| (flows[row.flow as usize].leading, row.period, row.flow));
        progress.check()?;
    }
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for (k, name) in by.iter().enumerate() {
        progress.check()?;
        let array = if k == place {
            let values: Vec<Option<i32>> = rows.iter().map(|row| all.get(row.period as usize).copied()).collect();
            let nulls = values.iter().any(Option::is_none);
            if nulls {
                Arc::new(arrow::array::Date32Array::from(values)) as ArrayRef
            } else {
                day_labels(values.into_iter().flatten().collect())
            }
        } else {
            let codes: Vec<u32> =
                flows.iter().map(|flow| index.keys.code(cells[flow.cells.start].3 as usize, k)).collect();
            index.keys.labels_of(k, rows.iter().map(|row| codes[row.flow as usize]).collect())?
        };
        columns.push((name.clone(), array));
    }
    let groups: UInt32Array = rows.iter().map(|row| Some(row.group).filter(|g| *g != NONE)).collect();
    for (measure, array) in plan.iter().zip(arrays) {
        progress.check()?;
        let mut taken = take(array, &groups, None)?;
        if measure.kind.additive() {
            taken = zeros(&taken, &groups);
        }
        columns.push((measure.name.clone(), taken));
    }
    table(columns, rows.len())
}

/// Sets zero in rows without a group. A null in a row with a group stays.
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
