//! Exchange rates: units of one currency for one unit of another, constant or from a day on.

use std::collections::BTreeMap;

use super::codes::label_texts;
use super::currency::Named;
use super::days::NULL_DAY;
use super::memory::Store;
use super::period::{Every, Period, iso};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::stats::exact_sum;
use crate::store::{currency, days};

/// A rate and the first day on which it is valid.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Dated {
    day: i32,
    rate: f64,
}

/// The rates of one currency, by day.
pub struct Series {
    rates: Vec<Dated>,
    /// Days after which a rate is no longer valid.
    holds: Option<i32>,
}

/// A rate for a day or a period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub rate: f64,
    /// Some days of the period have no rate and are left out of the mean.
    pub partial: bool,
    /// An old last rate.
    pub old: bool,
}

/// A last rate is old after this many days, or after the longest time between two rates if that is longer.
const OLD: i32 = 31;

/// The rates of all currencies to one, the target.
pub struct Rates {
    pub to: &'static str,
    series: BTreeMap<&'static str, Series>,
    /// Decisions that were not obvious.
    pub notes: Vec<String>,
}

const COLUMNS: &str = "a table of rates has the columns \"currency\" (codes of ISO 4217), \"rate\" (units of the target for \
                       one unit) and, where rates change, \"date\" (the first day each is valid)";

impl Rates {
    /// Reads the columns `currency`, `rate` and, if it exists, `date` of a table. `holds` is the largest number of days
    /// that a rate is valid.
    pub fn read(table: &Store, to: &'static str, holds: Option<i32>, progress: &Progress) -> Result<Rates> {
        let find = |name: &str| {
            table.find(name).ok_or_else(|| {
                let names: Vec<&str> = table.columns.iter().map(|c| c.name()).collect();
                Error::MissingColumn(format!(
                    "rates: there is no column {name:?} among {}; {COLUMNS}",
                    names.join(", ")
                ))
            })
        };
        let wrong = |row: usize, what: String| Err(Error::Argument(format!("rates, row {row}: {what}")));
        let (currencies, column) = (find("currency")?, &table.columns[find("rate")?]);
        let codes = table.columns[currencies].codes(progress)?;
        let texts = label_texts(&codes)?;
        let numbers = column.numbers(progress)?;
        let mut notes = Vec::new();
        let days = match table.find("date") {
            Some(date) => {
                let read = days::read(&table.columns[date], table.date_order(), None, progress)?;
                if let Some((row, reason)) = read.faults.first() {
                    let text = table.columns[date].raw(*row as usize).unwrap_or_default();
                    return wrong(*row as usize, format!("the date {text:?} is {reason}"));
                }
                notes.extend(read.told.iter().map(|t| format!("rates: {}", t.sentence("date"))));
                Some(read.values)
            }
            None => None,
        };
        let mut all: BTreeMap<&'static str, Vec<Dated>> = BTreeMap::new();
        for (row, &id) in codes.ids.iter().enumerate() {
            let Some(text) = texts.get(id as usize).and_then(Option::as_deref) else {
                return wrong(row, "the currency is missing; leave such rows out".into());
            };
            let code = match currency::named(text) {
                Named::Known(currency) if currency.sure => currency.code,
                Named::Known(_) => {
                    return wrong(
                        row,
                        format!("several currencies are written {text:?}; write the code, such as \"INR\""),
                    );
                }
                _ => return wrong(row, format!("{text:?} is no currency of ISO 4217, such as \"EUR\"")),
            };
            let rate = numbers.values[row];
            if !(rate.is_finite() && rate > 0.0) {
                let stands = column.raw(row).unwrap_or_else(|| "missing".into());
                return wrong(row, format!("the rate of {code} is {stands}; a number above 0 is expected"));
            }
            let day = days.as_ref().map_or(NULL_DAY, |d| d[row]);
            if days.is_some() && day == NULL_DAY {
                return wrong(
                    row,
                    "the date is missing; leave such rows out, or leave the column out where rates never change".into(),
                );
            }
            if code == to && rate != 1.0 {
                return wrong(
                    row,
                    format!(
                        "the rate of {to} in {to} is 1, not {rate}; rates are units of {to} for one unit of the currency: \
                         convert to the currency that they are in"
                    ),
                );
            }
            all.entry(code).or_default().push(Dated { day, rate });
        }
        let mut series = BTreeMap::new();
        for (code, mut rates) in all {
            rates.sort_by(|a, b| a.day.cmp(&b.day).then(a.rate.total_cmp(&b.rate)));
            if let Some(twice) = rates.windows(2).find(|w| w[0].day == w[1].day) {
                let (a, b) = (twice[0].rate, twice[1].rate);
                let when = if days.is_some() { format!(" from {} on", iso(twice[0].day)) } else { String::new() };
                let mend = if days.is_some() {
                    "keep one of them"
                } else {
                    "keep one of them, or say in a column \"date\" from when each is valid"
                };
                return Err(Error::Argument(format!("rates: {code} has two rates{when}, {a} and {b}; {mend}")));
            }
            series.insert(code, Series { rates, holds });
        }
        if series.is_empty() {
            return Err(Error::Argument(format!("the table of rates holds no row; {COLUMNS}")));
        }
        Ok(Rates { to, series, notes })
    }

    pub fn of(&self, code: &str) -> Option<&Series> {
        self.series.get(code)
    }
}

impl Series {
    /// The constant rate, if it is the only one.
    pub fn constant(&self) -> Option<f64> {
        self.rates.first().filter(|r| r.day == NULL_DAY).map(|r| r.rate)
    }

    pub fn first_day(&self) -> i32 {
        self.rates.first().map_or(NULL_DAY, |r| r.day)
    }

    pub fn last_day(&self) -> i32 {
        self.rates.last().map_or(NULL_DAY, |r| r.day)
    }

    /// The latest rate on or before the day, if it is still valid.
    fn on(&self, day: i32) -> Option<f64> {
        let after = self.rates.partition_point(|r| r.day <= day);
        let last = self.rates.get(after.checked_sub(1)?)?;
        self.holds.is_none_or(|holds| day - last.day <= holds).then_some(last.rate)
    }

    /// The number of days after which the last rate is old.
    fn old_after(&self) -> i32 {
        let gaps = self.rates.windows(2).map(|w| w[1].day - w[0].day);
        gaps.max().unwrap_or(0).max(OLD)
    }

    /// The rate of a period: the rate of a single day, or the mean of the rates of all days.
    pub fn over(&self, period: Period) -> Option<Rate> {
        let old = period.first - self.last_day() > self.old_after();
        let rates: Vec<f64> = (period.first..=period.last).filter_map(|day| self.on(day)).collect();
        let (first, last) = (rates.first()?, rates.last()?);
        let same = rates.iter().all(|rate| rate == first);
        let rate = if same { *last } else { exact_sum(&rates) / rates.len() as f64 };
        let partial = rates.len() as i64 != i64::from(period.last) - i64::from(period.first) + 1;
        Some(Rate { rate, partial, old })
    }

    /// For each day of a period, the rate of the period (of kind `every`) that contains it.
    pub fn spread(&self, period: Period, every: Every, progress: &Progress) -> Result<Vec<Option<Rate>>> {
        let mut all = Vec::with_capacity((period.last - period.first + 1).max(0) as usize);
        let mut start = every.start(period.first);
        while start <= period.last {
            progress.check()?;
            let next = every.next(start);
            let rate = self.over(Period { first: start, last: next - 1 });
            let days = next.min(period.last + 1) - start.max(period.first);
            all.extend((0..days).map(|_| rate));
            start = next;
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(rates: &[(i32, f64)], holds: Option<i32>) -> Series {
        Series { rates: rates.iter().map(|&(day, rate)| Dated { day, rate }).collect(), holds }
    }

    fn one(day: i32) -> Period {
        Period { first: day, last: day }
    }

    #[test]
    fn the_last_rate_holds_until_the_next() {
        let s = series(&[(10, 2.0), (14, 3.0)], None);
        let rate = |day| s.over(one(day)).map(|r| r.rate);
        assert_eq!([9, 10, 13, 14, 90].map(rate), [None, Some(2.0), Some(2.0), Some(3.0), Some(3.0)]);
        assert_eq!([45, 46].map(|day| s.over(one(day)).unwrap().old), [false, true]);
        let s = series(&[(10, 2.0), (14, 3.0)], Some(5));
        assert_eq!([19, 20].map(|day| s.over(one(day)).map(|r| r.rate)), [Some(3.0), None]);
    }

    #[test]
    fn a_period_has_the_mean_of_its_days() {
        let s = series(&[(10, 2.0), (14, 3.0)], None);
        let over = |first, last| s.over(Period { first, last }).unwrap();
        assert_eq!(over(12, 15), Rate { rate: 2.5, partial: false, old: false });
        assert_eq!(over(8, 10), Rate { rate: 2.0, partial: true, old: false });
        assert_eq!(s.over(Period { first: 1, last: 9 }), None);
        let days = s.spread(Period { first: 8, last: 20 }, Every::Day, &Progress::default()).unwrap();
        assert_eq!(days.len(), 13);
        assert_eq!(days[5], s.over(one(13)));
        // 1970-01-20 to 1970-02-10, in months.
        let months = s.spread(Period { first: 19, last: 40 }, Every::Month, &Progress::default()).unwrap();
        assert_eq!(months.len(), 22);
        assert_eq!(months[0], s.over(Period { first: 0, last: 30 }));
        assert_eq!(months[12], s.over(Period { first: 31, last: 58 }));
    }
}
