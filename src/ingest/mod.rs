//! Reading: Arrow batches, text files, spreadsheets and Parquet files become shipments.

#[cfg(test)]
mod against_csv;
mod blocks;
mod bytes;
mod caveats;
mod cells;
mod chosen;
mod column_decisions;
mod columnar;
mod compressed;
mod content;
mod csv;
mod decision;
mod derive;
mod encoding;
mod faults;
mod guard;
mod handle;
mod header;
mod incoming;
mod input;
mod inspect;
mod ipc;
mod layout;
mod marks;
mod names;
mod options;
mod parquet;
mod paths;
mod pipe;
mod recipe;
mod recognise;
mod records;
mod rule;
mod sheet;
mod sound;
mod totals;
mod united;
mod whole;
mod words;

use std::path::PathBuf;

pub use columnar::{Mended, Reading, decisions as inspect_columns, from_columns, reading, rebuild};
pub use decision::Decision;
pub use incoming::{Incoming, Stream};
pub use ipc::{from_ipc, to_ipc};
pub use layout::layouts;
pub use names::role_of_name;
pub use options::Options;
pub use whole::whole;

use bytes::Kind;

use self::input::Input;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::store::Shipments;

/// Reads files given as paths and globs; `-` is the standard input.
pub fn read_files(sources: &[PathBuf], options: &Options, progress: &Progress) -> Result<Shipments> {
    let paths = paths::expand(sources)?;
    let inputs: Result<Vec<Input>> = paths.iter().map(|path| Input::open(path, progress)).collect();
    let inputs = inputs?;
    let kind = kind(&inputs)?;
    options.check(Some(kind))?;
    let store = match kind {
        Kind::Text => csv::read(&inputs, options, progress)?,
        Kind::Workbook => sheet::read(&inputs, options, progress)?,
        Kind::Parquet => parquet::read(inputs, options, progress)?,
    };
    store.settle(progress)?;
    let store = totals::recognise(store, progress)?;
    let ships = Shipments::all(store.with_files(paths));
    faults::check(&ships, options, progress)?;
    Ok(ships)
}

/// The decisions of `read_files`, without reading the files completely.
pub fn inspect_files(sources: &[PathBuf], options: &Options, progress: &Progress) -> Result<Vec<Decision>> {
    let inputs: Result<Vec<Input>> = paths::expand(sources)?.iter().map(|path| Input::open(path, progress)).collect();
    let inputs = inputs?;
    let kind = kind(&inputs)?;
    options.check(Some(kind))?;
    let mut all = vec![Decision::new("format", kind.name(), "by its first bytes", "")];
    all.extend(match kind {
        Kind::Text => csv::decisions(&inputs, options)?,
        Kind::Workbook => sheet::decisions(&inputs, options, progress)?,
        Kind::Parquet => parquet::decisions(inputs, options)?,
    });
    Ok(all)
}

/// The common kind of these files.
fn kind(inputs: &[Input]) -> Result<Kind> {
    let first = Kind::of(&inputs[0])?;
    for input in &inputs[1..] {
        let other = Kind::of(input)?;
        if other != first {
            return Err(Error::Argument(format!(
                "{} is {} and {} is {}; read each kind on its own",
                inputs[0].path().display(),
                first.name(),
                input.path().display(),
                other.name()
            )));
        }
    }
    Ok(first)
}
