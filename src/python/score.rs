//! Detectors and the screen.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3_arrow::PyTable;

use super::errors::raise;
use super::run::run;
use super::shipments::Shipments;
use super::table::{Table, one_batch};
use crate::error::Error;
use crate::score::{self, SharedScores};
use crate::stats::{benjamini_hochberg, benjamini_yekutieli};

/// Settings of a `UnitValue`.
#[pyclass(module = "redlane._core", frozen)]
pub struct UnitValue {
    settings: score::UnitValue,
}

/// What a `UnitValue` learnt.
#[pyclass(module = "redlane._core", frozen)]
pub struct UnitValueFit {
    fitted: Arc<score::Fitted>,
}

/// Scores that a screen can combine; `table` shows them.
#[pyclass(module = "redlane._core", frozen)]
pub struct Scores {
    scores: SharedScores,
}

#[pymethods]
impl Scores {
    fn table(&self) -> Table {
        Table::scores(self.scores.clone())
    }
}

#[pymethods]
impl UnitValue {
    #[new]
    fn new(measure: String, by: Vec<String>, min_peers: usize, backoff: Vec<Vec<String>>) -> UnitValue {
        UnitValue { settings: score::UnitValue { measure, by, min_peers, backoff } }
    }

    #[pyo3(signature = (ships, progress=None))]
    fn fit(&self, py: Python<'_>, ships: &Shipments, progress: Option<Py<PyAny>>) -> PyResult<UnitValueFit> {
        let fitted = run(py, progress.as_ref(), |watch| self.settings.fit(&ships.ships, &ships.cache, watch))?;
        Ok(UnitValueFit { fitted: Arc::new(fitted) })
    }

    #[pyo3(signature = (ships, progress=None))]
    fn fit_score(
        &self,
        py: Python<'_>,
        ships: &Shipments,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(UnitValueFit, Scores)> {
        let scores = run(py, progress.as_ref(), |watch| self.settings.fit_score(&ships.ships, &ships.cache, watch))?;
        Ok((UnitValueFit { fitted: scores.fitted() }, Scores { scores: Arc::new(scores) }))
    }

    fn restore(&self, py: Python<'_>, state: PyTable) -> PyResult<UnitValueFit> {
        let settings = self.settings.clone();
        let fitted = run(py, None, |_| score::Fitted::from_state(settings, &one_batch(state)?))?;
        Ok(UnitValueFit { fitted: Arc::new(fitted) })
    }
}

#[pymethods]
impl UnitValueFit {
    #[pyo3(signature = (ships, progress=None))]
    fn score(&self, py: Python<'_>, ships: &Shipments, progress: Option<Py<PyAny>>) -> PyResult<Scores> {
        let scores = run(py, progress.as_ref(), |watch| self.fitted.score(&ships.ships, &ships.cache, watch))?;
        Ok(Scores { scores: Arc::new(scores) })
    }

    fn state(&self, py: Python<'_>) -> PyResult<Table> {
        run(py, None, |_| Ok(Table::of(self.fitted.state()?)))
    }
}

/// The findings' table, and for each finding its source rows.
#[pyfunction]
#[pyo3(signature = (ships, scores, fdr, progress=None))]
pub fn screen(
    py: Python<'_>,
    ships: &Shipments,
    scores: Vec<PyRef<'_, Scores>>,
    fdr: f64,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Table, Vec<Vec<u32>>)> {
    let scores: Vec<SharedScores> = scores.iter().map(|s| s.scores.clone()).collect();
    let found = run(py, progress.as_ref(), |watch| score::screen(&ships.ships, &scores, fdr, watch))?;
    Ok((Table::of(found.table), found.rows))
}

/// Findings gathered by shipment; `rows` are those of each finding.
#[pyfunction]
pub fn by_shipment(py: Python<'_>, findings: PyRef<'_, Table>, rows: Vec<Vec<u32>>) -> PyResult<Table> {
    let content = findings.content.clone();
    run(py, None, move |_| Ok(Table::of(score::by_shipment(&content.batch(None)?, &rows)?)))
}

/// q-values; NaN stays NaN.
#[pyfunction]
pub fn fdr(py: Python<'_>, p: Vec<f64>, method: &str) -> PyResult<Vec<f64>> {
    if let Some(bad) = p.iter().find(|p| !(p.is_nan() || (0.0..=1.0).contains(*p))) {
        return Err(raise(py, Error::Argument(format!("{bad} is not a p-value; p-values lie between 0 and 1"))));
    }
    match method {
        "bh" => Ok(benjamini_hochberg(&p)),
        "by" => Ok(benjamini_yekutieli(&p)),
        other => Err(raise(py, Error::Argument(format!("method={other:?} is not known; use \"bh\" or \"by\"")))),
    }
}
