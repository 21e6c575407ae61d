//! Arrow objects of other libraries as arguments.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ffi_stream::FFI_ArrowArrayStream;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use super::errors::raise;
use crate::error::{Error, Result};
use crate::ingest::{Incoming, Stream, whole};
use crate::progress::Progress;

/// The content of an object with `__arrow_c_stream__`, not checked yet.
pub struct Arrow(Incoming);

impl Arrow {
    /// The batches, after they are checked.
    pub fn batches(self, progress: &Progress) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        self.0.checked(progress)
    }

    /// All batches as one batch.
    pub fn batch(self, progress: &Progress) -> Result<RecordBatch> {
        let (schema, batches) = self.batches(progress)?;
        whole(&schema, &batches)
    }
}

impl<'py> FromPyObject<'_, 'py> for Arrow {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Arrow> {
        let py = object.py();
        let kind = object.get_type().name()?;
        if !object.hasattr("__arrow_c_stream__")? {
            let text = format!("a {kind} is no table; pass one with __arrow_c_stream__ (pandas, polars, pyarrow)");
            return Err(raise(py, Error::Argument(text)));
        }
        let capsule = object.call_method0("__arrow_c_stream__").map_err(|e| failed(py, &kind.to_string(), e))?;
        let capsule = capsule.cast_into::<PyCapsule>()?;
        let stream = capsule.pointer_checked(Some(c"arrow_array_stream"))?.cast::<FFI_ArrowArrayStream>();
        // SAFETY: a capsule of that name holds a stream, which is moved out of it.
        let stream = unsafe { FFI_ArrowArrayStream::from_raw(stream.as_ptr()) };
        // A producer that needs the GIL can take it.
        let mut stream = py.detach(|| Stream::open(stream)).map_err(|e| raise(py, e))?;
        while py.detach(|| stream.advance()).map_err(|e| raise(py, e))? {
            py.check_signals()?;
        }
        Ok(Arrow(stream.finish()))
    }
}

/// An exception of the producer, kept as the cause. A Ctrl-C is passed on unchanged.
fn failed(py: Python<'_>, kind: &str, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyException>(py) {
        return error;
    }
    let made = raise(py, Error::Source(format!("the {kind} failed to hand over its data: {error}")));
    made.set_cause(py, Some(error));
    made
}
