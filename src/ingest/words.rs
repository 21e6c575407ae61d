//! Words in names and cells: weights, currencies, parts of a date. They are data in `data/words.toml`.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::Deserialize;

use crate::store::{Currency, SourceCurrency, currency, folded};

pub use crate::store::tokens;

const FILE: &str = include_str!("data/words.toml");

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct File {
    weight: Vec<Weight>,
    local_currency: List,
    mixed_currency: List,
    date_part: Vec<DatePart>,
    classification: Classification,
    measure: Measure,
    derived: Derived,
    no_firm: List,
    total: List,
    line: List,
    region: List,
    part_of_flow: Parts,
    breakdown: Vec<Breakdown>,
    sides: Sides,
    country: List,
}

#[derive(Deserialize)]
struct Weight {
    kilograms: f64,
    words: Vec<String>,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Deserialize)]
struct DatePart {
    part: String,
    words: Vec<String>,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Deserialize, Default)]
pub struct Classification {
    pub columns: Vec<String>,
    pub not_hs: Vec<String>,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Deserialize, Default)]
pub struct Measure {
    pub columns: Vec<String>,
    /// Those that name the meaning of the figure.
    pub indicators: Vec<String>,
    pub values: Vec<String>,
    pub money: Vec<String>,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Deserialize, Default)]
struct Derived {
    keys: Vec<String>,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Deserialize, Default)]
struct List {
    words: Vec<String>,
    #[serde(rename = "source")]
    _source: String,
}

/// Directions that other directions include, in sources that count in this way.
#[derive(Deserialize, Default)]
struct Parts {
    words: Vec<String>,
    layouts: Vec<String>,
    #[serde(rename = "source")]
    _source: String,
}

/// A column that divides the trade of a row further, and the cells that stand for all of it.
#[derive(Deserialize)]
struct Breakdown {
    columns: Vec<String>,
    totals: Vec<String>,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Deserialize, Default)]
pub struct Sides {
    pub reporter: Vec<String>,
    pub partner: Vec<String>,
    #[serde(rename = "source")]
    _source: String,
}

fn file() -> &'static File {
    static PARSED: OnceLock<File> = OnceLock::new();
    PARSED.get_or_init(|| toml::from_str(FILE).unwrap_or_default())
}

/// The unit in kilograms.
pub fn kilograms(unit: &str) -> Option<f64> {
    static UNITS: OnceLock<HashMap<String, f64>> = OnceLock::new();
    let units = UNITS
        .get_or_init(|| file().weight.iter().flat_map(|u| u.words.iter().map(|w| (folded(w), u.kilograms))).collect());
    units.get(&folded(unit)).copied()
}

/// The currency in the name of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InName {
    Currency(Currency),
    /// One currency, but the name does not show which: `RS`, which several countries use.
    Shared,
    /// The currency of the country.
    Local,
    /// The currency of each record.
    Mixed,
}

/// The currency in the name of a column.
pub fn currency_of(name: &str) -> Option<InName> {
    let whole = folded(name);
    let signed = ["u$s", "us$", "U$S", "US$", "$US"].iter().any(|sign| name.contains(sign));
    let tokens = if signed { vec![folded("usd")] } else { tokens(name) };
    if let Some(stated) = currency::of_name(&tokens, &whole) {
        return Some(stated.map_or(InName::Shared, InName::Currency));
    }
    let says = |list: &List| list.words.iter().any(|w| tokens.contains(&folded(w)));
    if says(&file().local_currency) {
        return Some(InName::Local);
    }
    says(&file().mixed_currency).then_some(InName::Mixed)
}

/// The same for the column of the value.
pub fn stated(name: &str) -> SourceCurrency {
    match currency_of(name) {
        None | Some(InName::Mixed) => SourceCurrency::Open,
        Some(told) => told.code().map_or(SourceCurrency::Unknown, SourceCurrency::Code),
    }
}

impl InName {
    /// The code, if it is certain.
    pub fn code(self) -> Option<&'static str> {
        match self {
            InName::Currency(currency) if currency.sure => Some(currency.code),
            _ => None,
        }
    }

    /// The currency in words, for a note.
    pub fn label(self) -> &'static str {
        match self {
            InName::Currency(Currency { code: "USD", .. }) => "US dollars",
            InName::Currency(Currency { code: "EUR", .. }) => "euros",
            InName::Currency(currency) => currency.code,
            InName::Shared => "another currency",
            InName::Local => "the local currency",
            InName::Mixed => "the currency of each record",
        }
    }
}

/// Whether a column of this name holds the `year`, the `month` or the `day` of a date.
pub fn is_date_part(name: &str, part: &str) -> bool {
    let name = folded(name);
    file().date_part.iter().any(|d| d.part == part && d.words.iter().any(|w| folded(w) == name))
}

pub fn classification() -> &'static Classification {
    &file().classification
}

pub fn measure() -> &'static Measure {
    &file().measure
}

pub fn sides() -> &'static Sides {
    &file().sides
}

/// Keys of `by` that a column of the same name hides.
pub fn derived_keys() -> &'static [String] {
    &file().derived.keys
}

/// Whether a cell of a party says that there is no firm.
pub fn no_firm(cell: &str) -> bool {
    let cell = folded(cell);
    cell.is_empty() || file().no_firm.words.contains(&cell)
}

/// Whether a cell stands for all countries or all goods.
pub fn is_total(cell: &str) -> bool {
    let cell = folded(cell);
    file().total.words.contains(&cell)
}

/// Whether a cell says that its row is a total: `Total general`, `Итого:`, `China Total`, `Sub-total (2)`.
pub fn says_total(cell: &str) -> bool {
    let is = |token: &String| file().total.words.contains(token) || file().line.words.contains(token);
    let tokens: Vec<String> = tokens(cell).into_iter().filter(|t| !t.bytes().all(|b| b.is_ascii_digit())).collect();
    // The words of `Sub-total (2)` are joined; those of `China Total` are not.
    let joined = file().line.words.contains(&tokens.concat());
    joined || is_total(cell) || tokens.first().is_some_and(is) || tokens.last().is_some_and(is)
}

/// Whether a cell stands for several countries.
pub fn is_region(cell: &str) -> bool {
    let cell = folded(cell);
    file().region.words.contains(&cell)
}

/// Whether a column of this name holds a country of the record without naming its side.
pub fn is_some_country(name: &str) -> bool {
    let name = folded(name);
    file().country.words.contains(&name)
}

/// Whether a direction is a part of the exports or imports, like re-exports in statistics.
pub fn is_part_of_flow(cell: &str) -> bool {
    let cell = folded(cell);
    file().part_of_flow.words.contains(&cell)
}

/// Whether a source includes re-exports in its exports.
pub fn holds_parts_of_flows(layout: &str) -> bool {
    file().part_of_flow.layouts.iter().any(|l| l == layout)
}

/// The cells of a column of this name that stand for all kinds.
pub fn breakdown(name: &str) -> Option<&'static [String]> {
    let name = folded(name);
    file().breakdown.iter().find(|b| b.columns.contains(&name)).map(|b| &b.totals[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_parses_and_every_unit_is_positive() {
        let file: File = toml::from_str(FILE).unwrap();
        assert!(file.weight.iter().all(|w| w.kilograms > 0.0));
        assert!(file.date_part.len() == 3);
    }

    #[test]
    fn units_and_currencies_are_known_by_their_words() {
        assert_eq!(kilograms("LBS"), Some(0.45359237));
        assert_eq!(kilograms("k"), Some(1.0));
        assert_eq!(kilograms("Metric tons"), Some(1000.0));
        assert_eq!(kilograms("NO"), None);
        let code = |name| currency_of(name).and_then(InName::code);
        assert_eq!(code("CIF_VALUE_IN_USD"), Some("USD"));
        assert_eq!(code("FOB(u$s)"), Some("USD"));
        assert_eq!(code("USDFOB"), Some("USD"));
        assert_eq!(code("CargoValueEUR"), Some("EUR"));
        assert_eq!(code("CIF_IN_UGX"), Some("UGX"));
        assert_eq!(code("VALUE_RS"), None);
        assert_eq!(currency_of("CIF_VALUE_FCY"), Some(InName::Mixed));
        assert_eq!(currency_of("CUSTOMS VALUE LC"), Some(InName::Local));
        assert_eq!(currency_of("TOTALVALUE"), None);
        assert_eq!(currency_of("COUNTRY"), None);
        assert!(no_firm("TO ORDER") && no_firm("N/A") && !no_firm("Acme"));
    }
}
