//! Words and signs of currencies: beside a number (`USD 12`, `12 €`, `Rs. 5`), as a cell of a column of currencies, and
//! in the name of a column. All are in `data/currencies.csv`.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

use super::nothing::is_nothing;
use super::spelling::folded;

const DATA: &str = include_str!("data/currencies.csv");
/// The length of an ISO 4217 code.
const CODE: usize = 3;

/// The meaning of a word, and where it is valid.
#[derive(Clone, Copy)]
struct Word {
    /// The code; with a question mark if several currencies share the word.
    currency: &'static str,
    beside_amounts: bool,
    in_cells: bool,
    in_names: bool,
    ends_names: bool,
}

fn lines() -> impl Iterator<Item = (&'static str, Word)> {
    let lines = DATA.lines().filter(|l| !l.starts_with('#')).skip(1);
    lines.filter_map(|line| {
        let mut parts = line.split(';');
        let (word, currency, places) = (parts.next()?, parts.next()?, parts.next()?);
        let at = |place: &str| places.split(' ').any(|p| p == place);
        let (beside_amounts, in_cells, in_names) = (at("amount"), at("cell"), at("name"));
        Some((word, Word { currency, beside_amounts, in_cells, in_names, ends_names: at("end") }))
    })
}

fn words() -> &'static HashMap<&'static str, Word> {
    static WORDS: OnceLock<HashMap<&str, Word>> = OnceLock::new();
    WORDS.get_or_init(|| lines().collect())
}

/// A currency named by a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency {
    /// ISO 4217.
    pub code: &'static str,
    /// False if several currencies share the word. The code is then that of the most frequent one.
    pub sure: bool,
}

impl Word {
    fn currency(self) -> Option<Currency> {
        let code = self.currency.trim_end_matches('?');
        (code.len() == CODE).then_some(Currency { code, sure: code.len() == self.currency.len() })
    }
}

/// The currency that a source gives for its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SourceCurrency {
    /// None, or a separate currency for each record.
    #[default]
    Open,
    /// One unknown currency: that of the country, or one of several that share a word.
    Unknown,
    /// ISO 4217.
    Code(&'static str),
}

impl SourceCurrency {
    /// As text, for copies.
    pub fn written(&self) -> String {
        match self {
            SourceCurrency::Open => "",
            SourceCurrency::Unknown => "?",
            SourceCurrency::Code(code) => code,
        }
        .to_owned()
    }

    pub fn from_written(text: &str) -> SourceCurrency {
        match text {
            "" => SourceCurrency::Open,
            other => code(other).map_or(SourceCurrency::Unknown, SourceCurrency::Code),
        }
    }
}

/// The meaning of a cell of a column of currencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    Nothing,
    Known(Currency),
    /// A word that is not a currency, or several currencies.
    Unknown,
}

/// Reads a cell of a column of currencies: a code, a sign or a word, in any case.
pub fn named(cell: &str) -> Named {
    let text = cell.trim();
    if is_nothing(text) {
        return Named::Nothing;
    }
    let lower = text.to_lowercase();
    // `U.S. DOLLAR` and `us dollar` are equal.
    let plain = lower.replace('.', "").split_whitespace().collect::<Vec<_>>().join(" ");
    let word = [lower.as_str(), &plain].into_iter().find_map(|t| words().get(t).filter(|w| w.in_cells));
    word.and_then(|w| w.currency()).map_or(Named::Unknown, Named::Known)
}

/// The code of a text that has only one meaning.
pub fn code(text: &str) -> Option<&'static str> {
    match named(text) {
        Named::Known(currency) if currency.sure => Some(currency.code),
        _ => None,
    }
}

/// The currency in the name of a column, from the words of the name and the whole name, both folded: `USD` in
/// `CIF_VALUE_IN_USD` or `TOTALVALUEUSD`. `Some(None)` is a word that several currencies share.
pub fn of_name(tokens: &[String], whole: &str) -> Option<Option<Currency>> {
    static WORDS: OnceLock<Vec<(String, Word)>> = OnceLock::new();
    let words = WORDS.get_or_init(|| lines().filter(|(_, w)| w.in_names).map(|(t, w)| (folded(t), w)).collect());
    let first = tokens.iter().find_map(|token| words.iter().find(|(word, _)| word == token));
    let joined = || {
        let joins =
            |word: &str| (word.len() >= CODE && whole.ends_with(word)) || (!word.is_ascii() && whole.contains(word));
        let ends = words.iter().find(|(word, w)| w.ends_names && joins(word));
        ends.or_else(|| words.iter().find(|(word, _)| word == "usd" && whole.starts_with("usd")))
    };
    first.or_else(joined).map(|(_, w)| w.currency())
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
    words().get(word.to_lowercase().as_str()).filter(|w| w.beside_amounts).map(|w| w.currency)
}

/// The amount without the currency before or after it, and the currency. A word that is not a currency stays, so that
/// the result is not a number.
pub fn strip(text: &str) -> (&str, Option<&'static str>) {
    let mut head = text.find(|c| !is_part(c)).unwrap_or(text.len());
    // The point in `$.50` belongs to the number; that in `Rs.50` does not.
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

/// The note on a number column whose cells name several currencies, from its texts.
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
            "the amounts in {column:?} are in several currencies ({}): they were not converted, so their \
             sums mix currencies",
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
    fn the_list_says_each_word_once_and_every_code() {
        let all: Vec<&str> = lines().map(|(word, _)| word).collect();
        assert_eq!(all.len(), words().len());
        assert_eq!(all.len(), DATA.lines().filter(|l| !l.starts_with('#')).count() - 1);
        for (word, entry) in lines() {
            assert_eq!(word, word.to_lowercase());
            if let Some(currency) = entry.currency() {
                assert_eq!(code(currency.code), Some(currency.code), "{word}");
            }
        }
    }

    #[test]
    fn cells_name_currencies_in_many_spellings() {
        for (cell, code, sure) in [
            ("usd", "USD", true),
            (" US$ ", "USD", true),
            ("U.S. DOLLAR", "USD", true),
            ("EURO", "EUR", true),
            ("Rs", "INR", false),
            ("Rs.", "INR", false),
            ("$", "USD", false),
            ("RMB", "CNY", true),
            ("ALL", "ALL", true),
        ] {
            assert_eq!(named(cell), Named::Known(Currency { code, sure }), "{cell}");
        }
        assert_eq!(["", "-", "N/A", "NULL"].map(named), [Named::Nothing; 4]);
        assert_eq!(["kr", "XYZ", "us", "nigeria"].map(named), [Named::Unknown; 4]);
        assert_eq!(strip("12 ALL"), ("12 ALL", None));
    }

    #[test]
    fn several_currencies_are_told() {
        let told = note("VALUE", [&b"US$ 5"[..], b"R$ 5,00", b"7"]);
        assert!(told.is_some_and(|t| t.contains("(BRL, USD)")));
        assert_eq!(note("VALUE", [&b"$ 5"[..], b"US$ 5", b"7"]), None);
        assert_eq!(note("VALUE", [&b"5 kg"[..], b"7 lb"]), None);
    }
}
