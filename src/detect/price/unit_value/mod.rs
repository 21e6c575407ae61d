//! `UnitValue`: is the price per kilogram or unit out of line with its peer group?
//!
//! x = ln(numerator / denominator); z = (x - centre) / scale in the finest peer group with `min_peers` members. The
//! centre is the median, the scale 1.4826 MAD (Hampel 1974, Iglewicz and Hoaglin 1993) or another robust scale. Both
//! are shrunk to those of the parent group.

mod fit;
mod scores;
mod shrink;
mod state;
mod tail_scale;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::ScalarBuffer;
use rayon::prelude::*;

use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::{Error, Result};
use crate::evidence::SharedScores;
use crate::group::{IndexCache, resolve};
use crate::progress::Progress;
use crate::stats::ln;
use crate::store::{Role, Shipments};
use fit::Fitted;

/// The estimator of the scale of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// 1.4826 times the median absolute deviation.
    Mad,
    /// Rousseeuw and Croux (1993).
    Qn,
    Sn,
    /// One scale above the centre and one below, from the fences of the adjusted boxplot (Hubert and Vandervieren
    /// 2008), which follow the skewness.
    Adjusted,
}

impl Scale {
    pub const NAMES: [(&'static str, Scale); 4] =
        [("mad", Scale::Mad), ("qn", Scale::Qn), ("sn", Scale::Sn), ("adjusted", Scale::Adjusted)];
}

#[derive(Clone, Debug, PartialEq)]
pub struct UnitValue {
    pub measure: String,
    pub by: Vec<String>,
    pub min_peers: usize,
    pub backoff: Vec<Vec<String>>,
    pub scale: Scale,
}

impl UnitValue {
    fn roles(&self) -> Result<(Role, Role)> {
        match self.measure.as_str() {
            "value/net_weight" => Ok((Role::Value, Role::NetWeight)),
            "value/quantity" => Ok((Role::Value, Role::Quantity)),
            "net_weight/quantity" => Ok((Role::NetWeight, Role::Quantity)),
            other => Err(Error::Argument(format!(
                "measure={other:?} is not known; use \"value/net_weight\", \"value/quantity\" or \"net_weight/quantity\""
            ))),
        }
    }

    fn check(&self) -> Result<()> {
        self.roles()?;
        if self.min_peers < 3 {
            return Err(Error::Argument(format!(
                "min_peers={} is too few to know a spread; use 3 or more",
                self.min_peers
            )));
        }
        Ok(())
    }

    /// The keys of each level, finest first. Quantities are compared within one unit only.
    fn levels(&self, with_unit: bool) -> Vec<Vec<String>> {
        let mut levels: Vec<Vec<String>> = std::iter::once(&self.by).chain(&self.backoff).cloned().collect();
        let unit = Role::QuantityUnit.name();
        for keys in &mut levels {
            if with_unit && !keys.iter().any(|k| k == unit) {
                keys.push(unit.into());
            }
        }
        levels
    }

    /// The same detector, with prices by quantity if the shipments have a quantity and no weight. A note of the
    /// shipments says so.
    fn suited(&self, ships: &Shipments) -> UnitValue {
        let has = |role| ships.store.role(role).is_some();
        let mut suited = self.clone();
        if self.measure == "value/net_weight" && !has(Role::NetWeight) && has(Role::Quantity) {
            suited.measure = "value/quantity".into();
            let unit =
                if has(Role::QuantityUnit) { "within one unit" } else { "whatever its unit, which no column tells" };
            ships.store.note(format!("no column has the role net_weight: UnitValue takes prices by quantity, {unit}"));
        }
        suited
    }

    fn levels_for(&self, ships: &Shipments) -> Result<Vec<Vec<String>>> {
        self.check()?;
        let (over, under) = self.roles()?;
        ships.store.require(over)?;
        ships.store.require(under)?;
        let with_unit = under == Role::Quantity && ships.store.role(Role::QuantityUnit).is_some();
        let levels = self.levels(with_unit);
        for keys in &levels {
            resolve(&ships.store, keys)?;
        }
        Ok(levels)
    }
}

impl Registered for UnitValue {
    const NAME: &'static str = "UnitValue";

    fn of_parameters(parameters: &Parameters) -> Result<UnitValue> {
        Ok(UnitValue {
            measure: parameters.text("measure")?,
            by: parameters.names("by")?,
            min_peers: parameters.count("min_peers")?,
            backoff: parameters.levels("backoff")?,
            scale: parameters.choice("scale", &Scale::NAMES)?,
        })
    }
}

impl Detector for UnitValue {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        let suited = self.suited(ships);
        let prices = Prices::load(&suited, ships, progress)?;
        Ok(Arc::new(Fitted::of_shipments(&suited, ships, &prices, cache, progress)?.0))
    }

    fn fit_score(
        &self,
        ships: &Shipments,
        cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(SharedFit, SharedScores)> {
        let suited = self.suited(ships);
        let prices = Prices::load(&suited, ships, progress)?;
        let (fitted, index) = Fitted::of_shipments(&suited, ships, &prices, cache, progress)?;
        let fitted = Arc::new(fitted);
        let scores = scores::of_fitted(fitted.clone(), ships, prices, &index);
        Ok((fitted, Arc::new(scores)))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        Ok(Arc::new(state::restore(self, states, progress)?))
    }
}

impl Fit for Fitted {
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let prices = Prices::load(&self.settings, ships, progress)?;
        Ok(Arc::new(scores::of_new(self, ships, prices, cache, progress)?))
    }

    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        state::table_of(self, progress)
    }
}

/// ln(numerator / denominator) of every row of the store; NaN if one of them is not positive.
struct Prices {
    over: ScalarBuffer<f64>,
    under: ScalarBuffer<f64>,
    x: Vec<f64>,
}

impl Prices {
    fn load(settings: &UnitValue, ships: &Shipments, progress: &Progress) -> Result<Prices> {
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
