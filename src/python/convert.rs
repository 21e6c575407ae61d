//! Values in one currency.

use pyo3::prelude::*;

use super::run::run;
use super::shipments::Shipments;
use crate::error::{Error, Result};
use crate::store::{self, Every, Period};

/// The arguments of a conversion besides the rates, by name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Asked {
    to: String,
    /// A short description of the rates, for a note.
    source: String,
    /// The largest number of days that a rate is valid.
    holds: Option<i32>,
    currency: Option<String>,
    every: Option<String>,
    date: Option<(String, String)>,
}

/// The code of a currency given by the user.
fn code(name: &str, text: &str) -> Result<&'static str> {
    store::currency::code(text).ok_or_else(|| {
        Error::Argument(format!("{name}={text:?} is no currency; write its code by ISO 4217, such as \"USD\""))
    })
}

/// The code of the target, and those of the currencies of the values. `currency` sets one for all values.
#[pyfunction]
#[pyo3(signature = (ships, to, currency=None))]
pub fn currencies(
    py: Python<'_>,
    ships: PyRef<'_, Shipments>,
    to: &str,
    currency: Option<&str>,
) -> PyResult<(&'static str, Vec<&'static str>)> {
    let ships = &ships.ships;
    run(py, None, |progress| {
        let from = currency.map(|text| code("currency", text)).transpose()?;
        Ok((code("to", to)?, store::currencies(ships, from, progress)?))
    })
}

/// The shipments with their values in one currency, converted with a table of rates.
#[pyfunction]
#[pyo3(signature = (ships, rates, asked, progress=None))]
pub fn convert(
    py: Python<'_>,
    ships: PyRef<'_, Shipments>,
    rates: PyRef<'_, Shipments>,
    asked: Asked,
    progress: Option<Py<PyAny>>,
) -> PyResult<Shipments> {
    let (ships, table) = (&ships.ships, &rates.ships.store);
    run(py, progress.as_ref(), |progress| {
        let rates = store::Rates::read(table, code("to", &asked.to)?, asked.holds, progress)?;
        let wanted = store::Conversion {
            source: &asked.source,
            from: asked.currency.as_deref().map(|text| code("currency", text)).transpose()?,
            every: asked.every.as_deref().map(Every::asked).transpose()?,
            date: asked.date.map(|(first, last)| Period::window("date", &first, &last)).transpose()?,
        };
        Ok(Shipments::of(store::convert(ships, &rates, &wanted, progress)?))
    })
}
