//! The log prices of all rows of a store.

use arrow::buffer::ScalarBuffer;
use rayon::prelude::*;

use super::model::UnitValue;
use crate::error::Result;
use crate::progress::Progress;
use crate::stats::ln;
use crate::store::Shipments;

/// ln(numerator / denominator) of every row of the store; NaN if one of them is not positive.
pub struct Prices {
    pub over: ScalarBuffer<f64>,
    pub under: ScalarBuffer<f64>,
    pub x: Vec<f64>,
}

impl Prices {
    pub fn load(settings: &UnitValue, ships: &Shipments, progress: &Progress) -> Result<Prices> {
        let (over, under) = settings.roles()?;
        let over = ships.store.role_numbers(over, progress)?;
        let under = ships.store.role_numbers(under, progress)?;
        let mut x = vec![0.0; over.len()];
        let parts = x.par_chunks_mut(1 << 13).zip(over.par_chunks(1 << 13)).zip(under.par_chunks(1 << 13));
        parts.for_each(|((x, over), under)| {
            for ((x, &a), &b) in x.iter_mut().zip(over).zip(under) {
                let ratio = a / b;
                let usable = a > 0.0 && b > 0.0 && (f64::MIN_POSITIVE..=f64::MAX).contains(&ratio);
                let log = ln(ratio);
                *x = if usable { log } else { f64::NAN };
            }
        });
        Ok(Prices { over, under, x })
    }
}
