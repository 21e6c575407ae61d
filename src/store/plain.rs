//! Numbers in the form of most cells: digits, a minus before them, one decimal sign.

use super::decimal::Decimal;

/// The number of digits that a double holds exactly.
const EXACT: usize = 15;
/// Powers of ten that a double holds exactly.
const TENS: [f64; EXACT + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plain {
    pub value: f64,
    /// There is no decimal sign.
    pub whole: bool,
}

/// Reads such a number; `None` for any other text, which may still be a number.
#[inline(always)]
pub fn plain(text: &[u8], decimal: Decimal) -> Option<Plain> {
    let sign = decimal.sign() as u8;
    let (digits, minus) = match text {
        [b'-', digits @ ..] => (digits, true),
        digits => (digits, false),
    };
    if digits.is_empty() || digits.len() > EXACT + 1 {
        return None;
    }
    let mut number = 0u64;
    let mut point = None;
    for (at, &byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            number = number * 10 + u64::from(digit);
        } else if byte == sign && point.is_none() {
            point = Some(at);
        } else {
            return None;
        }
    }
    // Both numbers are exact, so the division rounds once, to the nearest double.
    let value = match point {
        None if digits.len() > EXACT => return None,
        None => number as f64,
        Some(at) if at == 0 || at + 1 == digits.len() => return None,
        Some(at) => number as f64 / TENS[digits.len() - at - 1],
    };
    // Zero has no minus sign.
    Some(Plain { value: if minus { 0.0 - value } else { value }, whole: point.is_none() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_are_the_nearest_doubles(text in "-?[0-9]{1,16}(\\.[0-9]{1,15})?") {
            if let Some(read) = plain(text.as_bytes(), Decimal::Point) {
                let expected: f64 = text.parse().unwrap();
                prop_assert_eq!(read.value.to_bits(), (expected + 0.0).to_bits());
                prop_assert_eq!(read.whole, !text.contains('.'));
                let comma = plain(text.replace('.', ",").as_bytes(), Decimal::Comma);
                prop_assert_eq!(comma, Some(read));
            } else {
                prop_assert!(text.trim_start_matches('-').len() > EXACT);
            }
        }
    }

    #[test]
    fn other_spellings_are_left_to_others() {
        for text in ["", "-", ".5", "5.", "1,5", "1.2.3", "--1", "+1", " 1", "1e3", "1234567890123456"] {
            assert_eq!(plain(text.as_bytes(), Decimal::Point), None, "{text:?}");
        }
    }
}
