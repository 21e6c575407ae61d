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
