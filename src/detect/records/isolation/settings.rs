//! The settings of `Isolation`, and their limits.

use crate::error::{Error, Result};

/// The largest number of trees.
const MOST_TREES: usize = 10_000;

#[derive(Clone, Debug, PartialEq)]
pub struct Isolation {
    pub columns: Vec<String>,
    pub trees: usize,
    pub sample: usize,
    pub seed: u64,
}

impl Isolation {
    pub(super) fn check(&self) -> Result<()> {
        if !(1..=MOST_TREES).contains(&self.trees) {
            return Err(Error::Argument(format!("trees={}; use 1 to {MOST_TREES}, 100 is usual", self.trees)));
        }
        if self.sample < 2 || self.sample > 1 << 16 {
            return Err(Error::Argument(format!("sample={}; use 2 to 65536, 256 is usual", self.sample)));
        }
        Ok(())
    }
}
