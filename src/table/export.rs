//! Writes tables to files, in batches of rows.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringViewBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;

use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::table::TableSource;

/// Rows in a batch.
const BATCH: usize = 1 << 16;
/// The first characters of formulas in spreadsheets, including the full-width forms.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// The compression of a Parquet file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Zstd,
    Snappy,
    None,
}

impl Packing {
    pub fn asked(name: &str) -> Result<Packing> {
        Ok(match name {
            "zstd" => Packing::Zstd,
            "snappy" => Packing::Snappy,
            "none" => Packing::None,
            other => {
                return Err(Error::Argument(format!(
                    "compression={other:?} is not known; use \"zstd\", \"snappy\" or \"none\""
                )));
            }
        })
    }

    fn codec(self) -> Compression {
        match self {
            // Level 3 is almost as fast as no compression. Higher levels save little space.
            Packing::Zstd => Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default()),
            Packing::Snappy => Compression::SNAPPY,
            Packing::None => Compression::UNCOMPRESSED,
        }
    }
}

/// Writes CSV. With `escape`, an apostrophe is put before texts that a spreadsheet would run as formulas.
pub fn write_csv(
    table: &dyn TableSource,
    rows: Range<usize>,
    out: impl Write,
    escape: bool,
    progress: &Progress,
) -> Result<()> {
    if let Some(field) = table.schema().fields().iter().find(|field| field.data_type().is_nested()) {
        return Err(Error::Argument(format!(
            "the column {:?} holds lists, which CSV cannot; write the table with to_parquet, or select other columns",
            field.name()
        )));
    }
    let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(out);
    table.expect(rows.clone(), progress)?;
    progress.begin("writing", rows.len() as u64);
    for piece in pieces(rows, true) {
        progress.check()?;
        let batch = table.read(piece, None, progress)?;
        let batch = if escape { escaped(&batch)? } else { batch };
        writer.write(&batch).map_err(failed)?;
        progress.advance(batch.num_rows() as u64);
    }
    writer.into_inner().flush().map_err(|e| Error::Write(format!("cannot be written: {e}")))
}

/// Writes Parquet.
pub fn write_parquet(
    table: &dyn TableSource,
    rows: Range<usize>,
    out: impl Write + Send,
    packing: Packing,
    progress: &Progress,
) -> Result<()> {
    let fail = |e: parquet::errors::ParquetError| {
        let text = e.to_string();
        Error::Write(format!("cannot be written: {}", text.strip_prefix("External: ").unwrap_or(&text)))
    };
    let properties = WriterProperties::builder().set_compression(packing.codec()).build();
    let mut writer = parquet::arrow::ArrowWriter::try_new(out, table.schema(), Some(properties)).map_err(fail)?;
    table.expect(rows.clone(), progress)?;
    progress.begin("writing", rows.len() as u64);
    for piece in pieces(rows, false) {
        progress.check()?;
        let batch = table.read(piece, None, progress)?;
        writer.write(&batch).map_err(fail)?;
        progress.advance(batch.num_rows() as u64);
    }
    writer.close().map_err(fail)?;
    Ok(())
}

fn failed(error: ArrowError) -> Error {
    match error {
        ArrowError::IoError(text, _) | ArrowError::CsvError(text) => Error::Write(format!("cannot be written: {text}")),
        other => other.into(),
    }
}

/// Ranges of rows. With `always`, an empty table gives one empty range, so that the header is written.
fn pieces(rows: Range<usize>, always: bool) -> impl Iterator<Item = Range<usize>> {
    let none = (always && rows.is_empty()).then(|| rows.clone());
    none.into_iter().chain(rows.clone().step_by(BATCH).map(move |start| start..(start + BATCH).min(rows.end)))
}

/// The batch with an apostrophe before names and texts that begin like formulas.
fn escaped(batch: &RecordBatch) -> Result<RecordBatch> {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        let texts = match field.data_type() {
            DataType::Dictionary(_, values) => values.as_ref(),
            kind => kind,
        };
        let text = matches!(texts, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        let array = if text { safe(cast(array, &DataType::Utf8View)?) } else { array.clone() };
        let name = if is_formula(field.name()) { format!("'{}", field.name()) } else { field.name().clone() };
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
}

fn safe(array: ArrayRef) -> ArrayRef {
    let texts = array.as_string_view();
    if !texts.iter().flatten().any(is_formula) {
        return array;
    }
    let mut made = StringViewBuilder::with_capacity(texts.len());
    for text in texts {
        match text {
            Some(text) if is_formula(text) => made.append_value(format!("'{text}")),
            other => made.append_option(other),
        }
    }
    Arc::new(made.finish())
}

/// Whether a text begins like a formula and is not a number.
fn is_formula(text: &str) -> bool {
    if !text.starts_with(FORMULA) {
        return false;
    }
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.,eE".contains(&b));
    !(plain && text.replace(',', "").parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};

    use super::super::table;

    #[test]
    fn formulas_get_an_apostrophe_and_numbers_do_not() {
        for text in ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "-", "=\"x\"", "-inf", "+"] {
            assert!(is_formula(text), "{text:?}");
        }
        for text in ["", "a=1", "-5", "+3.2", "-1,234.5", "-1e-3", "1+1", "'=1", "жук"] {
            assert!(!is_formula(text), "{text:?}");
        }
        let columns: Vec<(String, ArrayRef)> = vec![
            ("=name".into(), Arc::new(StringArray::from(vec![Some("=1+1"), Some("-5"), None]))),
            ("n".into(), Arc::new(Int64Array::from(vec![-1, 2, 3]))),
        ];
        let batch = table(columns, 3).unwrap();
        let text = |escape| {
            let mut out = Vec::new();
            write_csv(&batch, 0..3, &mut out, escape, &Progress::default()).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(true), "'=name,n\n'=1+1,-1\n-5,2\n,3\n");
        assert_eq!(text(false), "=name,n\n=1+1,-1\n-5,2\n,3\n");
    }
}
