//! Result tables: the sources of their columns, and their output as CSV and Parquet.

mod equal;
mod export;
mod some;
mod source;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema};

pub use equal::equal;
pub use export::{Packing, write_csv, write_parquet};
pub use some::SomeColumns;
pub use source::{SharedTable, TablePieces, TableSource};

use crate::error::Result;

/// A table of these columns. Every column is nullable.
pub fn table(columns: Vec<(String, ArrayRef)>, rows: usize) -> Result<RecordBatch> {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(name, array.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
}
