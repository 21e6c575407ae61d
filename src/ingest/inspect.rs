//! What a text file is, from its first bytes: its delimiter and its header.

use std::path::Path;

use super::bytes::LineEnd;
use crate::error::{Error, Result};

const DELIMITERS: [u8; 5] = [b',', b';', b'\t', b'|', b'^'];

pub struct Header {
    pub delimiter: u8,
    pub names: Vec<String>,
    /// Bytes before the first record.
    pub length: usize,
    /// A last line that begins with this is not a record.
    pub trailer: Option<&'static [u8]>,
    pub notes: Vec<String>,
}

/// The first line of HMRC's bulk files; they name no columns.
const HMRC_FIRST: &[u8] = b"000000000|";
const HMRC_LAST: &[u8] = b"999999999|";

pub fn inspect(path: &Path, sample: &[u8], end: LineEnd) -> Result<Header> {
    if sample.iter().take(4096).any(|&b| b == 0) {
        return Err(Error::Format {
            path: path.to_owned(),
            detail: "is not a text file (it holds zero bytes); CSV or Parquet is expected".into(),
        });
    }
    let line_end = |from: usize| memchr::memchr(end.byte(), &sample[from..]).map_or(sample.len(), |at| from + at + 1);
    if sample.starts_with(HMRC_FIRST) {
        return Ok(Header {
            delimiter: b'|',
            names: super::layout::HMRC_COLUMNS.iter().map(|n| (*n).to_owned()).collect(),
            length: line_end(0),
            trailer: Some(HMRC_LAST),
            notes: vec!["the file names no columns; they are those of HMRC's bulk data".into()],
        });
    }
    // Blank lines before the header are not records.
    let mut start = 0;
    while sample.get(start).is_some_and(|b| matches!(b, b'\r' | b'\n')) {
        start += 1;
    }
    let delimiter = delimiter(&sample[start..], end);
    let mut reader =
        csv_core::ReaderBuilder::new().delimiter(delimiter).terminator(csv_core::Terminator::Any(end.byte())).build();
    let mut text = vec![0; sample.len() - start + 16];
    let mut ends = vec![0; 10_000];
    let (_, read, written, fields) = reader.read_record(&sample[start..], &mut text, &mut ends);
    if written == 0 || fields == 0 {
        return Err(Error::EmptyFile { path: path.to_owned(), what: "the file has no header line" });
    }
    let mut length = start + read;
    if length >= sample.len() && !sample.ends_with(&[end.byte()]) {
        length = sample.len();
    }
    if length >= sample.len() {
        return Err(Error::EmptyFile { path: path.to_owned(), what: "there is a header line but no record below it" });
    }
    let mut from = 0;
    let mut notes = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for (i, &to) in ends[..fields].iter().enumerate() {
        let raw = &text[from..to];
        from = to;
        let name = match std::str::from_utf8(raw) {
            Ok(name) => name.trim().to_owned(),
            Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(raw).0.trim().to_owned(),
        };
        let name = if name.is_empty() { format!("column_{}", i + 1) } else { name };
        let mut unique = name.clone();
        let mut n = 1;
        while names.contains(&unique) {
            n += 1;
            unique = format!("{name}_{n}");
        }
        if unique != name {
            notes.push(format!("the header names {name:?} more than once; the later one is called {unique:?}"));
        }
        names.push(unique);
    }
    Ok(Header { delimiter, names, length, trailer: None, notes })
}

/// The delimiter that splits the first lines into the same number of fields, and into most.
fn delimiter(sample: &[u8], end: LineEnd) -> u8 {
    let lines: Vec<&[u8]> = sample.split(|&b| b == end.byte()).take(30).collect();
    // The last line of the sample may be cut off.
    let lines = if lines.len() > 1 { &lines[..lines.len() - 1] } else { &lines[..] };
    let count = |line: &[u8], delimiter: u8| {
        let mut quoted = false;
        line.iter()
            .filter(|&&b| {
                quoted ^= b == b'"';
                !quoted && b == delimiter
            })
            .count()
    };
    let score = |delimiter: u8| {
        let first = lines.first().map_or(0, |l| count(l, delimiter));
        let same = lines.iter().filter(|l| count(l, delimiter) == first).count();
        if first == 0 { (0, 0) } else { (same * 100 / lines.len().max(1), first) }
    };
    let best = DELIMITERS.iter().rev().max_by_key(|&&d| score(d));
    best.copied().filter(|&d| score(d).1 > 0).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Header {
        inspect(Path::new("x.csv"), text.as_bytes(), LineEnd::detect(text.as_bytes())).unwrap()
    }

    #[test]
    fn finds_the_delimiter_and_the_names() {
        let h = header("a;b;c\r\n1,5;2;x\r\n");
        assert_eq!((h.delimiter, h.names.join("|"), h.length), (b';', "a|b|c".into(), 7));
        assert_eq!(header("a\tb\n1\t2\n").delimiter, b'\t');
        let h = header("\"x, y\",b,b\n1,2,3\n");
        assert_eq!(h.names, ["x, y", "b", "b_2"]);
        assert_eq!(header("one\n1\n2\n").names, ["one"]);
    }

    #[test]
    fn a_header_alone_is_an_empty_file() {
        for text in ["a,b", "a,b\n", "\n\n"] {
            assert!(
                matches!(inspect(Path::new("x"), text.as_bytes(), LineEnd::Newline), Err(Error::EmptyFile { .. })),
                "{text:?}"
            );
        }
    }
}
