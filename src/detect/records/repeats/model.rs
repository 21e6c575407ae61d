//! The settings of `Repeats`, and what a fit holds: the records of the same parties and code.

use super::rates::Rates;
use crate::error::{Error, Result};
use crate::group::GroupKeys;
use crate::stats::{Within, encode};

#[derive(Clone, Debug, PartialEq)]
pub struct Repeats {
    /// Days before and after.
    pub window: i32,
    /// Near duplicates may differ by this share.
    pub tolerance: f64,
    /// A value that consignments may be kept under, in the currency of the source.
    pub threshold: Option<f64>,
    /// The width of the band just under the threshold, as a share.
    pub band: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) day: i32,
    pub(super) value: f64,
    /// NaN if unknown.
    pub(super) weight: f64,
}

impl Record {
    pub(super) fn order(&self) -> (i32, i64, i64) {
        (self.day, encode(self.value), encode(self.weight))
    }

    /// What two duplicates have in common: value and weight.
    pub(super) fn amount(&self) -> Amount {
        (encode(self.value), encode(self.weight))
    }
}

/// Value and weight in their sort order.
pub(super) type Amount = (i64, i64);

/// A group with this many records is large.
pub(super) const LARGE: usize = 64;

/// An index of a large group, for fast counting.
pub(super) struct Large {
    pub(super) within: Within,
    /// The positions of values just under the threshold, and their approximate cumulative sums.
    pub(super) under: Vec<u32>,
    pub(super) sums: Vec<f64>,
}

impl Large {
    pub(super) fn of(settings: &Repeats, records: &[Record]) -> Option<Box<Large>> {
        if records.len() < LARGE {
            return None;
        }
        let values: Vec<f64> = records.iter().map(|r| r.value).collect();
        let under: Vec<u32> = (0..values.len() as u32).filter(|&i| settings.under(values[i as usize])).collect();
        let mut sums = vec![0.0];
        for &i in &under {
            sums.push(sums[sums.len() - 1] + values[i as usize]);
        }
        Some(Box::new(Large { within: Within::new(&values), under, sums }))
    }
}

pub(super) struct Model {
    pub(super) settings: Repeats,
    pub(super) keys: Vec<String>,
    /// Shipments of the same parties and code, by day, value and weight.
    pub(super) group_keys: GroupKeys,
    pub(super) starts: Vec<usize>,
    pub(super) records: Vec<Record>,
    /// For each group, the positions of its records in the order of their amounts, then of their days.
    pub(super) by_amount: Vec<u32>,
    /// All amounts of each code, ascending, and the code of each group.
    pub(super) codes: Vec<Vec<Amount>>,
    pub(super) code_of: Vec<u32>,
    pub(super) rates: Rates,
    /// One for each group; `None` for small ones.
    pub(super) large: Vec<Option<Box<Large>>>,
}

impl Repeats {
    pub(super) fn check(&self) -> Result<()> {
        if self.window < 0 {
            return Err(Error::Argument(format!("window={}: give 0 or more days", self.window)));
        }
        if !(self.tolerance >= 0.0 && self.tolerance < 0.5) {
            return Err(Error::Argument(format!(
                "tolerance={}: give a share from 0 to 0.5, such as 0.01",
                self.tolerance
            )));
        }
        if !(self.band > 0.0 && self.band < 1.0) {
            return Err(Error::Argument(format!("band={}: give a share between 0 and 1, such as 0.1", self.band)));
        }
        match self.threshold {
            Some(t) if t.is_nan() || t <= 0.0 => {
                Err(Error::Argument(format!("threshold={t}: give a value above 0, such as 10_000")))
            }
            _ => Ok(()),
        }
    }

    /// Whether a value lies just under the threshold.
    pub(super) fn under(&self, value: f64) -> bool {
        self.threshold.is_some_and(|t| value >= t * (1.0 - self.band) && value < t)
    }
}
