//! Keys of groups: a column, a role, a prefix of the HS code, or a period.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringViewArray};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::store::{Codes, Every, NULL_DAY, Role, RoleKind, Store, day_labels, text_labels};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    Role(Role),
    Column(usize),
    HsPrefix(usize),
    Period(Every),
}

impl Key {
    /// Finds the key of a name: first a role, then a column of the source, then a key derived from a role.
    pub fn named(store: &Store, name: &str) -> Result<Key> {
        if let Some(role) = Role::named(name)
            && store.role(role).is_some()
        {
            return Ok(Key::Role(role));
        }
        if let Some(column) = store.find(name) {
            // Under its own name, a column keeps its own units and texts. A role may convert the units and replace
            // texts, such as those of countries, directions and missing values.
            let same = store
                .role_of(column)
                .filter(|&role| !role.rewrites() && store.role(role).is_some_and(|a| a.factor == 1.0));
            return Ok(same.map_or(Key::Column(column), Key::Role));
        }
        if let Some(digits) = name.strip_prefix("hs").and_then(|d| d.parse::<usize>().ok())
            && matches!(digits, 2 | 4 | 6 | 8 | 10)
        {
            store.require(Role::Hs)?;
            return Ok(Key::HsPrefix(digits));
        }
        if let Some(every) = Every::named(name) {
            store.require(Role::Date)?;
            store.check_grain(every, &Progress::default())?;
            return Ok(Key::Period(every));
        }
        Err(match Role::named(name) {
            Some(role) => match store.require(role) {
                Err(error) => error,
                Ok(_) => store.unknown(name),
            },
            None => store.unknown(name),
        })
    }

    /// Whether both keys make the same groups. Dates are the same as days.
    fn same(self, other: Key) -> bool {
        let plain = |key| if key == Key::Period(Every::Day) { Key::Role(Role::Date) } else { key };
        plain(self) == plain(other)
    }

    /// Loads the codes of the key.
    pub fn load(self, store: &Store, progress: &Progress) -> Result<KeyColumn> {
        Ok(match self {
            Key::Column(column) => KeyColumn::codes(store.columns[column].codes(progress)?),
            Key::Role(role) if role.kind() == RoleKind::Date => KeyColumn::period(store.days(progress)?, Every::Day),
            Key::Role(role) if role.kind() == RoleKind::Number => {
                let (column, assigned) = store.require(role)?;
                if assigned.factor == 1.0 && !column.is_text() {
                    KeyColumn::codes(column.codes(progress)?)
                } else {
                    let values = store.role_numbers(role, progress)?;
                    let array: ArrayRef = Arc::new(arrow::array::Float64Array::new(values, None));
                    KeyColumn::codes(Arc::new(crate::store::encode(&[array], progress)?))
                }
            }
            Key::Role(role) => KeyColumn::codes(store.role_codes(role, progress)?),
            Key::HsPrefix(digits) => KeyColumn::prefix(store.role_codes(Role::Hs, progress)?, digits),
            Key::Period(every) => KeyColumn::period(store.days(progress)?, every),
        })
    }
}

/// Finds the keys of a list of names. Two names of one key are an error.
pub fn resolve(store: &Store, names: &[String]) -> Result<Vec<Key>> {
    let mut keys: Vec<Key> = Vec::new();
    for name in names {
        let key = Key::named(store, name)?;
        if let Some(at) = keys.iter().position(|k| k.same(key)) {
            return Err(Error::Argument(if names[at] == *name {
                format!("{name:?} is in the list of keys twice; name each key once")
            } else {
                format!("{:?} and {name:?} are the same key; name it once", names[at])
            }));
        }
        keys.push(key);
    }
    Ok(keys)
}

enum Source {
    /// The codes of the column, and a map to coarser codes if there is one.
    Codes(Arc<Codes>, Option<Vec<u32>>),
    /// Days, and a table from `day - first` to the code of the period.
    Days { days: Arc<Vec<i32>>, first: i32, table: Vec<u32> },
}

/// A key over all rows of the store: a dense code for each row, in the order of the labels, with null last.
pub struct KeyColumn {
    source: Source,
    pub labels: ArrayRef,
}

impl KeyColumn {
    fn codes(codes: Arc<Codes>) -> KeyColumn {
        KeyColumn { labels: codes.labels.clone(), source: Source::Codes(codes, None) }
    }

    fn prefix(codes: Arc<Codes>, digits: usize) -> KeyColumn {
        let (mut map, labels) =
            codes.text().map_or_else(|| (Vec::new(), text_labels([])), |t| prefix_labels(t, digits));
        map.push(labels.len() as u32);
        KeyColumn { labels, source: Source::Codes(codes, Some(map)) }
    }

    fn period(days: Arc<Vec<i32>>, every: Every) -> KeyColumn {
        let parts = || days.par_chunks(1 << 18);
        let ends = |part: &[i32]| {
            let known = part.iter().filter(|d| **d != NULL_DAY);
            known.fold((i32::MAX, i32::MIN), |(a, b), &d| (a.min(d), b.max(d)))
        };
        let (first, last) = parts().map(ends).reduce(|| (i32::MAX, i32::MIN), |a, b| (a.0.min(b.0), a.1.max(b.1)));
        let span = if first <= last { (last - first) as usize + 1 } else { 0 };
        let mark = |mut seen: Vec<bool>, part: &[i32]| {
            part.iter().filter(|d| **d != NULL_DAY).for_each(|&d| seen[(d - first) as usize] = true);
            seen
        };
        let either = |mut a: Vec<bool>, b: Vec<bool>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a |= b);
            a
        };
        let seen = parts().fold(|| vec![false; span], mark).reduce(|| vec![false; span], either);
        let present: Vec<i32> = (0..seen.len()).filter(|&i| seen[i]).map(|i| first + i as i32).collect();
        let (map, labels) = period_labels(&present, every);
        let mut table = vec![0; seen.len()];
        for (day, code) in present.into_iter().zip(map) {
            table[(day - first) as usize] = code;
        }
        KeyColumn { labels, source: Source::Days { days, first, table } }
    }

    /// The number of codes. The last code is null.
    pub fn radix(&self) -> u64 {
        self.labels.len() as u64 + 1
    }

    pub fn null(&self) -> u32 {
        self.labels.len() as u32
    }

    pub fn code(&self, row: usize) -> u32 {
        match &self.source {
            Source::Codes(codes, None) => codes.ids[row],
            Source::Codes(codes, Some(map)) => map[codes.ids[row] as usize],
            Source::Days { days, first, table } => {
                let day = days[row];
                if day == NULL_DAY { self.null() } else { table[(day - first) as usize] }
            }
        }
    }

    /// Adds `code(row) * stride` to each of `out` for consecutive rows from `start`.
    pub fn add_range<K: super::index::Packed>(&self, start: usize, stride: K, out: &mut [K]) {
        let rows = start..start + out.len();
        match &self.source {
            Source::Codes(codes, None) => {
                for (out, &id) in out.iter_mut().zip(&codes.ids[rows]) {
                    *out = out.plus(stride.times(id));
                }
            }
            Source::Codes(codes, Some(map)) => {
                for (out, &id) in out.iter_mut().zip(&codes.ids[rows]) {
                    *out = out.plus(stride.times(map[id as usize]));
                }
            }
            Source::Days { days, first, table } => {
                let null = self.null();
                for (out, &day) in out.iter_mut().zip(&days[rows]) {
                    let code = if day == NULL_DAY { null } else { table[(day - first) as usize] };
                    *out = out.plus(stride.times(code));
                }
            }
        }
    }
}

/// Cuts sorted HS codes to `digits` digits. Returns for each code the number of its prefix, and the prefixes. Shorter
/// codes are kept, because a heading is not a subheading.
pub fn prefix_labels(texts: &StringViewArray, digits: usize) -> (Vec<u32>, ArrayRef) {
    let mut distinct: Vec<&str> = Vec::new();
    let mut map = Vec::with_capacity(texts.len() + 1);
    for text in texts.iter().flatten() {
        let prefix = text.get(..digits).unwrap_or(text);
        // Prefixes of sorted texts are sorted.
        if distinct.last() != Some(&prefix) {
            distinct.push(prefix);
        }
        map.push(distinct.len() as u32 - 1);
    }
    (map, text_labels(distinct))
}

/// For days in ascending order, the number of each day's period, and the first days of the periods.
pub fn period_labels(days: &[i32], every: Every) -> (Vec<u32>, ArrayRef) {
    let mut starts: Vec<i32> = Vec::new();
    let mut map = Vec::with_capacity(days.len() + 1);
    for &day in days {
        let start = every.start(day);
        if starts.last() != Some(&start) {
            starts.push(start);
        }
        map.push(starts.len() as u32 - 1);
    }
    (map, day_labels(starts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use arrow::datatypes::Date32Type;

    #[test]
    fn prefixes_and_periods_keep_order_and_nulls() {
        let codes = Arc::new(Codes { ids: vec![2, 0, 3, 1], labels: text_labels(["0101", "010121", "02"]) });
        let key = KeyColumn::prefix(codes, 4);
        assert_eq!((0..4).map(|r| key.code(r)).collect::<Vec<_>>(), [1, 0, 2, 0]);
        assert_eq!(key.labels.as_string_view().value(1), "02");
        let days = Arc::new(vec![40, NULL_DAY, 0, 35]);
        let key = KeyColumn::period(days, Every::Month);
        assert_eq!((0..4).map(|r| key.code(r)).collect::<Vec<_>>(), [1, 2, 0, 1]);
        assert_eq!(key.labels.as_primitive::<Date32Type>().values()[..], [0, 31]);
    }
}
