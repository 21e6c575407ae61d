//! How columns that the source does not have are made from its own columns. A copy of the shipments uses the same
//! recipes.

use serde::{Deserialize, Serialize};

use crate::store::FlowWords;

/// How the column of a role is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    pub role: String,
    /// The factor to the unit of the role.
    pub factor: f64,
    pub how: Derivation,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Derivation {
    /// The same text in every row.
    Constant { text: String },
    /// A part of each cell.
    Cut { column: usize, cut: Cut },
    /// One country for imports, the other for exports.
    Flow { side: usize, on_import: End, on_export: End, words: FlowWords },
    /// `importer` or `exporter`, by the direction.
    Side { side: usize, words: FlowWords },
    /// A weight times the unit of its row.
    Kilograms { weight: usize, unit: usize },
    /// The column, in rows where another column holds one of the words.
    Only { column: usize, by: usize, words: Vec<String> },
    /// A day from its parts.
    Date { year: usize, month: Option<usize>, day: Option<usize> },
}

/// The country of one end of a flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum End {
    Column(usize),
    Text(String),
}

/// The part of a cell to keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Cut {
    Before(String),
    After(String),
    /// Years of the Republic of China, where year 1 is 1912.
    Minguo,
    /// The last digits, after a number that the source puts before its codes.
    Last(usize),
}

impl Cut {
    /// Reads `code before -`, `text after blank`, `minguo year`, `last 6 digits`.
    pub fn parse(text: &str) -> Option<Cut> {
        let mark = |mark: &str| if mark == "blank" { " ".to_owned() } else { mark.to_owned() };
        match text.split(' ').collect::<Vec<_>>()[..] {
            ["code", "before", sign] => Some(Cut::Before(mark(sign))),
            ["text", "after", sign] => Some(Cut::After(mark(sign))),
            ["minguo", "year"] => Some(Cut::Minguo),
            ["last", n, "digits"] => n.parse().ok().map(Cut::Last),
            _ => None,
        }
    }

    pub fn splits(&self, cell: &str) -> bool {
        match self {
            Cut::Before(mark) | Cut::After(mark) => split(cell.trim(), mark).is_some(),
            Cut::Minguo => minguo(cell).is_some(),
            Cut::Last(n) => cell.trim().len() > *n,
        }
    }

    /// Whether a cell without the mark has no such part.
    pub fn is_rest(&self) -> bool {
        matches!(self, Cut::After(_))
    }

    pub fn apply(&self, cell: &str) -> Option<String> {
        let cell = cell.trim();
        match self {
            Cut::Before(mark) => Some(split(cell, mark).map_or(cell, |(code, _)| code.trim_end()).to_owned()),
            Cut::After(mark) => split(cell, mark).map(|(_, text)| text.trim().to_owned()),
            Cut::Minguo => Some(minguo(cell).unwrap_or_else(|| cell.to_owned())),
            Cut::Last(n) => Some(cell.get(cell.len().saturating_sub(*n)..).unwrap_or(cell).to_owned()),
        }
    }
}

/// A code and the text after the mark. `2019-01` and `0101 21` are one code, because a digit follows the mark.
fn split<'a>(cell: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let mut ends = cell.match_indices(mark).map(|(at, _)| (&cell[..at], &cell[at + mark.len()..]));
    ends.find(|(_, text)| text.trim_start().starts_with(|c: char| !c.is_ascii_digit()))
}

/// `113年05月` as `2024-05`.
fn minguo(cell: &str) -> Option<String> {
    let numbers: Vec<u32> =
        cell.split(|c: char| !c.is_ascii_digit()).filter(|t| !t.is_empty()).filter_map(|t| t.parse().ok()).collect();
    match numbers[..] {
        [year] if year < 1000 && cell.contains('年') => Some(format!("{}", year + 1911)),
        [year, month] if year < 1000 => Some(format!("{}-{month:02}", year + 1911)),
        [year, month, day] if year < 1000 => Some(format!("{}-{month:02}-{day:02}", year + 1911)),
        _ => None,
    }
}

impl Derivation {
    /// The columns of the source that it needs.
    pub fn columns(&self) -> Vec<usize> {
        let end = |end: &End| if let End::Column(c) = end { Some(*c) } else { None };
        match self {
            Derivation::Constant { .. } => Vec::new(),
            Derivation::Cut { column, .. } => vec![*column],
            Derivation::Flow { side, on_import, on_export, .. } => {
                [Some(*side), end(on_import), end(on_export)].into_iter().flatten().collect()
            }
            Derivation::Side { side, .. } => vec![*side],
            Derivation::Kilograms { weight, unit } => vec![*weight, *unit],
            Derivation::Only { column, by, .. } => vec![*column, *by],
            Derivation::Date { year, month, day } => [Some(*year), *month, *day].into_iter().flatten().collect(),
        }
    }

    /// A short description for a person.
    pub fn describe(&self, columns: &[String]) -> String {
        let names: Vec<&str> = self.columns().iter().filter_map(|c| columns.get(*c)).map(String::as_str).collect();
        match self {
            Derivation::Constant { text } => format!("{text} in every row"),
            _ => names.join(" and "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_cut_as_the_layout_says() {
        let cut = |how: &str, cell: &str| Cut::parse(how).unwrap().apply(cell);
        assert_eq!(cut("code before -", "01012100-Pure-bred horses").as_deref(), Some("01012100"));
        assert_eq!(cut("text after -", "01012100-Pure-bred horses").as_deref(), Some("Pure-bred horses"));
        assert_eq!(cut("code before blank", "0101 Live horses").as_deref(), Some("0101"));
        assert_eq!(cut("text after -", "01012100"), None);
        assert_eq!(cut("code before -", "2019-01").as_deref(), Some("2019-01"));
        assert_eq!(cut("code before -", "202352-Jan.-Dec. 2023").as_deref(), Some("202352"));
        assert_eq!(cut("minguo year", "113年05月").as_deref(), Some("2024-05"));
        assert_eq!(cut("minguo year", "2024-05").as_deref(), Some("2024-05"));
        assert_eq!(Cut::parse("half of it"), None);
    }

    #[test]
    fn recipes_survive_being_written_down() {
        for how in [
            Derivation::Constant { text: "BR".into() },
            Derivation::Cut { column: 2, cut: Cut::Before("-".into()) },
            Derivation::Cut { column: 2, cut: Cut::Minguo },
            Derivation::Flow {
                side: 0,
                on_import: End::Column(1),
                on_export: End::Text("JP".into()),
                words: FlowWords::default(),
            },
            Derivation::Kilograms { weight: 1, unit: 2 },
            Derivation::Date { year: 0, month: Some(1), day: None },
        ] {
            let recipe = Recipe { role: "date".into(), factor: 1.0, how };
            let text = toml::to_string(&recipe).unwrap();
            assert_eq!(toml::from_str::<Recipe>(&text).unwrap(), recipe, "{text}");
        }
    }
}
