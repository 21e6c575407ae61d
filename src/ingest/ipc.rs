//! Arrow IPC streams in pickles. The bytes may come from anywhere, so every length that they state is compared with the
//! number of bytes before it is used.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::buffer::Buffer;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;
use arrow::ipc::{self, MessageHeader};

use super::guard::quietly;
use crate::error::{Error, Result, panic_text};
use crate::store::without_nul;

/// Columns of nulls need no bytes. This many rows are accepted without any.
const FREE_ROWS: usize = 1 << 24;

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::Bytes(format!("these bytes are not a table that redlane pickled: {what}"))
}

/// A batch as an Arrow IPC stream.
pub fn to_ipc(batch: &RecordBatch) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut writer = StreamWriter::try_new(&mut out, batch.schema().as_ref())?;
    writer.write(batch)?;
    writer.finish()?;
    drop(writer);
    Ok(out)
}

/// The inverse of [`to_ipc`].
pub fn from_ipc(bytes: Vec<u8>) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    walk(&bytes)?;
    // The reader checks by assertions what the walk does not check.
    let read = quietly(|| decode(bytes));
    let (schema, batches) = read.unwrap_or_else(|panic| Err(wrong(panic_text(&*panic))))?;
    let names = without_nul(schema.fields().iter().map(|f| f.name().as_str()));
    if names.iter().all(Option::is_none) {
        return Ok((schema, batches));
    }
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .zip(names)
        .map(|(field, name)| name.map_or(field.as_ref().clone(), |name| field.as_ref().clone().with_name(name)))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let renamed = batches.into_iter().map(|batch| {
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(schema.clone(), batch.columns().to_vec(), &options)
    });
    let renamed: Result<Vec<RecordBatch>, _> = renamed.collect();
    Ok((schema.clone(), renamed?))
}

fn decode(bytes: Vec<u8>) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let mut decoder = StreamDecoder::new();
    let mut left = Buffer::from_vec(bytes);
    let mut batches = Vec::new();
    while !left.is_empty() {
        batches.extend(decoder.decode(&mut left).map_err(wrong)?);
    }
    decoder.finish().map_err(wrong)?;
    let schema = decoder.schema().ok_or_else(|| wrong("there is no schema"))?;
    Ok((schema, batches))
}

/// Reads the message headers and compares their lengths with the number of bytes.
fn walk(bytes: &[u8]) -> Result<()> {
    let mut left = bytes;
    let mut first = true;
    while let Some(mut size) = take_length(&mut left)? {
        if size == u32::MAX {
            size = take_length(&mut left)?.ok_or_else(|| wrong("they end within a message"))?;
        }
        if size == 0 {
            return if left.is_empty() { Ok(()) } else { Err(wrong("there are bytes after their end")) };
        }
        let header = take(&mut left, u64::from(size))?;
        let message = ipc::root_as_message(header).map_err(|e| wrong(format!("a message header is broken ({e})")))?;
        let length = u64::try_from(message.bodyLength()).map_err(|_| wrong("a message has a negative length"))?;
        let body = take(&mut left, length)?;
        let kind = message.header_type();
        if first != (kind == MessageHeader::Schema) {
            return Err(wrong("the schema must come first, and once"));
        }
        first = false;
        match kind {
            MessageHeader::Schema => {}
            MessageHeader::RecordBatch => {
                let batch = message.header_as_record_batch().ok_or_else(|| wrong("a batch is missing"))?;
                lengths(&batch, body.len())?;
            }
            MessageHeader::DictionaryBatch => {
                let labels = message.header_as_dictionary_batch().ok_or_else(|| wrong("a dictionary is missing"))?;
                // Dictionaries that grow are copied each time.
                if labels.isDelta() {
                    return Err(wrong("a dictionary comes in pieces"));
                }
                lengths(&labels.data().ok_or_else(|| wrong("a dictionary is empty"))?, body.len())?;
            }
            other => return Err(wrong(format!("there is a message of the kind {other:?}"))),
        }
    }
    Err(wrong("they end too early"))
}

/// Compares rows, nulls and buffers of a batch with the bytes of its body.
fn lengths(batch: &ipc::RecordBatch, bytes: usize) -> Result<()> {
    let most = bytes.saturating_mul(8).max(FREE_ROWS) as u64;
    let fits = |length: i64, most: u64| u64::try_from(length).is_ok_and(|length| length <= most);
    if batch.compression().is_some() {
        return Err(wrong("they are compressed"));
    }
    if !fits(batch.length(), most) {
        return Err(wrong(format!("a batch states {} rows in {bytes} bytes", batch.length())));
    }
    for node in batch.nodes().iter().flatten() {
        if !fits(node.length(), most) || !fits(node.null_count(), node.length() as u64) {
            return Err(wrong(format!(
                "a column states {} values, {} of them null, in {bytes} bytes",
                node.length(),
                node.null_count()
            )));
        }
    }
    for buffer in batch.buffers().iter().flatten() {
        let end = buffer.offset().checked_add(buffer.length());
        let inside = buffer.offset() >= 0 && buffer.length() >= 0 && end.is_some_and(|end| fits(end, bytes as u64));
        if !inside {
            return Err(wrong(format!(
                "a buffer of {} bytes at {} does not lie in {bytes} bytes",
                buffer.length(),
                buffer.offset()
            )));
        }
    }
    let buffers = batch.buffers().map_or(0, |b| b.len()) as u64;
    if batch.variadicBufferCounts().iter().flatten().any(|count| !fits(count, buffers)) {
        return Err(wrong("a column of texts states more buffers than there are"));
    }
    Ok(())
}

fn take<'a>(left: &mut &'a [u8], length: u64) -> Result<&'a [u8]> {
    let split = usize::try_from(length).ok().and_then(|length| left.split_at_checked(length));
    let (taken, rest) =
        split.ok_or_else(|| wrong(format!("a message states {length} bytes where {} are left", left.len())))?;
    *left = rest;
    Ok(taken)
}

/// The next four bytes as a length; `None` at the end.
fn take_length(left: &mut &[u8]) -> Result<Option<u32>> {
    if left.is_empty() {
        return Ok(None);
    }
    let bytes = take(left, 4)?;
    Ok(Some(bytes.iter().rev().fold(0, |length, byte| length << 8 | u32::from(*byte))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, DictionaryArray, Float64Array, Int64Array, NullArray, StringViewArray};
    use arrow::datatypes::Int32Type;

    use crate::stats::Random;
    use crate::table::table;

    fn some() -> RecordBatch {
        let labels: DictionaryArray<Int32Type> = ["a", "b", "a"].into_iter().collect();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("text", Arc::new(StringViewArray::from(vec![Some("short"), None, Some("longer than twelve bytes")]))),
            ("number", Arc::new(Float64Array::from(vec![1.0, f64::NAN, -2.0]))),
            ("whole", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]))),
            ("label", Arc::new(labels)),
            ("nothing", Arc::new(NullArray::new(3))),
        ];
        table(columns.into_iter().map(|(name, array)| (name.to_owned(), array)).collect(), 3).unwrap()
    }

    #[test]
    fn there_and_back() {
        for batch in [some(), some().slice(1, 1), some().slice(0, 0), table(Vec::new(), 7).unwrap()] {
            let (schema, batches) = from_ipc(to_ipc(&batch).unwrap()).unwrap();
            assert_eq!(schema, batch.schema());
            assert_eq!(batches, [batch]);
        }
    }

    #[test]
    fn broken_bytes_are_errors() {
        let good = to_ipc(&some()).unwrap();
        for end in 0..good.len() {
            assert!(from_ipc(good[..end].to_vec()).is_err(), "{end}");
        }
        let mut random = Random::new(7);
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                bytes[at] = [0, 0x7f, 0x80, 0xff, random.draw() as u8][random.below(5)];
            }
            // If the result is a table, it must be valid.
            if let Ok((_, batches)) = from_ipc(bytes) {
                batches.iter().for_each(|batch| assert!(batch.num_rows() <= FREE_ROWS));
            }
        }
    }

    #[test]
    fn a_nul_in_a_name_is_left_out() {
        let batch = table(vec![("va\0lue".into(), Arc::new(Int64Array::from(vec![1])) as ArrayRef)], 1).unwrap();
        let (schema, batches) = from_ipc(to_ipc(&batch).unwrap()).unwrap();
        assert_eq!(schema.field(0).name(), "value");
        assert_eq!(batches[0].schema().field(0).name(), "value");
    }
}
