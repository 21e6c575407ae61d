//! The fit: chooses the two windows, and measures and standardises the growth of every pair.

use super::median_polish::{measure_growth, median_polish, standardise};
use super::model::{Divergence, Model, Pair, Window};
use crate::error::{Error, Result};
use crate::flows::Flows;
use crate::progress::Progress;
use crate::store::{Every, Period, iso};

impl Divergence {
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

    pub(super) fn model(&self, flows: Flows, progress: &Progress) -> Result<Model> {
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

/// The twelve months that end with the month of a day.
fn year_until(last: i32) -> Period {
    let end = Every::Month.start(last);
    let mut first = end;
    for _ in 0..11 {
        first = Every::Month.start(first - 1);
    }
    Period { first, last: Every::Month.next(end) - 1 }
}
