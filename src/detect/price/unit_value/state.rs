//! A fit as a table and back: one row for each group of each level, finest level first. The log prices of the members
//! are in the rows of the finest groups. Merging and restoring use only them; the other numbers are for the reader. If
//! no level has all keys, rows without a level hold the members.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::{cast, concat};
use arrow::datatypes::DataType;

use super::model::{Fitted, Group, Members, Scale, UnitValue};
use crate::calibrate::tails::{Tail, Tails};
use crate::error::{Error, Result};
use crate::evidence::cautions::FittedFacts;
use crate::group::{GroupKeys, finest};
use crate::progress::Progress;
use crate::state::checked::{Rule, wrong};
use crate::state::members::{lists, read_lists};
use crate::stats::medcouple;
use crate::store::Role;
use crate::table::table;

/// The name of a coefficient of a tail, and its value.
type Cell = (&'static str, fn(&Tail) -> f64);

/// Rows of the state: their level, their keys, their fitted groups.
type Part<'a> = (Option<i64>, &'a GroupKeys, Option<&'a [Group]>);

pub fn table_of(fitted: &Fitted, progress: &Progress) -> Result<RecordBatch> {
    let members = &fitted.members;
    let apart = fitted.levels.first().is_none_or(|l| l.group_keys.keys != members.group_keys.keys);
    let mut parts: Vec<Part> = Vec::new();
    if apart {
        parts.push((None, &members.group_keys, None));
    }
    for (i, level) in fitted.levels.iter().enumerate() {
        parts.push((Some(i as i64), &level.group_keys, Some(&level.groups)));
    }
    let rows: usize = parts.iter().map(|(_, group_keys, _)| group_keys.groups()).sum();
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    let levels = parts.iter().flat_map(|(level, group_keys, _)| std::iter::repeat_n(*level, group_keys.groups()));
    columns.push(("level".into(), Arc::new(levels.collect::<Int64Array>())));
    let mut names: Vec<&String> = Vec::new();
    for key in parts.iter().flat_map(|(_, group_keys, _)| &group_keys.keys) {
        if !names.contains(&key) {
            names.push(key);
        }
    }
    for name in names {
        let labels: Result<Vec<Option<ArrayRef>>> = parts
            .iter()
            .map(|(_, group_keys, _)| {
                group_keys.keys.iter().position(|k| k == name).map(|at| group_keys.labels(at)).transpose()
            })
            .collect();
        let labels = labels?;
        let Some(kind) = labels.iter().flatten().next().map(|l| l.data_type().clone()) else { continue };
        let whole: Vec<ArrayRef> = labels
            .into_iter()
            .zip(&parts)
            .map(|(labels, (_, group_keys, _))| {
                labels.unwrap_or_else(|| arrow::array::new_null_array(&kind, group_keys.groups()))
            })
            .collect();
        let whole: Vec<&dyn Array> = whole.iter().map(AsRef::as_ref).collect();
        columns.push((name.clone(), concat(&whole)?));
    }
    let cell = |f: &dyn Fn(&Group) -> Option<f64>| -> ArrayRef {
        let values = parts.iter().flat_map(|(_, group_keys, groups)| {
            (0..group_keys.groups()).map(move |g| groups.and_then(|groups| f(&groups[g])).filter(|v| !v.is_nan()))
        });
        Arc::new(values.collect::<Float64Array>())
    };
    let n = parts.iter().flat_map(|(_, group_keys, groups)| {
        (0..group_keys.groups()).map(move |g| Some(groups.map_or(members.of(g).len() as i64, |l| i64::from(l[g].n))))
    });
    columns.push(("n".into(), Arc::new(n.collect::<Int64Array>())));
    columns.push(("centre".into(), cell(&|g| Some(g.by.centre))));
    if fitted.settings.scale == Scale::Adjusted {
        columns.push(("scale_below".into(), cell(&|g| Some(g.by.low))));
        columns.push(("scale_above".into(), cell(&|g| Some(g.by.high))));
        columns.push(("medcouple".into(), medcouples(fitted, apart)));
    } else {
        columns.push(("scale".into(), cell(&|g| Some(g.by.low))));
    }
    let tied = parts.iter().flat_map(|(_, group_keys, groups)| {
        (0..group_keys.groups()).map(move |g| groups.map(|groups| groups[g].one_price))
    });
    columns.push(("one_price".into(), Arc::new(tied.collect::<BooleanArray>())));
    columns.push(("tail_scale".into(), cell(&|g| Some(g.tail_scale))));
    let offset = usize::from(apart);
    let tail_cell = |f: &dyn Fn(&Tails, u32) -> Option<f64>| -> ArrayRef {
        let values = parts.iter().enumerate().flat_map(|(p, (_, group_keys, groups))| {
            (0..group_keys.groups()).map(move |g| f(&fitted.levels[p.checked_sub(offset)?].tails, (*groups)?[g].n))
        });
        Arc::new(values.collect::<Float64Array>())
    };
    for (side, words) in ["below", "above"].into_iter().enumerate() {
        let cells: [Cell; 6] = [
            ("a", |t| t.a),
            ("b", |t| t.b),
            ("c", |t| t.c),
            ("share", |t| t.share),
            ("ratio", |t| t.ratio),
            ("times", |t| t.times),
        ];
        for (name, cell) in cells {
            let values = tail_cell(&|tails, _| Some(cell(&tails.laws()[side])));
            columns.push((format!("tail_{words}_{name}"), values));
        }
    }
    columns.push((
        "tail_freedom".into(),
        tail_cell(&|tails, n| tails.moderation.map(|m| m.freedom(n)).filter(|f| f.is_finite())),
    ));
    let mut sorted = members.x.clone();
    for g in 0..members.starts.len() - 1 {
        progress.check()?;
        sorted[members.starts[g]..members.starts[g + 1]].sort_unstable_by(f64::total_cmp);
    }
    columns.push(("measure".into(), Arc::new(StringArray::from(vec![fitted.settings.measure.as_str(); rows]))));
    columns.push(("members".into(), lists(&members.starts, sorted, rows)));
    columns.push(("facts".into(), fitted.facts.column(members.starts.len() - 1, rows, progress)?));
    table(columns, rows)
}

/// The medcouples of the finest groups.
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

/// The medcouple of a group.
fn skewness(members: &[f64]) -> f64 {
    let mut sorted = members.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    medcouple(&sorted).unwrap_or(f64::NAN)
}

/// The fit of all data behind the states.
pub fn restore(settings: &UnitValue, states: &[RecordBatch], progress: &Progress) -> Result<Fitted> {
    let settings = &UnitValue { measure: measure(settings, states)?, ..settings.clone() };
    let unit = Role::QuantityUnit.name();
    let with_unit = states.iter().any(|s| s.column_by_name(unit).is_some());
    let levels = settings.levels(with_unit);
    let names = [("members", Rule::LOG), ("facts", Rule::KNOWN)];
    let (group_keys, [members, facts]) = read_lists(states, &finest(&levels), names, "UnitValue", progress)?;
    let facts = FittedFacts::restored(&facts, "UnitValue")?;
    Fitted::of_members(
        settings,
        Members { group_keys, starts: members.starts, x: members.values },
        &levels,
        facts,
        progress,
    )
}

/// The measure of the states. It is the price by quantity if the fitted shipments had no weight.
pub fn measure(settings: &UnitValue, states: &[RecordBatch]) -> Result<String> {
    let mut found: Option<String> = None;
    for state in states {
        let Some(column) = state.column_by_name("measure") else { continue };
        let texts = cast(column, &DataType::Utf8View)?;
        for text in texts.as_string_view().iter().flatten() {
            if found.as_ref().is_some_and(|f| f != text) {
                return Err(Error::Argument(format!(
                    "states of UnitValue by {} and by {text} do not merge",
                    found.unwrap_or_default()
                )));
            }
            found.get_or_insert_with(|| text.to_owned());
        }
    }
    let found = found.unwrap_or_else(|| settings.measure.clone());
    let fits = found == settings.measure || (settings.measure == "value/net_weight" && found == "value/quantity");
    if fits { Ok(found) } else { Err(wrong(&format!("it measures {found}, not {}", settings.measure), "UnitValue")) }
}
