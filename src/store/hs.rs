//! Harmonized System codes.

use super::codes::{Codes, rows_of};

/// The result of reading a label.
#[derive(Debug, PartialEq, Eq)]
pub enum HsCode {
    Code(String),
    Missing,
    Bad(&'static str),
}

pub const LOST_ZERO: &str = "leading zero restored: the code was stored as a number";
const NOT_DIGITS: &str = "not an HS code: only digits, dots and spaces are expected";
const LENGTH: &str = "not an HS code: 2 to 12 digits are expected";
const FRACTION: &str = "not an HS code: it is a number with a fraction";
const NEGATIVE: &str = "not an HS code: it is a negative number";
const LONGEST: usize = 12;

/// The number of headings in each of the chapters 01 to 09. A code without its zero begins with one of them.
const HEADINGS: [u32; 9] = [6, 11, 9, 10, 11, 4, 14, 14, 10];

fn is_gap(c: char) -> bool {
    matches!(c, '.' | ' ' | '-' | '\u{a0}' | '\u{202f}' | '\u{2013}')
}

/// Reads one code. Dots, spaces, dashes and words after it are removed; 2 to 12 digits stay as text.
pub fn parse_hs(text: &str) -> HsCode {
    let text = text.trim();
    if super::number::is_missing(text.as_bytes()) {
        return HsCode::Missing;
    }
    let text = unquoted(text);
    let text = text.strip_prefix('[').filter(|t| t.contains(']')).unwrap_or(text); // `[0202] Meat`
    let text = text.strip_suffix(".0").unwrap_or(text); // a number column that held a null once
    if text.strip_prefix(['-', '\u{2212}']).is_some_and(|t| t.starts_with(|c: char| c.is_ascii_digit())) {
        return HsCode::Bad(NEGATIVE);
    }
    let end = text.find(|c: char| !(c.is_ascii_digit() || is_gap(c))).unwrap_or(text.len());
    let (code, rest) = text.split_at(end);
    // `0202: Meat`, `02 Meat`, `01012100-Pure-bred horses`: a sign separates the code from the words.
    let parted = code.ends_with(is_gap) || rest.starts_with([':', ';', ',', '_', '/', '|', '(', ']', '\t']);
    let words = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
    let worded = parted && (words.starts_with(char::is_alphabetic) || rest == "]");
    if !(rest.is_empty() || worded) {
        return HsCode::Bad(NOT_DIGITS);
    }
    let code = code.trim_matches(is_gap);
    if let Some((whole, tenths)) = code.split_once('.')
        && tenths.len() == 1
        && whole.bytes().all(|b| b.is_ascii_digit())
    {
        return HsCode::Bad(FRACTION); // groups of a code have two digits or more
    }
    let digits: String = code.chars().filter(|c| !is_gap(*c)).collect();
    match digits.len() {
        0 => HsCode::Bad(NOT_DIGITS),
        1..=LONGEST => HsCode::Code(digits),
        _ => HsCode::Bad(LENGTH),
    }
}

/// Removes the marks of spreadsheets for text: `="0101"`, `'0101`, `'0101'`.
fn unquoted(text: &str) -> &str {
    let text = text.strip_prefix('=').unwrap_or(text);
    text.trim_matches(['\'', '"', '`', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}']).trim()
}

/// Which lengths of code have lost their first zero, by number of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LostZeros([bool; LONGEST + 1]);

impl LostZeros {
    /// The lost zeros that the codes of a column show. `whole` means that the source stored integers, which have no
    /// leading zeros. For texts, zeros are lost only if no code begins with a zero and codes one digit longer exist.
    ///
    /// HS chapters 01 to 09 lose one zero, so codes of an odd length are one digit short, unless it is the length of a
    /// national tariff: 9 digits in Japan, 11 in Taiwan. There the short codes have 8 or 10 digits.
    pub fn of<'a>(codes: impl Iterator<Item = &'a str> + Clone, whole: bool) -> LostZeros {
        let mut lengths = [0usize; LONGEST + 2];
        codes.clone().for_each(|c| lengths[c.len()] += 1);
        let longest = lengths.iter().rposition(|&n| n > 0).unwrap_or(0);
        let zero_seen = codes.clone().any(|c| c.starts_with('0'));
        let mut lost = [false; LONGEST + 1];
        if !whole && zero_seen {
            return LostZeros(lost);
        }
        let mut of_longest = codes.filter(|c| c.len() == longest);
        // A code that does not begin like a heading of chapters 01 to 09 has lost nothing.
        let national = matches!(longest, 9 | 11) && of_longest.any(|c| !begins_short(c));
        for n in 1..=LONGEST {
            let odd = n % 2 == 1 && !(national && n == longest);
            lost[n] = (odd && (whole || lengths[n + 1] > 0)) || (national && n + 1 == longest);
        }
        LostZeros(lost)
    }

    /// The lengths as text, for copies of the column's rows.
    pub fn written(&self) -> String {
        (1..=LONGEST).filter(|&n| self.0[n]).map(|n| n.to_string()).collect::<Vec<_>>().join(" ")
    }

    /// The inverse of [`LostZeros::written`].
    pub fn from_written(text: &str) -> LostZeros {
        let mut lost = [false; LONGEST + 1];
        for n in text.split(' ').filter_map(|n| n.parse::<usize>().ok()).filter(|&n| n <= LONGEST) {
            lost[n] = true;
        }
        LostZeros(lost)
    }
}

/// Whether the digits begin like a heading of chapters 01 to 09 without its zero.
fn begins_short(code: &str) -> bool {
    let digit = |at: usize| code.as_bytes().get(at).map_or(0, |b| u32::from(b.saturating_sub(b'0')));
    let heading = digit(1) * 10 + digit(2);
    match digit(0) {
        0 => false,
        chapter => (1..=HEADINGS[chapter as usize - 1]).contains(&heading),
    }
}

/// Codes, cells that are not codes, and corrected cells.
pub struct HsColumn {
    pub codes: Codes,
    pub faults: Vec<(u32, &'static str)>,
    pub repairs: Vec<(u32, &'static str)>,
    pub lost: LostZeros,
}

/// A whole column. `texts` are its labels, `floating` means that the source stored fractions, `digits` is the length of
/// the code without the source's own additions.
pub fn read(
    raw: Codes,
    texts: &[Option<String>],
    kind: Stored,
    digits: Option<usize>,
    lost: Option<LostZeros>,
) -> HsColumn {
    let parse = |text: &String| {
        if kind == Stored::Float && text.contains('.') { HsCode::Bad(FRACTION) } else { parse_hs(text) }
    };
    let cells: Vec<HsCode> = texts.iter().map(|t| t.as_ref().map_or(HsCode::Missing, parse)).collect();
    let codes = cells.iter().filter_map(|c| if let HsCode::Code(code) = c { Some(code.as_str()) } else { None });
    let lost = match (lost, digits) {
        (Some(lost), _) => lost,
        (None, Some(_)) => LostZeros::default(),
        (None, None) => LostZeros::of(codes, kind != Stored::Text),
    };
    let mut bad: Vec<Option<&'static str>> = vec![None; cells.len()];
    let mut mended = vec![false; cells.len()];
    let mut labels: Vec<Option<String>> = Vec::with_capacity(cells.len());
    for (at, cell) in cells.into_iter().enumerate() {
        labels.push(match cell {
            HsCode::Code(mut code) => {
                if lost.0[code.len()] && !code.starts_with('0') {
                    mended[at] = true;
                    code.insert(0, '0');
                }
                code.truncate(digits.unwrap_or(LONGEST));
                if code.len() < 2 {
                    bad[at] = Some(LENGTH);
                }
                Some(code).filter(|c| c.len() >= 2)
            }
            HsCode::Missing => None,
            HsCode::Bad(why) => {
                bad[at] = Some(why);
                None
            }
        });
    }
    let faults = rows_of(&raw, |label| bad[label]);
    let repairs = rows_of(&raw, |label| mended[label].then_some(LOST_ZERO));
    HsColumn { codes: raw.relabelled(&labels), faults, repairs, lost }
}

/// How the source stored the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    Text,
    Integer,
    Float,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_digits_and_refuses_the_rest() {
        for (text, code) in [
            ("8806.22", "880622"),
            ("01 02", "0102"),
            ("6211430090", "6211430090"),
            ("'0901", "0901"),
            ("'010121000'", "010121000"),
            ("=\"01012100\"", "01012100"),
            ("90111.0", "90111"),
            ("0202: Meat of bovine animals, frozen", "0202"),
            ("02022010 - Boneless", "02022010"),
            ("01012100-Pure-bred horses", "01012100"),
            ("02 Meat", "02"),
            ("8471 30 (laptops)", "847130"),
            ("8471.30-000", "847130000"),
            ("0101.21.00.00-1", "01012100001"),
        ] {
            assert_eq!(parse_hs(text), HsCode::Code(code.into()), "{text}");
        }
        assert_eq!(parse_hs(" "), HsCode::Missing);
        for text in ["XX0901", "1234567890123", "-99", "8806.5", "0901A", "TOTAL", "0101, 0102", "0101/02", "-"] {
            assert!(!matches!(parse_hs(text), HsCode::Code(_)), "{text}");
        }
    }

    fn padded(codes: &[&str], whole: bool) -> Vec<String> {
        let lost = LostZeros::of(codes.iter().copied(), whole);
        assert_eq!(LostZeros::from_written(&lost.written()), lost);
        codes.iter().map(|c| if lost.0[c.len()] { format!("0{c}") } else { (*c).to_owned() }).collect()
    }

    #[test]
    fn the_longest_code_of_a_column_shows_what_was_lost() {
        assert_eq!(padded(&["10121", "854231"], true), ["010121", "854231"]);
        assert_eq!(padded(&["10121000", "854231000"], true), ["010121000", "854231000"]);
        assert_eq!(padded(&["1012100001", "85423100019"], true), ["01012100001", "85423100019"]);
        // All chapters from 01 to 09 of a tariff of ten digits.
        assert_eq!(padded(&["201100510", "409000025"], true), ["0201100510", "0409000025"]);
        assert_eq!(
            padded(&["1", "101", "10121", "85", "8542", "854231"], true),
            ["01", "0101", "010121", "85", "8542", "854231"]
        );
        assert_eq!(padded(&["01012100", "854231000"], false), ["01012100", "854231000"]);
        assert_eq!(padded(&["10121", "854231"], false), ["010121", "854231"]);
        assert_eq!(padded(&["85423", "84713"], false), ["85423", "84713"]);
        assert_eq!(padded(&["10121000", "854231000"], false), ["010121000", "854231000"]);
    }
}
