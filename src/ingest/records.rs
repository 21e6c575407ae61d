//! One block of text into columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Float64Array, StringArray, UInt32Array};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::UInt32Type;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

use super::bytes::LineEnd;
use crate::error::Result;
use crate::store::{Decimal, Fault, NOT_A_NUMBER, NumberCell, parse_number};

pub const SHORT: &str = "the row is too short: this cell and those after it are missing";
pub const LONG: &str = "the row has more cells than the header";

/// How a column of the file is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReadAs {
    Text,
    /// A number by its role: what cannot be read is a fault.
    Number(Decimal),
    /// A number as long as every cell is one.
    Guess(Decimal),
    Skip,
}

/// One column of one block.
pub enum Cells {
    Text(TextCells),
    Number(NumberCells),
    Skip,
}

pub struct TextCells {
    ids: Vec<u32>,
    bytes: Vec<u8>,
    ends: Vec<u32>,
    table: HashTable<(u64, u32)>,
    hasher: FixedState,
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
        }
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

    fn finish(self) -> Result<ArrayRef> {
        let values = if simdutf8::basic::from_utf8(&self.bytes).is_ok() {
            // A valid whole can still be cut in the middle of a character by odd cells; the checked
            // constructor below looks at every boundary.
            let offsets = ends_to_offsets(&self.ends);
            StringArray::try_new(offsets, Buffer::from_vec(self.bytes.clone()), None)
                .unwrap_or_else(|_| decode_each(&self.bytes, &self.ends))
        } else {
            decode_each(&self.bytes, &self.ends)
        };
        let nulls = self.ids.contains(&NULL).then(|| self.ids.iter().map(|&id| id != NULL).collect::<NullBuffer>());
        let ids: Vec<u32> = self.ids.into_iter().map(|id| if id == NULL { 0 } else { id }).collect();
        let keys = UInt32Array::new(ids.into(), nulls);
        Ok(Arc::new(DictionaryArray::<UInt32Type>::try_new(keys, Arc::new(values))?))
    }
}

fn ends_to_offsets(ends: &[u32]) -> OffsetBuffer<i32> {
    OffsetBuffer::new(ends.iter().map(|&e| e as i32).collect::<ScalarBuffer<i32>>())
}

/// Cells that are not UTF-8 are Windows-1252, which reads every byte of Latin-1.
fn decode_each(bytes: &[u8], ends: &[u32]) -> StringArray {
    ends.windows(2)
        .map(|w| {
            let cell = &bytes[w[0] as usize..w[1] as usize];
            Some(match std::str::from_utf8(cell) {
                Ok(text) => std::borrow::Cow::Borrowed(text),
                Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(cell).0,
            })
        })
        .collect()
}

pub struct NumberCells {
    values: Vec<f64>,
    nulls: usize,
    decimal: Decimal,
    guess: bool,
    /// Every cell was a plain whole number.
    pub whole: bool,
    /// A cell was not a number, or a code with a leading zero: the guess was wrong.
    pub broken: bool,
    /// Cells that only the other decimal sign would read.
    pub other_sign: usize,
}

impl NumberCells {
    fn push(&mut self, text: &[u8]) -> bool {
        match parse_number(text, self.decimal) {
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
                let other = if self.decimal == Decimal::Point { Decimal::Comma } else { Decimal::Point };
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

/// `007`, or anything a spreadsheet would not write as a number: an identifier that must keep its spelling.
pub fn looks_like_code(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    matches!(digits, [b'0', b'0'..=b'9', ..]) || text.first() == Some(&b'+') || digits.len() > 15
}

/// A parsed block.
pub struct Parsed {
    pub rows: usize,
    pub cells: Vec<Cells>,
    /// Rows counted from the start of the block.
    pub faults: Vec<Fault>,
}

impl Parsed {
    /// The columns as arrays, [`None`] where they were skipped.
    pub fn finish(self) -> Result<(usize, Vec<Option<ArrayRef>>, Vec<Fault>)> {
        let arrays: Result<Vec<_>> = self
            .cells
            .into_iter()
            .map(|cells| {
                Ok(match cells {
                    Cells::Text(text) => Some(text.finish()?),
                    Cells::Number(numbers) => Some(numbers.finish()),
                    Cells::Skip => None,
                })
            })
            .collect();
        Ok((self.rows, arrays?, self.faults))
    }
}

pub fn parse_block(block: &[u8], plan: &[ReadAs], delimiter: u8, end: LineEnd) -> Parsed {
    let number = |decimal, guess| {
        Cells::Number(NumberCells {
            values: Vec::new(),
            nulls: 0,
            decimal,
            guess,
            whole: true,
            broken: false,
            other_sign: 0,
        })
    };
    let cells = plan
        .iter()
        .map(|how| match *how {
            ReadAs::Text => Cells::Text(TextCells::new()),
            ReadAs::Number(decimal) => number(decimal, false),
            ReadAs::Guess(decimal) => number(decimal, true),
            ReadAs::Skip => Cells::Skip,
        })
        .collect();
    let mut sink = Sink { parsed: Parsed { rows: 0, cells, faults: Vec::new() }, plan };
    if memchr::memchr(b'"', block).is_none() {
        unquoted(block, delimiter, end, &mut sink);
    } else {
        quoted(block, delimiter, end, &mut sink);
    }
    sink.parsed
}

struct Sink<'a> {
    parsed: Parsed,
    plan: &'a [ReadAs],
}

impl Sink<'_> {
    fn cell(&mut self, column: usize, text: &[u8]) {
        let Parsed { cells, faults, rows } = &mut self.parsed;
        let columns = cells.len();
        match cells.get_mut(column) {
            Some(Cells::Text(cells)) => cells.push(text),
            Some(Cells::Number(cells)) => {
                let read = cells.push(text);
                if read || self.plan[column] == ReadAs::Guess(cells.decimal) {
                    return;
                }
                faults.push(Fault {
                    row: *rows as u32,
                    column: column as u32,
                    raw: Some(lossy(text).into()),
                    reason: NOT_A_NUMBER,
                });
            }
            Some(Cells::Skip) => {}
            None if column == columns => {
                faults.push(Fault {
                    row: *rows as u32,
                    column: Fault::BEYOND,
                    raw: Some(lossy(text).into()),
                    reason: LONG,
                });
            }
            None => {}
        }
    }

    fn end_row(&mut self, columns: usize) {
        if columns < self.plan.len() {
            self.parsed.faults.push(Fault {
                row: self.parsed.rows as u32,
                column: columns as u32,
                raw: None,
                reason: SHORT,
            });
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

fn lossy(text: &[u8]) -> String {
    match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(text).0.into_owned(),
    }
}

/// Without quotes a record is a line and a field lies between delimiters.
fn unquoted(block: &[u8], delimiter: u8, end: LineEnd, sink: &mut Sink) {
    let mut at = 0;
    while at < block.len() {
        let stop = memchr::memchr(end.byte(), &block[at..]).map_or(block.len(), |n| at + n);
        let mut line = &block[at..stop];
        at = stop + 1;
        if end == LineEnd::Newline {
            line = line.strip_suffix(b"\r").unwrap_or(line);
        }
        if line.is_empty() && sink.plan.len() > 1 {
            continue; // a blank line is no record
        }
        let mut column = 0;
        let mut from = 0;
        for to in memchr::memchr_iter(delimiter, line) {
            sink.cell(column, &line[from..to]);
            column += 1;
            from = to + 1;
        }
        sink.cell(column, &line[from..]);
        sink.end_row(column + 1);
    }
}

fn quoted(block: &[u8], delimiter: u8, end: LineEnd, sink: &mut Sink) {
    let terminator = csv_core::Terminator::Any(end.byte());
    let mut reader = csv_core::ReaderBuilder::new().delimiter(delimiter).terminator(terminator).build();
    let mut text = vec![0; 1 << 12];
    let mut ends = vec![0; sink.plan.len() + 16];
    let (mut at, mut written, mut fields) = (0, 0, 0);
    loop {
        let (result, read, wrote, found) = reader.read_record(&block[at..], &mut text[written..], &mut ends[fields..]);
        at += read;
        written += wrote;
        fields += found;
        match result {
            csv_core::ReadRecordResult::OutputFull => text.resize(text.len() * 2, 0),
            csv_core::ReadRecordResult::OutputEndsFull => ends.resize(ends.len() * 2, 0),
            csv_core::ReadRecordResult::InputEmpty => {} // called again with nothing, it flushes
            csv_core::ReadRecordResult::End => return,
            csv_core::ReadRecordResult::Record => {
                let mut from = 0;
                let last = fields - 1;
                let blank = fields == 1 && text[..written].trim_ascii().is_empty() && sink.plan.len() > 1;
                if !blank {
                    for (column, &to) in ends[..fields].iter().enumerate() {
                        let mut cell = &text[from..to];
                        from = to;
                        if column == last && end == LineEnd::Newline {
                            cell = cell.strip_suffix(b"\r").unwrap_or(cell);
                        }
                        sink.cell(column, cell);
                    }
                    sink.end_row(fields);
                }
                written = 0;
                fields = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Float64Type;

    fn parse(text: &str, plan: &[ReadAs]) -> (usize, Vec<Option<ArrayRef>>, Vec<Fault>) {
        parse_block(text.as_bytes(), plan, b',', LineEnd::detect(text.as_bytes())).finish().unwrap()
    }

    fn texts(array: &ArrayRef) -> Vec<Option<String>> {
        let plain = arrow::compute::cast(array, &arrow::datatypes::DataType::Utf8).unwrap();
        plain.as_string::<i32>().iter().map(|t| t.map(str::to_owned)).collect()
    }

    #[test]
    fn quoted_and_unquoted_blocks_agree() {
        let plan = [ReadAs::Text, ReadAs::Number(Decimal::Point)];
        for (a, b) in [("x,1\ny,\n,3\n", "\"x\",1\ny,\n,\"3\"\n"), ("x,1\r\ny,\r\n,3", "\"x\",1\r\n\"y\",\r\n,3")] {
            let (a, b) = (parse(a, &plan), parse(b, &plan));
            assert_eq!((a.0, texts(a.1[0].as_ref().unwrap())), (3, texts(b.1[0].as_ref().unwrap())));
            assert_eq!(a.1[1].as_ref().unwrap().as_ref(), b.1[1].as_ref().unwrap().as_ref());
        }
    }

    #[test]
    fn ragged_rows_stay_and_are_told() {
        let plan = [ReadAs::Text, ReadAs::Text, ReadAs::Number(Decimal::Point)];
        let (rows, columns, faults) = parse("a,b,1\nc\nd,e,2,extra\nf,g,oops\n", &plan);
        assert_eq!(rows, 4);
        assert_eq!(columns[2].as_ref().unwrap().null_count(), 2);
        let told: Vec<_> = faults.iter().map(|f| (f.row, f.column, f.reason)).collect();
        assert_eq!(told, [(1, 1, SHORT), (2, Fault::BEYOND, LONG), (3, 2, NOT_A_NUMBER)]);
        assert_eq!(columns[2].as_ref().unwrap().as_primitive::<Float64Type>().value(2), 2.0);
    }

    #[test]
    fn latin_1_is_read_where_it_is_not_utf_8() {
        let block = b"caf\xe9,\xc3\xa9t\xc3\xa9\n";
        let parsed = parse_block(block, &[ReadAs::Text, ReadAs::Text], b',', LineEnd::Newline).finish().unwrap();
        assert_eq!(texts(parsed.1[0].as_ref().unwrap()), [Some("café".into())]);
        assert_eq!(texts(parsed.1[1].as_ref().unwrap()), [Some("été".into())]);
    }
}
