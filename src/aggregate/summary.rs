//! One line for each column, and the lists of faults, repairs and totals.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::error::Result;
use crate::group::Key;
use crate::progress::Progress;
use crate::store::{Fault, Repair, Role, RoleKind, Shipments, iso};
use crate::table::table;

/// `column, role, type, nulls, faults, repairs, distinct, min, max, caution`: texts, except for the counts.
pub fn summary(ships: &Shipments, progress: &Progress) -> Result<RecordBatch> {
    let store = &ships.store;
    let faults = ships.faults(progress)?;
    let repairs = ships.repairs(progress)?;
    let mut lines: Vec<Line> = Vec::new();
    let counted = |columns: &mut dyn Iterator<Item = u32>| {
        let mut counts = vec![0i64; store.columns.len()];
        columns.filter_map(|c| usize::try_from(c).ok()).for_each(|c| {
            if let Some(n) = counts.get_mut(c) {
                *n += 1;
            }
        });
        counts
    };
    let bad = counted(&mut faults.iter().map(|f| f.column));
    let mended = counted(&mut repairs.iter().map(|r| r.column));
    progress.begin("summary", store.columns.len() as u64);
    for (i, column) in store.columns.iter().enumerate() {
        progress.check()?;
        let role = store.role_of(i);
        let key = role.map_or(Key::Column(i), Key::Role);
        let mut line = Line {
            column: column.name().to_owned(),
            role: role.map(Role::name),
            kind: match role.map(Role::kind) {
                Some(RoleKind::Date) => "date".into(),
                Some(RoleKind::Number) => "number".into(),
                Some(_) => "text".into(),
                None if column.is_text() => "text".into(),
                None if column.is_number() => "number".into(),
                None => column.value_kind().to_string().to_lowercase(),
            },
            faults: bad[i],
            repairs: mended[i],
            ..Line::default()
        };
        if let Ok(loaded) = key.load(store, progress) {
            let mut seen = vec![false; loaded.radix() as usize];
            for row in ships.rows.iter() {
                progress.check()?;
                let code = loaded.code(row);
                line.nulls += i64::from(code == loaded.null());
                seen[code as usize] = true;
            }
            seen.pop();
            line.distinct = seen.iter().filter(|s| **s).count() as i64;
            let show = |at: Option<usize>| at.map(|i| show(&loaded.labels, i)).transpose();
            line.min = show(seen.iter().position(|s| *s))?;
            line.max = show(seen.iter().rposition(|s| *s))?;
        }
        if role == Some(Role::Value) {
            line.caution = store.caution(&ships.rows, progress)?;
        }
        lines.push(line);
        progress.advance(1);
    }
    let text = |f: fn(&Line) -> Option<&str>| Arc::new(lines.iter().map(f).collect::<StringArray>()) as ArrayRef;
    let count = |f: fn(&Line) -> i64| Arc::new(lines.iter().map(f).map(Some).collect::<Int64Array>()) as ArrayRef;
    table(
        vec![
            ("column".into(), text(|l| Some(&l.column))),
            ("role".into(), text(|l| l.role)),
            ("type".into(), text(|l| Some(&l.kind))),
            ("nulls".into(), count(|l| l.nulls)),
            ("faults".into(), count(|l| l.faults)),
            ("repairs".into(), count(|l| l.repairs)),
            ("distinct".into(), count(|l| l.distinct)),
            ("min".into(), text(|l| l.min.as_deref())),
            ("max".into(), text(|l| l.max.as_deref())),
            ("caution".into(), text(|l| l.caution.as_deref())),
        ],
        lines.len(),
    )
}

#[derive(Default)]
struct Line {
    column: String,
    role: Option<&'static str>,
    kind: String,
    nulls: i64,
    faults: i64,
    repairs: i64,
    distinct: i64,
    min: Option<String>,
    max: Option<String>,
    caution: Option<String>,
}

fn show(labels: &ArrayRef, at: usize) -> Result<String> {
    if let Some(days) = labels.as_primitive_opt::<arrow::datatypes::Date32Type>() {
        return Ok(iso(days.value(at)));
    }
    if let Some(numbers) = labels.as_primitive_opt::<arrow::datatypes::Float64Type>() {
        return Ok(numbers.value(at).to_string());
    }
    Ok(ArrayFormatter::try_new(labels, &FormatOptions::default())?.value(at).to_string())
}

/// `row, column, raw, reason`, by row and column.
pub fn fault_table(ships: &Shipments, faults: &[Fault], progress: &Progress) -> Result<RecordBatch> {
    let store = &ships.store;
    let rows: UInt32Array = faults.iter().map(|f| Some(f.row)).collect();
    let columns: StringArray = faults.iter().map(|f| Some(store.fault_column(f))).collect();
    let raw: StringArray = store.raws(faults, progress)?.into_iter().collect();
    let reasons: StringArray = faults.iter().map(|f| Some(f.reason)).collect();
    let rows = arrow::compute::cast(&rows, &arrow::datatypes::DataType::Int64)?;
    table(
        vec![
            ("row".into(), rows),
            ("column".into(), Arc::new(columns)),
            ("raw".into(), Arc::new(raw)),
            ("reason".into(), Arc::new(reasons)),
        ],
        faults.len(),
    )
}

/// `row, column, raw, value, reason`, by row and column.
pub fn repair_table(ships: &Shipments, repairs: &[Repair]) -> Result<RecordBatch> {
    let store = &ships.store;
    let name = |r: &Repair| store.columns.get(r.column as usize).map(|c| c.name().to_owned());
    let rows: Int64Array = repairs.iter().map(|r| Some(i64::from(r.row))).collect();
    let columns: StringArray = repairs.iter().map(name).collect();
    let raw: StringArray = repairs.iter().map(|r| store.raw_of_repair(r)).collect();
    let values: StringArray = repairs.iter().map(|r| Some(&*r.value)).collect();
    let reasons: StringArray = repairs.iter().map(|r| Some(r.reason)).collect();
    table(
        vec![
            ("row".into(), Arc::new(rows)),
            ("column".into(), Arc::new(columns)),
            ("raw".into(), Arc::new(raw)),
            ("value".into(), Arc::new(values)),
            ("reason".into(), Arc::new(reasons)),
        ],
        repairs.len(),
    )
}

/// `row, reason`, by row.
pub fn total_table(ships: &Shipments) -> Result<RecordBatch> {
    let totals = ships.store.totals();
    let found: Vec<(i64, &str)> = ships.rows.iter().filter_map(|row| Some((row as i64, totals.reason(row)?))).collect();
    let rows: Int64Array = found.iter().map(|(row, _)| Some(*row)).collect();
    let reasons: StringArray = found.iter().map(|(_, reason)| Some(*reason)).collect();
    table(vec![("row".into(), Arc::new(rows)), ("reason".into(), Arc::new(reasons))], found.len())
}
