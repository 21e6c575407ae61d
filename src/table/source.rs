//! Tables whose columns are computed when they are read.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;

use crate::error::Result;
use crate::progress::Progress;

pub trait TableSource: Send + Sync {
    fn schema(&self) -> SchemaRef;
    fn rows(&self) -> usize;
    /// One column of a range of rows, or all columns if `column` is `None`.
    fn read(&self, rows: Range<usize>, column: Option<usize>, progress: &Progress) -> Result<RecordBatch>;

    /// Some columns of a range of rows, in the given order.
    fn read_some(&self, rows: Range<usize>, columns: &[usize], progress: &Progress) -> Result<RecordBatch> {
        let fields = Arc::new(self.schema().project(columns)?);
        let arrays: Result<Vec<ArrayRef>> = columns
            .iter()
            .map(|&column| Ok(self.read(rows.clone(), Some(column), progress)?.column(0).clone()))
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(RecordBatch::try_new_with_options(fields, arrays?, &options)?)
    }

    /// Called before these rows are read in pieces, so that the source can prepare for all of them.
    fn expect(&self, _rows: Range<usize>, _progress: &Progress) -> Result<()> {
        Ok(())
    }

    /// The number of rows to export in one batch.
    fn portion(&self) -> usize {
        self.rows()
    }
}

pub type SharedTable = Arc<dyn TableSource>;

impl TableSource for RecordBatch {
    fn schema(&self) -> SchemaRef {
        RecordBatch::schema(self)
    }

    fn rows(&self) -> usize {
        self.num_rows()
    }

    fn read(&self, rows: Range<usize>, column: Option<usize>, _progress: &Progress) -> Result<RecordBatch> {
        let part = self.slice(rows.start, rows.len());
        Ok(match column {
            Some(column) => part.project(&[column])?,
            None => part,
        })
    }
}

/// A table in pieces of equal length. The last piece may be shorter.
pub struct TablePieces {
    schema: SchemaRef,
    pieces: Vec<RecordBatch>,
    length: usize,
}

impl TablePieces {
    pub fn new(schema: SchemaRef, pieces: Vec<RecordBatch>, length: usize) -> TablePieces {
        TablePieces { schema, pieces, length }
    }
}

impl TableSource for TablePieces {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn rows(&self) -> usize {
        self.pieces.iter().map(RecordBatch::num_rows).sum()
    }

    fn read(&self, rows: Range<usize>, column: Option<usize>, progress: &Progress) -> Result<RecordBatch> {
        let mut parts = Vec::new();
        for (at, piece) in self.pieces.iter().enumerate() {
            progress.check()?;
            let begin = at * self.length;
            let (from, to) = (rows.start.max(begin), rows.end.min(begin + piece.num_rows()));
            if from < to {
                parts.push(TableSource::read(piece, from - begin..to - begin, column, progress)?);
            }
        }
        let schema = match column {
            Some(column) => Arc::new(self.schema.project(&[column])?),
            None => self.schema.clone(),
        };
        Ok(concat_batches(&schema, &parts)?)
    }

    fn portion(&self) -> usize {
        self.length
    }
}
