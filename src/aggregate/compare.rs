//! Two windows compared: the change of each group, and the comparison with a reference.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};

use super::compute::compute;
use super::fill::period_key;
use super::measure::Measure;
use crate::error::{Error, Result};
use crate::group::{GroupIndex, Key, resolve};
use crate::progress::Progress;
use crate::store::{Period, Shipments};
use crate::table::table;

pub struct Comparison<'a> {
    pub by: &'a [String],
    pub current: Period,
    pub base: Period,
    pub measure: &'a str,
    /// The shipments of the reference, and the names of the keys that selected them.
    pub against: Option<(&'a Shipments, &'a [String])>,
}

/// The measure of a group in both windows.
type Pair = (Option<f64>, Option<f64>);

pub fn compare(ships: &Shipments, comparison: &Comparison, progress: &Progress) -> Result<RecordBatch> {
    let store = &ships.store;
    let keys = resolve(store, comparison.by)?;
    if let Some((place, _)) = period_key(&keys) {
        return Err(Error::Argument(format!(
            "by cannot hold the period {:?}: the two windows are the periods compared",
            comparison.by[place]
        )));
    }
    let measure = Measure::parse(store, comparison.measure)?;
    progress.begin("comparing", 0);
    let (index, pairs) = windows(ships, &keys, &measure, comparison, progress)?;
    progress.check()?;
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    let packed: Vec<u128> = pairs.keys().copied().collect();
    for (k, name) in comparison.by.iter().enumerate() {
        columns
            .push((name.clone(), index.keys.labels_of(k, packed.iter().map(|&p| index.keys.code_of(p, k)).collect())?));
    }
    let base: Vec<Option<f64>> = pairs.values().map(|p| p.0).collect();
    let current: Vec<Option<f64>> = pairs.values().map(|p| p.1).collect();
    let growth = |(base, current): &Pair| Some(current.as_ref()? / base.as_ref().filter(|b| **b != 0.0)? - 1.0);
    let dhs = |(base, current): &Pair| {
        let (base, current) = ((*base)?, (*current)?);
        let both = base + current;
        (both != 0.0).then(|| 2.0 * (current - base) / both)
    };
    let share = |values: &[Option<f64>]| -> Vec<Option<f64>> {
        let known: Vec<f64> = values.iter().flatten().copied().collect();
        let total = crate::stats::exact_sum(&known);
        values.iter().map(|v| v.filter(|_| total != 0.0).map(|v| v / total)).collect()
    };
    let mut put = |name: &str, values: Vec<Option<f64>>| {
        columns.push((name.into(), Arc::new(Float64Array::from(values)) as ArrayRef));
    };
    put("base", base.clone());
    put("current", current.clone());
    put("change", pairs.values().map(|p| Some(p.1? - p.0?)).collect());
    put("growth", pairs.values().map(growth).collect());
    put("growth_dhs", pairs.values().map(dhs).collect());
    put("share_base", share(&base));
    put("share_current", share(&current));
    if let Some((reference, chosen)) = comparison.against {
        let mut kept: Vec<usize> = Vec::new();
        for (k, key) in keys.iter().enumerate() {
            let fixed = chosen.iter().map(|name| Key::named(store, name)).collect::<Result<Vec<_>>>()?;
            if !fixed.contains(key) {
                kept.push(k);
            }
        }
        let fewer: Vec<Key> = kept.iter().map(|&k| keys[k]).collect();
        let (other, there) = windows(reference, &fewer, &measure, comparison, progress)?;
        let there: BTreeMap<Vec<u32>, Pair> = there
            .into_iter()
            .map(|(p, pair)| ((0..fewer.len()).map(|k| other.keys.code_of(p, k)).collect(), pair))
            .collect();
        let empty = if measure.kind.additive() { (Some(0.0), Some(0.0)) } else { (None, None) };
        let found: Vec<Pair> = packed
            .iter()
            .map(|&p| {
                let codes: Vec<u32> = kept.iter().map(|&k| index.keys.code_of(p, k)).collect();
                there.get(&codes).copied().unwrap_or(empty)
            })
            .collect();
        put("against_base", found.iter().map(|p| p.0).collect());
        put("against_current", found.iter().map(|p| p.1).collect());
        put("against_growth", found.iter().map(growth).collect());
        let times = found.iter().zip(&current).map(|(p, c)| Some((*c)? / p.1.filter(|a| *a != 0.0)?));
        put("times", times.collect());
    }
    table(columns, packed.len())
}

/// The measure of every group that has rows in either window. In a window without rows, an additive measure is zero and
/// any other is null.
fn windows(
    ships: &Shipments,
    keys: &[Key],
    measure: &Measure,
    comparison: &Comparison,
    progress: &Progress,
) -> Result<(GroupIndex, BTreeMap<u128, Pair>)> {
    let days = ships.store.days(progress)?;
    let within = |window: Period| {
        let rows = ships.rows.iter().filter(|&r| window.contains(days[r])).map(|r| r as u32);
        ships.subset(rows.collect())
    };
    let empty = if measure.kind.additive() { Some(0.0) } else { None };
    let mut pairs: BTreeMap<u128, Pair> = BTreeMap::new();
    let mut last = None;
    for (window, side) in [(comparison.base, 0), (comparison.current, 1)] {
        let part = within(window);
        let index = GroupIndex::build(&part, keys, progress)?;
        let values = compute(&index, &part, std::slice::from_ref(measure), true, progress)?;
        let values = cast(&values[0], &DataType::Float64)?;
        let values = values.as_primitive::<Float64Type>();
        for g in 0..index.groups() {
            progress.check()?;
            let pair = pairs.entry(index.keys.key(g)).or_insert((empty, empty));
            // Without keys and rows there is still one group. It has nothing to sum.
            if !index.rows(g).is_empty() {
                let value = values.is_valid(g).then(|| values.value(g));
                if side == 0 { pair.0 = value } else { pair.1 = value }
            }
        }
        last = Some(index);
    }
    let known = || days.iter().copied().filter(|&d| d != crate::store::NULL_DAY);
    if let (Some(first), Some(end)) = (known().min(), known().max()) {
        for (name, window) in [("base", comparison.base), ("current", comparison.current)] {
            if window.last < first || window.first > end {
                return Err(window.outside(name, Period { first, last: end }));
            }
        }
    }
    match last {
        Some(index) => Ok((index, pairs)),
        None => Err(Error::Argument("nothing to compare".into())),
    }
}
