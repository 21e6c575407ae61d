//! The working memory of a fit: what season, slope and levels leave of a series.

use super::baseline::{Baseline, Shift};
use super::split::Splitter;
use crate::stats::{OrderStatistics, encode};

/// The shortest stretch on either side of a shift: this many periods, or one in so many of all.
const SHORTEST: (usize, usize) = (3, 16);

/// The shortest stretch on either side of a shift in so many periods.
pub fn shortest(periods: usize) -> usize {
    SHORTEST.0.max(periods / SHORTEST.1)
}

/// Working memory, reused from series to series.
#[derive(Default)]
pub struct Scratch {
    /// The residuals.
    pub(super) rest: Vec<f64>,
    /// The season of each period.
    pub(super) season: Vec<f64>,
    pub(super) kept: Vec<u32>,
    pub(super) some: Vec<f64>,
    pub(super) keys: Vec<i64>,
    pub(super) splitter: Splitter,
}

impl Scratch {
    pub(super) fn take_season(&mut self, base: &Baseline, n: usize) {
        self.season.clear();
        if base.season.is_empty() {
            self.season.resize(n, 0.0);
        } else {
            self.season.extend(base.season.iter().copied().cycle().take(n));
        }
    }

    /// Computes the residuals from slope and season.
    pub(super) fn take_rest(&mut self, x: &[f64], base: &Baseline) {
        self.rest.clear();
        let seasonal = x.iter().zip(&self.season).enumerate();
        self.rest.extend(seasonal.map(|(t, (x, s))| x - s - base.slope * (t as f64 - base.middle)));
    }

    /// Computes the residuals from the whole baseline.
    pub(super) fn take_off(&mut self, x: &[f64], base: &Baseline) {
        self.take_rest(x, base);
        let (before, after) = self.rest.split_at_mut(base.cut(x.len()));
        before.iter_mut().for_each(|r| *r -= base.before);
        after.iter_mut().for_each(|r| *r -= base.after);
    }

    /// Finds the two levels of the values that were sorted last, if there are enough values.
    pub(super) fn split(&mut self, base: &mut Baseline) {
        if let Some(split) = self.splitter.best(shortest(self.rest.len())) {
            (base.before, base.after) = (split.before, split.after);
            base.shift = Some(Shift { at: split.at, z: 0.0 });
        }
    }

    /// The median absolute residual.
    pub(super) fn median_size(&mut self, weigh: &impl Fn(usize) -> bool) -> f64 {
        let sizes = self.rest.iter().enumerate().filter(|(t, _)| weigh(*t)).map(|(_, off)| off.abs());
        median_of(sizes, &mut self.keys)
    }
}

/// The median of the values that are not missing; NaN if there are none.
pub(super) fn median_of(found: impl Iterator<Item = f64>, keys: &mut Vec<i64>) -> f64 {
    keys.clear();
    keys.extend(found.filter(|v| !v.is_nan()).map(encode));
    OrderStatistics::new(keys, false).median().unwrap_or(f64::NAN)
}
