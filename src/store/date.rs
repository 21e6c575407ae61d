//! Dates as customs files spell them.

use chrono::{Datelike, NaiveDate};

use super::number::is_missing;

/// Which of two numbers in `3/1/2023` is the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    DayFirst,
    MonthFirst,
}

#[derive(Debug, PartialEq, Eq)]
pub enum DateCell {
    /// Days since 1970-01-01.
    Day(i32),
    Missing,
    Bad(&'static str),
}

const NOT_A_DATE: &str = "not a date";
const IMPOSSIBLE: &str = "no such day in the calendar";
const EPOCH_CE: i32 = 719_163;

fn day(year: i32, month: u32, day: u32) -> DateCell {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(date) if (1000..=9999).contains(&year) => DateCell::Day(date.num_days_from_ce() - EPOCH_CE),
        _ => DateCell::Bad(IMPOSSIBLE),
    }
}

/// Two digits: 70 to 99 are the 1900s.
fn full_year(digits: &str) -> Option<i32> {
    let year: i32 = digits.parse().ok()?;
    match digits.len() {
        2 if year >= 70 => Some(1900 + year),
        2 => Some(2000 + year),
        4 => Some(year),
        _ => None,
    }
}

fn month_named(word: &str) -> Option<u32> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.to_ascii_lowercase();
    (word.len() >= 3)
        .then(|| NAMES.iter().position(|n| n.starts_with(&word) || (word == "sept" && *n == "september")))?
        .map(|i| i as u32 + 1)
}

/// Digits and words of a date; a time of day behind it is cut off.
fn tokens(text: &str) -> (Vec<&str>, Option<char>) {
    let date = match text.find([' ', 'T']) {
        Some(at) if text[at + 1..].contains(':') && text[..at].bytes().any(|b| b.is_ascii_digit()) => {
            // `1 Mar 2023 10:00`: the time begins at the last blank before the first colon.
            let colon = text.find(':').unwrap_or(text.len());
            let cut = text[..colon].rfind([' ', 'T']).unwrap_or(at);
            &text[..cut]
        }
        _ => text,
    };
    let mut parts = Vec::new();
    let mut start = None;
    let mut separator = None;
    let mut previous = ' ';
    for (i, c) in date.char_indices() {
        let joined = start.is_some() && c.is_ascii_digit() == previous.is_ascii_digit();
        if c.is_ascii_alphanumeric() {
            if !joined {
                if let Some(s) = start {
                    parts.push(&date[s..i]);
                }
                start = Some(i);
            }
        } else {
            if let Some(s) = start.take() {
                parts.push(&date[s..i]);
            }
            separator.get_or_insert(c);
        }
        previous = c;
    }
    if let Some(s) = start {
        parts.push(&date[s..]);
    }
    (parts, separator)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether the label is of the kind whose order is in doubt, and what it says: `Some(order)` where
/// one of its numbers can only be a day.
pub fn evidence(text: &str) -> Option<Option<DateOrder>> {
    let (parts, separator) = tokens(text.trim());
    let [a, b, y] = parts[..] else { return None };
    let short = |t: &str| is_digits(t) && t.len() <= 2;
    if separator == Some('.') || !short(a) || !short(b) || !is_digits(y) {
        return None;
    }
    let (a, b): (u32, u32) = (a.parse().ok()?, b.parse().ok()?);
    match (a > 12, b > 12) {
        (true, false) => Some(Some(DateOrder::DayFirst)),
        (false, true) => Some(Some(DateOrder::MonthFirst)),
        _ => Some(None),
    }
}

/// Reads one label.
pub fn parse_date(text: &str, order: DateOrder) -> DateCell {
    let text = text.trim();
    if is_missing(text.as_bytes()) {
        return DateCell::Missing;
    }
    parse_parts(text, order).unwrap_or(DateCell::Bad(NOT_A_DATE))
}

fn parse_parts(text: &str, order: DateOrder) -> Option<DateCell> {
    let (parts, separator) = tokens(text);
    let number = |t: &str| t.parse::<u32>().ok();
    match parts[..] {
        [digits] if is_digits(digits) => compact(digits),
        // 2023M03, 2023Q1, Mar2023 come apart at the change from digit to letter.
        [year, letter, n]
            if is_digits(year) && year.len() == 4 && is_digits(n) && matches!(letter, "M" | "m" | "Q" | "q") =>
        {
            match letter.to_ascii_uppercase().as_str() {
                "M" => Some(day(year.parse().ok()?, number(n)?, 1)),
                "Q" if (1..=4).contains(&number(n)?) => Some(day(year.parse().ok()?, number(n)? * 3 - 2, 1)),
                _ => None,
            }
        }
        [a, b] if is_digits(a) && is_digits(b) => match (a.len(), b.len()) {
            (4, 1..=2) => Some(day(a.parse().ok()?, number(b)?, 1)),
            (1..=2, 4) => Some(day(b.parse().ok()?, number(a)?, 1)),
            _ => None,
        },
        [name, year] if is_digits(year) && year.len() >= 2 => Some(day(full_year(year)?, month_named(name)?, 1)),
        [year, name] if is_digits(year) && year.len() == 4 => Some(day(full_year(year)?, month_named(name)?, 1)),
        [y, m, d] if y.len() == 4 && is_digits(y) => {
            let month = if is_digits(m) { number(m)? } else { month_named(m)? };
            Some(day(y.parse().ok()?, month, number(d)?))
        }
        [a, b, y] if is_digits(a) && is_digits(b) && is_digits(y) => {
            if a.len() > 2 || b.len() > 2 {
                return None;
            }
            let (a, b, year) = (number(a)?, number(b)?, full_year(y)?);
            let day_first = separator == Some('.') || order == DateOrder::DayFirst;
            Some(if day_first { day(year, b, a) } else { day(year, a, b) })
        }
        [d, name, y] if is_digits(d) && d.len() <= 2 => Some(day(full_year(y)?, month_named(name)?, number(d)?)),
        [name, d, y] if is_digits(d) && d.len() <= 2 => Some(day(full_year(y)?, month_named(name)?, number(d)?)),
        _ => None,
    }
}

/// `20230301`, `202303`, `2023`, and `0202303` of the UK's files.
fn compact(digits: &str) -> Option<DateCell> {
    let digits = match digits.len() {
        7 | 9 => digits.strip_prefix('0')?,
        _ => digits,
    };
    let part = |from: usize, to: usize| digits.get(from..to).and_then(|t| t.parse::<u32>().ok());
    let year = part(0, 4)? as i32;
    match digits.len() {
        4 => Some(day(year, 1, 1)),
        6 => Some(day(year, part(4, 6)?, 1)),
        8 => Some(day(year, part(4, 6)?, part(6, 8)?)),
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
            ("2023-03", "2023-03-01"),
            ("03/2023", "2023-03-01"),
            ("2023M03", "2023-03-01"),
            ("2023-Q2", "2023-04-01"),
            ("Mar-23", "2023-03-01"),
            ("2023-03-01T10:20:30Z", "2023-03-01"),
            ("2023-03-01 10:20:30.123", "2023-03-01"),
            ("1/3/2023 9:05:00 AM", "2023-03-01"),
            ("1 Mar 2023 10:00", "2023-03-01"),
            ("31.02.2023", IMPOSSIBLE),
            ("Date Not Captured", NOT_A_DATE),
            ("Pre-PQ Process", NOT_A_DATE),
            ("", "missing"),
            ("12345", NOT_A_DATE),
        ] {
            assert_eq!(iso(text, DayFirst), expected, "{text}");
        }
        assert_eq!(iso("3/1/2023", MonthFirst), "2023-03-01");
        assert_eq!(iso("01.03.2023", MonthFirst), "2023-03-01");
    }

    #[test]
    fn only_unmistakable_days_are_evidence() {
        assert_eq!(evidence("13/1/2023"), Some(Some(DayFirst)));
        assert_eq!(evidence("1/13/2023"), Some(Some(MonthFirst)));
        assert_eq!(evidence("1/3/2023"), Some(None));
        assert_eq!(evidence("13.1.2023"), None);
        assert_eq!(evidence("2023-03-01"), None);
    }
}
