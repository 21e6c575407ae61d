//! Rows whose parts are in the table, too: a chapter beside its codes, exports beside the re-exports in
//! them. Sums show it: a table is taken for nested only where its figures add up.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use rayon::prelude::*;

use super::super::recipe::{How, Recipe};
use super::super::words::{self, FlowWords};
use super::Found;
use crate::error::Result;
use crate::store::{Column, Every, NULL_DAY, Role, Store, label_texts};
use crate::watch::Watch;

/// How far the sum of published parts may be from the published total.
const TOLERANCE: f64 = 0.005;
/// The share of totals that must be the sum of their parts.
const MOST: f64 = 0.5;
/// The share of parts that must fit into the flow they belong to.
const NEARLY_ALL: f64 = 0.95;

/// A row with what it has in common with its parts, and what tells it from them.
struct Entry {
    common: [u32; 5],
    part: u32,
    value: f64,
    row: u32,
}

/// The rows chosen by `part`, those that have the same date, countries and `further` together.
fn entries(
    store: &Store,
    further: &[Role],
    watch: &Watch,
    part: impl Fn(usize) -> Option<u32> + Sync,
) -> Result<Vec<Entry>> {
    let measure = [Role::Value, Role::NetWeight, Role::Quantity].into_iter().find(|r| store.role(*r).is_some());
    let Some(measure) = measure else { return Ok(Vec::new()) };
    let values = store.role_numbers(measure, watch)?;
    let days = if store.role(Role::Date).is_some() { Some(store.days(watch)?) } else { None };
    let mut keys = Vec::new();
    for role in [Role::Origin, Role::Destination].iter().chain(further) {
        if store.role(*role).is_some() {
            keys.push(store.role_codes(*role, watch)?);
        }
    }
    let entry = |row: usize| {
        let part = part(row)?;
        let mut common = [0; 5];
        common[0] = days.as_ref().map_or(NULL_DAY, |d| d[row]) as u32;
        common[1..].iter_mut().zip(&keys).for_each(|(place, codes)| *place = codes.ids[row]);
        Some(Entry { common, part, value: values[row], row: row as u32 })
    };
    let mut all: Vec<Entry> = (0..store.rows).into_par_iter().filter_map(entry).collect();
    watch.check()?;
    all.par_sort_unstable_by_key(|e| (e.common, e.part, e.value.to_bits(), e.row));
    Ok(all)
}

/// Rows of years or quarters whose months are there for the same trade and add up to them.
pub fn of_periods(store: &Store, watch: &Watch) -> Result<Found> {
    let wider = store.wider_dates(watch)?;
    if wider.is_empty() {
        return Ok(Vec::new());
    }
    let column = store.require(Role::Date)?.0.name();
    let days = store.days(watch)?;
    let mut found = Found::new();
    for every in [Every::Year, Every::Quarter] {
        // 0 are parts, 1 the periods, 2 the other periods that have parts themselves.
        let mut kind = vec![0u32; store.rows];
        for period in wider {
            period.rows.iter().for_each(|row| kind[*row as usize] = if period.every == every { 1 } else { 2 });
        }
        let mut entries = entries(store, &[Role::Hs, Role::Flow], watch, |row| Some(kind[row]).filter(|k| *k < 2))?;
        entries.iter_mut().for_each(|e| e.common[0] = every.start(days[e.row as usize]) as u32);
        entries.par_sort_unstable_by_key(|e| (e.common, e.part, e.value.to_bits(), e.row));
        let mut total = vec![false; store.rows];
        for group in entries.chunk_by(|a, b| a.common == b.common) {
            watch.check()?;
            let (parts, periods) = group.split_at(group.partition_point(|e| e.part == 0));
            if !parts.is_empty() && adds_up(sum(periods), sum(parts), parts.len()) {
                periods.iter().for_each(|e| total[e.row as usize] = true);
            }
        }
        for period in wider.iter().filter(|p| p.every == every) {
            let rows = period.rows.iter().copied().filter(|row| total[*row as usize]).collect();
            found.push((format!("{column:?} is {:?}, and its parts add up to it", period.label), rows));
        }
    }
    Ok(found)
}

fn sum(entries: &[Entry]) -> f64 {
    entries.iter().map(|e| e.value).filter(|v| !v.is_nan()).sum()
}

/// Rows of HS codes whose longer codes are there and add up to them.
pub fn of_goods(store: &Store, watch: &Watch) -> Result<Found> {
    let Some(assigned) = store.role(Role::Hs) else { return Ok(Vec::new()) };
    if one_length(&store.columns[assigned.column], watch)? {
        return Ok(Vec::new());
    }
    let codes = store.role_codes(Role::Hs, watch)?;
    let Some(labels) = codes.text() else { return Ok(Vec::new()) };
    // In sorted order the codes that a shorter one begins follow it at once.
    let begins = |a: usize, b: usize| b < labels.len() && labels.value(b).starts_with(labels.value(a));
    let longer: Vec<bool> = (0..labels.len()).map(|a| begins(a, a + 1)).collect();
    let Some(shortest) = longer.iter().position(|l| *l) else { return Ok(Vec::new()) };
    let entries = entries(store, &[Role::Flow, Role::ReportedBy], watch, |row| {
        let code = codes.ids[row];
        (code != codes.null()).then_some(code)
    })?;
    // (total, sum of its parts, the entries of the total)
    let mut nested: Vec<Nested> = Vec::new();
    for group in entries.chunk_by(|a, b| a.common == b.common) {
        watch.check()?;
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
    // Nothing is a sum of nothing, and shows nothing.
    nested.retain(|n| n.count > 0 && n.total != 0.0 && n.total.is_finite());
    let adding_up = nested.iter().filter(|n| adds_up(n.total, n.parts, n.count)).count();
    let column = store.columns[assigned.column].name();
    if nested.is_empty() {
        return Ok(Vec::new());
    }
    if (adding_up as f64) < MOST * nested.len() as f64 {
        store.note(format!(
            "{column:?} holds codes of several lengths (such as {:?}), whose figures do not add up to one another: \
             where a shorter code holds longer ones, sums over all rows count their trade twice",
            labels.value(shortest)
        ));
        return Ok(Vec::new());
    }
    let sums = nested.into_iter().filter(|n| adds_up(n.total, n.parts, n.count));
    let mut rows: Vec<u32> = sums.flat_map(|n| n.rows).collect();
    rows.sort_unstable();
    Ok(vec![(format!("{column:?} is the beginning of longer codes that add up to it"), rows)])
}

/// Whether all codes have as many digits, as far as a look at their texts tells.
fn one_length(column: &Column, watch: &Watch) -> Result<bool> {
    let mut found: Option<usize> = None;
    for chunk in column.chunks(watch)? {
        let values = chunk.as_any_dictionary_opt().map_or(chunk, |d| d.values());
        if !matches!(values.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
            return Ok(false);
        }
        let texts = cast(values, &DataType::Utf8View)?;
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

/// A total with the sum of what is directly below it.
struct Nested {
    part: u32,
    total: f64,
    parts: f64,
    count: usize,
    rows: Vec<u32>,
}

/// Whether a published total is the sum of so many published parts.
fn adds_up(total: f64, parts: f64, count: usize) -> bool {
    // Each figure may be rounded by half a unit.
    let whole = total.fract() == 0.0 && parts.fract() == 0.0;
    let rounding = if whole { 0.5 * (count + 1) as f64 } else { 0.0 };
    let known = total.is_finite() && parts.is_finite() && total != 0.0;
    known && (total - parts).abs() <= (TOLERANCE * total.abs()).max(rounding.min(0.05 * total.abs()))
}

/// Re-exports and domestic exports beside the exports that hold them, in sources that are known to count so.
pub fn of_flows(store: &Store, watch: &Watch) -> Result<Found> {
    let (Some(assigned), Some(_)) = (store.role(Role::Flow), store.role(Role::Hs)) else { return Ok(Vec::new()) };
    if !words::holds_parts_of_flows(&store.layout) {
        return Ok(Vec::new());
    }
    let words = own_words(store);
    let codes = store.columns[assigned.column].codes(watch)?;
    let texts = label_texts(&codes)?;
    let kinds: Vec<Option<u32>> = texts
        .iter()
        .map(|text| {
            let text = text.as_deref()?;
            let import = words::direction(text, &words)?;
            Some(2 * u32::from(import) + u32::from(words::is_part_of_flow(text)))
        })
        .collect();
    let both = |import: u32| kinds.contains(&Some(2 * import)) && kinds.contains(&Some(2 * import + 1));
    if !both(0) && !both(1) {
        return Ok(Vec::new());
    }
    let entries = entries(store, &[Role::Hs], watch, |row| kinds.get(codes.ids[row] as usize).copied().flatten())?;
    let (mut fitting, mut all) = (0usize, 0usize);
    let mut rows: Vec<u32> = Vec::new();
    for group in entries.chunk_by(|a, b| a.common == b.common) {
        watch.check()?;
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
            words::is_part_of_flow(t) && words::direction(t, &words).is_some_and(|import| both(u32::from(import)))
        })
        .map(|t| format!("{t:?}"))
        .collect();
    let column = store.columns[assigned.column].name();
    Ok(vec![(format!("{column:?} is {}, which other rows hold already", names.join(" or ")), rows)])
}

/// The source's own words for the directions.
fn own_words(store: &Store) -> FlowWords {
    let recipes = store.recipes().iter().filter_map(|text| toml::from_str::<Recipe>(text).ok());
    recipes
        .map(|r| r.how)
        .find_map(|how| if let How::Flow { words, .. } = how { Some(words) } else { None })
        .unwrap_or_default()
}
