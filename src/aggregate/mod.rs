//! Measures over groups of shipments, and the comparison of two windows.

mod compare;
mod compute;
mod fill;
mod grouped;
mod measure;
mod statistics;
mod summary;

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};

pub use compare::{Comparison, compare};
pub use measure::{Measure, Stat};
use measure::{MeasureKind, Operand};
pub use summary::{fault_table, repair_table, summary, total_table};

use crate::error::{Error, Result};
use crate::group::{GroupIndex, IndexCache, resolve};
use crate::progress::Progress;
use crate::store::Shipments;
use crate::table::SharedTable;

/// Groups `ships` by the named keys and computes the measures. Rows are sorted by the keys, nulls last. With `fill`,
/// missing periods between the first and last one of the other keys get a row.
pub fn aggregate(
    ships: &Shipments,
    cache: &IndexCache,
    by: &[String],
    measures: &[String],
    fill: bool,
    progress: &Progress,
) -> Result<SharedTable> {
    let keys = resolve(&ships.store, by)?;
    let plan = measure::plan(&ships.store, measures)?;
    let mut names: Vec<&str> = by.iter().map(String::as_str).collect();
    for measure in &plan {
        if names.contains(&measure.name.as_str()) {
            return Err(Error::Argument(format!(
                "the result would have two columns named {:?}; ask for each key and measure once",
                measure.name
            )));
        }
        names.push(&measure.name);
    }
    let index = cache.get(ships, &keys, progress)?;
    let arrays = compute::compute(&index, ships, &plan, true, progress)?;
    if fill {
        return Ok(Arc::new(fill::complete(&index, by, &keys, &plan, &arrays, progress)?));
    }
    let measures = plan.iter().map(|m| m.name.clone()).zip(arrays).collect();
    Ok(Arc::new(grouped::Grouped::new(by, index.keys.clone(), measures, index.groups())))
}

/// One measure of every group of an index, as doubles, such that the [`summands`] add up to it. NaN is null.
pub fn measured(
    index: &GroupIndex,
    ships: &Shipments,
    measure: &Measure,
    progress: &Progress,
) -> Result<ScalarBuffer<f64>> {
    let made = compute::compute(index, ships, std::slice::from_ref(measure), false, progress)?;
    let numbers = cast(&made[0], &DataType::Float64)?;
    let numbers = numbers.as_primitive::<Float64Type>();
    Ok(match numbers.nulls() {
        None => numbers.values().clone(),
        Some(_) => numbers.iter().map(|v| v.unwrap_or(f64::NAN)).collect(),
    })
}

/// The numbers of a sum, row by row; `None` for any other measure.
pub fn summands(ships: &Shipments, measure: &Measure, progress: &Progress) -> Result<Option<ScalarBuffer<f64>>> {
    Ok(match measure.kind {
        MeasureKind::Stat(Operand::Role(role), Stat::Sum) => Some(ships.store.role_numbers(role, progress)?),
        MeasureKind::Stat(Operand::Column(column), Stat::Sum) => {
            Some(ships.store.columns[column].numbers(progress)?.values.clone())
        }
        _ => None,
    })
}
