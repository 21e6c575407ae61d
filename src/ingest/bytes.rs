//! The kind of a file by its first bytes, and the line ends of a text.

use std::io::Read;

use super::compressed;
use super::handle::open_error;
use super::input::Input;
use crate::error::{Error, Result};

/// The message for an encrypted Parquet file.
pub const ENCRYPTED: &str = "is an encrypted Parquet file; decrypt it first, with a program that has the key";

/// The kind of a file by its first bytes.
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

    /// A file with a misleading name is an error that says so.
    pub fn of(input: &Input) -> Result<Kind> {
        let start = input.head(4)?;
        let path = input.path();
        let named = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet"));
        let detail = match &start[..] {
            b"PAR1" => return Ok(Kind::Parquet),
            b"PARE" => ENCRYPTED,
            _ if named && compressed::is_compressed(&start) => {
                "is a compressed file although it is called Parquet; unpack it first, and correct its name"
            }
            _ if named => "is not a Parquet file although it is called one; if it is text, rename it to .csv",
            _ if is_workbook(&start) => return Ok(Kind::Workbook),
            [b'B', b'Z', b'h', _] | [0xfd, b'7', b'z', b'X'] => {
                "is compressed with bzip2 or xz; unpack it first, or compress it with gzip or zstd"
            }
            _ => return Ok(Kind::Text),
        };
        Err(Error::Format { path: path.to_owned(), detail: detail.into() })
    }
}

/// Whether a file is a spreadsheet by its first bytes. A zip archive may also hold something else.
fn is_workbook(start: &[u8]) -> bool {
    start.starts_with(b"PK") || start.starts_with(&[0xd0, 0xcf, 0x11, 0xe0])
}

/// The bytes of a text file, uncompressed.
pub fn reader(input: &Input) -> Result<Box<dyn Read + Send>> {
    let start = input.head(4)?;
    let mut plain = compressed::plain(&start, input.reader()?).map_err(|e| open_error(input.path(), &e))?;
    if !compressed::is_compressed(&start) {
        return Ok(plain);
    }
    let mut inner = Vec::new();
    // A damaged file is reported when the rest of it is read.
    let _ = plain.by_ref().take(4).read_to_end(&mut inner);
    if inner == b"PAR1" {
        return Err(Error::Format {
            path: input.path().to_owned(),
            detail:
                "is a Parquet file inside a compressed one; unpack it first (Parquet compresses its columns itself)"
                    .into(),
        });
    }
    compressed::plain(&start, input.reader()?).map_err(|e| open_error(input.path(), &e))
}

/// The end of a record.
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

    /// The first line end outside quotes.
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
        // A quote that never closes hides all line ends.
        if quoted && !sample.contains(&b'\n') && sample.contains(&b'\r') { LineEnd::Return } else { LineEnd::Newline }
    }
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
