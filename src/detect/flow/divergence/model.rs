//! The settings of `Divergence`, and what a fit holds: the growth of every product and destination between two windows.

use crate::calibrate::tails::Tails;
use crate::error::{Error, Result};
use crate::flows::{FlowSpec, Flows, LONGEST, Total};
use crate::store::{Every, Period};

#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    pub by: Vec<String>,
    pub across: String,
    pub measure: String,
    /// Inclusive days. By default the last twelve months of the data, and the twelve months before.
    pub current: Option<Period>,
    pub base: Option<Period>,
}

pub(super) struct Window {
    pub(super) days: Period,
    /// Its first and last period in the data.
    pub(super) span: (u32, u32),
}

/// A product and destination.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) product: u32,
    pub(super) destination: u32,
    pub(super) base: Total,
    pub(super) current: Total,
    /// Log growth, its variance, and the log growth expected from the two effects.
    pub(super) growth: f64,
    pub(super) variance: f64,
    /// The parts of that variance from the base window and from the current window.
    pub(super) window_variances: [f64; 2],
    pub(super) expected: f64,
    pub(super) z: f64,
    /// The log growth of all other destinations of the product together.
    pub(super) others: f64,
    /// The destination of the product that moved furthest in the other direction.
    pub(super) against: Option<usize>,
    pub(super) peers: usize,
}

pub(super) struct Model {
    pub(super) settings: Divergence,
    pub(super) flows: Flows,
    /// The base window and the current window.
    pub(super) windows: [Window; 2],
    pub(super) pairs: Vec<Pair>,
    pub(super) tails: Tails,
}

impl Divergence {
    pub(super) fn spec(&self) -> FlowSpec {
        let mut by = self.by.clone();
        by.push(self.across.clone());
        let whole_months = |p: &Option<Period>| p.is_none_or(|p| months(p).0 == p.first && months(p).1 == p.last);
        let every = if whole_months(&self.current) && whole_months(&self.base) { Every::Month } else { Every::Day };
        FlowSpec { by, every, measure: self.measure.clone(), squares: true, most: LONGEST }
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.by.is_empty() || self.by.contains(&self.across) {
            return Err(Error::Argument(format!(
                "by names products and across the destinations they are compared over; by={:?} and across={:?}",
                self.by, self.across
            )));
        }
        Ok(())
    }
}

/// The whole months that contain a window.
fn months(p: Period) -> (i32, i32) {
    (Every::Month.start(p.first), Every::Month.next(Every::Month.start(p.last)) - 1)
}
