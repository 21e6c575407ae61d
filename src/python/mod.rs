//! The Python module `redlane._core`: convert, release the GIL, call the core, map errors.

mod convert;
mod errors;
mod findings;
mod incoming;
mod reading;
mod run;
mod sample;
mod score;
mod shipments;
mod table;
mod whole;

use pyo3::prelude::*;

/// Keeps freed memory for the next result. With the allocator of the system, page faults take a third of the time on
/// large tables.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[pymodule]
fn _core(m: &Bound<'_, PyModule>) -> PyResult<()> {
    errors::resolve(m.py())?;
    m.add("ERROR_CLASSES", crate::error::Class::ALL.map(|class| class.name()))?;
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add("DEBUG_BUILD", cfg!(debug_assertions))?;
    m.add("STATE_LABEL", crate::detect::LABEL)?;
    m.add_class::<table::Table>()?;
    m.add_class::<shipments::Shipments>()?;
    m.add_class::<score::Detector>()?;
    m.add_class::<score::Fit>()?;
    m.add_class::<score::Scores>()?;
    m.add_class::<findings::Findings>()?;
    m.add_function(wrap_pyfunction!(reading::read_files, m)?)?;
    m.add_function(wrap_pyfunction!(reading::read_arrow, m)?)?;
    m.add_function(wrap_pyfunction!(reading::inspect_files, m)?)?;
    m.add_function(wrap_pyfunction!(reading::inspect_arrow, m)?)?;
    m.add_function(wrap_pyfunction!(shipments::layouts, m)?)?;
    m.add_function(wrap_pyfunction!(shipments::role_of_name, m)?)?;
    m.add_function(wrap_pyfunction!(score::detector, m)?)?;
    m.add_function(wrap_pyfunction!(score::detector_names, m)?)?;
    m.add_function(wrap_pyfunction!(findings::screen_all, m)?)?;
    m.add_function(wrap_pyfunction!(convert::currencies, m)?)?;
    m.add_function(wrap_pyfunction!(convert::convert, m)?)?;
    m.add_function(wrap_pyfunction!(table::table, m)?)?;
    m.add_function(wrap_pyfunction!(score::fdr, m)?)?;
    m.add_function(wrap_pyfunction!(score::features, m)?)?;
    m.add_function(wrap_pyfunction!(score::evaluate, m)?)?;
    m.add_function(wrap_pyfunction!(score::leakage, m)?)?;
    m.add_function(wrap_pyfunction!(sample::sample, m)?)?;
    m.add_function(wrap_pyfunction!(sample::inject, m)?)?;
    m.add_function(wrap_pyfunction!(run::set_threads, m)?)?;
    Ok(())
}
