//! Arguments that are Arrow objects of other libraries.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::SchemaRef;
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow::ffi_stream::FFI_ArrowArrayStream;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use super::errors::{caused, raise};
use crate::error::{Error, Result};
use crate::ingest::{Incoming, Stream, whole};
use crate::progress::Progress;
use crate::store;

/// The content of an object with `__arrow_c_stream__`, not checked yet.
pub struct Arrow(Incoming);

impl Arrow {
    /// Checks and returns the batches.
    pub fn batches(self, progress: &Progress) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        self.0.checked(progress)
    }

    /// Checks the batches and returns them as one batch.
    pub fn batch(self, progress: &Progress) -> Result<RecordBatch> {
        let (schema, batches) = self.batches(progress)?;
        whole(&schema, &batches)
    }
}

impl<'py> FromPyObject<'_, 'py> for Arrow {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Arrow> {
        if !object.hasattr("__arrow_c_stream__")? {
            let kind = object.get_type().name()?;
            let text = format!("a {kind} is no table; pass one with __arrow_c_stream__ (pandas, polars, pyarrow)");
            return Err(raise(object.py(), Error::WrongType(text)));
        }
        Ok(Arrow(stream(&object, None)?))
    }
}

/// A column of numbers, not checked yet.
pub struct Numbers {
    name: &'static str,
    column: Incoming,
}

impl Numbers {
    /// Reads an object with `__arrow_c_array__` or `__arrow_c_stream__`. `name` is its name in errors.
    pub fn of(object: &Bound<'_, PyAny>, name: &'static str) -> PyResult<Numbers> {
        let column = match object.hasattr("__arrow_c_array__")? {
            true => array(object, name)?,
            false => stream(object, Some(name))?,
        };
        Ok(Numbers { name, column })
    }

    pub fn optional(object: Option<&Bound<'_, PyAny>>, name: &'static str) -> PyResult<Option<Numbers>> {
        object.map(|object| Numbers::of(object, name)).transpose()
    }

    /// The numbers as doubles, with NaN for null.
    pub fn doubles(self, progress: &Progress) -> Result<ScalarBuffer<f64>> {
        let name = self.name;
        let (schema, batches) = self.column.checked(progress)?;
        let chunks: Vec<ArrayRef> = batches.iter().map(|batch| batch.column(0).clone()).collect();
        let kind = schema.field(0).data_type();
        store::doubles(name, &chunks, progress).map_err(|error| match error {
            Error::Schema(_) => {
                Error::Argument(format!("{name} holds values of the type {kind}; numbers are expected"))
            }
            other => other,
        })
    }
}

/// Reads a stream to its end. If it is the stream of one column, `column` is the name of the column.
fn stream(object: &Bound<'_, PyAny>, column: Option<&str>) -> PyResult<Incoming> {
    let py = object.py();
    let capsule = object.call_method0("__arrow_c_stream__").map_err(|e| failed(object, e))?;
    let taken = capsule.cast_into::<PyCapsule>().map_err(PyErr::from);
    let taken = taken.and_then(|capsule| {
        let stream = capsule.pointer_checked(Some(c"arrow_array_stream"))?.cast::<FFI_ArrowArrayStream>();
        // SAFETY: a capsule with this name holds a stream, which is moved out of it.
        Ok(unsafe { FFI_ArrowArrayStream::from_raw(stream.as_ptr()) })
    });
    let stream = taken.map_err(|e| failed(object, e))?;
    // A producer that needs the GIL acquires it.
    let mut stream = py.detach(|| Stream::open(stream, column)).map_err(|e| raise(py, e))?;
    while py.detach(|| stream.advance()).map_err(|e| raise(py, e))? {
        py.check_signals()?;
    }
    Ok(stream.finish())
}

fn array(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Incoming> {
    let given = object.call_method0("__arrow_c_array__").and_then(|pair| {
        let (schema, array) = pair.extract::<(Bound<'_, PyCapsule>, Bound<'_, PyCapsule>)>()?;
        let pointer = array.pointer_checked(Some(c"arrow_array"))?.cast::<FFI_ArrowArray>();
        let kind = schema.pointer_checked(Some(c"arrow_schema"))?.cast::<FFI_ArrowSchema>();
        // SAFETY: capsules with these names hold these structures, which are moved out of them.
        Ok(unsafe { (FFI_ArrowSchema::from_raw(kind.as_ptr()), FFI_ArrowArray::from_raw(pointer.as_ptr())) })
    });
    let (schema, array) = given.map_err(|e| failed(object, e))?;
    Incoming::column(&schema, array, name).map_err(|e| raise(object.py(), e))
}

/// An error whose cause is the exception of the producer.
fn failed(object: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    let kind = object.get_type().name().map_or_else(|_| "source".into(), |name| name.to_string());
    caused(object.py(), Error::Source(format!("the {kind} failed to hand over its data: {error}")), error)
}
