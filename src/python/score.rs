//! Detectors and the screen.

use arrow::array::RecordBatch;
use pyo3::prelude::*;

use super::errors::raise;
use super::incoming::Arrow;
use super::run::run;
use super::shipments::{Shipments, window as read_window};
use super::table::Table;
use super::whole::Whole;
use crate::calibrate::{benjamini_hochberg, benjamini_yekutieli};
use crate::detect::SharedFit;
use crate::error::{Error, Result};
use crate::evidence::SharedScores;
use crate::store::{self, Every, Period};

/// A detector with its settings.
#[pyclass(module = "redlane._core", frozen)]
pub struct Detector {
    detector: Box<dyn crate::detect::Detector>,
}

/// What a detector learnt.
#[pyclass(module = "redlane._core", frozen)]
pub struct Fit {
    fit: SharedFit,
}

/// Scores that a screen can combine; `table` shows them.
#[pyclass(module = "redlane._core", frozen)]
pub struct Scores {
    scores: SharedScores,
}

#[pymethods]
impl Scores {
    fn table(&self) -> Table {
        Table::of(crate::evidence::ScoreTable(self.scores.clone()))
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

    /// The fit of all data that the states stand for.
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

fn detector(py: Python<'_>, made: Result<impl crate::detect::Detector + 'static>) -> PyResult<Detector> {
    Ok(Detector { detector: Box::new(crate::detect::SkipTotals(made.map_err(|e| raise(py, e))?)) })
}

#[pyfunction]
pub fn unit_value(
    py: Python<'_>,
    measure: String,
    by: Vec<String>,
    min_peers: Whole,
    backoff: Vec<Vec<String>>,
    scale: &str,
) -> PyResult<Detector> {
    let made = crate::detect::price::Scale::named(scale).and_then(|scale| {
        Ok(crate::detect::price::UnitValue { measure, by, min_peers: min_peers.count("min_peers")?, backoff, scale })
    });
    detector(py, made)
}

#[pyfunction]
pub fn value_weight(
    py: Python<'_>,
    by: Vec<String>,
    on: Vec<String>,
    min_peers: Whole,
    log: bool,
    mm: bool,
) -> PyResult<Detector> {
    let made =
        min_peers.count("min_peers").map(|min_peers| crate::detect::price::ValueWeight { by, on, min_peers, log, mm });
    detector(py, made)
}

#[pyfunction]
pub fn rarity(py: Python<'_>, of: String, given: Vec<String>) -> PyResult<Detector> {
    detector(py, Ok(crate::detect::records::Rarity { of, given }))
}

#[pyfunction]
pub fn repeats(py: Python<'_>, window: Whole, tolerance: f64, threshold: Option<f64>, band: f64) -> PyResult<Detector> {
    let made =
        window.days("window").map(|window| crate::detect::records::Repeats { window, tolerance, threshold, band });
    detector(py, made)
}

#[pyfunction]
pub fn digits(py: Python<'_>, entity: String, min_values: Whole, min_products: Whole) -> PyResult<Detector> {
    let made = min_values.count("min_values").and_then(|min_values| {
        Ok(crate::detect::entity::Digits { entity, min_values, min_products: min_products.count("min_products")? })
    });
    detector(py, made)
}

#[pyfunction]
pub fn isolation(py: Python<'_>, columns: Vec<String>, trees: Whole, sample: Whole, seed: Whole) -> PyResult<Detector> {
    let made = seed.seed().and_then(|seed| {
        Ok(crate::detect::records::Isolation {
            columns,
            trees: trees.count("trees")?,
            sample: sample.count("sample")?,
            seed,
        })
    });
    detector(py, made)
}

#[pyfunction]
pub fn ecod(py: Python<'_>, columns: Vec<String>) -> PyResult<Detector> {
    detector(py, Ok(crate::detect::records::Ecod { columns }))
}

#[pyfunction]
pub fn mirror_gap(
    py: Python<'_>,
    by: Vec<String>,
    period: &str,
    measure: String,
    max_lag: Whole,
) -> PyResult<Detector> {
    let made = Every::asked(period)
        .and_then(|every| Ok(crate::detect::flow::MirrorGap { by, every, measure, max_lag: max_lag.days("max_lag")? }));
    detector(py, made)
}

#[pyfunction]
pub fn surge(
    py: Python<'_>,
    by: Vec<String>,
    period: &str,
    measure: String,
    expanding: bool,
    min_periods: Whole,
) -> PyResult<Detector> {
    let made = Every::asked(period).and_then(|every| {
        let min_periods = min_periods.count("min_periods")?;
        let spec =
            crate::flows::FlowSpec { by, every, measure, squares: false, most: crate::detect::flow::MOST_PERIODS };
        Ok(crate::detect::flow::Surge { spec, expanding, min_periods })
    });
    detector(py, made)
}

/// `founded`: names with dates.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one for each of the detector's own")]
pub fn newcomer(
    py: Python<'_>,
    entity: Vec<String>,
    measure: String,
    window: Whole,
    burn_in: Whole,
    dormant: Whole,
    min_peers: Whole,
    founded: Vec<(String, String)>,
) -> PyResult<Detector> {
    let day = |(name, date): (String, String)| Ok((name, read_window("founded", (date.clone(), date))?.first));
    let made = founded.into_iter().map(day).collect::<Result<Vec<(String, i32)>>>().and_then(|mut founded| {
        founded.sort();
        let (window, burn_in) = (window.days("window")?, burn_in.days("burn_in")?);
        let (dormant, min_peers) = (dormant.days("dormant")?, min_peers.count("min_peers")?);
        Ok(crate::detect::entity::Newcomer { entity, measure, window, burn_in, dormant, min_peers, founded })
    });
    detector(py, made)
}

#[pyfunction]
pub fn divergence(
    py: Python<'_>,
    by: Vec<String>,
    across: String,
    measure: String,
    current: Option<(String, String)>,
    base: Option<(String, String)>,
) -> PyResult<Detector> {
    let made = optional("current", current).and_then(|current| {
        let base = optional("base", base)?;
        Ok(crate::detect::flow::Divergence { by, across, measure, current, base })
    });
    detector(py, made)
}

fn optional(name: &str, given: Option<(String, String)>) -> Result<Option<Period>> {
    given.map(|pair| read_window(name, pair)).transpose()
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one for each of the detector's own")]
pub fn diversion(
    py: Python<'_>,
    target: String,
    event: String,
    by: Option<Vec<String>>,
    through: Option<Vec<String>>,
    origins: Option<Vec<String>>,
    measure: String,
    before: Option<(String, String)>,
    after: Option<(String, String)>,
) -> PyResult<Detector> {
    let made = read_window("event", (event.clone(), event)).and_then(|event| {
        let (before, after) = (optional("before", before)?, optional("after", after)?);
        let key = |name: String| store::country::key(&name).map_or(name, str::to_owned);
        let keys = |list: Option<Vec<String>>| list.map(|l| l.into_iter().map(key).collect());
        let (target, through, origins) = (key(target), keys(through), keys(origins));
        Ok(crate::detect::flow::Diversion { target, event: event.first, by, through, origins, measure, before, after })
    });
    detector(py, made)
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
    let found = run(py, progress.as_ref(), |progress| crate::screen::screen(&ships.ships, &scores, fdr, progress))?;
    Ok((Table::of(found.table), found.rows))
}

/// Findings gathered by shipment; `rows` are those of each finding.
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

/// For every shipment the numbers a model can learn from.
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

/// How well scores find what is true.
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

/// Whether a look-up of repeated templates explains a label.
#[pyfunction]
pub fn leakage(py: Python<'_>, train: &Shipments, test: &Shipments, label: &str) -> PyResult<Table> {
    run(py, None, |progress| Ok(Table::of(crate::learn::leakage(&train.ships, &test.ships, label, progress)?)))
}
