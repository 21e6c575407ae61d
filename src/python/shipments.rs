//! `Shipments`: reading, filtering, aggregating.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule};

use super::errors::raise;
use super::run::run;
use super::table::{Content, Table};
use crate::error::{Error, Result};
use crate::group::IndexCache;
use crate::select::{Choice, DecimalLiteral, Instant, Literal, Wanted, filter};
use crate::store::{self, Period, iso};
use crate::{aggregate, ingest};

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

#[pyfunction]
pub fn layouts() -> Vec<&'static str> {
    ingest::layouts()
}

#[pyfunction]
pub fn role_of_name(name: &str) -> Option<&'static str> {
    ingest::role_of_name(name).map(store::Role::name)
}

/// A value in a condition: `None`, a text, or the name of a type with the value as text, so that nothing is rounded.
#[derive(FromPyObject)]
enum Value {
    Text(String),
    Typed(String, String),
}

/// One of the things a condition asks for; a range has a word before its two ends, so that it is no typed value.
#[derive(FromPyObject)]
enum Item {
    Between(String, Option<Value>, Option<Value>),
    One(Value),
}

fn literal(value: Option<Value>) -> Result<Literal> {
    let (kind, text) = match value {
        None => return Ok(Literal::Null),
        Some(Value::Text(text)) => return Ok(Literal::Text(text)),
        Some(Value::Typed(kind, text)) => (kind, text),
    };
    let wrong = || Error::Argument(format!("{text:?} is no {kind}"));
    let whole = |text: &str| text.parse::<i128>().map_err(|_| wrong());
    Ok(match kind.as_str() {
        "number" => Literal::Number(DecimalLiteral::parse(&text).ok_or_else(wrong)?),
        "truth" => Literal::Truth(text == "true"),
        "day" => Literal::Day(text.parse().map_err(|_| wrong())?),
        "length" => Literal::Length(whole(&text)?),
        "clock" => Literal::Clock(whole(&text)?),
        "instant" => match text.split_once(' ') {
            Some((wall, utc)) => Literal::Instant(Instant { wall: whole(wall)?, utc: Some(whole(utc)?) }),
            None => Literal::Instant(Instant { wall: whole(&text)?, utc: None }),
        },
        _ => return Err(wrong()),
    })
}

/// Row, column, raw text, reason.
type ReadFault = (u32, String, Option<String>, &'static str);
type Condition = (String, Vec<Option<Item>>);

fn conditions(list: Vec<Condition>) -> Result<Vec<(String, Wanted)>> {
    let choice = |item: Option<Item>| {
        Ok(match item {
            None => Choice::One(Literal::Null),
            Some(Item::One(value)) => Choice::One(literal(Some(value))?),
            Some(Item::Between(word, low, high)) if word == "between" => Choice::Between(literal(low)?, literal(high)?),
            Some(Item::Between(word, ..)) => return Err(Error::Argument(format!("{word:?} is no range"))),
        })
    };
    let read =
        |(name, items): Condition| Ok((name, Wanted(items.into_iter().map(choice).collect::<Result<Vec<Choice>>>()?)));
    list.into_iter().map(read).collect()
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

    /// The files they were read from.
    #[getter]
    fn files(&self) -> Vec<std::path::PathBuf> {
        self.ships.store.files.clone()
    }

    #[getter]
    fn notes(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let store = &self.ships.store;
        run(py, None, |progress| store.settle_notes(progress).map(|()| store.notes()))
    }

    /// First and last day of the date role as ISO texts.
    fn dates(&self, py: Python<'_>) -> PyResult<Option<(String, String)>> {
        let ships = &self.ships;
        run(py, None, |progress| {
            let days = ships.store.days(progress)?;
            let known = || ships.rows.iter().map(|r| days[r]).filter(|&d| d != store::NULL_DAY);
            Ok(known().min().zip(known().max()).map(|(a, b)| (iso(a), iso(b))))
        })
    }

    #[pyo3(signature = (progress=None))]
    fn summary(&self, py: Python<'_>, progress: Option<Py<PyAny>>) -> PyResult<Table> {
        run(py, progress.as_ref(), |progress| Ok(Table::of(aggregate::summary(&self.ships, progress)?)))
    }

    fn faults(&self, py: Python<'_>) -> PyResult<Table> {
        run(py, None, |progress| {
            let faults = self.ships.faults(progress)?;
            Ok(Table::of(aggregate::fault_table(&self.ships, &faults, progress)?))
        })
    }

    fn repairs(&self, py: Python<'_>) -> PyResult<Table> {
        run(py, None, |progress| {
            let repairs = self.ships.repairs(progress)?;
            Ok(Table::of(aggregate::repair_table(&self.ships, &repairs)?))
        })
    }

    /// A warning about adding or comparing the values of these shipments.
    fn caution(&self, py: Python<'_>) -> PyResult<Option<String>> {
        run(py, None, |progress| self.ships.store.caution(&self.ships.rows, progress))
    }

    /// Rows that are totals of others.
    fn totals(&self, py: Python<'_>) -> PyResult<Table> {
        run(py, None, |_| Ok(Table::of(aggregate::total_table(&self.ships)?)))
    }

    #[pyo3(signature = (progress=None))]
    fn without_totals(&self, py: Python<'_>, progress: Option<Py<PyAny>>) -> PyResult<Shipments> {
        run(py, progress.as_ref(), |_| Ok(Shipments::of(self.ships.without_totals())))
    }

    fn filter(&self, py: Python<'_>, list: Vec<Condition>) -> PyResult<Shipments> {
        run(py, None, |progress| Ok(Shipments::of(filter(&self.ships, &conditions(list)?, progress)?)))
    }

    /// The source rows of the first `n` shipments.
    fn first_rows(&self, n: usize) -> Vec<usize> {
        self.ships.rows.iter().take(n).collect()
    }

    /// The shipments at these source rows.
    fn at_rows(&self, py: Python<'_>, rows: Vec<u32>) -> PyResult<Shipments> {
        Ok(Shipments::of(self.ships.at(rows).map_err(|e| raise(py, e))?))
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
        run(py, progress.as_ref(), |progress| {
            Ok(Table::shared(aggregate::aggregate(&self.ships, &self.cache, &by, &measures, fill, progress)?))
        })
    }

    #[pyo3(signature = (by, current, base, measure, against=None, progress=None))]
    #[expect(clippy::too_many_arguments, reason = "what a user asks for, each by its name")]
    fn compare(
        &self,
        py: Python<'_>,
        by: Vec<String>,
        current: (String, String),
        base: (String, String),
        measure: String,
        against: Option<Vec<Condition>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Table> {
        run(py, progress.as_ref(), |progress| {
            let against = against.map(conditions).transpose()?;
            let reference = match &against {
                Some(list) => Some(filter(&self.ships, list, progress)?),
                None => None,
            };
            let chosen: Vec<String> = against.iter().flatten().map(|(name, _)| name.clone()).collect();
            let ask = aggregate::Comparison {
                by: &by,
                current: Period::window("current", &current.0, &current.1)?,
                base: Period::window("base", &base.0, &base.1)?,
                measure: &measure,
                against: reference.as_ref().map(|r| (r, chosen.as_slice())),
            };
            Ok(Table::of(aggregate::compare(&self.ships, &ask, progress)?))
        })
    }

    /// The original columns of these shipments, which are read when they are asked for.
    fn original(&self) -> Table {
        Table::of(store::Original(self.ships.clone()))
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        Content::of(Arc::new(store::Original(self.ships.clone()))).stream(py, requested_schema)
    }

    /// The original columns as an Arrow IPC stream, for pickling.
    fn to_ipc<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = run(py, None, |progress| ingest::to_ipc(&self.ships.original(progress)?))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Roles as triples of role, column and factor, and what else a copy needs to read its columns in the same way.
    fn reading(&self, py: Python<'_>) -> PyResult<ingest::Reading> {
        run(py, None, |progress| ingest::reading(&self.ships.store, progress))
    }

    /// Faults found by the reader of the file, as row of this view, column, raw text and reason.
    fn read_faults(&self, py: Python<'_>) -> PyResult<Vec<ReadFault>> {
        let store = &self.ships.store;
        let kept = store.read_faults().iter().filter_map(|f| Some((self.ships.rows.position(f.row)?, f)));
        let (rows, kept): (Vec<u32>, Vec<store::Fault>) = kept.map(|(row, f)| (row, f.clone())).unzip();
        let raw = run(py, None, |progress| store.raws(&kept, progress))?;
        let cells = rows.into_iter().zip(&kept).zip(raw);
        Ok(cells.map(|((row, f), raw)| (row, store.fault_column(f).to_owned(), raw, f.reason)).collect())
    }

    /// Cells corrected by the reader of the file, as row of this view, column, raw text, value and reason.
    fn read_repairs(&self) -> Vec<ingest::Mended> {
        let store = &self.ships.store;
        let kept = store.read_repairs().iter().filter_map(|r| Some((self.ships.rows.position(r.row)?, r)));
        let name = |column: u32| store.columns.get(column as usize).map_or("", |c| c.name()).to_owned();
        kept.map(|(row, r)| (row, name(r.column), store.raw_of_repair(r), r.value.to_string(), r.reason.to_owned()))
            .collect()
    }

    /// The reasons why rows are totals of others, each with the rows of this view.
    fn total_rows(&self) -> Vec<(String, Vec<u32>)> {
        self.ships.total_rows()
    }

    /// Rebuilds shipments from `to_ipc`, `reading`, `read_faults`, `read_repairs` and `total_rows`.
    #[staticmethod]
    #[pyo3(signature = (ipc, reading, faults, repairs, totals))]
    fn rebuild(
        py: Python<'_>,
        ipc: Vec<u8>,
        reading: ingest::Reading,
        faults: Vec<(u32, String, Option<String>, String)>,
        repairs: Vec<ingest::Mended>,
        totals: Vec<(String, Vec<u32>)>,
    ) -> PyResult<Shipments> {
        run(py, None, |progress| {
            let (schema, batches) = ingest::from_ipc(ipc)?;
            Ok(Shipments::of(ingest::rebuild(&schema, &batches, reading, faults, repairs, totals, progress)?))
        })
    }
}
