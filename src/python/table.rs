//! Result tables: batches in memory, or scores with texts that are computed when they are read.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule};
use pyo3_arrow::ffi::{ArrayIterator, to_schema_pycapsule, to_stream_pycapsule};
use pyo3_arrow::{PyChunkedArray, PyRecordBatch, PySchema};

use super::errors::{caused, raise};
use super::incoming::Arrow;
use super::run::{run, run_for_reader};
use crate::error::{Error, Result};
use crate::ingest::{from_ipc, to_ipc, whole};
use crate::progress::Progress;
use crate::table::{Packing, SharedTable, SomeColumns, TablePieces, TableSource, equal, write_csv, write_parquet};

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

    pub fn batch(&self, column: Option<usize>, progress: &Progress) -> Result<RecordBatch> {
        self.table.read(self.rows.clone(), column, progress)
    }

    fn equals(&self, other: &Content, progress: &Progress) -> Result<bool> {
        let (a, b) = (self.schema(), other.schema());
        let same = |(a, b): (&FieldRef, &FieldRef)| a.name() == b.name() && a.data_type() == b.data_type();
        if self.len() != other.len() || a.fields().len() != b.fields().len() {
            return Ok(false);
        }
        if !a.fields().iter().zip(b.fields()).all(same) {
            return Ok(false);
        }
        let step = self.table.portion().min(other.table.portion()).max(1);
        for at in (0..self.len()).step_by(step) {
            let (a, b) = (self.slice(at, step).batch(None, progress)?, other.slice(at, step).batch(None, progress)?);
            if !a.columns().iter().zip(b.columns()).all(|(a, b)| equal(a, b)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The same rows with all texts computed, in the batches of the stream.
    fn written(&self, progress: &Progress) -> Result<SharedTable> {
        let step = self.table.portion().max(1);
        if step >= self.len() {
            return Ok(Arc::new(self.batch(None, progress)?));
        }
        let starts = (0..self.len()).step_by(step);
        let pieces: Result<Vec<RecordBatch>> = starts.map(|at| self.slice(at, step).batch(None, progress)).collect();
        Ok(Arc::new(TablePieces::new(self.schema(), pieces?, step)))
    }

    /// A stream of batches for the Arrow PyCapsule interface.
    pub fn stream<'py>(
        self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A table of one batch is computed now, because a reader may hold the GIL while it waits.
        let whole = self.table.portion() >= self.len();
        let ready =
            if whole { Content::of(Arc::new(run(py, None, |progress| self.batch(None, progress))?)) } else { self };
        let schema = ready.schema();
        let field = Field::new_struct("", schema.fields().clone(), false);
        let step = ready.table.portion().max(1);
        let starts: Vec<usize> = (0..ready.len()).step_by(step).collect();
        let batches = starts.into_iter().map(move |start| {
            let piece = run_for_reader(|progress| ready.slice(start, step).batch(None, progress))?;
            Ok(Arc::new(StructArray::from(piece)) as Arc<dyn Array>)
        });
        let reader = Box::new(ArrayIterator::new(batches, field.into()));
        Ok(to_stream_pycapsule(py, reader, requested_schema)?)
    }
}

/// The table inside `redlane.Table`.
#[pyclass(module = "redlane._core", frozen)]
pub struct Table {
    pub content: Content,
}

impl Table {
    pub fn of(table: impl TableSource + 'static) -> Table {
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

    /// The names and types of the columns, as an arro3 Schema.
    fn schema<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let made = PySchema::new(self.content.schema()).into_arro3(py);
        made.map_err(|e| caused(py, Error::HandOver(format!("arro3 does not know this schema: {e}")), e))
    }

    /// The position of a column, by its name.
    fn place(&self, py: Python<'_>, name: &str) -> PyResult<usize> {
        let schema = self.content.schema();
        if let Some((at, _)) = schema.column_with_name(name) {
            return Ok(at);
        }
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        let text = format!(
            "the table has no column {name:?}{}; it has {}",
            crate::store::closest(name, names.iter().copied()),
            if names.is_empty() { "none".into() } else { names.join(", ") }
        );
        Err(raise(py, Error::MissingColumn(text)))
    }

    /// The column at a valid position.
    fn column<'py>(&self, py: Python<'py>, at: usize) -> PyResult<Bound<'py, PyAny>> {
        let field = self.content.schema().field(at).clone();
        let content = self.content.clone();
        let batch = run(py, None, move |progress| content.batch(Some(at), progress))?;
        let (name, kind) = (field.name().clone(), field.data_type().clone());
        // arro3 does not support run-end encoding, so the values are expanded.
        let (field, column) = match &kind {
            DataType::RunEndEncoded(_, values) => {
                let plain = run(py, None, |_| Ok(cast(batch.column(0), values.data_type())?))?;
                (field.with_data_type(values.data_type().clone()), plain)
            }
            _ => (field, batch.column(0).clone()),
        };
        let hand = || PyChunkedArray::try_new(vec![column], field.into())?.into_arro3(py);
        let made: PyResult<Bound<'py, PyAny>> = hand();
        made.map_err(|e| {
            caused(py, Error::HandOver(format!("arro3 does not take the column {name:?} of the type {kind}: {e}")), e)
        })
    }

    /// The columns at these positions, in this order.
    fn select(&self, py: Python<'_>, columns: Vec<usize>) -> PyResult<Table> {
        let made = SomeColumns::new(self.content.table.clone(), columns).map_err(|e| raise(py, e))?;
        Ok(Table { content: Content { table: Arc::new(made), rows: self.content.rows.clone() } })
    }

    /// The number of rows of a batch.
    #[getter]
    fn portion(&self) -> usize {
        self.content.table.portion().max(1)
    }

    /// A range of rows as an arro3 RecordBatch.
    fn batch<'py>(&self, py: Python<'py>, offset: usize, length: usize) -> PyResult<Bound<'py, PyAny>> {
        let content = self.content.slice(offset, length);
        let batch = run(py, None, move |progress| content.batch(None, progress))?;
        let made = PyRecordBatch::new(batch).into_arro3(py);
        made.map_err(|e| caused(py, Error::HandOver(format!("arro3 does not take this table: {e}")), e))
    }

    /// Whether another table has the same names, types and values.
    fn equals(&self, py: Python<'_>, other: &Table) -> PyResult<bool> {
        let (own, other) = (&self.content, &other.content);
        run(py, None, |progress| own.equals(other, progress))
    }

    /// The same table with all columns computed, so that a reader does not wait.
    fn written(&self, py: Python<'_>) -> PyResult<Table> {
        Ok(Table::shared(run(py, None, |progress| self.content.written(progress))?))
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
        let bytes = run(py, None, move |progress| to_ipc(&content.batch(None, progress)?))?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[staticmethod]
    fn from_ipc(py: Python<'_>, bytes: Vec<u8>) -> PyResult<Table> {
        run(py, None, move |_| {
            let (schema, batches) = from_ipc(bytes)?;
            Ok(Table::of(whole(&schema, &batches)?))
        })
    }

    /// The table as CSV text.
    #[pyo3(signature = (escape, progress=None))]
    fn to_csv(&self, py: Python<'_>, escape: bool, progress: Option<Py<PyAny>>) -> PyResult<String> {
        let content = self.content.clone();
        run(py, progress.as_ref(), move |progress| {
            let mut out = Text(Vec::new());
            write_csv(content.table.as_ref(), content.rows.clone(), &mut out, escape, progress)?;
            String::from_utf8(out.0).map_err(|e| Error::Argument(e.to_string()))
        })
    }

    #[pyo3(signature = (path, escape, progress=None))]
    fn write_csv(&self, py: Python<'_>, path: PathBuf, escape: bool, progress: Option<Py<PyAny>>) -> PyResult<()> {
        let content = self.content.clone();
        run(py, progress.as_ref(), move |progress| {
            write_csv(content.table.as_ref(), content.rows.clone(), create(&path)?, escape, progress)
        })
    }

    #[pyo3(signature = (path, compression, progress=None))]
    fn write_parquet(
        &self,
        py: Python<'_>,
        path: PathBuf,
        compression: &str,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let content = self.content.clone();
        run(py, progress.as_ref(), move |progress| {
            let packing = Packing::asked(compression)?;
            write_parquet(content.table.as_ref(), content.rows.clone(), create(&path)?, packing, progress)
        })
    }
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create(path).map_err(|e| Error::Write(format!("cannot be written: {e}")))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

/// A text buffer. It returns an error if there is too little memory, instead of ending the process.
struct Text(Vec<u8>);

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.try_reserve(bytes.len()).map_err(|_| {
            std::io::Error::other("the text is larger than the memory there is; pass a path to write it to a file")
        })?;
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A table from any Arrow object.
#[pyfunction]
pub fn table(py: Python<'_>, data: Arrow) -> PyResult<Table> {
    run(py, None, move |progress| Ok(Table::of(data.batch(progress)?)))
}
