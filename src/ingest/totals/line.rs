//! Lines of totals above, below and within published tables: rows in which one key says "total" and the others are
//! blank, or in which all keys are blank and the figures are the sums of the columns. Their figures become null, each
//! with a fault.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringViewArray, UInt32Array, make_array};
use arrow::compute::{cast, nullif};
use arrow::datatypes::DataType;
use rayon::prelude::*;

use super::super::words;
use super::found::Found;
use crate::error::Result;
use crate::progress::Progress;
use crate::stats::exact_sum;
use crate::store::{Column, Fault, Role, RoleKind, Store, is_missing, is_text};

const FAULT: &str = "looks like the total of the column";
pub const REASON: &str = "keys are blank or say \"total\"";
/// The largest relative difference between a printed total and the sum of the rows.
const TOLERANCE: f64 = 1e-6;
/// The smallest number of rows that a total adds up, if no word says that it is a total.
const FEWEST: usize = 3;
/// A figure with this many digits is not a sum by chance.
const LONG: usize = 4;

/// Finds the lines of totals and makes their figures null.
pub fn take_out(store: &mut Store, progress: &Progress) -> Result<Found> {
    let lines = candidates(store, progress)?;
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let (roles, others) = figures(store);
    let columns: Vec<usize> = roles.iter().chain(&others).copied().collect();
    let sums: Vec<Sums> =
        columns.iter().map(|c| Sums::of(&store.columns[*c], &lines, progress)).collect::<Result<_>>()?;
    let is_total = |at: &usize| {
        let told: Vec<(bool, bool)> = sums[..roles.len()].iter().filter_map(|sums| sums.is_sum(*at)).collect();
        // A figure of few digits may be a sum by chance.
        let sum = told.iter().all(|(is, _)| *is) && (told.len() > 1 || told.iter().any(|(_, long)| *long));
        !told.is_empty() && (lines[*at].said || sum)
    };
    let totals: Vec<usize> = (0..lines.len()).filter(is_total).collect();
    let mut faults = Vec::new();
    for (place, (column, sums)) in columns.iter().zip(&sums).enumerate() {
        // Other figures may be means or shares, so only sums are removed.
        let out = |at: &&usize| place < roles.len() || sums.is_sum(**at).is_some_and(|(is, _)| is);
        let rows: Vec<usize> = totals
            .iter()
            .filter(out)
            .filter(|at| !sums.lines[**at].is_nan())
            .map(|at| lines[*at].row as usize)
            .collect();
        if rows.is_empty() {
            continue;
        }
        let texts = store.columns[*column].raws(rows.iter().copied(), progress)?;
        faults.extend(rows.iter().zip(texts).map(|(row, text)| Fault {
            row: *row as u32,
            column: *column as u32,
            raw: text.map(|t| t.strip_suffix(".0").unwrap_or(&t).into()),
            reason: FAULT,
        }));
        let left = without(&store.columns[*column], &rows, progress)?;
        store.replace_column(*column, left);
    }
    store.add_faults(faults);
    let rows: Vec<u32> = totals.into_iter().map(|at| lines[at].row).collect();
    Ok(vec![(REASON.to_owned(), rows)])
}

/// A row without a trade.
struct Line {
    row: u32,
    /// A key says "total", and all others (at least one) are blank.
    said: bool,
}

/// The columns with a role of numbers, and other columns of numbers.
fn figures(store: &Store) -> (Vec<usize>, Vec<usize>) {
    let number = |role: Role| role.kind() == RoleKind::Number;
    let mut roles: Vec<usize> = store.roles().filter(|(r, _)| number(*r)).map(|(_, a)| a.column).collect();
    roles.sort_unstable();
    roles.dedup();
    let others = (0..store.columns.len())
        .filter(|c| store.role_of(*c).is_none() && store.columns[*c].is_number() && store.columns[*c].is_loaded());
    (roles, others.collect())
}

/// Rows in which every key is blank or says "total".
fn candidates(store: &Store, progress: &Progress) -> Result<Vec<Line>> {
    let keys: Vec<usize> = (0..store.own_columns().len())
        .filter(|c| match store.role_of(*c) {
            Some(role) => role.kind() != RoleKind::Number,
            None => !store.columns[*c].is_number() && !store.declared_numbers().contains(c),
        })
        .collect();
    let any_figure = store.roles().any(|(r, _)| r.kind() == RoleKind::Number);
    if keys.is_empty() || !any_figure || keys.iter().any(|c| !store.columns[*c].is_loaded()) {
        return Ok(Vec::new());
    }
    // Most tables have a key without blanks. The cheapest key to scan is scanned first.
    let costs: Result<Vec<(usize, usize)>> =
        keys.into_iter().map(|key| Ok((cost(&store.columns[key], progress)?, key))).collect();
    let mut keys = costs?;
    keys.sort_unstable();
    // Row, number of keys that say "total", number of blank keys.
    let mut rows: Option<Vec<(u32, usize, usize)>> = None;
    for (_, key) in keys {
        progress.check()?;
        let blank = blanks(&store.columns[key], progress)?;
        let count = |row: u32, said: usize, none: usize, nothing: bool| {
            (row, said + usize::from(!nothing), none + usize::from(nothing))
        };
        let kept: Vec<(u32, usize, usize)> = match &rows {
            None => blank.iter().map(|(row, nothing)| count(*row, 0, 0, *nothing)).collect(),
            Some(rows) => {
                let found = |row: u32| blank.binary_search_by_key(&row, |b| b.0).ok();
                rows.iter()
                    .filter_map(|&(row, said, none)| Some(count(row, said, none, blank[found(row)?].1)))
                    .collect()
            }
        };
        if kept.is_empty() {
            return Ok(Vec::new());
        }
        rows = Some(kept);
    }
    let rows = rows.unwrap_or_default();
    // If no row has keys, there are no other rows to add up.
    if rows.len() == store.rows {
        return Ok(Vec::new());
    }
    Ok(rows.into_iter().map(|(row, said, none)| Line { row, said: said > 0 && none > 0 }).collect())
}

/// The number of texts of a column to be checked.
fn cost(column: &Column, progress: &Progress) -> Result<usize> {
    let texts = |chunk: &ArrayRef| match chunk.as_any_dictionary_opt() {
        Some(dictionary) => dictionary.values().len(),
        None if column.is_text() => chunk.len(),
        None => 0,
    };
    Ok(column.chunks(progress)?.iter().map(texts).sum())
}

/// The rows of a key that are blank or say "total", and whether they are blank.
fn blanks(column: &Column, progress: &Progress) -> Result<Vec<(u32, bool)>> {
    let mut found = Vec::new();
    let mut start = 0;
    for chunk in column.chunks(progress)? {
        let rows: Vec<(u32, bool)> = match labels(chunk)? {
            Labels::Dictionary(kinds, keys) => {
                let kind = |at: usize| if keys.is_null(at) { Some(true) } else { kinds[keys.value(at) as usize] };
                if keys.null_count() == 0 && kinds.iter().all(Option::is_none) {
                    Vec::new()
                } else {
                    (0..chunk.len()).into_par_iter().filter_map(|at| Some((start + at as u32, kind(at)?))).collect()
                }
            }
            Labels::Texts(texts) => {
                let kind = |at: usize| if texts.is_null(at) { Some(true) } else { kind_of(texts.value(at)) };
                (0..chunk.len()).into_par_iter().filter_map(|at| Some((start + at as u32, kind(at)?))).collect()
            }
            Labels::Others => match chunk.logical_nulls().filter(|n| n.null_count() > 0) {
                None => Vec::new(),
                Some(nulls) => (0..chunk.len())
                    .into_par_iter()
                    .filter(|at| nulls.is_null(*at))
                    .map(|at| (start + at as u32, true))
                    .collect(),
            },
        };
        found.extend(rows);
        start += chunk.len() as u32;
    }
    Ok(found)
}

/// The texts of a chunk.
enum Labels {
    /// The kind of each text of the dictionary, and the text of each row.
    Dictionary(Vec<Option<bool>>, UInt32Array),
    Texts(StringViewArray),
    /// No texts: only nulls are blank.
    Others,
}

fn labels(chunk: &ArrayRef) -> Result<Labels> {
    if let Some(dictionary) = chunk.as_any_dictionary_opt().filter(|d| is_text(d.values().data_type())) {
        let texts = cast(dictionary.values(), &DataType::Utf8View)?;
        let kinds = texts.as_string_view().iter().map(|t| t.map_or(Some(true), kind_of)).collect();
        let keys = cast(&make_array(dictionary.keys().to_data()), &DataType::UInt32)?;
        return Ok(Labels::Dictionary(kinds, keys.as_primitive().clone()));
    }
    if is_text(chunk.data_type()) {
        return Ok(Labels::Texts(cast(chunk, &DataType::Utf8View)?.as_string_view().clone()));
    }
    Ok(Labels::Others)
}

/// Blank (true), a word for a total (false), or neither.
fn kind_of(text: &str) -> Option<bool> {
    let text = text.trim();
    if is_missing(text.as_bytes()) {
        return Some(true);
    }
    words::says_total(text).then_some(false)
}

/// The figures of the lines without keys, and the sum of all other rows. The order of records does not matter.
struct Sums {
    lines: Vec<f64>,
    sum: f64,
    /// The largest figures by absolute value, as many as a total must add up.
    largest: Vec<f64>,
}

impl Sums {
    fn of(column: &Column, lines: &[Line], progress: &Progress) -> Result<Sums> {
        let values = column.numbers(progress)?.values.clone();
        let mut keyed = vec![true; values.len()];
        lines.iter().for_each(|line| keyed[line.row as usize] = false);
        let known = values.par_iter().zip(&keyed).filter(|(v, keyed)| **keyed && !v.is_nan() && **v != 0.0);
        let mut known: Vec<f64> = known.map(|(v, _)| *v).collect();
        known.par_sort_unstable_by(|a, b| b.abs().total_cmp(&a.abs()));
        Ok(Sums {
            lines: lines.iter().map(|line| values[line.row as usize]).collect(),
            sum: exact_sum(&known),
            largest: known.iter().take(FEWEST).map(|v| v.abs()).collect(),
        })
    }

    /// Whether the figure of a line is the sum of the rows with keys, and whether it has many digits; `None` without a
    /// figure.
    fn is_sum(&self, at: usize) -> Option<(bool, bool)> {
        let figure = self.lines[at];
        if !figure.is_finite() || figure == 0.0 {
            return None;
        }
        // A total printed with fewer decimals than its parts is rounded.
        let printed = [1.0, 10.0, 100.0].into_iter().find(|unit| (figure * unit).fract() == 0.0);
        let rounding = printed.filter(|unit| (self.sum * unit).fract() != 0.0).map_or(0.0, |unit| 0.5 / unit);
        let tolerance = (TOLERANCE * figure.abs()).max(rounding);
        // Several rows contribute to it.
        let several = self.largest.len() == FEWEST && self.largest.iter().all(|part| *part > tolerance);
        let is = several && (figure - self.sum).abs() <= tolerance;
        Some((is, digits(figure) >= LONG))
    }
}

/// The number of digits from the first to the last that is not zero.
fn digits(figure: f64) -> usize {
    let text = format!("{:e}", figure.abs());
    text.split('e').next().unwrap_or_default().bytes().filter(u8::is_ascii_digit).count()
}

/// The column with null in these rows.
fn without(column: &Column, rows: &[usize], progress: &Progress) -> Result<Column> {
    let mut start = 0;
    let mut chunks = Vec::new();
    for chunk in column.chunks(progress)? {
        let end = start + chunk.len();
        let mine: Vec<usize> = rows.iter().filter(|r| (start..end).contains(*r)).map(|r| r - start).collect();
        chunks.push(if mine.is_empty() {
            chunk.clone()
        } else {
            let mut mask = vec![false; chunk.len()];
            mine.into_iter().for_each(|at| mask[at] = true);
            nullif(chunk, &BooleanArray::from(mask))?
        });
        start = end;
    }
    let field = column.field.as_ref().clone().with_nullable(true);
    Ok(column.with_chunks(Arc::new(field), chunks))
}
