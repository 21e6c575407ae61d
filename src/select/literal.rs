//! Values of a condition as the user wrote them.

use arrow::datatypes::i256;

use crate::error::Result;

/// A value of a condition, before the type of its column is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Null,
    Text(String),
    Truth(bool),
    Number(DecimalLiteral),
    /// A day, counted from 1970-01-01.
    Day(i32),
    Instant(Instant),
    /// A length of time in nanoseconds.
    Length(i128),
    /// A time of day in nanoseconds since midnight.
    Clock(i128),
}

/// A date with a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant {
    /// The local time, as nanoseconds since 1970-01-01.
    pub wall: i128,
    /// Nanoseconds since 1970-01-01 in UTC, if the time zone is known.
    pub utc: Option<i128>,
}

/// A value or a range of a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// Equal to this value. HS codes are prefixes. A date may be a whole month or year.
    One(Literal),
    /// From the first to the second value, both included. Null means an open end.
    Between(Literal, Literal),
}

/// The values and ranges of a condition. A cell passes if it fits any of them.
#[derive(Clone, Debug)]
pub struct Wanted(pub Vec<Choice>);

impl Wanted {
    pub fn asks_for_nulls(&self) -> bool {
        self.0.contains(&Choice::One(Literal::Null))
    }

    /// All values, and the ends of all ranges.
    pub fn literals(&self) -> impl Iterator<Item = &Literal> {
        self.0
            .iter()
            .flat_map(|choice| match choice {
                Choice::One(literal) => [Some(literal), None],
                Choice::Between(low, high) => [Some(low), Some(high)],
            })
            .flatten()
    }

    pub fn has_ranges(&self) -> bool {
        self.0.iter().any(|choice| matches!(choice, Choice::Between(..)))
    }

    /// The same condition with each value replaced. Nulls stay.
    pub fn map(&self, change: impl Fn(&Literal) -> Result<Literal>) -> Result<Wanted> {
        let one = |literal: &Literal| if *literal == Literal::Null { Ok(Literal::Null) } else { change(literal) };
        let each = self.0.iter().map(|choice| {
            Ok(match choice {
                Choice::One(literal) => Choice::One(one(literal)?),
                Choice::Between(low, high) => Choice::Between(one(low)?, one(high)?),
            })
        });
        Ok(Wanted(each.collect::<Result<_>>()?))
    }
}

/// A number as it was written: its exact decimal digits, and the nearest double.
#[derive(Clone, Debug, PartialEq)]
pub struct DecimalLiteral {
    negative: bool,
    /// Digits without leading zeros. The value is `digits` times ten to the power of `exponent`.
    digits: String,
    exponent: i64,
    pub float: f64,
}

/// The largest number of digits that are written without an exponent.
const LONGEST: i64 = 400;

impl DecimalLiteral {
    /// Reads `12`, `-1.50`, `1e-3`, `inf` and `nan`.
    pub fn parse(text: &str) -> Option<DecimalLiteral> {
        let text = text.trim();
        let float: f64 = text.parse().ok()?;
        let (negative, plain) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if !plain.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return Some(DecimalLiteral { negative, digits: String::new(), exponent: 0, float });
        }
        let (mantissa, exponent) = plain.split_once(['e', 'E']).unwrap_or((plain, "0"));
        // An exponent that does not fit is replaced by a very large one.
        let far = if exponent.starts_with('-') { -1_000_000_000 } else { 1_000_000_000 };
        let exponent: i64 = exponent.parse().unwrap_or(far);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        let exponent = exponent.saturating_sub(fraction.len() as i64);
        Some(DecimalLiteral { negative, digits: digits.to_owned(), exponent, float })
    }

    /// The number times ten to the power of `scale`, as the first and last whole number that are equal to it. If it is
    /// not whole, they are the next whole numbers above and below it, so the first is larger than the last.
    pub fn whole(&self, scale: i64) -> (i256, i256) {
        const MOST: i256 = i256::MAX;
        const LEAST: i256 = i256::MIN;
        if self.float.is_nan() {
            return (MOST, LEAST);
        }
        let beyond =
            if self.negative { (LEAST.wrapping_add(i256::ONE), LEAST) } else { (MOST, MOST.wrapping_sub(i256::ONE)) };
        if self.digits.is_empty() {
            return if self.float == 0.0 { (i256::ZERO, i256::ZERO) } else { beyond };
        }
        let shift = self.exponent.saturating_add(scale);
        let length = (self.digits.len() as i64).saturating_add(shift);
        if length > 76 {
            return beyond;
        }
        let kept = length.max(0) as usize;
        let (text, exact) = if shift >= 0 {
            (format!("{}{}", self.digits, "0".repeat(shift as usize)), true)
        } else {
            let cut = &self.digits[kept..];
            // The leading zeros of the fraction were removed with the others.
            (format!("0{}", &self.digits[..kept]), cut.bytes().all(|b| b == b'0'))
        };
        let Some(size) = i256::from_string(&text) else { return beyond };
        match (self.negative, exact) {
            (false, true) => (size, size),
            (false, false) => (size.wrapping_add(i256::ONE), size),
            (true, true) => (size.wrapping_neg(), size.wrapping_neg()),
            (true, false) => (size.wrapping_neg(), size.wrapping_neg().wrapping_sub(i256::ONE)),
        }
    }

    /// The same in 128 bits.
    pub fn narrow(&self, scale: i64) -> (i128, i128) {
        let (low, high) = self.whole(scale);
        let fit = |x: i256| x.to_i128().unwrap_or(if x.is_negative() { i128::MIN } else { i128::MAX });
        match (fit(low), fit(high)) {
            // The number is outside 128 bits, so no value is equal to it.
            (i128::MAX, i128::MAX) => (i128::MAX, i128::MAX - 1),
            (i128::MIN, i128::MIN) => (i128::MIN + 1, i128::MIN),
            pair => pair,
        }
    }

    /// The number in plain digits, such as `12.5`, as a text column holds it.
    pub fn text(&self) -> String {
        let kept = self.digits.trim_end_matches('0');
        let exponent = self.exponent.saturating_add((self.digits.len() - kept.len()) as i64);
        if kept.is_empty() || exponent.abs() > LONGEST {
            return self.float.to_string();
        }
        let sign = if self.negative { "-" } else { "" };
        if exponent >= 0 {
            return format!("{sign}{kept}{}", "0".repeat(exponent as usize));
        }
        let behind = exponent.unsigned_abs() as usize;
        let padded = format!("{kept:0>width$}", width = behind + 1);
        let (whole, fraction) = padded.split_at(padded.len() - behind);
        format!("{sign}{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> DecimalLiteral {
        DecimalLiteral::parse(text).unwrap()
    }

    #[test]
    fn whole_numbers_are_exact_and_fractions_lie_between() {
        assert_eq!(number("9007199254740993").narrow(0), (9007199254740993, 9007199254740993));
        assert_eq!(number("1e18").narrow(0), (10i128.pow(18), 10i128.pow(18)));
        assert_eq!(number("2.5").narrow(0), (3, 2));
        assert_eq!(number("-2.5").narrow(0), (-2, -3));
        assert_eq!(number("2.50").narrow(2), (250, 250));
        assert_eq!(number("0.05").narrow(2), (5, 5));
        assert_eq!(number("0.005").narrow(2), (1, 0));
        assert_eq!(number("-0").narrow(0), (0, 0));
        assert_eq!(number("1e99").narrow(0), (i128::MAX, i128::MAX - 1));
        assert_eq!(number("-inf").narrow(0), (i128::MIN + 1, i128::MIN));
        assert_eq!(number("nan").narrow(0), (i128::MAX, i128::MIN));
        assert_eq!(number("1e999999999999999999999").narrow(0), (i128::MAX, i128::MAX - 1));
        assert_eq!(number("1e-999999999999999999999").narrow(0), (1, 0));
        assert!(DecimalLiteral::parse("twelve").is_none());
    }

    #[test]
    fn texts_are_plain() {
        for (written, plain) in
            [("2023", "2023"), ("12.0", "12"), ("12.50", "12.5"), ("1e+16", "10000000000000000"), ("1e-3", "0.001")]
        {
            assert_eq!(number(written).text(), plain);
        }
        assert_eq!(number("-0.25").text(), "-0.25");
        assert_eq!(number("0").text(), "0");
    }
}
