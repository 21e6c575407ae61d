//! The arguments of reading.

use super::bytes::Kind;
use crate::error::{Error, Result};
use crate::store::{DateOrder, NumberFormat};

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
    pub(super) fn check(&self, kind: Option<Kind>) -> Result<()> {
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
