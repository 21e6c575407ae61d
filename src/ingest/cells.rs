//! The cells of one column of one block of text, in the order of reading.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, DictionaryArray, Float64Array, StringArray, UInt32Array};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, UInt32Type};
use encoding_rs::Encoding;
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::encoding;
use crate::error::Result;
use crate::store::{DecimalVotes, NumberCell, NumberFormat, Plain, mix, parse_number, plain, short};

/// How a column of the file is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReadAs {
    Text,
    /// A number by its role. A cell that cannot be read is a fault.
    Number(NumberFormat),
    /// A number, as long as every cell is one.
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
    /// With room for about this many rows.
    pub fn new(how: ReadAs, rows: usize) -> Cells {
        match how {
            ReadAs::Text => Cells::Text(TextCells::new(rows)),
            ReadAs::Number(format) => Cells::Number(NumberCells::new(rows, format, false)),
            ReadAs::Guess(format) => Cells::Number(NumberCells::new(rows, format, true)),
            ReadAs::Skip => Cells::Skip,
        }
    }

    /// Frees memory that is needed only for more cells.
    pub fn close(&mut self) {
        if let Cells::Text(text) = self {
            text.short = HashTable::new();
            text.long = HashTable::new();
            text.bytes.shrink_to_fit();
            text.valid = simdutf8::basic::from_utf8(&text.bytes).is_ok();
        }
    }
}

pub struct TextCells {
    ids: Vec<u32>,
    /// The distinct texts, concatenated.
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Short texts are compared as one number, without reading the bytes.
    short: HashTable<(u128, u32)>,
    long: HashTable<(u64, u32)>,
    hasher: FixedState,
    /// The concatenated texts are UTF-8.
    pub valid: bool,
}

const NULL: u32 = u32::MAX;

impl TextCells {
    fn new(rows: usize) -> Self {
        TextCells {
            ids: Vec::with_capacity(rows),
            bytes: Vec::new(),
            ends: vec![0],
            short: HashTable::new(),
            long: HashTable::new(),
            hasher: FixedState::default(),
            valid: true,
        }
    }

    /// The distinct texts, as bytes.
    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.ends.windows(2).map(|w| &self.bytes[w[0] as usize..w[1] as usize])
    }

    #[inline(always)]
    pub fn push(&mut self, text: &[u8]) {
        let id = match short(text) {
            Some(0) => NULL,
            Some(view) => match self.short.find(mix(view), |&(other, _)| other == view) {
                Some(&(_, id)) => id,
                None => {
                    let id = self.add(text);
                    self.short.insert_unique(mix(view), (view, id), |&(other, _)| mix(other));
                    id
                }
            },
            None => self.push_long(text),
        };
        self.ids.push(id);
    }

    #[inline(never)]
    fn push_long(&mut self, text: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(text);
        let (bytes, ends) = (&self.bytes, &self.ends);
        let stored = |id: u32| &bytes[ends[id as usize] as usize..ends[id as usize + 1] as usize];
        if let Some(&(_, id)) = self.long.find(hash, |&(h, id)| h == hash && stored(id) == text) {
            return id;
        }
        let id = self.add(text);
        self.long.insert_unique(hash, (hash, id), |&(h, _)| h);
        id
    }

    /// Adds a text that is new.
    #[inline(never)]
    fn add(&mut self, text: &[u8]) -> u32 {
        let id = self.ends.len() as u32 - 1;
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as u32);
        id
    }

    /// Texts that are not UTF-8 are decoded with the `other` encoding.
    pub fn finish(self, other: &'static Encoding) -> Result<ArrayRef> {
        // Even if the whole is valid, a cell may begin in the middle of a character.
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
        // If all cells are null, there is no text for their keys.
        let values = if values.is_empty() { StringArray::from(vec![""]) } else { values };
        let keys = UInt32Array::new(ids.into(), nulls);
        Ok(Arc::new(DictionaryArray::<UInt32Type>::try_new(keys, Arc::new(values))?))
    }
}

pub struct NumberCells {
    values: Vec<f64>,
    nulls: usize,
    format: NumberFormat,
    /// Text that is not a number is not a fault.
    pub guess: bool,
    /// The votes of the cells on the decimal sign, up to the first clear one.
    pub decimal_votes: DecimalVotes,
    /// Every cell was a plain whole number.
    pub whole: bool,
    /// A cell was not a number, or was a code with a leading zero. The guess was wrong.
    pub broken: bool,
    /// Cells that only the other decimal sign can read.
    pub other_sign: usize,
}

impl NumberCells {
    fn new(rows: usize, format: NumberFormat, guess: bool) -> Self {
        NumberCells {
            values: Vec::with_capacity(rows),
            nulls: 0,
            format,
            guess,
            decimal_votes: DecimalVotes::default(),
            whole: true,
            broken: false,
            other_sign: 0,
        }
    }

    /// Whether the cell could be read or is empty.
    #[inline(always)]
    pub fn push(&mut self, text: &[u8]) -> bool {
        let Some(Plain { value, whole }) = plain(text, self.format.decimal) else { return self.push_other(text) };
        if !whole {
            self.vote(text);
            self.whole = false;
        }
        if self.guess && looks_like_code(text) {
            self.broken = true;
        }
        self.values.push(value);
        true
    }

    fn vote(&mut self, text: &[u8]) {
        if self.decimal_votes.point == 0 && self.decimal_votes.comma == 0 {
            self.decimal_votes.add(text, 1);
        }
    }

    /// Reads cells that are not plain numbers.
    #[inline(never)]
    fn push_other(&mut self, text: &[u8]) -> bool {
        self.vote(text);
        match parse_number(text, self.format) {
            NumberCell::Value(value) => {
                self.whole = false;
                if self.guess && looks_like_code(text) {
                    self.broken = true;
                }
                self.values.push(value);
                true
            }
            NumberCell::Missing => {
                self.nulls += 1;
                self.values.push(f64::NAN);
                // A word for a missing value stays as text, if the column has no role of numbers.
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

    pub fn finish(self) -> ArrayRef {
        let nulls = (self.nulls > 0).then(|| self.values.iter().map(|v| !v.is_nan()).collect::<NullBuffer>());
        Arc::new(Float64Array::new(self.values.into(), nulls))
    }
}

/// `007`, `1000 US$`, or anything else that is not a plain number: a code or a text that must keep its spelling.
pub fn looks_like_code(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if matches!(digits, [b'0', b'0'..=b'9', ..]) || text.first() == Some(&b'+') || digits.len() > 15 {
        return true;
    }
    let plain = |c: char| c.is_ascii_digit() || "+-.,eE ()'\u{a0}\u{202f}".contains(c);
    !digits.iter().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b','))
        && !std::str::from_utf8(digits).is_ok_and(|t| t.chars().all(plain))
}
