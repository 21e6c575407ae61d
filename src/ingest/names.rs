//! Roles by column name, in the spellings of customs and bill-of-lading exports: `data/names.toml`.

use std::sync::OnceLock;

use serde::Deserialize;

use super::words;
use crate::store::{Role, folded};

const FILE: &str = include_str!("data/names.toml");

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct File {
    endings: Vec<String>,
    names: Vec<Names>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    role: String,
    #[serde(rename = "language")]
    _language: String,
    #[serde(rename = "source")]
    _source: String,
    spellings: Vec<String>,
}

struct Spellings {
    endings: Vec<String>,
    /// Role, spelling, and position among the spellings of the role, from 1.
    all: Vec<(Role, String, usize)>,
}

fn spellings() -> &'static Spellings {
    static PARSED: OnceLock<Spellings> = OnceLock::new();
    PARSED.get_or_init(|| {
        let file: File = toml::from_str(FILE).unwrap_or_default();
        let mut counts = [0; Role::ALL.len()];
        let mut all = Vec::new();
        for entry in file.names {
            let Some(role) = Role::named(&entry.role) else { continue };
            for spelling in entry.spellings {
                counts[role as usize] += 1;
                let ending = if spelling.ends_with('*') { "*" } else { "" };
                all.push((role, folded(&spelling) + ending, counts[role as usize]));
            }
        }
        Spellings { endings: file.endings, all }
    })
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        None => pattern == name,
        Some(stem) => name.strip_prefix(stem).is_some_and(|rest| spellings().endings.iter().any(|e| e == rest)),
    }
}

/// The role that a name suggests, and the rank of the spelling (0, the name of the role, is best).
pub fn suggestion(name: &str) -> Option<(Role, usize)> {
    if let Some(role) = Role::named(name) {
        return Some((role, 0));
    }
    let best = |name: &str| {
        let found = spellings().all.iter().filter(|(_, spelling, _)| matches(spelling, name));
        found.map(|(role, _, rank)| (*role, *rank)).min_by_key(|&(role, rank)| (rank, role))
    };
    best(&folded(name)).or_else(|| {
        // `Value (thousand USD)` is a value. The factor is read separately.
        let tokens = words::tokens(name);
        let plain: String = tokens.iter().filter(|t| scale(t).is_none()).map(String::as_str).collect();
        let scaled = tokens.iter().any(|t| scale(t).is_some()) && !plain.is_empty();
        if scaled { best(&plain).filter(|(role, _)| *role == Role::Value) } else { None }
    })
}

/// The factor that a word of a name stands for.
fn scale(word: &str) -> Option<f64> {
    match word {
        "million" | "millions" | "mill" | "mln" | "mn" | "mio" | "млн" | "musd" | "meur" => Some(1_000_000.0),
        "keur" | "kusd" | "1000" | "000" | "thousand" | "thousands" | "teur" | "tusd" | "тыс" | "тис" => {
            Some(1000.0)
        }
        _ => None,
    }
}

/// The role of a column with this name, if any.
pub fn role_of_name(name: &str) -> Option<Role> {
    suggestion(name).map(|(role, _)| role)
}

/// The unit in the name of a weight, in kilograms.
pub fn weight_unit(name: &str) -> Option<f64> {
    let tokens = words::tokens(name);
    // Short words are not reliable: the G of G_WEIGHT and the GR of GR_WT mean gross. A single T is tons.
    let short = ["g", "gr", "k", "q", "qt", "ct", "cts", "tn", "mg", "l"];
    let unit = |t: &String| (!short.contains(&t.as_str())).then(|| words::kilograms(t)).flatten();
    let joined = || {
        let whole = folded(name);
        ["kg", "kgs", "kgm", "кг", "公斤", "千克"].iter().any(|unit| whole.ends_with(unit)).then_some(1.0)
    };
    tokens.iter().find_map(unit).or_else(joined)
}

/// The factor to the unit of the role, if the name gives another unit: tons, thousands.
pub fn factor(role: Role, name: &str) -> f64 {
    let tokens = words::tokens(name);
    match role {
        Role::NetWeight | Role::GrossWeight => weight_unit(name).unwrap_or(1.0),
        Role::Value => {
            let joined = ["千元", "千円", "천불", "千美元"].iter().any(|w| name.contains(w));
            tokens.iter().find_map(|t| scale(t)).unwrap_or(if joined { 1000.0 } else { 1.0 })
        }
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_parses_and_every_role_has_spellings() {
        let file: File = toml::from_str(FILE).unwrap();
        assert!(file.names.iter().all(|n| Role::named(&n.role).is_some()));
        for role in Role::ALL {
            assert!(role == Role::ReportedBy || spellings().all.iter().any(|(r, ..)| *r == role), "{}", role.name());
        }
        assert_eq!(role_of_name("Экспортёр"), Some(Role::Exporter));
    }

    #[test]
    fn common_spellings_find_their_role() {
        for (name, role) in [
            ("HS_CODE", Some(Role::Hs)),
            ("HS CODE", Some(Role::Hs)),
            ("CIF_VALUE_IN_USD", Some(Role::Value)),
            ("Net Mass", Some(Role::NetWeight)),
            ("NET_WEIGHT_KG", Some(Role::NetWeight)),
            ("IMPORTER_NAME_EN", Some(Role::Importer)),
            ("COUNTRY_OF_ORIGIN", Some(Role::Origin)),
            ("MONTHYEAR", Some(Role::Date)),
            ("GROSS_WEIGHT", Some(Role::GrossWeight)),
            ("TOTALGROSS_WEIGHT", Some(Role::GrossWeight)),
            ("WEIGHT UNIT", Some(Role::WeightUnit)),
            ("CURRENCY_CODE", Some(Role::Currency)),
            ("ClientName", Some(Role::Importer)),
            ("CTY_Dest", Some(Role::Destination)),
            ("País de Origen", Some(Role::Origin)),
            ("Peso Neto (kg)", Some(Role::NetWeight)),
            ("Valeur en douane", Some(Role::Value)),
            ("Код ТН ВЭД", Some(Role::Hs)),
            ("Країна походження", Some(Role::Origin)),
            ("GTİP", Some(Role::Hs)),
            ("순중량(kg)", Some(Role::NetWeight)),
            ("原産国", Some(Role::Origin)),
            ("商品编码", Some(Role::Hs)),
            ("HS_CODE_2", None),
            ("UNIT_VALUE_USD", None),
            ("IMPORTER_ADDRESS", None),
            ("COUNTRY", None),
        ] {
            assert_eq!(role_of_name(name), role, "{name}");
        }
    }

    #[test]
    fn names_state_units() {
        assert_eq!(factor(Role::NetWeight, "NET_WEIGHT_TONS"), 1000.0);
        assert_eq!(factor(Role::NetWeight, "Net weight (lbs)"), 0.45359237);
        assert_eq!(weight_unit("netmasskg"), Some(1.0));
        assert_eq!(weight_unit("G_WEIGHT"), None);
        assert_eq!(factor(Role::Value, "STATISTICAL_VALUE_IN_1000_USD"), 1000.0);
    }
}
