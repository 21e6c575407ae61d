//! Choosing rows by what their keys hold.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type};
use rayon::prelude::*;

use super::key::Key;
use crate::error::{Error, Result};
use crate::store::{Period, Role, RoleKind, Shipments, country, label_texts};
use crate::watch::Watch;

/// A value as a user wrote it.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Null,
    Text(String),
    Number(f64),
}

#[derive(Clone, Debug)]
pub enum Wanted {
    /// Any of these. HS codes are prefixes; a date may be a whole month or year.
    AnyOf(Vec<Literal>),
    /// From the first to the second, both included; null leaves that end open.
    Between(Literal, Literal),
}

/// The shipments for which every condition holds.
pub fn filter(ships: &Shipments, conditions: &[(String, Wanted)], watch: &Watch) -> Result<Shipments> {
    let mut chosen = ships.clone();
    for (name, wanted) in conditions {
        watch.check()?;
        let key = Key::named(&ships.store, name)?;
        chosen = if is_number(ships, key) {
            by_number(&chosen, name, key, wanted, watch)?
        } else {
            by_label(&chosen, name, key, wanted, watch)?
        };
    }
    Ok(chosen)
}

fn is_number(ships: &Shipments, key: Key) -> bool {
    match key {
        Key::Role(role) => role.kind() == RoleKind::Number,
        Key::Column(column) => ships.store.columns[column].is_number(),
        _ => false,
    }
}

fn keep(ships: &Shipments, test: impl Fn(usize) -> bool + Sync) -> Shipments {
    let positions = 0..ships.len();
    let rows = positions.into_par_iter().map(|p| ships.rows.row(p)).filter(|&r| test(r)).map(|r| r as u32);
    ships.subset(rows.collect())
}

fn by_number(ships: &Shipments, name: &str, key: Key, wanted: &Wanted, watch: &Watch) -> Result<Shipments> {
    let values = match key {
        Key::Role(role) => ships.store.role_numbers(role, watch)?,
        Key::Column(column) => ships.store.columns[column].numbers(watch)?.values.clone(),
        _ => return Err(ships.store.unknown(name)),
    };
    let number = |literal: &Literal| match literal {
        Literal::Number(x) => Ok(Some(*x)),
        Literal::Null => Ok(None),
        Literal::Text(text) => text
            .trim()
            .parse()
            .map(Some)
            .map_err(|_| Error::Argument(format!("{name:?} holds numbers, and {text:?} is not one"))),
    };
    match wanted {
        Wanted::AnyOf(list) => {
            let list = list.iter().map(number).collect::<Result<Vec<_>>>()?;
            Ok(keep(ships, |r| list.iter().any(|w| w.map_or(values[r].is_nan(), |w| w == values[r]))))
        }
        Wanted::Between(low, high) => {
            let low = number(low)?.unwrap_or(f64::NEG_INFINITY);
            let high = number(high)?.unwrap_or(f64::INFINITY);
            Ok(keep(ships, |r| values[r] >= low && values[r] <= high))
        }
    }
}

fn by_label(ships: &Shipments, name: &str, key: Key, wanted: &Wanted, watch: &Watch) -> Result<Shipments> {
    let column = key.load(&ships.store, watch)?;
    let mut allowed: Vec<bool> = match column.labels.data_type() {
        DataType::Date32 => days_wanted(name, column.labels.as_primitive::<Date32Type>().values(), wanted)?,
        _ => {
            let texts = cast(&column.labels, &DataType::Utf8View)?;
            let codes = crate::store::Codes { ids: Vec::new(), labels: texts };
            let texts = label_texts(&codes)?;
            match key {
                Key::Role(role) if role.is_country() => countries_wanted(&texts, wanted),
                _ => texts_wanted(&texts, matches!(key, Key::Role(Role::Hs)), wanted),
            }
        }
    };
    let nulls = matches!(wanted, Wanted::AnyOf(list) if list.contains(&Literal::Null));
    allowed.push(nulls);
    Ok(keep(ships, |r| allowed[column.code(r) as usize]))
}

fn days_wanted(name: &str, days: &[i32], wanted: &Wanted) -> Result<Vec<bool>> {
    let period = |literal: &Literal| match literal {
        Literal::Null => Ok(None),
        other => Period::parse(&written(other)).map(Some).ok_or_else(|| {
            Error::Argument(format!(
                "{name:?} is a date, and {:?} is not one; write 2023, 2023-Q2, 2023-03 or 2023-03-01",
                written(other)
            ))
        }),
    };
    match wanted {
        Wanted::AnyOf(list) => {
            let periods = list.iter().map(period).collect::<Result<Vec<_>>>()?;
            Ok(days.iter().map(|&d| periods.iter().flatten().any(|p| p.contains(d))).collect())
        }
        Wanted::Between(low, high) => {
            let first = period(low)?.map_or(i32::MIN, |p| p.first);
            let last = period(high)?.map_or(i32::MAX, |p| p.last);
            Ok(days.iter().map(|d| (first..=last).contains(d)).collect())
        }
    }
}

fn texts_wanted(texts: &[Option<String>], prefix: bool, wanted: &Wanted) -> Vec<bool> {
    let tidy = |literal: &Literal| {
        let text = written(literal);
        if prefix { text.replace(['.', ' '], "") } else { text }
    };
    match wanted {
        Wanted::AnyOf(list) => {
            let list: Vec<String> = list.iter().filter(|l| **l != Literal::Null).map(tidy).collect();
            let holds = |text: &str| list.iter().any(|w| if prefix { text.starts_with(w.as_str()) } else { text == w });
            texts.iter().map(|t| t.as_deref().is_some_and(holds)).collect()
        }
        Wanted::Between(low, high) => {
            let (low, high) = (tidy(low), if *high == Literal::Null { None } else { Some(tidy(high)) });
            let within = |text: &str| {
                text >= low.as_str() && high.as_deref().is_none_or(|h| text <= h || (prefix && text.starts_with(h)))
            };
            texts.iter().map(|t| t.as_deref().is_some_and(within)).collect()
        }
    }
}

/// Countries by any of their codes and names, or as the column gives what is no country.
fn countries_wanted(texts: &[Option<String>], wanted: &Wanted) -> Vec<bool> {
    let exact = texts_wanted(texts, false, wanted);
    let Wanted::AnyOf(list) = wanted else { return exact };
    let keys: Vec<&str> = list.iter().filter_map(|l| country::key(&written(l))).collect();
    texts.iter().zip(exact).map(|(t, exact)| exact || t.as_deref().is_some_and(|t| keys.contains(&t))).collect()
}

fn written(literal: &Literal) -> String {
    match literal {
        Literal::Null => String::new(),
        Literal::Text(text) => text.clone(),
        Literal::Number(x) => x.to_string(),
    }
}
