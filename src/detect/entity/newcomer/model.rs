//! The settings of `Newcomer`, and what a fit holds: the status of every entity, and the cohorts.

use super::cohorts::Cohorts;
use super::first_seen::EntityStatus;
use crate::error::{Error, Result};
use crate::flows::{FlowSpec, Flows, LONGEST};
use crate::group::GroupKeys;
use crate::store::Every;

/// The smallest number of days in the data for which a volume is scaled to the window.
pub(super) const SEEN: i32 = 30;

#[derive(Clone, Debug, PartialEq)]
pub struct Newcomer {
    pub entity: Vec<String>,
    pub measure: String,
    /// Days of the first window; days at the start of the data in which no entity counts as new; days without a record
    /// after which an entity counts as new again.
    pub window: i32,
    pub burn_in: i32,
    pub dormant: i32,
    pub min_peers: usize,
    /// Founding dates by the first key of the entity.
    pub founded: Vec<(String, i32)>,
}

pub(super) struct Model {
    pub(super) settings: Newcomer,
    pub(super) product: Option<String>,
    pub(super) flows: Flows,
    pub(super) entities: GroupKeys,
    /// One for each entity.
    pub(super) statuses: Vec<EntityStatus>,
    pub(super) cohorts: Cohorts,
}

impl Newcomer {
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::Argument(what.to_owned()));
        if self.entity.is_empty() {
            return wrong("entity is empty; name a key such as \"importer\"");
        }
        if self.window < SEEN {
            return wrong(&format!("window={}: the window must have {SEEN} days or more", self.window));
        }
        if self.burn_in < 0 || self.dormant < 1 {
            return wrong("burn_in must be 0 days or more, and dormant 1 or more");
        }
        if let Some(days) = [self.window, self.burn_in, self.dormant].into_iter().find(|d| f64::from(*d) > LONGEST) {
            return wrong(&format!("window, burn_in and dormant are days: {days} are more than 200 years"));
        }
        Ok(())
    }

    pub(super) fn spec(&self, product: Option<&String>) -> FlowSpec {
        let mut by = self.entity.clone();
        by.extend(product.cloned());
        FlowSpec { by, every: Every::Day, measure: self.measure.clone(), squares: false, most: LONGEST }
    }

    /// The product is a key of the entity, or else the heading.
    pub(super) fn product(&self, has_hs: bool) -> Option<String> {
        let own = self.entity.iter().any(|k| k.starts_with("hs"));
        (has_hs && !own).then(|| "hs4".to_owned())
    }
}
