//! A fit as a table and back: a row a group of each level, finest level first. The log prices of the
//! members are in the rows of the groups they make up; that is what merging and restoring go by, the
//! other numbers are for the reader. Where no level has all keys, rows without a level hold the
//! members.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, LargeListArray, RecordBatch};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Field, Float64Type};

use super::fit::{Fitted, Group, Members, skewness};
use super::{Scale, UnitValue};
use crate::aggregate::table;
use crate::error::{Error, Result};
use crate::group::{Combos, finest};
use crate::store::Role;
use crate::watch::Watch;

pub fn table_of(fitted: &Fitted) -> Result<RecordBatch> {
    let members = &fitted.members;
    let apart = !fitted.levels.first().is_some_and(|l| l.combos.keys == members.combos.keys);
    let mut parts: Vec<(Option<i64>, &Combos, Option<&[Group]>)> = Vec::new();
    if apart {
        parts.push((None, &members.combos, None));
    }
    for (i, level) in fitted.levels.iter().enumerate() {
        parts.push((Some(i as i64), &level.combos, Some(&level.groups)));
    }
    let rows: usize = parts.iter().map(|(_, combos, _)| combos.groups()).sum();
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    let levels = parts.iter().flat_map(|(level, combos, _)| std::iter::repeat_n(*level, combos.groups()));
    columns.push(("level".into(), Arc::new(levels.collect::<Int64Array>())));
    let mut names: Vec<&String> = Vec::new();
    for key in parts.iter().flat_map(|(_, combos, _)| &combos.keys) {
        if !names.contains(&key) {
            names.push(key);
        }
    }
    for name in names {
        let labels: Result<Vec<Option<ArrayRef>>> = parts
            .iter()
            .map(|(_, combos, _)| combos.keys.iter().position(|k| k == name).map(|at| combos.labels(at)).transpose())
            .collect();
        let labels = labels?;
        let Some(kind) = labels.iter().flatten().next().map(|l| l.data_type().clone()) else { continue };
        let whole: Vec<ArrayRef> = labels
            .into_iter()
            .zip(&parts)
            .map(|(labels, (_, combos, _))| {
                labels.unwrap_or_else(|| arrow::array::new_null_array(&kind, combos.groups()))
            })
            .collect();
        let whole: Vec<&dyn Array> = whole.iter().map(AsRef::as_ref).collect();
        columns.push((name.clone(), concat(&whole)?));
    }
    let cell = |f: &dyn Fn(&Group) -> Option<f64>| -> ArrayRef {
        let values = parts.iter().flat_map(|(_, combos, groups)| {
            (0..combos.groups()).map(move |g| groups.and_then(|groups| f(&groups[g])).filter(|v| !v.is_nan()))
        });
        Arc::new(values.collect::<Float64Array>())
    };
    let n = parts.iter().flat_map(|(_, combos, groups)| {
        (0..combos.groups()).map(move |g| Some(groups.map_or(members.of(g).len() as i64, |l| i64::from(l[g].n))))
    });
    columns.push(("n".into(), Arc::new(n.collect::<Int64Array>())));
    columns.push(("centre".into(), cell(&|g| Some(g.centre))));
    if fitted.settings.scale == Scale::Adjusted {
        columns.push(("scale_below".into(), cell(&|g| Some(g.low))));
        columns.push(("scale_above".into(), cell(&|g| Some(g.high))));
        columns.push(("medcouple".into(), medcouples(fitted, apart)));
    } else {
        columns.push(("scale".into(), cell(&|g| Some(g.low))));
    }
    let tied = parts.iter().flat_map(|(_, combos, groups)| {
        (0..combos.groups()).map(move |g| groups.map(|groups| groups[g].one_price))
    });
    columns.push(("one_price".into(), Arc::new(tied.collect::<BooleanArray>())));
    for (name, part) in [("df", 0), ("width", 1)] {
        let offset = usize::from(apart);
        let values = parts.iter().enumerate().flat_map(|(p, (_, combos, groups))| {
            (0..combos.groups()).map(move |g| {
                let (df, width) = fitted.levels[p.checked_sub(offset)?].tails.of_size((*groups)?[g].n);
                Some(if part == 0 { df } else { width })
            })
        });
        columns.push((name.into(), Arc::new(values.collect::<Float64Array>())));
    }
    columns.push(("members".into(), lists(members, rows)));
    table(columns, rows)
}

/// The members of the first groups, each list in ascending order; null behind them.
fn lists(members: &Members, rows: usize) -> ArrayRef {
    let groups = members.starts.len() - 1;
    let mut values = members.x.clone();
    for g in 0..groups {
        values[members.starts[g]..members.starts[g + 1]].sort_unstable_by(f64::total_cmp);
    }
    let lengths = (0..rows).map(|g| if g < groups { members.of(g).len() } else { 0 });
    let offsets: OffsetBuffer<i64> = OffsetBuffer::from_lengths(lengths);
    let nulls: NullBuffer = (0..rows).map(|g| g < groups).collect();
    let item = Arc::new(Field::new("item", DataType::Float64, false));
    Arc::new(LargeListArray::new(item, offsets, Arc::new(Float64Array::from(values)), Some(nulls)))
}

/// The skewness of the finest groups.
fn medcouples(fitted: &Fitted, apart: bool) -> ArrayRef {
    let mut values: Vec<Option<f64>> = Vec::new();
    if !apart {
        let members = &fitted.members;
        values.extend((0..members.starts.len() - 1).map(|g| Some(skewness(members.of(g))).filter(|v| !v.is_nan())));
    }
    let rows = fitted.levels.iter().map(|l| l.groups.len()).sum::<usize>()
        + if apart { fitted.members.starts.len() - 1 } else { 0 };
    values.resize(rows, None);
    Arc::new(Float64Array::from(values))
}

/// The fit of all data that the states were made of.
pub fn restore(settings: &UnitValue, states: &[RecordBatch], watch: &Watch) -> Result<Fitted> {
    let wrong = |what: &str| Error::Argument(format!("{what}; pass tables that state() of a UnitValue returned"));
    let unit = Role::QuantityUnit.name();
    let with_unit = states.iter().any(|s| s.column_by_name(unit).is_some());
    let levels = settings.levels(with_unit);
    let keys = finest(&levels);
    let mut columns: Vec<Vec<ArrayRef>> = vec![Vec::new(); keys.len()];
    let mut lists: Vec<LargeListArray> = Vec::new();
    for state in states {
        let column = |name: &str| {
            state.column_by_name(name).ok_or_else(|| wrong(&format!("the state has no column {name:?}")))
        };
        let members = column("members")?;
        let item = Arc::new(Field::new("item", DataType::Float64, true));
        let members = cast(members, &DataType::LargeList(item))
            .map_err(|_| wrong("the column \"members\" does not hold lists of numbers"))?;
        let held: BooleanArray = (0..members.len()).map(|row| Some(members.is_valid(row))).collect();
        for (key, chunks) in keys.iter().zip(&mut columns) {
            chunks.push(arrow::compute::filter(&plain(column(key)?)?, &held)?);
        }
        lists.push(arrow::compute::filter(&members, &held)?.as_list::<i64>().clone());
    }
    let rows = lists.iter().map(Array::len).sum();
    let combos = Combos::of_columns(&keys, &columns, rows, watch)?;
    let (combos, number) = combos.distinct()?;
    // Members of the same group, from one state after the other, by counting.
    let lengths = || lists.iter().flat_map(|l| (0..l.len()).map(move |row| l.value_length(row) as usize));
    let mut starts = vec![0usize; combos.groups() + 1];
    for (&g, length) in number.iter().zip(lengths()) {
        starts[g as usize + 1] += length;
    }
    for g in 0..combos.groups() {
        starts[g + 1] += starts[g];
    }
    let mut next = starts.clone();
    let mut x = vec![0.0; starts[combos.groups()]];
    let mut row = 0;
    for list in &lists {
        for at in 0..list.len() {
            let g = number[row] as usize;
            row += 1;
            let values = list.value(at);
            let values = values.as_primitive::<Float64Type>().values();
            x[next[g]..next[g] + values.len()].copy_from_slice(values);
            next[g] += values.len();
        }
    }
    Fitted::of_members(settings, Members { combos, starts, x }, &levels, watch)
}


/// Keys as they were before they went through other hands: text as views, dates as days.
fn plain(column: &ArrayRef) -> Result<ArrayRef> {
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

