//! What a fit of `FirmPrices` holds.

use super::super::unit_value::Fitted;
use super::components::{Cell, Components};
use super::extremes::Usual;
use super::law::Law;
use super::parts::{Parts, PartsByFirm};
use super::settings::FirmPrices;
use crate::group::GroupKeys;

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
    /// The scores of each part; `None` if it has no peers.
    pub(super) cells: Vec<Option<Cell>>,
    /// The firms that the law was learnt from.
    pub(super) learnt_from: usize,
}
