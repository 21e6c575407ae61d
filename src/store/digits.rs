//! The format of the dates of one column: the order of day and month, and the positions of year, month and day in
//! digits without separators. Distinct texts vote, so the order of rows does not matter.

use super::calendar::{Grain, IMPOSSIBLE, NOT_A_DATE, Spelled, day, full_year, iso, week, within};
use super::date_words::{doubtful, leading_digits};

/// The position of the day in `3/1/2023`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    DayFirst,
    MonthFirst,
}

/// 1970-01-01 as a serial number of Excel.
const SERIAL_EPOCH: i64 = 25_569;
const SERIAL: &str = "E";

/// The possible meanings of digits by length, the usual one first. Y, M, D and W are digits of the year, month, day and
/// week; E is a serial number of Excel.
const MEANINGS: [(usize, &[&str]); 6] = [
    (4, &["YYYY", "YYMM", "MMYY"]),
    (5, &[SERIAL]),
    (6, &["YYYYMM", "MMYYYY", "YYMMDD", "DDMMYY", "MMDDYY", "YYYYWW"]),
    (7, &["0YYYYMM", "DMMYYYY", "MDDYYYY"]),
    (8, &["YYYYMMDD", "DDMMYYYY", "MMDDYYYY"]),
    (9, &["0YYYYMMDD"]),
];

/// Meanings of the length below, for codes without their first zero.
const SHORTENED: [(&str, &str); 4] =
    [("YYYYMM", "YYYYM"), ("MMYYYY", "MYYYY"), ("DDMMYYYY", "DMMYYYY"), ("MMDDYYYY", "MDDYYYY")];

const LONGEST: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateFormat {
    pub order: DateOrder,
    /// The meaning of digits by their number.
    meaning: [Option<&'static str>; LONGEST],
}

impl Default for DateFormat {
    fn default() -> DateFormat {
        DateFormat::plain(DateOrder::DayFirst)
    }
}

impl DateFormat {
    /// The usual meaning for every length.
    fn plain(order: DateOrder) -> DateFormat {
        let mut meaning = [None; LONGEST];
        MEANINGS.iter().filter(|(n, _)| *n != 5).for_each(|(n, list)| meaning[*n] = Some(list[0]));
        DateFormat { order, meaning }
    }

    /// The format that the texts of a column show. The notes say what was assumed. `order` is given by the user.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>, order: Option<DateOrder>) -> (DateFormat, Vec<DateNote>) {
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        let mut digits: [Vec<&str>; LONGEST] = Default::default();
        for text in texts {
            match leading_digits(text) {
                Some(number) if number.len() < LONGEST => digits[number.len()].push(number),
                Some(_) => {}
                None => pairs.extend(doubtful(text)),
            }
        }
        let mut told = Vec::new();
        let voted = order.unwrap_or_else(|| {
            let (order, why) = vote(&pairs);
            told.extend(why);
            order
        });
        let mut format = DateFormat::plain(voted);
        // Six and eight digits first: they show what the shorter ones have lost.
        for length in [4, 6, 8, 5, 7] {
            format.choose(length, &digits, order.is_some(), &mut told);
        }
        (format, told)
    }

    fn choose(&mut self, length: usize, digits: &[Vec<&str>; LONGEST], fixed: bool, told: &mut Vec<DateNote>) {
        let numbers = &digits[length];
        if numbers.is_empty() {
            return;
        }
        let mut list: Vec<&'static str> =
            MEANINGS.iter().find(|(n, _)| *n == length).map_or(Vec::new(), |(_, list)| list.to_vec());
        if self.order == DateOrder::MonthFirst {
            let day_first = |m: &str| m.contains('D') && m.starts_with('D');
            list.sort_by_key(|m| day_first(m)); // stable: the others keep their places
        }
        let above = digits.get(length + 1).is_some_and(|d| !d.is_empty()).then(|| self.meaning[length + 1]).flatten();
        if let Some((_, short)) = SHORTENED.iter().find(|(long, _)| Some(*long) == above) {
            list.retain(|m| m != short);
            list.insert(usize::from(length == 7), short);
        }
        let fits = |meaning: &&'static str| numbers.iter().filter(|n| by_meaning(n, meaning).is_ok()).count();
        let counts: Vec<usize> = list.iter().map(fits).collect();
        let most = counts.iter().copied().max().unwrap_or(0);
        let Some(at) = counts.iter().position(|&c| c == most) else { return };
        let meaning = list[at];
        if most == 0 {
            return; // nothing fits: the usual meaning says why
        }
        self.meaning[length] = Some(meaning);
        let usual = matches!(meaning, "YYYY" | "YYYYMM" | "YYYYMMDD" | "0YYYYMM" | "YYYYM");
        if !usual && let Some(example) = numbers.iter().filter(|n| by_meaning(n, meaning).is_ok()).min() {
            let tie = !fixed && day_and_month(meaning) && counts.iter().filter(|&&c| c == most).count() > 1;
            told.push(DateNote::Digits { example: (*example).to_owned(), meaning, tie });
        }
    }

    /// Reads digits in the format of the column.
    pub fn read(&self, digits: &str) -> Spelled {
        match digits.len() {
            12 | 14 => by_meaning(&digits[..8], "YYYYMMDD"), // hours and minutes behind it
            n => match self.meaning.get(n).copied().flatten() {
                Some(meaning) => by_meaning(digits, meaning),
                None => Err(NOT_A_DATE),
            },
        }
    }

    /// The format as text, for copies of the column's rows.
    pub fn written(&self) -> String {
        let order = if self.order == DateOrder::DayFirst { "dmy" } else { "mdy" };
        let meanings = self.meaning.iter().flatten();
        std::iter::once(order).chain(meanings.copied()).collect::<Vec<_>>().join(" ")
    }

    /// The inverse of [`DateFormat::written`].
    pub fn from_written(text: &str) -> Option<DateFormat> {
        let mut words = text.split(' ');
        let order = match words.next()? {
            "dmy" => DateOrder::DayFirst,
            "mdy" => DateOrder::MonthFirst,
            _ => return None,
        };
        let mut format = DateFormat::plain(order);
        let known = MEANINGS.iter().flat_map(|(_, list)| *list).chain(SHORTENED.iter().map(|(_, short)| short));
        let known: Vec<&'static str> = known.copied().collect();
        for word in words {
            let meaning = known.iter().find(|m| **m == word)?;
            format.meaning[if *meaning == SERIAL { 5 } else { meaning.len() }] = Some(meaning);
        }
        Some(format)
    }
}

fn day_and_month(meaning: &str) -> bool {
    matches!(meaning, "DDMMYYYY" | "MMDDYYYY" | "DMMYYYY" | "MDDYYYY" | "DDMMYY" | "MMDDYY")
}

fn by_meaning(digits: &str, meaning: &str) -> Spelled {
    if meaning == SERIAL {
        let number: i64 = digits.parse().map_err(|_| NOT_A_DATE)?;
        // Serial numbers before 1970 cannot be distinguished from other numbers.
        return if number < SERIAL_EPOCH { Err(NOT_A_DATE) } else { Ok((within(number - SERIAL_EPOCH)?, Grain::Day)) };
    }
    let part = |letter: u8| -> &str {
        let from = meaning.bytes().position(|b| b == letter).unwrap_or(0);
        let to = meaning.bytes().rposition(|b| b == letter).map_or(from, |at| at + 1);
        &digits[from..to]
    };
    if digits.len() != meaning.len() || (meaning.starts_with('0') && !digits.starts_with('0')) {
        return Err(NOT_A_DATE);
    }
    let number = |letter: u8| part(letter).parse::<u32>().ok();
    let year = full_year(part(b'Y')).ok_or(NOT_A_DATE)?;
    match (number(b'M'), number(b'D'), number(b'W')) {
        (Some(month), Some(d), _) => Ok((day(year, month, d)?, Grain::Day)),
        // Eurostat's month 52 is the whole year.
        (Some(52), None, _) if meaning == "YYYYMM" => Ok((day(year, 1, 1)?, Grain::Year)),
        (Some(month), None, _) => Ok((day(year, month, 1)?, Grain::Month)),
        (None, _, Some(n)) => Ok((week(year, n)?, Grain::Day)),
        (None, Some(_), None) => Err(IMPOSSIBLE),
        (None, None, None) => Ok((day(year, 1, 1)?, Grain::Year)),
    }
}

/// The order that the pairs show. 13/1 has the day first. If every second number is 1 and the first numbers run from 1
/// to 12, months were dated by their first day.
fn vote(pairs: &[(u32, u32)]) -> (DateOrder, Option<DateNote>) {
    let day_first = pairs.iter().filter(|(a, b)| *a > 12 && *b <= 12).count();
    let month_first = pairs.iter().filter(|(a, b)| *a <= 12 && *b > 12).count();
    let order = if month_first > day_first { DateOrder::MonthFirst } else { DateOrder::DayFirst };
    match (day_first, month_first, pairs.len()) {
        (0, 0, 0) => (order, None),
        (0, 0, _) => {
            let mut firsts: Vec<u32> = pairs.iter().map(|p| p.0).collect();
            firsts.sort_unstable();
            firsts.dedup();
            if firsts.len() >= 3 && pairs.iter().all(|p| p.1 == 1) {
                (DateOrder::MonthFirst, Some(DateNote::FirstOfMonth))
            } else {
                (order, Some(DateNote::Assumed))
            }
        }
        (0, _, _) | (_, 0, _) => (order, Some(DateNote::Shown(order))),
        _ => (order, Some(DateNote::Mixed(day_first, month_first))),
    }
}

/// A decision on the dates of a column that is not obvious.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DateNote {
    Assumed,
    FirstOfMonth,
    Shown(DateOrder),
    Mixed(usize, usize),
    Digits { example: String, meaning: &'static str, tie: bool },
}

impl DateNote {
    /// The sentence for the column `name`.
    pub fn sentence(&self, name: &str) -> String {
        match self {
            DateNote::Assumed => format!(
                "dates in {name:?} such as 3/1/2023 are read as day/month: nothing in the column shows the order; \
                 pass date_order=\"mdy\" if the month comes first"
            ),
            DateNote::FirstOfMonth => format!(
                "dates in {name:?} are read as month/day: the second number is always 1, the first of the month; pass \
                 date_order=\"dmy\" if the day comes first"
            ),
            DateNote::Shown(DateOrder::MonthFirst) => {
                format!("dates in {name:?} are read as month/day, because some days are above 12")
            }
            DateNote::Shown(DateOrder::DayFirst) => {
                format!("dates in {name:?} are read as day/month, because some days are above 12")
            }
            DateNote::Mixed(day_first, month_first) => format!(
                "dates in {name:?} mix day/month ({day_first} spellings) and month/day ({month_first}); the more frequent \
                 order was used and the rest are faults; pass date_order= to decide"
            ),
            DateNote::Digits { example, meaning, tie } => {
                let read = by_meaning(example, meaning).map_or_else(
                    |e| e.to_owned(),
                    |(d, grain)| {
                        let iso = iso(d);
                        if grain == Grain::Month { iso[..7].to_owned() } else { iso }
                    },
                );
                let what = match *meaning {
                    SERIAL => "Excel's day numbers",
                    "YYMM" | "YYMMDD" => "dates with a year of two digits in front",
                    "YYYYWW" => "weeks",
                    _ => "dates with the year behind",
                };
                let open = if *tie {
                    "; nothing in the column shows whether day or month comes first: pass date_order= to decide"
                } else {
                    ""
                };
                format!("numbers in {name:?} are read as {what}: {example} is {read}{open}")
            }
        }
    }
}

/// How the dates in these texts of a column are read: a sentence, and the order of day and month if it matters.
pub fn date_spelling<'a>(name: &str, texts: impl Iterator<Item = &'a str>) -> (String, Option<DateOrder>) {
    let texts: Vec<&str> = texts.collect();
    let (format, told) = DateFormat::of(texts.iter().copied(), None);
    let ordered = texts.iter().any(|t| doubtful(t).is_some());
    let why = match told.first() {
        Some(told) => told.sentence(name),
        None => "the first cells are read one way only".to_owned(),
    };
    (why, ordered.then_some(format.order))
}

#[cfg(test)]
mod tests {
    use super::super::date::read;
    use super::super::period::iso;
    use super::*;

    fn days(texts: &[&str]) -> Vec<String> {
        let (format, _) = DateFormat::of(texts.iter().copied(), None);
        assert_eq!(DateFormat::from_written(&format.written()), Some(format));
        texts.iter().map(|t| read(t, &format).unwrap().map_or_else(str::to_owned, |(d, _)| iso(d))).collect()
    }

    #[test]
    fn what_fits_all_numbers_of_a_column_is_meant() {
        assert_eq!(days(&["2301", "2302", "2312"]), ["2023-01-01", "2023-02-01", "2023-12-01"]);
        assert_eq!(days(&["2001", "2002", "1999"]), ["2001-01-01", "2002-01-01", "1999-01-01"]);
        assert_eq!(days(&["02012023", "15012023"]), ["2023-01-02", "2023-01-15"]);
        assert_eq!(days(&["2012023", "15012023"]), ["2023-01-02", "2023-01-15"]);
        assert_eq!(days(&["01022023", "01152023"]), ["2023-01-02", "2023-01-15"]);
        assert_eq!(days(&["230131", "230201"]), ["2023-01-31", "2023-02-01"]);
        assert_eq!(days(&["44927", "44958", "44986"]), ["2023-01-01", "2023-02-01", "2023-03-01"]);
        assert_eq!(days(&["20239", "202310"]), ["2023-09-01", "2023-10-01"]);
        assert_eq!(days(&["92023", "102023"]), ["2023-09-01", "2023-10-01"]);
        assert_eq!(days(&["202301", "202326", "202352"]), ["2023-01-02", "2023-06-26", "2023-12-25"]);
        assert_eq!(days(&["20230115", "20231399"]), ["2023-01-15", IMPOSSIBLE]);
        assert_eq!(days(&["2023", "3023"])[0], "2023-01-01");
    }

    #[test]
    fn months_dated_by_their_first_day_show_the_order() {
        let (format, told) = DateFormat::of(["1/1/2023", "2/1/2023", "12/1/2023"], None);
        assert_eq!((format.order, &told[..]), (DateOrder::MonthFirst, &[DateNote::FirstOfMonth][..]));
        let (format, told) = DateFormat::of(["1/1/2023", "1/2/2023", "1/12/2023"], None);
        assert_eq!((format.order, &told[..]), (DateOrder::DayFirst, &[DateNote::Assumed][..]));
        let (format, told) = DateFormat::of(["1/1/2023", "2/1/2023", "12/1/2023"], Some(DateOrder::DayFirst));
        assert_eq!((format.order, told.len()), (DateOrder::DayFirst, 0));
    }
}
