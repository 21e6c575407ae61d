//! A text file as UTF-8 bytes, whatever compresses or encodes it, in blocks that end where a
//! record ends.

use std::io::{self, Read};
use std::path::PathBuf;

use encoding_rs::{CoderResult, Decoder, UTF_16BE, UTF_16LE};

use super::compressed;
use super::input::{Input, open_error};
use crate::error::{Error, Result};

const BLOCK: usize = 4 << 20;

/// Whether the file is Parquet by its first bytes; a wrong name is an error that says so.
pub fn is_parquet(input: &Input) -> Result<bool> {
    let start = input.head(4)?;
    let path = input.path();
    let named = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet"));
    let detail = match &start[..] {
        b"PAR1" => return Ok(true),
        b"PARE" => super::parquet::ENCRYPTED,
        _ if named && compressed::is_compressed(&start) => {
            "is a compressed file although it is called Parquet; unpack it first, and name it by what it holds"
        }
        _ if named => "is not a Parquet file although it is called one; if it is text, rename it to .csv",
        [b'P', b'K', ..] => "is a zip archive or a spreadsheet; unpack it, or save the sheet as CSV",
        [b'B', b'Z', b'h', _] | [0xfd, b'7', b'z', b'X'] => {
            "is compressed with bzip2 or xz; unpack it first, or compress it with gzip or zstd"
        }
        _ => return Ok(false),
    };
    Err(Error::Format { path: path.to_owned(), detail: detail.into() })
}

/// Decodes UTF-16 while reading.
struct Utf16<R> {
    inner: R,
    decoder: Decoder,
    raw: Vec<u8>,
    ready: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() && !self.ended {
            self.raw.resize(1 << 16, 0);
            let n = self.inner.read(&mut self.raw)?;
            self.ended = n == 0;
            self.ready.clear();
            self.given = 0;
            let mut from = 0;
            loop {
                let needed = self.decoder.max_utf8_buffer_length(n - from).unwrap_or(4 * n + 16);
                let begin = self.ready.len();
                self.ready.resize(begin + needed, 0);
                let (result, read, written, _) =
                    self.decoder.decode_to_utf8(&self.raw[from..n], &mut self.ready[begin..], self.ended);
                self.ready.truncate(begin + written);
                from += read;
                if result == CoderResult::InputEmpty {
                    break;
                }
            }
        }
        let n = out.len().min(self.ready.len() - self.given);
        out[..n].copy_from_slice(&self.ready[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

/// Where a record ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    /// `\n`, with or without `\r` before it.
    Newline,
    /// `\r` alone.
    Return,
}

impl LineEnd {
    pub fn byte(self) -> u8 {
        match self {
            LineEnd::Newline => b'\n',
            LineEnd::Return => b'\r',
        }
    }

    pub fn detect(sample: &[u8]) -> LineEnd {
        let newline = sample.contains(&b'\n');
        if !newline && sample.contains(&b'\r') { LineEnd::Return } else { LineEnd::Newline }
    }
}

/// The blocks of one file, in order.
pub struct Blocks {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    rest: Vec<u8>,
    end: LineEnd,
    delimiter: u8,
    ended: bool,
}

impl Blocks {
    pub fn open(input: &Input) -> Result<Blocks> {
        let path = input.path();
        let start = input.head(4)?;
        let plain = compressed::plain(&start, input.reader()?).map_err(|e| open_error(path, &e))?;
        let mut blocks = Blocks {
            path: path.to_owned(),
            reader: plain,
            rest: Vec::new(),
            end: LineEnd::Newline,
            delimiter: b',',
            ended: false,
        };
        blocks.fill(1 << 16)?;
        if compressed::is_compressed(&start) && blocks.rest.starts_with(b"PAR1") {
            return Err(Error::Format {
                path: path.to_owned(),
                detail: "is a Parquet file inside a compressed one; unpack it first (Parquet compresses its columns \
                         itself)"
                    .into(),
            });
        }
        blocks.decode();
        blocks.fill(1 << 16)?;
        blocks.end = LineEnd::detect(&blocks.rest);
        Ok(blocks)
    }

    /// Drops a byte-order mark, and reads UTF-16 as UTF-8 from here on.
    fn decode(&mut self) {
        let encoding = match &self.rest[..] {
            [0xef, 0xbb, 0xbf, ..] => {
                self.rest.drain(..3);
                return;
            }
            [0xff, 0xfe, ..] => UTF_16LE,
            [0xfe, 0xff, ..] => UTF_16BE,
            _ => return,
        };
        let seen = io::Cursor::new(std::mem::take(&mut self.rest));
        let inner = seen.chain(std::mem::replace(&mut self.reader, Box::new(io::empty())));
        self.ended = false;
        self.reader = Box::new(Utf16 {
            inner,
            decoder: encoding.new_decoder_with_bom_removal(),
            raw: Vec::new(),
            ready: Vec::new(),
            given: 0,
            ended: false,
        });
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
            // zstd says "incomplete frame" in words only.
            io::ErrorKind::Other if e.to_string().contains("incomplete") => {
                Error::TruncatedFile { path: self.path.clone(), detail: e.to_string() }
            }
            // What else zstd cannot read: frames it does not know, checksums that do not fit.
            io::ErrorKind::Other => Error::Format { path: self.path.clone(), detail: format!("is damaged: {e}") },
            _ => open_error(&self.path, &e),
        })?;
        self.ended = (read as u64) < missing;
        Ok(())
    }

    /// The beginning of the text, for inspection.
    pub fn sample(&self) -> &[u8] {
        &self.rest
    }

    pub fn end(&self) -> LineEnd {
        self.end
    }

    pub fn set_delimiter(&mut self, delimiter: u8) {
        self.delimiter = delimiter;
    }

    /// Takes `length` bytes off the front: the header.
    pub fn drop_front(&mut self, length: usize) {
        self.rest.drain(..length);
    }

    fn next_block(&mut self) -> Result<Option<Vec<u8>>> {
        let mut size = BLOCK;
        loop {
            self.fill(size)?;
            if self.rest.is_empty() {
                return Ok(None);
            }
            if self.ended {
                return Ok(Some(std::mem::take(&mut self.rest)));
            }
            match last_record_end(&self.rest, self.end, self.delimiter) {
                Some(cut) => {
                    let rest = self.rest[cut..].to_vec();
                    let mut block = std::mem::replace(&mut self.rest, rest);
                    block.truncate(cut);
                    return Ok(Some(block));
                }
                None => size *= 2, // a record larger than the block
            }
        }
    }
}

impl Iterator for Blocks {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_block().transpose()
    }
}

/// The offset behind the last complete record. A line end inside quotes ends nothing; a quote
/// opens only at the start of a field, as the parser sees it.
fn last_record_end(block: &[u8], end: LineEnd, delimiter: u8) -> Option<usize> {
    if memchr::memchr(b'"', block).is_none() {
        return memchr::memrchr(end.byte(), block).map(|at| at + 1);
    }
    let mut last = None;
    let mut at = 0;
    let mut field_start = true;
    while at < block.len() {
        let byte = block[at];
        if field_start && byte == b'"' {
            // Skip to the closing quote; a doubled quote opens again at once.
            loop {
                let Some(step) = block.get(at + 1..).and_then(|rest| memchr::memchr(b'"', rest)) else {
                    return last;
                };
                at += 1 + step;
                if block.get(at + 1) == Some(&b'"') {
                    at += 1;
                } else {
                    break;
                }
            }
            field_start = false;
            at += 1;
            if at >= block.len() {
                return last;
            }
            continue;
        }
        if byte == end.byte() {
            last = Some(at + 1);
            field_start = true;
        } else {
            field_start = byte == delimiter;
        }
        at += 1;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_end_outside_quotes_only() {
        let cut = |text: &[u8]| last_record_end(text, LineEnd::Newline, b',');
        assert_eq!(cut(b"a,b\nc"), Some(4));
        assert_eq!(cut(b"a,\"b\nc\"\nd"), Some(8));
        assert_eq!(cut(b"a,5\" pipe\nd,\"x\"\ne"), Some(16));
        assert_eq!(cut(b"a\n\"open\n"), Some(2));
        assert_eq!(cut(b"\"a\"\"\n\"\nz"), Some(7));
        assert_eq!(last_record_end(b"a\rb", LineEnd::Return, b','), Some(2));
    }
}
