//! Parquet files: row groups and columns are decoded side by side, columns with a role at once and
//! the others when they are asked for. Text is kept as the dictionary the file already holds.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use rayon::prelude::*;

use super::Options;
use super::columnar::{self, Source, first_values, joined};
use super::layout;
use crate::error::{Error, Result};
use crate::store::{Loader, Store};
use crate::watch::Watch;

/// One file's metadata with text columns turned into dictionaries.
struct Opened {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
}

fn failure(path: &Path, error: &ParquetError) -> Error {
    let detail = error.to_string();
    match error {
        ParquetError::EOF(_) => Error::TruncatedFile { path: path.to_owned(), detail },
        _ if detail.contains("Corrupt footer") || detail.contains("too small") => {
            Error::TruncatedFile { path: path.to_owned(), detail: "the footer of the Parquet file is missing".into() }
        }
        _ => Error::Format { path: path.to_owned(), detail: format!("cannot be read as Parquet: {detail}") },
    }
}

fn file(path: &Path) -> Result<File> {
    File::open(path).map_err(|e| super::bytes::open_error(path, &e))
}

fn open(path: &Path) -> Result<Opened> {
    let source = file(path)?;
    let plain = ArrowReaderMetadata::load(&source, ArrowReaderOptions::new()).map_err(|e| failure(path, &e))?;
    let groups = plain.metadata().row_groups();
    let flat = groups.iter().all(|g| g.num_columns() == plain.schema().fields().len());
    let fields =
        plain.schema().fields().iter().enumerate().map(|(i, field)| {
            text(field, flat && groups.iter().all(|g| g.column(i).dictionary_page_offset().is_some()))
        });
    let hinted = Arc::new(Schema::new(fields.collect::<Vec<FieldRef>>()));
    let options = ArrowReaderOptions::new().with_schema(hinted);
    // Where the reader cannot build dictionaries for a column, the file's own types will do.
    let metadata = ArrowReaderMetadata::try_new(plain.metadata().clone(), options).unwrap_or(plain);
    Ok(Opened { path: path.to_owned(), metadata })
}

/// Text that the file holds as dictionaries stays so; other text is read as views, because building
/// a dictionary of mostly distinct names would cost more than it saves.
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

/// The chunks of one column in one row group.
fn decode(opened: &Opened, group: usize, column: usize, kind: &DataType) -> Result<Vec<ArrayRef>> {
    let fail = |e: &ParquetError| failure(&opened.path, e);
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file(&opened.path)?, opened.metadata.clone());
    let mask = ProjectionMask::roots(builder.parquet_schema(), [column]);
    let rows = opened.metadata.metadata().row_group(group).num_rows().max(1) as usize;
    let reader = builder
        .with_projection(mask)
        .with_row_groups(vec![group])
        .with_batch_size(rows.min(1 << 20))
        .build()
        .map_err(|e| fail(&e))?;
    reader
        .map(|batch| {
            let batch = batch.map_err(|e| Error::Format {
                path: opened.path.clone(),
                detail: format!("row group {group} cannot be decoded: {e}"),
            })?;
            let array = batch.column(0);
            Ok(if array.data_type() == kind { array.clone() } else { cast(array, kind)? })
        })
        .collect()
}

struct Later {
    files: Arc<Vec<Opened>>,
    name: String,
    kind: DataType,
}

impl Loader for Later {
    fn load(&self, watch: &Watch) -> Result<Vec<ArrayRef>> {
        let mut loaded = load(&self.files, &[(self.name.as_str(), &self.kind)], watch)?;
        Ok(loaded.pop().unwrap_or_default())
    }
}

fn position(opened: &Opened, name: &str) -> Result<usize> {
    opened.metadata.schema().fields().iter().position(|f| f.name() == name).ok_or_else(|| {
        Error::Schema(format!(
            "{}: there is no column {name:?}, which the first file has; read the files apart",
            opened.path.display()
        ))
    })
}

/// The chunks of several columns over all files, in row order.
fn load(files: &[Opened], wanted: &[(&str, &DataType)], watch: &Watch) -> Result<Vec<Vec<ArrayRef>>> {
    let mut tasks = Vec::new();
    for (c, (name, kind)) in wanted.iter().enumerate() {
        for opened in files {
            let column = position(opened, name)?;
            for group in 0..opened.metadata.metadata().num_row_groups() {
                tasks.push((c, opened, group, column, *kind));
            }
        }
    }
    let size =
        tasks.iter().map(|(_, o, g, c, _)| o.metadata.metadata().row_group(*g).column(*c).compressed_size() as u64);
    watch.begin("reading", size.sum());
    let parts: Result<Vec<Vec<ArrayRef>>> = tasks
        .par_iter()
        .map(|(_, opened, group, column, kind)| {
            watch.check()?;
            let chunks = decode(opened, *group, *column, kind)?;
            watch.advance(opened.metadata.metadata().row_group(*group).column(*column).compressed_size() as u64);
            Ok(chunks)
        })
        .collect();
    let mut columns: Vec<Vec<ArrayRef>> = wanted.iter().map(|_| Vec::new()).collect();
    for ((c, ..), part) in tasks.iter().zip(parts?) {
        columns[*c].extend(part);
    }
    columns.into_iter().map(joined).collect()
}

pub fn read(paths: &[PathBuf], options: &Options, watch: &Watch) -> Result<Store> {
    let files: Result<Vec<Opened>> = paths.iter().map(|p| open(p)).collect();
    let files = Arc::new(files?);
    let schema: SchemaRef = files[0].metadata.schema().clone();
    let rows = files.iter().map(|f| f.metadata.metadata().file_metadata().num_rows() as usize).sum();
    let names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
    for other in &files[1..] {
        for name in &names {
            position(other, name)?;
        }
    }
    let sample = sample(&files[0], &schema)?;
    let chosen = layout::choose(&names, &sample, options)?;
    let eager: Vec<(&str, &DataType)> = schema
        .fields()
        .iter()
        .enumerate()
        .filter(|(i, _)| chosen.uses(*i))
        .map(|(_, f)| (f.name().as_str(), f.data_type()))
        .collect();
    let mut loaded = eager.iter().map(|(n, _)| *n).zip(load(&files, &eager, watch)?).collect::<Vec<_>>();
    let columns = schema
        .fields()
        .iter()
        .map(|field| match loaded.iter().position(|(n, _)| n == field.name()) {
            Some(at) => Source::Ready(field.clone(), std::mem::take(&mut loaded[at].1)),
            None => {
                let later = Later { files: files.clone(), name: field.name().clone(), kind: field.data_type().clone() };
                Source::Later(field.clone(), Box::new(later))
            }
        })
        .collect();
    columnar::build(columns, rows, chosen, options, watch)
}

/// The first rows of every column, for layouts that look at values.
fn sample(opened: &Opened, schema: &SchemaRef) -> Result<Vec<Vec<Option<String>>>> {
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file(&opened.path)?, opened.metadata.clone());
    let reader = builder.with_batch_size(500).with_limit(500).build().map_err(|e| failure(&opened.path, &e))?;
    let batches: Result<Vec<_>, _> = reader.collect();
    let batches = batches.map_err(|e| Error::Format {
        path: opened.path.clone(),
        detail: format!("the first row group cannot be decoded: {e}"),
    })?;
    (0..schema.fields().len())
        .map(|c| {
            let parts: Vec<&dyn Array> = batches.iter().map(|b| b.column(c).as_ref()).collect();
            if parts.is_empty() { Ok(Vec::new()) } else { first_values(&concat(&parts)?) }
        })
        .collect()
}
