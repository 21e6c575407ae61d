//! Rows whose parts are in the table as well: a chapter beside its codes, exports beside the re-exports in them. A
//! table counts as nested only if its figures add up.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use rayon::prelude::*;

use super::super::recipe::{Derivation, Recipe};
use super::found::Found;
use super::trade::{Key, TOLERANCE, Trade, adds_up, figures};
use crate::error::Result;
use crate::ingest::words;
use crate::progress::Progress;
use crate::store::{Codes, Column, Direction, Every, FlowWords, Role, Store, dictionary_values, is_text, label_texts};

/// The share of totals that must be the sum of their parts.
const MOST: f64 = 0.5;
/// The share of parts that must not exceed their flow.
const NEARLY_ALL: f64 = 0.95;

/// A row, the columns that it shares with its parts, and those in which it differs.
struct Entry {
    key: Key,
    part: u32,
    value: f64,
    row: u32,
}

/// The rows selected by `part`, sorted by their trade: the same countries and `further`, and the same `period` of the
/// day. Empty for a source without figures.
fn entries(
    store: &Store,
    further: &[Role],
    progress: &Progress,
    period: impl Fn(i32) -> i32 + Sync,
    part: impl Fn(usize) -> Option<u32> + Sync,
) -> Result<Vec<Entry>> {
    let Some(values) = figures(store, progress)? else { return Ok(Vec::new()) };
    let roles = [Role::Origin, Role::Destination].iter().chain(further).filter(|role| store.role(**role).is_some());
    let codes: Result<Vec<Arc<Codes>>> = roles.map(|role| store.role_codes(*role, progress)).collect();
    let trade = Trade::new(store, codes?, progress)?;
    let entry = |row: usize| {
        let part = part(row)?;
        let mut key = trade.key(row);
        key[0] = period(trade.day(row)) as u32;
        Some(Entry { key, part, value: values[row], row: row as u32 })
    };
    let mut all: Vec<Entry> = (0..store.rows).into_par_iter().filter_map(entry).collect();
    progress.check()?;
    all.par_sort_unstable_by_key(|e| (e.key, e.part, e.value.to_bits(), e.row));
    Ok(all)
}

/// Rows of years or quarters whose months exist for the same trade and add up to them.
pub fn of_periods(store: &Store, progress: &Progress) -> Result<Found> {
    let coarse_periods = store.wider_dates(progress)?;
    if coarse_periods.is_empty() {
        return Ok(Vec::new());
    }
    let column = store.require(Role::Date)?.0.name();
    let mut found = Found::new();
    for every in [Every::Year, Every::Quarter] {
        // 0: parts, 1: the periods, 2: other periods that have parts themselves.
        let mut kind = vec![0u32; store.rows];
        for period in coarse_periods {
            period.rows.iter().for_each(|row| kind[*row as usize] = if period.every == every { 1 } else { 2 });
        }
        let part = |row: usize| Some(kind[row]).filter(|k| *k < 2);
        let entries = entries(store, &[Role::Hs, Role::Flow], progress, |day| every.start(day), part)?;
        let mut total = vec![false; store.rows];
        for group in entries.chunk_by(|a, b| a.key == b.key) {
            progress.check()?;
            let (parts, periods) = group.split_at(group.partition_point(|e| e.part == 0));
            if !parts.is_empty() && adds_up(sum(periods), sum(parts), parts.len()) {
                periods.iter().for_each(|e| total[e.row as usize] = true);
            }
        }
        for period in coarse_periods.iter().filter(|p| p.every == every) {
            let rows = period.rows.iter().copied().filter(|row| total[*row as usize]).collect();
            found.push((format!("{column:?} is {:?}, and its parts add up to it", period.label), rows));
        }
    }
    Ok(found)
}

fn sum(entries: &[Entry]) -> f64 {
    entries.iter().map(|e| e.value).filter(|v| !v.is_nan()).sum()
}

/// Rows of HS codes whose longer codes exist and add up to them.
pub fn of_goods(store: &Store, progress: &Progress) -> Result<Found> {
    let Some(assigned) = store.role(Role::Hs) else { return Ok(Vec::new()) };
    if one_length(&store.columns[assigned.column], progress)? {
        return Ok(Vec::new());
    }
    let codes = store.role_codes(Role::Hs, progress)?;
    let Some(labels) = codes.text() else { return Ok(Vec::new()) };
    // In sorted order, the codes that begin with a shorter one follow it directly.
    let begins = |a: usize, b: usize| b < labels.len() && labels.value(b).starts_with(labels.value(a));
    let longer: Vec<bool> = (0..labels.len()).map(|a| begins(a, a + 1)).collect();
    let Some(shortest) = longer.iter().position(|l| *l) else { return Ok(Vec::new()) };
    let entries = entries(
        store,
        &[Role::Flow, Role::ReportedBy],
        progress,
        |day| day,
        |row| {
            let code = codes.ids[row];
            (code != codes.null()).then_some(code)
        },
    )?;
    let mut nested: Vec<Nested> = Vec::new();
    for group in entries.chunk_by(|a, b| a.key == b.key) {
        progress.check()?;
        let mut open: Vec<Nested> = Vec::new();
        for same in group.chunk_by(|a, b| a.part == b.part) {
            let code = labels.value(same[0].part as usize);
            while let Some(top) = open.pop_if(|top| !code.starts_with(labels.value(top.part as usize))) {
                nested.push(top);
            }
            let total = sum(same);
            if let Some(over) = open.last_mut() {
                over.parts += total;
                over.count += 1;
            }
            open.push(Nested {
                part: same[0].part,
                total,
                parts: 0.0,
                count: 0,
                rows: same.iter().map(|e| e.row).collect(),
            });
        }
        nested.extend(open);
    }
    // A zero total shows nothing.
    nested.retain(|n| n.count > 0 && n.total != 0.0 && n.total.is_finite());
    let all = nested.len();
    nested.retain(|n| adds_up(n.total, n.parts, n.count));
    let column = store.columns[assigned.column].name();
    if (nested.len() as f64) < MOST * all as f64 {
        store.note(format!(
            "{column:?} holds codes of several lengths (such as {:?}), whose figures do not add up to one another: \
             where a shorter code holds longer ones, sums over all rows count their trade twice",
            labels.value(shortest)
        ));
        return Ok(Vec::new());
    }
    let mut rows: Vec<u32> = nested.into_iter().flat_map(|n| n.rows).collect();
    rows.sort_unstable();
    Ok(vec![(format!("{column:?} is the beginning of longer codes that add up to it"), rows)])
}

/// Whether all codes have the same number of digits, as far as their texts show.
fn one_length(column: &Column, progress: &Progress) -> Result<bool> {
    let mut found: Option<usize> = None;
    for chunk in column.chunks(progress)? {
        let values = dictionary_values(chunk);
        if !is_text(values.data_type()) {
            return Ok(false);
        }
        let texts = cast(&values, &DataType::Utf8View)?;
        let texts = texts.as_string_view();
        let Some(first) = found.or_else(|| texts.iter().flatten().map(str::len).next()) else { continue };
        found = Some(first);
        let same = |at: usize| texts.is_null(at) || texts.value(at).len() == first;
        if !(0..texts.len()).into_par_iter().with_min_len(1 << 14).all(same) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A total with the sum of its direct parts.
struct Nested {
    part: u32,
    total: f64,
    parts: f64,
    count: usize,
    rows: Vec<u32>,
}

/// Re-exports and domestic exports beside the exports that contain them, in sources that count in this way.
pub fn of_flows(store: &Store, recipes: &[Recipe], progress: &Progress) -> Result<Found> {
    let (Some(assigned), Some(_)) = (store.role(Role::Flow), store.role(Role::Hs)) else { return Ok(Vec::new()) };
    if !words::holds_parts_of_flows(&store.layout) {
        return Ok(Vec::new());
    }
    let words = own_words(recipes);
    let codes = store.columns[assigned.column].codes(progress)?;
    let texts = label_texts(&codes)?;
    let kinds: Vec<Option<u32>> = texts
        .iter()
        .map(|text| {
            let text = text.as_deref()?;
            let import = Direction::parse(text, &words)? == Direction::Import;
            Some(2 * u32::from(import) + u32::from(words::is_part_of_flow(text)))
        })
        .collect();
    let both = |import: u32| kinds.contains(&Some(2 * import)) && kinds.contains(&Some(2 * import + 1));
    if !both(0) && !both(1) {
        return Ok(Vec::new());
    }
    let kind = |row: usize| kinds.get(codes.ids[row] as usize).copied().flatten();
    let entries = entries(store, &[Role::Hs], progress, |day| day, kind)?;
    let (mut fitting, mut all) = (0usize, 0usize);
    let mut rows: Vec<u32> = Vec::new();
    for group in entries.chunk_by(|a, b| a.key == b.key) {
        progress.check()?;
        for direction in group.chunk_by(|a, b| a.part / 2 == b.part / 2) {
            let split = direction.partition_point(|e| e.part % 2 == 0);
            let (whole, parts) = direction.split_at(split);
            let total = sum(whole);
            all += parts.len();
            fitting += parts.iter().filter(|p| !whole.is_empty() && p.value <= total * (1.0 + TOLERANCE)).count();
            if !whole.is_empty() {
                rows.extend(parts.iter().map(|p| p.row));
            }
        }
    }
    if all == 0 || (fitting as f64) < NEARLY_ALL * all as f64 {
        return Ok(Vec::new());
    }
    rows.sort_unstable();
    let names: Vec<String> = texts
        .iter()
        .flatten()
        .filter(|t| {
            words::is_part_of_flow(t)
                && Direction::parse(t, &words).is_some_and(|d| both(u32::from(d == Direction::Import)))
        })
        .map(|t| format!("{t:?}"))
        .collect();
    let column = store.columns[assigned.column].name();
    Ok(vec![(format!("{column:?} is {}, which other rows hold already", names.join(" or ")), rows)])
}

/// The source's own words for the directions.
fn own_words(recipes: &[Recipe]) -> FlowWords {
    let own = recipes
        .iter()
        .find_map(|r| if let Derivation::Flow { words, .. } = &r.how { Some(words.clone()) } else { None });
    own.unwrap_or_default()
}
