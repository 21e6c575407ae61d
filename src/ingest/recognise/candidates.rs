//! The columns that could play a role, by their names and first cells.

use crate::ingest::chosen::Chosen;
use crate::ingest::content::Sample;
use crate::ingest::names::{suggestion, weight_unit};
use crate::ingest::words::{self, InName};
use crate::store::currency::{self, Named};
use crate::store::{Role, folded};

/// A column that could play a role; of several the least `order` is taken, then the first name.
pub struct Candidate {
    pub role: Role,
    pub column: usize,
    pub order: [usize; 5],
    pub own: bool,
}

pub fn candidates(
    columns: &[String],
    sample: &[Vec<Option<String>>],
    taken: &[usize],
    chosen: &mut Chosen,
) -> Vec<Candidate> {
    let currency = the_currency(columns, sample);
    let mut found = Vec::new();
    for (column, name) in columns.iter().enumerate() {
        let Some((mut role, mut rank)) = suggestion(name).filter(|_| !taken.contains(&column)) else { continue };
        let own = rank == 0;
        let cells = Sample::of(sample, column);
        if matches!(role, Role::Exporter | Role::Importer) && cells.holds_countries() {
            let place = if role == Role::Exporter { Role::Origin } else { Role::Destination };
            let remark =
                format!("{name:?} holds countries ({}): it can be the {}, and is no firm", cells.some(), place.name());
            chosen.remarks.push((role, remark));
            chosen.refused.push(role);
            (role, rank) = (place, 1_000);
        } else if !own || role == Role::Flow {
            if !cells.fits(role) {
                let remark =
                    format!("{name:?} is not read as {}: its cells do not fit ({})", role.name(), cells.some());
                chosen.refuse(role, remark);
                continue;
            }
            let number = matches!(role, Role::Value | Role::Quantity | Role::NetWeight | Role::GrossWeight);
            if cells.is_blank() || (number && cells.is_zero()) {
                let holds = if cells.is_blank() { "nothing" } else { "only zeros" };
                let rows = cells.0.len();
                let remark = format!("{name:?} is not read as {}: its first {rows} rows hold {holds}", role.name());
                chosen.refuse(role, remark);
                continue;
            }
        }
        let order = order(role, name, rank, currency.as_deref());
        found.push(Candidate { role, column, order, own: own && rank == 0 });
    }
    found
}

/// The one currency that a column of currencies names, if it is one.
fn the_currency(columns: &[String], sample: &[Vec<Option<String>>]) -> Option<String> {
    let mut named: Vec<(usize, usize)> = columns
        .iter()
        .enumerate()
        .filter_map(|(i, n)| suggestion(n).filter(|(r, _)| *r == Role::Currency).map(|(_, rank)| (rank, i)))
        .collect();
    named.sort_by(|a, b| (a.0, &columns[a.1]).cmp(&(b.0, &columns[b.1])));
    let cells = Sample::of(sample, named.first()?.1).distinct();
    match cells.iter().collect::<Vec<_>>()[..] {
        [only] => Some((*only).to_owned()),
        _ => None,
    }
}

/// What goes before what among the columns of a role.
fn order(role: Role, name: &str, rank: usize, currency: Option<&str>) -> [usize; 5] {
    let tokens = words::tokens(name);
    let says = |list: &[&str]| tokens.iter().any(|t| list.contains(&t.as_str()));
    let whole = usize::from(
        says(&["shipment", "declaration", "dcl", "manifest", "header", "invoice"])
            && says(&["total", "shipment", "sum", "dcl"]),
    );
    match role {
        Role::Value => {
            let stated = words::currency_of(name);
            let class = |code: &str| match code {
                "USD" => 0,
                "EUR" => 1,
                _ => 2,
            };
            let by_name = match stated {
                Some(InName::Currency(currency)) => class(currency.code),
                Some(InName::Shared) => 2,
                None => 3,
                Some(InName::Local) => 4,
                Some(InName::Mixed) => 5,
            };
            // A column of one currency beside it states the currency of the record.
            let by_neighbour = match currency {
                Some(cell) if by_name == 3 || by_name == 5 => match currency::named(cell) {
                    Named::Known(currency) => class(currency.code),
                    _ => 2,
                },
                _ => by_name,
            };
            let item = usize::from(!says(&["item", "line", "art", "articulo"]));
            [whole, by_neighbour, usize::from(by_name != by_neighbour), item, rank]
        }
        Role::NetWeight | Role::GrossWeight => {
            let unit = usize::from(weight_unit(name).is_none());
            let name = folded(name);
            let net = ["net", "нетто", "liquido", "순중량", "净", "淨", "正味"].iter().any(|w| name.contains(w));
            let net = usize::from(!net);
            [whole, unit, net, rank, 0]
        }
        _ => [rank, 0, 0, 0, 0],
    }
}
