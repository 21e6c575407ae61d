//! One block of text into columns.

use arrow::array::ArrayRef;
use encoding_rs::Encoding;

use super::bytes::LineEnd;
use super::cells::{Cells, ReadAs};
use super::encoding::{Letters, shown};
use super::marks::Marks;
use super::rule::{LONGEST_RECORD, Opening, Rule, unquoted};
use crate::error::Result;
use crate::ingest::encoding;
use crate::store::{Fault, NOT_A_NUMBER, Repair};

pub const SHORT: &str = "the row is too short: this cell and those after it are missing";
pub const LONG: &str = "the row has more cells than the header";
pub const OPEN_QUOTE: &str = "a quote opens this cell and none closes it: the quote is kept as text";
pub const ZERO_BYTES: &str = "zero bytes were left out of this cell";
pub const BLANK: &str = "the record is blank";

/// A block as arrays; [`None`] for a skipped column.
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
    /// Rows are counted from the start of the block.
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

    /// Letters beyond ASCII in the distinct texts of columns that are not completely UTF-8.
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

/// Parses a block that begins and ends with a record.
pub fn parse_block(block: &[u8], plan: &[ReadAs], rule: &Rule) -> Parsed {
    let mut marks = Marks::new(block, [rule.delimiter, rule.end.byte(), b'"']);
    // A line is a record, except for rare cells of several lines.
    let rows = memchr::memchr_iter(rule.end.byte(), block).count() + 1;
    let cells = plan.iter().map(|how| Cells::new(*how, rows)).collect();
    let parsed = Parsed { rows: 0, cells, faults: Vec::new(), repairs: Vec::new() };
    let zeros = memchr::memchr(0, block).is_some();
    let mut sink = Sink { parsed, plan, zeros, filled: false, beyond: false };
    records(block, rule, &mut marks, &mut sink);
    sink.parsed.cells.iter_mut().for_each(Cells::close);
    sink.parsed
}

struct Sink<'a> {
    parsed: Parsed,
    plan: &'a [ReadAs],
    /// The block holds zero bytes.
    zeros: bool,
    /// A cell of this row is not blank.
    filled: bool,
    /// A cell after the last column was reported for this row.
    beyond: bool,
}

impl Sink<'_> {
    fn tell(&mut self, column: usize, text: &[u8], reason: &'static str) {
        let row = self.parsed.rows as u32;
        let column = if column < self.plan.len() { column as u32 } else { Fault::BEYOND };
        self.parsed.faults.push(Fault { row, column, raw: Some(shown(text).into()), reason });
    }

    /// Reports a cell whose value differs from its text in the file.
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
            // A delimiter after the last cell does not begin another cell.
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
            // A blank record is not reported for missing cells.
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

/// Splits the block into records and cells.
fn records(block: &[u8], rule: &Rule, marks: &mut Marks, sink: &mut Sink) {
    let (mut record, mut from, mut column) = (0, 0, 0);
    while record < block.len() {
        let stop = if block.get(from) == Some(&b'"') {
            match enclosed(block, rule, marks, from) {
                Some((stop, inner)) => {
                    sink.cell(column, inner);
                    stop
                }
                None => {
                    let stop = doubtful(block, rule, record, from, column, sink);
                    marks.go_to(stop + 1);
                    stop
                }
            }
        } else {
            let stop = loop {
                match marks.take() {
                    // A quote after the first byte is an ordinary character.
                    Some(at) if block[at] == b'"' => {}
                    Some(at) => break at,
                    None => break block.len(),
                }
            };
            let cell = own(block, rule, from, stop);
            if column == 0 && block.get(stop) != Some(&rule.delimiter) && rule.is_blank(cell) {
                (record, from) = (stop + 1, stop + 1);
                continue;
            }
            sink.cell(column, cell);
            stop
        };
        column += 1;
        from = stop + 1;
        if block.get(stop) != Some(&rule.delimiter) {
            sink.end_row(column);
            (record, column) = (from, 0);
        }
    }
}

/// A quoted cell of one line without other quotes: the end of the cell, and its content.
#[inline(always)]
fn enclosed<'a>(block: &'a [u8], rule: &Rule, marks: &mut Marks, from: usize) -> Option<(usize, &'a [u8])> {
    marks.take(); // the quote that opens it
    let close = loop {
        let at = marks.take()?;
        match block[at] {
            b'"' => break at,
            byte if byte == rule.end.byte() => return None,
            _ => {}
        }
    };
    let mut stop = close + 1;
    if rule.end == LineEnd::Newline && block.get(stop..stop + 2) == Some(b"\r\n") {
        stop += 1;
    }
    let ends = |&byte: &u8| byte == rule.delimiter || byte == rule.end.byte();
    if !block.get(stop).is_none_or(ends) || close - from >= LONGEST_RECORD {
        return None;
    }
    marks.take();
    Some((stop, &block[from + 1..close]))
}

/// Reads any other cell that begins with a quote, according to the rule, and returns its end.
#[inline(never)]
fn doubtful(block: &[u8], rule: &Rule, record: usize, from: usize, column: usize, sink: &mut Sink) -> usize {
    let (stop, kind) = rule.cell(block, record, from);
    let cell = own(block, rule, from, stop);
    if kind == Opening::Literal {
        sink.mend(column, cell, cell, OPEN_QUOTE);
        sink.cell(column, cell);
    } else {
        sink.cell(column, &unquoted(cell));
    }
    stop
}

/// A cell without the carriage return of the line end after it.
#[inline(always)]
fn own<'a>(block: &'a [u8], rule: &Rule, from: usize, stop: usize) -> &'a [u8] {
    let cell = &block[from..stop];
    if block.get(stop) == Some(&rule.delimiter) { cell } else { rule.trimmed(cell) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Float64Type;
    use encoding_rs::WINDOWS_1252;

    use crate::store::NumberFormat;

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
