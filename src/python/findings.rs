//! The findings of a screen.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeListArray, UInt64Array};
use arrow::datatypes::{UInt32Type, UInt64Type};
use pyo3::prelude::*;

use super::errors::raise;
use super::incoming::Arrow;
use super::run::run;
use super::score::Scores;
use super::shipments::Shipments;
use super::table::Table;
use crate::error::Error;
use crate::evidence::SharedScores;
use crate::progress::Progress;
use crate::screen::{self, Untested};
use crate::store;
use crate::table::table;

/// The table of findings, and the shipments behind each finding.
#[pyclass(module = "redlane._core", frozen)]
pub struct Findings {
    ships: store::Shipments,
    found: screen::Findings,
    untested: Vec<(usize, Untested)>,
}

impl Findings {
    fn of(&self, py: Python<'_>, i: usize) -> PyResult<&[u32]> {
        let rows = self.found.rows.get(i).map(Vec::as_slice);
        rows.ok_or_else(|| raise(py, Error::Argument(format!("there is no finding {i}"))))
    }
}

#[pymethods]
impl Findings {
    fn __len__(&self) -> usize {
        self.found.rows.len()
    }

    fn table(&self) -> Table {
        Table::of(self.found.table.clone())
    }

    /// The source row of the first shipment behind a finding.
    fn first_row(&self, py: Python<'_>, i: usize) -> PyResult<Option<u32>> {
        Ok(self.of(py, i)?.first().copied())
    }

    /// The shipments behind a finding.
    fn rows(&self, py: Python<'_>, i: usize) -> PyResult<Shipments> {
        let rows = self.of(py, i)?.to_vec();
        Ok(Shipments::of(self.ships.at(rows).map_err(|e| raise(py, e))?))
    }

    #[pyo3(signature = (progress=None))]
    fn by_shipment(&self, py: Python<'_>, progress: Option<Py<PyAny>>) -> PyResult<Table> {
        let found = &self.found;
        run(py, progress.as_ref(), |progress| Ok(Table::of(screen::by_shipment(found, progress)?)))
    }

    /// The detectors without p-values, by their numbers, and whether they have scores.
    fn untested(&self) -> Vec<(usize, bool)> {
        self.untested.iter().map(|(detector, why)| (*detector, *why == Untested::Ranking)).collect()
    }

    /// The rows and the number of tests of each finding, for pickling. Rows are numbered as in a copy of the shipments.
    fn row_lists(&self, py: Python<'_>) -> PyResult<Table> {
        let (ships, found) = (&self.ships, &self.found);
        run(py, None, |_| {
            let position = |&row: &u32| ships.rows.position(row).map(Some);
            let lists = found.rows.iter().map(|rows| Some(rows.iter().filter_map(position)));
            let lists: ArrayRef = Arc::new(LargeListArray::from_iter_primitive::<UInt32Type, _, _>(lists));
            let tests: ArrayRef = Arc::new(UInt64Array::from(found.tests.clone()));
            Ok(Table::of(table(vec![("rows".into(), lists), ("tests".into(), tests)], found.rows.len())?))
        })
    }

    /// Rebuilds the findings from `table` and `row_lists`.
    #[staticmethod]
    fn rebuild(py: Python<'_>, ships: &Shipments, table: Arrow, row_lists: Arrow) -> PyResult<Findings> {
        let found = run(py, None, |progress| {
            let (table, lists) = (table.batch(progress)?, row_lists.batch(progress)?);
            let rows = lists.column_by_name("rows").and_then(|c| c.as_list_opt::<i64>()).and_then(listed);
            let rows = rows.filter(|rows| rows.len() == table.num_rows());
            let tests = lists.column_by_name("tests").and_then(|c| c.as_primitive_opt::<UInt64Type>());
            let tests = tests.filter(|tests| tests.null_count() == 0).map(|tests| tests.values().to_vec());
            rows.zip(tests)
                .map(|(rows, tests)| screen::Findings { table, rows, tests })
                .ok_or_else(|| Error::Bytes("these are not the rows of these findings".into()))
        })?;
        Ok(Findings { ships: ships.ships.clone(), found, untested: Vec::new() })
    }
}

fn listed(lists: &LargeListArray) -> Option<Vec<Vec<u32>>> {
    let rows = |list: Option<ArrayRef>| match list {
        None => Some(Vec::new()),
        Some(list) => Some(list.as_primitive_opt::<UInt32Type>()?.values().to_vec()),
    };
    lists.iter().map(rows).collect()
}

/// Combines the scores of several detectors into one ranked list. `totals` are the sums of their measures, NaN if
/// unknown.
#[pyfunction]
#[pyo3(name = "screen", signature = (ships, scores, totals, fdr, progress=None))]
pub fn screen_all(
    py: Python<'_>,
    ships: &Shipments,
    scores: Vec<PyRef<'_, Scores>>,
    totals: Vec<f64>,
    fdr: f64,
    progress: Option<Py<PyAny>>,
) -> PyResult<Findings> {
    let scores: Vec<SharedScores> = scores.iter().map(|s| s.scores.clone()).collect();
    let ships = ships.ships.clone();
    if totals.len() != scores.len() {
        return Err(raise(py, Error::Argument(format!("{} totals for {} detectors", totals.len(), scores.len()))));
    }
    let screened = |progress: &Progress| screen::screen(&ships, &scores, &totals, fdr, progress);
    let (found, untested) = run(py, progress.as_ref(), screened)?;
    Ok(Findings { ships, found, untested })
}
