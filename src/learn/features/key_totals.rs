//! The records of each combination of keys, counted and added up.

use crate::error::Result;
use crate::group::{GroupKeys, IndexCache, resolve};
use crate::progress::Progress;
use crate::stats::exact_sum;
use crate::store::{NULL_DAY, Role, Shipments};

pub struct KeyTotals {
    pub group_keys: GroupKeys,
    groups: Vec<Total>,
    all: Total,
}

#[derive(Clone, Copy, Default)]
struct Total {
    records: f64,
    /// The sum of the values that are above 0.
    value: f64,
    last_day: Option<i32>,
}

impl KeyTotals {
    pub fn of(
        source: &Shipments,
        cache: &IndexCache,
        names: &[String],
        dated: bool,
        valued: bool,
        progress: &Progress,
    ) -> Result<KeyTotals> {
        let index = cache.get(source, &resolve(&source.store, names)?, progress)?;
        let days = dated.then(|| source.store.days(progress)).transpose()?;
        let values = if valued { source.store.optional_numbers(Role::Value, progress)? } else { None };
        let total = |rows: &mut dyn Iterator<Item = usize>| {
            let (mut total, mut worth) = (Total::default(), Vec::new());
            for row in rows {
                total.records += 1.0;
                if let Some(days) = &days
                    && days[row] != NULL_DAY
                {
                    total.last_day = total.last_day.max(Some(days[row]));
                }
                worth.extend(values.iter().map(|values| values[row]).filter(|v| v.is_finite() && *v > 0.0));
            }
            total.value = exact_sum(&worth);
            total
        };
        let groups = progress.each(0..index.groups(), 1, |g| total(&mut index.rows(g).iter().map(|&r| r as usize)))?;
        let sums: Vec<f64> = groups.iter().map(|g| g.value).collect();
        let all = Total {
            records: source.len() as f64,
            value: exact_sum(&sums),
            last_day: groups.iter().filter_map(|g| g.last_day).max(),
        };
        Ok(KeyTotals { group_keys: GroupKeys::of_index(&index, names), groups, all })
    }

    /// The number of records of a group, the days from its last record to the last one of all, and its share of all
    /// value.
    pub fn numbers(&self, group: Option<u32>) -> [f64; 3] {
        let Some(own) = group.map(|g| &self.groups[g as usize]) else { return [0.0, f64::NAN, 0.0] };
        let since = own.last_day.zip(self.all.last_day).map_or(f64::NAN, |(own, all)| f64::from(all) - f64::from(own));
        let share = if self.all.value > 0.0 { own.value / self.all.value } else { 0.0 };
        [own.records, since, share]
    }
}
