//! Cases in which a role is wrong although its name fits: another classification, a column with different meanings in
//! different rows, a column with the name of a derived key.

use super::chosen::Chosen;
use super::content::{Sample, is_period};
use super::words;
use crate::store::{Role, folded};

/// Codes of a classification other than the Harmonized System are not HS codes.
pub fn classification(chosen: &mut Chosen, columns: &[String], sample: &[Vec<Option<String>>]) {
    if !chosen.has(Role::Hs) {
        return;
    }
    let known = words::classification();
    for (column, name) in columns.iter().enumerate() {
        if !known.columns.contains(&folded(name)) {
            continue;
        }
        let cells = Sample::of(sample, column).distinct();
        let other = |cell: &str| {
            let cell = folded(cell);
            known.not_hs.contains(&cell) || cell.starts_with("sitc") || cell.starts_with("bec")
        };
        let others: Vec<&str> = cells.iter().copied().filter(|c| other(c)).collect();
        let Some(first) = others.first() else { continue };
        let remark = if others.len() == cells.len() {
            format!(
                "{name:?} says {}: the codes are not those of the Harmonized System, and have no role",
                others.join(", ")
            )
        } else {
            let hs = cells.iter().find(|c| !other(c)).copied().unwrap_or_default();
            format!(
                "{name:?} names several classifications ({}), and {first} is not the Harmonized System: the codes have no \
                 role; keep the rows of {hs:?} and read them again, or name the column with columns={{\"hs\": ...}}",
                Sample::of(sample, column).some()
            )
        };
        chosen.refuse(Role::Hs, remark);
        return;
    }
}

/// Whether a column named like a value holds different things, depending on another column.
pub fn different_things(value: usize, columns: &[String], sample: &[Vec<Option<String>>]) -> Option<String> {
    let known = words::measure();
    if !known.values.contains(&folded(&columns[value])) {
        return None;
    }
    let mut by: Vec<usize> = (0..columns.len())
        .filter(|&c| {
            let cells = Sample::of(sample, c);
            let kinds = cells.distinct();
            let name = folded(&columns[c]);
            let money = kinds.iter().filter(|k| is_money(k)).count();
            // An indicator gives the meaning of the figure. A unit of money may differ while the figure is still a
            // value.
            let several = known.indicators.contains(&name) && kinds.len() > 1;
            known.columns.contains(&name) && money > 0 && (several || money < kinds.len())
        })
        .collect();
    // In the order of the list of words, the clearest column first.
    by.sort_by_key(|&c| known.columns.iter().position(|k| *k == folded(&columns[c])));
    let by = *by.first()?;
    let cells = Sample::of(sample, by);
    Some(mixed(&columns[value], &columns[by], cells, money(cells).as_deref()))
}

fn is_money(kind: &str) -> bool {
    let known = &words::measure().money;
    kind.contains('$') || words::tokens(kind).iter().any(|t| known.contains(t))
}

/// The first of the kinds that is an amount of money.
pub fn money(kinds: Sample) -> Option<String> {
    kinds.distinct().into_iter().find(|k| is_money(k)).map(str::to_owned)
}

/// Why a column does not have the role value, and how to give it the role.
pub fn mixed(value: &str, by: &str, kinds: Sample, money: Option<&str>) -> String {
    let identifier = by.chars().all(|c| c.is_alphanumeric() || c == '_') && !by.starts_with(|c: char| c.is_numeric());
    let chosen = money.unwrap_or("...");
    let condition =
        if identifier { format!(".where({by}={chosen:?})") } else { format!(".where(**{{{by:?}: {chosen:?}}})") };
    format!(
        "{value:?} holds different things by {by:?} ({}), so it has no role; read it with \
         columns={{\"value\": {value:?}}} and keep one kind with {condition}",
        kinds.some()
    )
}

/// A note on a table in which no column was recognised.
pub fn nothing_known(chosen: &mut Chosen, columns: &[String]) {
    if chosen.roles.is_empty() && chosen.all_recipes().is_empty() {
        let names: Vec<String> = columns.iter().take(8).map(|c| format!("{c:?}")).collect();
        let more = if columns.len() > names.len() { ", ..." } else { "" };
        chosen.notes.push(format!(
            "no column has a role: name the roles with columns={{\"value\": ..., \"hs\": ...}}; there are {}{more}",
            names.join(", ")
        ));
    }
}

/// A note on a country column whose side is unknown, if no side is known.
pub fn open_side(chosen: &mut Chosen, columns: &[String], sample: &[Vec<Option<String>>]) {
    if chosen.has(Role::Origin) || chosen.has(Role::Destination) {
        return;
    }
    let open =
        (0..columns.len()).find(|c| words::is_some_country(&columns[*c]) && Sample::of(sample, *c).holds_countries());
    if let Some(name) = open.map(|c| &columns[c]) {
        chosen.notes.push(format!(
            "{name:?} holds countries of an unknown side: pass columns={{\"origin\": {name:?}}} or \
             columns={{\"destination\": {name:?}}}"
        ));
    }
}

/// A note on columns named like periods. They hold several periods in one row, which no role can express.
pub fn wide(chosen: &mut Chosen, columns: &[String], sample: &[Vec<Option<String>>]) {
    let period = |name: &str| {
        let text = name.replace(['M', 'm', 'Q', 'q'], " ");
        words::tokens(&text).iter().any(|token| is_period(token))
    };
    let figures = |c: usize| Sample::of(sample, c).fits(Role::Value);
    let named: Vec<&str> =
        (0..columns.len()).filter(|c| period(&columns[*c]) && figures(*c)).map(|c| columns[c].as_str()).collect();
    if named.len() < 2 || chosen.has(Role::Value) {
        return;
    }
    let shown: Vec<String> = named.iter().take(3).map(|n| format!("{n:?}")).collect();
    chosen.notes.push(format!(
        "{} columns are called like periods ({}{}): a row holds several periods; turn them into rows first \
         (melt in pandas, unpivot in polars and DuckDB) and read the result, or name one with columns={{\"value\": {:?}}}",
        named.len(),
        shown.join(", "),
        if named.len() > 3 { ", ..." } else { "" },
        named[0]
    ));
}

/// A note on a column with the name of a derived key, which it hides.
pub fn hidden_keys(chosen: &mut Chosen, columns: &[String]) {
    for (column, name) in columns.iter().enumerate() {
        if !words::derived_keys().contains(name) {
            continue;
        }
        let of = if name.starts_with("hs") { Role::Hs } else { Role::Date };
        let same = chosen.roles.iter().any(|(r, a)| *r == of && a.column == column);
        if chosen.has(of) && !same {
            chosen.notes.push(format!(
                "by={name:?} groups by the column of that name, not by the {name} of the role {:?}; rename the column \
                 to group by the role",
                of.name()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::choose;
    use super::super::options::Options;
    use super::*;

    fn notes(table: &[(&str, &[&str])]) -> (Vec<Role>, Vec<String>) {
        let columns: Vec<String> = table.iter().map(|(n, _)| (*n).to_owned()).collect();
        let sample: Vec<Vec<Option<String>>> =
            table.iter().map(|(_, cells)| cells.iter().map(|c| Some((*c).to_owned())).collect()).collect();
        let chosen = choose(&columns, &sample, &Options::default()).unwrap();
        (chosen.roles.iter().map(|(r, _)| *r).collect(), chosen.notes)
    }

    #[test]
    fn other_classifications_and_mixed_columns_are_refused() {
        let (roles, told) = notes(&[("Classification", &["S4"]), ("Commodity Code", &["67411"])]);
        assert!(!roles.contains(&Role::Hs) && told.iter().any(|n| n.contains("says S4")), "{told:?}");
        let (roles, _) = notes(&[("Classification", &["H5"]), ("Commodity Code", &["674110"])]);
        assert!(roles.contains(&Role::Hs));
        let (roles, told) = notes(&[("Element", &["Export Quantity", "Export Value"]), ("Value", &["1", "2"])]);
        assert!(!roles.contains(&Role::Value));
        assert!(told.iter().any(|n| n.contains(".where(Element=\"Export Value\")")), "{told:?}");
        let (roles, _) = notes(&[("Unit", &["KG", "PCS"]), ("Value", &["1", "2"])]);
        assert!(roles.contains(&Role::Value));
    }

    #[test]
    fn a_column_that_hides_a_key_is_told() {
        let (_, told) = notes(&[("date", &["2023-01-05"]), ("month", &["1"])]);
        assert!(told.iter().any(|n| n.contains("by=\"month\"")), "{told:?}");
    }
}
