//! Countries: from codes and names of many kinds to ISO 3166-1 alpha-2 codes.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use super::spelling::folded;

const COUNTRIES: &str = include_str!("data/countries.csv");
const CODES: &str = include_str!("data/country_codes.csv");
const AREAS: &str = include_str!("data/areas.csv");

#[derive(Default)]
struct Table {
    /// Alpha-2 and other codes of two letters, in upper case.
    two: HashMap<&'static str, &'static str>,
    three: HashMap<&'static str, &'static str>,
    number: HashMap<u32, &'static str>,
    name: HashMap<String, &'static str>,
    /// Numbers of areas that are not countries.
    areas: HashSet<u32>,
    /// Codes whose reading is mentioned in a note, with the words of the note.
    told: HashMap<&'static str, &'static str>,
}

fn lines(data: &'static str) -> impl Iterator<Item = &'static str> {
    data.lines().filter(|l| !l.starts_with('#')).skip(1)
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Table::default();
        for line in lines(COUNTRIES) {
            let mut cells = line.splitn(4, ';');
            let (Some(two), Some(three), Some(number), Some(names)) =
                (cells.next(), cells.next(), cells.next(), cells.next())
            else {
                continue;
            };
            table.two.insert(two, two);
            table.three.insert(three, two);
            if let Ok(number) = number.parse() {
                table.number.insert(number, two);
            }
            for name in names.split('|') {
                table.name.entry(folded(name)).or_insert(two);
            }
        }
        for line in lines(CODES) {
            let mut cells = line.splitn(3, ';');
            let (Some(code), Some(two)) = (cells.next(), cells.next()) else { continue };
            match (code.parse(), code.chars().count()) {
                (Ok(number), _) => table.number.insert(number, two),
                (_, 2) => table.two.insert(code, two),
                _ => table.three.insert(code, two),
            };
            if let Some(told) = cells.next().filter(|t| !t.is_empty()) {
                table.told.insert(code, told);
            }
        }
        table.areas = lines(AREAS).filter_map(|l| l.split(';').next()?.parse().ok()).collect();
        table
    })
}

fn number(text: &str) -> Option<u32> {
    (text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// The ISO 3166-1 alpha-2 code of a country, given as an alpha-2, alpha-3 or M49 code or as a name, in any case and any
/// spelling of the table; `None` for anything else.
pub fn key(text: &str) -> Option<&'static str> {
    let text = text.trim();
    match number(text) {
        Some(number) => table().number.get(&number).copied(),
        None => worded(text),
    }
}

fn worded(text: &str) -> Option<&'static str> {
    if let Some(code) = coded(text).or_else(|| named(text)) {
        return Some(code);
    }
    // `CN - China`, `China (CN)`, `156: China`: both parts name the same country.
    let (a, b) = match text.strip_suffix(')').and_then(|t| t.split_once('(')) {
        Some(parts) => parts,
        None => text.split_once(['-', ':', '/', '\u{2013}', ';']).or_else(|| text.split_once(' '))?,
    };
    let (a, b) = (a.trim(), b.trim());
    let of = |t: &str| match number(t) {
        Some(number) => table().number.get(&number).copied(),
        None => coded(t).or_else(|| named(t)),
    };
    of(a).filter(|code| of(b) == Some(code))
}

fn coded(text: &str) -> Option<&'static str> {
    let upper;
    let code = if text.chars().any(char::is_lowercase) {
        upper = text.to_uppercase();
        upper.as_str()
    } else {
        text
    };
    match text.chars().count() {
        2 => table().two.get(code).copied(),
        3 => table().three.get(code).copied(),
        _ => None,
    }
}

fn named(text: &str) -> Option<&'static str> {
    if text.chars().count() < 3 {
        return None;
    }
    let name = folded(text);
    let found = table().name.get(&name).copied();
    // The Netherlands, Republic of X: an article does not change the country.
    found.or_else(|| table().name.get(name.strip_prefix("the")?).copied())
}

/// The meaning of numbers and of the letters NA in one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountryFormat {
    /// All numbers of the column are M49 codes.
    pub m49: bool,
    /// NA means "not available": the column holds names or codes of three letters.
    pub na_is_null: bool,
}

/// The countries of a column's labels.
pub struct Countries {
    /// The new text of each label; `None` for null.
    pub labels: Vec<Option<String>>,
    /// Labels that are not countries and stay as they are.
    pub unknown: Vec<bool>,
    /// The note for each label, if any.
    pub told: Vec<Option<&'static str>>,
    pub format: CountryFormat,
}

/// Reads the distinct texts of a column.
pub fn read(texts: &[Option<String>], format: Option<CountryFormat>, m49: bool) -> Countries {
    let shown = || CountryFormat::of(texts.iter().flatten().map(|t| t.trim()));
    let mut format = format.unwrap_or_else(shown);
    format.m49 &= m49;
    let mut made = Countries {
        labels: Vec::with_capacity(texts.len()),
        unknown: vec![false; texts.len()],
        told: vec![None; texts.len()],
        format,
    };
    for (at, text) in texts.iter().enumerate() {
        let label = text.as_deref().filter(|t| !is_nothing(t.trim(), format)).map(|text| {
            let trimmed = text.trim();
            let found = match number(trimmed) {
                Some(n) if format.m49 => table().number.get(&n).copied(),
                Some(_) => None,
                None => worded(trimmed),
            };
            made.unknown[at] = found.is_none();
            if found.is_some() {
                let code = number(trimmed).map_or_else(|| trimmed.to_uppercase(), |n| n.to_string());
                made.told[at] = table().told.get(code.as_str()).copied();
            }
            found.map_or_else(|| text.to_owned(), str::to_owned)
        });
        made.labels.push(label);
    }
    made
}

fn is_nothing(text: &str, format: CountryFormat) -> bool {
    let na = text.eq_ignore_ascii_case("na"); // Namibia
    super::nothing::is_nothing(text) && (!na || format.na_is_null)
}

impl CountryFormat {
    fn of<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> CountryFormat {
        let numbers = || texts.clone().filter(|t| t.bytes().all(|b| b.is_ascii_digit()) && !t.is_empty());
        let table = table();
        let country = |t: &str| number(t).is_some_and(|n| table.number.contains_key(&n));
        let area = |t: &str| number(t).is_some_and(|n| table.areas.contains(&n));
        let two = texts.clone().any(|t| t.len() == 2 && !t.eq_ignore_ascii_case("na") && coded(t).is_some());
        let longer = texts.clone().any(|t| t.chars().count() > 2 && worded(t).is_some());
        CountryFormat {
            m49: numbers().any(country) && numbers().all(|t| country(t) || area(t)),
            na_is_null: longer && !two,
        }
    }
}

/// The notes on a role's column: numbers that are M49 codes, codes with a special meaning, and texts that are not
/// countries. `rows` is the number of rows of each label.
pub fn notes(role: &str, column: &str, texts: &[Option<String>], made: &Countries, rows: &[usize]) -> Vec<String> {
    let mut notes = Vec::new();
    let told = |(t, l): &(&String, &Option<String>)| number(t.trim()).is_some() && l.as_ref().is_some_and(|l| l != *t);
    if made.format.m49
        && let Some((text, Some(label))) = texts.iter().flatten().zip(&made.labels).find(told)
    {
        notes.push(format!("the numbers in {column:?} are read as M49 codes of countries: {role} {text} is {label}"));
    }
    let mut told: Vec<&str> = made.told.iter().zip(rows).filter(|(_, n)| **n > 0).filter_map(|(t, _)| *t).collect();
    told.dedup();
    notes.extend(told.into_iter().map(|t| format!("{role}: {t}")));
    let mut unknown: Vec<(usize, &str)> = texts
        .iter()
        .zip(&made.unknown)
        .zip(rows)
        .filter(|((_, u), n)| **u && **n > 0)
        .filter_map(|((t, _), n)| Some((*n, t.as_deref()?)))
        .collect();
    unknown.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    if !unknown.is_empty() {
        let count: usize = unknown.iter().map(|u| u.0).sum();
        let few: Vec<String> = unknown.iter().take(5).map(|(n, t)| format!("{t:?} ({n})")).collect();
        let more =
            if unknown.len() > few.len() { format!(" and {} more", unknown.len() - few.len()) } else { String::new() };
        notes.push(format!(
            "{role}: {count} rows name no country in {column:?} and stay as they are given: {}{more}",
            few.join(", ")
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_of_many_kinds_give_one_key() {
        for (code, texts) in [
            (
                "RU",
                "RU|ru|RUS|643|Russia|Russian Federation|RUSSIAN FEDERATION|Rusia|Federación de Rusia|Rússia|Russie|Russland|Россия|Российская Федерация|Rusya|Russian Fed.",
            ),
            (
                "US",
                "US|USA|U.S.A.|840|842|United States|UNITED STATES OF AMERICA|Estados Unidos|EE.UU.|EUA|États-Unis|Vereinigte Staaten|США|ABD",
            ),
            ("KR", "KR|KOR|410|KOREA, REPUBLIC OF|Rep. of Korea|South Korea|Corea del Sur|Coreia do Sul|Südkorea"),
            ("KP", "PRK|Dem. People's Rep. of Korea|North Korea"),
            ("VN", "VIET NAM|Vietnam|704"),
            ("AE", "U.A.E.|UAE|United Arab Emirates|Emiratos Árabes Unidos"),
            ("TR", "TURKIYE|Türkiye|Turkey|TUR|Türkei|792"),
            ("GB", "GB|UK|GBR|United Kingdom|XI|Великобритания|İngiltere"),
            ("GR", "GR|EL|Greece|Grecia"),
            ("XK", "XK|Kosovo|XKX"),
            ("RS", "XS|Serbia|SRB|688"),
            ("NA", "NA|Namibia|NAM|516"),
            ("CD", "Dem. Rep. of the Congo|DR Congo|COD|180"),
            ("CG", "Congo|COG|178|Republic of the Congo"),
            ("CI", "Côte d'Ivoire|COTE D'IVOIRE|Ivory Coast"),
            ("FR", "251|250|France|France, incl. Monaco|FRA"),
            ("TW", "490|S19|158|Taiwan|TAIWAN, PROVINCE OF CHINA"),
            ("CN", "CN - China|China (CN)|156|China|CHN|P.R. China|Çin|КНР|CN China"),
            ("ZA", "710|South Africa|SOUTH AFRICA|ZAF"),
            ("NL", "The Netherlands|Netherlands|Нидерланды|Países Bajos"),
            ("AF", "4|004|Afghanistan"),
        ] {
            for text in texts.split('|') {
                assert_eq!(key(text), Some(code), "{text}");
            }
        }
        for text in ["Areas, nes", "World", "Shanghai", "", "X", "ZZ", "0", "5700", "CN - Japan", "EU", "Korea Strait"]
        {
            assert_eq!(key(text), None, "{text}");
        }
    }

    fn labels(texts: &[&str]) -> Vec<Option<String>> {
        read(&texts.iter().map(|t| Some((*t).to_owned())).collect::<Vec<_>>(), None, true).labels
    }

    #[test]
    fn the_column_decides_what_its_numbers_and_na_mean() {
        let some = |t: &str| Some(t.to_owned());
        assert_eq!(labels(&["4", "710", "0"]), [some("AF"), some("ZA"), some("0")]);
        // Japan's customs have their own numbers.
        assert_eq!(labels(&["103", "105", "156"]), [some("103"), some("105"), some("156")]);
        assert_eq!(labels(&["NA", "BW"]), [some("NA"), some("BW")]);
        assert_eq!(labels(&["NA"]), [some("NA")]);
        assert_eq!(labels(&["NA", "China", "Botswana"]), [None, some("CN"), some("BW")]);
        assert_eq!(labels(&["NULL", "n/a", "", "Areas, nes"]), [None, None, None, some("Areas, nes")]);
    }
}
