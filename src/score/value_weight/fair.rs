//! The line that is fair to light and heavy shipments: where residuals grow with a power of the weight, a
//! light shipment says more about the line than a heavy one.

use super::Fitted;
use crate::stats::line::{self, Line};
use crate::stats::{MAD_K, select};

/// Rounds of weighting the kept shipments again.
const REFITS: usize = 3;
/// The next round's spread is looked for within this of the last one's.
const NEAR: (f64, f64) = (0.75, 1.25);

/// x^power for the powers there are.
pub fn raised(x: f64, power: f64) -> f64 {
    if power == 0.0 {
        1.0
    } else if power == 1.0 {
        x
    } else {
        x.sqrt()
    }
}

/// Working memory, kept from group to group.
#[derive(Default)]
pub struct Fair {
    /// 1 / (x / middle)^power of each shipment.
    inverse: Vec<f64>,
    /// Residuals in those units, without sign.
    sizes: Vec<f64>,
    weights: Vec<f64>,
    spare: Vec<u64>,
}

impl Fair {
    /// The line, and the spread of its residuals in units of (x / middle)^power.
    pub fn fit(&mut self, members: &[(f64, f64)], fit: &Fitted, power: f64) -> (Line, f64) {
        self.inverse.clear();
        self.inverse.extend(members.iter().map(|p| 1.0 / raised(p.0 / fit.middle, power)));
        let (mut line, mut width) = (fit.line, self.spread(members, fit.line, f64::NAN));
        for _ in 0..if power > 0.0 { REFITS } else { 0 } {
            let Fair { inverse, sizes, weights, .. } = self;
            let far = line::CUTOFF * width;
            weights.clear();
            let kept = |size: f64| f64::from(u8::from(size <= far));
            weights.extend(inverse.iter().zip(&*sizes).map(|(inverse, &size)| kept(size) * inverse * inverse));
            let Some(next) = line::weighted(members, weights) else { break };
            line = next;
            width = self.spread(members, line, width);
        }
        (line, width)
    }

    fn spread(&mut self, members: &[(f64, f64)], line: Line, last: f64) -> f64 {
        self.sizes.clear();
        self.sizes.extend(members.iter().zip(&self.inverse).map(|(p, inverse)| (p.1 - line.at(p.0)).abs() * inverse));
        let n = members.len();
        // Two coefficients were fitted: a few points lie closer to the line for it.
        let scale = MAD_K * (n as f64 / (n as f64 - 2.0)).sqrt();
        let about = if last.is_nan() { 0.0..f64::INFINITY } else { NEAR.0 * last / scale..NEAR.1 * last / scale };
        let (low, high) = select(&self.sizes, (n - 1) / 2, about, &mut self.spare);
        scale * if n % 2 == 1 { low } else { 0.5 * (low + high) }
    }
}
