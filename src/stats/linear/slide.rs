//! Lines are told apart, and slid nearer to where they belong, with seven digits: twice as many points fit into a
//! lane, and what comes of it is only where the search begins.

use super::Linear;
use super::concentrate::line_of;
use crate::stats::lanes::ShortLanes;

/// A line's points.
#[derive(Default)]
pub struct Short {
    u: Vec<f32>,
    v: Vec<f32>,
}

/// Points in one.
const SHORT: usize = 8;
/// A y that is out of any line's bound, for the points that fill up the last one.
const BEYOND: f32 = 1e18;
/// The least bound that squares of so few digits can be held to, and the steepest lines.
const LEAST: f64 = 1e-10;
const STEEPEST: f64 = 1e28;

impl Short {
    pub fn fill(&mut self, u: &[f64], v: &[f64]) {
        for (short, column, beyond) in [(&mut self.u, u, 0.0), (&mut self.v, v, BEYOND)] {
            short.clear();
            short.extend(column.iter().map(|x| *x as f32));
            short.resize(column.len().next_multiple_of(SHORT), beyond);
        }
    }

    #[inline(always)]
    fn each(&self, mut f: impl FnMut(ShortLanes, ShortLanes)) {
        let points = self.u.as_chunks().0.iter().zip(self.v.as_chunks().0);
        points.for_each(|(u, v)| f(ShortLanes::new(*u), ShortLanes::new(*v)));
    }
}

fn short_lanes<const K: usize>(numbers: [f64; K]) -> [ShortLanes; K] {
    numbers.map(|x| ShortLanes::splat(x.clamp(-STEEPEST, STEEPEST) as f32))
}

fn total(lanes: ShortLanes) -> f64 {
    lanes.to_array().into_iter().map(f64::from).sum()
}

/// The sum of squared residuals, none counted as more than `bound`: half of the work of [`Within`], for the many lines
/// of which no more is asked.
pub fn truncated(short: &Short, line: &Linear, bound: f64) -> f64 {
    let [bound, intercept, slope] = short_lanes([bound.max(LEAST), line.intercept, line.slopes[0]]);
    let mut sum = ShortLanes::ZERO;
    short.each(|u, v| {
        let r = v - (intercept + slope * u);
        sum += (r * r).fast_min(bound);
    });
    total(sum)
}

/// Steps that slide a line through a pair of points nearer to where it belongs.
const SLIDES: usize = 3;

/// `line` after a few steps down the sum of squares, none counted as more than `bound`. The fit to the points
/// within the bound cannot make that larger, and twice as far is mostly better still (over-relaxation). Such a
/// step is one pass, with nothing to look for.
pub fn slide(short: &Short, line: &Linear, bound: f64) -> Linear {
    let mut at = (*line, Within::of(short, line, bound));
    for _ in 0..SLIDES {
        let Some(fit) = at.1.fit else { break };
        let far = Linear::line(2.0 * fit.intercept - at.0.intercept, 2.0 * fit.slopes[0] - at.0.slopes[0]);
        let mut next = (far, Within::of(short, &far, bound));
        if next.1.sum >= at.1.sum {
            next = (fit, Within::of(short, &fit, bound));
        }
        if next.1.sum >= at.1.sum {
            break;
        }
        at = next;
    }
    at.0
}

/// What one pass tells of a line: its sum of squares, none counted as more than the bound; and of the points
/// within the bound the least squares fit, the mean of u and the sum of squares about that.
pub struct Within {
    sum: f64,
    fit: Option<Linear>,
    pub middle: f64,
    pub spread: f64,
}

impl Within {
    pub fn of(short: &Short, line: &Linear, bound: f64) -> Within {
        let [bound, intercept, slope] = short_lanes([bound.max(LEAST), line.intercept, line.slopes[0]]);
        let one = ShortLanes::ONE;
        let mut sums = [ShortLanes::ZERO; 6];
        short.each(|u, v| {
            let r = v - (intercept + slope * u);
            let square = r * r;
            let inside = square.simd_le(bound);
            let kept = inside & u;
            let terms = [square.fast_min(bound), inside & one, kept, inside & v, kept * u, kept * v];
            sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
        });
        let [sum, n, u, v, uu, uv] = sums.map(total);
        Within { sum, fit: line_of(n, u, v, uu, uv), middle: u / n, spread: uu - u * u / n }
    }
}
