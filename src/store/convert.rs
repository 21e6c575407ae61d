//! Values brought to one currency, row by row: value times rate, so that neither the order of rows nor the number of
//! threads changes a bit. The column of the source stays; a new one takes the role.

mod note;
mod pricing;

use std::sync::{Arc, OnceLock};

use arrow::datatypes::Field;
use rayon::prelude::*;

use self::note::told;
use self::pricing::{Outcome, Pricing, Tally};
use super::codes::label_texts;
use super::column::Column;
use super::currency::{Named, Stated};
use super::fault::RowList;
use super::memory::{Assigned, Notes, Store};
use super::mixed::is_caution;
use super::numeric::nullable;
use super::period::{Every, Period};
use super::rates::Rates;
use super::role::Role;
use super::shipments::Shipments;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::store::currency;

/// Rows that a thread takes at a time.
const STEP: usize = 1 << 16;

/// What is asked for beside the rates.
pub struct Conversion<'a> {
    /// What the rates are, for the note.
    pub source: &'a str,
    /// The currency of all values, where the user says it.
    pub from: Option<&'static str>,
    /// The period whose mean is taken, at least; without it what each date tells.
    pub every: Option<Every>,
    /// One period for all rows, instead of their own dates.
    pub date: Option<Period>,
}

/// The currencies of the values: of all rows, or by a column.
pub struct Currencies {
    /// The column that names them, and the number of its label in each row.
    ids: Option<(String, Arc<super::codes::Codes>)>,
    /// The text and what it says, a label each; nulls come last.
    labels: Vec<(String, Named)>,
}

impl Currencies {
    /// Of the values of a store, or those that the user states.
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

    /// Which labels rows with a value have.
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

/// The codes of the currencies that rows with a value have, in order.
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
    // What whole columns show is decided before columns change their roles.
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

/// `value_usd`, or the first of `value_usd_2`, ... that no column has.
fn new_name(store: &Store, to: &str) -> String {
    let name = format!("value_{}", to.to_lowercase());
    let numbered = (2..).map(|n| format!("{name}_{n}"));
    std::iter::once(name.clone()).chain(numbered).find(|n| store.find(n).is_none()).unwrap_or(name)
}

impl Store {
    /// The same columns and one more, last of the source's own, which takes the role of the value. What was read of
    /// the others is shared.
    fn with_values(&self, column: Column, to: &'static str, told: Vec<String>) -> Store {
        let at = self.own;
        let kept = |role: Role| role != Role::Value && role != Role::Currency;
        let mut store = self.clone();
        store.columns.insert(at, Arc::new(column));
        store.own = at + 1;
        for assigned in store.roles.iter_mut().flatten().filter(|a| a.column >= at) {
            assigned.column += 1;
        }
        store.roles[Role::Value as usize] = Some(Assigned { column: at, factor: 1.0 });
        // Not every row is in the currency that the column names any more.
        store.roles[Role::Currency as usize] = None;
        for role in Role::ALL.into_iter().filter(|&role| !kept(role)) {
            store.codes[role as usize] = OnceLock::new();
            store.scaled[role as usize] = OnceLock::new();
        }
        let before = self.role(Role::Value).map(|a| a.column);
        store.numbers.extend(before.filter(|c| *c < at && !self.numbers.contains(c)));
        store.currency = Stated::Code(to);
        store.earlier.currency = Some(Stated::Code(to));
        store.currencies_told = OnceLock::from(());
        let mut notes = self.notes();
        notes.retain(|note| !is_caution(note));
        notes.extend(told);
        store.notes = Notes::of(notes);
        store
    }
}
