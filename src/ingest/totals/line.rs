//! Lines of totals: rows whose keys are blank and whose figures are the sums of the columns, as they
//! stand above or below a published table. Their figures become null, each with a fault.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::{cast, nullif};
use arrow::datatypes::DataType;
use rayon::prelude::*;

use super::super::words;
use super::Found;
use crate::error::Result;
use crate::stats::exact_sum;
use crate::store::{Column, Fault, Role, RoleKind, Store, is_missing};
use crate::watch::Watch;

const FAULT: &str = "looks like the total of the column";
pub const REASON: &str = "keys are blank and the figures are the sums of the columns";
/// How far a printed total may be from the sum of the rows.
const TOLERANCE: f64 = 1e-6;
/// Rows with a figure other than zero that a total adds up at the least.
const FEWEST: usize = 2;
/// Digits of a figure that is no sum by chance.
const LONG: usize = 4;

/// Finds the lines of totals and makes their figures null.
pub fn take_out(store: &mut Store, watch: &Watch) -> Result<Found> {
    let lines = candidates(store, watch)?;
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let (roles, others) = figures(store);
    let of_roles: Vec<Sums> =
        roles.iter().map(|c| Sums::of(&store.columns[*c], &lines, watch)).collect::<Result<_>>()?;
    let of_others: Vec<Sums> =
        others.iter().map(|c| Sums::of(&store.columns[*c], &lines, watch)).collect::<Result<_>>()?;
    let is_total = |at: &usize| {
        let told: Vec<(bool, bool)> = of_roles.iter().filter_map(|sums| sums.is_sum(*at)).collect();
        // A figure of few digits may be a sum by chance: only a word for a total makes it one.
        let sure = lines[*at].1 || told.iter().any(|(_, long)| *long);
        sure && !told.is_empty() && told.iter().all(|(is, _)| *is)
    };
    let totals: Vec<usize> = (0..lines.len()).filter(is_total).collect();
    let mut faults = Vec::new();
    for (column, sums) in roles.iter().chain(&others).zip(of_roles.iter().chain(&of_others)) {
        let rows: Vec<usize> = totals
            .iter()
            .filter(|at| sums.is_sum(**at).is_some_and(|(is, _)| is))
            .map(|at| lines[*at].0 as usize)
            .collect();
        if rows.is_empty() {
            continue;
        }
        let texts = store.columns[*column].raws(rows.iter().copied(), watch)?;
        faults.extend(rows.iter().zip(texts).map(|(row, text)| Fault {
            row: *row as u32,
            column: *column as u32,
            raw: text.map(|t| t.strip_suffix(".0").unwrap_or(&t).into()),
            reason: FAULT,
        }));
        store.columns[*column] = Arc::new(without(&store.columns[*column], &rows, watch)?);
    }
    store.add_faults(faults);
    let rows: Vec<u32> = totals.into_iter().map(|at| lines[at].0).collect();
    Ok(vec![(REASON.to_owned(), rows)])
}

/// The columns that play the role of a number, and further ones that hold numbers.
fn figures(store: &Store) -> (Vec<usize>, Vec<usize>) {
    let number = |role: Role| role.kind() == RoleKind::Number;
    let mut roles: Vec<usize> = store.roles().filter(|(r, _)| number(*r)).map(|(_, a)| a.column).collect();
    roles.sort_unstable();
    roles.dedup();
    let others = (0..store.columns.len())
        .filter(|c| store.role_of(*c).is_none() && store.columns[*c].is_number() && store.columns[*c].is_loaded());
    (roles, others.collect())
}

/// Rows of which every key is blank or says "total", with one at least blank that other rows fill; and whether
/// a key says so.
fn candidates(store: &Store, watch: &Watch) -> Result<Vec<(u32, bool)>> {
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
    let mut rows: Option<Vec<(u32, bool)>> = None;
    let mut filled_elsewhere: Vec<Vec<u32>> = Vec::new();
    for key in keys {
        watch.check()?;
        let blank = blanks(&store.columns[key], watch)?;
        let kept: Vec<(u32, bool)> = match &rows {
            None => blank.iter().map(|(row, nothing)| (*row, !nothing)).collect(),
            Some(rows) => {
                let found = |row: u32| blank.binary_search_by_key(&row, |b| b.0).ok();
                rows.iter().filter_map(|&(row, told)| Some((row, told || !blank[found(row)?].1))).collect()
            }
        };
        if kept.is_empty() {
            return Ok(kept);
        }
        if blank.len() * 2 < store.rows {
            filled_elsewhere.push(blank.into_iter().filter(|(_, nothing)| *nothing).map(|(row, _)| row).collect());
        }
        rows = Some(kept);
    }
    let mut rows = rows.unwrap_or_default();
    rows.retain(|(row, _)| filled_elsewhere.iter().any(|blank| blank.binary_search(row).is_ok()));
    Ok(rows)
}

/// The rows of a key that are blank or say "total", and whether they are blank.
fn blanks(column: &Column, watch: &Watch) -> Result<Vec<(u32, bool)>> {
    let mut found = Vec::new();
    let mut start = 0;
    for chunk in column.chunks(watch)? {
        let rows: Vec<(u32, bool)> = match labels(chunk)? {
            Labels::Some(kinds, keys) => {
                let kind = |at: usize| if keys.is_null(at) { Some(true) } else { kinds[keys.value(at) as usize] };
                if keys.null_count() == 0 && kinds.iter().all(Option::is_none) {
                    Vec::new()
                } else {
                    (0..chunk.len()).into_par_iter().filter_map(|at| Some((start + at as u32, kind(at)?))).collect()
                }
            }
            Labels::Each(texts) => {
                let kind = |at: usize| if texts.is_null(at) { Some(true) } else { kind_of(texts.value(at)) };
                (0..chunk.len()).into_par_iter().filter_map(|at| Some((start + at as u32, kind(at)?))).collect()
            }
            Labels::Plain => match chunk.logical_nulls().filter(|n| n.null_count() > 0) {
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
    /// What each text of the dictionary is, and the text of each row.
    Some(Vec<Option<bool>>, arrow::array::UInt32Array),
    Each(arrow::array::StringViewArray),
    /// No texts: only nulls are blank.
    Plain,
}

fn labels(chunk: &ArrayRef) -> Result<Labels> {
    let text = |kind: &DataType| matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    if let Some(dictionary) = chunk.as_any_dictionary_opt().filter(|d| text(d.values().data_type())) {
        let texts = cast(dictionary.values(), &DataType::Utf8View)?;
        let kinds = texts.as_string_view().iter().map(|t| t.map_or(Some(true), kind_of)).collect();
        let keys = cast(&arrow::array::make_array(dictionary.keys().to_data()), &DataType::UInt32)?;
        return Ok(Labels::Some(kinds, keys.as_primitive().clone()));
    }
    if text(chunk.data_type()) {
        return Ok(Labels::Each(cast(chunk, &DataType::Utf8View)?.as_string_view().clone()));
    }
    Ok(Labels::Plain)
}

/// Blank (true), a word for a total (false), or neither.
fn kind_of(text: &str) -> Option<bool> {
    let text = text.trim();
    if is_missing(text.as_bytes()) {
        return Some(true);
    }
    words::begins_with_total(text).then_some(false)
}

/// The figures of the candidate lines, and the sums of the rows between them.
struct Sums {
    lines: Vec<f64>,
    /// Before the first line, between the first and the second, and so on.
    between: Vec<(f64, usize)>,
}

impl Sums {
    fn of(column: &Column, lines: &[(u32, bool)], watch: &Watch) -> Result<Sums> {
        let values = column.numbers(watch)?.values.clone();
        let mut borders = vec![0];
        borders.extend(lines.iter().map(|(row, _)| *row as usize + 1));
        borders.push(values.len() + 1);
        let between = |part: &[usize]| {
            let known: Vec<f64> = values[part[0]..part[1] - 1].par_iter().copied().filter(|v| !v.is_nan()).collect();
            (exact_sum(&known), known.iter().filter(|v| **v != 0.0).count())
        };
        Ok(Sums {
            lines: lines.iter().map(|(row, _)| values[*row as usize]).collect(),
            between: borders.windows(2).map(between).collect(),
        })
    }

    /// Whether the figure of a line is the sum of all rows, of those above it, or of those next to it, and
    /// whether it has many digits; `None` where there is no figure.
    fn is_sum(&self, at: usize) -> Option<(bool, bool)> {
        let figure = self.lines[at];
        if figure.is_nan() || figure == 0.0 {
            return None;
        }
        let all = |parts: &[(f64, usize)]| parts.iter().fold((0.0, 0), |(s, c), (sum, count)| (s + sum, c + count));
        let candidates = [all(&self.between), all(&self.between[..=at]), self.between[at], self.between[at + 1]];
        let whole = figure.fract() == 0.0;
        let is = candidates.iter().any(|(sum, count)| {
            // A total that is printed without decimals is rounded.
            let rounding = if whole && sum.fract() != 0.0 { 0.5 } else { 0.0 };
            *count >= FEWEST && (figure - sum).abs() <= (TOLERANCE * figure.abs()).max(rounding)
        });
        Some((is, digits(figure) >= LONG))
    }
}

/// The digits of a number from the first to the last that is not zero.
fn digits(figure: f64) -> usize {
    let text = format!("{:e}", figure.abs());
    text.split('e').next().unwrap_or_default().bytes().filter(u8::is_ascii_digit).count()
}

/// The column with null in these rows.
fn without(column: &Column, rows: &[usize], watch: &Watch) -> Result<Column> {
    let mut start = 0;
    let mut chunks = Vec::new();
    for chunk in column.chunks(watch)? {
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
