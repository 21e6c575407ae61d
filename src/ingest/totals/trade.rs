//! The columns in which a total and its parts agree, the figure by which they are compared, and whether the parts add
//! up.

use std::sync::Arc;

use arrow::buffer::ScalarBuffer;

use crate::error::Result;
use crate::progress::Progress;
use crate::store::{Codes, NULL_DAY, Role, Store};

/// The largest relative difference between a published total and the sum of its parts.
pub const TOLERANCE: f64 = 0.005;

/// The day and the codes of a row: countries, code, direction.
pub type Key = [u32; 6];

/// The columns in which a total and its parts agree.
pub struct Trade {
    days: Option<Arc<Vec<i32>>>,
    codes: Vec<Arc<Codes>>,
}

impl Trade {
    pub fn new(store: &Store, codes: Vec<Arc<Codes>>, progress: &Progress) -> Result<Trade> {
        let days = if store.role(Role::Date).is_some() { Some(store.days(progress)?) } else { None };
        Ok(Trade { days, codes })
    }

    pub fn day(&self, row: usize) -> i32 {
        self.days.as_ref().map_or(NULL_DAY, |days| days[row])
    }

    /// Rows with the same key are the same trade, except for the column in which a total differs from its parts.
    pub fn key(&self, row: usize) -> Key {
        let mut key = [0; 6];
        key[0] = self.day(row) as u32;
        key[1..].iter_mut().zip(&self.codes).for_each(|(place, codes)| *place = codes.ids[row]);
        key
    }
}

/// The value, else a weight or a quantity.
pub fn figures(store: &Store, progress: &Progress) -> Result<Option<ScalarBuffer<f64>>> {
    let measure = [Role::Value, Role::NetWeight, Role::Quantity].into_iter().find(|r| store.role(*r).is_some());
    measure.map(|role| store.role_numbers(role, progress)).transpose()
}

/// Whether a published total is the sum of `count` published parts.
pub fn adds_up(total: f64, parts: f64, count: usize) -> bool {
    // Each figure may be rounded by half a unit.
    let whole = total.fract() == 0.0 && parts.fract() == 0.0;
    let rounding = if whole { 0.5 * (count + 1) as f64 } else { 0.0 };
    let known = total.is_finite() && parts.is_finite() && total != 0.0;
    known && (total - parts).abs() <= (TOLERANCE * total.abs()).max(rounding.min(0.05 * total.abs()))
}
