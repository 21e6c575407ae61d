//! Layouts: the roles and units of the columns of a known source. They are data in `data/layouts_*.toml`; a new country
//! is a new entry there.

use std::sync::OnceLock;

use serde::Deserialize;

pub use super::chosen::Chosen;
use super::content::Sample;
use super::options::Options;
use super::recipe::{Cut, Derivation, End, Recipe};
use super::{caveats, recognise};
use crate::error::{Error, Result};
use crate::ingest::words;
use crate::store::{Assigned, FlowWords, Role, SourceCurrency, closest, currency, folded};

/// A known source. Column names are compared without case, blanks, punctuation and accents. If an entry holds several
/// names separated by `|`, the first one that exists is taken.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    pub name: String,
    pub title: String,
    #[serde(rename = "source")]
    _source: String,
    /// Columns by which `auto` recognises the source. All must exist.
    signs: Vec<String>,
    /// The same in the form for comparison.
    #[serde(skip)]
    compared: Vec<Vec<String>>,
    /// The layout is used only if the user names it.
    #[serde(default)]
    by_name_only: bool,
    /// For each role, the first entry with an existing column is used.
    roles: Vec<Entry>,
    /// Origin and destination, if they depend on the direction of the flow.
    flow: Option<FlowEntry>,
    /// A period in several columns.
    date: Option<DateEntry>,
    hs_digits: Option<usize>,
    /// Numbers of countries are UN codes (M49). Elsewhere they are a country's own and stay as they are.
    #[serde(default)]
    m49: bool,
    /// Further columns of numbers that may contain text.
    #[serde(default)]
    numbers: Vec<String>,
    /// The ISO 4217 currency of the values.
    pub currency: Option<String>,
    /// CIF, FOB, FAS or the customs value, if it is the same for all values.
    pub valuation: Option<String>,
    #[serde(default)]
    notes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    role: String,
    column: Option<String>,
    /// A constant text: `BR` as the origin of Brazil's exports.
    constant: Option<String>,
    /// The factor to the unit of the role.
    #[serde(default = "one")]
    factor: f64,
    /// The part of each cell to keep: `code before -`, `text after -`, `minguo year`.
    cut: Option<String>,
    /// The column with the unit of a weight in each row.
    unit: Option<String>,
    /// The entry is used only if this column exists.
    needs: Option<String>,
    /// The column has the role only in rows where another column holds these words.
    only: Option<Only>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Only {
    column: String,
    words: Vec<String>,
    /// A clearer column, for the note.
    also: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlowEntry {
    column: String,
    reporter: Option<String>,
    /// The one country that reports, if no column names it.
    reporter_is: Option<String>,
    partner: String,
    #[serde(default)]
    import: Vec<String>,
    #[serde(default)]
    export: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DateEntry {
    year: String,
    month: Option<String>,
    day: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    layout: Vec<Layout>,
}

fn one() -> f64 {
    1.0
}

const FILES: [&str; 4] = [
    include_str!("data/layouts_world.toml"),
    include_str!("data/layouts_europe.toml"),
    include_str!("data/layouts_americas.toml"),
    include_str!("data/layouts_asia.toml"),
];

fn all() -> &'static [Layout] {
    static PARSED: OnceLock<Vec<Layout>> = OnceLock::new();
    PARSED.get_or_init(|| {
        let files = FILES.iter().filter_map(|text| toml::from_str::<File>(text).ok());
        let mut layouts: Vec<Layout> = files.flat_map(|f| f.layout).collect();
        for layout in &mut layouts {
            layout.compared = layout.signs.iter().map(|s| s.split('|').map(folded).collect()).collect();
        }
        layouts
    })
}

/// The fields of HMRC's bulk files of EU arrivals and dispatches, which have no header.
pub const HMRC_COLUMNS: [&str; 17] = [
    "comcode",
    "record_type",
    "cod_seq",
    "cod_alpha",
    "trade_ind",
    "coo_seq",
    "coo_alpha",
    "nature_of_transaction",
    "mode_of_transport",
    "period_reference",
    "suite_indicator",
    "sitc",
    "ip_comcode",
    "no_of_consignments",
    "stat_value",
    "nett_mass",
    "supp_unit",
];

/// The names of the layouts.
pub fn layouts() -> Vec<&'static str> {
    let mut names: Vec<&str> = Vec::new();
    for layout in all() {
        if !names.contains(&layout.name.as_str()) {
            names.push(&layout.name);
        }
    }
    names
}

/// The column with one of the names separated by `|`.
pub fn find(columns: &[String], name: &str) -> Option<usize> {
    name.split('|').find_map(|name| {
        let exact = columns.iter().position(|c| c == name);
        exact.or_else(|| columns.iter().position(|c| folded(c) == folded(name)))
    })
}

pub fn choose(columns: &[String], sample: &[Vec<Option<String>>], options: &Options) -> Result<Chosen> {
    let mut chosen = match known(columns, options)? {
        Some(layout) => by_layout(layout, columns, sample),
        None => {
            let named = options.columns.iter().filter_map(|(_, name)| columns.iter().position(|c| c == name));
            recognise::by_names(columns, sample, &named.collect::<Vec<usize>>())
        }
    };
    let compared: Vec<String> = columns.iter().map(|c| folded(c)).collect();
    let fitting = all().iter().filter(|l| !l.by_name_only && l.fits(&compared));
    chosen.other_layouts = fitting.map(|l| l.name.clone()).filter(|n| *n != chosen.layout).collect();
    chosen.other_layouts.dedup();
    caveats::classification(&mut chosen, columns, sample);
    chosen.by_user(columns, options)?;
    caveats::hidden_keys(&mut chosen, columns);
    caveats::nothing_known(&mut chosen, columns);
    caveats::open_side(&mut chosen, columns, sample);
    caveats::wide(&mut chosen, columns, sample);
    chosen.conclude(columns, options);
    Ok(chosen)
}

/// The layout that the user named, or the first one whose columns exist.
fn known(columns: &[String], options: &Options) -> Result<Option<&'static Layout>> {
    let compared: Vec<String> = columns.iter().map(|c| folded(c)).collect();
    let name = match options.layout.as_str() {
        "" | "auto" => return Ok(all().iter().find(|l| !l.by_name_only && l.fits(&compared))),
        name => name,
    };
    let candidates: Vec<&Layout> = all().iter().filter(|l| l.name == name).collect();
    let Some(first) = candidates.first() else {
        return Err(Error::Argument(format!(
            "there is no layout {name:?}{}; there are auto, {}",
            closest(name, layouts().into_iter()),
            layouts().join(", ")
        )));
    };
    match candidates.iter().find(|l| l.fits(&compared)) {
        Some(layout) => Ok(Some(layout)),
        None => {
            let missing: Vec<&str> =
                first.signs.iter().map(String::as_str).filter(|s| find(columns, s).is_none()).collect();
            Err(Error::Schema(format!(
                "the columns are not those of the layout {name:?}: {} missing; the columns are {}",
                missing.join(", "),
                columns.join(", ")
            )))
        }
    }
}

impl Layout {
    /// Whether all signs are among the columns, which are in the form for comparison.
    fn fits(&self, compared: &[String]) -> bool {
        self.compared.iter().all(|sign| sign.iter().any(|name| compared.contains(name)))
    }
}

fn by_layout(layout: &Layout, columns: &[String], sample: &[Vec<Option<String>>]) -> Chosen {
    let mut chosen = Chosen::new(&layout.name);
    chosen.notes = layout.notes.clone();
    chosen.hs_digits = layout.hs_digits;
    chosen.m49 = layout.m49;
    chosen.valuation = layout.valuation.clone();
    chosen.numbers = layout.numbers.iter().filter_map(|n| find(columns, n)).collect();
    chosen.why_layout = format!("{}: its columns {} are there", layout.title, layout.signs.join(", "));
    let words = layout
        .flow
        .as_ref()
        .map_or_else(FlowWords::default, |f| FlowWords { import: f.import.clone(), export: f.export.clone() });
    for entry in &layout.roles {
        let Some(role) = Role::named(&entry.role) else { continue };
        let missing = entry.needs.as_ref().is_some_and(|n| find(columns, n).is_none());
        if !chosen.has(role) && !missing {
            assign(&mut chosen, role, entry, &words, columns, sample);
        }
    }
    if let Some(date) = &layout.date
        && !chosen.has(Role::Date)
        && let Some(year) = find(columns, &date.year)
    {
        let other = |name: &Option<String>| name.as_ref().and_then(|n| find(columns, n));
        chosen.made_of(year, other(&date.month), other(&date.day), columns);
    }
    if let Some(flow) = &layout.flow
        && let Some(side) = find(columns, &flow.column)
        && let Some(partner) = find(columns, &flow.partner)
    {
        let named = flow.reporter.as_ref().and_then(|r| find(columns, r)).map(End::Column);
        if let Some(reporter) = named.or_else(|| flow.reporter_is.clone().map(End::Text)) {
            let of = match &reporter {
                End::Column(_) => "the reporter".to_owned(),
                End::Text(country) => country.clone(),
            };
            chosen.two_sided(side, reporter, partner, words);
            chosen.notes.push(format!("origin and destination are {of} and the partner, by the direction of the flow"));
        }
    }
    let value = chosen.roles.iter().find(|(r, _)| *r == Role::Value).map(|(_, a)| a.column);
    chosen.currency = match &layout.currency {
        Some(code) => currency::code(code).map_or(SourceCurrency::Unknown, SourceCurrency::Code),
        None => value.map_or(SourceCurrency::Open, |c| words::stated(&columns[c])),
    };
    chosen
}

fn assign(
    chosen: &mut Chosen,
    role: Role,
    entry: &Entry,
    words: &FlowWords,
    columns: &[String],
    sample: &[Vec<Option<String>>],
) {
    let recipe = |how| Recipe { role: role.name().to_owned(), factor: entry.factor, how };
    if let Some(text) = &entry.constant {
        chosen.recipes.push(recipe(Derivation::Constant { text: text.clone() }));
        return;
    }
    let Some(column) = entry.column.as_ref().and_then(|c| find(columns, c)) else { return };
    let cells = Sample::of(sample, column);
    if let Some(cut) = entry.cut.as_ref().and_then(|c| Cut::parse(c)) {
        let splits = cells.distinct().iter().any(|c| cut.splits(c));
        if splits {
            chosen.recipes.push(recipe(Derivation::Cut { column, cut }));
        } else if !cut.is_rest() {
            chosen.roles.push((role, Assigned { column, factor: entry.factor }));
        }
        return;
    }
    if let Some(unit) = &entry.unit {
        if let Some(unit) = find(columns, unit) {
            chosen.recipes.push(recipe(Derivation::Kilograms { weight: column, unit }));
            chosen.numbers.push(column);
        }
        return;
    }
    if let Some(only) = &entry.only
        && let Some(by) = find(columns, &only.column)
    {
        let kinds = Sample::of(sample, by);
        let same = |cell: &str| only.words.iter().any(|w| folded(w) == folded(cell));
        if kinds.distinct().iter().all(|c| same(c)) {
            chosen.recipes.push(recipe(Derivation::Only { column, by, words: only.words.clone() }));
            chosen.numbers.push(column);
        } else {
            let also = only.also.as_ref().and_then(|a| find(columns, a)).unwrap_or(by);
            let money = caveats::money(Sample::of(sample, also)).or_else(|| only.words.first().cloned());
            let remark = caveats::mixed(&columns[column], &columns[also], Sample::of(sample, also), money.as_deref());
            chosen.refuse(role, remark);
        }
        return;
    }
    // The store has the usual words for a direction. The source's own words are changed to these.
    if role == Role::ReportedBy && !words.import.is_empty() {
        chosen.recipes.push(recipe(Derivation::Side { side: column, words: words.clone() }));
        return;
    }
    chosen.roles.push((role, Assigned { column, factor: entry.factor }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose_names(names: &[&str]) -> Chosen {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        choose(&names, &vec![Vec::new(); names.len()], &Options::default()).unwrap()
    }

    #[test]
    fn every_file_parses_and_every_layout_is_reached_by_its_signs() {
        for file in FILES {
            toml::from_str::<File>(file).unwrap();
        }
        for layout in all() {
            let names: Vec<String> =
                layout.signs.iter().map(|s| s.split('|').next().unwrap_or_default().to_owned()).collect();
            let options = Options {
                layout: if layout.by_name_only { layout.name.clone() } else { String::new() },
                ..Options::default()
            };
            let found = known(&names, &options).unwrap().unwrap();
            assert_eq!(found.title, layout.title);
            for entry in &layout.roles {
                assert!(Role::named(&entry.role).is_some(), "{}: {}", layout.name, entry.role);
                assert!(entry.column.is_some() != entry.constant.is_some(), "{}: {}", layout.name, entry.role);
                assert!(entry.cut.as_ref().is_none_or(|c| Cut::parse(c).is_some()), "{}", layout.name);
            }
            assert!(layout._source.len() > 5 && !layout.notes.is_empty(), "{}", layout.name);
        }
    }

    #[test]
    fn sources_are_recognised_by_their_columns() {
        let chosen = choose_names(&["t", "i", "j", "k", "v", "q"]);
        assert_eq!(chosen.layout, "baci");
        assert!(chosen.roles.contains(&(Role::Value, Assigned { column: 4, factor: 1000.0 })));
        assert_eq!(choose_names(&["reporter", "partner", "flow", "period", "value_eur"]).layout, "comext");
        assert_eq!(choose_names(&HMRC_COLUMNS).hs_digits, Some(8));
        assert_eq!(choose_names(&["HS_CODE", "CIF_USD"]).layout, "auto");
    }
}
