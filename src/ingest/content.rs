//! The content of the first cells of a column. Only the set of distinct cells is used, so the order of these rows does
//! not matter.

use std::collections::BTreeSet;

use crate::ingest::words;
use crate::store::{
    DateCell, DateOrder, Decimal, Direction, FlowWords, NumberCell, Role, RoleKind, country, is_missing, month_named,
    parse_date, parse_number,
};

/// Letters that name a country. Numbers have too many meanings.
fn is_country(text: &str) -> bool {
    text.chars().any(char::is_alphabetic) && country::key(text).is_some()
}

/// The first cells of one column.
#[derive(Clone, Copy)]
pub struct Sample<'a>(pub &'a [Option<String>]);

impl<'a> Sample<'a> {
    pub fn of(sample: &'a [Vec<Option<String>>], column: usize) -> Sample<'a> {
        Sample(sample.get(column).map_or(&[], Vec::as_slice))
    }

    /// The distinct cells that are not blank.
    pub fn distinct(&self) -> BTreeSet<&'a str> {
        self.0.iter().flatten().map(|t| t.trim()).filter(|t| !is_missing(t.as_bytes())).collect()
    }

    /// There are rows, and all of them are blank.
    pub fn is_blank(&self) -> bool {
        !self.0.is_empty() && self.0.iter().flatten().all(|t| is_missing(t.trim().as_bytes()))
    }

    /// All cells that are not blank are zero.
    pub fn is_zero(&self) -> bool {
        let cells = self.distinct();
        !cells.is_empty() && cells.iter().all(|t| number(t) == Some(0.0))
    }

    /// Whether nine in ten of the cells or more are names or codes of countries.
    pub fn holds_countries(&self) -> bool {
        // Among countries NA is Namibia.
        let cells: BTreeSet<&str> = self.0.iter().flatten().map(|t| t.trim()).collect();
        let cells: Vec<&str> = cells.into_iter().filter(|c| is_country(c) || !words::no_firm(c)).collect();
        let countries = cells.iter().filter(|c| is_country(c)).count();
        !cells.is_empty() && countries * 10 >= cells.len() * 9
    }

    /// A few of the cells, for a sentence.
    pub fn some(&self) -> String {
        let cells = self.distinct();
        let shown: Vec<&str> = cells.iter().take(4).copied().collect();
        let more = if cells.len() > shown.len() { ", ..." } else { "" };
        format!("{}{more}", shown.join(", "))
    }

    /// Whether the cells fit the role. A column without cells fits every role.
    pub fn fits(&self, role: Role) -> bool {
        let cells = self.distinct();
        if cells.is_empty() {
            return true;
        }
        let any = |test: &dyn Fn(&str) -> bool| cells.iter().any(|c| test(c));
        match (role, role.kind()) {
            (Role::Flow, _) | (_, RoleKind::Side) => {
                let known = cells.iter().filter(|c| Direction::parse(c, &FlowWords::default()).is_some()).count();
                known * 2 > cells.len()
            }
            (Role::WeightUnit, _) => any(&|c| words::kilograms(c).is_some()),
            (Role::Currency, _) => any(&|c| c.chars().any(char::is_alphabetic)),
            (_, RoleKind::Number) => any(&|c| number(c).is_some()),
            (_, RoleKind::Date) => any(&is_date),
            (_, RoleKind::Hs) => any(&|c| c.bytes().any(|b| b.is_ascii_digit())),
            (_, RoleKind::Text) => true,
        }
    }

    /// Whether most of the cells are years, months or days of a date in several columns.
    pub fn is_date_part(&self, part: &str) -> bool {
        let cells = self.distinct();
        let parts = cells.iter().filter(|c| date_part(c, part).is_some()).count();
        cells.is_empty() || parts * 2 > cells.len()
    }
}

fn number(text: &str) -> Option<f64> {
    [Decimal::Point, Decimal::Comma].iter().find_map(|&d| match parse_number(text.as_bytes(), d) {
        NumberCell::Value(value) => Some(value),
        _ => None,
    })
}

fn is_date(text: &str) -> bool {
    [DateOrder::DayFirst, DateOrder::MonthFirst].iter().any(|&o| matches!(parse_date(text, o), DateCell::Day(_)))
}

/// The number of a year, a month or a day in a separate column.
pub fn date_part(text: &str, part: &str) -> Option<u32> {
    let text = text.trim();
    // `[01] January`
    let text = text.strip_prefix('[').and_then(|t| t.split_once(']')).map_or(text, |(code, _)| code.trim());
    let digits = text.strip_suffix(".0").unwrap_or(text).trim_end_matches(['年', '月', '日', '년', '월', '일']);
    let number: Option<u32> = digits.parse().ok();
    match part {
        "year" => number.filter(|y| (1900..=2100).contains(y)),
        "month" => {
            number.filter(|m| (1..=12).contains(m)).or_else(|| if number.is_none() { month_named(text) } else { None })
        }
        _ => number.filter(|d| (1..=31).contains(d)),
    }
}

/// Whether digits are a year, or a year with two more digits.
pub fn is_period(digits: &str) -> bool {
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    let year = digits.get(..4).is_some_and(|year| date_part(year, "year").is_some());
    plain && matches!(digits.len(), 4 | 6) && year
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|t| Some((*t).to_owned())).collect()
    }

    #[test]
    fn cells_tell_what_a_column_can_be() {
        let fits = |role, texts: &[&str]| Sample(&cells(texts)).fits(role);
        assert!(fits(Role::Value, &["x", "1,5"]) && !fits(Role::Value, &["high"]));
        assert!(fits(Role::Date, &["2023-01-05"]) && !fits(Role::Date, &["soon"]));
        assert!(fits(Role::Flow, &["Import", "Export"]) && !fits(Role::Flow, &["TT", "LC", "1-IMPORT"]));
        assert!(fits(Role::WeightUnit, &["LB", "K"]) && !fits(Role::WeightUnit, &["PCS"]));
        assert!(fits(Role::Currency, &["EUR"]) && !fits(Role::Currency, &["120.5"]));
        assert!(Sample(&cells(&["0", "0.00", "-"])).is_zero());
        assert!(Sample(&cells(&["", "NA"])).is_blank());
        assert!(!Sample(&[]).is_blank());
        assert!(Sample(&cells(&["US", "NA", "DE"])).holds_countries());
        assert!(!Sample(&cells(&["Acme", "US"])).holds_countries());
        assert_eq!(date_part("December", "month"), Some(12));
        assert_eq!(date_part("13", "month"), None);
        assert_eq!(date_part("2023年", "year"), Some(2023));
        assert!(is_period("2023") && is_period("202301") && !is_period("1823") && !is_period("20230101"));
    }
}
