//! One block of text into columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, DictionaryArray, Float64Array, StringArray, UInt32Array};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, UInt32Type};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

use encoding_rs::Encoding;

use super::encoding::{self, Letters, shown};
use super::rule::{Opening, Rule, unquoted};
use crate::error::Result;
use crate::store::{Ballot, Fault, NOT_A_NUMBER, NumberCell, NumberFormat, Repair, parse_number};

pub const SHORT: &str = "the row is too short: this cell and those after it are missing";
pub const LONG: &str = "the row has more cells than the header";
pub const OPEN_QUOTE: &str = "a quote opens this cell and none closes it: the quote is kept as text";
pub const ZERO_BYTES: &str = "zero bytes were left out of this cell";
pub const BLANK: &str = "the record is blank";

/// How a column of the file is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReadAs {
    Text,
    /// A number by its role: what cannot be read is a fault.
    Number(NumberFormat),
    /// A number as long as every cell is one.
    Guess(NumberFormat),
    Skip,
}

impl ReadAs {
    pub fn kind(self) -> DataType {
        match self {
            ReadAs::Text | ReadAs::Skip => DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8)),
            ReadAs::Number(_) | ReadAs::Guess(_) => DataType::Float64,
        }
    }
}

/// One column of one block.
pub enum Cells {
    Text(TextCells),
    Number(NumberCells),
    Skip,
}

impl Cells {
    /// Frees what only more cells would need.
    fn close(&mut self) {
        if let Cells::Text(text) = self {
            text.table = HashTable::new();
            text.bytes.shrink_to_fit();
            text.valid = simdutf8::basic::from_utf8(&text.bytes).is_ok();
        }
    }
}

pub struct TextCells {
    ids: Vec<u32>,
    bytes: Vec<u8>,
    ends: Vec<u32>,
    table: HashTable<(u64, u32)>,
    hasher: FixedState,
    /// All texts together are UTF-8.
    valid: bool,
}

const NULL: u32 = u32::MAX;

impl TextCells {
    fn new() -> Self {
        TextCells {
            ids: Vec::new(),
            bytes: Vec::new(),
            ends: vec![0],
            table: HashTable::new(),
            hasher: FixedState::default(),
            valid: true,
        }
    }

    /// The distinct texts, as bytes.
    fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.ends.windows(2).map(|w| &self.bytes[w[0] as usize..w[1] as usize])
    }

    fn push(&mut self, text: &[u8]) {
        if text.is_empty() {
            self.ids.push(NULL);
            return;
        }
        let hash = self.hasher.hash_one(text);
        let (bytes, ends) = (&self.bytes, &self.ends);
        let stored = |id: u32| &bytes[ends[id as usize] as usize..ends[id as usize + 1] as usize];
        if let Some(&(_, id)) = self.table.find(hash, |&(h, id)| h == hash && stored(id) == text) {
            self.ids.push(id);
            return;
        }
        let id = self.ends.len() as u32 - 1;
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as u32);
        self.table.insert_unique(hash, (hash, id), |&(h, _)| h);
        self.ids.push(id);
    }

    /// Texts that are not UTF-8 are read in the `other` encoding.
    fn finish(self, other: &'static Encoding) -> Result<ArrayRef> {
        // A valid whole can still be cut in the middle of a character by odd cells.
        let whole = self.valid && self.texts().all(|t| t.first().is_none_or(|&b| b & 0xc0 != 0x80));
        let values = if whole {
            let offsets = OffsetBuffer::new(self.ends.iter().map(|&e| e as i32).collect::<ScalarBuffer<i32>>());
            StringArray::try_new(offsets, Buffer::from_vec(self.bytes), None)?
        } else {
            self.texts().map(|text| Some(encoding::decode(text, other))).collect()
        };
        let nulls = self.ids.contains(&NULL).then(|| self.ids.iter().map(|&id| id != NULL).collect::<NullBuffer>());
        let mut ids = self.ids;
        ids.iter_mut().filter(|id| **id == NULL).for_each(|id| *id = 0);
        // Where all cells are null there is no text for their keys to point at.
        let values = if values.is_empty() { StringArray::from(vec![""]) } else { values };
        let keys = UInt32Array::new(ids.into(), nulls);
        Ok(Arc::new(DictionaryArray::<UInt32Type>::try_new(keys, Arc::new(values))?))
    }
}

pub struct NumberCells {
    values: Vec<f64>,
    nulls: usize,
    format: NumberFormat,
    guess: bool,
    /// What the cells say of the decimal sign, up to the first clear one.
    pub ballot: Ballot,
    /// Every cell was a plain whole number.
    pub whole: bool,
    /// A cell was not a number, or a code with a leading zero: the guess was wrong.
    pub broken: bool,
    /// Cells that only the other decimal sign would read.
    pub other_sign: usize,
}

impl NumberCells {
    fn push(&mut self, text: &[u8]) -> bool {
        if self.ballot.point == 0 && self.ballot.comma == 0 {
            self.ballot.add(text, 1);
        }
        match parse_number(text, self.format) {
            NumberCell::Value(value) => {
                if self.whole {
                    let digits = text.strip_prefix(b"-").unwrap_or(text);
                    self.whole = digits.len() <= 15 && digits.iter().all(u8::is_ascii_digit);
                }
                if self.guess && looks_like_code(text) {
                    self.broken = true;
                }
                self.values.push(value);
                true
            }
            NumberCell::Missing => {
                self.nulls += 1;
                self.values.push(f64::NAN);
                // A word for "nothing" in a column nobody called a number is better kept as text.
                self.broken |= self.guess && !text.is_empty();
                true
            }
            NumberCell::Bad => {
                self.nulls += 1;
                self.broken = true;
                let other = self.format.decimal.other();
                self.other_sign += usize::from(matches!(parse_number(text, other), NumberCell::Value(_)));
                self.values.push(f64::NAN);
                false
            }
        }
    }

    fn finish(self) -> ArrayRef {
        let nulls = (self.nulls > 0).then(|| self.values.iter().map(|v| !v.is_nan()).collect::<NullBuffer>());
        Arc::new(Float64Array::new(self.values.into(), nulls))
    }
}

/// `007`, `1000 US$`, or anything else that is no plain number: a code or a text that must keep its spelling.
pub fn looks_like_code(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if matches!(digits, [b'0', b'0'..=b'9', ..]) || text.first() == Some(&b'+') || digits.len() > 15 {
        return true;
    }
    let plain = |c: char| c.is_ascii_digit() || "+-.,eE ()'\u{a0}\u{202f}".contains(c);
    !digits.iter().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b','))
        && !std::str::from_utf8(digits).is_ok_and(|t| t.chars().all(plain))
}

/// A block as arrays, [`None`] for a column that was skipped.
pub struct Finished {
    pub rows: usize,
    pub arrays: Vec<Option<ArrayRef>>,
    pub faults: Vec<Fault>,
    pub repairs: Vec<Repair>,
}

/// A parsed block.
pub struct Parsed {
    pub rows: usize,
    pub cells: Vec<Cells>,
    /// Rows counted from the start of the block.
    pub faults: Vec<Fault>,
    pub repairs: Vec<Repair>,
}

impl Parsed {
    /// Calls `take` with the distinct texts that are not UTF-8.
    pub fn broken<'a>(&'a self, mut take: impl FnMut(&'a [u8])) {
        for cells in &self.cells {
            if let Cells::Text(text) = cells
                && !text.valid
            {
                text.texts().filter(|t| std::str::from_utf8(t).is_err()).for_each(&mut take);
            }
        }
    }

    /// Letters beyond ASCII in the distinct texts of the columns where some are not UTF-8.
    pub fn letters(&self) -> Letters {
        let mut all = Letters::default();
        for cells in &self.cells {
            if let Cells::Text(text) = cells
                && !text.valid
            {
                text.texts().map(encoding::count).for_each(|l| {
                    all.valid += l.valid;
                    all.broken += l.broken;
                });
            }
        }
        all
    }

    pub fn finish(self, other: &'static Encoding) -> Result<Finished> {
        let arrays: Result<Vec<_>> = self
            .cells
            .into_iter()
            .map(|cells| {
                Ok(match cells {
                    Cells::Text(text) => Some(text.finish(other)?),
                    Cells::Number(numbers) => Some(numbers.finish()),
                    Cells::Skip => None,
                })
            })
            .collect();
        Ok(Finished { rows: self.rows, arrays: arrays?, faults: self.faults, repairs: self.repairs })
    }
}

/// Parses a block that begins with a record and ends with one.
pub fn parse_block(block: &[u8], plan: &[ReadAs], rule: &Rule) -> Parsed {
    let number = |format, guess| {
        Cells::Number(NumberCells {
            values: Vec::new(),
            nulls: 0,
            format,
            guess,
            ballot: Ballot::default(),
            whole: true,
            broken: false,
            other_sign: 0,
        })
    };
    let cells = plan
        .iter()
        .map(|how| match *how {
            ReadAs::Text => Cells::Text(TextCells::new()),
            ReadAs::Number(format) => number(format, false),
            ReadAs::Guess(format) => number(format, true),
            ReadAs::Skip => Cells::Skip,
        })
        .collect();
    let parsed = Parsed { rows: 0, cells, faults: Vec::new(), repairs: Vec::new() };
    let zeros = memchr::memchr(0, block).is_some();
    let mut sink = Sink { parsed, plan, zeros, filled: false, beyond: false };
    if memchr::memchr(b'"', block).is_none() {
        unquoted_block(block, rule, &mut sink);
    } else {
        quoted_block(block, rule, &mut sink);
    }
    sink.parsed.cells.iter_mut().for_each(Cells::close);
    sink.parsed
}

struct Sink<'a> {
    parsed: Parsed,
    plan: &'a [ReadAs],
    /// The block holds zero bytes.
    zeros: bool,
    /// A cell of this row holds something.
    filled: bool,
    /// A cell beyond the last column was told for this row.
    beyond: bool,
}

impl Sink<'_> {
    fn tell(&mut self, column: usize, text: &[u8], reason: &'static str) {
        let row = self.parsed.rows as u32;
        let column = if column < self.plan.len() { column as u32 } else { Fault::BEYOND };
        self.parsed.faults.push(Fault { row, column, raw: Some(shown(text).into()), reason });
    }

    /// Tells a cell that is kept otherwise than it stands in the file.
    fn mend(&mut self, column: usize, raw: &[u8], value: &[u8], reason: &'static str) {
        if column < self.plan.len() {
            let row = self.parsed.rows as u32;
            let (raw, value) = (Some(shown(raw).into()), shown(value).into());
            self.parsed.repairs.push(Repair { row, column: column as u32, raw, value, reason });
        }
    }

    fn cell(&mut self, column: usize, text: &[u8]) {
        if self.zeros && text.contains(&0) {
            let kept: Vec<u8> = text.iter().copied().filter(|&b| b != 0).collect();
            self.mend(column, text, &kept, ZERO_BYTES);
            return self.plain(column, &kept);
        }
        self.plain(column, text);
    }

    fn plain(&mut self, column: usize, text: &[u8]) {
        self.filled |= !text.is_empty();
        if column >= self.plan.len() {
            // A delimiter behind the last cell is no cell.
            if !self.beyond && !text.trim_ascii().is_empty() {
                self.beyond = true;
                self.tell(column, text, LONG);
            }
            return;
        }
        let Parsed { cells, faults, rows, .. } = &mut self.parsed;
        match cells.get_mut(column) {
            Some(Cells::Text(cells)) => cells.push(text),
            Some(Cells::Number(cells)) => {
                let read = cells.push(text);
                if read || cells.guess {
                    return;
                }
                faults.push(Fault {
                    row: *rows as u32,
                    column: column as u32,
                    raw: Some(shown(text).into()),
                    reason: NOT_A_NUMBER,
                });
            }
            Some(Cells::Skip) => {}
            None => {}
        }
    }

    fn end_row(&mut self, columns: usize) {
        let blank = !self.filled;
        self.filled = false;
        self.beyond = false;
        if blank && self.plan.len() > 1 {
            self.parsed.faults.push(Fault { row: self.parsed.rows as u32, column: 0, raw: None, reason: BLANK });
        }
        if columns < self.plan.len() {
            // A blank record lacks nothing that could be missed.
            if !blank {
                self.parsed.faults.push(Fault {
                    row: self.parsed.rows as u32,
                    column: columns as u32,
                    raw: None,
                    reason: SHORT,
                });
            }
            for column in columns..self.plan.len() {
                match &mut self.parsed.cells[column] {
                    Cells::Text(cells) => cells.push(b""),
                    Cells::Number(cells) => {
                        cells.push(b"");
                    }
                    Cells::Skip => {}
                }
            }
        }
        self.parsed.rows += 1;
    }
}

/// Without quotes a record is a line and a field lies between delimiters.
fn unquoted_block(block: &[u8], rule: &Rule, sink: &mut Sink) {
    let mut at = 0;
    while at < block.len() {
        let stop = memchr::memchr(rule.end.byte(), &block[at..]).map_or(block.len(), |n| at + n);
        unquoted_line(&block[at..stop], rule, sink);
        at = stop + 1;
    }
}

fn unquoted_line(line: &[u8], rule: &Rule, sink: &mut Sink) {
    let line = rule.trimmed(line);
    if rule.is_blank(line) {
        return;
    }
    let mut column = 0;
    let mut from = 0;
    for to in memchr::memchr_iter(rule.delimiter, line) {
        sink.cell(column, &line[from..to]);
        column += 1;
        from = to + 1;
    }
    sink.cell(column, &line[from..]);
    sink.end_row(column + 1);
}

fn quoted_block(block: &[u8], rule: &Rule, sink: &mut Sink) {
    let mut at = 0;
    while at < block.len() {
        let line = memchr::memchr(rule.end.byte(), &block[at..]).map_or(block.len(), |n| at + n);
        if memchr::memchr(b'"', &block[at..line]).is_none() {
            unquoted_line(&block[at..line], rule, sink);
            at = line + 1;
            continue;
        }
        let mut column = 0;
        let stop = rule.quoted_record(block, at, |from, to, kind| {
            let last = block.get(to) != Some(&rule.delimiter);
            let cell = if last { rule.trimmed(&block[from..to]) } else { &block[from..to] };
            match kind {
                Opening::Quoted(_) => sink.cell(column, &unquoted(cell)),
                Opening::Literal => {
                    sink.mend(column, cell, cell, OPEN_QUOTE);
                    sink.cell(column, cell);
                }
                Opening::Unknown => sink.cell(column, cell),
            }
            column += 1;
        });
        sink.end_row(column);
        at = stop + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::bytes::LineEnd;
    use arrow::array::AsArray;
    use arrow::datatypes::Float64Type;
    use encoding_rs::WINDOWS_1252;

    fn parse(text: &str, plan: &[ReadAs]) -> Finished {
        let rule = Rule::new(b',', LineEnd::detect(text.as_bytes()), plan.len());
        parse_block(text.as_bytes(), plan, &rule).finish(WINDOWS_1252).unwrap()
    }

    fn texts(array: &ArrayRef) -> Vec<Option<String>> {
        let plain = arrow::compute::cast(array, &arrow::datatypes::DataType::Utf8).unwrap();
        plain.as_string::<i32>().iter().map(|t| t.map(str::to_owned)).collect()
    }

    #[test]
    fn quoted_and_unquoted_blocks_agree() {
        let plan = [ReadAs::Text, ReadAs::Number(NumberFormat::default())];
        for (a, b) in [("x,1\ny,\n,3\n", "\"x\",1\ny,\n,\"3\"\n"), ("x,1\r\ny,\r\n,3", "\"x\",1\r\n\"y\",\r\n,3")] {
            let (a, b) = (parse(a, &plan), parse(b, &plan));
            let column = |f: &Finished, i: usize| f.arrays[i].clone().unwrap();
            assert_eq!((a.rows, texts(&column(&a, 0))), (3, texts(&column(&b, 0))));
            assert_eq!(column(&a, 1).as_ref(), column(&b, 1).as_ref());
        }
    }

    #[test]
    fn ragged_rows_stay_and_are_told() {
        let plan = [ReadAs::Text, ReadAs::Text, ReadAs::Number(NumberFormat::default())];
        let Finished { rows, arrays: columns, faults, .. } = parse("a,b,1\nc\nd,e,2,extra\nf,g,oops\n", &plan);
        assert_eq!(rows, 4);
        assert_eq!(columns[2].as_ref().unwrap().null_count(), 2);
        let told: Vec<_> = faults.iter().map(|f| (f.row, f.column, f.reason)).collect();
        assert_eq!(told, [(1, 1, SHORT), (2, Fault::BEYOND, LONG), (3, 2, NOT_A_NUMBER)]);
        assert_eq!(columns[2].as_ref().unwrap().as_primitive::<Float64Type>().value(2), 2.0);
    }

    #[test]
    fn latin_1_is_read_where_it_is_not_utf_8() {
        let block = b"caf\xe9,\xc3\xa9t\xc3\xa9\n";
        let parsed = parse_block(block, &[ReadAs::Text, ReadAs::Text], &Rule::new(b',', LineEnd::Newline, 2));
        let parsed = parsed.finish(WINDOWS_1252).unwrap();
        assert_eq!(texts(parsed.arrays[0].as_ref().unwrap()), [Some("café".into())]);
        assert_eq!(texts(parsed.arrays[1].as_ref().unwrap()), [Some("été".into())]);
    }
}
