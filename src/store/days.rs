//! The date column as days.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{
    ArrowTimestampType, DataType, Date32Type, Date64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow::temporal_conversions::as_datetime_with_timezone;
use chrono::Datelike;
use rayon::prelude::*;

use super::codes::{Codes, label_texts, rows_of};
use super::column::Column;
use super::date::{CALENDAR, DateOrder, Grain, OUTSIDE, Spelled, read as read_label, within};
use super::digits::{DateFormat, DateNote};
use super::period::Every;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// Stands for a null day. It lies outside every calendar.
pub const NULL_DAY: i32 = i32::MIN;
const EPOCH_CE: i32 = 719_163;
const DAY_SECONDS: i64 = 86_400;

#[derive(Clone)]
pub struct Days {
    pub values: Vec<i32>,
    pub faults: Vec<(u32, &'static str)>,
    /// The finest precision of all dates.
    pub grain: Grain,
    /// The precision of each row, if they differ.
    pub grains: Option<Arc<Vec<Grain>>>,
    /// How texts and numbers were read; `None` for columns of dates.
    pub format: Option<DateFormat>,
    pub told: Vec<DateNote>,
    /// Labels of whole years or quarters, with their rows, if other labels are parts of these periods.
    pub coarse_periods: Vec<CoarsePeriod>,
}

/// A label of a whole year or quarter, with its rows.
#[derive(Clone)]
pub struct CoarsePeriod {
    pub label: String,
    pub every: Every,
    pub rows: Vec<u32>,
}

/// Reads the column with `format`, or as its own labels show.
pub fn read(
    column: &Column,
    order: Option<DateOrder>,
    format: Option<DateFormat>,
    progress: &Progress,
) -> Result<Days> {
    match column.value_kind() {
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _) => dates(column, progress),
        kind if column.is_text() || kind.is_numeric() => labels(column, order, format, progress),
        kind => Err(Error::Schema(format!(
            "column {:?} has the role \"date\" but holds {kind}; give it dates, timestamps, texts or whole numbers",
            column.name()
        ))),
    }
}

fn dates(column: &Column, progress: &Progress) -> Result<Days> {
    let mut values = Vec::new();
    for chunk in column.chunks(progress)? {
        progress.check()?;
        // Dictionaries of dates are rare, so they are expanded.
        let plain = match chunk.as_any_dictionary_opt() {
            Some(_) => arrow::compute::cast(chunk, column.value_kind())?,
            None => chunk.clone(),
        };
        append(&plain, &mut values)?;
    }
    let parts: Vec<Vec<(u32, &'static str)>> = values
        .par_chunks_mut(1 << 16)
        .enumerate()
        .map(|(part, days)| {
            let outside = |day: i32| day != NULL_DAY && !CALENDAR.contains(&day);
            if !days.iter().any(|&day| outside(day)) {
                return Vec::new();
            }
            let start = (part << 16) as u32;
            let rows = (start..).zip(days).filter(|(_, day)| outside(**day));
            rows.map(|(row, day)| {
                *day = NULL_DAY;
                (row, OUTSIDE)
            })
            .collect()
        })
        .collect();
    let faults = parts.concat();
    Ok(Days {
        values,
        faults,
        grain: Grain::Day,
        grains: None,
        format: None,
        told: Vec::new(),
        coarse_periods: Vec::new(),
    })
}

/// A date that exists but lies outside the calendar.
const NO_DAY: i32 = i32::MAX;

fn append(chunk: &ArrayRef, days: &mut Vec<i32>) -> Result<()> {
    if let Some(dates) = chunk.as_primitive_opt::<Date32Type>() {
        if dates.null_count() == 0 {
            days.extend_from_slice(dates.values());
        } else {
            days.extend(dates.iter().map(|d| d.map_or(NULL_DAY, |d| d.max(NULL_DAY + 1))));
        }
        return Ok(());
    }
    if let Some(dates) = chunk.as_primitive_opt::<Date64Type>() {
        spread(dates, days, |ms| whole(ms.div_euclid(DAY_SECONDS * 1000)));
        return Ok(());
    }
    match chunk.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => timestamps::<TimestampSecondType>(chunk, 1, days),
        DataType::Timestamp(TimeUnit::Millisecond, _) => timestamps::<TimestampMillisecondType>(chunk, 1_000, days),
        DataType::Timestamp(TimeUnit::Microsecond, _) => timestamps::<TimestampMicrosecondType>(chunk, 1_000_000, days),
        _ => timestamps::<TimestampNanosecondType>(chunk, 1_000_000_000, days),
    }
}

fn whole(day: i64) -> i32 {
    within(day).unwrap_or(NO_DAY)
}

/// Timestamps in the local time of their time zone, if they have one.
fn timestamps<T: ArrowTimestampType>(chunk: &ArrayRef, second: i64, days: &mut Vec<i32>) -> Result<()> {
    let times = chunk.as_primitive::<T>();
    match times.timezone() {
        Some(zone) if !matches!(zone, "UTC" | "Z" | "+00:00" | "Etc/UTC") => {
            let zone: arrow::array::timezone::Tz = zone.parse()?;
            spread(times, days, |t| match as_datetime_with_timezone::<T>(t, zone) {
                Some(time) => whole(i64::from(time.date_naive().num_days_from_ce() - EPOCH_CE)),
                None => NO_DAY,
            });
        }
        _ => spread(times, days, |t| whole(t.div_euclid(second * DAY_SECONDS))),
    }
    Ok(())
}

fn spread<T: arrow::datatypes::ArrowPrimitiveType<Native = i64>>(
    array: &PrimitiveArray<T>,
    days: &mut Vec<i32>,
    day: impl Fn(i64) -> i32 + Sync,
) {
    let nulls = array.nulls().filter(|n| n.null_count() > 0);
    let values = array.values();
    let of = |i: usize| if nulls.is_none_or(|n| n.is_valid(i)) { day(values[i]) } else { NULL_DAY };
    days.par_extend((0..values.len()).into_par_iter().with_min_len(1 << 14).map(of));
}

fn labels(column: &Column, order: Option<DateOrder>, format: Option<DateFormat>, progress: &Progress) -> Result<Days> {
    let codes = column.encode(progress)?;
    let texts = label_texts(&codes)?;
    let (format, sentences) = match format {
        Some(format) => (format, Vec::new()),
        None => DateFormat::of(texts.iter().flatten().map(String::as_str), order),
    };
    let cells: Vec<_> = texts.iter().map(|t| t.as_deref().and_then(|t| read_label(t, &format))).collect();
    let mut days: Vec<i32> = cells.iter().map(|c| if let Some(Ok((d, _))) = c { *d } else { NULL_DAY }).collect();
    days.push(NULL_DAY);
    let grain = cells.iter().flatten().filter_map(|c| c.ok()).map(|(_, grain)| grain).max().unwrap_or(Grain::Day);
    let faults = rows_of(&codes, |label| cells[label].and_then(Result::err));
    let told: Vec<Option<Grain>> = cells.iter().map(|c| c.and_then(Result::ok).map(|(_, grain)| grain)).collect();
    let grains = told.iter().flatten().any(|g| *g != grain).then(|| {
        let of = |id: &u32| told.get(*id as usize).copied().flatten().unwrap_or(grain);
        Arc::new(codes.ids.par_iter().with_min_len(1 << 14).map(of).collect())
    });
    let values = codes.ids.par_iter().with_min_len(1 << 14).map(|&id| days[id as usize]).collect();
    let coarse_periods = coarse_periods(&cells, &texts, &codes);
    Ok(Days { values, faults, grain, grains, format: Some(format), told: sentences, coarse_periods })
}

/// Labels of whole periods, if other labels are parts of them.
fn coarse_periods(cells: &[Option<Spelled>], texts: &[Option<String>], codes: &Codes) -> Vec<CoarsePeriod> {
    let known = || cells.iter().enumerate().filter_map(|(at, cell)| Some((at, cell.as_ref()?.ok()?)));
    let of = |grain: Grain, day: i32| match grain {
        Grain::Year => Every::Year.start(day),
        _ => Every::Quarter.start(day),
    };
    let mut found: Vec<CoarsePeriod> = Vec::new();
    for grain in [Grain::Year, Grain::Quarter] {
        let split: BTreeSet<i32> =
            known().filter(|(_, (_, g))| *g > grain).map(|(_, (day, _))| of(grain, day)).collect();
        for (at, _) in known().filter(|(_, (day, g))| *g == grain && split.contains(day)) {
            let rows =
                (0..codes.ids.len() as u32).into_par_iter().filter(|row| codes.ids[*row as usize] as usize == at);
            let every = if grain == Grain::Year { Every::Year } else { Every::Quarter };
            found.push(CoarsePeriod { label: texts[at].clone().unwrap_or_default(), every, rows: rows.collect() });
        }
    }
    found
}
