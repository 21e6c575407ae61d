//! Periods of the calendar. Each is represented by its first day.

pub use super::calendar::iso;

use chrono::{Datelike, Months, NaiveDate};

use super::calendar::{EPOCH_CE, Grain, naive};
use super::date::DateOrder;
use crate::error::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Every {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// An inclusive stretch of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub first: i32,
    pub last: i32,
}

/// Why a text is no period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misread {
    NotADate,
    /// `3/1/2023`: two days that it may be.
    Either(i32, i32),
}

impl Misread {
    /// The days between which nothing decides, for errors.
    pub fn choice(self) -> String {
        match self {
            Misread::NotADate => String::new(),
            Misread::Either(one, other) => format!("{} or {}; write one of these", iso(one), iso(other)),
        }
    }
}

fn number(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - EPOCH_CE
}

impl Every {
    pub fn named(name: &str) -> Option<Every> {
        Some(match name {
            "day" => Every::Day,
            "week" => Every::Week,
            "month" => Every::Month,
            "quarter" => Every::Quarter,
            "year" => Every::Year,
            _ => return None,
        })
    }

    /// The period that a user names.
    pub fn asked(name: &str) -> Result<Every, Error> {
        Every::named(name).ok_or_else(|| {
            Error::Argument(format!(
                "every={name:?} is not known; use \"day\", \"week\", \"month\", \"quarter\" or \"year\""
            ))
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Every::Day => "day",
            Every::Week => "week",
            Every::Month => "month",
            Every::Quarter => "quarter",
            Every::Year => "year",
        }
    }

    /// The first day of the period that contains `day`. A week starts on Monday.
    pub fn start(self, day: i32) -> i32 {
        let d = naive(day);
        let first = |month| NaiveDate::from_ymd_opt(d.year(), month, 1).unwrap_or(d);
        match self {
            Every::Day => day,
            Every::Week => day - d.weekday().num_days_from_monday() as i32,
            Every::Month => number(first(d.month())),
            Every::Quarter => number(first((d.month() - 1) / 3 * 3 + 1)),
            Every::Year => number(first(1)),
        }
    }

    /// Whether dates with this precision are exact enough for this period.
    pub fn told_by(self, grain: Grain) -> bool {
        match self {
            Every::Day | Every::Week => grain == Grain::Day,
            Every::Month => grain >= Grain::Month,
            Every::Quarter => grain >= Grain::Quarter,
            Every::Year => true,
        }
    }

    /// Its approximate number of days.
    pub fn days(self) -> f64 {
        match self {
            Every::Day => 1.0,
            Every::Week => 7.0,
            Every::Month => 30.4375,
            Every::Quarter => 91.3125,
            Every::Year => 365.25,
        }
    }

    /// The number of periods in a season: twelve months, four quarters, seven days, fifty-two weeks; one if there is no
    /// season.
    pub fn season(self) -> usize {
        match self {
            Every::Day => 7,
            Every::Week => 52,
            Every::Month => 12,
            Every::Quarter => 4,
            Every::Year => 1,
        }
    }

    /// `2022-03-01` in the usual spelling of a period: `2022-03`, `2022-Q1`, `2022`.
    pub fn text(self, start: i32) -> String {
        let d = naive(start);
        match self {
            Every::Day | Every::Week => d.to_string(),
            Every::Month => d.format("%Y-%m").to_string(),
            Every::Quarter => format!("{}-Q{}", d.year(), d.month0() / 3 + 1),
            Every::Year => d.year().to_string(),
        }
    }

    /// The periods from the one that starts at `first` to the one that starts at `last`.
    pub fn range(self, first: i32, last: i32) -> Vec<i32> {
        let mut starts = Vec::new();
        let mut at = first;
        while at <= last {
            starts.push(at);
            at = self.next(at);
        }
        starts
    }

    /// The first day of the period after the one that starts at `start`.
    pub fn next(self, start: i32) -> i32 {
        let months = |n| naive(start).checked_add_months(Months::new(n)).map_or(start + 1, number);
        match self {
            Every::Day => start + 1,
            Every::Week => start + 7,
            Every::Month => months(1),
            Every::Quarter => months(3),
            Every::Year => months(12),
        }
    }
}

impl Period {
    /// The error for a window that contains no day of the data.
    pub fn outside(self, name: &str, data: Period) -> Error {
        Error::Argument(format!(
            "{name} ({} to {}) lies outside the data, whose dates go from {} to {}",
            iso(self.first),
            iso(self.last),
            iso(data.first),
            iso(data.last)
        ))
    }

    /// Reads `2023`, `2023-Q2`, `2023Q2`, `2023-03` or `2023-03-01` as the days it covers.
    pub fn parse(text: &str) -> Option<Period> {
        Period::asked(text).ok()
    }

    /// The same, and why it cannot be read. There is no column here to say which number is the day.
    pub fn asked(text: &str) -> Result<Period, Misread> {
        let mut format = super::digits::DateFormat::default();
        if let Some((a, b)) = super::date_words::doubtful(text) {
            let read = |order| {
                format.order = order;
                Period::by_format(text, &format)
            };
            let [day_first, month_first] = [DateOrder::DayFirst, DateOrder::MonthFirst].map(read);
            return match (day_first, month_first) {
                (Some(one), Some(other)) if a != b => Err(Misread::Either(one.first, other.first)),
                (one, other) => one.or(other).ok_or(Misread::NotADate),
            };
        }
        Period::by_format(text, &format).ok_or(Misread::NotADate)
    }

    fn by_format(text: &str, format: &super::digits::DateFormat) -> Option<Period> {
        let (first, grain) = super::date::read(text, format)?.ok()?;
        let every = match grain {
            Grain::Year => Every::Year,
            Grain::Quarter => Every::Quarter,
            Grain::Month => Every::Month,
            Grain::Day => Every::Day,
        };
        Some(Period { first, last: every.next(first) - 1 })
    }

    /// From the first day of one text to the last day of another. `name` is used in errors.
    pub fn window(name: &str, first: &str, last: &str) -> Result<Period, Error> {
        let read = |text: &str| {
            Period::asked(text).map_err(|why| {
                Error::Argument(match why {
                    Misread::NotADate => {
                        format!("{name}={text:?} is not a date; write 2023, 2023-Q2, 2023-03 or 2023-03-01")
                    }
                    Misread::Either(..) => format!("{name}={text:?} may be {}", why.choice()),
                })
            })
        };
        let (a, b) = (read(first)?, read(last)?);
        if b.last < a.first {
            return Err(Error::Argument(format!("{name} ends before it begins: {} to {}", iso(a.first), iso(b.last))));
        }
        Ok(Period { first: a.first, last: b.last })
    }

    pub fn contains(self, day: i32) -> bool {
        (self.first..=self.last).contains(&day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> i32 {
        number(text.parse().unwrap())
    }

    #[test]
    fn periods_start_where_the_calendar_says() {
        let d = day("2024-02-29"); // a Thursday
        assert_eq!(iso(Every::Week.start(d)), "2024-02-26");
        assert_eq!(iso(Every::Month.start(d)), "2024-02-01");
        assert_eq!(iso(Every::Quarter.start(d)), "2024-01-01");
        assert_eq!(iso(Every::Quarter.start(day("2024-12-31"))), "2024-10-01");
        assert_eq!(iso(Every::Year.start(d)), "2024-01-01");
        assert_eq!(iso(Every::Month.next(day("2023-12-01"))), "2024-01-01");
        assert_eq!(iso(Every::Week.start(day("1969-12-31"))), "1969-12-29");
    }

    #[test]
    fn windows_are_read_as_people_write_them() {
        let window = |text| Period::parse(text).map(|p| (iso(p.first), iso(p.last)));
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(window("2023"), pair("2023-01-01", "2023-12-31"));
        assert_eq!(window("2023-Q4"), pair("2023-10-01", "2023-12-31"));
        assert_eq!(window("2024-02"), pair("2024-02-01", "2024-02-29"));
        assert_eq!(window("2024-02-05"), pair("2024-02-05", "2024-02-05"));
        assert_eq!(window("enero 2024"), pair("2024-01-01", "2024-01-31"));
        assert_eq!(window("202352"), pair("2023-01-01", "2023-12-31"));
        assert_eq!(window("soon"), None);
        assert_eq!(window("2301"), None);
        assert_eq!(window("01.03.2023"), pair("2023-03-01", "2023-03-01"));
        assert_eq!(window("3 March 2023"), window("2023-03-03"));
        assert_eq!(window("3/25/2023"), window("25/3/2023"));
        assert_eq!(Period::asked("3/1/2023"), Err(Misread::Either(day("2023-01-03"), day("2023-03-01"))));
        assert_eq!(window("3/3/2023"), pair("2023-03-03", "2023-03-03"));
    }
}
