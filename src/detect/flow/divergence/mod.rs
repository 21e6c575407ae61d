//! `Divergence`: did one destination develop differently from the others?
//!
//! The log growth of each product and destination between two windows, less the growth of the product everywhere and
//! the growth of the destination in all products. Both effects are found by weighted median polish (Tukey 1977). The
//! variance follows from the effective number of records behind the two sums, times a factor estimated from all pairs.
//! p-values come from the tails of all pairs.

mod median_polish;
mod scores;

use std::sync::Arc;

use arrow::array::RecordBatch;

use self::median_polish::{measure_growth, median_polish, standardise};
use self::scores::PairScores;
use crate::calibrate::tails::Tails;
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::{Error, Result};
use crate::evidence::SharedScores;
use crate::flows::{FlowSpec, Flows, LONGEST, Total};
use crate::group::IndexCache;
use crate::progress::Progress;
use crate::state::members::numbers;
use crate::store::{Every, Period, Shipments, iso};
use crate::table::table;

#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    pub by: Vec<String>,
    pub across: String,
    pub measure: String,
    /// Inclusive days. By default the last twelve months of the data, and the twelve months before.
    pub current: Option<Period>,
    pub base: Option<Period>,
}

/// A product and destination.
#[derive(Clone, Debug)]
struct Pair {
    product: u32,
    destination: u32,
    base: Total,
    current: Total,
    /// Log growth, its variance, and the log growth expected from the two effects.
    growth: f64,
    variance: f64,
    /// The parts of that variance from the base window and from the current window.
    window_variances: [f64; 2],
    expected: f64,
    z: f64,
    /// The log growth of all other destinations of the product together.
    others: f64,
    /// The destination of the product that moved furthest in the other direction.
    against: Option<usize>,
    peers: usize,
}

struct Window {
    days: Period,
    /// Its first and last period in the data.
    span: (u32, u32),
}

struct Model {
    settings: Divergence,
    flows: Flows,
    /// The base window and the current window.
    windows: [Window; 2],
    pairs: Vec<Pair>,
    tails: Tails,
}

impl Divergence {
    fn spec(&self) -> FlowSpec {
        let mut by = self.by.clone();
        by.push(self.across.clone());
        let whole_months = |p: &Option<Period>| p.is_none_or(|p| months(p).0 == p.first && months(p).1 == p.last);
        let every = if whole_months(&self.current) && whole_months(&self.base) { Every::Month } else { Every::Day };
        FlowSpec { by, every, measure: self.measure.clone(), squares: true, most: LONGEST }
    }

    fn check(&self) -> Result<()> {
        if self.by.is_empty() || self.by.contains(&self.across) {
            return Err(Error::Argument(format!(
                "by names products and across the destinations they are compared over; by={:?} and across={:?}",
                self.by, self.across
            )));
        }
        Ok(())
    }

    /// The base and the current window: days, and the periods of the data in them.
    fn windows(&self, flows: &Flows) -> Result<[Window; 2]> {
        let every = self.spec().every;
        let data = Period { first: flows.periods[0], last: every.next(flows.periods[flows.periods.len() - 1]) - 1 };
        let current = self.current.unwrap_or_else(|| year_until(data.last));
        let base = self.base.unwrap_or_else(|| year_until(current.first - 1));
        let window = |name: &str, days: Period| -> Result<Window> {
            let span = flows.window(days).ok_or_else(|| match (days.outside(name, data), self.current) {
                (error, Some(_)) => error,
                (error, None) => Error::Argument(format!("{error}; pass current and base")),
            })?;
            Ok(Window { days, span })
        };
        let windows = [window("base", base)?, window("current", current)?];
        if base.last >= current.first && current.last >= base.first {
            return Err(Error::Argument(format!(
                "base ({} to {}) and current ({} to {}) overlap",
                iso(base.first),
                iso(base.last),
                iso(current.first),
                iso(current.last)
            )));
        }
        Ok(windows)
    }

    fn model(&self, flows: Flows, progress: &Progress) -> Result<Model> {
        let windows = self.windows(&flows)?;
        let (_, product_of) = flows.group_keys.project(&self.by)?.distinct()?;
        let (_, destination_of) = flows.group_keys.project(std::slice::from_ref(&self.across))?.distinct()?;
        let totals = progress.each(0..flows.groups(), 1 << 8, |g| {
            Some([flows.total(g, windows[0].span), flows.total(g, windows[1].span)])
        })?;
        let mut pairs: Vec<Pair> = totals
            .into_iter()
            .flatten()
            .enumerate()
            .map(|(g, [base, current])| Pair {
                product: product_of[g],
                destination: destination_of[g],
                base,
                current,
                growth: f64::NAN,
                variance: f64::NAN,
                window_variances: [f64::NAN; 2],
                expected: f64::NAN,
                z: f64::NAN,
                others: f64::NAN,
                against: None,
                peers: 0,
            })
            .collect();
        measure_growth(&mut pairs, progress)?;
        median_polish(&mut pairs, progress)?;
        let tails = standardise(&mut pairs, progress)?;
        Ok(Model { settings: self.clone(), flows, windows, pairs, tails })
    }
}

/// The whole months that contain a window.
fn months(p: Period) -> (i32, i32) {
    (Every::Month.start(p.first), Every::Month.next(Every::Month.start(p.last)) - 1)
}

/// The twelve months that end with the month of a day.
fn year_until(last: i32) -> Period {
    let end = Every::Month.start(last);
    let mut first = end;
    for _ in 0..11 {
        first = Every::Month.start(first - 1);
    }
    Period { first, last: Every::Month.next(end) - 1 }
}

impl Registered for Divergence {
    const NAME: &'static str = "Divergence";

    fn of_parameters(parameters: &Parameters) -> Result<Divergence> {
        Ok(Divergence {
            by: parameters.names("by")?,
            across: parameters.text("across")?,
            measure: parameters.text("measure")?,
            current: parameters.window("current")?,
            base: parameters.window("base")?,
        })
    }
}

impl Detector for Divergence {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        Ok(Arc::new(self.model(self.spec().flows(ships, cache, progress)?, progress)?))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        Ok(Arc::new(self.model(self.spec().restored(states, "Divergence", progress)?, progress)?))
    }
}

impl Fit for Model {
    /// The products and destinations of these shipments, with what was fitted for each.
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let flows = self.settings.spec().flows(ships, cache, progress)?;
        let known = self.flows.group_keys.find(&flows.group_keys, progress)?;
        Ok(Arc::new(PairScores { model: self, flows, known }))
    }

    /// One row for each product and destination: the keys, `n`, the cells, and `base`, `current`, `log_growth`,
    /// `expected` (log growth) and `z`.
    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        let mut columns = self.flows.state(progress)?;
        let mut float = |name: &str, value: fn(&Pair) -> f64| {
            columns.push((name.into(), numbers(self.pairs.iter().map(value))));
        };
        float("base", |p| p.base.value);
        float("current", |p| p.current.value);
        float("log_growth", |p| p.growth);
        float("expected", |p| p.expected);
        float("z", |p| p.z);
        table(columns, self.pairs.len())
    }
}
