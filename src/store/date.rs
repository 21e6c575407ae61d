//! Dates in the spellings of customs files.

pub use super::calendar::{CALENDAR, Grain, OUTSIDE, Spelled, within};
pub use super::digits::DateOrder;

use super::calendar::{NOT_A_DATE, day, full_year, week};
use super::date_words::{is_digits, leading_digits, tokens};
use super::digits::DateFormat;
use super::missing::is_missing;
use super::month::month_named;

#[derive(Debug, PartialEq, Eq)]
pub enum DateCell {
    /// Days since 1970-01-01.
    Day(i32),
    Missing,
    Bad(&'static str),
}

/// Reads one label by itself, in any form.
pub fn parse_date(text: &str, order: DateOrder) -> DateCell {
    let (format, _) = DateFormat::of([text], Some(order));
    match read(text, &format) {
        None => DateCell::Missing,
        Some(Ok((day, _))) => DateCell::Day(day),
        Some(Err(reason)) => DateCell::Bad(reason),
    }
}

/// Reads one label of a column; `None` for a missing value.
pub fn read(text: &str, format: &DateFormat) -> Option<Spelled> {
    let text = text.trim();
    if is_missing(text.as_bytes()) {
        return None;
    }
    if let Some(digits) = leading_digits(text) {
        return Some(format.read(digits));
    }
    Some(parse_parts(text, format.order).unwrap_or(Err(NOT_A_DATE)))
}

fn parse_parts(text: &str, order: DateOrder) -> Option<Spelled> {
    let (parts, separator) = tokens(text);
    let number = |t: &str| t.parse::<u32>().ok();
    let year4 = |t: &str| (t.len() == 4 && is_digits(t)).then(|| t.parse::<i32>().ok()).flatten();
    let quarter = |y: i32, q: u32| match q {
        1..=4 => Some(day(y, q * 3 - 2, 1).map(|d| (d, Grain::Quarter))),
        _ => None,
    };
    let month = |y: i32, m: u32| Some(day(y, m, 1).map(|d| (d, Grain::Month)));
    let exact = |y: i32, m: u32, d: u32| Some(day(y, m, d).map(|d| (d, Grain::Day)));
    let is_quarter = |t: &str| matches!(t, "Q" | "q" | "T" | "t" | "кв");
    match parts[..] {
        // 2023M03, 2023Q1 and Mar2023 are divided between digits and letters.
        [year, letter, n] if year4(year).is_some() && is_digits(n) && matches!(letter, "M" | "m") => {
            month(year4(year)?, number(n)?)
        }
        [letter, n, year] if year4(year).is_some() && is_digits(n) && matches!(letter, "M" | "m") => {
            month(year4(year)?, number(n)?)
        }
        [year, letter, n] if year4(year).is_some() && is_digits(n) && is_quarter(letter) => {
            quarter(year4(year)?, number(n)?)
        }
        [letter, n, year] if year4(year).is_some() && is_digits(n) && is_quarter(letter) => {
            quarter(year4(year)?, number(n)?)
        }
        [n, letter, year] if is_digits(n) && is_digits(year) && is_quarter(letter) => {
            quarter(full_year(year)?, number(n)?)
        }
        [year, letter, n] if year4(year).is_some() && is_digits(n) && matches!(letter, "W" | "w") => {
            Some(week(year4(year)?, number(n)?).map(|d| (d, Grain::Day)))
        }
        [year] => year4(year).map(|y| day(y, 1, 1).map(|d| (d, Grain::Year))), // 2023年
        [a, b] if is_digits(a) && is_digits(b) => match (a.len(), b.len()) {
            (4, 1..=2) => month(a.parse().ok()?, number(b)?),
            (1..=2, 4) => month(b.parse().ok()?, number(a)?),
            _ => None,
        },
        [name, year] if is_digits(year) && year.len() >= 2 => month(full_year(year)?, month_named(name)?),
        [year, name] if is_digits(year) && year.len() == 4 => month(full_year(year)?, month_named(name)?),
        [y, m, d] if y.len() == 4 && is_digits(y) => {
            let m = if is_digits(m) { number(m)? } else { month_named(m)? };
            exact(y.parse().ok()?, m, number(d)?)
        }
        [a, b, y] if is_digits(a) && is_digits(b) && is_digits(y) => {
            if a.len() > 2 || b.len() > 2 {
                return None;
            }
            let (a, b, year) = (number(a)?, number(b)?, full_year(y)?);
            let day_first = separator == Some('.') || order == DateOrder::DayFirst;
            if day_first { exact(year, b, a) } else { exact(year, a, b) }
        }
        [d, name, y] if is_digits(d) && d.len() <= 2 => exact(full_year(y)?, month_named(name)?, number(d)?),
        [name, d, y] if is_digits(d) && d.len() <= 2 => exact(full_year(y)?, month_named(name)?, number(d)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::calendar::{self, IMPOSSIBLE};
    use super::*;
    use DateOrder::*;

    fn iso(text: &str, order: DateOrder) -> String {
        match parse_date(text, order) {
            DateCell::Day(d) => calendar::iso(d),
            DateCell::Missing => "missing".into(),
            DateCell::Bad(reason) => reason.into(),
        }
    }

    #[test]
    fn reads_the_spellings_of_customs_files() {
        for (text, expected) in [
            ("2023-03-01", "2023-03-01"),
            ("2023/3/1", "2023-03-01"),
            ("20230301", "2023-03-01"),
            ("01.03.2023", "2023-03-01"),
            ("1-Mar-23", "2023-03-01"),
            ("1 March 2023", "2023-03-01"),
            ("Mar 1, 2023", "2023-03-01"),
            ("2-Jun-06", "2006-06-02"),
            ("202303", "2023-03-01"),
            ("0200902", "2009-02-01"),
            ("2023", "2023-01-01"),
            ("2021.0", "2021-01-01"),
            ("2023-03", "2023-03-01"),
            ("03/2023", "2023-03-01"),
            ("2023M03", "2023-03-01"),
            ("2023M3", "2023-03-01"),
            ("2023-Q2", "2023-04-01"),
            ("Q2 2023", "2023-04-01"),
            ("2Q23", "2023-04-01"),
            ("Mar-23", "2023-03-01"),
            ("ENE-2023", "2023-01-01"),
            ("15 de enero de 2023", "2023-01-15"),
            ("15 Ağustos 2023", "2023-08-15"),
            ("15 января 2023 г.", "2023-01-15"),
            ("1er mars 2023", "2023-03-01"),
            ("OCT-15-2023 10:00", "2023-10-15"),
            ("Mon, 16 Jan 2023 10:00:00 GMT", "2023-01-16"),
            ("2023年1月5日", "2023-01-05"),
            ("2023-W02", "2023-01-09"),
            ("2023-03-01T10:20:30Z", "2023-03-01"),
            ("2023-03-01 10:20:30.123", "2023-03-01"),
            ("20230301T102030", "2023-03-01"),
            ("20230301102030", "2023-03-01"),
            ("1/3/2023 9:05:00 AM", "2023-03-01"),
            ("1 Mar 2023 10:00", "2023-03-01"),
            ("202352", "2023-01-01"),
            ("202352-Jan.-Dec. 2023", "2023-01-01"),
            ("202303-Mar. 2023", "2023-03-01"),
            ("15012023", "2023-01-15"),
            ("230115", "2023-01-15"),
            ("2301", "2023-01-01"),
            ("44927", "2023-01-01"),
            ("44927.75", "2023-01-01"),
            ("31.02.2023", IMPOSSIBLE),
            ("Date Not Captured", NOT_A_DATE),
            ("Pre-PQ Process", NOT_A_DATE),
            ("", "missing"),
            ("12345", NOT_A_DATE),
            ("01.01.1899", OUTSIDE),
            ("9999-12-31", OUTSIDE),
        ] {
            assert_eq!(iso(text, DayFirst), expected, "{text}");
        }
        assert_eq!(iso("3/1/2023", MonthFirst), "2023-03-01");
        assert_eq!(iso("01.03.2023", MonthFirst), "2023-03-01");
        assert_eq!(iso("01152023", MonthFirst), "2023-01-15");
    }
}
