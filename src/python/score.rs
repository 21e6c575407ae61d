//! Detectors and the screen.

use std::sync::Arc;

use arrow::array::{Float64Array, RecordBatch};
use pyo3::prelude::*;
use pyo3_arrow::PyArray;

use super::errors::raise;
use super::incoming::Arrow;
use super::run::run;
use super::shipments::Shipments;
use super::table::Table;
use crate::calibrate::{benjamini_hochberg, benjamini_yekutieli};
use crate::detect::{self, Detector as _, Labelled, Parameters, SharedFit};
use crate::error::{Error, Result};
use crate::evidence::{ScoreColumn, ScoreTable, SharedScores};

/// A detector with its parameters.
#[pyclass(module = "redlane._core", frozen)]
pub struct Detector {
    detector: Labelled,
}

/// The result of a fit.
#[pyclass(module = "redlane._core", frozen)]
pub struct Fit {
    fit: SharedFit,
}

/// Scores for a screen; `table` returns them as a table.
#[pyclass(module = "redlane._core", frozen)]
pub struct Scores {
    scores: SharedScores,
}

#[pymethods]
impl Scores {
    fn table(&self) -> Table {
        Table::of(ScoreTable(self.scores.clone()))
    }

    /// A column of numbers with NaN for null, in the form that NumPy takes.
    fn values<'py>(&self, py: Python<'py>, column: &str) -> PyResult<Bound<'py, PyAny>> {
        let column = match column {
            "score" => ScoreColumn::Score,
            "p_value" => ScoreColumn::PValue,
            other => return Err(raise(py, Error::Argument(format!("{other:?} is not score or p_value")))),
        };
        let values = run(py, None, |progress| self.scores.values(column, 0..self.scores.len(), progress))?;
        PyArray::from_array_ref(Arc::new(Float64Array::from(values))).into_arro3(py)
    }
}

#[pymethods]
impl Detector {
    #[pyo3(signature = (ships, progress=None))]
    fn fit(&self, py: Python<'_>, ships: &Shipments, progress: Option<Py<PyAny>>) -> PyResult<Fit> {
        let fit = run(py, progress.as_ref(), |progress| self.detector.fit(&ships.ships, &ships.cache, progress))?;
        Ok(Fit { fit })
    }

    #[pyo3(signature = (ships, progress=None))]
    fn fit_score(&self, py: Python<'_>, ships: &Shipments, progress: Option<Py<PyAny>>) -> PyResult<(Fit, Scores)> {
        let (fit, scores) =
            run(py, progress.as_ref(), |progress| self.detector.fit_score(&ships.ships, &ships.cache, progress))?;
        Ok((Fit { fit }, Scores { scores }))
    }

    /// The name, the version of states and the parameters as JSON. Equal detectors have equal labels.
    #[getter]
    fn label(&self) -> &str {
        self.detector.label()
    }

    /// The fit of all data behind the states.
    fn restore(&self, py: Python<'_>, states: Vec<Arrow>) -> PyResult<Fit> {
        let fit = run(py, None, |progress| {
            let states: Result<Vec<RecordBatch>> = states.into_iter().map(|state| state.batch(progress)).collect();
            self.detector.restore(&states?, progress)
        })?;
        Ok(Fit { fit })
    }
}

#[pymethods]
impl Fit {
    #[pyo3(signature = (ships, progress=None))]
    fn score(&self, py: Python<'_>, ships: &Shipments, progress: Option<Py<PyAny>>) -> PyResult<Scores> {
        let scores =
            run(py, progress.as_ref(), |progress| self.fit.clone().score(&ships.ships, &ships.cache, progress))?;
        Ok(Scores { scores })
    }

    fn state(&self, py: Python<'_>) -> PyResult<Table> {
        run(py, None, |progress| Ok(Table::of(self.fit.state(progress)?)))
    }
}

/// A detector by its name; `parameters` is a JSON object.
#[pyfunction]
pub fn detector(py: Python<'_>, name: &str, parameters: &str) -> PyResult<Detector> {
    let made = Parameters::parse(parameters).and_then(|parameters| detect::detector(name, &parameters));
    Ok(Detector { detector: made.map_err(|e| raise(py, e))? })
}

/// The names of all detectors.
#[pyfunction]
pub fn detector_names() -> Vec<&'static str> {
    detect::registry::ALL.iter().map(|entry| entry.name).collect()
}

/// The table of findings, and the source rows of each finding.
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
    let found = run(py, progress.as_ref(), |progress| crate::screen::screen(&ships.ships, &scores, fdr, progress))?;
    Ok((Table::of(found.table), found.rows))
}

/// Findings by shipment. `rows` are those of each finding.
#[pyfunction]
pub fn by_shipment(py: Python<'_>, findings: PyRef<'_, Table>, rows: Vec<Vec<u32>>) -> PyResult<Table> {
    let content = findings.content.clone();
    run(py, None, move |progress| {
        Ok(Table::of(crate::screen::by_shipment(&content.batch(None, progress)?, &rows, progress)?))
    })
}

/// q-values; NaN stays NaN.
#[pyfunction]
pub fn fdr(py: Python<'_>, p: Vec<f64>, method: &str) -> PyResult<Vec<f64>> {
    if let Some(bad) = p.iter().find(|p| !(p.is_nan() || (0.0..=1.0).contains(*p))) {
        return Err(raise(py, Error::Argument(format!("{bad} is not a p-value; p-values lie between 0 and 1"))));
    }
    run(py, None, |_| match method {
        "bh" => Ok(benjamini_hochberg(&p)),
        "by" => Ok(benjamini_yekutieli(&p)),
        other => Err(Error::Argument(format!("method={other:?} is not known; use \"bh\" or \"by\""))),
    })
}

/// Features of every shipment for a model.
#[pyfunction]
#[pyo3(signature = (ships, history=None, progress=None))]
pub fn features(
    py: Python<'_>,
    ships: &Shipments,
    history: Option<PyRef<'_, Shipments>>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Table> {
    let history = history.map(|h| h.ships.clone());
    run(py, progress.as_ref(), |progress| {
        Ok(Table::of(crate::learn::features(&ships.ships, history.as_ref(), progress)?))
    })
}

/// The evaluation of scores against the truth.
#[pyfunction]
#[pyo3(signature = (scores, truth, p_values=None, value=None))]
pub fn evaluate(
    py: Python<'_>,
    scores: Vec<f64>,
    truth: Vec<bool>,
    p_values: Option<Vec<f64>>,
    value: Option<Vec<f64>>,
) -> PyResult<Table> {
    run(py, None, move |progress| {
        let ask = crate::learn::Scored {
            score: &scores,
            p_value: p_values.as_deref(),
            truth: &truth,
            value: value.as_deref(),
        };
        Ok(Table::of(crate::learn::evaluate(&ask, progress)?))
    })
}

/// The report on label leakage through repeated templates.
#[pyfunction]
pub fn leakage(py: Python<'_>, train: &Shipments, test: &Shipments, label: &str) -> PyResult<Table> {
    run(py, None, |progress| Ok(Table::of(crate::learn::leakage(&train.ships, &test.ships, label, progress)?)))
}
