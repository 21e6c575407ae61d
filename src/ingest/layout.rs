//! Layouts: which column of a known source has which role, and in which unit.

use super::Options;
use super::names;
use crate::error::{Error, Result};
use crate::store::{Assigned, Role, closest};

/// A known source. Column names are compared without case, blanks and punctuation.
struct Layout {
    name: &'static str,
    /// Columns by which `auto` recognises the source; all must be there.
    signs: &'static [&'static str],
    /// Role, column, factor to the role's unit. The first column that is there wins.
    roles: &'static [(Role, &'static str, f64)],
    /// Flow, reporter and partner, where origin and destination depend on the direction.
    flow: Option<[&'static str; 3]>,
    hs_digits: Option<usize>,
    /// Further columns that hold numbers with text among them.
    numbers: &'static [&'static str],
    notes: &'static [&'static str],
}

/// The fields of HMRC's bulk files of EU arrivals and dispatches, which carry no header.
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

const LAYOUTS: [Layout; 9] = [
    Layout {
        name: "comtrade",
        signs: &["reporterCode", "partnerCode", "flowCode", "cmdCode", "primaryValue"],
        roles: &[
            (Role::Date, "period", 1.0),
            (Role::Date, "refPeriodId", 1.0),
            (Role::Hs, "cmdCode", 1.0),
            (Role::Description, "cmdDesc", 1.0),
            (Role::Value, "primaryValue", 1.0),
            (Role::Quantity, "qty", 1.0),
            (Role::QuantityUnit, "qtyUnitAbbr", 1.0),
            (Role::QuantityUnit, "qtyUnitCode", 1.0),
            (Role::NetWeight, "netWgt", 1.0),
            (Role::ReportedBy, "flowCode", 1.0),
        ],
        flow: Some(["flowCode", "reporterISO|reporterCode", "partnerISO|partnerCode"]),
        hs_digits: None,
        numbers: &[],
        notes: &["values are US dollars; imports are valued CIF and exports FOB"],
    },
    Layout {
        name: "comtrade",
        signs: &["Trade Flow", "Reporter", "Partner", "Commodity Code", "Trade Value (US$)"],
        roles: &[
            (Role::Date, "Period", 1.0),
            (Role::Date, "Year", 1.0),
            (Role::Hs, "Commodity Code", 1.0),
            (Role::Description, "Commodity", 1.0),
            (Role::Value, "Trade Value (US$)", 1.0),
            (Role::Quantity, "Qty", 1.0),
            (Role::QuantityUnit, "Qty Unit", 1.0),
            (Role::NetWeight, "Netweight (kg)", 1.0),
            (Role::ReportedBy, "Trade Flow", 1.0),
        ],
        flow: Some(["Trade Flow", "Reporter", "Partner"]),
        hs_digits: None,
        numbers: &[],
        notes: &["values are US dollars; imports are valued CIF and exports FOB"],
    },
    Layout {
        name: "baci",
        signs: &["t", "i", "j", "k", "v", "q"],
        roles: &[
            (Role::Date, "t", 1.0),
            (Role::Origin, "i", 1.0),
            (Role::Destination, "j", 1.0),
            (Role::Hs, "k", 1.0),
            (Role::Value, "v", 1000.0),
            (Role::NetWeight, "q", 1000.0),
        ],
        flow: None,
        hs_digits: None,
        numbers: &[],
        notes: &[
            "value is v in US dollars (v is in thousands of them)",
            "net_weight is q in kilograms (q is in metric tons)",
            "origin and destination are UN M49 numbers",
        ],
    },
    Layout {
        name: "comext",
        signs: &["REPORTER|DECLARANT", "PARTNER", "FLOW", "PERIOD", "VALUE_EUR|VALUE_IN_EUROS"],
        roles: &[
            (Role::Date, "PERIOD", 1.0),
            (Role::Hs, "PRODUCT_NC", 1.0),
            (Role::Hs, "PRODUCT", 1.0),
            (Role::Value, "VALUE_EUR", 1.0),
            (Role::Value, "VALUE_IN_EUROS", 1.0),
            (Role::NetWeight, "QUANTITY_KG", 1.0),
            (Role::NetWeight, "QUANTITY_IN_KG", 1.0),
            (Role::Quantity, "QUANTITY_SUPPL_UNIT", 1.0),
            (Role::Quantity, "SUP_QUANTITY", 1.0),
            (Role::QuantityUnit, "SUPPL_UNIT", 1.0),
            (Role::ReportedBy, "FLOW", 1.0),
        ],
        flow: Some(["FLOW", "REPORTER|DECLARANT", "PARTNER"]),
        hs_digits: None,
        numbers: &[],
        notes: &["values are euros"],
    },
    Layout {
        name: "census",
        signs: &["I_COMMODITY", "GEN_VAL_MO"],
        roles: &[
            (Role::Date, "time", 1.0),
            (Role::Hs, "I_COMMODITY", 1.0),
            (Role::Description, "I_COMMODITY_LDESC", 1.0),
            (Role::Description, "I_COMMODITY_SDESC", 1.0),
            (Role::Origin, "CTY_NAME", 1.0),
            (Role::Origin, "CTY_CODE", 1.0),
            (Role::Value, "GEN_VAL_MO", 1.0),
            (Role::Quantity, "GEN_QY1_MO", 1.0),
            (Role::QuantityUnit, "UNIT_QY1", 1.0),
        ],
        flow: None,
        hs_digits: None,
        numbers: &[],
        notes: &["values are US dollars, general imports of the month; the destination is the United States"],
    },
    Layout {
        name: "census",
        signs: &["E_COMMODITY", "ALL_VAL_MO"],
        roles: &[
            (Role::Date, "time", 1.0),
            (Role::Hs, "E_COMMODITY", 1.0),
            (Role::Description, "E_COMMODITY_LDESC", 1.0),
            (Role::Description, "E_COMMODITY_SDESC", 1.0),
            (Role::Destination, "CTY_NAME", 1.0),
            (Role::Destination, "CTY_CODE", 1.0),
            (Role::Value, "ALL_VAL_MO", 1.0),
            (Role::Quantity, "QTY_1_MO", 1.0),
            (Role::QuantityUnit, "UNIT_QY1", 1.0),
        ],
        flow: None,
        hs_digits: None,
        numbers: &[],
        notes: &["values are US dollars, all exports of the month; the origin is the United States"],
    },
    Layout {
        name: "hmrc",
        signs: &["comcode", "cod_alpha", "period_reference", "stat_value", "nett_mass"],
        roles: &[
            (Role::Date, "period_reference", 1.0),
            (Role::Hs, "comcode", 1.0),
            (Role::Origin, "cod_alpha", 1.0),
            (Role::Value, "stat_value", 1.0),
            (Role::NetWeight, "nett_mass", 1.0),
            (Role::Quantity, "supp_unit", 1.0),
        ],
        flow: None,
        hs_digits: Some(8),
        numbers: &["no_of_consignments"],
        notes: &[
            "values are pounds sterling",
            "hs is the first 8 digits of comcode, the Combined Nomenclature code",
            "origin is cod_alpha, the country of dispatch",
        ],
    },
    Layout {
        name: "korea",
        signs: &["Declaration ID", "HS6 Code", "Item Price", "Net Mass", "Country of Origin"],
        roles: &[
            (Role::Id, "Declaration ID", 1.0),
            (Role::Date, "Date", 1.0),
            (Role::Hs, "HS6 Code", 1.0),
            (Role::Origin, "Country of Origin", 1.0),
            (Role::Exporter, "Seller ID", 1.0),
            (Role::Importer, "Importer ID", 1.0),
            (Role::Value, "Item Price", 1.0),
            (Role::NetWeight, "Net Mass", 1.0),
        ],
        flow: None,
        hs_digits: None,
        numbers: &[],
        notes: &["values are Korean won"],
    },
    Layout {
        name: "scms",
        signs: &["Line Item Value", "Line Item Quantity", "Weight (Kilograms)", "Vendor", "Item Description"],
        roles: &[
            (Role::Id, "ID", 1.0),
            (Role::Date, "Delivered to Client Date", 1.0),
            (Role::Description, "Item Description", 1.0),
            (Role::Origin, "Manufacturing Site", 1.0),
            (Role::Destination, "Country", 1.0),
            (Role::Exporter, "Vendor", 1.0),
            (Role::Value, "Line Item Value", 1.0),
            (Role::Quantity, "Line Item Quantity", 1.0),
            (Role::NetWeight, "Weight (Kilograms)", 1.0),
        ],
        flow: None,
        hs_digits: None,
        numbers: &["Freight Cost (USD)", "Line Item Insurance (USD)"],
        notes: &["values are US dollars", "origin is the manufacturing site: the file names no country of origin"],
    },
];

/// The names of the layouts.
pub fn layouts() -> Vec<&'static str> {
    let mut names: Vec<&str> = LAYOUTS.iter().map(|l| l.name).collect();
    names.dedup();
    names
}

pub struct Flow {
    pub side: usize,
    pub reporter: usize,
    pub partner: usize,
}

/// What was decided about a source's columns.
pub struct Chosen {
    pub layout: String,
    pub roles: Vec<(Role, Assigned)>,
    pub flow: Option<Flow>,
    pub hs_digits: Option<usize>,
    pub numbers: Vec<usize>,
    pub notes: Vec<String>,
}

impl Chosen {
    pub fn role_of(&self, column: usize) -> Option<Role> {
        self.roles.iter().find(|(_, a)| a.column == column).map(|(r, _)| *r)
    }

    /// Whether a computation is likely to want the column.
    pub fn uses(&self, column: usize) -> bool {
        let flow = self.flow.as_ref().is_some_and(|f| [f.side, f.reporter, f.partner].contains(&column));
        flow || self.role_of(column).is_some() || self.numbers.contains(&column)
    }
}

/// The column called like one of the `|`-separated names.
fn find(columns: &[String], name: &str) -> Option<usize> {
    name.split('|').find_map(|name| {
        let exact = columns.iter().position(|c| c == name);
        exact.or_else(|| columns.iter().position(|c| names::plain(c) == names::plain(name)))
    })
}

pub fn choose(columns: &[String], sample: &[Vec<Option<String>>], options: &Options) -> Result<Chosen> {
    let fits = |layout: &&Layout| layout.signs.iter().all(|s| find(columns, s).is_some());
    let layout = match options.layout.as_str() {
        "" | "auto" => LAYOUTS.iter().find(fits),
        name => {
            let mut named = LAYOUTS.iter().filter(|l| l.name == name).peekable();
            if named.peek().is_none() {
                return Err(Error::Argument(format!(
                    "there is no layout {name:?}{}; there are auto, {}",
                    closest(name, layouts().into_iter()),
                    layouts().join(", ")
                )));
            }
            let candidates: Vec<&Layout> = named.collect();
            let fitting = candidates.iter().copied().find(|l| fits(l));
            Some(fitting.ok_or_else(|| {
                let missing: Vec<&str> =
                    candidates[0].signs.iter().copied().filter(|s| find(columns, s).is_none()).collect();
                Error::Schema(format!(
                    "the columns are not those of the layout {name:?}: {} missing; the columns are {}",
                    missing.join(", "),
                    columns.join(", ")
                ))
            })?)
        }
    };
    let mut chosen = match layout {
        Some(layout) => by_layout(layout, columns),
        None => {
            let roles = names::recognise(columns, sample);
            let scaled = roles.iter().filter(|(_, a)| a.factor != 1.0);
            let notes = scaled
                .map(|(role, a)| format!("{} is {} times {}, by its name", role.name(), columns[a.column], a.factor))
                .collect();
            Chosen { layout: "auto".into(), roles, flow: None, hs_digits: None, numbers: Vec::new(), notes }
        }
    };
    by_user(&mut chosen, columns, options)?;
    Ok(chosen)
}

fn by_layout(layout: &Layout, columns: &[String]) -> Chosen {
    let mut roles: Vec<(Role, Assigned)> = Vec::new();
    for &(role, name, factor) in layout.roles {
        if let Some(column) = find(columns, name)
            && !roles.iter().any(|(r, _)| *r == role)
        {
            roles.push((role, Assigned { column, factor }));
        }
    }
    let flow = layout.flow.and_then(|[side, reporter, partner]| {
        Some(Flow { side: find(columns, side)?, reporter: find(columns, reporter)?, partner: find(columns, partner)? })
    });
    let mut notes: Vec<String> = layout.notes.iter().map(|n| (*n).to_owned()).collect();
    if flow.is_some() {
        notes.push("origin and destination are the reporter and the partner, by the direction of the flow".into());
    }
    Chosen {
        layout: layout.name.into(),
        roles,
        flow,
        hs_digits: layout.hs_digits,
        numbers: layout.numbers.iter().filter_map(|n| find(columns, n)).collect(),
        notes,
    }
}

fn by_user(chosen: &mut Chosen, columns: &[String], options: &Options) -> Result<()> {
    let mut taken: Vec<(Role, &str)> = Vec::new();
    for (name, column) in &options.columns {
        let role = Role::named(name).ok_or_else(|| {
            let roles = Role::ALL.map(Role::name);
            Error::Schema(format!(
                "{name:?} is not a role{}; the roles are {}",
                closest(name, roles.into_iter()),
                roles.join(", ")
            ))
        })?;
        if let Some((_, other)) = taken.iter().find(|(r, _)| *r == role) {
            return Err(Error::DuplicateRole(format!(
                "the role {name:?} was given to two columns, {other:?} and {column:?}; keep one of them"
            )));
        }
        taken.push((role, column));
        let at = columns.iter().position(|c| c == column).ok_or_else(|| {
            Error::MissingColumn(format!(
                "columns={{{name:?}: {column:?}}}: there is no such column{}; the columns are {}",
                closest(column, columns.iter().map(String::as_str)),
                columns.join(", ")
            ))
        })?;
        // The user's word replaces what was recognised, for the role and for the column; units are then his own.
        let factor = chosen.roles.iter().find(|(r, a)| *r == role && a.column == at).map_or(1.0, |(_, a)| a.factor);
        if let Some((other, _)) = options.columns.iter().find(|(r, c)| c == column && r != name) {
            return Err(Error::DuplicateRole(format!(
                "the column {column:?} was given two roles, {other:?} and {name:?}; keep one of them"
            )));
        }
        chosen.roles.retain(|(r, a)| *r != role && a.column != at);
        chosen.roles.push((role, Assigned { column: at, factor }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose_names(names: &[&str]) -> Chosen {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        choose(&names, &vec![Vec::new(); names.len()], &Options::default()).unwrap()
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

    #[test]
    fn the_user_has_the_last_word_and_cannot_contradict_himself() {
        let names = ["a".to_owned(), "value".to_owned()];
        let sample = vec![Vec::new(); 2];
        let with = |pairs: &[(&str, &str)]| {
            let columns = pairs.iter().map(|(r, c)| ((*r).to_owned(), (*c).to_owned())).collect();
            choose(&names, &sample, &Options { columns, ..Options::default() })
        };
        assert_eq!(with(&[("value", "a")]).unwrap().roles, [(Role::Value, Assigned { column: 0, factor: 1.0 })]);
        assert!(matches!(with(&[("value", "a"), ("value", "value")]), Err(Error::DuplicateRole(_))));
        assert!(matches!(with(&[("value", "a"), ("quantity", "a")]), Err(Error::DuplicateRole(_))));
        assert!(matches!(with(&[("value", "b")]), Err(Error::MissingColumn(_))));
        assert!(matches!(with(&[("price", "a")]), Err(Error::Schema(_))));
    }
}
