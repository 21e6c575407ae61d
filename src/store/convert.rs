//! Values converted to one currency, row by row: value times rate, so that neither the order of rows nor the number of
//! threads changes a bit. The original column stays; a new column takes the role.

mod note;
mod pricing;
mod value_currencies;

pub use self::value_currencies::{Conversion, currencies};

use std::sync::{Arc, OnceLock};

use arrow::datatypes::Field;
use rayon::prelude::*;

use self::note::told;
use self::pricing::{Outcome, Pricing, Tally};
use self::value_currencies::{Currencies, STEP};
use super::column::Column;
use super::currency::SourceCurrency;
use super::fault::RowList;
use super::memory::{Assigned, Notes, Store};
use super::mixed::is_caution;
use super::numeric::nullable;
use super::rates::Rates;
use super::role::Role;
use super::shipments::Shipments;
use crate::error::Result;
use crate::progress::Progress;

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
        let kept = |role: Role| role != Role::Value && role != Role::Currency;
        let mut store = self.clone();
        store.columns.insert(at, Arc::new(column));
        store.own = at + 1;
        for assigned in store.roles.iter_mut().flatten().filter(|a| a.column >= at) {
            assigned.column += 1;
        }
        store.roles[Role::Value as usize] = Some(Assigned { column: at, factor: 1.0 });
        // The column of currencies no longer gives the currency of the values.
        store.roles[Role::Currency as usize] = None;
        for role in Role::ALL.into_iter().filter(|&role| !kept(role)) {
            store.codes[role as usize] = OnceLock::new();
            store.scaled[role as usize] = OnceLock::new();
        }
        let before = self.role(Role::Value).map(|a| a.column);
        store.numbers.extend(before.filter(|c| *c < at && !self.numbers.contains(c)));
        store.currency = SourceCurrency::Code(to);
        store.earlier.currency = Some(SourceCurrency::Code(to));
        store.currencies_told = OnceLock::from(());
        let mut notes = self.notes();
        notes.retain(|note| !is_caution(note));
        notes.extend(told);
        store.notes = Notes::of(notes);
        store
    }
}
