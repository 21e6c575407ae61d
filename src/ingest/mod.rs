//! Everything that becomes shipments: Arrow batches, CSV and Parquet files.

mod bytes;
mod columnar;
mod compressed;
mod csv;
mod guard;
mod input;
mod inspect;
mod layout;
mod names;
mod parquet;
mod paths;
mod pipe;
mod records;

use std::path::PathBuf;

pub use columnar::{Reading, from_columns, reading, rebuild};
pub use layout::layouts;
pub use names::role_of_name;

use self::input::Input;
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

/// Reads files given as paths and globs; `-` is the standard input.
pub fn read_files(sources: &[PathBuf], options: &Options, watch: &Watch) -> Result<Shipments> {
    let files: Result<Vec<Input>> = paths::expand(sources)?.iter().map(|path| Input::open(path, watch)).collect();
    let files = files?;
    let mut parquet = 0;
    for file in &files {
        parquet += usize::from(bytes::is_parquet(file)?);
    }
    let store = match parquet {
        0 => csv::read(&files, options, watch)?,
        n if n == files.len() => parquet::read(files, options, watch)?,
        _ => {
            return Err(Error::Argument(
                "the files are partly Parquet and partly CSV; read each kind on its own".into(),
            ));
        }
    };
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

/// A reason that the reader of files gives, by its text.
fn known_reason(text: &str) -> &'static str {
    [records::SHORT, records::LONG].into_iter().find(|r| *r == text).unwrap_or(crate::store::NOT_A_NUMBER)
}
