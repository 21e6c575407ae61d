//! Numbers as people write them: `1e6`, `1_000`, `1,000.50`, `1 000,50`.

use crate::select::literal::DecimalLiteral;

/// Why a text is not a number.
#[derive(Debug, PartialEq)]
pub enum NumberMisread {
    NotANumber,
    /// The two numbers that a text such as `1,000` may be.
    Either(String, String),
}

/// Reads a number. A single point is the decimal sign, as in Python. Other separators must have one meaning: a single
/// comma before three digits may be a decimal sign or a mark between thousands.
pub fn read_number(text: &str) -> Result<DecimalLiteral, NumberMisread> {
    let text = text.trim();
    if let Some(number) = DecimalLiteral::parse(text) {
        return Ok(number);
    }
    let (sign, size) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match size.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, format!("e{exponent}")),
        None => (size, String::new()),
    };
    let whole =
        |plain: String| DecimalLiteral::parse(&format!("{sign}{plain}{exponent}")).ok_or(NumberMisread::NotANumber);
    match plain_digits(mantissa) {
        Some(Digits::Sure(plain)) => whole(plain),
        Some(Digits::Either(one, other)) => {
            Err(NumberMisread::Either(format!("{sign}{one}{exponent}"), format!("{sign}{other}{exponent}")))
        }
        None => Err(NumberMisread::NotANumber),
    }
}

enum Digits {
    Sure(String),
    Either(String, String),
}

/// The digits with a point as the decimal sign and no other marks.
fn plain_digits(text: &str) -> Option<Digits> {
    let text = without_underscores(text)?;
    let points = text.matches('.').count();
    let commas = text.matches(',').count();
    // The decimal sign. The other sign may be the mark between thousands.
    let decimal = match (points, commas) {
        (0 | 1, 0) => '.',
        (_, 0) | (0, 2..) => return ungrouped(&text, if points > 0 { '.' } else { ',' }).map(Digits::Sure),
        (0, 1) => ',',
        _ if points == 1 && text.rfind('.') > text.rfind(',') => '.',
        _ if commas == 1 && text.rfind(',') > text.rfind('.') => ',',
        _ => return None,
    };
    let (whole, fraction) = text.split_once(decimal).unwrap_or((&text, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let other = if decimal == '.' { ',' } else { '.' };
    let mark = whole.chars().find(|c| !c.is_ascii_digit()).unwrap_or(other);
    if !is_mark(mark) && mark != other {
        return None;
    }
    let digits = ungrouped(whole, mark)?;
    if decimal == ',' && points == 0 && fraction.len() == 3 && digits.len() <= 3 && !digits.starts_with('0') {
        return Some(Digits::Either(format!("{digits}{fraction}"), format!("{digits}.{fraction}")));
    }
    (!fraction.is_empty() || decimal == '.').then(|| Digits::Sure(format!("{digits}.{fraction}")))
}

fn is_mark(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '\u{2019}')
}

/// The text without underscores. As in Python, they must be single and between two digits.
fn without_underscores(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('_').collect();
    let digit = |part: &str, at_end: bool| {
        let c = if at_end { part.chars().next_back() } else { part.chars().next() };
        c.is_some_and(|c| c.is_ascii_digit())
    };
    parts.windows(2).all(|pair| digit(pair[0], true) && digit(pair[1], false)).then(|| parts.concat())
}

/// The digits without `mark`. All groups after the first must have three digits.
fn ungrouped(text: &str, mark: char) -> Option<String> {
    let groups: Vec<&str> = text.split(mark).collect();
    let digits = groups.iter().all(|g| !g.is_empty() && g.bytes().all(|b| b.is_ascii_digit()));
    let threes = groups.len() == 1 || groups[0].len() <= 3 && groups[1..].iter().all(|g| g.len() == 3);
    (digits && threes).then(|| groups.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, plain) in [
            ("1e6", "1000000"),
            ("1_000", "1000"),
            ("1_000.5", "1000.5"),
            ("1,000.50", "1000.5"),
            ("1.000,50", "1000.5"),
            ("1,000,000", "1000000"),
            ("1.000.000", "1000000"),
            ("1 000 000", "1000000"),
            ("1\u{a0}000,5", "1000.5"),
            ("1'000.5", "1000.5"),
            ("-1,5", "-1.5"),
            ("0,125", "0.125"),
            ("1234,567", "1234.567"),
            ("1 234,567", "1234.567"),
            ("1_0e2", "1000"),
            (" 2.50 ", "2.5"),
            ("1.000", "1"),
            ("+7", "7"),
        ] {
            assert_eq!(read_number(text).unwrap().text(), plain, "{text}");
        }
    }

    #[test]
    fn what_may_be_two_numbers_is_none() {
        let either = |a: &str, b: &str| Err(NumberMisread::Either(a.into(), b.into()));
        assert_eq!(read_number("1,000"), either("1000", "1.000"));
        assert_eq!(read_number("-12,345"), either("-12345", "-12.345"));
        for text in
            ["", "two", "1,00,000", "1.00.000", "1__0", "_1", "1_", "1,", ",5,", "1 00", "1-2", "12e", "1,0.0,0"]
        {
            assert_eq!(read_number(text), Err(NumberMisread::NotANumber), "{text}");
        }
    }
}
