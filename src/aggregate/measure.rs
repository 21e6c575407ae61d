//! The measures of a group.

use crate::error::{Error, Result};
use crate::group::Key;
use crate::store::{Role, RoleKind, Store, closest};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stat {
    Sum,
    Mean,
    Std,
    Min,
    Max,
    Median,
    Mad,
    Q05,
    Q25,
    Q75,
    Q95,
}

impl Stat {
    const NAMES: [(&'static str, Stat); 11] = [
        ("sum", Stat::Sum),
        ("mean", Stat::Mean),
        ("std", Stat::Std),
        ("min", Stat::Min),
        ("max", Stat::Max),
        ("median", Stat::Median),
        ("mad", Stat::Mad),
        ("q05", Stat::Q05),
        ("q25", Stat::Q25),
        ("q75", Stat::Q75),
        ("q95", Stat::Q95),
    ];

    /// Whether it needs sorted values.
    pub fn ranks(self) -> bool {
        !matches!(self, Stat::Sum | Stat::Mean | Stat::Std | Stat::Min | Stat::Max)
    }

    /// Whether it sums or compares values, and so does not need them as doubles.
    pub fn adds_or_compares(self) -> bool {
        matches!(self, Stat::Sum | Stat::Mean | Stat::Min | Stat::Max)
    }

    pub fn quantile(self) -> Option<f64> {
        match self {
            Stat::Q05 => Some(0.05),
            Stat::Q25 => Some(0.25),
            Stat::Q75 => Some(0.75),
            Stat::Q95 => Some(0.95),
            _ => None,
        }
    }
}

/// The numbers behind a statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    Role(Role),
    Column(usize),
    /// Value divided by net weight, row by row.
    UnitValue,
    /// The date role, as days.
    Days,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasureKind {
    Shipments,
    Stat(Operand, Stat),
    Distinct(Key),
    /// Herfindahl index of the value over the key.
    Hhi(Key),
    /// Sum of value divided by sum of net weight, over the rows that have both.
    UnitValue,
}

impl MeasureKind {
    /// Whether an empty period counts as zero.
    pub fn additive(self) -> bool {
        matches!(self, MeasureKind::Shipments | MeasureKind::Stat(_, Stat::Sum) | MeasureKind::Distinct(_))
    }

    pub fn counts(self) -> bool {
        matches!(self, MeasureKind::Shipments | MeasureKind::Distinct(_))
    }
}

#[derive(Clone, Debug)]
pub struct Measure {
    pub name: String,
    pub kind: MeasureKind,
}

pub fn plan(store: &Store, names: &[String]) -> Result<Vec<Measure>> {
    if names.is_empty() {
        return Err(Error::Argument("no measures given; ask for example for \"shipments\" or \"value\"".into()));
    }
    names.iter().map(|name| Measure::parse(store, name)).collect()
}

impl Measure {
    pub fn parse(store: &Store, name: &str) -> Result<Measure> {
        if name == "shipments" {
            return Ok(Measure { name: name.into(), kind: MeasureKind::Shipments });
        }
        // A column name with a dot takes precedence over a statistic.
        if Role::named(name).is_some() || store.find(name).is_some() {
            let kind = MeasureKind::Stat(operand(store, name, Stat::Sum)?, Stat::Sum);
            return Ok(Measure { name: name.into(), kind });
        }
        let (base, stat) = name.rsplit_once('.').unwrap_or((name, ""));
        let named = Stat::NAMES.iter().find(|(n, _)| *n == stat).map(|&(_, s)| s);
        let kind = match (base, stat, named) {
            ("unit_value", "", _) => {
                store.require(Role::Value)?;
                store.require(Role::NetWeight)?;
                MeasureKind::UnitValue
            }
            (_, "distinct", _) => MeasureKind::Distinct(Key::named(store, base)?),
            (_, "hhi", _) => {
                store.require(Role::Value)?;
                MeasureKind::Hhi(Key::named(store, base)?)
            }
            (_, _, Some(stat)) => MeasureKind::Stat(operand(store, base, stat)?, stat),
            (_, "", _) => {
                // Not a column. The error of the store is used, without the word of the statistic.
                return Err(match Role::named(base) {
                    Some(role) => store.require(role).err().unwrap_or_else(|| store.unknown(base)),
                    None => store.unknown(base),
                });
            }
            _ => {
                let words = Stat::NAMES.iter().map(|(n, _)| *n).chain(["distinct", "hhi"]);
                if Key::named(store, base).is_err() && base != "unit_value" {
                    return Err(store.unknown(name));
                }
                return Err(Error::Argument(format!(
                    "{name:?} asks for an unknown statistic {stat:?}{}; there are {}",
                    closest(stat, words.clone()),
                    words.collect::<Vec<_>>().join(", ")
                )));
            }
        };
        let name = if named == Some(Stat::Sum) { base.to_owned() } else { result_name(base, stat) };
        Ok(Measure { name, kind })
    }
}

fn result_name(base: &str, stat: &str) -> String {
    if stat.is_empty() { base.to_owned() } else { format!("{base}_{stat}") }
}

fn operand(store: &Store, name: &str, stat: Stat) -> Result<Operand> {
    if name == "unit_value" && store.find(name).is_none() {
        store.require(Role::Value)?;
        store.require(Role::NetWeight)?;
        return Ok(Operand::UnitValue);
    }
    let not_numbers = |what: &str| {
        Error::Argument(format!(
            "{name:?} holds {what}, so it has no {}; count its values with {:?}",
            Stat::NAMES.iter().find(|(_, s)| *s == stat).map_or("sum", |(n, _)| n),
            format!("{name}.distinct")
        ))
    };
    let key = Key::named(store, name)?;
    match key {
        Key::Role(role) if role.kind() == RoleKind::Number => Ok(Operand::Role(role)),
        Key::Role(Role::Date) if matches!(stat, Stat::Min | Stat::Max) => Ok(Operand::Days),
        Key::Role(Role::Date) | Key::Period(_) => Err(not_numbers("dates")),
        Key::Role(_) | Key::HsPrefix(_) => Err(not_numbers("text")),
        Key::Column(column) if summable(store, column) => Ok(Operand::Column(column)),
        Key::Column(column) if store.columns[column].is_text() => Err(not_numbers("text")),
        Key::Column(column) => Err(not_numbers(&store.columns[column].value_kind().to_string())),
    }
}

/// Whether a column holds numbers, also as text if its role or layout says so.
fn summable(store: &Store, column: usize) -> bool {
    store.columns[column].is_number()
        || store.declared_numbers().contains(&column)
        || store.role_of(column).is_some_and(|role| role.kind() == RoleKind::Number)
}
