//! Numbers in the spellings of spreadsheets: `1234.5`, `+000012`, `1,234.50`, `1.234,50`, `12,34,567`, `(12.00)`, `5-`,
//! `$5`, `12 EUR`.

pub use super::decimal::Decimal;
pub use super::missing::is_missing;

use super::currency;
use super::plain::{Plain, plain};

/// How the numbers of a column are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct NumberFormat {
    pub decimal: Decimal,
    /// The mark between thousands. Without it every usual one is accepted: the other sign, blanks and apostrophes.
    pub thousands: Option<char>,
}

impl From<Decimal> for NumberFormat {
    fn from(decimal: Decimal) -> NumberFormat {
        NumberFormat { decimal, thousands: None }
    }
}

impl NumberFormat {
    /// The decimal sign and the mark between thousands given by the user; `None` if none is given, an error if they
    /// make no sense.
    pub fn given(decimal: Option<&str>, thousands: Option<&str>) -> Result<Option<NumberFormat>, String> {
        let thousands = match thousands {
            None => None,
            Some(mark @ ("," | "." | " " | "'" | "\u{a0}" | "\u{202f}" | "_")) => mark.chars().next(),
            Some(other) => {
                return Err(format!("thousands={other:?} is not known; use \",\", \".\", \" \", \"'\" or \"_\""));
            }
        };
        let decimal = match (decimal, thousands) {
            (None, None) => return Ok(None),
            (Some("."), _) => Decimal::Point,
            (Some(","), _) => Decimal::Comma,
            (None, Some('.')) => Decimal::Comma,
            (None, _) => Decimal::Point,
            (Some(other), _) => return Err(format!("decimal={other:?} is not known; use \".\" or \",\"")),
        };
        if thousands == Some(decimal.sign()) {
            return Err(format!("decimal and thousands are both {:?}; they must differ", decimal.sign()));
        }
        Ok(Some(NumberFormat { decimal, thousands }))
    }

    fn is_mark(self, c: char) -> bool {
        match self.thousands {
            None => c == self.decimal.other().sign() || matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\''),
            Some(' ') => matches!(c, ' ' | '\u{a0}' | '\u{202f}'),
            Some(mark) => c == mark,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NumberCell {
    Value(f64),
    /// A missing value: blank, or one of the usual words for it.
    Missing,
    Bad,
}

/// Whether a cell is a number with a decimal point or a decimal comma.
pub fn is_number(text: &[u8]) -> bool {
    [Decimal::Point, Decimal::Comma].into_iter().any(|sign| matches!(parse_number(text, sign), NumberCell::Value(_)))
}

/// Reads one cell. The caller records faults.
pub fn parse_number(text: &[u8], format: impl Into<NumberFormat>) -> NumberCell {
    let (text, format) = (text.trim_ascii(), format.into());
    if let Some(Plain { value, .. }) = plain(text, format.decimal) {
        return NumberCell::Value(value);
    }
    // More digits, or an exponent.
    if format.decimal == Decimal::Point
        && let Ok(value) = fast_float2::parse::<f64, _>(text)
        && value.is_finite()
    {
        return NumberCell::Value(value + 0.0);
    }
    if is_missing(text) {
        return NumberCell::Missing;
    }
    let Ok(text) = std::str::from_utf8(text) else { return NumberCell::Bad };
    let read = spreadsheet(text, format).filter(|value| value.is_finite());
    read.map_or(NumberCell::Bad, |value| NumberCell::Value(value + 0.0))
}

/// Thousands marks, currencies, no percent; parentheses and a minus after the number mean minus.
fn spreadsheet(text: &str, format: NumberFormat) -> Option<f64> {
    if text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b',' | b'-')) {
        return signed(text, format);
    }
    let (text, minus) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (rest.trim_start(), true),
        None => (text, false),
    };
    let (amount, currency) = currency::strip(text);
    let (amount, brackets) = match amount.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        Some(inner) => (inner.trim(), true),
        None => (amount, false),
    };
    let (amount, inner) = currency::strip(amount);
    let negative = minus || brackets;
    // Two minus signs may mean plus or minus, so this is not a number.
    if (minus && brackets) || (negative && amount.contains(['-', '+', '\u{2212}'])) {
        return None;
    }
    let value = signed(amount, format).or_else(|| {
        // An amount with its own currency may come from elsewhere and have its own decimal sign.
        let own = currency.or(inner).is_some() && format.thousands.is_none();
        own.then(|| signed(amount, format.decimal.other().into())).flatten()
    })?;
    Some(if negative { -value } else { value })
}

/// A minus before the number, or after it as in some ledgers.
fn signed(text: &str, format: NumberFormat) -> Option<f64> {
    match text.strip_suffix('-') {
        Some(rest) if rest.starts_with(['-', '+']) => None,
        Some(rest) => unsigned(rest.trim_end(), format).map(|value| -value),
        None => {
            let (rest, negative) = match text.strip_prefix(['-', '\u{2212}']) {
                Some(rest) => (rest, true),
                None => (text.strip_prefix('+').unwrap_or(text), false),
            };
            unsigned(rest.trim_start(), format).map(|value| if negative { -value } else { value })
        }
    }
}

fn unsigned(text: &str, format: NumberFormat) -> Option<f64> {
    let (whole, fraction) = match text.split_once(format.decimal.sign()) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let mut plain = String::with_capacity(text.len() + 1);
    match whole.chars().find(|&c| format.is_mark(c)) {
        Some(mark) => grouped(whole, mark, &mut plain)?,
        None => plain.push_str(whole),
    }
    if let Some(fraction) = fraction {
        plain.push('.');
        plain.push_str(fraction);
    }
    if !plain.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None; // a second sign, or a word such as inf
    }
    fast_float2::parse(plain.as_bytes()).ok()
}

/// Thousands (1,234,567) or lakhs and crores (12,34,567), without their marks.
fn grouped(whole: &str, mark: char, plain: &mut String) -> Option<()> {
    let groups: Vec<&str> = whole.split(mark).collect();
    let (head, last) = (groups[0], groups[groups.len() - 1]);
    let digits = |g: &&str| g.bytes().all(|b| b.is_ascii_digit());
    let between = &groups[1..groups.len() - 1];
    let thousands = (1..=3).contains(&head.len()) && between.iter().all(|g| g.len() == 3);
    let lakhs = (1..=2).contains(&head.len()) && !between.is_empty() && between.iter().all(|g| g.len() == 2);
    // A number with marks has no leading zero: 0.750 is a fraction.
    let sound = groups.iter().all(digits) && last.len() == 3 && !head.starts_with('0') && (thousands || lakhs);
    sound.then(|| groups.iter().for_each(|g| plain.push_str(g)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(text: &str) -> NumberCell {
        parse_number(text.as_bytes(), Decimal::Point)
    }

    fn comma(text: &str) -> NumberCell {
        parse_number(text.as_bytes(), Decimal::Comma)
    }

    #[test]
    fn reads_the_spellings_of_spreadsheets() {
        use NumberCell::*;
        for (text, value) in [
            ("12", 12.0),
            (" 1.5 ", 1.5),
            ("+00000000012", 12.0),
            ("-3", -3.0),
            ("1e3", 1000.0),
            ("1,234,567.5", 1234567.5),
            ("$1,234", 1234.0),
            ("(12.50)", -12.5),
            ("1 234.5", 1234.5),
            ("1'234'567", 1234567.0),
            ("1,23,456.50", 123456.5),
            ("12,34,567", 1234567.0),
            ("1,23,45,678", 12345678.0),
            ("(5)", -5.0),
            ("($5)", -5.0),
            ("$(5)", -5.0),
            ("-$5", -5.0),
            ("$-5", -5.0),
            ("5-", -5.0),
            ("1,234.50-", -1234.5),
            ("USD 1,234.50", 1234.5),
            ("US$ 1,234.50", 1234.5),
            ("12 EUR", 12.0),
            ("EUR12", 12.0),
            ("12.5€", 12.5),
            ("₹ 7", 7.0),
            ("Rs. 1,23,456", 123456.0),
            ("R$ 5,00", 5.0),
            ("kr 12", 12.0),
            ("12 руб.", 12.0),
            ("12 TL", 12.0),
        ] {
            assert_eq!(point(text), Value(value), "{text}");
        }
        for (text, value) in [
            ("1.234,5", 1234.5),
            ("12,75", 12.75),
            ("7", 7.0),
            ("-1.000", -1000.0),
            ("1 234,5", 1234.5),
            ("€ 1.234,50", 1234.5),
            ("12,5-", -12.5),
        ] {
            assert_eq!(comma(text), Value(value), "{text}");
        }
    }

    #[test]
    fn blanks_are_missing_and_the_rest_is_bad() {
        for text in ["", "  ", "NA", "n/a", "NaN", "-", "null"] {
            assert_eq!(point(text), NumberCell::Missing, "{text:?}");
        }
        for text in [
            "Freight Included",
            "12,34",
            "1,2345",
            "12kg",
            "12 kg",
            "inf",
            "1e999",
            "(",
            "1..2",
            "--1",
            "12-13",
            "(-5)",
            "-5-",
            "1,234 567",
            "$",
            "EUR",
            "5 EURO ZONE",
            "1,23,45",
            "0,123",
            "-(-5)",
            "- -5",
        ] {
            assert_eq!(point(text), NumberCell::Bad, "{text:?}");
        }
    }

    #[test]
    fn the_user_has_the_last_word_on_the_signs() {
        let format = |d, t| NumberFormat::given(d, t).unwrap().unwrap();
        assert_eq!(parse_number(b"1.234", format(None, Some("."))), NumberCell::Value(1234.0));
        assert_eq!(parse_number(b"1.234", format(Some("."), None)), NumberCell::Value(1.234));
        assert_eq!(parse_number(b"1,234", format(Some("."), Some(" "))), NumberCell::Bad);
        assert_eq!(NumberFormat::given(None, None), Ok(None));
        assert!(NumberFormat::given(Some(","), Some(",")).is_err());
        assert!(NumberFormat::given(Some(";"), None).is_err());
    }
}
