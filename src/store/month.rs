//! Names of months in the languages of customs files.

use std::sync::OnceLock;

use super::spelling::folded;

const DATA: &str = include_str!("data/months.csv");
/// The shortest word that names a month: `mar`, `мая`.
const SHORTEST: usize = 3;

/// Folded names with their months.
fn names() -> &'static [(String, u32)] {
    static NAMES: OnceLock<Vec<(String, u32)>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let lines = DATA.lines().filter(|l| !l.starts_with('#')).skip(1);
        lines.flat_map(|l| l.split(',').skip(1).zip(1..)).map(|(name, month)| (folded(name), month)).collect()
    })
}

/// The month of a word: a whole name or its beginning, in English, Spanish, Portuguese, French, German, Russian or
/// Turkish. `None` if it could be two.
pub fn month_named(word: &str) -> Option<u32> {
    let word = folded(word);
    if word.chars().count() < SHORTEST {
        return None;
    }
    let mut found = None;
    for (name, month) in names() {
        if *name == word {
            return Some(*month);
        }
        if name.starts_with(&word) {
            if found.is_some_and(|f| f != *month) {
                return None;
            }
            found = Some(*month);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_have_names_in_seven_languages() {
        for (month, words) in [
            (1, "Jan JANUARY ene enero Janeiro janv. Januar январь янв Ocak"),
            (2, "Feb febrero fev Février févr. февраль ŞUB şubat subat"),
            (3, "Mar MARCH marzo março mars März марта mart"),
            (4, "Apr abril ABR avr. апрель nisan"),
            (5, "May mayo mai maio май мая Mayıs"),
            (6, "Jun junio junho juin Juni июн haziran"),
            (7, "Jul julio juil. juillet июль temmuz"),
            (8, "Aug agosto AGO août aout август ağu"),
            (9, "Sep sept setembro SET сент. eylül"),
            (10, "Oct octubre outubro OUT Okt октябрь ekim"),
            (11, "Nov noviembre ноя kasım KASIM"),
            (12, "Dec DIC dez déc. дек aralık"),
        ] {
            for word in words.split(' ') {
                assert_eq!(month_named(word), Some(month), "{word}");
            }
        }
        for word in ["jui", "ju", "decimal", "", "month", "ma"] {
            assert_eq!(month_named(word), None, "{word}");
        }
    }
}
