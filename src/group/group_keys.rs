//! Groups identified by the labels of their keys, without rows. A fit stores them, finds the same groups in new
//! shipments, and coarsens them to the levels of `backoff`.

use std::ops::Range;
use std::sync::OnceLock;

use arrow::array::{Array, ArrayRef, AsArray, make_comparator};
use arrow::compute::{SortOptions, cast};
use arrow::datatypes::{DataType, Date32Type, Field};
use hashbrown::HashMap;
use rayon::prelude::*;

use super::index::{GroupIndex, gather};
use super::key::{period_labels, prefix_labels};
use super::strides::strides;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::store::{Every, encode};

/// Groups as codes into the sorted labels of each key. The code after the last label is null.
pub struct GroupKeys {
    pub keys: Vec<String>,
    labels: Vec<ArrayRef>,
    codes: Vec<Vec<u32>>,
    groups: usize,
    /// The number of each group, by its packed codes. Made at the first search.
    numbers: OnceLock<HashMap<u128, u32>>,
}

impl GroupKeys {
    fn new(keys: &[String], labels: Vec<ArrayRef>, codes: Vec<Vec<u32>>, groups: usize) -> GroupKeys {
        GroupKeys { keys: keys.to_vec(), labels, codes, groups, numbers: OnceLock::new() }
    }

    pub fn of_index(index: &GroupIndex, keys: &[String]) -> GroupKeys {
        GroupKeys::of_some(index, keys, 0..index.groups())
    }

    /// Some groups of an index, by its first keys.
    pub fn of_some(
        index: &GroupIndex,
        keys: &[String],
        groups: impl ExactSizeIterator<Item = usize> + Clone,
    ) -> GroupKeys {
        let labels = (0..keys.len()).map(|k| index.keys.distinct(k).clone()).collect();
        let codes = (0..keys.len()).map(|k| groups.clone().map(|g| index.keys.code(g, k)).collect()).collect();
        GroupKeys::new(keys, labels, codes, groups.len())
    }

    /// Groups from tables with a column for each key and a row for each group.
    pub fn of_columns(
        keys: &[String],
        columns: &[Vec<ArrayRef>],
        groups: usize,
        progress: &Progress,
    ) -> Result<GroupKeys> {
        let mut group_keys = GroupKeys::new(keys, Vec::new(), Vec::new(), groups);
        for chunks in columns {
            let codes = encode(chunks, progress)?;
            group_keys.labels.push(codes.labels.clone());
            group_keys.codes.push(codes.ids);
        }
        Ok(group_keys)
    }

    pub fn groups(&self) -> usize {
        self.groups
    }

    /// The values of key `column` of all groups.
    pub fn labels(&self, column: usize) -> Result<ArrayRef> {
        self.labels_within(column, 0..self.groups)
    }

    /// The keys of a group as text, such as `hs6 690912, origin CN`.
    pub fn name(&self, group: usize) -> String {
        let part = |(k, key): (usize, &String)| format!("{key} {}", self.value(group, k));
        let parts: Vec<String> = self.keys.iter().enumerate().map(part).collect();
        if parts.is_empty() { "all shipments".into() } else { parts.join(", ") }
    }

    /// Some of the groups, in this order.
    pub fn some(&self, groups: &[u32]) -> GroupKeys {
        let codes = self.codes.iter().map(|codes| groups.iter().map(|&g| codes[g as usize]).collect()).collect();
        GroupKeys::new(&self.keys, self.labels.clone(), codes, groups.len())
    }

    /// The values of key `column` of a range of groups.
    pub fn labels_within(&self, column: usize, groups: Range<usize>) -> Result<ArrayRef> {
        gather(&self.labels[column], groups.len(), |i| self.codes[column][groups.start + i])
    }

    /// The values of key `column` of these groups.
    pub fn labels_of(&self, column: usize, groups: &[u32]) -> Result<ArrayRef> {
        gather(&self.labels[column], groups.len(), |i| self.codes[column][groups[i] as usize])
    }

    /// The value of key `column` of one group, as text.
    pub fn value(&self, group: usize, column: usize) -> String {
        label(&self.labels[column], self.codes[column][group] as usize)
    }

    /// The distinct groups in key order, and for each original group its number among them.
    pub fn distinct(&self) -> Result<(GroupKeys, Vec<u32>)> {
        let mut packed = vec![0u128; self.groups];
        for (stride, codes) in strides(self.labels.iter())?.0.into_iter().zip(&self.codes) {
            packed.iter_mut().zip(codes).for_each(|(p, &code)| *p += u128::from(code) * stride);
        }
        let mut order: Vec<u32> = (0..self.groups as u32).collect();
        if !packed.is_sorted() {
            order.par_sort_unstable_by_key(|&g| (packed[g as usize], g));
        }
        let mut number = vec![0u32; self.groups];
        let mut firsts: Vec<u32> = Vec::new();
        for &g in &order {
            if firsts.last().is_none_or(|&f| packed[f as usize] != packed[g as usize]) {
                firsts.push(g);
            }
            number[g as usize] = firsts.len() as u32 - 1;
        }
        let codes = self.codes.iter().map(|codes| firsts.iter().map(|&g| codes[g as usize]).collect()).collect();
        Ok((GroupKeys::new(&self.keys, self.labels.clone(), codes, firsts.len()), number))
    }

    /// The same groups with coarser keys. Each must be one of these keys or follow from one of them.
    pub fn project(&self, keys: &[String]) -> Result<GroupKeys> {
        let mut made = GroupKeys::new(keys, Vec::new(), Vec::new(), self.groups);
        for key in keys {
            if let Some(at) = self.keys.iter().position(|k| k == key) {
                made.labels.push(self.labels[at].clone());
                made.codes.push(self.codes[at].clone());
                continue;
            }
            let Some(at) = self.keys.iter().position(|k| follows(k, key)) else {
                return Err(Error::Argument(format!("{key:?} does not follow from the keys {}", self.keys.join(", "))));
            };
            let (mut map, labels) = match (Every::named(key), self.labels[at].as_string_view_opt()) {
                (Some(every), _) => {
                    let days = cast(&self.labels[at], &DataType::Date32)?;
                    period_labels(days.as_primitive::<Date32Type>().values(), every)
                }
                (None, Some(texts)) => prefix_labels(texts, digits(key).unwrap_or(usize::MAX)),
                _ => return Err(Error::Argument(format!("{key:?} is a prefix of HS codes, which are texts"))),
            };
            map.push(labels.len() as u32);
            made.codes.push(self.codes[at].iter().map(|&code| map[code as usize]).collect());
            made.labels.push(labels);
        }
        Ok(made)
    }

    /// Names and types of the keys, as columns of a table.
    pub fn fields(&self) -> Vec<Field> {
        self.keys.iter().zip(&self.labels).map(|(name, l)| Field::new(name, l.data_type().clone(), true)).collect()
    }

    /// The type of the values of key `column`.
    pub fn kind(&self, column: usize) -> &DataType {
        self.labels[column].data_type()
    }

    /// For each group of `there`, the number of the group with the same labels in `self`, if it exists.
    pub fn find(&self, there: &GroupKeys, progress: &Progress) -> Result<Vec<Option<u32>>> {
        let (strides, _) = strides(self.labels.iter())?;
        let packed = |g: usize, codes: &[Vec<u32>]| {
            codes.iter().zip(&strides).fold(0, |packed, (codes, stride)| packed + u128::from(codes[g]) * stride)
        };
        let numbers = match self.numbers.get() {
            Some(numbers) => numbers,
            None => {
                let made = (0..self.groups).map(|g| (packed(g, &self.codes), g as u32)).collect();
                progress.check()?;
                self.numbers.get_or_init(|| made)
            }
        };
        let mut codes = Vec::new();
        for ((here, labels), own) in self.labels.iter().zip(&there.labels).zip(&there.codes) {
            let map = code_map(here, labels)?;
            codes.push(progress.each(0..there.groups, 1 << 12, |g| map[own[g] as usize])?);
        }
        progress.each(0..there.groups, 1 << 12, |g| {
            let known = codes.iter().all(|codes| codes[g] != UNKNOWN);
            known.then(|| numbers.get(&packed(g, &codes)).copied()).flatten()
        })
    }
}

/// The code of an unknown label.
const UNKNOWN: u32 = u32::MAX;

/// For each code of `there`, the code of the same label in `here`. Null maps to null.
fn code_map(here: &ArrayRef, there: &ArrayRef) -> Result<Vec<u32>> {
    let null = here.len() as u32;
    let mut map: Vec<u32> = if here.data_type() == there.data_type() {
        // Both are in ascending order: each search begins at the previous position, in steps that double.
        let compared = make_comparator(here, there, SortOptions::default())?;
        let mut at = 0;
        let found = (0..there.len()).map(|label| {
            let mut step = 1;
            while at + step <= here.len() && compared(at + step - 1, label).is_lt() {
                at += step;
                step *= 2;
            }
            let (mut low, mut high) = (at, (at + step).min(here.len()));
            while low < high {
                let middle = low.midpoint(high);
                if compared(middle, label).is_lt() { low = middle + 1 } else { high = middle }
            }
            at = low;
            if at < here.len() && compared(at, label).is_eq() { at as u32 } else { UNKNOWN }
        });
        found.collect()
    } else {
        // Another source may hold the same values in another type, so texts are compared.
        let (here, there) = (comparable(here)?, comparable(there)?);
        let codes: HashMap<&str, u32> = here.iter().map(String::as_str).zip(0..).collect();
        there.iter().map(|text| codes.get(text.as_str()).copied().unwrap_or(UNKNOWN)).collect()
    };
    map.push(null);
    Ok(map)
}

/// Labels as texts that do not depend on the type. A day has the same text as its first instant.
fn comparable(labels: &ArrayRef) -> Result<Vec<String>> {
    let texts = cast(labels, &DataType::Utf8View)?;
    let days = labels.data_type().is_temporal();
    let text = |text: &str| if days { text.strip_suffix("T00:00:00").unwrap_or(text) } else { text }.to_owned();
    Ok(texts.as_string_view().iter().map(|t| t.map(text).unwrap_or_default()).collect())
}

fn label(labels: &ArrayRef, code: usize) -> String {
    match labels.as_string_view_opt() {
        Some(texts) if code < texts.len() => texts.value(code).to_owned(),
        None if code < labels.len() => arrow::util::display::array_value_to_string(labels, code).unwrap_or_default(),
        _ => "(none)".into(),
    }
}

fn digits(key: &str) -> Option<usize> {
    key.strip_prefix("hs")?.parse().ok()
}

/// Whether the finer key determines the coarser one.
fn follows(finer: &str, coarser: &str) -> bool {
    if let Some(few) = digits(coarser) {
        return finer == "hs" || digits(finer).is_some_and(|many| many >= few);
    }
    let day = matches!(finer, "day" | "date");
    match Every::named(coarser) {
        Some(Every::Year) => day || matches!(finer, "month" | "quarter"),
        Some(Every::Quarter) => day || finer == "month",
        Some(Every::Month | Every::Week) => day,
        Some(Every::Day) => finer == "date",
        None => coarser == "date" && finer == "day",
    }
}

/// The smallest list of keys from which all these levels follow.
pub fn finest(levels: &[Vec<String>]) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for key in levels.iter().flatten() {
        if !keys.iter().any(|k| k == key || follows(k, key)) {
            keys.push(key.clone());
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use arrow::array::{Date32Array, Int64Array, StringViewArray, TimestampSecondArray};
    use proptest::prelude::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&s| s.to_owned()).collect()
    }

    #[test]
    fn the_finest_keys_hold_all_levels() {
        let level = |list: &[&str]| names(list);
        assert_eq!(finest(&[level(&["hs6", "origin"]), level(&["hs6"]), level(&["hs4"])]), ["hs6", "origin"]);
        assert_eq!(finest(&[level(&["hs6"]), level(&["hs2", "month"]), level(&["year"])]), ["hs6", "month"]);
        assert_eq!(finest(&[level(&["hs4"]), level(&["hs6"])]), ["hs4", "hs6"]);
    }

    #[test]
    fn coarser_groups_and_back() {
        let hs: ArrayRef = Arc::new(StringViewArray::from(vec![Some("010121"), Some("010129"), None, Some("02")]));
        let day: ArrayRef = Arc::new(Date32Array::from(vec![Some(40), Some(35), Some(70), None]));
        let group_keys =
            GroupKeys::of_columns(&names(&["hs6", "month"]), &[vec![hs], vec![day]], 4, &Progress::default()).unwrap();
        let coarse = group_keys.project(&names(&["hs4", "year"])).unwrap();
        let (distinct, number) = coarse.distinct().unwrap();
        assert_eq!(number, [0, 0, 2, 1]);
        assert_eq!(distinct.name(0), "hs4 0101, year 1970-01-01");
        assert_eq!(distinct.name(1), "hs4 02, year (none)");
        assert_eq!(distinct.find(&coarse, &Progress::default()).unwrap(), [Some(0), Some(0), Some(2), Some(1)]);
        assert!(group_keys.project(&names(&["origin"])).is_err());
    }

    #[test]
    fn groups_are_found_in_other_sources() {
        let made = |columns: [ArrayRef; 2]| {
            let rows = columns[0].len();
            let columns = columns.map(|c| vec![c]);
            GroupKeys::of_columns(&names(&["importer", "day"]), &columns, rows, &Progress::default()).unwrap()
        };
        let texts = |list: &[Option<&str>]| -> ArrayRef { Arc::new(StringViewArray::from(list.to_vec())) };
        let instant = |day: i64| day * 86_400;
        let here = made([
            texts(&[Some("A"), Some("B"), None, Some("D"), Some("D"), Some("")]),
            Arc::new(Date32Array::from(vec![Some(1), Some(2), Some(3), None, Some(4), Some(5)])),
        ]);
        // The same days in seconds, with other labels between and after them, and an instant within a day.
        let there = made([
            texts(&[Some("B"), Some("C"), None, Some("D"), Some("E"), Some("A"), Some("A"), Some(""), Some("D")]),
            Arc::new(TimestampSecondArray::from(vec![
                Some(instant(2)),
                Some(instant(2)),
                Some(instant(3)),
                None,
                Some(instant(9)),
                Some(instant(1) + 60),
                Some(instant(1)),
                Some(instant(5)),
                Some(instant(5)),
            ])),
        ]);
        let wanted = [Some(1), None, Some(2), Some(3), None, None, Some(0), Some(5), None];
        assert_eq!(here.find(&there, &Progress::default()).unwrap(), wanted);
        let known = there.find(&here, &Progress::default()).unwrap();
        assert_eq!(known, [Some(6), Some(0), Some(2), Some(3), None, Some(7)]);
    }

    proptest! {
        #[test]
        fn groups_are_found_as_their_names_are(
            here in prop::collection::vec((prop::option::of("[a-e]{0,2}"), prop::option::of(-9..9i64)), 0..60),
            there in prop::collection::vec((prop::option::of("[a-f]{0,2}"), prop::option::of(-12..9i64)), 0..60),
        ) {
            let made = |rows: &[(Option<String>, Option<i64>)]| {
                let texts: ArrayRef = Arc::new(rows.iter().map(|r| r.0.as_deref()).collect::<StringViewArray>());
                let numbers: ArrayRef = Arc::new(rows.iter().map(|r| r.1).collect::<Int64Array>());
                let columns = [vec![texts], vec![numbers]];
                GroupKeys::of_columns(&names(&["a", "b"]), &columns, rows.len(), &Progress::default()).unwrap()
            };
            let found = made(&here).find(&made(&there), &Progress::default()).unwrap();
            // The last of equal groups is used.
            let wanted: Vec<Option<u32>> =
                there.iter().map(|row| here.iter().rposition(|r| r == row).map(|g| g as u32)).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
