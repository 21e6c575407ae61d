//! The settings of `ValueWeight`, and what a fit holds: the members and the line of every group.

use arrow::buffer::ScalarBuffer;

use crate::calibrate::tails::Tails;
use crate::error::{Error, Result};
use crate::evidence::cautions::FittedFacts;
use crate::group::{GroupKeys, Key};
use crate::progress::Progress;
use crate::stats::linear::{self, Leverage, Linear, MOST, NoFit, Points};
use crate::stats::ln;
use crate::store::{Role, RoleKind, Shipments};

/// Rows processed at a time.
pub(super) const CHUNK_ROWS: usize = 1 << 14;

/// Whether a number can be used in a regression: positive and finite.
pub(super) fn usable(x: f64) -> bool {
    x > 0.0 && x <= f64::MAX
}

#[derive(Clone, Debug, PartialEq)]
pub struct ValueWeight {
    pub by: Vec<String>,
    /// The regressors. The scale of the residuals may grow with the first.
    pub on: Vec<String>,
    pub min_peers: usize,
    /// Use logarithms.
    pub log: bool,
    /// Continue with an MM-estimate after least trimmed squares.
    pub mm: bool,
}

/// The fit of a group, or why there is none.
#[derive(Clone)]
pub enum Outcome {
    Fitted(Box<Fitted>),
    None(NoFit),
}

#[derive(Clone, Copy)]
pub struct Fitted {
    pub raw: Linear,
    pub objective: f64,
    pub linear: Linear,
    pub scale: f64,
    pub kept: u32,
    /// The line used for scores: the one above, fitted again with the weights of the power.
    pub fair: Linear,
    /// The variance of that fit, in squares of the scale.
    pub leverage: Leverage,
    /// The scale of the residuals divided by (x / middle)^power, with x the first regressor.
    pub spread: f64,
    /// The median of the first regressor.
    pub middle: f64,
}

pub(super) struct Model {
    pub(super) settings: ValueWeight,
    pub(super) group_keys: GroupKeys,
    pub(super) starts: Vec<usize>,
    /// The regressors and values of the members, one column each, sorted within each group.
    pub(super) columns: Vec<Vec<f64>>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) power: f64,
    pub(super) tails: Tails,
    pub(super) facts: FittedFacts,
}

impl ValueWeight {
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(Error::Argument(what));
        if self.on.is_empty() || self.on.len() > MOST {
            return wrong(format!("on names {} columns; name 1 to {MOST}, such as \"net_weight\"", self.on.len()));
        }
        for (i, name) in self.on.iter().enumerate() {
            if self.on[..i].contains(name) {
                return wrong(format!("on names {name:?} twice"));
            }
        }
        if self.on.iter().any(|name| name == "value") {
            return wrong("on names \"value\", which is what is explained; leave it out".into());
        }
        let fewest = linear::fewest(self.on.len());
        if self.min_peers < fewest {
            return wrong(format!(
                "min_peers={} is too few for {} and a scale; use {fewest} or more",
                self.min_peers,
                if self.on.len() == 1 { "a line".into() } else { format!("{} coefficients", self.on.len() + 1) },
            ));
        }
        Ok(())
    }

    /// The regressors for each row of the source, and the value last.
    pub(super) fn numbers(&self, ships: &Shipments, progress: &Progress) -> Result<Vec<ScalarBuffer<f64>>> {
        let store = &ships.store;
        let one = |name: &String| match Key::named(store, name)? {
            Key::Role(role) if role.kind() == RoleKind::Number => store.role_numbers(role, progress),
            Key::Column(column) if store.columns[column].is_number() => {
                Ok(store.columns[column].numbers(progress)?.values.clone())
            }
            _ => Err(Error::Argument(format!("on names {name:?}, which does not hold numbers; leave it out"))),
        };
        self.on.iter().map(one).chain([store.role_numbers(Role::Value, progress)]).collect()
    }

    /// A number in the form used for the regression.
    pub(super) fn shown(&self, x: f64) -> f64 {
        if self.log { ln(x) } else { x }
    }
}

impl Model {
    pub(super) fn members(&self, group: usize) -> Points<'_> {
        let range = self.starts[group]..self.starts[group + 1];
        let slopes = self.settings.on.len();
        Points::new(self.columns[..slopes].iter().map(|x| &x[range.clone()]), &self.columns[slopes][range.clone()])
    }

    pub(super) fn size(&self, group: usize) -> usize {
        self.starts[group + 1] - self.starts[group]
    }

    /// A residual in standard errors.
    pub(super) fn standard(&self, fit: &Fitted, x: &[f64; MOST], y: f64) -> f64 {
        (y - fit.fair.at(x)) / self.unit(fit, x)
    }

    /// The standard error of a residual: its scale and the uncertainty of the fit.
    #[inline(always)]
    pub(super) fn unit(&self, fit: &Fitted, x: &[f64; MOST]) -> f64 {
        fit.spread * (squared(x[0] / fit.middle, self.power) + fit.leverage.at(x)).sqrt()
    }
}

/// (x^power)² for the possible powers.
#[inline(always)]
pub fn squared(x: f64, power: f64) -> f64 {
    if power == 0.0 {
        1.0
    } else if power == 1.0 {
        x * x
    } else {
        x
    }
}
