//! Shipments as the table they came from.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType, Field, Schema};

use super::fault::RowList;
use super::shipments::Shipments;
use crate::error::Result;
use crate::progress::Progress;

impl Shipments {
    /// The original columns for these rows, with text of any encoding as string views.
    pub fn original(&self, progress: &Progress) -> Result<RecordBatch> {
        let rows = match &self.rows {
            RowList::All(_) => None,
            RowList::Some(rows) => Some(UInt32Array::from(rows.to_vec())),
        };
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for column in self.store.own_columns() {
            progress.check()?;
            let kind = if column.is_text() { DataType::Utf8View } else { column.kind().clone() };
            let chunks = column.chunks(progress)?;
            let plain: Result<Vec<ArrayRef>, _> = chunks.iter().map(|c| cast(c, &kind)).collect();
            let plain = plain?;
            let parts: Vec<&dyn Array> = plain.iter().map(AsRef::as_ref).collect();
            let whole = match parts[..] {
                [] => arrow::array::new_empty_array(&kind),
                [_] => plain[0].clone(),
                _ => concat(&parts)?,
            };
            arrays.push(match &rows {
                Some(rows) => take(&whole, rows, None)?,
                None => whole,
            });
            fields.push(Field::new(column.name(), kind, true));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.len()));
        Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
    }
}
