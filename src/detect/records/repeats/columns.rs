//! The dates, values and weights of all rows, from which records are made.

use std::sync::Arc;

use arrow::buffer::ScalarBuffer;

use super::model::Record;
use crate::error::Result;
use crate::progress::Progress;
use crate::store::{NULL_DAY, Role, Shipments};

pub(super) struct Columns {
    days: Arc<Vec<i32>>,
    pub(super) value: ScalarBuffer<f64>,
    weight: Option<ScalarBuffer<f64>>,
}

impl Columns {
    pub(super) fn load(ships: &Shipments, progress: &Progress) -> Result<Columns> {
        Ok(Columns {
            days: ships.store.days(progress)?,
            value: ships.store.role_numbers(Role::Value, progress)?,
            weight: ships.store.optional_numbers(Role::NetWeight, progress)?,
        })
    }

    pub(super) fn record(&self, row: usize) -> Option<Record> {
        let (day, value) = (self.days[row], self.value[row]);
        let weight = self.weight.as_ref().map_or(f64::NAN, |w| w[row]);
        let weight = if weight.is_nan() { f64::NAN } else { weight };
        (day != NULL_DAY && value > 0.0 && value.is_finite()).then_some(Record { day, value, weight })
    }
}
