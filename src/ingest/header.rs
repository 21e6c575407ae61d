//! The header line of a table, and unique column names.

use std::collections::BTreeMap;
use std::path::Path;

use hashbrown::{HashMap, HashSet};

use super::content::is_period;
use super::options::Options;
use crate::error::{Error, Result};
use crate::store::is_number;

/// More columns than any file of records has.
const MOST_COLUMNS: usize = 1 << 16;

/// A line of the sample that is not blank.
pub struct Line {
    /// Its number in the file, from 1.
    pub number: usize,
    pub start: usize,
    /// The offset after its line end.
    pub next: usize,
    pub cells: usize,
    /// The number of cells that are not blank.
    pub filled: usize,
    pub first_filled: bool,
    pub last_filled: bool,
    /// No cell is a number.
    pub words: bool,
}

/// The most frequent number of cells of a line.
pub fn usual_cells(lines: &[Line]) -> (usize, usize) {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    lines.iter().filter(|l| l.cells > 1).for_each(|l| *counts.entry(l.cells).or_default() += 1);
    counts.into_iter().max_by_key(|&(cells, lines)| (lines, cells)).unwrap_or((1, 0))
}

/// The line that names the columns: the first one with as many filled cells as the records.
fn header(lines: &[Line]) -> usize {
    let (cells, _) = usual_cells(lines);
    let body = || lines.iter().filter(|l| l.cells == cells);
    // The header of such a file has one cell fewer than its records, or an empty last one.
    let trailing = cells > 2 && body().skip(1).all(|l| !l.last_filled);
    let fits = |l: &Line| l.cells == cells || (trailing && l.cells + 1 == cells);
    let most = body().map(|l| l.filled).max().unwrap_or(1);
    let full = |l: &Line| {
        let index = l.cells > 1 && !l.first_filled && l.filled + 1 == l.cells;
        fits(l) && (l.filled >= most || (cells >= 4 && l.filled + 1 >= cells) || index)
    };
    let first = |test: &dyn Fn(&Line) -> bool| lines.iter().position(test);
    first(&|l| full(l) && l.words)
        .or_else(|| first(&|l| fits(l) && l.words && l.filled > 1))
        .or_else(|| first(&full))
        .or_else(|| first(&fits))
        .unwrap_or(0)
}

/// The user's argument about the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Nothing,
    /// There is no header.
    None,
    Line(usize),
}

/// Which of the lines is the header, or without one the first record.
pub fn place(lines: &[Line], options: &Options) -> Result<(usize, Asked)> {
    Ok(match (options.header, options.skip) {
        (Some(0), _) => (0, Asked::None),
        (Some(number), _) => (stated_header(lines, number, "header")?, Asked::Line(number)),
        (None, Some(skip)) => (stated_header(lines, skip + 1, "skip")?, Asked::Line(skip + 1)),
        (None, None) => (header(lines), Asked::Nothing),
    })
}

/// Names for columns without names.
pub fn numbered(columns: usize) -> Vec<String> {
    (1..=columns).map(|n| format!("column_{n}")).collect()
}

/// A note that the header may be a record, because it holds numbers that are not years.
pub fn record_note(number: usize, names: &[String]) -> Option<String> {
    let held = names.iter().find(|name| is_number(name.as_bytes()) && !is_period(name))?;
    Some(format!(
        "line {number} is taken for the header and holds a number ({held}); if the source names no columns, pass \
         header=0, and they are called column_1, column_2 and so on"
    ))
}

/// The line with this number, counted as the user counts.
fn stated_header(lines: &[Line], number: usize, argument: &str) -> Result<usize> {
    // A blank line is not a header. The next line is taken.
    lines.iter().position(|l| l.number >= number).ok_or_else(|| {
        Error::Argument(format!(
            "{argument}= names line {number}, and there is no line that holds something from there"
        ))
    })
}

/// A note that lines above the header were left out.
pub fn above_note(lines: usize, first: &str) -> String {
    let lines = if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") };
    let first: String = first.chars().take(80).collect();
    format!("{lines} above the header left out, from {first:?}; pass header= or skip= to decide otherwise")
}

/// The names of a header. A repeated name gets a number; a blank one gets its position.
pub fn unique(path: &Path, raw: Vec<String>, delimiter: &str, notes: &mut Vec<String>) -> Result<Vec<String>> {
    if raw.len() > MOST_COLUMNS {
        return Err(Error::Format {
            path: path.to_owned(),
            detail: format!(
                "its header has {} columns, and at most {MOST_COLUMNS} are read; is {:?} the delimiter, and is the \
                 first line a header?",
                raw.len(),
                delimiter
            ),
        });
    }
    let mut taken: HashSet<String> = raw.iter().filter(|n| !n.is_empty()).cloned().collect();
    let mut times: HashMap<String, usize> = HashMap::new();
    let mut repeated = Vec::new();
    let named = raw.into_iter().enumerate().map(|(i, name)| {
        let name = if name.is_empty() { format!("column_{}", i + 1) } else { name };
        let n = times.entry(name.clone()).or_insert(0);
        *n += 1;
        if *n == 1 {
            taken.insert(name.clone());
            return name;
        }
        let mut unique = format!("{name}_{n}");
        while !taken.insert(unique.clone()) {
            *n += 1;
            unique = format!("{name}_{n}");
        }
        if repeated.len() < 20 {
            repeated.push(format!("the header names {name:?} more than once; the later one is called {unique:?}"));
        }
        unique
    });
    let named = named.collect();
    notes.append(&mut repeated);
    Ok(named)
}
