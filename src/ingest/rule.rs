//! The ends of cells and records in a text file. All code that splits text uses this one rule, so rows never depend on
//! where a block of the reader ends.
//!
//! A quote opens a cell only at the first byte of the cell. The next quote that is not doubled closes it. If the cell
//! holds a line end, the quote may instead be an inch mark. There are two signs: something other than a delimiter or a
//! line end follows the closing quote, or the lines in between are records by themselves. Such a quote is part of the
//! text.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memrchr};

use super::bytes::LineEnd;
use super::marks::plain_quotes;
use crate::store::{Decimal, NumberCell, parse_number};

/// The largest record. A quote that does not close within this many bytes is part of the text.
pub const LONGEST_RECORD: usize = 64 << 20;
/// Lines of a quoted cell that are compared with records.
const LINES: usize = 10;

#[derive(Clone, Debug)]
pub struct Rule {
    pub delimiter: u8,
    pub end: LineEnd,
    /// The number of cells of a record.
    pub columns: usize,
    /// Columns that hold only numbers in the first records.
    pub numeric: Vec<bool>,
}

/// The meaning of a quote at the start of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It opens a cell, which the quote at this offset closes.
    Quoted(usize),
    /// It is part of the text.
    Literal,
    /// The available bytes do not show it.
    Unknown,
}

impl Rule {
    pub fn new(delimiter: u8, end: LineEnd, columns: usize) -> Rule {
        Rule { delimiter, end, columns, numeric: Vec::new() }
    }

    /// The meaning of the quote at `quote`, in the record that begins at `record`. `whole` means that no bytes follow
    /// the text.
    pub fn opening(&self, text: &[u8], record: usize, quote: usize, whole: bool) -> Opening {
        let stop = text.len().min(quote + LONGEST_RECORD);
        let known = whole || stop < text.len();
        let mut at = quote + 1;
        let close = loop {
            let Some(step) = text.get(at..stop).and_then(|rest| memchr(b'"', rest)) else {
                return if known { Opening::Literal } else { Opening::Unknown };
            };
            let found = at + step;
            match text.get(found + 1) {
                Some(b'"') => at = found + 2,
                None if !whole => return Opening::Unknown,
                _ => break found,
            }
        };
        let end = self.end.byte();
        if memchr(end, &text[quote + 1..close]).is_none() {
            return Opening::Quoted(close);
        }
        let clean = match text.get(close + 1) {
            None => true,
            Some(&next) => next == self.delimiter || next == end || next == b'\r',
        };
        if !clean {
            return Opening::Literal;
        }
        self.spanning(text, record, close, whole)
    }

    /// Decides whether the lines of a quoted cell with line ends are records by themselves.
    fn spanning(&self, text: &[u8], record: usize, close: usize, whole: bool) -> Opening {
        let evidence = self.numeric.iter().any(|n| *n);
        let needed = match self.columns {
            0 | 1 => 1000,
            2 if !evidence => 4,
            _ => 2,
        };
        let (mut at, mut lines) = (record, 0);
        while at <= close && lines < needed.max(LINES) {
            let stop = match memchr(self.end.byte(), &text[at..]) {
                Some(step) => at + step,
                None if whole => text.len(),
                None => return Opening::Unknown,
            };
            if !self.is_record(&text[at..stop]) {
                return Opening::Quoted(close);
            }
            lines += 1;
            at = stop + 1;
        }
        if lines < needed { Opening::Quoted(close) } else { Opening::Literal }
    }

    /// Whether a line looks like a record: the right number of cells, and numbers in the columns of numbers.
    fn is_record(&self, line: &[u8]) -> bool {
        let (mut cells, mut sound) = (0, true);
        self.cells_of(line, |cell| {
            if self.numeric.get(cells).copied().unwrap_or(false) {
                sound &= is_number(cell);
            }
            cells += 1;
        });
        sound && cells == self.columns
    }

    /// The cells of one line with their quotes. A quoted cell ends in its line.
    pub fn cells_of<'a>(&self, line: &'a [u8], mut take: impl FnMut(&'a [u8])) {
        let line = self.trimmed(line);
        let mut from = 0;
        loop {
            let mut at = from;
            if line.get(from) == Some(&b'"')
                && let Opening::Quoted(close) = self.opening(line, from, from, true)
            {
                at = close + 1;
            }
            match memchr(self.delimiter, &line[at..]) {
                Some(step) => {
                    take(&line[from..at + step]);
                    from = at + step + 1;
                }
                None => {
                    take(&line[from..]);
                    return;
                }
            }
        }
    }

    /// A line without the carriage returns before its line feed.
    pub fn trimmed<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        let mut line = line;
        while self.end == LineEnd::Newline
            && let Some(shorter) = line.strip_suffix(b"\r")
        {
            line = shorter;
        }
        line
    }

    /// Whether a line is blank and not a record. A record has more than one cell.
    pub fn is_blank(&self, line: &[u8]) -> bool {
        // Ctrl-Z is the end of file in old systems.
        let nothing = |b: &u8| (b.is_ascii_whitespace() || *b == 0x1a) && *b != self.delimiter;
        (self.columns > 1 || line.contains(&0x1a)) && line.iter().all(nothing)
    }

    /// The offset after the last complete record in `text`.
    pub fn last_end(&self, text: &[u8], whole: bool) -> Option<usize> {
        let end = self.end.byte();
        let (mut record, mut at) = (0, 0);
        // Up to here quotes need a closer look. In longer texts a cell could be longer than a record.
        let mut odd = if text.len() > LONGEST_RECORD { text.len() } else { 0 };
        while let Some(step) = memchr(b'"', &text[at..]) {
            let quote = at + step;
            if quote >= odd {
                let plain = plain_quotes(text, at, self.delimiter, end);
                odd = plain.odd;
                if plain.record > at {
                    (record, at) = (plain.record, plain.record);
                    continue;
                }
            }
            if let Some(line) = memrchr(end, &text[at..quote]) {
                record = at + line + 1;
            }
            let opens = quote == 0 || text[quote - 1] == self.delimiter || text[quote - 1] == end;
            at = quote + 1;
            if opens {
                match self.opening(text, record, quote, whole) {
                    Opening::Quoted(close) => at = close + 1,
                    Opening::Literal => {}
                    Opening::Unknown => return (record > 0).then_some(record),
                }
            }
        }
        match memrchr(end, &text[at..]) {
            Some(line) => Some(at + line + 1),
            None => (record > 0).then_some(record),
        }
    }

    /// The end of the record that begins at `record` and holds a quote: the offset of its line end or the end of the
    /// text. `take` gets the position of each cell and the meaning of its first quote.
    pub fn quoted_record(&self, text: &[u8], record: usize, mut take: impl FnMut(usize, usize, Opening)) -> usize {
        let mut from = record;
        loop {
            let (stop, kind) = self.cell(text, record, from);
            take(from, stop, kind);
            if text.get(stop) != Some(&self.delimiter) {
                return stop;
            }
            from = stop + 1;
        }
    }

    /// The end of the cell that begins at `from`, and the meaning of its first quote. No bytes follow the text.
    pub fn cell(&self, text: &[u8], record: usize, from: usize) -> (usize, Opening) {
        let mut at = from;
        let mut kind = Opening::Unknown;
        if text.get(from) == Some(&b'"') {
            kind = self.opening(text, record, from, true);
            at = if let Opening::Quoted(close) = kind { close + 1 } else { from + 1 };
        }
        let stop = memchr2(self.delimiter, self.end.byte(), &text[at..]).map_or(text.len(), |step| at + step);
        (stop, kind)
    }
}

/// The content of a cell: without its quotes, with doubled quotes as single ones.
pub fn unquoted(cell: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = cell.strip_prefix(b"\"") else { return cell.into() };
    if let Some(inner) = inner.strip_suffix(b"\"")
        && memchr(b'"', inner).is_none()
    {
        return inner.into();
    }
    // After the closing quote the text continues unchanged.
    let mut text = Vec::with_capacity(inner.len());
    let mut at = 0;
    while let Some(step) = memchr(b'"', &inner[at..]) {
        let quote = at + step;
        text.extend_from_slice(&inner[at..quote]);
        if inner.get(quote + 1) != Some(&b'"') {
            text.extend_from_slice(&inner[quote + 1..]);
            return text.into();
        }
        text.push(b'"');
        at = quote + 2;
    }
    cell.into()
}

fn is_number(cell: &[u8]) -> bool {
    let cell = &unquoted(cell);
    let either = |decimal| !matches!(parse_number(cell, decimal), NumberCell::Bad);
    either(Decimal::Point) || either(Decimal::Comma)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(columns: usize) -> Rule {
        Rule::new(b',', LineEnd::Newline, columns)
    }

    #[test]
    fn records_end_outside_quotes_only() {
        let cut = |columns: usize, text: &[u8]| rule(columns).last_end(text, true);
        assert_eq!(cut(2, b"a,b\nc"), Some(4));
        assert_eq!(cut(2, b"a,\"b\nc\"\nd"), Some(8));
        assert_eq!(cut(2, b"a,5\" pipe\nd,\"x\"\ne"), Some(16));
        assert_eq!(cut(2, b"\"a\"\"\n\"\nz"), Some(7));
        assert_eq!(Rule::new(b',', LineEnd::Return, 2).last_end(b"a\rb", true), Some(2));
    }

    #[test]
    fn a_quote_that_does_not_close_is_text() {
        let cut = |columns: usize, text: &[u8]| rule(columns).last_end(text, true);
        assert_eq!(cut(2, b"a\n\"open\nb\nc"), Some(10));
        // The next quote opens another cell, and something follows it.
        assert_eq!(cut(3, b"1,\"5 inch,2\n1,x,3\n1,\"flat\",4\n1"), Some(29));
        // The lines in between are records by themselves.
        assert_eq!(cut(3, b"1,\"5 inch,2\n1,pipe 6\",3\n1"), Some(24));
        // An address of two lines is one cell.
        assert_eq!(cut(3, b"1,\"Main St 5\nKyiv\",3\n1"), Some(21));
    }

    #[test]
    fn more_bytes_are_asked_for_where_they_decide() {
        let rule = rule(3);
        assert_eq!(rule.last_end(b"1,2,3\n1,\"open\n", false), Some(6));
        assert_eq!(rule.last_end(b"1,\"a\"", false), None);
        assert_eq!(rule.last_end(b"1,\"a\",2\n", false), Some(8));
        assert_eq!(rule.last_end(b"1,\"open\n", false), None);
    }

    #[test]
    fn numbers_where_numbers_belong_tell_records_from_addresses() {
        let mut rule = rule(3);
        let text = b"7,1.5,\"Main St 5\nKyiv, Ukraine, 01001\"\n";
        rule.numeric = vec![true, true, false];
        assert_eq!(rule.opening(text, 0, 6, true), Opening::Quoted(38 - 1));
    }
}
