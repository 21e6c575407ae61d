//! Labels that are views into the column's own bytes: one view for each distinct text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use arrow::buffer::Buffer;
use arrow::datatypes::DataType;

use super::local::Value;
use crate::error::Result;

/// The byte buffers of a column, sorted by address.
pub struct Places {
    buffers: Vec<Buffer>,
}

impl Places {
    /// `None` if a view cannot address all bytes with its 32 bits.
    pub fn of(chunks: &[ArrayRef]) -> Option<Places> {
        let mut buffers: Vec<Buffer> = Vec::new();
        for chunk in chunks {
            match chunk.data_type() {
                DataType::Utf8 => buffers.push(chunk.as_string::<i32>().values().clone()),
                DataType::LargeUtf8 => buffers.push(chunk.as_string::<i64>().values().clone()),
                _ => buffers.extend(chunk.as_string_view().data_buffers().iter().cloned()),
            }
        }
        buffers.sort_by_key(|b| (b.as_ptr() as usize, b.len()));
        // Chunks may share bytes. Of buffers with the same start, the longest contains the others.
        buffers.dedup_by(|next, kept| {
            let same = next.as_ptr() == kept.as_ptr();
            if same {
                *kept = next.clone();
            }
            same
        });
        let reached = buffers.len() <= u32::MAX as usize && buffers.iter().all(|b| b.len() <= u32::MAX as usize);
        reached.then_some(Places { buffers })
    }

    /// The number of bytes.
    pub fn bytes(&self) -> usize {
        self.buffers.iter().map(|b| b.len()).sum()
    }

    /// The text as a string view.
    pub fn view(&self, value: Value) -> u128 {
        let bytes = match value {
            Value::Short(view) => return u128::from_le_bytes(view),
            Value::Long(bytes) => bytes,
        };
        let address = bytes.as_ptr() as usize;
        let mut at = self.buffers.partition_point(|b| b.as_ptr() as usize <= address).saturating_sub(1);
        // The text may lie in a part of a longer buffer that starts earlier.
        let holds = |at: usize| {
            let from = self.buffers[at].as_ptr() as usize;
            from <= address && address + bytes.len() <= from + self.buffers[at].len()
        };
        while at > 0 && !holds(at) {
            at -= 1;
        }
        let offset = address.wrapping_sub(self.buffers.get(at).map_or(0, |b| b.as_ptr() as usize));
        arrow::array::make_view(bytes, at as u32, offset as u32)
    }

    /// The views as an array. Each is checked to lie within its bytes and to be UTF-8.
    pub fn array(self, views: Vec<u128>) -> Result<ArrayRef> {
        Ok(Arc::new(StringViewArray::try_new(views.into(), self.buffers, None)?))
    }
}
