//! A selection of the columns of a table.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};

use super::source::{SharedTable, TableSource};
use crate::error::Result;
use crate::progress::Progress;

/// Columns of another table, in any order. Like the columns of that table, they are computed when they are read.
pub struct SomeColumns {
    table: SharedTable,
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl SomeColumns {
    pub fn new(table: SharedTable, columns: Vec<usize>) -> Result<SomeColumns> {
        let schema: Schema = table.schema().project(&columns)?;
        Ok(SomeColumns { schema: Arc::new(schema), table, columns })
    }
}

impl TableSource for SomeColumns {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn rows(&self) -> usize {
        self.table.rows()
    }

    fn read(&self, rows: Range<usize>, column: Option<usize>, progress: &Progress) -> Result<RecordBatch> {
        match column {
            Some(column) => self.table.read(rows, Some(self.columns[column]), progress),
            None => self.table.read_some(rows, &self.columns, progress),
        }
    }

    fn portion(&self) -> usize {
        self.table.portion()
    }
}
