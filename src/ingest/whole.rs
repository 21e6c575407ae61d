//! Several batches as one.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::error::Result;

/// All batches as one. Texts that are too long together for 32-bit offsets get 64-bit offsets.
pub fn whole(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch> {
    if let [only] = batches {
        return Ok(only.clone());
    }
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let mut fields: Vec<Field> = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (column, field) in schema.fields().iter().enumerate() {
        let mut parts: Vec<ArrayRef> = batches.iter().map(|b| b.column(column).clone()).collect();
        let mut field = field.as_ref().clone();
        let wide = match field.data_type() {
            DataType::Utf8 => Some(DataType::LargeUtf8),
            DataType::Binary => Some(DataType::LargeBinary),
            _ => None,
        };
        if let Some(wide) = wide.filter(|_| parts.iter().map(bytes).sum::<usize>() > i32::MAX as usize) {
            let widened: Result<Vec<ArrayRef>, _> = parts.iter().map(|part| cast(part, &wide)).collect();
            parts = widened?;
            field = field.with_data_type(wide);
        }
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        arrays.push(match parts[..] {
            [] => arrow::array::new_empty_array(field.data_type()),
            _ => concat(&parts)?,
        });
        fields.push(field);
    }
    let schema = Schema::new(fields).with_metadata(schema.metadata().clone());
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options)?)
}

/// The total length of the texts of an array.
fn bytes(array: &ArrayRef) -> usize {
    let offsets = match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().offsets(),
        DataType::Binary => array.as_binary::<i32>().offsets(),
        _ => return 0,
    };
    (offsets[array.len()] - offsets[0]) as usize
}
