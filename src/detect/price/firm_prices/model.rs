//! The settings of `FirmPrices`, and what a fit holds.

use super::super::unit_value::{Fitted, UnitValue};
use super::components::Components;
use super::extremes::Usual;
use super::law::Law;
use super::parts::{Parts, PartsByFirm};
use crate::error::{Error, Result};
use crate::group::GroupKeys;

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

/// The fitted prices: peer groups, and the parts of each firm in them.
pub(super) struct Base {
    pub(super) settings: FirmPrices,
    pub(super) unit: Fitted,
    pub(super) parts: Parts,
    pub(super) firms: GroupKeys,
    /// For each level, the parts of each firm in each peer group.
    pub(super) by_firm: Vec<PartsByFirm>,
}

pub(super) struct Model {
    pub(super) base: Base,
    /// Scatter of the signed scores: among firms, among the products of a firm, within a product.
    pub(super) signed: Components,
    /// Scatter of the ranks of the distances from the firm's own prices.
    pub(super) ranks: Components,
    pub(super) law: Option<Law>,
    pub(super) usual: Usual,
    /// The mean score of each part; NaN if it has no peers.
    pub(super) means: Vec<f64>,
    /// The firms that the law was learnt from.
    pub(super) learnt_from: usize,
}
