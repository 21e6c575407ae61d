//! A fit as a table and back: one row for each part, that is for each firm and finest peer group. The log prices of the
//! parts are the members, and everything else is learnt from them again.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};

use super::super::unit_value::measure;
use super::components::AtLevel;
use super::model::Model;
use super::parts::Parts;
use super::settings::FirmPrices;
use crate::error::Result;
use crate::progress::Progress;
use crate::state::checked::Rule;
use crate::state::keys::plain;
use crate::state::members::{lists, numbers, read_lists};
use crate::store::Role;
use crate::table::table;

pub(super) fn table_of(model: &Model, progress: &Progress) -> Result<RecordBatch> {
    let parts = &model.base.parts;
    let rows = parts.len();
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for (k, key) in parts.keys.keys.iter().enumerate() {
        columns.push((key.clone(), plain(&parts.keys.labels(k)?)?));
    }
    let n = parts.starts.windows(2).map(|w| (w[1] - w[0]) as i64);
    columns.push(("n".into(), Arc::new(Int64Array::from_iter_values(n))));
    let cells = || model.cells.iter();
    let level = cells().map(|cell| cell.map(|cell| cell.level as i64));
    columns.push(("level".into(), Arc::new(level.collect::<Int64Array>())));
    let at = |read: fn(&AtLevel) -> f64| {
        numbers(cells().map(|cell| cell.map_or(f64::NAN, |cell| read(&model.signed.levels[cell.level]))))
    };
    columns.push(("mean_score".into(), numbers(cells().map(|cell| cell.map_or(f64::NAN, |cell| cell.mean)))));
    columns.push(("variance_firms".into(), numbers(std::iter::repeat_n(model.signed.firms, rows))));
    columns.push(("variance_products".into(), at(|level| level.products)));
    columns.push(("variance_within".into(), at(|level| level.within)));
    let mut sorted = parts.x.clone();
    for part in 0..rows {
        progress.check()?;
        sorted[parts.starts[part]..parts.starts[part + 1]].sort_unstable_by(f64::total_cmp);
    }
    let measure = model.base.settings.prices.measure.as_str();
    columns.push(("measure".into(), Arc::new(StringArray::from(vec![measure; rows]))));
    columns.push(("members".into(), lists(&parts.starts, sorted, rows)));
    table(columns, rows)
}

/// The fit of all data behind the states.
pub(super) fn restore(given: &FirmPrices, states: &[RecordBatch], progress: &Progress) -> Result<Model> {
    let mut settings = given.clone();
    settings.prices.measure = measure(&given.prices, states)?;
    let unit = Role::QuantityUnit.name();
    let levels = settings.prices.levels(states.iter().any(|s| s.column_by_name(unit).is_some()));
    let keys = settings.part_keys(&levels);
    let (keys, [members]) = read_lists(states, &keys, [("members", Rule::LOG)], "FirmPrices", progress)?;
    let firm_of = keys.project(&settings.entity)?.distinct()?.1;
    let parts = Parts { keys, starts: members.starts, x: members.values, firm_of };
    Ok(Model::learn(settings, &levels, parts, progress)?.0)
}
