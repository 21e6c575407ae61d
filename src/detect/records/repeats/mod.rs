//! `Repeats`: was a consignment declared twice, or split into several?
//!
//! Shipments of the same parties and code within a few days are compared. Counted are those with the same day, value
//! and weight (duplicates), with almost the same value (near duplicates), and those just under a threshold that they
//! exceed together (splits). How often records agree by chance is learnt from records of the same parties and code that
//! lie further apart, pooled over parties and codes: standing orders, list prices and round amounts repeat. The p-value
//! is the smallest of these, times their number.

mod columns;
mod fit;
mod learn;
mod likeness;
mod model;
mod rates;
mod scores;

pub use model::Repeats;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};

use self::model::{Model, Record};
use self::scores::RepeatScores;
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::Result;
use crate::evidence::SharedScores;
use crate::group::{GroupKeys, IndexCache, resolve};
use crate::progress::Progress;
use crate::state::checked::{Rule, wrong};
use crate::state::keys::plain;
use crate::state::members::{lists, read_lists, same_lengths};
use crate::store::Shipments;
use crate::table::table;

impl Registered for Repeats {
    const NAME: &'static str = "Repeats";

    fn of_parameters(parameters: &Parameters) -> Result<Repeats> {
        Ok(Repeats {
            window: parameters.days("window")?,
            tolerance: parameters.number("tolerance")?,
            threshold: parameters.optional_number("threshold")?,
            band: parameters.number("band")?,
        })
    }
}

impl Detector for Repeats {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        Ok(Arc::new(self.learn(ships, cache, progress)?.0))
    }

    fn fit_score(
        &self,
        ships: &Shipments,
        cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(SharedFit, SharedScores)> {
        let (model, index) = self.learn(ships, cache, progress)?;
        let model = Arc::new(model);
        let known = (0..model.group_keys.groups() as u32).map(Some).collect();
        let scores = RepeatScores::new(model.clone(), ships, &index, known, true, progress)?;
        Ok((model, Arc::new(scores)))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        let known = ["hs", "exporter", "importer", "origin", "destination", "reported_by"];
        let keys: Vec<String> = known
            .into_iter()
            .filter(|k| states.iter().any(|s| s.column_by_name(k).is_some()))
            .map(str::to_owned)
            .collect();
        if !keys.iter().any(|k| k == "exporter" || k == "importer") {
            return Err(wrong("the state has no column \"exporter\" and none \"importer\"", "Repeats"));
        }
        let names = ["days", "values", "weights"];
        let rules = [(names[0], Rule::DAY), (names[1], Rule::AMOUNT), (names[2], Rule::ANY)];
        let (group_keys, [days, values, weights]) = read_lists(states, &keys, rules, "Repeats", progress)?;
        same_lengths(&[&days, &values, &weights], &names, "Repeats")?;
        let numbers = days.values.iter().zip(&values.values).zip(&weights.values);
        let records = numbers.map(|((&day, &value), &weight)| Record { day: day as i32, value, weight }).collect();
        Ok(Arc::new(self.model(keys, group_keys, days.starts, records, progress)?))
    }
}

impl Fit for Model {
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let index = cache.get(ships, &resolve(&ships.store, &self.keys)?, progress)?;
        let here = GroupKeys::of_index(&index, &self.keys);
        let known = self.group_keys.find(&here, progress)?;
        Ok(Arc::new(RepeatScores::new(self, ships, &index, known, false, progress)?))
    }

    /// One row for each group of the same parties and code: the keys, `n`, and lists of `days` (since 1970-01-01),
    /// `values` and `weights`.
    fn state(&self, _progress: &Progress) -> Result<RecordBatch> {
        let groups = self.group_keys.groups();
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        for (k, key) in self.keys.iter().enumerate() {
            columns.push((key.clone(), plain(&self.group_keys.labels(k)?)?));
        }
        let n = (0..groups).map(|g| (self.starts[g + 1] - self.starts[g]) as i64);
        columns.push(("n".into(), Arc::new(Int64Array::from_iter_values(n))));
        let mut put = |name: &str, cell: fn(&Record) -> f64| {
            columns.push((name.into(), lists(&self.starts, self.records.iter().map(cell).collect(), groups)));
        };
        put("days", |r| f64::from(r.day));
        put("values", |r| r.value);
        put("weights", |r| r.weight);
        table(columns, groups)
    }
}
