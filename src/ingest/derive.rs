//! Columns that the source does not have and a role needs. They are made from the source's own columns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{Array, ArrayRef, Date32Array, DictionaryArray, StringArray, UInt32Array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{Field, UInt32Type};
use chrono::{Datelike, NaiveDate};
use rayon::prelude::*;

use super::content::date_part;
use super::recipe::{Cut, Derivation, End, Recipe};
use crate::error::Result;
use crate::ingest::words;
use crate::progress::Progress;
use crate::store::{
    Assigned, Codes, Column, Direction, Fault, FlowWords, NEITHER, NULL_DAY, Role, is_missing, label_texts, nullable,
};

/// The results of the recipes besides the columns.
#[derive(Default)]
pub struct Outcome {
    pub faults: Vec<Fault>,
    pub notes: Vec<String>,
}

/// Adds the column of each recipe whose role has no column yet.
pub fn derive(
    recipes: &[Recipe],
    columns: &mut Vec<Column>,
    roles: &mut Vec<(Role, Assigned)>,
    rows: usize,
    progress: &Progress,
) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let own = columns.len();
    for recipe in recipes {
        let Some(role) = Role::named(&recipe.role) else { continue };
        let fits = recipe.how.columns().iter().all(|c| *c < own);
        if roles.iter().any(|(r, _)| *r == role) || !fits {
            continue; // the user named it
        }
        let made = match &recipe.how {
            Derivation::Constant { text } => Made::Column(labelled(vec![0; rows], &[Some(text.clone())])),
            Derivation::Cut { column, cut } => cut_cells(&columns[*column], cut, progress)?,
            Derivation::Flow { side, on_import, on_export, words } => {
                by_direction(columns, *side, [on_import, on_export], words, &mut outcome, progress)?
            }
            Derivation::Side { side, words } => side_of(columns, *side, words, &mut outcome, progress)?,
            Derivation::Kilograms { weight, unit } => {
                to_kilograms(columns, *weight, *unit, role, &mut outcome, progress)?
            }
            Derivation::Only { column, by, words } => {
                only_where(columns, *column, *by, words, role, &mut outcome, progress)?
            }
            Derivation::Date { year, month, day } => {
                day_of(columns, [Some(*year), *month, *day], rows, &mut outcome, progress)?
            }
        };
        match made {
            Made::Column(array) => {
                let taken = columns[..own].iter().any(|c| c.name() == role.name());
                let name = if taken { format!("{}_derived", role.name()) } else { role.name().to_owned() };
                if taken {
                    outcome.notes.push(format!(
                        "the source has a column {:?} that does not play that role; the role's column is called {name:?}",
                        role.name()
                    ));
                }
                let field = Arc::new(Field::new(name, array.data_type().clone(), true));
                roles.push((role, Assigned { column: columns.len(), factor: recipe.factor }));
                columns.push(Column::new(field, vec![array]));
            }
            Made::Own(column, factor) => roles.push((role, Assigned { column, factor: factor * recipe.factor })),
            Made::Nothing => {}
        }
    }
    outcome.faults.sort_by_key(|f| (f.row, f.column));
    Ok(outcome)
}

enum Made {
    Column(ArrayRef),
    /// A column of the source can be used, times the factor.
    Own(usize, f64),
    Nothing,
}

/// Rows as codes of their labels, with null for rows without a label. Unused labels are left out.
fn labelled(ids: Vec<u32>, labels: &[Option<String>]) -> ArrayRef {
    let used: Vec<AtomicBool> = labels.iter().map(|_| AtomicBool::new(false)).collect();
    ids.par_iter().for_each(|&id| {
        // Most marks are set already, and reading is cheaper than writing.
        if let Some(mark) = used.get(id as usize).filter(|mark| !mark.load(Ordering::Relaxed)) {
            mark.store(true, Ordering::Relaxed);
        }
    });
    let mut place = vec![u32::MAX; labels.len() + 1];
    let mut kept: Vec<&str> = Vec::new();
    for (i, label) in labels.iter().enumerate() {
        if let (true, Some(label)) = (used[i].load(Ordering::Relaxed), label) {
            place[i] = kept.len() as u32;
            kept.push(label);
        }
    }
    let keys: Vec<u32> = ids.par_iter().map(|&id| place.get(id as usize).copied().unwrap_or(u32::MAX)).collect();
    let valid: Vec<bool> = keys.par_iter().map(|k| *k != u32::MAX).collect();
    let nulls = valid.par_iter().any(|v| !v).then(|| NullBuffer::from(valid));
    let keys: Vec<u32> = keys.into_par_iter().map(|k| if k == u32::MAX { 0 } else { k }).collect();
    let values: ArrayRef = Arc::new(StringArray::from(kept));
    let keys = UInt32Array::new(ScalarBuffer::from(keys), nulls);
    match DictionaryArray::<UInt32Type>::try_new(keys, values) {
        Ok(array) => Arc::new(array),
        Err(_) => Arc::new(StringArray::new_null(ids.len())),
    }
}

fn cells(columns: &[Column], column: usize, progress: &Progress) -> Result<(Arc<Codes>, Vec<Option<String>>)> {
    let codes = columns[column].codes(progress)?;
    let texts = label_texts(&codes)?;
    Ok((codes, texts))
}

fn cut_cells(column: &Column, cut: &Cut, progress: &Progress) -> Result<Made> {
    let codes = column.codes(progress)?;
    let texts = label_texts(&codes)?;
    let labels: Vec<Option<String>> = texts.iter().map(|t| cut.apply(t.as_deref()?)).collect();
    Ok(Made::Column(labelled(codes.ids.clone(), &labels)))
}

/// The direction of each label. Labels that are not directions are reported.
fn directions(
    name: &str,
    texts: &[Option<String>],
    words: &FlowWords,
    outcome: &mut Outcome,
) -> Vec<Option<Direction>> {
    let found: Vec<Option<Direction>> = texts.iter().map(|t| Direction::parse(t.as_deref()?, words)).collect();
    let unknown: Vec<&str> = texts
        .iter()
        .zip(&found)
        .filter(|(_, d)| d.is_none())
        .filter_map(|(t, _)| t.as_deref())
        .filter(|t| !is_missing(t.trim().as_bytes()))
        .collect();
    if let Some(first) = unknown.first() {
        let note = format!(
            "{} of the values of {name:?} are neither an import nor an export (such as {first:?}): their rows have no \
             origin and destination",
            unknown.len()
        );
        if !outcome.notes.contains(&note) {
            outcome.notes.push(note);
        }
    }
    found
}

fn by_direction(
    columns: &[Column],
    side: usize,
    ends: [&End; 2],
    words: &FlowWords,
    outcome: &mut Outcome,
    progress: &Progress,
) -> Result<Made> {
    let (sides, texts) = cells(columns, side, progress)?;
    let directions = directions(columns[side].name(), &texts, words, outcome);
    let mut labels: Vec<Option<String>> = Vec::new();
    let mut parts: Vec<(Option<Arc<Codes>>, u32)> = Vec::new();
    for end in ends {
        let start = labels.len() as u32;
        match end {
            End::Column(column) => {
                let (codes, texts) = cells(columns, *column, progress)?;
                // A total of all countries is not a country.
                labels.extend(texts.into_iter().map(|t| t.filter(|t| !words::is_total(t))));
                labels.push(None); // the code of a null
                parts.push((Some(codes), start));
            }
            End::Text(text) => {
                labels.push(Some(text.clone()));
                parts.push((None, start));
            }
        }
    }
    let none = u32::MAX;
    let ids: Vec<u32> = sides
        .ids
        .par_iter()
        .enumerate()
        .map(|(row, &side)| {
            let Some(direction) = directions.get(side as usize).copied().flatten() else { return none };
            let (codes, start) = &parts[usize::from(direction == Direction::Export)];
            start + codes.as_ref().map_or(0, |c| c.ids[row])
        })
        .collect();
    Ok(Made::Column(labelled(ids, &labels)))
}

fn side_of(
    columns: &[Column],
    side: usize,
    words: &FlowWords,
    outcome: &mut Outcome,
    progress: &Progress,
) -> Result<Made> {
    let (codes, texts) = cells(columns, side, progress)?;
    let labels: Vec<Option<String>> =
        texts.iter().map(|t| Some(Direction::parse(t.as_deref()?, words)?.reporter().to_owned())).collect();
    let bad: Vec<bool> = texts
        .iter()
        .zip(&labels)
        .map(|(t, l)| l.is_none() && t.as_ref().is_some_and(|t| !is_missing(t.trim().as_bytes())))
        .collect();
    outcome.faults.extend(faults(&codes, side, NEITHER, &bad));
    Ok(Made::Column(labelled(codes.ids.clone(), &labels)))
}

/// Faults for the rows with a bad label.
fn faults(codes: &Codes, column: usize, reason: &'static str, bad: &[bool]) -> Vec<Fault> {
    if !bad.contains(&true) {
        return Vec::new();
    }
    let rows = codes.ids.iter().enumerate().filter(|(_, id)| bad.get(**id as usize) == Some(&true));
    rows.map(|(row, _)| Fault { row: row as u32, column: column as u32, raw: None, reason }).collect()
}

fn to_kilograms(
    columns: &[Column],
    weight: usize,
    unit: usize,
    role: Role,
    outcome: &mut Outcome,
    progress: &Progress,
) -> Result<Made> {
    let (codes, texts) = cells(columns, unit, progress)?;
    let (name, of) = (columns[weight].name(), columns[unit].name());
    let factors: Vec<Option<f64>> = texts.iter().map(|t| words::kilograms(t.as_deref()?)).collect();
    let mut known: Vec<f64> = factors.iter().flatten().copied().collect();
    known.sort_by(f64::total_cmp);
    known.dedup();
    if known.is_empty() {
        let shown: Vec<&str> = texts.iter().flatten().take(4).map(String::as_str).collect();
        outcome.notes.push(format!(
            "{} has no column: {of:?} gives no unit of weight for {name:?} ({})",
            role.name(),
            shown.join(", ")
        ));
        return Ok(Made::Nothing);
    }
    let null = codes.null();
    let open = codes.ids.par_iter().any(|id| *id == null) || factors.iter().any(Option::is_none);
    if let ([only], false) = (&known[..], open) {
        if *only != 1.0 {
            outcome.notes.push(format!("{} is {only} times {name:?}, by {of:?}", role.name()));
        }
        return Ok(Made::Own(weight, *only));
    }
    if known.len() > 1 {
        let units: Vec<&str> =
            texts.iter().zip(&factors).filter(|(_, f)| f.is_some()).filter_map(|(t, _)| t.as_deref()).collect();
        outcome.notes.push(format!(
            "{} is {name:?} in kilograms, row by row by {of:?} ({})",
            role.name(),
            units.join(", ")
        ));
    }
    let numbers = columns[weight].numbers(progress)?;
    let factor = |id: u32| factors.get(id as usize).copied().flatten();
    let lost =
        codes.ids.par_iter().zip(&numbers.values[..]).filter(|(id, v)| !v.is_nan() && factor(**id).is_none()).count();
    if lost > 0 {
        let unknown: Vec<&str> =
            texts.iter().zip(&factors).filter(|(_, f)| f.is_none()).filter_map(|(t, _)| t.as_deref()).take(4).collect();
        let which =
            if unknown.is_empty() { "is blank".to_owned() } else { format!("is no weight ({})", unknown.join(", ")) };
        outcome.notes.push(format!("{lost} rows have no {}: their {of:?} {which}", role.name()));
    }
    let values: Vec<f64> = codes
        .ids
        .par_iter()
        .zip(&numbers.values[..])
        .map(|(id, value)| factor(*id).map_or(f64::NAN, |f| value * f))
        .collect();
    Ok(Made::Column(nullable(values)))
}

fn only_where(
    columns: &[Column],
    column: usize,
    by: usize,
    words: &[String],
    role: Role,
    outcome: &mut Outcome,
    progress: &Progress,
) -> Result<Made> {
    let (codes, texts) = cells(columns, by, progress)?;
    let same = |t: &Option<String>| {
        t.as_ref().is_some_and(|t| words.iter().any(|w| crate::store::folded(w) == crate::store::folded(t)))
    };
    let keep: Vec<bool> = texts.iter().map(same).collect();
    if keep.iter().all(|k| *k) && !codes.ids.par_iter().any(|id| *id == codes.null()) {
        return Ok(Made::Own(column, 1.0));
    }
    let numbers = columns[column].numbers(progress)?;
    outcome.notes.push(format!(
        "{} is {:?} where {:?} is {}; other rows have none",
        role.name(),
        columns[column].name(),
        columns[by].name(),
        words.join(" or ")
    ));
    let kept = |id: u32| keep.get(id as usize) == Some(&true);
    let values = codes.ids.par_iter().zip(&numbers.values[..]).map(|(id, v)| if kept(*id) { *v } else { f64::NAN });
    Ok(Made::Column(nullable(values.collect())))
}

const PARTS: [(&str, &str); 3] = [
    ("year", "not a year between 1900 and 2100"),
    ("month", "not a month: a number from 1 to 12 or a name is expected"),
    ("day", "not a day of a month"),
];
const IMPOSSIBLE: &str = "no such day in the calendar";

/// The codes of a column, and the number that each label stands for.
type Piece = (Arc<Codes>, Vec<Option<u32>>);

fn day_of(
    columns: &[Column],
    parts: [Option<usize>; 3],
    rows: usize,
    outcome: &mut Outcome,
    progress: &Progress,
) -> Result<Made> {
    let mut read: Vec<Option<Piece>> = Vec::new();
    for (column, (part, reason)) in parts.into_iter().zip(PARTS) {
        let Some(column) = column else {
            read.push(None);
            continue;
        };
        let (codes, texts) = cells(columns, column, progress)?;
        let found: Vec<Option<u32>> = texts.iter().map(|t| date_part(t.as_deref()?, part)).collect();
        let bad: Vec<bool> = texts
            .iter()
            .zip(&found)
            .map(|(t, f)| f.is_none() && t.as_ref().is_some_and(|t| !is_missing(t.trim().as_bytes())))
            .collect();
        outcome.faults.extend(faults(&codes, column, reason, &bad));
        read.push(Some((codes, found)));
    }
    // A part that the source does not have is the first month or day. A blank part gives no date.
    let part = |i: usize, row: usize| match &read[i] {
        None => Some(1),
        Some((codes, found)) => found.get(codes.ids[row] as usize).copied().flatten(),
    };
    let epoch = NaiveDate::default().num_days_from_ce();
    let day = |row: usize| {
        let (Some(y), Some(m), Some(d)) = (part(0, row), part(1, row), part(2, row)) else { return Some(NULL_DAY) };
        NaiveDate::from_ymd_opt(y as i32, m, d).map(|date| date.num_days_from_ce() - epoch)
    };
    let days: Vec<Option<i32>> = (0..rows).into_par_iter().map(day).collect();
    if let Some(column) = parts[2] {
        let impossible = days.iter().enumerate().filter(|(_, d)| d.is_none());
        outcome.faults.extend(impossible.map(|(row, _)| Fault {
            row: row as u32,
            column: column as u32,
            raw: None,
            reason: IMPOSSIBLE,
        }));
    }
    let array: Date32Array = days.into_iter().map(|d| d.filter(|d| *d != NULL_DAY)).collect();
    Ok(Made::Column(Arc::new(array)))
}
