//! Detectors, and what is learnt from scores.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch};
use pyo3::prelude::*;
use pyo3_arrow::PyArray;

use super::errors::raise;
use super::incoming::{Arrow, Numbers};
use super::run::run;
use super::shipments::Shipments;
use super::table::Table;
use crate::calibrate::{benjamini_bogomolov, benjamini_hochberg, benjamini_yekutieli};
use crate::detect::{self, Detector as _, Labelled, Parameters, SharedFit, calibration};
use crate::error::{Error, Result};
use crate::evidence::{ScoreColumn, ScoreTable, SharedScores};
use crate::store::nullable;

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
    pub scores: SharedScores,
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
    fn label(&self) -> String {
        self.detector.label()
    }

    /// The fit of all data that the states stand for.
    #[pyo3(signature = (states, progress=None))]
    fn restore(&self, py: Python<'_>, states: Vec<Arrow>, progress: Option<Py<PyAny>>) -> PyResult<Fit> {
        let fit = run(py, progress.as_ref(), |progress| {
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

    #[pyo3(signature = (progress=None))]
    fn state(&self, py: Python<'_>, progress: Option<Py<PyAny>>) -> PyResult<Table> {
        run(py, progress.as_ref(), |progress| Ok(Table::of(self.fit.state(progress)?)))
    }

    /// What was learnt about the tails of scores: a row for each level and side. No rows if p-values do not come from
    /// such tails.
    fn calibration(&self, py: Python<'_>) -> PyResult<Table> {
        run(py, None, |_| Ok(Table::of(calibration::table_of(&self.fit.calibration())?)))
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

/// q-values as an arro3 Array; null where there is no p-value, NaN with `nan`.
#[pyfunction]
#[pyo3(signature = (p, method, nan, families=None))]
pub fn fdr<'py>(
    py: Python<'py>,
    p: &Bound<'py, PyAny>,
    method: &str,
    nan: bool,
    families: Option<Vec<u32>>,
) -> PyResult<Bound<'py, PyAny>> {
    let p = Numbers::of(p, "p")?;
    let q = run(py, None, |progress| {
        let p = p.doubles(progress)?;
        if let Some(bad) = p.iter().find(|p| !(p.is_nan() || (0.0..=1.0).contains(*p))) {
            return Err(Error::Argument(format!("{bad} is not a p-value; p-values lie between 0 and 1")));
        }
        let q = match (method, &families) {
            ("bh", Some(families)) if families.len() != p.len() => {
                return Err(Error::Argument(format!("{} p-values, but {} families", p.len(), families.len())));
            }
            ("bh", Some(families)) => benjamini_bogomolov(&p, families),
            ("bh", None) => benjamini_hochberg(&p),
            ("by", _) => benjamini_yekutieli(&p),
            (other, _) => return Err(Error::Argument(format!("method={other:?} is not known; use \"bh\" or \"by\""))),
        };
        Ok(if nan { Arc::new(Float64Array::from(q)) as ArrayRef } else { nullable(q) })
    })?;
    PyArray::from_array_ref(q).into_arro3(py)
}

/// Features of every shipment for a model.
#[pyfunction]
#[pyo3(signature = (ships, history, folds, progress=None))]
pub fn features(
    py: Python<'_>,
    ships: &Shipments,
    history: Option<PyRef<'_, Shipments>>,
    folds: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Table> {
    let history = history.map(|h| h.ships.clone());
    run(py, progress.as_ref(), |progress| {
        Ok(Table::of(crate::learn::features(&ships.ships, history.as_ref(), folds, progress)?))
    })
}

/// The evaluation of scores against the truth.
#[pyfunction]
#[pyo3(signature = (scores, truth, named, rows=None, p_values=None, value=None, progress=None))]
#[expect(clippy::too_many_arguments, reason = "columns of one table, each by its name")]
pub fn evaluate(
    py: Python<'_>,
    scores: Option<&Bound<'_, PyAny>>,
    truth: &Bound<'_, PyAny>,
    named: bool,
    rows: Option<&Bound<'_, PyAny>>,
    p_values: Option<&Bound<'_, PyAny>>,
    value: Option<&Bound<'_, PyAny>>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Table> {
    let (scores, truth) = (Numbers::optional(scores, "scores")?, Numbers::of(truth, "truth")?);
    let (rows, p_values) = (Numbers::optional(rows, "row")?, Numbers::optional(p_values, "p_value")?);
    let value = Numbers::optional(value, "value")?;
    run(py, progress.as_ref(), move |progress| {
        let read = |column: Option<Numbers>| column.map(|c| c.doubles(progress)).transpose();
        let p_values = read(p_values)?;
        let scores = match (read(scores)?, &p_values) {
            (Some(scores), _) => scores,
            (None, Some(p)) => p.iter().map(|p| -p).collect(),
            (None, None) => return Err(Error::Argument("there are neither scores nor p-values".into())),
        };
        let (rows, value) = (read(rows)?, read(value)?);
        let truth = crate::learn::truths(&truth.doubles(progress)?, rows.as_deref(), scores.len(), named)?;
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
#[pyo3(signature = (train, test, label, progress=None))]
pub fn leakage(
    py: Python<'_>,
    train: &Shipments,
    test: &Shipments,
    label: &str,
    progress: Option<Py<PyAny>>,
) -> PyResult<Table> {
    run(py, progress.as_ref(), |progress| {
        Ok(Table::of(crate::learn::leakage(&train.ships, &test.ships, label, progress)?))
    })
}
