//! Numbers as people write them in spreadsheets: `1234.5`, `+000012`, `1,234.50`, `1.234,50`,
//! `(12.00)`, `$5`.

/// Which sign separates the whole from the fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Decimal {
    #[default]
    Point,
    Comma,
}

impl Decimal {
    /// The decimal sign that reads more of the distinct `texts`; the point where both do as well.
    /// The count does not depend on the order of rows.
    pub fn vote<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Decimal {
        let mut balance = 0i64;
        for text in texts {
            let point = matches!(parse_number(text, Decimal::Point), NumberCell::Value(_));
            let comma = matches!(parse_number(text, Decimal::Comma), NumberCell::Value(_));
            balance += i64::from(comma) - i64::from(point);
        }
        if balance > 0 { Decimal::Comma } else { Decimal::Point }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NumberCell {
    Value(f64),
    /// Nothing there: blank or one of the usual words for it.
    Missing,
    Bad,
}

/// Spellings of "no value" that are nulls, not faults.
pub fn is_missing(text: &[u8]) -> bool {
    text.is_empty()
        || [&b"na"[..], b"n/a", b"nan", b"null", b"none", b"-", b"\\n", b"."]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
}

/// Reads one cell; faults are for the caller to record.
pub fn parse_number(text: &[u8], decimal: Decimal) -> NumberCell {
    let text = text.trim_ascii();
    // The common case first: plain digits with or without a point.
    if decimal == Decimal::Point
        && let Ok(value) = fast_float2::parse::<f64, _>(text)
        && value.is_finite()
    {
        return NumberCell::Value(value + 0.0);
    }
    if is_missing(text) {
        return NumberCell::Missing;
    }
    match spreadsheet(text, decimal) {
        Some(value) if value.is_finite() => NumberCell::Value(value + 0.0),
        _ => NumberCell::Bad,
    }
}

/// Thousands marks, currency signs, percentage-free; parentheses mean minus.
fn spreadsheet(text: &[u8], decimal: Decimal) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let (text, negative) = match text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        Some(inner) => (inner, true),
        None => (text, false),
    };
    let text = text.trim_matches(|c: char| c.is_whitespace() || "$€£¥".contains(c));
    let (point, mark) = match decimal {
        Decimal::Point => ('.', ','),
        Decimal::Comma => (',', '.'),
    };
    let (whole, fraction) = match text.split_once(point) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let digits = whole.trim_start_matches(['+', '-']);
    if digits.contains([mark, ' ', '\u{a0}', '\u{202f}', '\'']) {
        let mut groups = digits.split([mark, ' ', '\u{a0}', '\u{202f}', '\'']);
        let head = groups.next()?;
        let sound = |g: &str, whole: bool| {
            g.bytes().all(|b| b.is_ascii_digit()) && if whole { g.len() == 3 } else { (1..=3).contains(&g.len()) }
        };
        if !sound(head, false) || !groups.all(|g| sound(g, true)) {
            return None;
        }
    }
    let mut plain: String = whole.chars().filter(|c| c.is_ascii_digit() || "+-eE".contains(*c)).collect();
    let stray = whole.chars().any(|c| !(c.is_ascii_digit() || "+-eE '\u{a0}\u{202f}".contains(c) || c == mark));
    if stray {
        return None;
    }
    if let Some(fraction) = fraction {
        plain.push('.');
        plain.push_str(fraction);
    }
    let value: f64 = fast_float2::parse(plain.as_bytes()).ok()?;
    Some(if negative { -value } else { value })
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
        ] {
            assert_eq!(point(text), Value(value), "{text}");
        }
        for (text, value) in [("1.234,5", 1234.5), ("12,75", 12.75), ("7", 7.0), ("-1.000", -1000.0)] {
            assert_eq!(comma(text), Value(value), "{text}");
        }
    }

    #[test]
    fn blanks_are_missing_and_the_rest_is_bad() {
        for text in ["", "  ", "NA", "n/a", "NaN", "-", "null"] {
            assert_eq!(point(text), NumberCell::Missing, "{text:?}");
        }
        for text in ["Freight Included", "12,34", "1,2345", "12kg", "inf", "1e999", "(", "1..2", "--1", "12-13"] {
            assert_eq!(point(text), NumberCell::Bad, "{text:?}");
        }
    }

    #[test]
    fn the_column_decides_the_decimal_sign() {
        let vote = |texts: &[&str]| Decimal::vote(texts.iter().map(|t| t.as_bytes()));
        assert_eq!(vote(&["1,5", "1.234,5", "7"]), Decimal::Comma);
        assert_eq!(vote(&["1,234", "1.5", "7"]), Decimal::Point);
        assert_eq!(vote(&["7", "8"]), Decimal::Point);
    }
}
