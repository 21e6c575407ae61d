//! Rows whose cell says that they are totals: the partner "World", the code "TOTAL", the mode of transport "0".

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::super::recipe::{Derivation, End, Recipe};
use super::super::words;
use super::found::Found;
use super::trade::{Key, TOLERANCE, Trade, figures};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::store::{Codes, Column, Role, Store, dictionary_values, folded, is_text, label_texts};

/// What a label stands for: a part, several of the parts, or all of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Coverage {
    One,
    Several,
    All,
}

pub fn totals(store: &Store, recipes: &[Recipe], progress: &Progress) -> Result<Found> {
    let ends = ends(store, recipes);
    let mut found = Found::new();
    for (at, column) in store.own_columns().iter().enumerate() {
        let coverage = |label: &str| coverage(label, store, at, ends.contains(&at));
        let may = ends.contains(&at)
            || store.role(Role::Hs).is_some_and(|a| a.column == at)
            || words::breakdown(column.name()).is_some();
        if !may || !could(column, &coverage, progress)? {
            continue;
        }
        let codes = match column.codes(progress) {
            Ok(codes) => codes,
            Err(Error::Schema(_)) => continue, // no key
            Err(error) => return Err(error),
        };
        let trade = trade(store, at, &ends, progress)?;
        found.extend(of_column(store, column.name(), &codes, &coverage, &trade, progress)?);
    }
    Ok(found)
}

/// The columns of the two countries, including those behind a column that depends on the direction of the flow.
fn ends(store: &Store, recipes: &[Recipe]) -> Vec<usize> {
    let mut ends: Vec<usize> =
        [Role::Origin, Role::Destination].into_iter().filter_map(|r| store.role(r)).map(|a| a.column).collect();
    for recipe in recipes {
        if let Derivation::Flow { on_import, on_export, .. } = &recipe.how {
            let columns = [on_import, on_export].into_iter();
            ends.extend(columns.filter_map(|end| if let End::Column(column) = end { Some(*column) } else { None }));
        }
    }
    ends.retain(|c| *c < store.own_columns().len());
    ends.sort_unstable();
    ends.dedup();
    ends
}

/// The common columns of rows that differ only in this column.
fn trade(store: &Store, column: usize, ends: &[usize], progress: &Progress) -> Result<Trade> {
    let roles = [Role::Hs, Role::Flow, Role::ReportedBy].into_iter().filter_map(|role| store.role(role));
    let columns = ends.iter().copied().chain(roles.map(|assigned| assigned.column)).filter(|at| *at != column);
    let codes: Result<Vec<Arc<Codes>>> = columns.map(|at| store.columns[at].codes(progress)).collect();
    Trade::new(store, codes?, progress)
}

fn coverage(label: &str, store: &Store, column: usize, is_end: bool) -> Coverage {
    let folded = folded(label);
    let listed = words::breakdown(store.columns[column].name()).is_some_and(|totals| totals.contains(&folded));
    let zeros = !folded.is_empty() && folded.bytes().all(|b| b == b'0');
    // 0 is the world in M49, and 00 is not a chapter.
    let number =
        zeros && ((is_end && store.counts_by_m49()) || (folded == "00" && store.role_of(column) == Some(Role::Hs)));
    if words::is_total(label) || listed || number {
        Coverage::All
    } else if is_end && words::is_region(label) {
        Coverage::Several
    } else {
        Coverage::One
    }
}

/// Whether the texts of a chunk contain a total. Most columns have none and need no codes.
fn could(column: &Column, coverage: &(impl Fn(&str) -> Coverage + Sync), progress: &Progress) -> Result<bool> {
    let total = |text: &str| coverage(text) > Coverage::One;
    for chunk in column.chunks(progress)? {
        progress.check()?;
        let held = any_text(&dictionary_values(chunk), &total)?;
        if held {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Rows for a thread at a time.
const STEP: usize = 1 << 16;

fn any_text(values: &ArrayRef, test: &(impl Fn(&str) -> bool + Sync)) -> Result<bool> {
    if values.data_type().is_integer() {
        // Among numbers only zero is a total.
        let numbers = cast(values, &DataType::Int64)?;
        let zero = numbers.as_primitive::<Int64Type>().values().par_chunks(STEP).any(|part| part.contains(&0));
        return Ok(zero && test("0"));
    }
    if !is_text(values.data_type()) {
        return Ok(true);
    }
    let texts = cast(values, &DataType::Utf8View)?;
    let texts = texts.as_string_view();
    let part = |start: usize| {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut last = "";
        (start..texts.len().min(start + STEP)).any(|at| {
            if texts.is_null(at) || texts.value(at) == last {
                return false;
            }
            last = texts.value(at);
            seen.insert(last) && test(last)
        })
    };
    Ok((0..texts.len()).into_par_iter().step_by(STEP).any(part))
}

/// The rows of each label that is a total: labels for everything, if rows of the same day, country and code stand for
/// less; and groups of countries, if the single countries alone add up to the total.
fn of_column(
    store: &Store,
    name: &str,
    codes: &Codes,
    coverage: &impl Fn(&str) -> Coverage,
    trade: &Trade,
    progress: &Progress,
) -> Result<Found> {
    let texts = label_texts(codes)?;
    let coverages: Vec<Coverage> = texts.iter().map(|t| t.as_deref().map_or(Coverage::One, coverage)).collect();
    let of_row = |row: usize| coverages.get(codes.ids[row] as usize).copied();
    let wide = |row: &u32| of_row(*row as usize).is_some_and(|r| r > Coverage::One);
    let rows: Vec<u32> = (0..codes.ids.len() as u32).into_par_iter().filter(wide).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    progress.check()?;
    let value = figures(store, progress)?;
    let mut groups: HashMap<Key, CoverageSums> = HashMap::new();
    rows.iter().for_each(|row| {
        groups.entry(trade.key(*row as usize)).or_default();
    });
    let parts = (0..codes.ids.len()).into_par_iter().filter_map(|row| {
        let coverage = of_row(row)?;
        let key = trade.key(row);
        groups.contains_key(&key).then(|| (key, coverage, value.as_ref().map_or(f64::NAN, |v| v[row]).to_bits()))
    });
    // In a fixed order, so that sums do not depend on the order of rows.
    let mut parts: Vec<(Key, Coverage, u64)> = parts.collect();
    parts.par_sort_unstable();
    for (key, coverage, value) in parts {
        if let Some(figures) = groups.get_mut(&key) {
            figures.add(coverage, f64::from_bits(value));
        }
    }
    let (split, all) = groups
        .values()
        .filter_map(CoverageSums::countries_alone)
        .fold((0, 0), |(yes, all), alone| (yes + usize::from(alone), all + 1));
    let regions = all > 0 && 2 * split >= all;
    if !regions && coverages.contains(&Coverage::Several) && coverages.contains(&Coverage::One) {
        store.note(told_regions(name, &texts, &coverages));
    }
    let total = |row: &u32| match (of_row(*row as usize), groups.get(&trade.key(*row as usize))) {
        (Some(Coverage::All), Some(figures)) => figures.rows[0] + figures.rows[1] > 0,
        (Some(Coverage::Several), Some(figures)) => regions && figures.rows[0] > 0,
        _ => false,
    };
    let mut by_label: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for row in rows.iter().filter(|row| total(row)) {
        by_label.entry(codes.ids[*row as usize]).or_default().push(*row);
    }
    let reason = |id: u32| format!("{name:?} is {:?}", texts[id as usize].as_deref().unwrap_or_default());
    Ok(by_label.into_iter().map(|(id, rows)| (reason(id), rows)).collect())
}

fn told_regions(name: &str, texts: &[Option<String>], coverages: &[Coverage]) -> String {
    let named = texts.iter().zip(coverages).filter(|(_, r)| **r == Coverage::Several).filter_map(|(t, _)| t.as_deref());
    let named: Vec<String> = named.take(4).map(|t| format!("{t:?}")).collect();
    format!(
        "{name:?} holds groups of countries ({}), and nothing shows whether they are sums of other rows: if they are, leave \
         them out with .where(...)",
        named.join(", ")
    )
}

/// The rows and sums of one group, by reach.
#[derive(Default)]
struct CoverageSums {
    rows: [usize; 3],
    sums: [f64; 3],
}

impl CoverageSums {
    fn add(&mut self, coverage: Coverage, value: f64) {
        self.rows[coverage as usize] += 1;
        self.sums[coverage as usize] += if value.is_nan() { 0.0 } else { value };
    }

    /// Whether the single countries add up to the total, if there are a total, countries and groups of countries.
    fn countries_alone(&self) -> Option<bool> {
        let [one, _, all] = self.sums;
        let there = self.rows.iter().all(|n| *n > 0) && all != 0.0 && all.is_finite();
        there.then(|| (one - all).abs() <= TOLERANCE * all.abs())
    }
}
