//! `Digits`: are the declared values of a trader invented?
//!
//! Two tests of the values of an entity: do their first two digits differ from those of the products it trades, and are
//! more of them round than expected? Benford's law is no null hypothesis for a single trader (Cerioli et al., PNAS
//! 2019), because the digits of the prices of one product do not follow it. So the expected digits are those of the
//! other traders of the same products, and the variation of the statistics among honest traders is estimated from all
//! entities. Rounding is a habit, so the digits of round values are left out. With few values or few products there is
//! no score.

mod fit;
mod model;
mod scatter;
mod scores;

pub use model::Digits;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};

use self::model::Model;
use self::scores::DigitScores;
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::Result;
use crate::evidence::SharedScores;
use crate::group::{GroupKeys, IndexCache, resolve};
use crate::progress::Progress;
use crate::state::checked::Rule;
use crate::state::keys::plain;
use crate::state::members::{lists, read_lists};
use crate::store::{Role, Shipments};
use crate::table::table;

impl Registered for Digits {
    const NAME: &'static str = "Digits";

    fn of_parameters(parameters: &Parameters) -> Result<Digits> {
        Ok(Digits {
            entity: parameters.text("entity")?,
            min_values: parameters.count("min_values")?,
            min_products: parameters.count("min_products")?,
        })
    }
}

impl Detector for Digits {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        Ok(Arc::new(self.learn(ships, cache, progress)?))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        let keys = self.keys(states.iter().any(|s| s.column_by_name("hs2").is_some()));
        let (group_keys, [digits]) = read_lists(states, &keys, [("digits", Rule::DIGITS)], "Digits", progress)?;
        Ok(Arc::new(self.model(group_keys, digits.starts, digits.values, progress)?))
    }
}

impl Fit for Model {
    /// The entities of these shipments, with what was fitted for each.
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let keys = std::slice::from_ref(&self.settings.entity);
        let index = cache.get(ships, &resolve(&ships.store, keys)?, progress)?;
        let here = GroupKeys::of_index(&index, keys);
        let known = self.entities.find(&here, progress)?;
        let value = ships.store.role_numbers(Role::Value, progress)?;
        Ok(Arc::new(DigitScores { model: self, here, index, known, value }))
    }

    /// One row for each entity and HS chapter: the keys, `n`, and `digits`, the first two digits of each value, plus
    /// 1000 with four digits or more, 2000 if it is round as well, 3000 if it has three digits and is round.
    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        let parts = self.group_keys.groups();
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        for (k, key) in self.group_keys.keys.iter().enumerate() {
            columns.push((key.clone(), plain(&self.group_keys.labels(k)?)?));
        }
        let n = (0..parts).map(|g| (self.starts[g + 1] - self.starts[g]) as i64);
        columns.push(("n".into(), Arc::new(Int64Array::from_iter_values(n))));
        let mut sorted = self.cells.clone();
        for g in 0..parts {
            progress.check()?;
            sorted[self.starts[g]..self.starts[g + 1]].sort_unstable_by(f64::total_cmp);
        }
        columns.push(("digits".into(), lists(&self.starts, sorted, parts)));
        table(columns, parts)
    }
}
