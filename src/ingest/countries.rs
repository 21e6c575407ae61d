//! Whether a text is the name or the code of a country.

use std::collections::HashSet;
use std::sync::OnceLock;

use crate::store::plain;

const FILE: &str = include_str!("data/countries.csv");

fn known() -> &'static HashSet<String> {
    static KNOWN: OnceLock<HashSet<String>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let rows = FILE.lines().skip(1);
        rows.flat_map(|row| {
            let mut fields = row.splitn(4, ',');
            let codes: Vec<&str> = fields.by_ref().take(2).collect();
            let names = fields.nth(1).unwrap_or_default().trim_matches('"');
            codes.into_iter().chain(names.split('|')).map(plain).filter(|p| !p.is_empty()).collect::<Vec<_>>()
        })
        .collect()
    })
}

/// ISO codes of two or three letters, and names in English, Spanish, French, Russian and Chinese.
pub fn is_country(text: &str) -> bool {
    known().contains(&plain(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_countries_and_firms_are_not() {
        for text in
            ["US", "NA", "deu", "Germany", "ALEMANIA", "Côte d’Ivoire", "Китай", "中国", "Viet Nam", "South Korea"]
        {
            assert!(is_country(text), "{text}");
        }
        for text in ["Acme", "Orion Stores", "", "X1", "China Trading Ltd"] {
            assert!(!is_country(text), "{text}");
        }
    }

    #[test]
    fn every_line_has_two_codes() {
        for row in FILE.lines().skip(1) {
            let mut fields = row.split(',');
            assert_eq!(fields.next().map(str::len), Some(2), "{row}");
            assert_eq!(fields.next().map(str::len), Some(3), "{row}");
        }
    }
}
