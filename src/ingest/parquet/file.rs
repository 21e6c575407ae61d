//! One Parquet file: its columns by position, and the decoding of one column of one row group. Damage is an error that
//! names the file, whether the decoder finds it or not.

use std::io::{self, BufReader};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::basic::ConvertedType;
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::statistics::Statistics;
use parquet::schema::types::SchemaDescriptor;

use super::footer;
use super::promote::{Bounds, bounds, coarse_periods, is_text};
use crate::error::{Error, Result};
use crate::ingest::guard::guarded;
use crate::ingest::handle::{Handle, Reader};
use crate::ingest::input::Input;

impl Length for Handle {
    fn len(&self) -> u64 {
        self.length()
    }
}

impl ChunkReader for Handle {
    type T = BufReader<Reader>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(BufReader::new(self.reader(start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.bytes(start, length).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => ParquetError::EOF("the file ends within a column".into()),
            _ => e.into(),
        })
    }
}

pub struct ParquetFile {
    pub input: Input,
    metadata: ArrowReaderMetadata,
    /// The names of the columns, each unique.
    pub names: Vec<String>,
    pub notes: Vec<String>,
    /// The stored columns of each column: one, except for nested types.
    leaves: Vec<Range<usize>>,
    /// The rows of each row group.
    rows: Vec<usize>,
}

impl ParquetFile {
    pub fn open(input: Input) -> Result<ParquetFile> {
        let handle = input.handle()?;
        footer::check(&input, &handle)?;
        let path = input.path();
        let plain = guarded(path, || {
            ArrowReaderMetadata::load(&handle, ArrowReaderOptions::new()).map_err(|e| failure(&input, &e))
        })?;
        let rows = rows(&input, &plain)?;
        let roots = plain.metadata().file_metadata().schema_descr();
        let mut leaves = vec![0..0; plain.schema().fields().len()];
        for leaf in 0..roots.num_columns() {
            if let Some(range) = leaves.get_mut(roots.get_column_root_idx(leaf)) {
                *range = if range.start == range.end { leaf..leaf + 1 } else { range.start..leaf + 1 };
            }
        }
        let groups = plain.metadata().row_groups();
        let fields = plain.schema().fields().iter().zip(&leaves).map(|(field, leaves)| {
            let dictionary = |g: &RowGroupMetaData| g.column(leaves.start).dictionary_page_offset().is_some();
            text(field, is_utf8(roots, leaves) && groups.iter().all(dictionary))
        });
        let hinted = Arc::new(Schema::new(fields.collect::<Vec<FieldRef>>()));
        let options = ArrowReaderOptions::new().with_schema(hinted);
        let stored = plain.metadata().clone();
        // If the reader cannot build dictionaries for a column, the file's own types are used.
        let metadata = guarded(path, || Ok(ArrowReaderMetadata::try_new(stored, options).unwrap_or(plain)))?;
        let (names, notes) = unique(metadata.schema().fields().iter().map(|f| f.name().as_str()));
        Ok(ParquetFile { input, metadata, names, notes, leaves, rows })
    }

    pub fn groups(&self) -> usize {
        self.rows.len()
    }

    pub fn rows(&self, group: usize) -> usize {
        self.rows[group]
    }

    pub fn all_rows(&self) -> usize {
        self.rows.iter().sum()
    }

    pub fn field(&self, column: usize) -> &FieldRef {
        &self.metadata.schema().fields()[column]
    }

    /// The stored bytes of a column in a row group.
    pub fn size(&self, group: usize, column: usize) -> u64 {
        let group = self.metadata.metadata().row_group(group);
        self.leaves[column].clone().map(|leaf| group.column(leaf).compressed_size() as u64).sum()
    }

    /// The chunks of one column in one row group, with all rows of the row group.
    pub fn chunks(&self, group: usize, column: usize) -> Result<Vec<ArrayRef>> {
        self.picked(group, column, None)
    }

    /// Some rows of one column in one row group. The rows must be in ascending order. Pages without them are skipped.
    pub fn some_rows(&self, group: usize, column: usize, rows: &[usize]) -> Result<Vec<ArrayRef>> {
        self.picked(group, column, Some(rows))
    }

    fn picked(&self, group: usize, column: usize, rows: Option<&[usize]>) -> Result<Vec<ArrayRef>> {
        let read = || {
            let handle = self.input.handle()?;
            guarded(self.input.path(), || self.decode(handle, group, column, rows))
        };
        // Apparent damage may come from another file with the same name.
        read().map_err(|error| self.input.unchanged().err().unwrap_or(error))
    }

    fn decode(&self, handle: Handle, group: usize, column: usize, rows: Option<&[usize]>) -> Result<Vec<ArrayRef>> {
        let wanted = rows.map_or(self.rows[group], <[usize]>::len);
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(handle, self.metadata.clone());
        let mask = ProjectionMask::roots(builder.parquet_schema(), [column]);
        let mut builder =
            builder.with_projection(mask).with_row_groups(vec![group]).with_batch_size(wanted.clamp(1, 1 << 20));
        if let Some(rows) = rows {
            let runs = rows.chunk_by(|a, b| a + 1 == *b).map(|run| run[0]..run[run.len() - 1] + 1);
            builder = builder.with_row_selection(RowSelection::from_consecutive_ranges(runs, self.rows[group]));
        }
        let reader = builder.build().map_err(|e| failure(&self.input, &e))?;
        let chunks: Result<Vec<ArrayRef>> = reader
            .map(|batch| {
                let batch = batch.map_err(|e| self.damaged(&format!("row group {group} cannot be decoded: {e}")))?;
                let array = batch.column(0).clone();
                self.sound(&array, column).map_err(|e| self.damaged(&format!("row group {group} holds {e}")))?;
                Ok(array)
            })
            .collect();
        let chunks = chunks?;
        let found: usize = chunks.iter().map(|c| c.len()).sum();
        if found != wanted {
            return Err(self.damaged(&format!(
                "is damaged: row group {group} has {wanted} rows, and its column {:?} has {found}",
                self.names[column]
            )));
        }
        Ok(chunks)
    }

    /// Checks what the decoder does not check. It compares the keys of a dictionary with its values only if there are
    /// values. It does not check nested arrays, and it accepts bytes as texts if an Arrow schema says so.
    fn sound(&self, array: &dyn Array, column: usize) -> Result<(), String> {
        if let (Some(dictionary), DataType::Dictionary(_, kind)) = (array.as_any_dictionary_opt(), array.data_type()) {
            let keys = dictionary.keys();
            if dictionary.values().is_empty() && keys.null_count() < keys.len() {
                return Err("keys of an empty dictionary".into());
            }
            if dictionary.values().data_type() != kind.as_ref() {
                return Err(format!("a dictionary of {} for {kind}", dictionary.values().data_type()));
            }
        }
        let schema = self.metadata.metadata().file_metadata().schema_descr();
        let unchecked = is_text(array.data_type()) && !is_utf8(schema, &self.leaves[column]);
        if unchecked || array.data_type().is_nested() {
            array.to_data().validate_full().map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// The first rows of every column.
    pub fn first(&self, rows: usize) -> Result<Vec<Option<ArrayRef>>> {
        let handle = self.input.handle()?;
        guarded(self.input.path(), || {
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(handle, self.metadata.clone());
            let reader = builder.with_batch_size(rows).with_limit(rows).build();
            let batches: Result<Vec<_>, _> = reader.map_err(|e| failure(&self.input, &e))?.collect();
            let batches = batches.map_err(|e| self.damaged(&format!("the first row group cannot be decoded: {e}")))?;
            (0..self.names.len())
                .map(|c| {
                    let parts: Vec<&dyn Array> = batches.iter().map(|b| b.column(c).as_ref()).collect();
                    parts.iter().try_for_each(|part| self.sound(*part, c)).map_err(|e| self.damaged(&e))?;
                    Ok(if parts.is_empty() { None } else { Some(concat(&parts)?) })
                })
                .collect()
        })
    }

    /// The smallest and largest whole number in a column: from the file's statistics, else from its values.
    pub fn bounds(&self, column: usize) -> Result<Bounds> {
        let mut all = Some(None);
        for group in self.metadata.metadata().row_groups() {
            all = match (all, said(group, &self.leaves[column], self.field(column).data_type())) {
                (Some(all), Some(said)) => Some(coarse_periods(all, Some(said))),
                _ => None,
            };
        }
        if let Some(all) = all {
            return Ok(all);
        }
        let mut all = None;
        for group in 0..self.groups() {
            for chunk in self.chunks(group, column)? {
                all = coarse_periods(all, bounds(&chunk)?);
            }
        }
        Ok(all)
    }

    pub fn damaged(&self, detail: &str) -> Error {
        Error::Format { path: self.input.path().to_owned(), detail: detail.to_owned() }
    }
}

fn failure(input: &Input, error: &ParquetError) -> Error {
    let (path, detail) = (input.path().to_owned(), error.to_string());
    match error {
        ParquetError::EOF(_) => Error::TruncatedFile { path, detail },
        _ => Error::Format { path, detail: format!("cannot be read as Parquet: {detail}") },
    }
}

/// The rows of each row group. An error if the counts in the footer differ or columns lie outside the file.
fn rows(input: &Input, metadata: &ArrowReaderMetadata) -> Result<Vec<usize>> {
    let damaged =
        |detail: &str| Error::Format { path: input.path().to_owned(), detail: format!("is damaged: {detail}") };
    let metadata = metadata.metadata();
    let columns = metadata.file_metadata().schema_descr().num_columns();
    let mut rows = Vec::new();
    for group in metadata.row_groups() {
        rows.push(usize::try_from(group.num_rows()).map_err(|_| damaged("a row group has a negative number of rows"))?);
        if group.num_columns() != columns {
            return Err(damaged("a row group does not have the columns of the file"));
        }
        for column in group.columns() {
            let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
            let end = u64::try_from(start).ok().zip(u64::try_from(column.compressed_size()).ok());
            let end = end.and_then(|(start, size)| start.checked_add(size));
            if end.is_none_or(|end| end > input.length()) {
                return Err(damaged("a column lies outside of the file"));
            }
        }
    }
    let all = rows.iter().try_fold(0, |all: usize, n| all.checked_add(*n));
    if all.and_then(|n| i64::try_from(n).ok()) != Some(metadata.file_metadata().num_rows()) {
        return Err(damaged("its row groups do not have the stated number of rows"));
    }
    Ok(rows)
}

/// Text that the file stores as dictionaries stays so. Other text is read as views, because a dictionary of mostly
/// distinct names costs more than it saves.
fn text(field: &FieldRef, dictionary: bool) -> FieldRef {
    match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let kind = if dictionary {
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
            } else {
                DataType::Utf8View
            };
            Arc::new(Field::new(field.name(), kind, field.is_nullable()))
        }
        _ => field.clone(),
    }
}

/// Whether the decoder treats the column as text, and so checks it.
fn is_utf8(schema: &SchemaDescriptor, leaves: &Range<usize>) -> bool {
    leaves.len() == 1 && schema.column(leaves.start).converted_type() == ConvertedType::UTF8
}

/// The statistics of a column in a row group, if they can be trusted.
fn said(group: &RowGroupMetaData, leaves: &Range<usize>, kind: &DataType) -> Option<(i128, i128)> {
    use arrow::datatypes::TimeUnit::Second;
    let plain = kind.is_integer() || kind == &DataType::Date32 || matches!(kind, DataType::Timestamp(_, _));
    // Parquet does not store seconds; its statistics are in milliseconds.
    if !plain || leaves.len() != 1 || matches!(kind, DataType::Timestamp(Second, _)) {
        return None;
    }
    let statistics = group.column(leaves.start).statistics()?;
    if kind.is_unsigned_integer() && statistics.is_min_max_deprecated() {
        return None; // old writers compared the bits as signed numbers
    }
    match statistics {
        Statistics::Int32(s) => {
            let whole = |x: &i32| if kind.is_unsigned_integer() { i128::from(*x as u32) } else { i128::from(*x) };
            Some((whole(s.min_opt()?), whole(s.max_opt()?)))
        }
        Statistics::Int64(s) => {
            let whole = |x: &i64| if kind == &DataType::UInt64 { i128::from(*x as u64) } else { i128::from(*x) };
            Some((whole(s.min_opt()?), whole(s.max_opt()?)))
        }
        _ => None,
    }
}

/// Unique names, and a note for each repeated one.
fn unique<'a>(given: impl Iterator<Item = &'a str>) -> (Vec<String>, Vec<String>) {
    let given: Vec<&str> = given.collect();
    let mut taken: std::collections::HashSet<String> = given.iter().map(|n| (*n).to_owned()).collect();
    let mut seen = std::collections::HashSet::new();
    let (mut names, mut notes) = (Vec::new(), Vec::new());
    for name in given {
        if seen.insert(name) {
            names.push(name.to_owned());
            continue;
        }
        let mut n = 2;
        while !taken.insert(format!("{name}_{n}")) {
            n += 1;
        }
        let later = format!("{name}_{n}");
        notes.push(format!("the file names {name:?} more than once; the later column is called {later:?}"));
        names.push(later);
    }
    (names, notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let (names, notes) = unique(["x", "x", "x_2", "x", "y"].into_iter());
        assert_eq!(names, ["x", "x_3", "x_2", "x_4", "y"]);
        assert_eq!(notes.len(), 2);
    }
}
