//! The bytes of a file, whatever compresses them, and where its lines end.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, Result};

pub fn open_error(path: &Path, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::MissingFile(path.display().to_string()),
        io::ErrorKind::UnexpectedEof => {
            Error::TruncatedFile { path: path.to_owned(), detail: "the compressed data stops in the middle".into() }
        }
        _ => Error::Read { path: path.to_owned(), detail: error.to_string() },
    }
}

fn head(path: &Path) -> Result<Vec<u8>> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(|e| open_error(path, &e))?;
    file.take(4).read_to_end(&mut start).map_err(|e| open_error(path, &e))?;
    if start.is_empty() {
        return Err(Error::EmptyFile { path: path.to_owned(), what: "the file is empty" });
    }
    Ok(start)
}

/// What a file is by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Parquet,
    Workbook,
    Text,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Parquet => "Parquet",
            Kind::Workbook => "spreadsheet",
            Kind::Text => "text",
        }
    }
}

/// A wrong name is an error that says so.
pub fn kind(path: &Path) -> Result<Kind> {
    let start = head(path)?;
    let named = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet"));
    if start.starts_with(b"PAR1") {
        return Ok(Kind::Parquet);
    }
    if named {
        return Err(Error::Format {
            path: path.to_owned(),
            detail: "is not a Parquet file although it is called one; if it is text, rename it to .csv".into(),
        });
    }
    Ok(if super::sheet::is_workbook(&start) { Kind::Workbook } else { Kind::Text })
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

    /// The first line end outside quotes tells.
    pub fn detect(sample: &[u8]) -> LineEnd {
        let mut quoted = false;
        for (at, &byte) in sample.iter().enumerate() {
            match byte {
                b'"' => quoted = !quoted,
                b'\n' if !quoted => return LineEnd::Newline,
                b'\r' if !quoted => {
                    let next = sample[at..].iter().find(|&&b| b != b'\r');
                    return if next == Some(&b'\n') { LineEnd::Newline } else { LineEnd::Return };
                }
                _ => {}
            }
        }
        // A quote that never closes hides them.
        if quoted && !sample.contains(&b'\n') && sample.contains(&b'\r') { LineEnd::Return } else { LineEnd::Newline }
    }
}

/// The bytes of a file, uncompressed.
pub fn reader(path: &Path) -> Result<Box<dyn Read + Send>> {
    let start = head(path)?;
    let file = File::open(path).map_err(|e| open_error(path, &e))?;
    Ok(match &start[..] {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(io::BufReader::with_capacity(1 << 18, file))),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(file).map_err(|e| open_error(path, &e))?),
        _ => Box::new(file),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_end_outside_quotes_counts() {
        for (text, end) in [
            ("a,b\n1,2\n", LineEnd::Newline),
            ("a,b\r\n1,2\r\n", LineEnd::Newline),
            ("a,b\r\r\n1,2\r\r\n", LineEnd::Newline),
            ("a,b\r1,2\r", LineEnd::Return),
            ("a,\"b\nc\"\r1,2\r", LineEnd::Return),
            ("a,\"b\rc\"\n1,2\n", LineEnd::Newline),
            ("a,b", LineEnd::Newline),
        ] {
            assert_eq!(LineEnd::detect(text.as_bytes()), end, "{text:?}");
        }
    }
}
