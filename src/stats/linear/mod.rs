//! Least trimmed squares of y on one or a few regressors with an intercept, and the steps after it.
//!
//! Minimises the sum of the h = (n + p + 1) div 2 smallest squared residuals, p the number of coefficients
//! (Rousseeuw 1984), so up to half of the points may be outliers. A line through up to [`EXACT`]
//! points is found by an exact search over all subsets that a slope can select. Lines through more points are found by
//! steps from a robust first line and from lines through pairs of points ([`window`]), fits on several regressors by
//! FAST-LTS (Rousseeuw and Van Driessen 2006): exact fits to as many points as there are coefficients,
//! screened, then concentrated. Reweighting keeps the points within the 98.75 % point of the normal, as R's
//! robustbase does.
//!
//! Points must be finite and in ascending order of (x, y): the same points then give the same bits.

mod concentrate;
mod consistency;
mod exhaustive;
mod frame;
mod least;
mod line;
mod mm;
mod plane;
mod slide;
mod subsets;
#[cfg(test)]
mod tests;
mod window;

use super::lanes::sums;
use frame::Frame;
pub use least::{Leverage, weighted, weighted_with_leverage};
pub use mm::mm;

/// Up to this many points a line is found by the exact search. It takes a time that grows with the square of their
/// number.
const EXACT: usize = 64;
/// Φ⁻¹(0.9875): the reweighting leaves out points with larger standardised residuals.
pub const CUTOFF: f64 = 2.241_402_727_604_947;
/// Residuals below this share of the scale of y count as 0.
const NOTHING: f64 = 1e-10;
/// The largest number of regressors.
pub const MOST: usize = 4;

/// intercept + Σ slope x; the slopes of missing regressors are 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    pub intercept: f64,
    pub slopes: [f64; MOST],
}

impl Linear {
    pub const ZERO: Linear = Linear { intercept: 0.0, slopes: [0.0; MOST] };

    pub fn line(intercept: f64, slope: f64) -> Linear {
        Linear { intercept, slopes: [slope, 0.0, 0.0, 0.0] }
    }

    pub fn at(&self, x: &[f64; MOST]) -> f64 {
        x.iter().zip(&self.slopes).fold(self.intercept, |sum, (x, slope)| sum + slope * x)
    }
}

/// Some points: a column for each regressor, and one for y.
#[derive(Clone, Copy)]
pub struct Points<'a> {
    x: [&'a [f64]; MOST],
    slopes: usize,
    pub y: &'a [f64],
}

impl<'a> Points<'a> {
    /// One to [`MOST`] columns of regressors, each as long as `y`.
    pub fn new(x: impl IntoIterator<Item = &'a [f64]>, y: &'a [f64]) -> Points<'a> {
        let (mut columns, mut slopes) = ([&[][..]; MOST], 0);
        for column in x {
            columns[slopes] = column;
            slopes += 1;
        }
        Points { x: columns, slopes, y }
    }

    pub fn x(&self) -> &[&'a [f64]] {
        &self.x[..self.slopes]
    }

    /// The regressors of one point.
    pub fn x_of(&self, i: usize) -> [f64; MOST] {
        self.x.map(|column| column.get(i).copied().unwrap_or(0.0))
    }

    pub fn count(&self) -> usize {
        self.y.len()
    }

    pub fn coefficients(&self) -> usize {
        self.slopes + 1
    }

    pub fn residuals(&self, linear: &Linear, out: &mut Vec<f64>) {
        out.clear();
        match self.x() {
            [x] => {
                let slope = linear.slopes[0];
                out.extend(x.iter().zip(self.y).map(|(x, y)| y - (linear.intercept + slope * x)));
            }
            all => {
                out.extend(self.y.iter().map(|y| y - linear.intercept));
                for (column, slope) in all.iter().zip(&linear.slopes) {
                    out.iter_mut().zip(*column).for_each(|(out, x)| *out -= slope * x);
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Fit {
    /// The least trimmed squares fit.
    pub raw: Linear,
    /// The sum of its h smallest squared residuals.
    pub objective: f64,
    /// The least squares fit to the points kept.
    pub linear: Linear,
    /// Standard deviation of the residuals of the points kept, made consistent at the normal.
    pub scale: f64,
    /// Points kept by reweighting.
    pub kept: usize,
}

/// Why there is no fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFit {
    /// Too few points for the coefficients and a scale.
    Few,
    /// Half of the points or more do not separate the slopes: they have the same x, or exactly collinear regressors.
    Tied,
    /// At least half of the points lie exactly on one line or plane, so the scale is 0.
    Exact,
}

/// The smallest number of points for this many regressors: three for each coefficient.
pub fn fewest(slopes: usize) -> usize {
    3 * (slopes + 1)
}

fn trim(n: usize, coefficients: usize) -> usize {
    (n + coefficients).div_ceil(2)
}

/// Working memory, kept from group to group.
#[derive(Default)]
pub struct Scratch {
    /// The points in their frame.
    x: [Vec<f64>; MOST],
    y: Vec<f64>,
    slopes: usize,
    squares: Vec<f64>,
    weights: Vec<f64>,
    bits: Vec<u64>,
    keys: Vec<i64>,
    short: slide::Short,
    sweep: exhaustive::Sweep,
    edges: window::Edges,
}

impl Scratch {
    fn points(&self) -> Points<'_> {
        Points::new(self.x[..self.slopes].iter().map(Vec::as_slice), &self.y)
    }
}

/// Fits `points`, which are in ascending order.
pub fn fit(points: &Points, scratch: &mut Scratch) -> Result<Fit, NoFit> {
    let (n, p) = (points.count(), points.coefficients());
    if n < fewest(points.slopes) {
        return Err(NoFit::Few);
    }
    let h = trim(n, p);
    if points.x[0].chunk_by(|a, b| a == b).any(|tied| tied.len() >= h) {
        return Err(NoFit::Tied);
    }
    let frame = Frame::of(points, scratch);
    if frame.flat() {
        return Err(NoFit::Exact);
    }
    let best = match points.slopes {
        1 if n <= EXACT => exhaustive::optimum(scratch, h),
        1 => line::search(scratch, h).ok_or(NoFit::Tied)?,
        _ => plane::search(scratch, h).ok_or(NoFit::Tied)?,
    };
    let raw = frame.back(&best.linear);
    if best.threshold <= NOTHING * NOTHING {
        return Err(NoFit::Exact);
    }
    let objective = best.objective * frame.unit() * frame.unit();
    let raw_scale =
        (objective / h as f64).sqrt() * consistency::trimming(h, n) * consistency::small_sample(n, points.slopes);
    let Scratch { weights, squares: residuals, .. } = scratch;
    points.residuals(&raw, residuals);
    weights.clear();
    weights.extend(residuals.iter().map(|r| f64::from(u8::from(r.abs() <= CUTOFF * raw_scale))));
    let linear = weighted(points, weights).ok_or(NoFit::Tied)?;
    points.residuals(&linear, residuals);
    let [kept, total] = sums!([residuals, weights], |[r, w]| [w, w * r * r]);
    let scale = (total / (kept - p as f64).max(1.0)).sqrt() * consistency::trimming(kept as usize, n);
    Ok(Fit { raw, objective, linear, scale, kept: kept as usize })
}
