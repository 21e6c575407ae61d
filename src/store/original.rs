//! Shipments as a table of their original columns.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::column::{Column, FEW};
use super::fault::RowList;
use super::shipments::Shipments;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::table::TableSource;

impl Shipments {
    /// The original columns for these rows, with text of any encoding as string views.
    pub fn original(&self, progress: &Progress) -> Result<RecordBatch> {
        Original(self.clone()).read(0..self.len(), None, progress)
    }

    /// The shipments at these rows of the source, in source order.
    pub fn at(&self, mut rows: Vec<u32>) -> Result<Shipments> {
        rows.sort_unstable();
        rows.dedup();
        match rows.iter().find(|&&row| !self.rows.contains(row)) {
            Some(row) => Err(Error::Argument(format!("there is no row {row} among these shipments"))),
            None => Ok(self.subset(rows)),
        }
    }
}

/// The columns of the source, which are read at first use. For a few rows, only these rows are read.
pub struct Original(pub Shipments);

impl Original {
    fn column(&self, column: &Column, range: &Range<usize>, progress: &Progress) -> Result<ArrayRef> {
        let kind = kind(column);
        let (all, whole) = (self.0.store.rows, *range == (0..self.0.len()));
        let chunks = match &self.0.rows {
            RowList::All(_) if whole => column.chunks(progress)?.to_vec(),
            RowList::All(_) => {
                let rows: Vec<u32> = (range.start as u32..range.end as u32).collect();
                column.at_rows(&rows, all, progress)?
            }
            RowList::Some(rows) => column.at_rows(&rows[range.clone()], all, progress)?,
        };
        let plain: Result<Vec<ArrayRef>> = chunks.iter().map(|chunk| plain(chunk, &kind)).collect();
        let plain = plain?;
        let parts: Vec<&dyn Array> = plain.iter().map(AsRef::as_ref).collect();
        let joined = match parts[..] {
            [] => arrow::array::new_empty_array(&kind),
            [_] => plain[0].clone(),
            _ => concat(&parts)?,
        };
        // String views keep the texts of all rows in memory, so the texts of a few rows are copied.
        let few = kind == DataType::Utf8View && joined.len().saturating_mul(FEW) <= all;
        Ok(if few { Arc::new(joined.as_string_view().gc()) as ArrayRef } else { joined })
    }
}

fn kind(column: &Column) -> DataType {
    if column.is_text() { DataType::Utf8View } else { column.kind().clone() }
}

/// A chunk in the exported type. If a dictionary has more values than the chunk has rows, only the values in use are
/// converted.
fn plain(chunk: &ArrayRef, kind: &DataType) -> Result<ArrayRef> {
    if let Some(coded) = chunk.as_any_dictionary_opt()
        && chunk.data_type() != kind
        && coded.values().len() > chunk.len()
    {
        return Ok(cast(&take(coded.values(), coded.keys(), None)?, kind)?);
    }
    Ok(cast(chunk, kind)?)
}

impl TableSource for Original {
    fn schema(&self) -> SchemaRef {
        let field = |column: &Arc<Column>| Field::new(column.name(), kind(column), true);
        Arc::new(Schema::new(self.0.store.own_columns().iter().map(field).collect::<Vec<Field>>()))
    }

    fn rows(&self) -> usize {
        self.0.len()
    }

    fn read(&self, rows: Range<usize>, column: Option<usize>, progress: &Progress) -> Result<RecordBatch> {
        let own = self.0.store.own_columns();
        let chosen: Vec<usize> = column.map_or_else(|| (0..own.len()).collect(), |c| vec![c]);
        let arrays = chosen.iter().map(|&c| {
            progress.check()?;
            self.column(&own[c], &rows, progress)
        });
        let arrays: Result<Vec<ArrayRef>> = arrays.collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(RecordBatch::try_new_with_options(Arc::new(self.schema().project(&chosen)?), arrays?, &options)?)
    }

    /// If many rows are expected, whole columns are read.
    fn expect(&self, rows: Range<usize>, progress: &Progress) -> Result<()> {
        if rows.len().saturating_mul(FEW) > self.0.store.rows {
            self.0.store.own_columns().iter().try_for_each(|column| column.chunks(progress).map(|_| ()))?;
        }
        Ok(())
    }
}
