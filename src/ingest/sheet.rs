//! Spreadsheets (`.xlsx`, `.xlsb`, `.xls`, `.ods`) into the store. A cell has the type of the workbook: texts keep
//! their leading zeros, dates are dates.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringViewArray};
use arrow::array::{TimestampMillisecondArray, new_null_array};
use arrow::datatypes::{DataType, Field};
use calamine::{Data, Range, Reader, SheetVisible, Sheets};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use super::columnar::Source;
use super::decision::Decision;
use super::guard::guarded;
use super::handle::open_error;
use super::header::{Asked, Line, above_note, numbered, place, record_note, unique};
use super::input::Input;
use super::layout;
use super::options::Options;
use super::united::{United, unite};
use crate::error::{Error, Result};
use crate::ingest::{column_decisions, columnar};
use crate::progress::Progress;
use crate::store::{Decimal, NumberCell, Store, parse_number};

/// Rows of a sheet in which the header is searched.
const MOST_LINES: usize = 1000;
const SAMPLE: usize = 2000;
/// Larger whole numbers are not exact in a spreadsheet.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// One sheet with its records.
struct Sheet {
    path: PathBuf,
    names: Vec<String>,
    rows: Vec<Vec<Data>>,
    notes: Vec<String>,
    decisions: Vec<Decision>,
}

pub fn read(files: &[Input], options: &Options, progress: &Progress) -> Result<Store> {
    let sheets = open_all(files, options, progress)?;
    let united = united(&sheets)?;
    let rows = sheets.iter().map(|s| s.rows.len()).sum();
    let mut columns = Vec::new();
    let mut sample = Vec::new();
    for (at, name) in united.names.iter().enumerate() {
        progress.check()?;
        let cells = cells(&sheets, &united, at);
        sample.push(cells.iter().take(SAMPLE).map(|cell| text(cell)).collect());
        let array = column(&cells);
        columns.push(Source::Ready(Arc::new(Field::new(name, array.data_type().clone(), true)), vec![array]));
    }
    let chosen = layout::choose(&united.names, &sample, options)?;
    let store = columnar::build(columns, rows, chosen, options, progress)?;
    let several = sheets.len() > 1;
    for sheet in &sheets {
        for note in &sheet.notes {
            store.note(if several { format!("{}: {note}", sheet.path.display()) } else { note.clone() });
        }
    }
    united.notes.into_iter().for_each(|note| store.note(note));
    Ok(store)
}

/// The decisions about spreadsheets before their columns are made.
pub fn decisions(files: &[Input], options: &Options, progress: &Progress) -> Result<Vec<Decision>> {
    let sheets = open_all(files, options, progress)?;
    let united = united(&sheets)?;
    let sample: Vec<Vec<Option<String>>> = (0..united.names.len())
        .map(|at| cells(&sheets, &united, at).into_iter().take(SAMPLE).map(text).collect())
        .collect();
    let chosen = layout::choose(&united.names, &sample, options)?;
    let mut all = sheets[0].decisions.clone();
    all.extend(column_decisions::of_columns(&chosen, &united.names, &sample, options));
    Ok(all)
}

fn open_all(files: &[Input], options: &Options, progress: &Progress) -> Result<Vec<Sheet>> {
    progress.begin("reading", files.len() as u64);
    let mut sheets = Vec::new();
    for input in files {
        progress.check()?;
        sheets.push(open(input, options)?);
        progress.advance(1);
    }
    Ok(sheets)
}

fn united(sheets: &[Sheet]) -> Result<United> {
    let headers: Vec<(&Path, &[String])> = sheets.iter().map(|s| (s.path.as_path(), s.names.as_slice())).collect();
    unite(&headers)
}

/// The cells of one column of all sheets.
fn cells<'a>(sheets: &'a [Sheet], united: &United, at: usize) -> Vec<&'a Data> {
    let mut cells = Vec::new();
    for (sheet, places) in sheets.iter().zip(&united.places) {
        match places.iter().position(|&place| place == at) {
            Some(column) => cells.extend(sheet.rows.iter().map(|row| row.get(column).unwrap_or(&Data::Empty))),
            None => cells.extend(std::iter::repeat_n(&Data::Empty, sheet.rows.len())),
        }
    }
    cells
}

fn open(input: &Input, options: &Options) -> Result<Sheet> {
    let path = input.path();
    let mut bytes = Vec::new();
    input.reader()?.read_to_end(&mut bytes).map_err(|e| open_error(path, &e))?;
    guarded(path, || open_book(path, bytes, options))
}

fn open_book(path: &Path, bytes: Vec<u8>, options: &Options) -> Result<Sheet> {
    let damaged = |e: &dyn std::fmt::Display| Error::Format {
        path: path.to_owned(),
        detail: format!(
            "cannot be read as a spreadsheet: {e}; save the sheet as CSV, or unpack it if it is a zip archive"
        ),
    };
    let mut book = calamine::open_workbook_auto_from_rs(Cursor::new(bytes)).map_err(|e| damaged(&e))?;
    let (name, range, notes, why) = choose(path, &mut book, options)?;
    records(path, &name, &range, options, notes, why)
}

type Workbook = Sheets<Cursor<Vec<u8>>>;

/// The sheet that the user named, or the one with the most cells.
fn choose(
    path: &Path,
    book: &mut Workbook,
    options: &Options,
) -> Result<(String, Range<Data>, Vec<String>, &'static str)> {
    let names = book.sheet_names();
    let fail = |name: &str, e: calamine::Error| Error::Format {
        path: path.to_owned(),
        detail: format!("the sheet {name:?} cannot be read: {e}"),
    };
    if let Some(asked) = &options.sheet {
        let by_number = asked.parse::<usize>().ok().and_then(|n| names.get(n.checked_sub(1)?));
        let Some(name) = names.iter().find(|n| *n == asked).or(by_number) else {
            return Err(Error::Argument(format!(
                "{}: there is no sheet {asked:?}{}; the sheets are {}",
                path.display(),
                crate::store::closest(asked, names.iter().map(String::as_str)),
                names.join(", ")
            )));
        };
        let range = book.worksheet_range(name).map_err(|e| fail(name, e))?;
        return Ok((name.clone(), range, Vec::new(), "given as an argument"));
    }
    let hidden: Vec<bool> = book.sheets_metadata().iter().map(|s| s.visible != SheetVisible::Visible).collect();
    let mut best: Option<((bool, usize), String, Range<Data>)> = None;
    for (i, name) in names.iter().enumerate() {
        let Ok(range) = book.worksheet_range(name) else { continue }; // a chart has no cells
        let filled = range.used_cells().filter(|(_, _, cell)| !is_empty(cell)).count();
        let rank = (!hidden.get(i).copied().unwrap_or(false), filled);
        if filled > 0 && best.as_ref().is_none_or(|(most, ..)| rank > *most) {
            best = Some((rank, name.clone(), range));
        }
    }
    let Some((_, name, range)) = best else {
        return Err(Error::EmptyFile { path: path.to_owned(), what: "no sheet of the spreadsheet holds a cell" });
    };
    let mut notes = Vec::new();
    if names.len() > 1 {
        let others: Vec<&str> = names.iter().filter(|n| **n != name).map(String::as_str).collect();
        notes.push(format!(
            "the sheet {name:?} is read, which holds the most cells; pass sheet= for another: {}",
            others.join(", ")
        ));
    }
    Ok((name, range, notes, "it holds the most cells"))
}

fn is_empty(cell: &Data) -> bool {
    match cell {
        Data::Empty => true,
        Data::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// The header and the records of a sheet.
fn records(
    path: &Path,
    sheet: &str,
    range: &Range<Data>,
    options: &Options,
    mut notes: Vec<String>,
    why: &str,
) -> Result<Sheet> {
    let first = range.start().map_or(0, |(row, _)| row as usize);
    let mut lines = Vec::new();
    for (i, row) in range.rows().enumerate() {
        let filled = row.iter().filter(|c| !is_empty(c)).count();
        if filled > 0 && lines.len() < MOST_LINES {
            lines.push(Line {
                number: first + i + 1,
                start: i,
                next: i + 1,
                cells: row.len(),
                filled,
                first_filled: row.first().is_some_and(|c| !is_empty(c)),
                last_filled: row.last().is_some_and(|c| !is_empty(c)),
                words: !row.iter().any(is_number),
            });
        }
    }
    let nothing = |what| Error::EmptyFile { path: path.to_owned(), what };
    if lines.is_empty() {
        return Err(nothing("the sheet is empty"));
    }
    let (at, asked) = place(&lines, options)?;
    let head = &lines[at];
    let mut rows = range.rows().skip(head.start);
    let title = |cell: &Data| text(cell).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let raw: Vec<String> = match asked {
        Asked::None => numbered(range.width()),
        _ => rows.next().unwrap_or_default().iter().map(title).collect(),
    };
    if asked == Asked::Nothing {
        notes.extend(record_note(head.number, &raw));
    }
    if at > 0 && asked == Asked::Nothing {
        let above = range.rows().nth(lines[0].start).unwrap_or_default();
        notes.push(above_note(at, &above.iter().map(title).collect::<Vec<_>>().join(" ")));
    }
    // A blank row is not a record, like a blank line.
    let rows: Vec<Vec<Data>> = rows.filter(|row| !row.iter().all(is_empty)).map(<[Data]>::to_vec).collect();
    if rows.is_empty() {
        return Err(nothing("there is a header line but no record below it"));
    }
    let names = unique(path, raw, "the sheet", &mut notes)?;
    let decisions = vec![
        Decision::new("sheet", sheet, why, "sheet= (its name or number)"),
        Decision::new(
            "header line",
            head.number.to_string(),
            if asked == Asked::Nothing {
                "the first row with as many filled cells as the records"
            } else {
                "given as an argument"
            },
            "header= (its row number) or skip=",
        ),
    ];
    Ok(Sheet { path: path.to_owned(), names, rows, notes, decisions })
}

fn is_number(cell: &Data) -> bool {
    match cell {
        Data::Int(_) | Data::Float(_) | Data::DateTime(_) => true,
        Data::String(text) => matches!(parse_number(text.as_bytes(), Decimal::Point), NumberCell::Value(_)),
        _ => false,
    }
}

/// A cell as text; `None` for a blank.
fn text(cell: &Data) -> Option<String> {
    Some(match cell {
        Data::Empty => return None,
        Data::String(text) if text.trim().is_empty() => return None,
        Data::String(text) => text.clone(),
        Data::Float(x) => x.to_string(),
        Data::Int(n) => n.to_string(),
        Data::Bool(flag) => flag.to_string(),
        Data::Error(error) => error.to_string(),
        Data::DateTime(_) => match moment(cell) {
            Some(time) if time.time() == NaiveTime::MIN => time.date().to_string(),
            Some(time) => time.to_string(),
            None => number(cell)?.to_string(),
        },
        Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
    })
}

fn number(cell: &Data) -> Option<f64> {
    match cell {
        Data::Float(x) => Some(*x),
        Data::Int(n) => Some(*n as f64),
        Data::DateTime(time) => Some(time.as_f64()),
        _ => None,
    }
}

fn moment(cell: &Data) -> Option<NaiveDateTime> {
    match cell {
        Data::DateTime(time) if time.is_datetime() => time.as_datetime(),
        Data::DateTimeIso(text) => {
            let day = text.get(..10).and_then(|day| day.parse::<NaiveDate>().ok())?;
            if text.len() == 10 { Some(day.and_time(NaiveTime::MIN)) } else { text.parse().ok() }
        }
        _ => None,
    }
}

/// The cells of one column as an array of their common type, else as texts.
fn column(cells: &[&Data]) -> ArrayRef {
    let filled = || cells.iter().filter(|c| !is_empty(c));
    if filled().next().is_none() {
        return new_null_array(&DataType::Utf8View, cells.len());
    }
    if filled().all(|c| matches!(c, Data::Float(_) | Data::Int(_))) {
        let numbers = || cells.iter().map(|c| number(c));
        return if numbers().flatten().all(|x| x.fract() == 0.0 && x.abs() < EXACT) {
            Arc::new(numbers().map(|x| x.map(|x| x as i64)).collect::<Int64Array>())
        } else {
            Arc::new(numbers().collect::<Float64Array>())
        };
    }
    if filled().all(|c| moment(c).is_some()) {
        let times: Vec<Option<NaiveDateTime>> = cells.iter().map(|c| moment(c)).collect();
        return if times.iter().flatten().all(|t| t.time() == NaiveTime::MIN) {
            let days = times.iter().map(|t| t.map(|t| (t.date() - NaiveDate::default()).num_days() as i32));
            Arc::new(days.collect::<Date32Array>())
        } else {
            let times = times.iter().map(|t| t.map(|t| t.and_utc().timestamp_millis()));
            Arc::new(times.collect::<TimestampMillisecondArray>())
        };
    }
    if filled().all(|c| matches!(c, Data::Bool(_))) {
        let flags = cells.iter().map(|c| if let Data::Bool(flag) = c { Some(*flag) } else { None });
        return Arc::new(flags.collect::<BooleanArray>());
    }
    Arc::new(cells.iter().map(|c| text(c)).collect::<StringViewArray>())
}
