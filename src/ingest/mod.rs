//! Everything that becomes shipments: Arrow batches, CSV and Parquet files.

mod bytes;
mod columnar;
mod csv;
mod inspect;
mod layout;
mod names;
mod parquet;
mod records;

use std::path::{Path, PathBuf};

pub use columnar::{Mended, Reading, from_columns, reading, rebuild};
pub use layout::layouts;
pub use names::role_of_name;

use crate::error::{Error, Result};
use crate::store::{DateOrder, Shipments};
use crate::watch::Watch;

/// How a source is to be read.
#[derive(Clone, Default)]
pub struct Options {
    /// `auto` or the name of a layout; empty is `auto`.
    pub layout: String,
    /// Roles the user named himself: role, column.
    pub columns: Vec<(String, String)>,
    pub date_order: Option<DateOrder>,
    /// Turn the first fault into an error.
    pub raise: bool,
}

/// Reads files given as paths and globs.
pub fn read_files(sources: &[String], options: &Options, watch: &Watch) -> Result<Shipments> {
    let files = expand(sources)?;
    let mut parquet = 0;
    for file in &files {
        parquet += usize::from(bytes::is_parquet(file)?);
    }
    let store = match parquet {
        0 => csv::read(&files, options, watch)?,
        n if n == files.len() => parquet::read(&files, options, watch)?,
        _ => {
            return Err(Error::Argument(
                "the files are partly Parquet and partly CSV; read each kind on its own".into(),
            ));
        }
    };
    store.settle(watch)?;
    let ships = Shipments::all(store);
    check_faults(&ships, options, watch)?;
    Ok(ships)
}

/// The first fault as an error, where the user wants that.
pub fn check_faults(ships: &Shipments, options: &Options, watch: &Watch) -> Result<()> {
    if !options.raise {
        return Ok(());
    }
    let faults = ships.store.faults(watch)?;
    let Some(first) = faults.first() else { return Ok(()) };
    let text = format!(
        "row {}, column {:?}: {} ({:?}); {} fault(s) in all; read with on_fault=\"keep\" to get them as a table",
        first.row,
        ships.store.fault_column(first),
        first.reason,
        ships.store.raw(first).unwrap_or_default(),
        faults.len()
    );
    let ragged = first.reason == records::SHORT || first.reason == records::LONG;
    Err(if ragged { Error::RaggedRow(text) } else { Error::Fault(text) })
}

fn expand(sources: &[String]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for source in sources {
        let path = Path::new(source);
        if path.is_dir() {
            return Err(Error::Directory(path.to_owned()));
        }
        if path.exists() {
            files.push(path.to_owned());
            continue;
        }
        if !source.contains(['*', '?', '[']) {
            return Err(Error::MissingFile(source.clone()));
        }
        let found = glob::glob(source).map_err(|e| Error::Argument(format!("{source:?} is not a glob: {e}")))?;
        let mut found: Vec<PathBuf> = found.flatten().filter(|p| p.is_file()).collect();
        found.sort();
        if found.is_empty() {
            return Err(Error::MissingFile(source.clone()));
        }
        files.extend(found);
    }
    if files.is_empty() {
        return Err(Error::Argument("no files given".into()));
    }
    Ok(files)
}
