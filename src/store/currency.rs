//! Currencies written beside a number: `USD 12`, `12 €`, `Rs. 5`.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

const DATA: &str = include_str!("data/currencies.csv");

/// Lower-case words and signs, and the currencies they name.
fn words() -> &'static HashMap<&'static str, &'static str> {
    static WORDS: OnceLock<HashMap<&str, &str>> = OnceLock::new();
    WORDS.get_or_init(|| {
        let lines = DATA.lines().filter(|l| !l.starts_with('#')).skip(1);
        lines.filter_map(|l| l.split_once(';')).collect()
    })
}

fn is_sign(c: char) -> bool {
    matches!(c, '$' | '£' | '¤' | '¥' | '\u{e3f}' | '\u{20a0}'..='\u{20cf}')
}

fn is_part(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '.' | '/' | ' ' | '\u{a0}' | '\u{202f}') || is_sign(c)
}

fn known(word: &str) -> Option<&'static str> {
    let word = word.trim().trim_end_matches('.');
    if word.is_empty() || word.len() > 16 {
        return None;
    }
    words().get(word.to_lowercase().as_str()).copied()
}

/// The amount without the currency before or behind it, and the currency. A word that is no
/// currency stays, so that the whole is no number.
pub fn strip(text: &str) -> (&str, Option<&'static str>) {
    let mut head = text.find(|c| !is_part(c)).unwrap_or(text.len());
    // The point of `$.50` is the number's own; that of `Rs.50` is not.
    if let Some(before) = text[..head].strip_suffix('.')
        && before.ends_with(is_sign)
    {
        head -= 1;
    }
    if let Some(currency) = known(&text[..head]) {
        return (text[head..].trim_start(), Some(currency));
    }
    let tail = text.rfind(|c| !is_part(c)).map_or(0, |at| at + text[at..].chars().next().map_or(0, char::len_utf8));
    match known(&text[tail..]) {
        Some(currency) => (text[..tail].trim_end(), Some(currency)),
        None => (text, None),
    }
}

/// What to tell of a number column whose cells name several currencies, from its texts.
pub fn note<'a>(column: &str, texts: impl IntoIterator<Item = &'a [u8]>) -> Option<String> {
    let named = texts.into_iter().filter(|t| t.iter().any(|b| !matches!(b, b'0'..=b'9' | b'.' | b',' | b'-')));
    let named = named.filter_map(|t| std::str::from_utf8(t).ok()).filter_map(|t| {
        let text = t.trim().trim_start_matches(['-', '(']).trim_end_matches(')');
        strip(text.trim()).1
    });
    let found: BTreeSet<&str> = named.map(|c| c.trim_end_matches('?')).filter(|c| !c.is_empty()).collect();
    (found.len() > 1).then(|| {
        let found: Vec<&str> = found.into_iter().collect();
        format!(
            "the amounts in {column:?} are in several currencies ({}): they were read as they stand, not converted, so their \
             sums mean little",
            found.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_currencies_are_taken_off() {
        assert_eq!(strip("USD 12"), ("12", Some("USD")));
        assert_eq!(strip("12 kr."), ("12", Some("SEK/NOK/DKK")));
        assert_eq!(strip("$.50"), (".50", Some("USD?")));
        assert_eq!(strip("Rs.50"), ("50", Some("INR?")));
        assert_eq!(strip("12 kg"), ("12 kg", None));
        assert_eq!(strip("EUR"), ("", Some("EUR")));
        assert_eq!(strip(""), ("", None));
    }

    #[test]
    fn several_currencies_are_told() {
        let told = note("VALUE", [&b"US$ 5"[..], b"R$ 5,00", b"7"]);
        assert!(told.is_some_and(|t| t.contains("(BRL, USD)")));
        assert_eq!(note("VALUE", [&b"$ 5"[..], b"US$ 5", b"7"]), None);
        assert_eq!(note("VALUE", [&b"5 kg"[..], b"7 lb"]), None);
    }
}
