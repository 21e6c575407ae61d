//! Result tables: batches that are there, or scores whose texts are written when they are read.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StructArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, SchemaRef};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule};
use pyo3_arrow::PyChunkedArray;
use pyo3_arrow::ffi::{ArrayIterator, to_schema_pycapsule, to_stream_pycapsule};

use super::errors::raise;
use super::run::{run, run_for_reader};
use crate::aggregate::{Lazy, Pieces, SharedTable};
use crate::error::{Error, Result};
use crate::watch::Watch;

/// Rows written at a time.
const BATCH: usize = 1 << 16;

/// Some rows of a table.
#[derive(Clone)]
pub struct Content {
    table: SharedTable,
    rows: Range<usize>,
}

impl Content {
    pub fn of(table: SharedTable) -> Content {
        Content { rows: 0..table.rows(), table }
    }

    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn slice(&self, offset: usize, length: usize) -> Content {
        let offset = offset.min(self.len());
        let start = self.rows.start + offset;
        Content { table: self.table.clone(), rows: start..start + length.min(self.len() - offset) }
    }

    pub fn batch(&self, column: Option<usize>, watch: &Watch) -> Result<RecordBatch> {
        self.table.read(self.rows.clone(), column, watch)
    }

    /// The same rows with every text written, in as many pieces as a stream has.
    fn written(&self, watch: &Watch) -> Result<SharedTable> {
        let step = self.table.portion().max(1);
        if step >= self.len() {
            return Ok(Arc::new(self.batch(None, watch)?));
        }
        let starts = (0..self.len()).step_by(step);
        let pieces: Result<Vec<RecordBatch>> = starts.map(|at| self.slice(at, step).batch(None, watch)).collect();
        Ok(Arc::new(Pieces::new(self.schema(), pieces?, step)))
    }

    /// A stream for the Arrow PyCapsule interface, a batch at a time.
    pub fn stream<'py>(
        self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A table that goes out whole is made before anybody waits for it with the GIL in hand.
        let whole = self.table.portion() >= self.len();
        let ready = if whole { Content::of(Arc::new(run(py, None, |watch| self.batch(None, watch))?)) } else { self };
        let schema = ready.schema();
        let field = Field::new_struct("", schema.fields().clone(), false);
        let step = ready.table.portion().max(1);
        let starts: Vec<usize> = (0..ready.len()).step_by(step).collect();
        let batches = starts.into_iter().map(move |start| {
            let piece = run_for_reader(|watch| ready.slice(start, step).batch(None, watch))?;
            Ok(Arc::new(StructArray::from(piece)) as Arc<dyn Array>)
        });
        let reader = Box::new(ArrayIterator::new(batches, field.into()));
        Ok(to_stream_pycapsule(py, reader, requested_schema)?)
    }
}

/// The table under `redlane.Table`.
#[pyclass(module = "redlane._core", frozen)]
pub struct Table {
    pub content: Content,
}

impl Table {
    pub fn of(table: impl Lazy + 'static) -> Table {
        Table::shared(Arc::new(table))
    }

    pub fn shared(table: SharedTable) -> Table {
        Table { content: Content::of(table) }
    }
}

#[pymethods]
impl Table {
    fn __len__(&self) -> usize {
        self.content.len()
    }

    #[getter]
    fn column_names(&self) -> Vec<String> {
        self.content.schema().fields().iter().map(|f| f.name().clone()).collect()
    }

    fn column<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let schema = self.content.schema();
        let Some((at, field)) = schema.column_with_name(name) else {
            let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            let text = format!(
                "the table has no column {name:?}{}; it has {}",
                crate::store::closest(name, names.iter().copied()),
                names.join(", ")
            );
            return Err(raise(py, Error::MissingColumn(text)));
        };
        let content = self.content.clone();
        let batch = run(py, None, move |watch| content.batch(Some(at), watch))?;
        PyChunkedArray::try_new(vec![batch.column(0).clone()], field.clone().into())?.into_arro3(py)
    }

    /// The same table with everything written: whoever reads it has nothing left to wait for.
    fn written(&self, py: Python<'_>) -> PyResult<Table> {
        Ok(Table::shared(run(py, None, |watch| self.content.written(watch))?))
    }

    fn slice(&self, offset: usize, length: usize) -> Table {
        Table { content: self.content.slice(offset, length) }
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        self.content.clone().stream(py, requested_schema)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        Ok(to_schema_pycapsule(py, self.content.schema().as_ref())?)
    }

    /// The table as an Arrow IPC stream, for pickling.
    fn to_ipc<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let content = self.content.clone();
        let bytes = run(py, None, move |watch| to_ipc(&content.batch(None, watch)?))?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[staticmethod]
    fn from_ipc(py: Python<'_>, bytes: Vec<u8>) -> PyResult<Table> {
        run(py, None, move |_| {
            let (schema, batches) = from_ipc(bytes)?;
            Ok(Table::of(concat_batches(&schema, &batches)?))
        })
    }

    /// The table as CSV text.
    fn to_csv(&self, py: Python<'_>) -> PyResult<String> {
        let content = self.content.clone();
        run(py, None, move |watch| {
            let mut out = Vec::new();
            let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(&mut out);
            let mut start = 0;
            loop {
                watch.check()?;
                writer.write(&content.slice(start, BATCH).batch(None, watch)?)?;
                start += BATCH;
                if start >= content.len() {
                    break;
                }
            }
            drop(writer);
            String::from_utf8(out).map_err(|e| Error::Argument(e.to_string()))
        })
    }

    fn to_parquet(&self, py: Python<'_>, path: &str) -> PyResult<()> {
        let content = self.content.clone();
        run(py, None, move |watch| {
            let fail = |e: &dyn std::fmt::Display| Error::Read {
                path: path.into(),
                detail: format!("cannot be written: {e}"),
            };
            let file = std::fs::File::create(path).map_err(|e| fail(&e))?;
            let mut writer =
                parquet::arrow::ArrowWriter::try_new(file, content.schema(), None).map_err(|e| fail(&e))?;
            for start in (0..content.len()).step_by(BATCH) {
                watch.check()?;
                writer.write(&content.slice(start, BATCH).batch(None, watch)?).map_err(|e| fail(&e))?;
            }
            writer.close().map_err(|e| fail(&e))?;
            Ok(())
        })
    }
}

/// Any Arrow object as a table.
#[pyfunction]
pub fn table(py: Python<'_>, data: pyo3_arrow::PyTable) -> PyResult<Table> {
    run(py, None, move |_| Ok(Table::of(one_batch(data)?)))
}

/// Batches as an Arrow IPC stream.
pub fn to_ipc(batch: &RecordBatch) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut writer = arrow::ipc::writer::StreamWriter::try_new(&mut out, batch.schema().as_ref())?;
    writer.write(batch)?;
    writer.finish()?;
    drop(writer);
    Ok(out)
}

/// The inverse of [`to_ipc`].
pub fn from_ipc(bytes: Vec<u8>) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let reader = arrow::ipc::reader::StreamReader::try_new(std::io::Cursor::new(bytes), None)?;
    let schema = reader.schema();
    Ok((schema, reader.collect::<std::result::Result<Vec<RecordBatch>, _>>()?))
}

/// Batches of any Arrow object as one.
pub fn one_batch(table: pyo3_arrow::PyTable) -> Result<RecordBatch> {
    let (batches, schema) = table.into_inner();
    Ok(concat_batches(&schema, &batches)?)
}
