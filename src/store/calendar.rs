//! Days of the calendar as numbers, and the precision of dates.

use chrono::{Datelike, NaiveDate, Weekday};

/// The precision of a date: a year, a quarter, a month or a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grain {
    Year,
    Quarter,
    Month,
    Day,
}

impl Grain {
    pub fn name(self) -> &'static str {
        match self {
            Grain::Year => "years",
            Grain::Quarter => "quarters",
            Grain::Month => "months",
            Grain::Day => "days",
        }
    }
}

/// The first day of the year, quarter or month, or the day itself, with the precision; or why a text is no date.
pub type Spelled = Result<(i32, Grain), &'static str>;

pub(super) const NOT_A_DATE: &str = "not a date";
pub(super) const IMPOSSIBLE: &str = "no such day in the calendar";
pub const OUTSIDE: &str = "not a date between the years 1900 and 2100";
/// 1970-01-01 as a number of days from the year 1 (chrono's count).
pub(super) const EPOCH_CE: i32 = 719_163;

/// The years 1900 to 2100, in days since 1970-01-01. Other dates are typing errors or stand for "unknown", whether the
/// source holds texts, numbers or dates.
pub const CALENDAR: std::ops::RangeInclusive<i32> = -25_567..=47_846;

pub(super) fn day(year: i32, month: u32, day: u32) -> Result<i32, &'static str> {
    let date = NaiveDate::from_ymd_opt(year, month, day).ok_or(IMPOSSIBLE)?;
    within(i64::from(date.num_days_from_ce() - EPOCH_CE))
}

/// The Monday of a week of the year.
pub(super) fn week(year: i32, week: u32) -> Result<i32, &'static str> {
    let date = NaiveDate::from_isoywd_opt(year, week, Weekday::Mon).ok_or(IMPOSSIBLE)?;
    within(i64::from(date.num_days_from_ce() - EPOCH_CE))
}

pub fn within(day: i64) -> Result<i32, &'static str> {
    i32::try_from(day).ok().filter(|day| CALENDAR.contains(day)).ok_or(OUTSIDE)
}

/// Two digits: 70 to 99 are the 1900s.
pub(super) fn full_year(digits: &str) -> Option<i32> {
    let year: i32 = digits.parse().ok()?;
    match digits.len() {
        2 if year >= 70 => Some(1900 + year),
        2 => Some(2000 + year),
        4 => Some(year),
        _ => None,
    }
}

pub(super) fn naive(day: i32) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(day.saturating_add(EPOCH_CE)).unwrap_or_default()
}

/// `day` as `2023-03-01`.
pub fn iso(day: i32) -> String {
    naive(day).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_is_that_of_the_years_1900_to_2100() {
        assert_eq!(day(1900, 1, 1), Ok(*CALENDAR.start()));
        assert_eq!(day(2100, 12, 31), Ok(*CALENDAR.end()));
    }
}
