//! The blocks of one text file, in order, as UTF-8. A block ends at the end of a record.

use std::io::{self, Read};
use std::path::PathBuf;

use encoding_rs::{Encoding, UTF_8};

use super::bytes;
use super::encoding::{Decoded, Found};
use super::handle::open_error;
use super::input::Input;
use super::rule::{LONGEST_RECORD, Rule};
use crate::error::{Error, Result};
use crate::ingest::encoding;

pub const BLOCK: usize = 4 << 20;
const SAMPLE: usize = 1 << 16;
/// The number of lines in a sample.
const SAMPLE_LINES: usize = 20;

pub struct Blocks {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    rest: Vec<u8>,
    rule: Rule,
    size: usize,
    ended: bool,
}

impl Blocks {
    /// Opens a file. `asked` is the encoding given by the user.
    pub fn open(input: &Input, asked: Option<&'static Encoding>) -> Result<(Blocks, Found)> {
        let mut blocks = Blocks {
            path: input.path().to_owned(),
            reader: bytes::reader(input)?,
            rest: Vec::new(),
            rule: Rule::new(b',', bytes::LineEnd::Newline, 0),
            size: BLOCK,
            ended: false,
        };
        blocks.fill(SAMPLE)?;
        let found = encoding::detect(&blocks.rest, asked, blocks.ended);
        blocks.decode(&found);
        blocks.fill(SAMPLE)?;
        let mut size = SAMPLE;
        while !blocks.ended && size < LONGEST_RECORD && blocks.lines() < SAMPLE_LINES {
            size *= 4;
            blocks.fill(size)?;
            // After a megabyte one line is enough, the header.
            if size >= 1 << 20 && blocks.lines() > 1 {
                break;
            }
        }
        Ok((blocks, found))
    }

    fn lines(&self) -> usize {
        memchr::memchr2_iter(b'\n', b'\r', &self.rest).count()
    }

    /// Drops the byte order mark, and decodes another encoding to UTF-8 from here on.
    fn decode(&mut self, found: &Found) {
        self.rest.drain(..found.mark);
        if found.encoding == UTF_8 {
            return;
        }
        let seen = io::Cursor::new(std::mem::take(&mut self.rest));
        let inner = seen.chain(std::mem::replace(&mut self.reader, Box::new(io::empty())));
        self.ended = false;
        self.reader = Box::new(Decoded::new(inner, found.encoding));
    }

    /// Reads until `rest` holds `size` bytes or the file ends.
    fn fill(&mut self, size: usize) -> Result<()> {
        if self.ended || self.rest.len() >= size {
            return Ok(());
        }
        let missing = (size - self.rest.len()) as u64;
        self.rest.reserve(missing as usize);
        let read = self.reader.by_ref().take(missing).read_to_end(&mut self.rest);
        let read = read.map_err(|e| match e.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                Error::Format { path: self.path.clone(), detail: format!("is damaged: {e}") }
            }
            // zstd reports "incomplete frame" only in its message.
            io::ErrorKind::Other if e.to_string().contains("incomplete") => {
                Error::TruncatedFile { path: self.path.clone(), detail: e.to_string() }
            }
            // Other errors of zstd: unknown frames, wrong checksums.
            io::ErrorKind::Other => Error::Format { path: self.path.clone(), detail: format!("is damaged: {e}") },
            _ => open_error(&self.path, &e),
        })?;
        self.ended = (read as u64) < missing;
        Ok(())
    }

    /// The beginning of the text, and whether it is the whole text.
    pub fn sample(&self) -> (&[u8], bool) {
        (&self.rest, self.ended)
    }

    /// Removes `length` bytes before the first record, and splits the rest with this rule.
    pub fn split_by(&mut self, rule: Rule, length: usize, size: Option<usize>) {
        self.rest.drain(..length.min(self.rest.len()));
        self.rule = rule;
        self.size = size.unwrap_or(BLOCK).max(1);
    }

    fn next_block(&mut self) -> Result<Option<Vec<u8>>> {
        let mut size = self.size;
        loop {
            self.fill(size)?;
            if self.rest.is_empty() {
                return Ok(None);
            }
            // A sample may be larger than a block.
            let seen = self.rest.len().min(size);
            let whole = self.ended && seen == self.rest.len();
            if whole {
                return Ok(Some(std::mem::take(&mut self.rest)));
            }
            if let Some(cut) = self.rule.last_end(&self.rest[..seen], false) {
                let rest = self.rest[cut..].to_vec();
                let mut block = std::mem::replace(&mut self.rest, rest);
                block.truncate(cut);
                return Ok(Some(block));
            }
            // A record larger than the block.
            if size > 2 * LONGEST_RECORD {
                return Err(Error::Format {
                    path: self.path.clone(),
                    detail: format!(
                        "a record is longer than {} MiB; is it text with a record on each line?",
                        LONGEST_RECORD >> 20
                    ),
                });
            }
            size *= 2;
        }
    }
}

impl Iterator for Blocks {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_block().transpose()
    }
}
