//! Names of the months in the languages of customs files.

use std::sync::OnceLock;

use serde::Deserialize;

use super::text::plain;

#[derive(Deserialize)]
struct File {
    language: Vec<Language>,
}

#[derive(Deserialize)]
struct Language {
    months: [String; 12],
    #[serde(default)]
    short: std::collections::BTreeMap<String, u32>,
}

/// Every full name and short form with its month.
fn names() -> &'static Vec<(String, u32)> {
    static NAMES: OnceLock<Vec<(String, u32)>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let file: File =
            toml::from_str(include_str!("../ingest/data/months.toml")).unwrap_or(File { language: Vec::new() });
        file.language
            .into_iter()
            .flat_map(|l| {
                let full: Vec<(String, u32)> = l.months.iter().zip(1..).map(|(name, n)| (plain(name), n)).collect();
                full.into_iter().chain(l.short.into_iter().map(|(name, n)| (plain(&name), n)))
            })
            .collect()
    })
}

/// The month of a name or of its first three letters or more. A cut that two months share, such as
/// the French `jui`, is none.
pub fn month_named(word: &str) -> Option<u32> {
    let word = plain(word);
    if let Some((_, month)) = names().iter().find(|(name, _)| *name == word) {
        return Some(*month);
    }
    if word.chars().count() < 3 {
        return None;
    }
    let mut months = names().iter().filter(|(name, _)| name.starts_with(&word)).map(|(_, month)| *month);
    let first = months.next()?;
    months.all(|month| month == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_known_in_many_languages() {
        for (word, month) in [
            ("January", Some(1)),
            ("ene", Some(1)),
            ("Março", Some(3)),
            ("MÄRZ", Some(3)),
            ("août", Some(8)),
            ("Dez.", Some(12)),
            ("Сентябрь", Some(9)),
            ("мая", Some(5)),
            ("Ağustos", Some(8)),
            ("Kasım", Some(11)),
            ("sept", Some(9)),
            ("jui", None),
            ("ju", None),
            ("total", None),
        ] {
            assert_eq!(month_named(word), month, "{word}");
        }
    }
}
