//! The findings of a screen.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, LargeListArray};
use arrow::datatypes::UInt32Type;
use pyo3::prelude::*;

use super::errors::raise;
use super::incoming::Arrow;
use super::run::run;
use super::score::Scores;
use super::shipments::Shipments;
use super::table::Table;
use crate::error::Error;
use crate::evidence::SharedScores;
use crate::screen;
use crate::store;
use crate::table::table;

/// The table of findings, and the shipments behind each finding.
#[pyclass(module = "redlane._core", frozen)]
pub struct Findings {
    ships: store::Shipments,
    found: screen::Findings,
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
        run(py, progress.as_ref(), |progress| Ok(Table::of(screen::by_shipment(&found.table, &found.rows, progress)?)))
    }

    /// The rows of each finding as a column of lists, for pickling. They are numbered as in a copy of the shipments.
    fn row_lists(&self, py: Python<'_>) -> PyResult<Table> {
        let (ships, found) = (&self.ships, &self.found);
        run(py, None, |_| {
            let position = |&row: &u32| ships.rows.position(row).map(Some);
            let lists = found.rows.iter().map(|rows| Some(rows.iter().filter_map(position)));
            let lists: ArrayRef = Arc::new(LargeListArray::from_iter_primitive::<UInt32Type, _, _>(lists));
            Ok(Table::of(table(vec![("rows".into(), lists)], found.rows.len())?))
        })
    }

    /// Rebuilds the findings from `table` and `row_lists`.
    #[staticmethod]
    fn rebuild(py: Python<'_>, ships: &Shipments, table: Arrow, row_lists: Arrow) -> PyResult<Findings> {
        let found = run(py, None, |progress| {
            let (table, lists) = (table.batch(progress)?, row_lists.batch(progress)?);
            let rows = lists.column_by_name("rows").and_then(|c| c.as_list_opt::<i64>()).and_then(listed);
            let rows = rows.filter(|rows| rows.len() == table.num_rows());
            rows.map(|rows| screen::Findings { table, rows })
                .ok_or_else(|| Error::Bytes("these are not the rows of these findings".into()))
        })?;
        Ok(Findings { ships: ships.ships.clone(), found })
    }
}

fn listed(lists: &LargeListArray) -> Option<Vec<Vec<u32>>> {
    let rows = |list: Option<ArrayRef>| match list {
        None => Some(Vec::new()),
        Some(list) => Some(list.as_primitive_opt::<UInt32Type>()?.values().to_vec()),
    };
    lists.iter().map(rows).collect()
}

/// Combines the scores of several detectors into one ranked list.
#[pyfunction]
#[pyo3(name = "screen", signature = (ships, scores, fdr, progress=None))]
pub fn screen_all(
    py: Python<'_>,
    ships: &Shipments,
    scores: Vec<PyRef<'_, Scores>>,
    fdr: f64,
    progress: Option<Py<PyAny>>,
) -> PyResult<Findings> {
    let scores: Vec<SharedScores> = scores.iter().map(|s| s.scores.clone()).collect();
    let ships = ships.ships.clone();
    let found = run(py, progress.as_ref(), |progress| screen::screen(&ships, &scores, fdr, progress))?;
    Ok(Findings { ships, found })
}
