//! The arguments of a conversion, and the currencies of the values.

use std::sync::Arc;

use super::super::codes::Codes;
use super::super::codes::label_texts;
use super::super::currency::{self, Named, SourceCurrency};
use super::super::memory::Store;
use super::super::period::{Every, Period};
use super::super::role::Role;
use super::super::shipments::Shipments;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// Rows for a thread at a time.
pub(super) const STEP: usize = 1 << 16;

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
    pub(super) ids: Option<(String, Arc<Codes>)>,
    /// The text and the meaning of each label; null is last.
    pub(super) labels: Vec<(String, Named)>,
}

impl Currencies {
    /// The currencies of the values of a store, or the one that the user gives.
    pub(super) fn of(store: &Store, from: Option<&'static str>, progress: &Progress) -> Result<Currencies> {
        let one = |code: &'static str| Currencies {
            ids: None,
            labels: vec![(code.to_owned(), Named::Known(currency::Currency { code, sure: true }))],
        };
        let (value, _) = store.require(Role::Value)?;
        let unknown = |why: &str| {
            Err(Error::MissingColumn(format!(
                "the currency of {:?} is not known: {why}; give it with currency=\"EUR\", or read the source with \
                 columns={{\"currency\": ...}} where a column names it",
                value.name()
            )))
        };
        match (from, store.stated()) {
            (Some(code), _) => return Ok(one(code)),
            (None, SourceCurrency::Code(code)) => return Ok(one(code)),
            (None, SourceCurrency::Unknown) => return unknown("its name states a currency, but not which one"),
            (None, SourceCurrency::Open) => {}
        }
        let Some(role) = store.role(Role::Currency) else {
            return unknown("no column has the role \"currency\", and no layout or name of the column states it");
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
    pub(super) fn seen(&self, ships: &Shipments, values: &[f64], progress: &Progress) -> Result<Vec<bool>> {
        let mut seen = vec![false; self.labels.len()];
        for row in ships.rows.iter() {
            progress.check()?;
            seen[self.label(row)] |= !values[row].is_nan();
        }
        Ok(seen)
    }

    pub(super) fn label(&self, row: usize) -> usize {
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
