//! Parquet files. Row groups and columns are decoded in parallel: columns with a role at once, the others at first use.
//! Text keeps the dictionaries of the file.

mod file;
mod footer;
mod promote;
mod unite;

use std::sync::Arc;

use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::DataType;
use rayon::prelude::*;

use self::file::ParquetFile;
use self::promote::convert;
use self::unite::{United, by_path, unite};
use super::chosen::Chosen;
use super::columnar::{Source, first_values, joined};
use super::decision::Decision;
use super::input::Input;
use super::layout;
use super::options::Options;
use crate::error::Result;
use crate::ingest::{column_decisions, columnar};
use crate::progress::Progress;
use crate::store::{Loader, Store};

/// The largest number of files whose first rows are read, and the number of these rows in each.
const SHOWN_FILES: usize = 8;
const SHOWN_ROWS: usize = 500;

/// The files and their columns, for columns that are read later.
struct Read {
    files: Vec<ParquetFile>,
    columns: Vec<United>,
}

struct Later {
    read: Arc<Read>,
    column: usize,
}

impl Loader for Later {
    fn load(&self, progress: &Progress) -> Result<Vec<ArrayRef>> {
        Ok(self.read.load(&[self.column], progress)?.pop().unwrap_or_default())
    }

    fn load_rows(&self, rows: &[u32], progress: &Progress) -> Result<Vec<ArrayRef>> {
        self.read.load_rows(self.column, rows, progress)
    }
}

impl Read {
    /// The chunks of several columns over all files, in row order.
    fn load(&self, wanted: &[usize], progress: &Progress) -> Result<Vec<Vec<ArrayRef>>> {
        let mut tasks = Vec::new();
        for &column in wanted {
            for (file, place) in self.files.iter().zip(&self.columns[column].places) {
                tasks.extend((0..file.groups()).map(|group| (column, file, group, *place)));
            }
        }
        let size = |file: &ParquetFile, group, place: Option<usize>| place.map_or(0, |p| file.size(group, p));
        progress.begin("reading", tasks.iter().map(|(_, file, group, place)| size(file, *group, *place)).sum());
        let parts: Result<Vec<Vec<ArrayRef>>> = tasks
            .par_iter()
            .map(|&(column, file, group, place)| {
                progress.check()?;
                let kind = self.columns[column].field.data_type();
                let chunks = match place {
                    Some(place) => converted(file, file.chunks(group, place)?, kind)?,
                    None => vec![new_null_array(kind, file.rows(group))],
                };
                progress.advance(size(file, group, place));
                Ok(chunks)
            })
            .collect();
        let parts = parts?;
        // A file that was changed meanwhile may have given pieces of two states.
        self.files.iter().try_for_each(|file| file.input.unchanged())?;
        let mut columns: Vec<Vec<ArrayRef>> = wanted.iter().map(|_| Vec::new()).collect();
        let per_column = tasks.len() / wanted.len().max(1);
        for (task, part) in parts.into_iter().enumerate() {
            columns[task / per_column.max(1)].extend(part);
        }
        columns.into_iter().map(joined).collect()
    }

    /// Some rows of a column over all files. The rows must be in ascending order.
    fn load_rows(&self, column: usize, rows: &[u32], progress: &Progress) -> Result<Vec<ArrayRef>> {
        let United { field, places } = &self.columns[column];
        let kind = field.data_type();
        let (mut left, mut begin) = (rows, 0);
        let mut chunks = Vec::new();
        for (file, place) in self.files.iter().zip(places) {
            for group in 0..file.groups() {
                progress.check()?;
                let end = begin + file.rows(group);
                let (here, rest) = left.split_at(left.partition_point(|&row| (row as usize) < end));
                if !here.is_empty() {
                    let wanted: Vec<usize> = here.iter().map(|&row| row as usize - begin).collect();
                    chunks.extend(match place {
                        Some(place) => converted(file, file.some_rows(group, *place, &wanted)?, kind)?,
                        None => vec![new_null_array(kind, here.len())],
                    });
                }
                (left, begin) = (rest, end);
            }
        }
        self.files.iter().try_for_each(|file| file.input.unchanged())?;
        Ok(chunks)
    }

    /// The first rows of some files, for layouts that use values. The choice of files does not depend on their order.
    /// Every column is in at least one of them.
    fn shown(&self) -> Result<Vec<Vec<Option<String>>>> {
        let order = by_path(&self.files);
        let mut chosen: Vec<usize> = order.iter().copied().take(SHOWN_FILES).collect();
        for column in &self.columns {
            if !chosen.iter().any(|&f| column.places[f].is_some()) {
                chosen.extend(order.iter().find(|&&f| column.places[f].is_some()));
            }
        }
        let first: Result<Vec<Vec<Option<ArrayRef>>>> =
            chosen.par_iter().map(|&f| self.files[f].first(SHOWN_ROWS)).collect();
        let first = first?;
        self.columns
            .iter()
            .map(|column| {
                let mut values = Vec::new();
                for (&f, arrays) in chosen.iter().zip(&first) {
                    if let Some(array) = column.places[f].and_then(|place| arrays[place].as_ref()) {
                        values.extend(first_values(array)?);
                    }
                }
                Ok(values)
            })
            .collect()
    }
}

fn converted(file: &ParquetFile, chunks: Vec<ArrayRef>, kind: &DataType) -> Result<Vec<ArrayRef>> {
    let each = chunks.iter().map(|chunk| {
        convert(chunk, kind)
            .map_err(|e| file.damaged(&format!("holds {} that cannot be read as {kind}: {e}", chunk.data_type())))
    });
    each.collect()
}

/// The facts from the metadata and the first rows of the files.
struct Look {
    read: Read,
    notes: Vec<String>,
    names: Vec<String>,
    sample: Vec<Vec<Option<String>>>,
    chosen: Chosen,
}

fn look(inputs: Vec<Input>, options: &Options) -> Result<Look> {
    let files: Result<Vec<ParquetFile>> = inputs.into_par_iter().map(ParquetFile::open).collect();
    let files = files?;
    let (columns, notes) = unite(&files)?;
    let read = Read { files, columns };
    let names: Vec<String> = read.columns.iter().map(|c| c.field.name().clone()).collect();
    let sample = read.shown()?;
    let chosen = layout::choose(&names, &sample, options)?;
    Ok(Look { read, notes, names, sample, chosen })
}

/// The decisions about Parquet files before they are read.
pub fn decisions(inputs: Vec<Input>, options: &Options) -> Result<Vec<Decision>> {
    let look = look(inputs, options)?;
    Ok(column_decisions::of_columns(&look.chosen, &look.names, &look.sample, options))
}

pub fn read(inputs: Vec<Input>, options: &Options, progress: &Progress) -> Result<Store> {
    let Look { read, notes, names, chosen, .. } = look(inputs, options)?;
    let rows = read.files.iter().map(ParquetFile::all_rows).sum();
    let read = Arc::new(read);
    let (now, later): (Vec<usize>, Vec<usize>) = (0..names.len()).partition(|&c| chosen.uses(c));
    let mut sources: Vec<(usize, Source)> = Vec::new();
    for (column, chunks) in now.iter().zip(read.load(&now, progress)?) {
        sources.push((*column, Source::Ready(read.columns[*column].field.clone(), chunks)));
    }
    for column in later {
        let field = read.columns[column].field.clone();
        sources.push((column, Source::Later(field, Box::new(Later { read: read.clone(), column }))));
    }
    sources.sort_by_key(|(column, _)| *column);
    let store = columnar::build(sources.into_iter().map(|(_, s)| s).collect(), rows, chosen, options, progress)?;
    for note in notes {
        store.note(note);
    }
    Ok(store)
}
