//! The settings of `Digits`, and what a fit holds: the first digits of the values of every entity.

use crate::error::{Error, Result};
use crate::group::GroupKeys;

#[derive(Clone, Debug, PartialEq)]
pub struct Digits {
    pub entity: String,
    pub min_values: usize,
    pub min_products: usize,
}

pub(super) struct Model {
    pub(super) settings: Digits,
    /// Parts: the values of one entity in one product.
    pub(super) group_keys: GroupKeys,
    pub(super) starts: Vec<usize>,
    pub(super) cells: Vec<f64>,
    pub(super) entities: GroupKeys,
    /// One for each entity.
    pub(super) digits: Vec<EntityDigits>,
}

/// The digits of the values of one entity, compared with the expected ones.
#[derive(Clone, Default)]
pub(super) struct EntityDigits {
    /// Values of 10 or more.
    pub(super) n: f64,
    /// Those that are not round, whose digits are tested.
    pub(super) plain: f64,
    pub(super) products: usize,
    /// Chi-square divided by its degrees of freedom, before the adjustment for the variation among entities. NaN if
    /// not tested.
    pub(super) ratio: f64,
    pub(super) freedom: f64,
    pub(super) digits_p: f64,
    pub(super) mad: f64,
    pub(super) mad_expected: f64,
    /// Values of four digits or more, and the round ones among them.
    pub(super) long: f64,
    pub(super) rounded: f64,
    pub(super) round: f64,
    pub(super) round_expected: f64,
    pub(super) round_p: f64,
    /// NaN if not tested.
    pub(super) p: f64,
    pub(super) most_in_excess: DigitExcess,
}

/// The first two digits with the largest excess over the expected share.
#[derive(Clone, Copy, Default)]
pub(super) struct DigitExcess {
    pub(super) digits: usize,
    pub(super) share: f64,
    pub(super) expected: f64,
}

impl Digits {
    pub(super) fn check(&self) -> Result<()> {
        if self.min_values < 50 {
            return Err(Error::Argument(format!(
                "min_values={}: the tests of digits need 50 values or more",
                self.min_values
            )));
        }
        Ok(())
    }

    pub(super) fn keys(&self, with_product: bool) -> Vec<String> {
        let mut keys = vec![self.entity.clone()];
        if with_product {
            keys.push("hs2".into());
        }
        keys
    }
}
