//! Everything that becomes shipments: Arrow batches, CSV and Parquet files.

mod blocks;
mod bytes;
mod caveats;
mod chosen;
mod columnar;
mod content;
mod countries;
mod csv;
mod decision;
mod derive;
mod encoding;
mod header;
mod incoming;
mod inspect;
mod ipc;
mod layout;
mod names;
mod parquet;
mod recipe;
mod recognise;
mod records;
mod rule;
mod sheet;
mod sound;
mod united;
mod whole;
mod words;

use std::path::{Path, PathBuf};

pub use columnar::{Reading, from_columns, reading, rebuild};
pub use incoming::{Incoming, Stream};
pub use ipc::{from_ipc, to_ipc};
pub use layout::layouts;
pub use names::role_of_name;
pub use whole::whole;

use bytes::Kind;

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
    /// The encoding of text files, by its usual name.
    pub encoding: Option<String>,
    /// The byte between two cells of a text file.
    pub delimiter: Option<u8>,
    /// The line of a text file that names the columns, from 1.
    pub header: Option<usize>,
    /// Lines above that line.
    pub skip: Option<usize>,
    /// The name or the number (from 1) of a spreadsheet's sheet.
    pub sheet: Option<String>,
    /// Bytes of a block of text, for tests.
    pub block: Option<usize>,
}

/// Reads files given as paths and globs.
pub fn read_files(sources: &[String], options: &Options, watch: &Watch) -> Result<Shipments> {
    let files = expand(sources)?;
    let store = match kind(&files)? {
        Kind::Text => csv::read(&files, options, watch)?,
        Kind::Workbook => sheet::read(&files, options, watch)?,
        Kind::Parquet => parquet::read(&files, options, watch)?,
    };
    let ships = Shipments::all(store.with_files(files));
    check_faults(&ships, options, watch)?;
    Ok(ships)
}

/// The kind that all these files are.
fn kind(files: &[PathBuf]) -> Result<Kind> {
    let first = bytes::kind(&files[0])?;
    for file in &files[1..] {
        let other = bytes::kind(file)?;
        if other != first {
            return Err(Error::Argument(format!(
                "{} is {} and {} is {}; read each kind on its own",
                files[0].display(),
                first.name(),
                file.display(),
                other.name()
            )));
        }
    }
    Ok(first)
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

/// A reason that the reader of files gives, by its text.
fn known_reason(text: &str) -> &'static str {
    records::REASONS.into_iter().find(|r| *r == text).unwrap_or(crate::store::NOT_A_NUMBER)
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
