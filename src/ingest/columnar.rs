//! Columns of any source into a store: layout, roles, derived columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, FieldRef, SchemaRef};

use super::chosen::Chosen;
use super::decision::Decision;
use super::derive::derive;
use super::options::Options;
use super::recipe::{Derivation, Recipe};
use super::{faults, layout, totals};
use crate::error::{Error, Result};
use crate::ingest::column_decisions;
use crate::progress::Progress;
use crate::store::{
    Assigned, Column, DateOrder, Fault, Grain, Loader, Repair, Role, Shipments, Store, Totals, reason, without_nul,
};

pub enum Source {
    Ready(FieldRef, Vec<ArrayRef>),
    Later(FieldRef, Box<dyn Loader>),
}

/// Arrow batches as shipments, without a copy.
pub fn from_columns(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    options: &Options,
    progress: &Progress,
) -> Result<Shipments> {
    options.check(None)?;
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let (_, _, chosen) = look(schema, batches, options)?;
    let columns = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(c, field)| Source::Ready(field.clone(), batches.iter().map(|b| b.column(c).clone()).collect()))
        .collect();
    let store = build(columns, rows, chosen, options, progress)?;
    store.settle(progress)?;
    let ships = Shipments::all(totals::recognise(store, progress)?);
    faults::check(&ships, options, progress)?;
    Ok(ships)
}

/// The names of columns, their first cells, and the decisions from these.
type Look = (Vec<String>, Vec<Vec<Option<String>>>, Chosen);

fn look(schema: &SchemaRef, batches: &[RecordBatch], options: &Options) -> Result<Look> {
    let names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
    let first = |c: usize| batches.first().map_or(Ok(Vec::new()), |b| first_values(b.column(c)));
    let sample = (0..names.len()).map(first).collect::<Result<Vec<_>>>()?;
    let chosen = layout::choose(&names, &sample, options)?;
    Ok((names, sample, chosen))
}

/// The decisions about Arrow batches.
pub fn decisions(schema: &SchemaRef, batches: &[RecordBatch], options: &Options) -> Result<Vec<Decision>> {
    options.check(None)?;
    let (names, sample, chosen) = look(schema, batches, options)?;
    let mut all = vec![Decision::new("format", "Arrow", "it is a table in memory", "")];
    all.extend(column_decisions::of_columns(&chosen, &names, &sample, options));
    Ok(all)
}

/// Concatenates numbers that were read in pieces, so that computations need no copy of their own.
pub fn joined(chunks: Vec<ArrayRef>) -> Result<Vec<ArrayRef>> {
    if chunks.len() < 2 || !chunks[0].data_type().is_floating() {
        return Ok(chunks);
    }
    let parts: Vec<&dyn Array> = chunks.iter().map(AsRef::as_ref).collect();
    Ok(vec![concat(&parts)?])
}

/// The first values of an array as texts. An array without a text form gives nulls only.
pub fn first_values(array: &ArrayRef) -> Result<Vec<Option<String>>> {
    let head = array.slice(0, array.len().min(1000));
    match cast(&head, &DataType::Utf8View) {
        Ok(texts) => Ok(texts.as_string_view().iter().map(|t| t.map(str::to_owned)).collect()),
        Err(_) => Ok(Vec::new()),
    }
}

impl Source {
    fn field(&mut self) -> &mut FieldRef {
        match self {
            Source::Ready(field, _) | Source::Later(field, _) => field,
        }
    }
}

pub fn build(
    mut sources: Vec<Source>,
    rows: usize,
    chosen: Chosen,
    options: &Options,
    progress: &Progress,
) -> Result<Store> {
    let names: Vec<String> = sources.iter_mut().map(|s| s.field().name().clone()).collect();
    let mended = without_nul(names.iter().map(String::as_str));
    let recipes = chosen.all_recipes();
    let mut notes = chosen.notes;
    for ((source, old), new) in sources.iter_mut().zip(&names).zip(mended) {
        let Some(new) = new else { continue };
        notes.push(format!("the column name {old:?} holds a NUL, which few programs take; it is called {new:?} here"));
        *source.field() = Arc::new(source.field().as_ref().clone().with_name(new));
    }
    let mut columns: Vec<Column> = sources
        .into_iter()
        .map(|source| match source {
            Source::Ready(field, chunks) => Column::new(field, chunks),
            Source::Later(field, loader) => Column::lazy(field, loader),
        })
        .collect();
    let own = columns.len();
    let mut roles = chosen.roles;
    let outcome = derive(&recipes, &mut columns, &mut roles, rows, progress)?;
    let store = Store::new(columns, rows)?
        .with_layout(&chosen.layout, &roles, chosen.hs_digits)
        .with_own(own, chosen.numbers)
        .with_date_order(options.date_order)
        .with_m49(chosen.m49)
        .with_made_grain(made_grain(&recipes))
        .with_currency(chosen.currency)
        .with_number_format(options.number_format)
        .with_derived(recipes.iter().filter_map(|r| toml::to_string(r).ok()).collect(), outcome.faults);
    for note in notes.into_iter().chain(outcome.notes) {
        store.note(note);
    }
    Ok(store)
}

/// The precision of dates made from parts.
fn made_grain(recipes: &[Recipe]) -> Option<Grain> {
    let made = recipes.iter().find(|r| r.role == Role::Date.name())?;
    match made.how {
        Derivation::Date { month: None, .. } => Some(Grain::Year),
        Derivation::Date { day: None, .. } => Some(Grain::Month),
        _ => None,
    }
}

/// How a store read its columns: layout, roles with column and factor, HS digits, whether days come first, declared
/// number columns, notes, recipes of derived columns, and decisions from whole columns.
pub type Reading = (
    String,
    Vec<(String, usize, f64)>,
    Option<usize>,
    Option<bool>,
    Vec<usize>,
    Vec<String>,
    Vec<String>,
    Vec<(String, String)>,
);

/// A corrected cell: row, column, raw text, value, reason.
pub type Mended = (u32, String, Option<String>, String, String);

pub fn reading(store: &Store, progress: &Progress) -> Result<Reading> {
    let decisions = store.decisions(progress)?;
    Ok((
        store.layout.clone(),
        store.roles().map(|(r, a)| (r.name().to_owned(), a.column, a.factor)).collect(),
        store.hs_digits(),
        store.date_order().map(|o| o == DateOrder::DayFirst),
        store.declared_numbers().to_vec(),
        store.notes(),
        store.recipes().to_vec(),
        decisions,
    ))
}

/// A store from its own columns, read in the same way as before.
pub fn rebuild(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    (layout, roles, hs_digits, day_first, numbers, notes, recipes, decisions): Reading,
    faults: Vec<(u32, String, Option<String>, String)>,
    repairs: Vec<Mended>,
    totals: Vec<(String, Vec<u32>)>,
    progress: &Progress,
) -> Result<Shipments> {
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
    let wrong = |what: String| Error::Bytes(format!("these are no shipments that redlane pickled: {what}"));
    if let Some(column) = numbers.iter().find(|c| **c >= names.len()) {
        return Err(wrong(format!("there is no column number {column}")));
    }
    if let Some((role, _, factor)) = roles.iter().find(|(role, _, x)| Role::named(role).is_none() || !x.is_finite()) {
        return Err(wrong(format!("the role {role:?} with the factor {factor} is not known")));
    }
    if let Some((row, ..)) = faults.iter().find(|f| f.0 as usize >= rows) {
        return Err(wrong(format!("a fault is in row {row} of {rows}")));
    }
    if let Some(row) = totals.iter().flat_map(|(_, of)| of).find(|row| **row as usize >= rows) {
        return Err(wrong(format!("a total is in row {row} of {rows}")));
    }
    let columns = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(c, field)| Source::Ready(field.clone(), batches.iter().map(|b| b.column(c).clone()).collect()))
        .collect();
    let options = Options {
        layout: layout.clone(),
        date_order: day_first.map(|first| if first { DateOrder::DayFirst } else { DateOrder::MonthFirst }),
        ..Options::default()
    };
    let mut chosen = Chosen::new(&layout);
    let assigned = |(role, column, factor): &(String, usize, f64)| {
        Some((Role::named(role)?, Assigned { column: *column, factor: *factor })).filter(|_| *column < names.len())
    };
    chosen.roles = roles.iter().filter_map(assigned).collect();
    chosen.hs_digits = hs_digits;
    chosen.numbers = numbers;
    chosen.notes = notes;
    chosen.recipes = recipes.iter().filter_map(|text| toml::from_str(text).ok()).collect();
    let store = build(columns, rows, chosen, &options, progress)?.with_decisions(&decisions);
    let place = |name: &String| names.iter().position(|n| n == name).map_or(Fault::BEYOND, |c| c as u32);
    let repairs = repairs
        .into_iter()
        .map(|(row, column, raw, value, why)| Repair {
            row,
            column: place(&column),
            raw: raw.map(Into::into),
            value: value.into(),
            reason: reason(&why),
        })
        .collect();
    let faults = faults
        .into_iter()
        .map(|(row, column, raw, why)| Fault {
            row,
            column: place(&column),
            raw: raw.map(Into::into),
            reason: reason(&why),
        })
        .collect();
    let totals = Totals::of(rows, totals);
    Ok(Shipments::all(store.with_faults(faults).with_repairs(repairs).with_totals(totals)))
}
