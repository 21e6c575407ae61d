//! Converts errors of the core to the Python classes of `redlane.errors`.

use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::error::{Class, Error};

/// The classes, by their numbers. Python defines them, because some have several bases.
static CLASSES: PyOnceLock<Vec<Py<PyType>>> = PyOnceLock::new();

/// Looks up all classes when the module is imported, so that a missing class is an error then.
pub fn resolve(py: Python<'_>) -> PyResult<()> {
    CLASSES
        .get_or_try_init(py, || {
            let module = py.import("redlane.errors")?;
            let find = |class: &Class| -> PyResult<Py<PyType>> {
                Ok(module.getattr(class.name())?.cast_into::<PyType>()?.unbind())
            };
            Class::ALL.iter().map(find).collect()
        })
        .map(|_| ())
}

pub fn raise(py: Python<'_>, error: Error) -> PyErr {
    if matches!(error, Error::Cancelled) {
        return PyKeyboardInterrupt::new_err("stopped");
    }
    match CLASSES.get(py).and_then(|classes| classes.get(error.class() as usize)) {
        Some(class) => PyErr::from_type(class.bind(py).clone(), error.to_string()),
        None => PyRuntimeError::new_err(error.to_string()),
    }
}

/// An error with its cause. A cause that is not an `Exception`, such as Ctrl-C, is returned unchanged.
pub fn caused(py: Python<'_>, error: Error, cause: PyErr) -> PyErr {
    if !cause.is_instance_of::<pyo3::exceptions::PyException>(py) {
        return cause;
    }
    let made = raise(py, error);
    made.set_cause(py, Some(cause));
    made
}
