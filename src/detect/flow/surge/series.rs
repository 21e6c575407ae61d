//! The series of one flow, and its baseline.
//!
//! Numbers of things are transformed to 2 √(n + 3/8), which stabilises the variance of counts (Anscombe 1948); their
//! scale is at least that of chance. A flow with records in at least half of the periods is fitted on logarithms. A
//! sparse flow is fitted like a count, with n its value in typical records, so that a few records after a pause are not
//! unusual. A measure with negative values is not transformed.

use crate::flows::{Cell, lay_out};
use crate::stats::series::{Baseline, Scratch, baseline, shortest};
use crate::stats::{OrderStatistics, encode, ln, negative_binomial_tails, normal_quantile};

/// The smallest standard deviation of logarithms; smaller differences are rounding.
const LEAST: f64 = 1e-6;
/// The constant added before the logarithm, relative to the median value.
const OFFSET: f64 = 0.01;
/// With fewer periods with records, no shift is dated.
const FEW: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Transform {
    Log { offset: f64 },
    Root { unit: f64 },
    Plain,
}

impl Transform {
    fn of(self, y: f64) -> f64 {
        match self {
            Transform::Log { offset } => ln(y + offset),
            Transform::Root { unit } => 2.0 * ((y / unit).max(0.0) + 0.375).sqrt(),
            Transform::Plain => y,
        }
    }

    /// The same for many values in place, in a form that vectorises.
    pub(super) fn of_all(self, values: &mut [f64]) {
        match self {
            Transform::Log { offset } => values.iter_mut().for_each(|y| *y = ln(*y + offset)),
            _ => values.iter_mut().for_each(|y| *y = self.of(*y)),
        }
    }

    /// The smallest scale of the transformed values: that of counts by chance, plus the variation of the sizes of
    /// records.
    fn least(self, facts: &Facts) -> f64 {
        match self {
            Transform::Root { .. } => (1.0 + if facts.counts { 0.0 } else { facts.size_variance }).sqrt(),
            _ => LEAST,
        }
    }

    /// The size of rounding errors.
    pub(super) fn rounding(self, base: &Baseline) -> f64 {
        match self {
            Transform::Plain => LEAST * base.before.abs().max(f64::MIN_POSITIVE),
            _ => LEAST,
        }
    }

    fn back(self, x: f64) -> f64 {
        match self {
            Transform::Log { offset } => (libm::exp(x) - offset).max(0.0),
            Transform::Root { unit } => ((0.25 * x.max(0.0) * x - 0.375) * unit).max(0.0),
            Transform::Plain => x,
        }
    }
}

/// A flow's baseline.
#[derive(Clone, Debug)]
pub struct Series {
    pub form: Transform,
    /// It has records in less than half of the periods.
    pub sparse: bool,
    pub base: Baseline,
    /// Periods with records.
    pub active: usize,
    /// Medians of the measure before the shift and from it on.
    pub before: f64,
    pub after: f64,
}

/// Facts about all flows of a fit.
#[derive(Clone, Copy)]
pub struct Facts {
    pub periods: usize,
    pub season: usize,
    pub additive: bool,
    pub counts: bool,
    /// The variance of the sizes of records relative to the square of their mean.
    pub size_variance: f64,
}

#[derive(Default)]
pub struct Buffers {
    y: Vec<f64>,
    x: Vec<f64>,
    keys: Vec<i64>,
    scratch: Scratch,
}

impl Series {
    /// Fits the first `until` periods of a flow.
    pub fn fit(cells: &[Cell], until: usize, facts: &Facts, buffers: &mut Buffers) -> Series {
        let Buffers { y, x, keys, scratch } = buffers;
        y.clear();
        y.resize(until, if facts.additive { 0.0 } else { f64::NAN });
        let cells = &cells[..cells.partition_point(|c| (c.at as usize) < until)];
        lay_out(cells, y);
        let active = cells.len();
        let sparse = facts.additive && 2 * cells.iter().filter(|c| c.value != 0.0).count() < until;
        let form = form(cells, sparse, facts, keys);
        // A sparse flow has no season, and a shift only if it was once less sparse.
        let rests = sparse && matches!(form, Transform::Root { .. });
        if rests && (active < FEW || !once_busy(cells, until)) {
            let still = Baseline::still(form.of(0.0), form.least(facts));
            return Series { form, sparse, base: still, active, before: 0.0, after: 0.0 };
        }
        x.clear();
        x.extend_from_slice(y);
        form.of_all(x);
        let mut base = match form {
            Transform::Log { .. } if facts.additive => baseline(x, facts.season, |t| y[t] != 0.0, scratch),
            _ => baseline(x, if rests { 1 } else { facts.season }, |_| true, scratch),
        };
        let least = match form {
            Transform::Plain => form.rounding(&base),
            form => form.least(facts),
        };
        if base.scale.is_nan() || base.scale < least {
            if let Some(shift) = &mut base.shift {
                shift.z *= base.scale.max(0.0) / least;
                if shift.z.is_nan() || base.scale <= 0.0 {
                    let sides = 1.0 / shift.at as f64 + 1.0 / (until - shift.at) as f64;
                    shift.z = (base.after - base.before) / (least * sides.sqrt());
                }
            }
            base.scale = least;
        }
        let cut = base.shift.map_or(until, |s| s.at);
        let before = median(&y[..cut], keys);
        let after = if cut < until { median(&y[cut..], keys) } else { before };
        Series { form, sparse, base, active, before, after }
    }

    pub fn expected(&self, t: usize) -> f64 {
        self.form.back(self.base.at(t))
    }

    pub fn unshifted(&self, t: usize) -> f64 {
        self.form.back(self.base.unshifted(t))
    }

    /// The z of a value, in scales. For a count it is the standard normal quantile of its probability.
    pub fn z(&self, t: usize, y: f64, facts: &Facts) -> f64 {
        let fitted = self.base.at(t);
        if y.is_nan() || fitted.is_nan() {
            return f64::NAN;
        }
        if facts.counts {
            let mean = self.form.back(fitted).max(0.05);
            let dispersion = (self.base.scale * self.base.scale - 1.0).max(0.0) / mean.max(1.0);
            let (upper, lower) = negative_binomial_tails(y, mean, dispersion);
            return if upper <= lower { -quantile(upper) } else { quantile(lower) };
        }
        (self.form.of(y) - fitted) / self.base.scale
    }
}

impl Series {
    /// Replaces the values of some periods by their [`Series::z`].
    pub fn standardise(&self, periods: impl Iterator<Item = usize>, values: &mut [f64], facts: &Facts) {
        match self.form {
            Transform::Log { .. } if !facts.counts => {
                self.form.of_all(values);
                for (x, t) in values.iter_mut().zip(periods) {
                    *x = (*x - self.base.at(t)) / self.base.scale;
                }
            }
            _ => values.iter_mut().zip(periods).for_each(|(y, t)| *y = self.z(t, *y, facts)),
        }
    }
}

/// Whether a flow has records in at least half of the periods up to some date, or from some date on. Otherwise the
/// median of every stretch is zero.
fn once_busy(cells: &[Cell], until: usize) -> bool {
    let least = shortest(until);
    let busy = |past: &mut dyn Iterator<Item = usize>| {
        // The length of the stretch that ends with each record.
        past.zip(1..).any(|(length, records)| 2 * records >= length.max(least))
    };
    busy(&mut cells.iter().map(|c| c.at as usize + 1)) || busy(&mut cells.iter().rev().map(|c| until - c.at as usize))
}

/// The median of the values that are not missing.
pub(super) fn median(values: &[f64], keys: &mut Vec<i64>) -> f64 {
    keys.clear();
    keys.extend(values.iter().filter(|v| !v.is_nan()).map(|&v| encode(v)));
    OrderStatistics::new(keys, false).median().unwrap_or(f64::NAN)
}

fn quantile(p: f64) -> f64 {
    normal_quantile(p.clamp(1e-300, 0.5))
}

fn form(cells: &[Cell], sparse: bool, facts: &Facts, keys: &mut Vec<i64>) -> Transform {
    if facts.counts {
        return Transform::Root { unit: 1.0 };
    }
    if cells.iter().any(|c| c.value < 0.0) {
        return Transform::Plain;
    }
    let mut middle = |values: &mut dyn Iterator<Item = f64>| {
        keys.clear();
        keys.extend(values.filter(|v| *v > 0.0 && v.is_finite()).map(encode));
        OrderStatistics::new(keys, false).median().unwrap_or(1.0)
    };
    if sparse {
        return Transform::Root { unit: middle(&mut cells.iter().map(|c| c.value / f64::from(c.records))) };
    }
    Transform::Log { offset: OFFSET * middle(&mut cells.iter().map(|c| c.value)) }
}
