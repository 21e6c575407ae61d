//! Reading: Arrow batches, text files, spreadsheets and Parquet files become shipments.

#[cfg(test)]
mod against_csv;
mod blocks;
mod bytes;
mod caveats;
mod cells;
mod chosen;
mod columnar;
mod compressed;
mod content;
mod csv;
mod decision;
mod derive;
mod encoding;
mod guard;
mod header;
mod incoming;
mod input;
mod inspect;
mod ipc;
mod layout;
mod marks;
mod names;
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
pub use whole::whole;

use bytes::Kind;

use self::input::Input;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::store::{DateOrder, NumberFormat, Shipments};

/// The arguments of reading.
#[derive(Clone, Default)]
pub struct Options {
    /// `auto` or the name of a layout; empty is `auto`.
    pub layout: String,
    /// Roles named by the user: role, column.
    pub columns: Vec<(String, String)>,
    pub date_order: Option<DateOrder>,
    /// How numbers are spelled.
    pub number_format: Option<NumberFormat>,
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

impl Options {
    /// An error if an argument has no meaning for this kind of source. `None` is a table in memory.
    fn check(&self, kind: Option<Kind>) -> Result<()> {
        let text = kind == Some(Kind::Text);
        let lines = text || kind == Some(Kind::Workbook);
        let given = [
            ("encoding", self.encoding.is_some(), text, "text files"),
            ("delimiter", self.delimiter.is_some(), text, "text files"),
            ("header", self.header.is_some(), lines, "text files and spreadsheets"),
            ("skip", self.skip.is_some(), lines, "text files and spreadsheets"),
            ("sheet", self.sheet.is_some(), kind == Some(Kind::Workbook), "spreadsheets"),
        ];
        let Some((name, .., of)) = given.into_iter().find(|(_, given, fits, _)| *given && !fits) else { return Ok(()) };
        let this = kind.map_or("a table in memory", |k| k.name());
        Err(Error::Argument(format!("{name}= is for {of}; the source is {this}")))
    }
}

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
    check_faults(&ships, options, progress)?;
    Ok(ships)
}

/// The decisions of `read_files`, without reading the files completely.
pub fn inspect_files(sources: &[PathBuf], options: &Options, progress: &Progress) -> Result<Vec<Decision>> {
    let inputs: Result<Vec<Input>> = paths::expand(sources)?.iter().map(|path| Input::open(path, progress)).collect();
    let inputs = inputs?;
    let kind = kind(&inputs)?;
    options.check(Some(kind))?;
    let mut all = vec![Decision::new("format", kind.name(), "its first bytes say so", "")];
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

/// The first fault as an error, if the user wants that.
pub fn check_faults(ships: &Shipments, options: &Options, progress: &Progress) -> Result<()> {
    if !options.raise {
        return Ok(());
    }
    let faults = ships.store.faults(progress)?;
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
