//! The structure of a text file from its first bytes: delimiter, header, and lines that are not records.

use std::path::Path;

use super::bytes::LineEnd;
use super::decision::Decision;
use super::encoding::shown;
use super::header::{Asked, Line, above_note, numbered, place, record_note, unique, usual_cells};
use super::options::Options;
use super::rule::{Rule, unquoted};
use crate::error::{Error, Result};
use crate::store::is_number;

const DELIMITERS: [u8; 6] = [b',', b';', b'\t', b'|', b'^', b'~'];
/// The largest number of records of the sample.
const MOST_LINES: usize = 1000;

/// How a text file is split.
pub struct TextPlan {
    pub rule: Rule,
    pub names: Vec<String>,
    /// Bytes before the first record.
    pub length: usize,
    /// A last line that begins with this is not a record.
    pub trailer: Option<&'static [u8]>,
    pub notes: Vec<String>,
    pub decisions: Vec<Decision>,
}

/// The first line of HMRC's bulk files, which have no header.
const HMRC_FIRST: &[u8] = b"000000000|";
const HMRC_LAST: &[u8] = b"999999999|";

pub fn inspect(path: &Path, sample: &[u8], whole: bool, options: &Options) -> Result<TextPlan> {
    refuse_binary(path, sample)?;
    let end = LineEnd::detect(sample);
    if sample.starts_with(HMRC_FIRST) {
        return Ok(hmrc(sample, end));
    }
    let (start, stated) = separator_line(sample, end);
    let (delimiter, why) = match (options.delimiter, stated) {
        (Some(asked), _) => (asked, "given as an argument"),
        (None, Some(stated)) => (stated, "by the line sep="),
        (None, None) => (delimiter(&sample[start..], end, whole), "it splits most lines into the same number of cells"),
    };
    let rule = Rule::new(delimiter, end, usize::MAX);
    let first = 1 + memchr::memchr_iter(end.byte(), &sample[..start]).count();
    let lines = outline(sample, start, first, &rule, whole);
    let nothing = |what| Error::EmptyFile { path: path.to_owned(), what };
    if lines.is_empty() {
        return Err(nothing("the file has no header line"));
    }
    let (at, asked) = place(&lines, options)?;
    let head = &lines[at];
    let body = if asked == Asked::None { at } else { at + 1 };
    if head.next >= sample.len() && whole && asked != Asked::None {
        return Err(nothing("there is a header line but no record below it"));
    }
    let mut notes = Vec::new();
    let names = match asked {
        Asked::None => numbered(usual_cells(&lines).0),
        _ => names(path, &sample[head.start..head.next], &rule, &mut notes)?,
    };
    if asked == Asked::Nothing {
        notes.extend(record_note(head.number, &names));
    }
    let mut rule = Rule { columns: names.len(), ..rule };
    rule.numeric = numeric(sample, &lines[body..], &rule);
    if at > 0 && asked == Asked::Nothing {
        let above = &sample[lines[0].start..lines[0].next];
        notes.push(above_note(at, shown(above).trim_end()));
    }
    let decisions = vec![
        Decision::new("delimiter", named(delimiter), why, "delimiter="),
        Decision::new(
            "line end",
            if end == LineEnd::Return { "carriage return" } else { "line feed" },
            "the first line end outside quotes",
            "",
        ),
        Decision::new(
            "header line",
            if asked == Asked::None { "none".to_owned() } else { head.number.to_string() },
            if asked == Asked::Nothing {
                "the first line with as many filled cells as the records"
            } else {
                "given as an argument"
            },
            "header= (its line number, 0 for none) or skip=",
        ),
        Decision::new("lines skipped above", (head.number - 1).to_string(), "they are above the header", "skip="),
    ];
    let length = if asked == Asked::None { head.start } else { head.next };
    Ok(TextPlan { rule, names, length, trailer: None, notes, decisions })
}

fn hmrc(sample: &[u8], end: LineEnd) -> TextPlan {
    let names: Vec<String> = super::layout::HMRC_COLUMNS.iter().map(|n| (*n).to_owned()).collect();
    let length = memchr::memchr(end.byte(), sample).map_or(sample.len(), |at| at + 1);
    TextPlan {
        rule: Rule::new(b'|', end, names.len()),
        names,
        length,
        trailer: Some(HMRC_LAST),
        notes: vec!["the file names no columns; they are those of HMRC's bulk data".into()],
        decisions: vec![
            Decision::new("delimiter", "|", "HMRC's bulk data", "delimiter="),
            Decision::new("header line", "none", "HMRC's bulk data names no columns", ""),
        ],
    }
}

/// A delimiter in words.
pub fn named(delimiter: u8) -> String {
    match delimiter {
        b'\t' => "tab".into(),
        b' ' => "blank".into(),
        other => char::from(other).to_string(),
    }
}

/// An error for binary data: several kinds of control characters or many zero bytes; also for web pages and JSON
/// objects.
fn refuse_binary(path: &Path, sample: &[u8]) -> Result<()> {
    let start = sample.trim_ascii_start();
    let begins = |with: &str| start.get(..with.len()).is_some_and(|s| s.eq_ignore_ascii_case(with.as_bytes()));
    let other = if ["<html", "<!doctype html", "<table"].iter().any(|with| begins(with)) {
        Some(("an HTML page, despite its name", "pandas.read_html"))
    } else if begins("{\"") || begins("[{") {
        Some(("JSON", "pandas.read_json or polars.read_ndjson"))
    } else {
        None
    };
    if let Some((what, reader)) = other {
        return Err(Error::Format {
            path: path.to_owned(),
            detail: format!("is {what}; read it with {reader} and pass the table"),
        });
    }
    let mut seen = [0usize; 32];
    sample.iter().filter(|&&b| b < 32).for_each(|&b| seen[b as usize] += 1);
    let usual = |b: usize| matches!(b as u8, 0 | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0x1a | 0x1b);
    let kinds = (0..32).filter(|&b| seen[b] > 0 && !usual(b)).count();
    if kinds < 4 && seen[0] * 3 < sample.len().max(1) {
        return Ok(());
    }
    Err(Error::Format {
        path: path.to_owned(),
        detail: "is not a text file (it holds control characters or zero bytes); CSV, Excel or Parquet is expected"
            .into(),
    })
}

/// `sep=;`, which spreadsheets write above the header: the offset after it, and the delimiter.
fn separator_line(sample: &[u8], end: LineEnd) -> (usize, Option<u8>) {
    let stop = memchr::memchr(end.byte(), sample).unwrap_or(sample.len());
    let line = sample[..stop].trim_ascii_end();
    let line = line.strip_prefix(b"\"").and_then(|l| l.strip_suffix(b"\"")).unwrap_or(line);
    // Trimming the line end would also remove a tab.
    let named = match line {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter] => Some(*delimiter),
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'='] => Some(b'\t'),
        _ => None,
    };
    if named.is_some() { ((stop + 1).min(sample.len()), named) } else { (0, None) }
}

/// The lines of a sample that are not blank. The last one is left out if the sample cuts it.
fn outline(sample: &[u8], start: usize, first: usize, rule: &Rule, whole: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    let (mut at, mut number) = (start, first);
    while at < sample.len() && lines.len() < MOST_LINES {
        let mut line = Line {
            number,
            start: at,
            next: at,
            cells: 0,
            filled: 0,
            first_filled: false,
            last_filled: false,
            words: true,
        };
        let stop = rule.quoted_record(sample, at, |from, to, _| {
            let cell = sample[from..to].trim_ascii();
            let cell = unquoted(cell);
            let filled = !cell.trim_ascii().is_empty();
            if line.cells == 0 {
                line.first_filled = filled;
            }
            line.last_filled = filled;
            line.filled += usize::from(filled);
            line.cells += 1;
            line.words &= !(filled && is_number(&cell));
        });
        if stop >= sample.len() && !whole {
            break;
        }
        line.next = (stop + 1).min(sample.len());
        number += 1 + memchr::memchr_iter(rule.end.byte(), &sample[at..stop]).count();
        at = line.next;
        if !rule.is_blank(&sample[line.start..stop]) {
            lines.push(line);
        }
    }
    lines
}

/// The delimiter that splits most lines into the same number of cells, and into the largest number.
fn delimiter(sample: &[u8], end: LineEnd, whole: bool) -> u8 {
    let score = |delimiter: u8| {
        let lines = outline(sample, 0, 1, &Rule::new(delimiter, end, usize::MAX), whole);
        let (cells, same) = usual_cells(&lines);
        (same * 100 / lines.len().max(1), cells)
    };
    let scores = DELIMITERS.iter().rev().map(|&d| (score(d), d));
    let best = scores.filter(|((share, _), _)| *share > 0).max_by_key(|(score, _)| *score);
    best.map_or(b',', |(_, delimiter)| delimiter)
}

/// The names in a header line. A repeated name gets a number.
fn names(path: &Path, line: &[u8], rule: &Rule, notes: &mut Vec<String>) -> Result<Vec<String>> {
    let mut raw: Vec<String> = Vec::new();
    rule.quoted_record(line, 0, |from, to, _| {
        let cell = unquoted(rule.trimmed(&line[from..to]));
        let name = shown(&cell).replace('\0', "");
        // Line ends inside a name come from wrapped cells of a spreadsheet.
        raw.push(name.split_whitespace().collect::<Vec<_>>().join(" "));
    });
    unique(path, raw, &named(rule.delimiter), notes)
}

/// Columns with numbers in every record of the sample.
fn numeric(sample: &[u8], lines: &[Line], rule: &Rule) -> Vec<bool> {
    let mut numbers = vec![0usize; rule.columns];
    let mut others = vec![false; rule.columns];
    // Here a quoted cell may hold any lines.
    let open = Rule::new(rule.delimiter, rule.end, usize::MAX);
    for line in lines.iter().take(200).filter(|l| l.cells == rule.columns) {
        let mut column = 0;
        open.quoted_record(&sample[..line.next], line.start, |from, to, _| {
            if let (Some(n), Some(other)) = (numbers.get_mut(column), others.get_mut(column)) {
                let cell = unquoted(sample[from..to].trim_ascii());
                let number = is_number(&cell);
                *n += usize::from(number);
                *other |= !cell.is_empty() && !number;
            }
            column += 1;
        });
    }
    numbers.into_iter().zip(others).map(|(n, other)| n >= 2 && !other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> TextPlan {
        inspect(Path::new("x.csv"), text.as_bytes(), true, &Options::default()).unwrap()
    }

    #[test]
    fn finds_the_delimiter_and_the_names() {
        let h = plan("a;b;c\r\n1,5;2;x\r\n");
        assert_eq!((h.rule.delimiter, h.names.join("|"), h.length), (b';', "a|b|c".into(), 7));
        assert_eq!(plan("a\tb\n1\t2\n").rule.delimiter, b'\t');
        assert_eq!(plan("\"x, y\",b,b\n1,2,3\n").names, ["x, y", "b", "b_2"]);
        assert_eq!(plan("b,b_2,b\n1,2,3\n").names, ["b", "b_2", "b_3"]);
        assert_eq!(plan("one\n1\n2\n").names, ["one"]);
        assert_eq!(plan("sep=;\na;b\n1,5;2\n").names, ["a", "b"]);
    }

    #[test]
    fn the_header_is_found_below_a_preamble() {
        let h = plan("Export Board,,\nReport: all,,\n,,\nCountry,HS Code,Value\nX,010121,5\n");
        assert_eq!(h.names, ["Country", "HS Code", "Value"]);
        assert!(h.notes[0].starts_with("3 lines above the header"), "{:?}", h.notes);
        let h = plan("Transfers of goods, all\nFigures\n\nA,B,C,D\nx,y,2017,6\nx,y,2018,7\n");
        assert_eq!(h.names, ["A", "B", "C", "D"]);
        // An index without a name, and a column without one.
        assert_eq!(plan(",a\n0,5\n1,6\n").names, ["column_1", "a"]);
        assert_eq!(plan("a,b,c,\n1,2,3,4\n").names, ["a", "b", "c", "column_4"]);
        // Years as names.
        assert_eq!(plan("country,2019,2020\nX,1,2\n").names, ["country", "2019", "2020"]);
        // One cell more in every record.
        assert_eq!(plan("a,b,c\n1,2,3,\n4,5,6,\n").names, ["a", "b", "c"]);
    }

    #[test]
    fn a_header_alone_is_an_empty_file() {
        for text in ["a,b", "a,b\n", "\n\n"] {
            let read = inspect(Path::new("x"), text.as_bytes(), true, &Options::default());
            assert!(matches!(read, Err(Error::EmptyFile { .. })), "{text:?}");
        }
    }
}
