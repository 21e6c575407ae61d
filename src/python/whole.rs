//! Whole numbers from Python, which have no limits.

use std::ops::RangeInclusive;

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

use crate::error::{Error, Result};

/// The number as given. A number beyond 128 bits becomes the nearest limit, which no parameter allows.
#[derive(Clone, Copy)]
pub struct WholeNumber(i128);

impl<'py> FromPyObject<'_, 'py> for WholeNumber {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<WholeNumber> {
        match given.extract::<i128>() {
            Ok(number) => Ok(WholeNumber(number)),
            Err(error) if error.is_instance_of::<PyOverflowError>(given.py()) => {
                Ok(WholeNumber(if given.lt(0)? { i128::MIN } else { i128::MAX }))
            }
            Err(error) => Err(error),
        }
    }
}

impl WholeNumber {
    fn within(self, name: &str, range: RangeInclusive<i128>) -> Result<i128> {
        if range.contains(&self.0) {
            return Ok(self.0);
        }
        let number = match self.0 {
            i128::MIN => "a number below -2^127".to_owned(),
            i128::MAX => "a number above 2^127".into(),
            number => number.to_string(),
        };
        Err(Error::outside(name, number, &range))
    }

    /// A number of things, limited by the possible number of rows.
    pub fn count(self, name: &str) -> Result<usize> {
        Ok(self.within(name, 0..=u32::MAX.into())? as usize)
    }

    pub fn seed(self) -> Result<u64> {
        Ok(self.within("seed", 0..=u64::MAX.into())? as u64)
    }
}
