//! Rows that say in a cell that they are totals: the partner "World", the code "TOTAL", the mode of
//! transport "0".

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use hashbrown::HashSet;
use rayon::prelude::*;

use super::super::recipe::{End, How, Recipe};
use super::super::words;
use super::Found;
use crate::error::{Error, Result};
use crate::store::{Codes, Column, Role, Store, folded, label_texts};
use crate::watch::Watch;

/// What a label stands for: a part, several of the parts, or all of them. A label is a total where the column
/// has labels that stand for less.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    One,
    Several,
    All,
}

pub fn totals(store: &Store, recipes: &[Recipe], watch: &Watch) -> Result<Found> {
    let ends = ends(store, recipes);
    let mut found = Found::new();
    for (at, column) in store.own_columns().iter().enumerate() {
        let reach = |label: &str| reach(label, store, at, ends.contains(&at));
        if !may_hold_totals(store, at) || !could(column, &reach, watch)? {
            continue;
        }
        let codes = match column.codes(watch) {
            Ok(codes) => codes,
            Err(Error::Schema(_)) => continue, // no key
            Err(error) => return Err(error),
        };
        found.extend(of_column(column.name(), &codes, &reach)?);
    }
    Ok(found)
}

/// The columns of countries, those behind a column that was made by the direction of the flow too.
fn ends(store: &Store, recipes: &[Recipe]) -> Vec<usize> {
    let mut ends: Vec<usize> =
        [Role::Origin, Role::Destination].into_iter().filter_map(|r| store.role(r)).map(|a| a.column).collect();
    for recipe in recipes {
        if let How::Flow { on_import, on_export, .. } = &recipe.how {
            let columns = [on_import, on_export].into_iter();
            ends.extend(columns.filter_map(|end| if let End::Column(column) = end { Some(*column) } else { None }));
        }
    }
    let named =
        |name: &str| words::sides().reporter.contains(&folded(name)) || words::sides().partner.contains(&folded(name));
    ends.extend(store.own_columns().iter().enumerate().filter(|(_, c)| named(c.name())).map(|(at, _)| at));
    ends
}

/// Free text and measures say nothing about the row as a whole.
fn may_hold_totals(store: &Store, column: usize) -> bool {
    let of = &store.columns[column];
    match store.role_of(column) {
        Some(Role::Description | Role::QuantityUnit | Role::WeightUnit | Role::Currency) => false,
        Some(Role::Value | Role::Quantity | Role::NetWeight | Role::GrossWeight) => false,
        Some(Role::Origin | Role::Destination | Role::Hs) => true,
        _ => of.is_text() || words::breakdown(of.name()).is_some(),
    }
}

fn reach(label: &str, store: &Store, column: usize, is_end: bool) -> Reach {
    let folded = folded(label);
    let listed = words::breakdown(store.columns[column].name()).is_some_and(|totals| totals.contains(&folded));
    let zeros = !folded.is_empty() && folded.bytes().all(|b| b == b'0');
    // 0 is the world in M49, and 00 is no chapter.
    let number =
        zeros && ((is_end && store.counts_by_m49()) || (folded == "00" && store.role_of(column) == Some(Role::Hs)));
    if words::is_total(label) || listed || number {
        Reach::All
    } else if is_end && words::is_region(label) {
        Reach::Several
    } else {
        Reach::One
    }
}

/// Whether a look at the texts of each chunk finds a total: most columns hold none and need no codes.
fn could(column: &Column, reach: &(impl Fn(&str) -> Reach + Sync), watch: &Watch) -> Result<bool> {
    let total = |text: &str| reach(text) > Reach::One;
    for chunk in column.chunks(watch)? {
        watch.check()?;
        let held = match chunk.as_any_dictionary_opt() {
            Some(dictionary) => any_text(dictionary.values(), &total)?,
            None => any_text(chunk, &total)?,
        };
        if held {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Rows that a thread looks at together.
const STEP: usize = 1 << 16;

fn any_text(values: &ArrayRef, test: &(impl Fn(&str) -> bool + Sync)) -> Result<bool> {
    if values.data_type().is_integer() {
        // Of numbers only zero is a total.
        let numbers = cast(values, &DataType::Int64)?;
        let zero = numbers.as_primitive::<Int64Type>().values().par_chunks(STEP).any(|part| part.contains(&0));
        return Ok(zero && test("0"));
    }
    if !matches!(values.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
        return Ok(true);
    }
    let texts = cast(values, &DataType::Utf8View)?;
    let texts = texts.as_string_view();
    let part = |start: usize| {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut last = "";
        (start..texts.len().min(start + STEP)).any(|at| {
            if texts.is_null(at) || texts.value(at) == last {
                return false;
            }
            last = texts.value(at);
            seen.insert(last) && test(last)
        })
    };
    Ok((0..texts.len()).into_par_iter().step_by(STEP).any(part))
}

/// The rows of each label that is a total.
fn of_column(name: &str, codes: &Codes, reach: &impl Fn(&str) -> Reach) -> Result<Found> {
    let texts = label_texts(codes)?;
    let reaches: Vec<Reach> = texts.iter().map(|t| t.as_deref().map_or(Reach::One, reach)).collect();
    let Some(least) = reaches.iter().min().copied() else { return Ok(Vec::new()) };
    let total = |id: u32| reaches.get(id as usize).is_some_and(|r| *r > least);
    if !(0..texts.len() as u32).any(total) {
        return Ok(Vec::new());
    }
    let rows: Vec<u32> =
        (0..codes.ids.len() as u32).into_par_iter().filter(|row| total(codes.ids[*row as usize])).collect();
    let mut by_label: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    rows.into_iter().for_each(|row| by_label.entry(codes.ids[row as usize]).or_default().push(row));
    let reason = |id: u32| format!("{name:?} is {:?}", texts[id as usize].as_deref().unwrap_or_default());
    Ok(by_label.into_iter().map(|(id, rows)| (reason(id), rows)).collect())
}
