//! The columns of several files as columns of one table, matched by name. Neither the columns nor their types depend on
//! the order of the files.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};

use super::file::ParquetFile;
use super::promote::{is_text, united};
use crate::error::{Error, Result};

/// One column of all files.
pub struct United {
    pub field: FieldRef,
    /// Its position in each file; `None` if a file does not have it.
    pub places: Vec<Option<usize>>,
}

/// The columns, and notes about how they were united.
pub fn unite(files: &[ParquetFile]) -> Result<(Vec<United>, Vec<String>)> {
    let mut notes: Vec<String> = files.iter().flat_map(|f| f.notes.iter().cloned()).collect();
    let places: Vec<HashMap<&str, usize>> =
        files.iter().map(|f| f.names.iter().enumerate().map(|(i, n)| (n.as_str(), i)).collect()).collect();
    let by_path = by_path(files);
    let mut columns = Vec::new();
    for name in names(files) {
        let places: Vec<Option<usize>> = places.iter().map(|p| p.get(name).copied()).collect();
        // Files with the column, and files without it.
        let (have, lack): (Vec<usize>, Vec<usize>) = by_path.iter().partition(|&&f| places[f].is_some());
        if !lack.is_empty() {
            let lack: Vec<&Path> = lack.iter().map(|&f| files[f].input.path()).collect();
            notes.push(format!(
                "the column {name:?} is not in {} of {} files and null for their rows: {}",
                lack.len(),
                files.len(),
                some(&lack)
            ));
        }
        let all: Vec<(&ParquetFile, usize)> = have.iter().filter_map(|&f| Some((&files[f], places[f]?))).collect();
        let field = field(name, &all, files.len(), &mut notes)?;
        columns.push(United { field, places });
    }
    Ok((columns, notes))
}

/// The files in the order of their paths, which does not depend on the order given.
pub fn by_path(files: &[ParquetFile]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by_key(|&f| files[f].input.path());
    order
}

/// All names: those of the file with the most columns, then those that others add.
fn names(files: &[ParquetFile]) -> Vec<&str> {
    let mut lists: Vec<&[String]> = files.iter().map(|f| f.names.as_slice()).collect();
    lists.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    lists.dedup();
    let mut seen = HashSet::new();
    lists.into_iter().flatten().map(String::as_str).filter(|name| seen.insert(*name)).collect()
}

/// The field of a column in the files that have it, which are in the order of their paths.
fn field(name: &str, files: &[(&ParquetFile, usize)], of: usize, notes: &mut Vec<String>) -> Result<FieldRef> {
    let own = files.iter().map(|(file, column)| file.field(*column));
    // Most files agree, and nothing has to be converted.
    let kinds: Vec<&DataType> = own.clone().map(|f| f.data_type()).collect();
    let Some(&first) = kinds.first() else { return Ok(Arc::new(Field::new(name, DataType::Null, true))) };
    let nullable = files.len() < of || own.clone().any(|f| f.is_nullable());
    if kinds.iter().all(|kind| *kind == first) {
        return Ok(Arc::new(Field::new(name, first.clone(), nullable)));
    }
    let all: Vec<DataType> = kinds.iter().map(|kind| (*kind).clone()).collect();
    let whole = |at: usize| files[at].0.bounds(files[at].1);
    let kind = united(&all, whole)?;
    // The first two files that differ.
    let other = kinds.iter().position(|kind| word(kind) != word(first)).unwrap_or(0);
    let told = format!(
        "the column {name:?} is {} in {} and {} in {}",
        word(first),
        files[0].0.input.path().display(),
        word(kinds[other]),
        files[other].0.input.path().display()
    );
    let Some(kind) = kind else {
        return Err(Error::Schema(format!(
            "{told}; no type holds both: write the column with one type, or read the files apart"
        )));
    };
    if is_text(&kind) && !kinds.iter().all(|kind| is_text(kind) || **kind == DataType::Null) {
        notes.push(format!("{told}; it is read as text, which keeps every value as it is"));
    }
    Ok(Arc::new(Field::new(name, kind, true)))
}

/// The type in the words of a message.
fn word(kind: &DataType) -> String {
    if is_text(kind) { "text".into() } else { kind.to_string() }
}

/// The first few paths.
fn some(paths: &[&Path]) -> String {
    let first: Vec<String> = paths.iter().take(3).map(|p| p.display().to_string()).collect();
    let more = paths.len() - first.len();
    first.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}
