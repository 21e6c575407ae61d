//! The settings of `FirmPrices`.

use super::super::unit_value::UnitValue;
use crate::error::{Error, Result};

/// The smallest `min_shipments`.
const FEWEST: usize = 5;

#[derive(Clone, Debug, PartialEq)]
pub struct FirmPrices {
    /// The keys whose values are firms.
    pub entity: Vec<String>,
    /// How a single price is compared.
    pub prices: UnitValue,
    pub min_shipments: usize,
}

impl FirmPrices {
    pub(super) fn check(&self) -> Result<()> {
        self.prices.check()?;
        if self.entity.is_empty() {
            return Err(Error::Argument("entity is empty; name a key such as \"importer\"".into()));
        }
        if self.min_shipments < FEWEST {
            return Err(Error::Argument(format!(
                "min_shipments={}: the record of a firm needs {FEWEST} shipments or more",
                self.min_shipments
            )));
        }
        Ok(())
    }

    /// The firms as words: `importer`, or `exporter and importer`.
    pub(super) fn firm(&self) -> String {
        self.entity.join(" and ")
    }
}
