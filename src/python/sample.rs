//! Generated shipments, and planted anomalies.

use pyo3::prelude::*;

use super::errors::raise;
use super::run::run;
use super::shipments::Shipments;
use super::table::Table;
use super::whole::WholeNumber;

/// Shipments and the planted truth (row, pattern).
#[pyfunction]
#[pyo3(signature = (n, seed, plant, progress=None))]
pub fn sample(
    py: Python<'_>,
    n: WholeNumber,
    seed: WholeNumber,
    plant: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Shipments, Table)> {
    let (n, seed) = counted(py, n, seed)?;
    run(py, progress.as_ref(), |progress| {
        let made = crate::sample::shipments(n, seed, plant, progress)?;
        Ok((Shipments::of(made.ships), Table::of(made.truth)))
    })
}

fn counted(py: Python<'_>, n: WholeNumber, seed: WholeNumber) -> PyResult<(usize, u64)> {
    n.count("n").and_then(|n| Ok((n, seed.seed()?))).map_err(|e| raise(py, e))
}

/// A copy of the shipments with known anomalies, and the truth (row, pattern).
#[pyfunction]
#[pyo3(signature = (ships, pattern, n, strength, seed, progress=None))]
pub fn inject(
    py: Python<'_>,
    ships: &Shipments,
    pattern: &str,
    n: WholeNumber,
    strength: f64,
    seed: WholeNumber,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Shipments, Table)> {
    let (n, seed) = counted(py, n, seed)?;
    run(py, progress.as_ref(), |progress| {
        let made = crate::learn::inject(&ships.ships, pattern, n, strength, seed, progress)?;
        Ok((Shipments::of(made.ships), Table::of(made.truth)))
    })
}
