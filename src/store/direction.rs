//! The direction of a record, import or export, from the words of its source. The direction also shows which side
//! reported the record: the importer reports imports, the exporter reports exports.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::codes::{Codes, rows_of};
use super::number::is_missing;
use super::spelling::{folded, tokens};

/// The reason of a fault: a cell that names no direction.
pub const NEITHER: &str = "neither an export nor an import";

const FILE: &str = include_str!("data/directions.toml");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Import,
    Export,
}

/// The words of a source for the two directions; empty if it uses the usual words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlowWords {
    pub import: Vec<String>,
    pub export: Vec<String>,
}

impl FlowWords {
    /// The direction of a word that the source defines.
    fn of(&self, word: &str) -> Option<Direction> {
        let has = |list: &[String]| list.iter().any(|w| folded(w) == word);
        match (has(&self.import), has(&self.export)) {
            (true, false) => Some(Direction::Import),
            (false, true) => Some(Direction::Export),
            _ => None,
        }
    }
}

impl Direction {
    /// The direction of a cell, such as `X`, `E`, `export`, `2`, `2-EXPORT`, `Gross Exports` or `экспорт`. The words of
    /// the source are tried before the usual words, and its numbers replace the usual numbers. The whole cell is tried
    /// before its single words. Numbers are used only if no word has a direction. If the words disagree, there is no
    /// direction.
    pub fn parse(text: &str, own: &FlowWords) -> Option<Direction> {
        let whole = folded(text);
        let tokens = tokens(text);
        if let Some(found) = own.of(&whole).or_else(|| tokens.first().and_then(|t| own.of(t))) {
            return Some(found);
        }
        let numeric = |word: &str| word.bytes().all(|b| b.is_ascii_digit());
        let usual = |word: &str| {
            if numeric(word) && !own.import.is_empty() {
                return None;
            }
            words().get(word).copied().or_else(|| begins(word))
        };
        if let Some(found) = usual(&whole) {
            return Some(found);
        }
        let agreed = |wanted: &dyn Fn(&&String) -> bool| {
            let mut found = tokens.iter().filter(wanted).filter_map(|t| usual(t));
            let first = found.next()?;
            found.all(|other| other == first).then_some(first)
        };
        let any_word = tokens.iter().any(|t| !numeric(t) && usual(t).is_some());
        if any_word { agreed(&|t| !numeric(t)) } else { agreed(&|t| numeric(t)) }
    }

    /// The side that reports such a record, as a value of the role `reported_by`.
    pub fn reporter(self) -> &'static str {
        match self {
            Direction::Import => "importer",
            Direction::Export => "exporter",
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct File {
    direction: Vec<Words>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    import: Vec<String>,
    export: Vec<String>,
    #[serde(rename = "source")]
    _source: String,
}

/// The usual words, case-folded.
fn words() -> &'static HashMap<String, Direction> {
    static WORDS: OnceLock<HashMap<String, Direction>> = OnceLock::new();
    WORDS.get_or_init(|| {
        let file: File = toml::from_str(FILE).unwrap_or_default();
        let mut all = HashMap::new();
        for words in file.direction {
            all.extend(words.import.iter().map(|w| (folded(w), Direction::Import)));
            all.extend(words.export.iter().map(|w| (folded(w), Direction::Export)));
        }
        all
    })
}

/// Chinese, Japanese and Korean write words without spaces, so the beginning of the text is compared.
fn begins(word: &str) -> Option<Direction> {
    let mut found = words().iter().filter(|(w, _)| !w.is_ascii() && w.chars().count() > 1 && word.starts_with(*w));
    let first = *found.next()?.1;
    found.all(|(_, direction)| *direction == first).then_some(first)
}

/// A column of directions converted to a column of reporters, and the cells without a direction.
pub fn reporters(raw: Codes, texts: &[Option<String>]) -> (Codes, Vec<(u32, &'static str)>) {
    let usual = FlowWords::default();
    let labels: Vec<Option<String>> =
        texts.iter().map(|t| Some(Direction::parse(t.as_deref()?, &usual)?.reporter().to_owned())).collect();
    let bad = |label: usize| {
        let text = texts[label].as_ref().is_some_and(|t| !is_missing(t.trim().as_bytes()));
        (text && labels[label].is_none()).then_some(NEITHER)
    };
    let faults = rows_of(&raw, bad);
    (raw.relabelled(&labels), faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_parses_and_no_word_is_both() {
        let file: File = toml::from_str(FILE).unwrap();
        assert!(file.direction.len() > 3);
        let count: usize = file.direction.iter().map(|w| w.import.len() + w.export.len()).sum();
        assert_eq!(words().len(), count);
    }

    #[test]
    fn directions_are_read_in_many_spellings() {
        let usual = FlowWords::default();
        let (import, export) = (Some(Direction::Import), Some(Direction::Export));
        for (text, wanted) in [
            ("M", import),
            ("I", import),
            ("IMP", import),
            ("RM", import),
            ("X", export),
            ("E", export),
            ("EXP", export),
            ("DX", export),
            ("Re-Export", export),
            ("Domestic Exports", export),
            ("1-IMPORT", import),
            ("1", import),
            ("2", export),
            ("2-EXPORT", export),
            ("EX / 1", export),
            ("Gross Imports", import),
            ("Export Quantity", export),
            ("importación", import),
            ("Exportações", export),
            ("Импорт", import),
            ("ИМ", import),
            ("İhracat", export),
            ("進口總值(含復進口)", import),
            ("수출", export),
            ("Import/Export", None),
            ("transit", None),
            ("3", None),
            ("12", None),
            ("", None),
        ] {
            assert_eq!(Direction::parse(text, &usual), wanted, "{text}");
        }
        let japan = FlowWords { import: vec!["2".into()], export: vec!["1".into()] };
        assert_eq!(Direction::parse("1", &japan), export);
        assert_eq!(Direction::parse("3", &japan), None);
        assert_eq!(Direction::parse("Import", &japan), import);
    }
}
