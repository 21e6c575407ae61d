//! `Shipments`: reading, filtering, aggregating.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule};
use pyo3_arrow::PyTable;

use super::errors::raise;
use super::run::run;
use super::table::{Content, Table};
use crate::aggregate;
use crate::error::{Error, Result};
use crate::group::{IndexCache, Literal, Wanted, filter};
use crate::ingest::{self, Options};
use crate::store::{self, DateOrder, Period, RowList, iso};

#[pyclass(module = "redlane._core", frozen)]
pub struct Shipments {
    pub ships: store::Shipments,
    pub cache: Arc<IndexCache>,
}

impl Shipments {
    pub fn of(ships: store::Shipments) -> Shipments {
        Shipments { ships, cache: Arc::default() }
    }
}

fn options(layout: String, columns: Vec<(String, String)>, date_order: Option<&str>, raise: bool) -> Result<Options> {
    let date_order = match date_order {
        None => None,
        Some("dmy") => Some(DateOrder::DayFirst),
        Some("mdy") => Some(DateOrder::MonthFirst),
        Some(other) => {
            return Err(Error::Argument(format!("date_order={other:?} is not known; use \"dmy\" or \"mdy\"")));
        }
    };
    Ok(Options { layout, columns, date_order, raise })
}

#[pyfunction]
#[pyo3(signature = (sources, columns, layout, date_order, raise_faults, progress=None))]
pub fn read_files(
    py: Python<'_>,
    sources: Vec<String>,
    columns: Vec<(String, String)>,
    layout: String,
    date_order: Option<&str>,
    raise_faults: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Shipments> {
    let options = options(layout, columns, date_order, raise_faults).map_err(|e| raise(py, e))?;
    run(py, progress.as_ref(), |watch| Ok(Shipments::of(ingest::read_files(&sources, &options, watch)?)))
}

#[pyfunction]
#[pyo3(signature = (table, columns, layout, date_order, raise_faults, progress=None))]
pub fn read_arrow(
    py: Python<'_>,
    table: PyTable,
    columns: Vec<(String, String)>,
    layout: String,
    date_order: Option<&str>,
    raise_faults: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Shipments> {
    let options = options(layout, columns, date_order, raise_faults).map_err(|e| raise(py, e))?;
    let (batches, schema) = table.into_inner();
    run(py, progress.as_ref(), |watch| Ok(Shipments::of(ingest::from_columns(&schema, &batches, &options, watch)?)))
}

#[pyfunction]
pub fn layouts() -> Vec<&'static str> {
    ingest::layouts()
}

#[pyfunction]
pub fn role_of_name(name: &str) -> Option<&'static str> {
    ingest::role_of_name(name).map(store::Role::name)
}

/// A value in a condition: `None`, a text or a number.
#[derive(FromPyObject)]
enum Value {
    Text(String),
    Number(f64),
}

fn literal(value: Option<Value>) -> Literal {
    match value {
        None => Literal::Null,
        Some(Value::Text(text)) => Literal::Text(text),
        Some(Value::Number(x)) => Literal::Number(x),
    }
}

pub(super) fn window(name: &str, (first, last): (String, String)) -> Result<Period> {
    let read = |text: &str| {
        Period::parse(text).ok_or_else(|| {
            Error::Argument(format!("{name}={text:?} is not a date; write 2023, 2023-Q2, 2023-03 or 2023-03-01"))
        })
    };
    let (a, b) = (read(&first)?, read(&last)?);
    if b.last < a.first {
        return Err(Error::Argument(format!("{name} ends before it begins: {} to {}", iso(a.first), iso(b.last))));
    }
    Ok(Period { first: a.first, last: b.last })
}

/// Row, column, raw text, reason.
type ReadFault = (u32, String, Option<String>, &'static str);
type Condition = (String, Vec<Option<Value>>, bool);

fn conditions(list: Vec<Condition>) -> Vec<(String, Wanted)> {
    list.into_iter()
        .map(|(name, values, range)| {
            let mut values: Vec<Literal> = values.into_iter().map(literal).collect();
            let wanted = match (range, values.len()) {
                (true, 2) => {
                    let high = values.pop().unwrap_or(Literal::Null);
                    Wanted::Between(values.pop().unwrap_or(Literal::Null), high)
                }
                _ => Wanted::AnyOf(values),
            };
            (name, wanted)
        })
        .collect()
}

#[pymethods]
impl Shipments {
    fn __len__(&self) -> usize {
        self.ships.len()
    }

    #[getter]
    fn columns(&self) -> Vec<String> {
        self.ships.store.own_columns().iter().map(|c| c.name().to_owned()).collect()
    }

    /// Pairs of role and column name.
    #[getter]
    fn roles(&self) -> Vec<(&'static str, String)> {
        let store = &self.ships.store;
        store.roles().map(|(role, a)| (role.name(), store.columns[a.column].name().to_owned())).collect()
    }

    #[getter]
    fn layout(&self) -> String {
        self.ships.store.layout.clone()
    }

    #[getter]
    fn notes(&self) -> Vec<String> {
        self.ships.store.notes()
    }

    /// First and last day of the date role as ISO texts.
    fn dates(&self, py: Python<'_>) -> PyResult<Option<(String, String)>> {
        let ships = &self.ships;
        run(py, None, |watch| {
            let days = ships.store.days(watch)?;
            let known = || ships.rows.iter().map(|r| days[r]).filter(|&d| d != store::NULL_DAY);
            Ok(known().min().zip(known().max()).map(|(a, b)| (iso(a), iso(b))))
        })
    }

    #[pyo3(signature = (progress=None))]
    fn summary(&self, py: Python<'_>, progress: Option<Py<PyAny>>) -> PyResult<Table> {
        run(py, progress.as_ref(), |watch| Ok(Table::of(aggregate::summary(&self.ships, watch)?)))
    }

    fn faults(&self, py: Python<'_>) -> PyResult<Table> {
        run(py, None, |watch| {
            let faults = self.ships.faults(watch)?;
            Ok(Table::of(aggregate::fault_table(&self.ships, &faults, watch)?))
        })
    }

    fn filter(&self, py: Python<'_>, list: Vec<Condition>) -> PyResult<Shipments> {
        let list = conditions(list);
        run(py, None, |watch| Ok(Shipments::of(filter(&self.ships, &list, watch)?)))
    }

    /// The source rows of the first `n` shipments.
    fn first_rows(&self, n: usize) -> Vec<usize> {
        self.ships.rows.iter().take(n).collect()
    }

    /// The shipments at these source rows.
    fn at_rows(&self, py: Python<'_>, mut rows: Vec<u32>) -> PyResult<Shipments> {
        rows.sort_unstable();
        rows.dedup();
        if let Some(row) = rows.iter().find(|&&r| !self.ships.rows.contains(r)) {
            return Err(raise(py, Error::Argument(format!("there is no row {row} among these shipments"))));
        }
        Ok(Shipments::of(self.ships.subset(rows)))
    }

    #[pyo3(signature = (by, measures, fill, progress=None))]
    fn aggregate(
        &self,
        py: Python<'_>,
        by: Vec<String>,
        measures: Vec<String>,
        fill: bool,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Table> {
        run(py, progress.as_ref(), |watch| {
            Ok(Table::shared(aggregate::aggregate(&self.ships, &self.cache, &by, &measures, fill, watch)?))
        })
    }

    #[pyo3(signature = (by, current, base, measure, against=None))]
    fn compare(
        &self,
        py: Python<'_>,
        by: Vec<String>,
        current: (String, String),
        base: (String, String),
        measure: String,
        against: Option<Vec<Condition>>,
    ) -> PyResult<Table> {
        let against = against.map(conditions);
        run(py, None, |watch| {
            let reference = match &against {
                Some(list) => Some(filter(&self.ships, list, watch)?),
                None => None,
            };
            let chosen: Vec<String> = against.iter().flatten().map(|(name, _)| name.clone()).collect();
            let ask = aggregate::Comparison {
                by: &by,
                current: window("current", current)?,
                base: window("base", base)?,
                measure: &measure,
                against: reference.as_ref().map(|r| (r, chosen.as_slice())),
            };
            Ok(Table::of(aggregate::compare(&self.ships, &ask, watch)?))
        })
    }

    /// The original columns of these shipments.
    fn original(&self, py: Python<'_>) -> PyResult<Table> {
        run(py, None, |watch| Ok(Table::of(self.ships.original(watch)?)))
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let batch = run(py, None, |watch| self.ships.original(watch))?;
        Content::of(Arc::new(batch)).stream(py, requested_schema)
    }

    /// The original columns as an Arrow IPC stream, for pickling.
    fn to_ipc<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = run(py, None, |watch| super::table::to_ipc(&self.ships.original(watch)?))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Roles as pairs of role, column, factor, and what else a copy needs to read its columns alike.
    fn reading(&self) -> ingest::Reading {
        ingest::reading(&self.ships.store)
    }

    /// Faults that only the file could show, as row of this view, column, raw text and reason.
    fn read_faults(&self, py: Python<'_>) -> PyResult<Vec<ReadFault>> {
        let store = &self.ships.store;
        let position = |row: u32| match &self.ships.rows {
            RowList::All(_) => Some(row),
            RowList::Some(rows) => rows.binary_search(&row).ok().map(|p| p as u32),
        };
        let kept = store.read_faults().iter().filter_map(|f| Some((position(f.row)?, f)));
        let (rows, kept): (Vec<u32>, Vec<store::Fault>) = kept.map(|(row, f)| (row, f.clone())).unzip();
        let raw = run(py, None, |watch| store.raws(&kept, watch))?;
        let cells = rows.into_iter().zip(&kept).zip(raw);
        Ok(cells.map(|((row, f), raw)| (row, store.fault_column(f).to_owned(), raw, f.reason)).collect())
    }

    /// Rebuilds what `to_ipc`, `reading` and `faults` took apart.
    #[staticmethod]
    fn rebuild(
        py: Python<'_>,
        ipc: Vec<u8>,
        reading: ingest::Reading,
        faults: Vec<(u32, String, Option<String>, String)>,
    ) -> PyResult<Shipments> {
        run(py, None, |watch| {
            let (schema, batches) = super::table::from_ipc(ipc)?;
            Ok(Shipments::of(ingest::rebuild(&schema, &batches, reading, faults, watch)?))
        })
    }
}
