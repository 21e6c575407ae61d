//! Reading a source, and showing how it would be read.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use pyo3::prelude::*;

use super::errors::raise;
use super::incoming::Arrow;
use super::run::run;
use super::shipments::Shipments;
use super::table::Table;
use crate::error::{Error, Result};
use crate::ingest::{self, Decision, Options};
use crate::store::{DateOrder, NumberFormat};
use crate::table::table;

/// The arguments of a user about a source, by name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Asked {
    columns: Vec<(String, String)>,
    layout: String,
    raise_faults: bool,
    date_order: Option<String>,
    decimal: Option<String>,
    thousands: Option<String>,
    encoding: Option<String>,
    delimiter: Option<String>,
    header: Option<usize>,
    skip: Option<usize>,
    sheet: Option<String>,
    block: Option<usize>,
}

impl Asked {
    fn options(self) -> Result<Options> {
        let date_order = match self.date_order.as_deref() {
            None => None,
            Some("dmy") => Some(DateOrder::DayFirst),
            Some("mdy") => Some(DateOrder::MonthFirst),
            Some(other) => {
                return Err(Error::Argument(format!("date_order={other:?} is not known; use \"dmy\" or \"mdy\"")));
            }
        };
        let delimiter = match self.delimiter.as_deref().map(str::as_bytes) {
            None => None,
            Some(&[byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Some(byte),
            Some(_) => {
                return Err(Error::Argument(format!(
                    "delimiter={:?}: one character that is no quote and no line end is expected, such as \";\"",
                    self.delimiter.unwrap_or_default()
                )));
            }
        };
        if self.header.is_some() && self.skip.is_some() {
            return Err(Error::Argument("header= and skip= say the same; pass one of them".into()));
        }
        Ok(Options {
            layout: self.layout,
            columns: self.columns,
            date_order,
            number_format: NumberFormat::given(self.decimal.as_deref(), self.thousands.as_deref())
                .map_err(Error::Argument)?,
            raise: self.raise_faults,
            encoding: self.encoding,
            delimiter,
            header: self.header,
            skip: self.skip,
            sheet: self.sheet,
            block: self.block,
        })
    }
}

#[pyfunction]
#[pyo3(signature = (sources, asked, progress=None))]
pub fn read_files(
    py: Python<'_>,
    sources: Vec<PathBuf>,
    asked: Asked,
    progress: Option<Py<PyAny>>,
) -> PyResult<Shipments> {
    let options = asked.options().map_err(|e| raise(py, e))?;
    run(py, progress.as_ref(), |progress| Ok(Shipments::of(ingest::read_files(&sources, &options, progress)?)))
}

#[pyfunction]
#[pyo3(signature = (table, asked, progress=None))]
pub fn read_arrow(py: Python<'_>, table: Arrow, asked: Asked, progress: Option<Py<PyAny>>) -> PyResult<Shipments> {
    let options = asked.options().map_err(|e| raise(py, e))?;
    run(py, progress.as_ref(), |progress| {
        let (schema, batches) = table.batches(progress)?;
        Ok(Shipments::of(ingest::from_columns(&schema, &batches, &options, progress)?))
    })
}

/// The plan for files: `item`, `decision`, `why`, `alternatives`.
#[pyfunction]
#[pyo3(signature = (sources, asked, progress=None))]
pub fn inspect_files(
    py: Python<'_>,
    sources: Vec<PathBuf>,
    asked: Asked,
    progress: Option<Py<PyAny>>,
) -> PyResult<Table> {
    let options = asked.options().map_err(|e| raise(py, e))?;
    run(py, progress.as_ref(), |progress| plan_table(&ingest::inspect_files(&sources, &options, progress)?))
}

/// The same for a table in memory.
#[pyfunction]
#[pyo3(signature = (table, asked, progress=None))]
pub fn inspect_arrow(py: Python<'_>, table: Arrow, asked: Asked, progress: Option<Py<PyAny>>) -> PyResult<Table> {
    let options = asked.options().map_err(|e| raise(py, e))?;
    run(py, progress.as_ref(), |progress| {
        let (schema, batches) = table.batches(progress)?;
        plan_table(&ingest::inspect_columns(&schema, &batches, &options)?)
    })
}

fn plan_table(decisions: &[Decision]) -> Result<Table> {
    let text = |cell: &dyn Fn(&Decision) -> String| -> ArrayRef {
        Arc::new(decisions.iter().map(|d| Some(cell(d))).collect::<StringArray>())
    };
    let columns = vec![
        ("item".into(), text(&|d| d.item.clone())),
        ("decision".into(), text(&|d| d.decision.clone())),
        ("why".into(), text(&|d| d.why.clone())),
        ("alternatives".into(), text(&|d| d.alternatives.join("; "))),
    ];
    Ok(Table::of(table(columns, decisions.len())?))
}
