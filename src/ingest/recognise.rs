//! Roles of a source that no layout knows: by the names of its columns and their first cells. Which
//! of several columns is taken never depends on their order.

mod candidates;

use self::candidates::{Candidate, candidates};
use super::caveats;
use super::chosen::{Chosen, only_years};
use super::content::Sample;
use super::names::{factor, weight_unit};
use super::recipe::{Derivation, End, Recipe};
use super::words::InName;
use crate::ingest::words;
use crate::store::{Assigned, FlowWords, Role, folded};

/// `taken` are the columns that the user gave a role himself.
pub fn by_names(columns: &[String], sample: &[Vec<Option<String>>], taken: &[usize]) -> Chosen {
    let mut chosen = Chosen::new("auto");
    chosen.why_layout = "no layout's columns are all there: roles are taken by the names of the columns".into();
    let mut candidates = candidates(columns, sample, taken, &mut chosen);
    candidates.sort_by(|a, b| {
        (a.role, !a.own, a.order, &columns[a.column]).cmp(&(b.role, !b.own, b.order, &columns[b.column]))
    });
    let mut best: Vec<&Candidate> = Vec::new();
    for candidate in &candidates {
        match best.iter().find(|b| b.role == candidate.role) {
            Some(_) => chosen.rivals.push((candidate.role, candidate.column)),
            None => best.push(candidate),
        }
    }
    // A role that was refused to one column may have gone to another.
    chosen.refused.retain(|r| !best.iter().any(|b| b.role == *r));
    for candidate in &best {
        let &Candidate { role, column, .. } = *candidate;
        let factor = factor(role, &columns[column]);
        if factor != 1.0 {
            chosen.remarks.push((role, format!("{} is {factor} times {}, by its name", role.name(), columns[column])));
        }
        chosen.roles.push((role, Assigned { column, factor }));
    }
    pieces_of_a_date(columns, sample, &mut chosen);
    weight_units(columns, sample, &mut chosen);
    values(columns, sample, &mut chosen);
    rivals(columns, &mut chosen);
    last_resorts(columns, &mut chosen);
    sides(columns, sample, &mut chosen);
    chosen
}

/// Year, month and day in columns of their own, where no column holds whole dates.
fn pieces_of_a_date(columns: &[String], sample: &[Vec<Option<String>>], chosen: &mut Chosen) {
    let part = |part: &str| {
        let mut found: Vec<usize> = (0..columns.len())
            .filter(|&c| words::is_date_part(&columns[c], part) && Sample::of(sample, c).is_date_part(part))
            .collect();
        found.sort_by(|a, b| columns[*a].cmp(&columns[*b]));
        found.first().copied()
    };
    let held = chosen.roles.iter().find(|(r, _)| *r == Role::Date).map(|(_, a)| a.column);
    let whole = held.is_some_and(|c| {
        !["year", "month", "day"]
            .iter()
            .any(|p| words::is_date_part(&columns[c], p) && Sample::of(sample, c).is_date_part(p))
    });
    if whole {
        return;
    }
    let Some(year) = part("year") else { return };
    match part("month") {
        Some(month) => {
            chosen.roles.retain(|(r, _)| *r != Role::Date);
            chosen.rivals.retain(|(r, _)| *r != Role::Date);
            chosen.refused.retain(|r| *r != Role::Date);
            chosen.remarks.retain(|(r, _)| *r != Role::Date);
            chosen.made_of(year, Some(month), part("day"), columns);
        }
        None if held == Some(year) && !Sample::of(sample, year).distinct().is_empty() => {
            chosen.remarks.push((Role::Date, only_years(&columns[year])));
        }
        None => {}
    }
}

/// Weights whose name states no unit are brought to kilograms by the column of units beside them.
fn weight_units(columns: &[String], sample: &[Vec<Option<String>>], chosen: &mut Chosen) {
    // A column of units beside no quantity is that of the weight, if it holds nothing else.
    let unit = chosen.roles.iter().find(|(r, _)| *r == Role::QuantityUnit).map(|(_, a)| a.column);
    if let Some(unit) = unit.filter(|_| !chosen.has(Role::Quantity) && !chosen.has(Role::WeightUnit)) {
        let cells = Sample::of(sample, unit).distinct();
        if !cells.is_empty() && cells.iter().all(|cell| words::kilograms(cell).is_some()) {
            chosen.roles.retain(|(r, _)| *r != Role::QuantityUnit);
            chosen.roles.push((Role::WeightUnit, Assigned { column: unit, factor: 1.0 }));
        }
    }
    let mut units: Vec<usize> =
        chosen.roles.iter().filter(|(r, _)| *r == Role::WeightUnit).map(|(_, a)| a.column).collect();
    units.extend(chosen.rivals.iter().filter(|(r, _)| *r == Role::WeightUnit).map(|(_, c)| *c));
    for role in [Role::NetWeight, Role::GrossWeight] {
        let Some(&(_, held)) = chosen.roles.iter().find(|(r, _)| *r == role) else { continue };
        let column = held.column;
        if weight_unit(&columns[column]).is_some() {
            continue;
        }
        let kind = |c: usize| match (folded(&columns[c]).contains("net"), folded(&columns[c]).contains("gross")) {
            (true, false) => Some(Role::NetWeight),
            (false, true) => Some(Role::GrossWeight),
            _ => None,
        };
        let of_role = units.iter().copied().find(|&c| kind(c) == Some(role));
        let Some(unit) = of_role.or_else(|| units.iter().copied().find(|&c| kind(c).is_none())) else { continue };
        chosen.roles.retain(|(r, _)| *r != role);
        chosen.recipes.push(Recipe {
            role: role.name().to_owned(),
            factor: 1.0,
            how: Derivation::Kilograms { weight: column, unit },
        });
        chosen.numbers.push(column);
    }
}

/// What a value's column says of its currency, and whether it holds one thing.
fn values(columns: &[String], sample: &[Vec<Option<String>>], chosen: &mut Chosen) {
    let Some(column) = chosen.roles.iter().find(|(r, _)| *r == Role::Value).map(|(_, a)| a.column) else { return };
    let name = &columns[column];
    if let Some(remark) = caveats::different_things(column, columns, sample) {
        chosen.refuse(Role::Value, remark);
        chosen.numbers.push(column);
        return;
    }
    let stated = words::currency_of(name);
    chosen.currency = words::stated(name);
    let held = chosen.roles.iter().find(|(r, _)| *r == Role::Currency).map(|(_, a)| a.column);
    let cells = held.map(|c| Sample::of(sample, c).distinct()).unwrap_or_default();
    let open = matches!(stated, None | Some(InName::Mixed));
    match (held, cells.len()) {
        (Some(c), n) if n > 1 && open => chosen.forecasts.push((
            Role::Value,
            format!(
                "value is {name:?}, and {:?} names {n} currencies ({}): its sums may add different currencies",
                columns[c],
                Sample::of(sample, c).some()
            ),
        )),
        (Some(c), 1) if open => {
            let only = cells.iter().next().copied().unwrap_or_default();
            chosen.remarks.push((
                Role::Value,
                format!("value is {name:?}, in {only} as {:?} says in the first rows", columns[c]),
            ));
        }
        _ if matches!(stated, Some(InName::Mixed | InName::Local)) => {
            let what = stated.map_or("", InName::label);
            chosen.remarks.push((Role::Value, format!("value is {name:?}, in {what} by its name")));
        }
        _ => {}
    }
}

/// Names the columns that could have been the value, a weight or a party too.
fn rivals(columns: &[String], chosen: &mut Chosen) {
    for role in [Role::Value, Role::NetWeight, Role::GrossWeight, Role::Exporter, Role::Importer] {
        let taken = chosen.roles.iter().find(|(r, _)| *r == role).map(|(_, a)| a.column).or_else(|| {
            let recipe = chosen.recipes.iter().find(|r| r.role == role.name());
            recipe.and_then(|r| r.how.columns().first().copied())
        });
        let others: Vec<String> = chosen
            .rivals
            .iter()
            .filter(|(r, _)| *r == role)
            .map(|(_, c)| match (role, words::currency_of(&columns[*c]).map(InName::label)) {
                (Role::Value, Some(currency)) => format!("{:?} (in {currency})", columns[*c]),
                _ => format!("{:?}", columns[*c]),
            })
            .collect();
        let Some(taken) = taken.filter(|_| !others.is_empty()) else { continue };
        let unit = match words::currency_of(&columns[taken]).map(InName::label) {
            Some(currency) if role == Role::Value => format!(" (in {currency})"),
            _ => String::new(),
        };
        let text = format!("{} is {:?}{unit}; it could also be {}", role.name(), columns[taken], others.join(", "));
        chosen.remarks.push((role, text));
    }
    // A weight that is not called net, of a bill of lading, is most often gross.
    let held = |role| chosen.roles.iter().find(|(r, _)| *r == role).map(|(_, a): &(Role, Assigned)| a.column);
    if let Some(weight) = held(Role::NetWeight)
        && let Some(id) = held(Role::Id)
        && !folded(&columns[weight]).contains("net")
        && ["bl", "lading"].iter().any(|w| words::tokens(&columns[id]).iter().any(|t| t == w))
    {
        let text = format!(
            "net_weight is {:?}; its name does not say net or gross, and bills of lading most often give gross weights",
            columns[weight]
        );
        chosen.remarks.push((Role::NetWeight, text));
    }
}

/// Names of the country of one side that do not state the side: taken last, with a note.
fn last_resorts(columns: &[String], chosen: &mut Chosen) {
    for (role, weak) in [
        (Role::Origin, ["exportcountry", "exportingcountry", "countryofexport"]),
        (Role::Destination, ["importcountry", "importingcountry", "countryofimport"]),
    ] {
        let held = chosen.roles.iter().find(|(r, _)| *r == role).map(|(_, a)| a.column);
        if let Some(column) = held
            && weak.contains(&folded(&columns[column]).as_str())
        {
            let text = format!(
                "{} is {:?}, because no column has a clearer name; in some files such a column is the other end",
                role.name(),
                columns[column]
            );
            chosen.remarks.push((role, text));
        }
    }
}

/// Reporter and partner with a direction are origin and destination; the direction says who reported.
fn sides(columns: &[String], sample: &[Vec<Option<String>>], chosen: &mut Chosen) {
    let of = |role| chosen.roles.iter().find(|(r, _)| *r == role).map(|(_, a)| a.column);
    let Some(side) = of(Role::Flow).or_else(|| of(Role::ReportedBy)) else { return };
    let names = words::sides();
    let called = |list: &[String]| list.iter().find_map(|n| columns.iter().position(|c| folded(c) == *n));
    let open = !chosen.has(Role::Origin) && !chosen.has(Role::Destination);
    if let (true, Some(reporter), Some(partner)) = (open, called(&names.reporter), called(&names.partner))
        && !Sample::of(sample, side).distinct().is_empty()
    {
        chosen.two_sided(side, End::Column(reporter), partner, FlowWords::default());
        if !chosen.has(Role::ReportedBy) {
            chosen.roles.push((Role::ReportedBy, Assigned { column: side, factor: 1.0 }));
        }
        chosen
            .notes
            .push("origin and destination are the reporter and the partner, by the direction of the flow".into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(table: &[(&str, &[&str])]) -> (Vec<String>, Chosen) {
        let columns: Vec<String> = table.iter().map(|(n, _)| (*n).to_owned()).collect();
        let sample: Vec<Vec<Option<String>>> = table
            .iter()
            .map(|(_, cells)| cells.iter().map(|c| Some((*c).to_owned()).filter(|c| !c.is_empty())).collect())
            .collect();
        let chosen = by_names(&columns, &sample, &[]);
        (columns, chosen)
    }

    fn name_of(table: &[(&str, &[&str])], role: Role) -> Option<String> {
        let (columns, chosen) = chosen(table);
        chosen.roles.iter().find(|(r, _)| *r == role).map(|(_, a)| columns[a.column].clone())
    }

    #[test]
    fn the_better_spelling_wins_and_cells_can_veto() {
        let table: &[(&str, &[&str])] =
            &[("RECORD_ID", &[]), ("DECLARATION_NUMBER", &[]), ("VALUE", &["high"]), ("FOB_USD", &["12.5"])];
        assert_eq!(name_of(table, Role::Id).as_deref(), Some("DECLARATION_NUMBER"));
        assert_eq!(name_of(table, Role::Value).as_deref(), Some("FOB_USD"));
        assert!(chosen(table).1.remarks.iter().any(|(_, t)| t.contains("\"VALUE\" is not read as value")));
    }

    #[test]
    fn a_stated_currency_goes_first_whatever_the_order() {
        let values: &[&str] = &["5", "6"];
        for order in [
            ["CIF_VALUE_FCY", "CIF_IN_UGX", "CIF_VALUE_EUR", "CIF_IN_USD"],
            ["CIF_IN_USD", "CIF_VALUE_EUR", "CIF_IN_UGX", "CIF_VALUE_FCY"],
        ] {
            let table: Vec<(&str, &[&str])> = order.iter().map(|n| (*n, values)).collect();
            for (best, left) in [("CIF_IN_USD", 4), ("CIF_VALUE_EUR", 3), ("CIF_IN_UGX", 2), ("CIF_VALUE_FCY", 1)] {
                let mut kept = table.clone();
                let ranked = ["CIF_IN_USD", "CIF_VALUE_EUR", "CIF_IN_UGX", "CIF_VALUE_FCY"];
                kept.retain(|(n, _)| ranked[4 - left..].contains(n));
                assert_eq!(name_of(&kept, Role::Value).as_deref(), Some(best));
            }
        }
        assert_eq!(
            name_of(&[("TOTAL_SHIPMENT_FOB_USD", values), ("ITEM_FOB_VALUE", values), ("FOB", values)], Role::Value)
                .as_deref(),
            Some("FOB")
        );
        assert_eq!(
            name_of(&[("INVOICE_VALUE_FC", &["0", "0"]), ("FOB_VALUE", values)], Role::Value).as_deref(),
            Some("FOB_VALUE")
        );
        assert_eq!(name_of(&[("INVOICE_VALUE_FC", &["0", "0"])], Role::Value), None);
    }

    #[test]
    fn kilograms_and_net_weights_go_first() {
        let values: &[&str] = &["5", "6"];
        assert_eq!(
            name_of(&[("WEIGHT", values), ("WEIGHT_IN_KG", values)], Role::NetWeight).as_deref(),
            Some("WEIGHT_IN_KG")
        );
        assert_eq!(
            name_of(&[("GROSS_WEIGHT", values), ("NET_WEIGHT", values)], Role::NetWeight).as_deref(),
            Some("NET_WEIGHT")
        );
        assert_eq!(name_of(&[("TOTALGROSS_WEIGHT", values)], Role::NetWeight), None);
        assert_eq!(name_of(&[("TOTALGROSS_WEIGHT", values)], Role::GrossWeight).as_deref(), Some("TOTALGROSS_WEIGHT"));
        let (_, with_units) = chosen(&[("NET_WEIGHT", values), ("WEIGHT UNIT", &["LB", "K"])]);
        assert!(with_units.recipes.iter().any(|r| r.how == Derivation::Kilograms { weight: 0, unit: 1 }));
    }

    #[test]
    fn countries_are_no_firms() {
        let (columns, chosen) = chosen(&[("Importer", &["US", "NA", "DE"]), ("Exporter", &["ES", "ZW"])]);
        let of = |role| chosen.roles.iter().find(|(r, _)| *r == role).map(|(_, a)| columns[a.column].as_str());
        assert_eq!((of(Role::Origin), of(Role::Destination)), (Some("Exporter"), Some("Importer")));
        assert_eq!((of(Role::Exporter), of(Role::Importer)), (None, None));
    }

    #[test]
    fn pieces_make_a_date() {
        let (_, pieces) = chosen(&[("Year", &["2024"]), ("Month", &["December"]), ("Day", &["12"])]);
        assert_eq!(pieces.date_parts.map(|p| (p.year, p.month, p.day)), Some((0, Some(1), Some(2))));
        let (_, whole) = chosen(&[("YEAR", &["2024"]), ("MONTH", &["1"]), ("EXP_DATE", &["2024-01-05"])]);
        assert_eq!(whole.date_parts, None);
        let (_, years) = chosen(&[("YEAR", &["2024"])]);
        assert!(years.remarks.iter().any(|(_, t)| t.contains("no month is known")));
    }
}
