//! The fair fit. Where residuals grow with a power of the weight, a light shipment contains more information about the
//! line than a heavy one. The fit weights them accordingly.

use super::model::{Fitted, Model, Outcome, squared};
use crate::stats::linear::{self, Leverage, Linear, Points};
use crate::stats::{MAD_K, ln, median, select};

/// The largest number of groups from which the power is estimated, and the smallest number of members of each.
const LEARN_FROM: usize = 2_000;
const LEARN_SIZE: usize = 40;
const POWERS: [f64; 3] = [0.0, 0.5, 1.0];
/// Rounds of reweighting.
const REFITS: usize = 3;
/// The scale of the next round is searched within these factors of the last one.
const NEAR: (f64, f64) = (0.75, 1.25);
/// A smaller scale, relative to the fitted value of a shipment in the middle, counts as none.
const NO_SPREAD: f64 = 1e-9;

/// The power of the first regressor with which residuals grow. In each group, from the ratio of the median residuals of
/// its heavier and lighter half; the median over groups, rounded to the nearest half.
pub fn learn_power(model: &Model) -> f64 {
    let able: Vec<(usize, &Fitted)> = (model.outcomes.iter().enumerate())
        .filter_map(|(g, outcome)| match outcome {
            Outcome::Fitted(fit) if model.size(g) >= LEARN_SIZE => Some((g, &**fit)),
            _ => None,
        })
        .collect();
    let step = able.len().div_ceil(LEARN_FROM).max(1);
    let mut powers: Vec<f64> = Vec::new();
    let mut residuals = Vec::new();
    for &(g, fit) in able.iter().step_by(step) {
        let members = model.members(g);
        members.residuals(&fit.linear, &mut residuals);
        let half = members.count() / 2;
        let (light, heavy) = members.x()[0].split_at(half);
        let middle = |part: &[f64]| median(part.iter().map(|r| r.abs())).unwrap_or(0.0);
        let run = ln(heavy[heavy.len() / 2] / light[light.len() / 2]);
        let (low, high) = (middle(&residuals[..half]), middle(&residuals[half..]));
        if run > 0.5 && low > 0.0 && high > 0.0 {
            powers.push(ln(high / low) / run);
        }
    }
    let power = median(powers.into_iter()).unwrap_or(0.0);
    POWERS.into_iter().min_by(|a, b| (a - power).abs().total_cmp(&(b - power).abs())).unwrap_or(0.0)
}

/// Working memory, reused from group to group.
#[derive(Default)]
pub struct Fair {
    /// 1 / (x / middle)^power of each shipment.
    inverse: Vec<f64>,
    residuals: Vec<f64>,
    /// Absolute residuals in these units.
    sizes: Vec<f64>,
    weights: Vec<f64>,
    spare: Vec<u64>,
}

impl Fair {
    /// Computes the fair fit, the scale of its residuals in units of (x / middle)^power, and its leverage. False if
    /// there is no scale.
    pub fn fit(&mut self, members: &Points, fit: &mut Fitted, power: f64) -> bool {
        self.inverse.clear();
        self.inverse.extend(members.x()[0].iter().map(|x| squared(fit.middle / x, power).sqrt()));
        let (mut linear, mut spread) = (fit.linear, self.spread(members, &fit.linear, fit.scale));
        self.weights.clear();
        let refits = if power > 0.0 { REFITS } else { 0 };
        let mut leverage = Leverage::NONE;
        for round in 0..=refits {
            if !self.weigh(spread) {
                break;
            }
            let Some((next, doubt)) = linear::weighted_with_leverage(members, &self.weights) else { return false };
            leverage = doubt;
            if round < refits {
                linear = next;
                spread = self.spread(members, &linear, spread);
            }
        }
        let middling = linear.at(&members.x_of(members.count() / 2)).abs();
        (fit.fair, fit.spread, fit.leverage) = (linear, spread, leverage);
        spread > NO_SPREAD * fit.scale.max(middling)
    }

    /// Weights the shipments within the cutoff by 1 / u². False if they are the same shipments as before.
    fn weigh(&mut self, spread: f64) -> bool {
        let Fair { inverse, sizes, weights, .. } = self;
        let far = linear::CUTOFF * spread;
        let moved = |(size, weight): (&f64, &f64)| (*size <= far) != (*weight > 0.0);
        if weights.len() == sizes.len() && !sizes.iter().zip(&*weights).any(moved) {
            return false;
        }
        weights.clear();
        let kept = |size: f64| f64::from(u8::from(size <= far));
        weights.extend(inverse.iter().zip(&*sizes).map(|(inverse, &size)| kept(size) * inverse * inverse));
        true
    }

    fn spread(&mut self, members: &Points, linear: &Linear, last: f64) -> f64 {
        members.residuals(linear, &mut self.residuals);
        self.sizes.clear();
        self.sizes.extend(self.residuals.iter().zip(&self.inverse).map(|(r, inverse)| r.abs() * inverse));
        let n = members.count();
        // A correction for the fitted coefficients, which make residuals smaller.
        let scale = MAD_K * (n as f64 / (n - members.coefficients()) as f64).sqrt();
        let (low, high) =
            select(&self.sizes, (n - 1) / 2, NEAR.0 * last / scale..NEAR.1 * last / scale, &mut self.spare);
        scale * if n % 2 == 1 { low } else { 0.5 * (low + high) }
    }
}
