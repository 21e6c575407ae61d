//! Values converted to one currency, row by row: value times rate, so that neither the order of rows nor the number of
//! threads changes a bit. The original column stays; a new column takes the role.

mod note;
mod pricing;

use std::sync::{Arc, Mutex, OnceLock};

use arrow::datatypes::Field;
use rayon::prelude::*;

use self::note::told;
use self::pricing::{Outcome, Pricing, Tally};
use super::column::Column;
use super::currency::{Named, Stated};
use super::fault::RowList;
use super::mixed::is_caution;
use super::numeric::nullable;
use super::period::{Every, Period};
use super::rates::Rates;
use super::role::Role;
use super::settle::Decisions;
use super::shipments::{Assigned, Shipments, Store, label_texts};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::store::currency;

/// Rows for a thread at a time.
const STEP: usize = 1 << 16;

/// The arguments besides the rates.
pub struct Conversion<'a> {
    /// A description of the rates, for the note.
    pub source: &'a str,
    /// The currency of all values, if the user gives it.
    pub from: Option<&'static str>,
    /// The shortest period for a mean of rates. Without it, the period that each date gives.
    pub every: Option<Every>,
    /// One period for all rows, instead of their own dates.
    pub date: Option<Period>,
}

/// The currencies of the values: one for all rows, or those of a column.
pub struct Currencies {
    /// The column of currencies, and the code of each row.
    ids: Option<(String, Arc<super::codes::Codes>)>,
    /// The text and the meaning of each label; null is last.
    labels: Vec<(String, Named)>,
}

impl Currencies {
    /// The currencies of the values of a store, or the one that the user gives.
    fn of(store: &Store, from: Option<&'static str>, progress: &Progress) -> Result<Currencies> {
        let one = |code: &'static str| Currencies {
            ids: None,
            labels: vec![(code.to_owned(), Named::Known(currency::Currency { code, sure: true }))],
        };
        let (value, _) = store.require(Role::Value)?;
        let unknown = |why: &str| {
            Err(Error::MissingColumn(format!(
                "the currency of {:?} is not known: {why}; say it with currency=\"EUR\", or read the source with \
                 columns={{\"currency\": ...}} where a column names it",
                value.name()
            )))
        };
        match (from, store.stated()) {
            (Some(code), _) => return Ok(one(code)),
            (None, Stated::Code(code)) => return Ok(one(code)),
            (None, Stated::Untold) => return unknown("its name says that it is one, but not which"),
            (None, Stated::Open) => {}
        }
        let Some(role) = store.role(Role::Currency) else {
            return unknown("no column has the role \"currency\", and no layout or name of the column says it");
        };
        let codes = store.role_codes(Role::Currency, progress)?;
        let labels = label_texts(&codes)?.into_iter().map(|text| {
            let text = text.unwrap_or_default();
            let named = currency::named(&text);
            (text.trim().to_owned(), named)
        });
        let labels = labels.chain([(String::new(), Named::Nothing)]).collect();
        Ok(Currencies { ids: Some((store.columns[role.column].name().to_owned(), codes)), labels })
    }

    /// Which labels occur in rows with a value.
    fn seen(&self, ships: &Shipments, values: &[f64], progress: &Progress) -> Result<Vec<bool>> {
        let mut seen = vec![false; self.labels.len()];
        for row in ships.rows.iter() {
            progress.check()?;
            seen[self.label(row)] |= !values[row].is_nan();
        }
        Ok(seen)
    }

    fn label(&self, row: usize) -> usize {
        self.ids.as_ref().map_or(0, |(_, codes)| codes.ids[row] as usize)
    }
}

/// The codes of the currencies of rows with a value, sorted.
pub fn currencies(ships: &Shipments, from: Option<&'static str>, progress: &Progress) -> Result<Vec<&'static str>> {
    let store = &*ships.store;
    let values = store.role_numbers(Role::Value, progress)?;
    let found = Currencies::of(store, from, progress)?;
    let seen = found.seen(ships, &values, progress)?;
    let seen = found.labels.iter().zip(seen).filter(|(_, seen)| *seen);
    let mut codes: Vec<&'static str> =
        seen.filter_map(|((_, named), _)| if let Named::Known(c) = named { Some(c.code) } else { None }).collect();
    codes.sort_unstable();
    codes.dedup();
    Ok(codes)
}

/// The shipments with their values in the currency of the rates.
pub fn convert(ships: &Shipments, rates: &Rates, asked: &Conversion, progress: &Progress) -> Result<Shipments> {
    let store = &*ships.store;
    // Decisions that need whole columns are made before columns change their roles.
    store.settle(progress)?;
    let values = store.role_numbers(Role::Value, progress)?;
    let currencies = Currencies::of(store, asked.from, progress)?;
    let seen = currencies.seen(ships, &values, progress)?;
    let pricing = Pricing::new(ships, &currencies, &seen, rates, asked, progress)?;
    progress.begin("converting", store.rows as u64);
    let mut made = vec![f64::NAN; store.rows];
    let parts: Result<Vec<Vec<Tally>>> = made
        .par_chunks_mut(STEP)
        .enumerate()
        .map(|(part, made)| {
            progress.check()?;
            let begin = part * STEP;
            let rows = begin..begin + made.len();
            let mut tallies = vec![Tally::default(); currencies.labels.len()];
            let mut one = |row: usize| {
                let value = values[row];
                if value.is_nan() {
                    return;
                }
                let label = currencies.label(row);
                let outcome = pricing.outcome(label, row);
                tallies[label].add(outcome);
                made[row - begin] = match outcome {
                    Outcome::Same => value,
                    Outcome::Rate(rate) => value * rate.rate,
                    _ => f64::NAN,
                };
            };
            match &ships.rows {
                RowList::All(_) => rows.for_each(&mut one),
                RowList::Some(chosen) => {
                    let from = chosen.partition_point(|r| (*r as usize) < rows.start);
                    let to = chosen.partition_point(|r| (*r as usize) < rows.end);
                    chosen[from..to].iter().for_each(|r| one(*r as usize));
                }
            }
            progress.advance(made.len() as u64);
            Ok(tallies)
        })
        .collect();
    let mut tallies = vec![Tally::default(); currencies.labels.len()];
    for part in parts? {
        tallies.iter_mut().zip(&part).for_each(|(all, part)| all.join(part));
    }
    let name = new_name(store, rates.to);
    let notes = told(store, &name, &currencies, &tallies, rates, asked, &pricing)?;
    let array = nullable(made);
    let column = Column::new(Arc::new(Field::new(name, array.data_type().clone(), true)), vec![array]);
    Ok(Shipments { store: Arc::new(store.with_values(column, rates.to, notes)), rows: ships.rows.clone() })
}

/// `value_usd`, or the first free name of `value_usd_2`, ...
fn new_name(store: &Store, to: &str) -> String {
    let name = format!("value_{}", to.to_lowercase());
    let numbered = (2..).map(|n| format!("{name}_{n}"));
    std::iter::once(name.clone()).chain(numbered).find(|n| store.find(n).is_none()).unwrap_or(name)
}

impl Store {
    /// The same columns and a new one at the end, which takes the role of the value. What was read of the other columns
    /// is shared.
    fn with_values(&self, column: Column, to: &'static str, told: Vec<String>) -> Store {
        let at = self.own;
        let moved = |column: usize| if column >= at { column + 1 } else { column };
        let mut columns = self.columns.clone();
        columns.insert(at, Arc::new(column));
        let mut roles = self.roles.map(|role| role.map(|a| Assigned { column: moved(a.column), ..a }));
        roles[Role::Value as usize] = Some(Assigned { column: at, factor: 1.0 });
        // The column of currencies no longer gives the currency of the values.
        roles[Role::Currency as usize] = None;
        let kept = |role: Role| role != Role::Value && role != Role::Currency;
        let mut numbers = self.numbers.clone();
        numbers.extend(self.role(Role::Value).map(|a| a.column).filter(|c| *c < at && !self.numbers.contains(c)));
        let mut notes = self.notes();
        notes.retain(|note| !is_caution(note));
        notes.extend(told);
        Store {
            columns,
            rows: self.rows,
            layout: self.layout.clone(),
            roles,
            read_faults: self.read_faults.clone(),
            read_repairs: self.read_repairs.clone(),
            date_order: self.date_order,
            made_grain: self.made_grain,
            currency: Stated::Code(to),
            number_format: self.number_format,
            earlier: Decisions { currency: Some(Stated::Code(to)), ..self.earlier.clone() },
            hs_digits: self.hs_digits,
            m49: self.m49,
            own: at + 1,
            numbers,
            recipes: self.recipes.clone(),
            derived_faults: self.derived_faults.clone(),
            totals: self.totals.clone(),
            notes: Mutex::new(notes),
            files: self.files.clone(),
            currencies_told: OnceLock::from(()),
            codes: std::array::from_fn(|i| if kept(Role::ALL[i]) { self.codes[i].clone() } else { OnceLock::new() }),
            days: self.days.clone(),
            scaled: std::array::from_fn(|i| if kept(Role::ALL[i]) { self.scaled[i].clone() } else { OnceLock::new() }),
        }
    }
}
