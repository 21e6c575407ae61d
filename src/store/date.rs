//! Dates in the spellings of customs files.

use chrono::{Datelike, NaiveDate, Weekday};

use super::digits::DateFormat;
use super::month::month_named;
use super::number::is_missing;

/// The position of the day in `3/1/2023`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    DayFirst,
    MonthFirst,
}

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

#[derive(Debug, PartialEq, Eq)]
pub enum DateCell {
    /// Days since 1970-01-01.
    Day(i32),
    Missing,
    Bad(&'static str),
}

/// The first day of the year, quarter or month, or the day itself.
pub type Spelled = Result<(i32, Grain), &'static str>;

pub const NOT_A_DATE: &str = "not a date";
pub const IMPOSSIBLE: &str = "no such day in the calendar";
pub const OUTSIDE: &str = "not a date between the years 1900 and 2100";
const EPOCH_CE: i32 = 719_163;

/// The years 1900 to 2100, in days since 1970-01-01. Other dates are typing errors or stand for "unknown", whether the
/// source holds texts, numbers or dates.
pub const CALENDAR: std::ops::RangeInclusive<i32> = -25_567..=47_846;

pub fn day(year: i32, month: u32, day: u32) -> Result<i32, &'static str> {
    let date = NaiveDate::from_ymd_opt(year, month, day).ok_or(IMPOSSIBLE)?;
    within(i64::from(date.num_days_from_ce() - EPOCH_CE))
}

/// The Monday of a week of the year.
pub fn week(year: i32, week: u32) -> Result<i32, &'static str> {
    let date = NaiveDate::from_isoywd_opt(year, week, Weekday::Mon).ok_or(IMPOSSIBLE)?;
    within(i64::from(date.num_days_from_ce() - EPOCH_CE))
}

pub fn within(day: i64) -> Result<i32, &'static str> {
    i32::try_from(day).ok().filter(|day| CALENDAR.contains(day)).ok_or(OUTSIDE)
}

/// Two digits: 70 to 99 are the 1900s.
pub fn full_year(digits: &str) -> Option<i32> {
    let year: i32 = digits.parse().ok()?;
    match digits.len() {
        2 if year >= 70 => Some(1900 + year),
        2 => Some(2000 + year),
        4 => Some(year),
        _ => None,
    }
}

/// Words around a date without a meaning of their own.
const FILLERS: [&str; 31] = [
    "de", "del", "do", "of", "the", "st", "nd", "rd", "th", "er", "г", "года", "год", "年", "月", "日", "号", "년",
    "월", "일", "mon", "tue", "wed", "thu", "fri", "sat", "sun", "monday", "tuesday", "thursday", "friday",
];

/// The digits and words of a date, without the time of day.
fn tokens(text: &str) -> (Vec<&str>, Option<char>) {
    let date = without_time(text);
    let mut parts = Vec::new();
    let mut start = None;
    let mut separator = None;
    let mut previous = ' ';
    let put = |part: &str| !part.is_empty() && !is_filler(part);
    for (i, c) in date.char_indices() {
        let joined = start.is_some() && c.is_ascii_digit() == previous.is_ascii_digit();
        if c.is_alphanumeric() {
            if !joined {
                if let Some(s) = start
                    && put(&date[s..i])
                {
                    parts.push(&date[s..i]);
                }
                start = Some(i);
            }
        } else {
            if let Some(s) = start.take()
                && put(&date[s..i])
            {
                parts.push(&date[s..i]);
            }
            separator.get_or_insert(c);
        }
        previous = c;
    }
    if let Some(s) = start
        && put(&date[s..])
    {
        parts.push(&date[s..]);
    }
    (parts, separator)
}

fn is_filler(part: &str) -> bool {
    !part.as_bytes()[0].is_ascii_digit() && FILLERS.contains(&part.to_lowercase().as_str())
}

/// `1 Mar 2023 10:00`, `2023-03-01T10:20:30Z`: the hours are before the first colon.
fn without_time(text: &str) -> &str {
    let Some(colon) = text.find(':') else { return text };
    let head = text[..colon].trim_end_matches(|c: char| c.is_ascii_digit());
    if head.len() == colon {
        return text;
    }
    match head.strip_suffix('T').or_else(|| head.strip_suffix('t')) {
        Some(date) if date.ends_with(|c: char| c.is_ascii_digit()) => date,
        _ if head.ends_with([' ', ',', '\u{a0}']) && head.bytes().any(|b| b.is_ascii_digit()) => {
            head.trim_end_matches([' ', ',', '\u{a0}'])
        }
        _ => text,
    }
}

pub fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The two numbers of a label whose order is uncertain: `3/1/2023`.
pub fn doubtful(text: &str) -> Option<(u32, u32)> {
    let (parts, separator) = tokens(text.trim());
    let [a, b, y] = parts[..] else { return None };
    let short = |t: &str| is_digits(t) && t.len() <= 2;
    if separator == Some('.') || !short(a) || !short(b) || !is_digits(y) {
        return None;
    }
    Some((a.parse().ok()?, b.parse().ok()?))
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

/// The digits of a label that is a number: `20230115`, `2021.0`, `44927.25`, and those before the words in
/// `202352-Jan.-Dec. 2023`.
pub fn leading_digits(text: &str) -> Option<&str> {
    let text = without_time(text.trim());
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let Some(next) = rest.chars().next() else { return Some(digits).filter(|d| !d.is_empty()) };
    let long = matches!(digits.len(), 6 | 8);
    match next {
        '.' if is_digits(&rest[1..]) => {
            let none = rest[1..].bytes().all(|b| b == b'0');
            (none && digits.len() >= 4 || digits.len() == 5).then_some(digits)
        }
        'T' if digits.len() == 8 && rest[1..].starts_with(|c: char| c.is_ascii_digit()) => Some(digits),
        '-' | ':' | ' ' | '_' if long => {
            let words = rest.trim_start_matches(['-', ':', ' ', '_']);
            words.starts_with(char::is_alphabetic).then_some(digits)
        }
        _ => None,
    }
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
    use super::*;
    use DateOrder::*;

    fn iso(text: &str, order: DateOrder) -> String {
        match parse_date(text, order) {
            DateCell::Day(d) => NaiveDate::from_num_days_from_ce_opt(d + EPOCH_CE).unwrap().to_string(),
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

    #[test]
    fn the_calendar_is_that_of_the_years_1900_to_2100() {
        assert_eq!(day(1900, 1, 1), Ok(*CALENDAR.start()));
        assert_eq!(day(2100, 12, 31), Ok(*CALENDAR.end()));
    }

    #[test]
    fn only_pairs_of_short_numbers_are_doubtful() {
        assert_eq!(doubtful("13/1/2023"), Some((13, 1)));
        assert_eq!(doubtful("1/3/2023"), Some((1, 3)));
        assert_eq!(doubtful("13.1.2023"), None);
        assert_eq!(doubtful("2023-03-01"), None);
    }
}
