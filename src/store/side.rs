//! The side that reported a record of a mirrored flow.

use super::codes::Codes;
use super::number::is_missing;
use super::shipments::rows_of;
use super::spelling::folded;

const NEITHER: &str = "neither an export nor an import";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Exporter,
    Importer,
}

impl Side {
    /// Reads `X`, `export`, `2`, `2-EXPORT`, `экспорт` and the like.
    pub fn parse(text: &str) -> Option<Side> {
        let word = folded(text);
        let word = word
            .strip_prefix(|c: char| matches!(c, '1' | '2'))
            .filter(|w| w.starts_with(char::is_alphabetic))
            .unwrap_or(&word);
        Some(match word {
            "x" | "export" | "exports" | "exporter" | "2" | "reexport" | "reexports" | "rx" | "dx" | "e" | "exp"
            | "exportacion" | "exportaciones" | "exportacao" | "exportacoes" | "exportation" | "exportations"
            | "ausfuhr" | "экспорт" | "эк" | "ihracat" | "dispatch" | "dispatches" | "domesticexport"
            | "domesticexports" => Side::Exporter,
            "m" | "import" | "imports" | "importer" | "1" | "reimport" | "reimports" | "rm" | "i" | "imp"
            | "importacion" | "importaciones" | "importacao" | "importacoes" | "importation" | "importations"
            | "einfuhr" | "импорт" | "им" | "ithalat" | "arrival" | "arrivals" | "generalimport" | "generalimports" => {
                Side::Importer
            }
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Side::Exporter => "exporter",
            Side::Importer => "importer",
        }
    }
}

/// A column of sides, and the cells that are not sides.
pub fn read(raw: Codes, texts: &[Option<String>]) -> (Codes, Vec<(u32, &'static str)>) {
    let sides: Vec<Option<Side>> = texts.iter().map(|t| t.as_deref().and_then(Side::parse)).collect();
    let bad = |label: usize| {
        let text = texts[label].as_ref().is_some_and(|t| !is_missing(t.trim().as_bytes()));
        (text && sides[label].is_none()).then_some(NEITHER)
    };
    let faults = rows_of(&raw, bad);
    let labels: Vec<Option<String>> = sides.iter().map(|s| s.map(|s| s.name().to_owned())).collect();
    (raw.relabelled(&labels), faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_have_many_spellings() {
        for text in ["X", "Export", "2", "2-EXPORT", "re-export", "Exportações", "ЭКСПОРТ", "İhracat"] {
            assert_eq!(Side::parse(text), Some(Side::Exporter), "{text}");
        }
        for text in ["m", "Imports", "1", "1-IMPORT", "Re-Import", "importación", "Импорт"] {
            assert_eq!(Side::parse(text), Some(Side::Importer), "{text}");
        }
        for text in ["3", "transit", "", "12"] {
            assert_eq!(Side::parse(text), None, "{text}");
        }
    }
}
