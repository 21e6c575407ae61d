//! Generated shipments.

use pyo3::prelude::*;

use super::run::run;
use super::shipments::Shipments;
use super::table::Table;

/// Shipments and the planted truth (row, pattern).
#[pyfunction]
pub fn sample(py: Python<'_>, n: usize, seed: u64, plant: bool) -> PyResult<(Shipments, Table)> {
    run(py, None, |watch| {
        let made = crate::sample::shipments(n, seed, plant, watch)?;
        Ok((Shipments::of(made.ships), Table::of(made.truth)))
    })
}

/// A copy of the shipments with known anomalies, and the truth (row, pattern).
#[pyfunction]
pub fn inject(
    py: Python<'_>,
    ships: &Shipments,
    pattern: &str,
    n: usize,
    strength: f64,
    seed: u64,
) -> PyResult<(Shipments, Table)> {
    run(py, None, |watch| {
        let made = crate::sample::inject(&ships.ships, pattern, n, strength, seed, watch)?;
        Ok((Shipments::of(made.ships), Table::of(made.truth)))
    })
}
