//! Several columns as numbers, for detectors that look at them together.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringViewArray};
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use hashbrown::HashMap;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::group::{Key, KeyColumn};
use crate::progress::Progress;
use crate::state::checked;
use crate::stats::ln;
use crate::store::{Role, RoleKind, Shipments, label_texts};

/// One column: numbers with NaN for null, or categories as numbers of the sorted labels with NaN for null.
pub struct Feature {
    pub name: String,
    pub values: ScalarBuffer<f64>,
    pub labels: Option<Arc<Vec<String>>>,
}

/// Columns by the names that a user gives. Value, net_weight, quantity and `unit_value` (value / net weight) are taken
/// as logarithms, other columns of numbers as they are, and texts as categories if `texts` is true. The values follow
/// the rows of the shipments.
pub fn load(ships: &Shipments, names: &[String], texts: bool, progress: &Progress) -> Result<Vec<Feature>> {
    check(names)?;
    names.iter().map(|name| one(ships, name, texts, progress)).collect()
}

fn check(names: &[String]) -> Result<()> {
    if names.is_empty() {
        return Err(Error::Argument("columns is empty; name at least one, such as \"value\"".into()));
    }
    for (i, name) in names.iter().enumerate() {
        if names[..i].contains(name) {
            return Err(Error::Argument(format!("columns names {name:?} twice")));
        }
    }
    Ok(())
}

fn one(ships: &Shipments, name: &str, texts: bool, progress: &Progress) -> Result<Feature> {
    progress.check()?;
    let store = &ships.store;
    let number = |values: ScalarBuffer<f64>| Feature { name: name.into(), values: chosen(ships, values), labels: None };
    if name == "unit_value" && store.find(name).is_none() {
        let (value, weight) =
            (store.role_numbers(Role::Value, progress)?, store.role_numbers(Role::NetWeight, progress)?);
        let ratio: Vec<f64> =
            value.par_iter().zip(weight.par_iter()).with_min_len(1 << 12).map(|(v, w)| log(*v) - log(*w)).collect();
        return Ok(number(ratio.into()));
    }
    let key = Key::named(store, name)?;
    match key {
        Key::Role(role) if role.kind() == RoleKind::Number => {
            let values = store.role_numbers(role, progress)?;
            Ok(number(values.par_iter().with_min_len(1 << 12).map(|&v| log(v)).collect::<Vec<f64>>().into()))
        }
        Key::Column(column) if store.columns[column].is_number() => {
            Ok(number(store.columns[column].numbers(progress)?.values.clone()))
        }
        _ if texts => {
            let column = key.load(store, progress)?;
            let labels = label_texts(&crate::store::Codes { ids: Vec::new(), labels: column.labels.clone() })?;
            let labels = labels.into_iter().map(Option::unwrap_or_default).collect();
            Ok(Feature { name: name.into(), values: categories(ships, &column), labels: Some(Arc::new(labels)) })
        }
        _ => Err(Error::Argument(format!(
            "column {name:?} does not hold numbers; leave it out of columns, or use Isolation, which takes texts"
        ))),
    }
}

fn log(x: f64) -> f64 {
    if (f64::MIN_POSITIVE..=f64::MAX).contains(&x) { ln(x) } else { f64::NAN }
}

fn chosen(ships: &Shipments, values: ScalarBuffer<f64>) -> ScalarBuffer<f64> {
    match &ships.rows {
        crate::store::RowList::All(_) => values,
        crate::store::RowList::Some(rows) => rows.iter().map(|&r| values[r as usize]).collect::<Vec<f64>>().into(),
    }
}

fn categories(ships: &Shipments, column: &KeyColumn) -> ScalarBuffer<f64> {
    let code = |at: usize| {
        let code = column.code(ships.rows.row(at));
        if code == column.null() { f64::NAN } else { f64::from(code) }
    };
    (0..ships.len()).into_par_iter().with_min_len(1 << 12).map(code).collect::<Vec<f64>>().into()
}

/// The columns for a state: numbers as they are, categories as texts.
pub fn to_columns(features: &[Feature]) -> Vec<(String, ArrayRef)> {
    let column = |f: &Feature| -> ArrayRef {
        match &f.labels {
            None => Arc::new(f.values.iter().map(|v| (!v.is_nan()).then_some(*v)).collect::<Float64Array>()),
            Some(labels) => Arc::new(
                f.values
                    .iter()
                    .map(|v| (!v.is_nan()).then(|| labels[*v as usize].as_str()))
                    .collect::<StringViewArray>(),
            ),
        }
    };
    features.iter().map(|f| (f.name.clone(), column(f))).collect()
}

/// The inverse of [`to_columns`], over the rows of several states.
pub fn from_columns(states: &[RecordBatch], names: &[String], texts: bool, detector: &str) -> Result<Vec<Feature>> {
    check(names)?;
    checked::rows(states, detector)?;
    names
        .iter()
        .map(|name| {
            let parts: Result<Vec<ArrayRef>> =
                states.iter().map(|state| Ok(checked::column(state, name, detector)?.clone())).collect();
            let parts = checked::key(&parts?, name, detector)?;
            let known = parts.iter().any(|p| p.null_count() < p.len());
            let text = parts.iter().any(|p| p.data_type() == &DataType::Utf8View) && (texts || known);
            let number = parts.iter().all(|p| checked::is_number(p.data_type()));
            if !(text && texts || number || !text && !known) {
                let what = if texts { "neither numbers nor texts" } else { "no numbers" };
                return Err(checked::wrong(&format!("the column {name:?} holds {what}"), detector));
            }
            if text {
                let mut labels: Vec<String> = parts
                    .iter()
                    .flat_map(|p| p.as_string_view().iter().flatten().map(str::to_owned).collect::<Vec<_>>())
                    .collect();
                labels.sort_unstable();
                labels.dedup();
                let number: HashMap<&str, f64> =
                    labels.iter().enumerate().map(|(i, l)| (l.as_str(), i as f64)).collect();
                let values: Vec<f64> = parts
                    .iter()
                    .flat_map(|p| {
                        let texts = p.as_string_view().iter();
                        texts.map(|t| t.and_then(|t| number.get(t).copied()).unwrap_or(f64::NAN)).collect::<Vec<_>>()
                    })
                    .collect();
                let labels = Some(Arc::new(labels.clone()));
                return Ok(Feature { name: name.clone(), values: values.into(), labels });
            }
            let mut values = Vec::new();
            for part in &parts {
                if !number {
                    values.resize(values.len() + part.len(), f64::NAN);
                    continue;
                }
                let numbers = cast(part, &DataType::Float64)?;
                values.extend(numbers.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN)));
            }
            Ok(Feature { name: name.clone(), values: values.into(), labels: None })
        })
        .collect()
}

/// Categories with the labels of a fit. A new label becomes infinity, which no fit contains.
pub fn relabelled(features: Vec<Feature>, fitted: &[Option<Arc<Vec<String>>>]) -> Vec<ScalarBuffer<f64>> {
    features
        .into_iter()
        .zip(fitted)
        .map(|(feature, known)| match (&feature.labels, known) {
            (Some(own), Some(known)) => {
                let map: Vec<f64> =
                    own.iter().map(|l| known.binary_search(l).map_or(f64::INFINITY, |at| at as f64)).collect();
                let code = |v: &f64| if v.is_nan() { f64::NAN } else { map[*v as usize] };
                feature.values.par_iter().with_min_len(1 << 12).map(code).collect::<Vec<f64>>().into()
            }
            _ => feature.values,
        })
        .collect()
}
