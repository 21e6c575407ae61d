//! The points, centred at their medians and divided by their scales: sums keep their digits in every currency.

use super::{Linear, MOST, Points, Scratch};
use crate::stats::{decode, encode};

/// The centre and the scale of one column.
#[derive(Clone, Copy, Default)]
struct Place {
    middle: f64,
    unit: f64,
}

pub struct Frame {
    x: [Place; MOST],
    y: Place,
}

impl Frame {
    pub fn of(points: &Points, scratch: &mut Scratch) -> Frame {
        let mut frame = Frame { x: [Place::default(); MOST], y: Place::default() };
        scratch.slopes = points.x().len();
        let Scratch { x, y, keys, .. } = scratch;
        for (i, (column, framed)) in points.x().iter().zip(x).enumerate() {
            // Points are in ascending order of the first regressor.
            frame.x[i] = if i == 0 { Place::of_sorted(column) } else { Place::of(column, keys) };
            frame.x[i].fill(column, framed);
        }
        frame.y = Place::of(points.y, keys);
        frame.y.fill(points.y, y);
        frame
    }

    /// Whether all y are the same.
    pub fn flat(&self) -> bool {
        self.y.unit <= 0.0
    }

    /// The unit of y.
    pub fn unit(&self) -> f64 {
        self.y.unit
    }

    pub fn back(&self, linear: &Linear) -> Linear {
        let mut slopes = [0.0; MOST];
        for ((slope, framed), place) in slopes.iter_mut().zip(linear.slopes).zip(self.x) {
            *slope = if framed == 0.0 { 0.0 } else { framed * self.y.unit / place.unit };
        }
        let start = self.y.middle + linear.intercept * self.y.unit;
        Linear {
            intercept: self.x.iter().zip(slopes).fold(start, |at, (place, slope)| at - slope * place.middle),
            slopes,
        }
    }
}

/// The scale is at least this share of the range, because most of the values may be the same.
const LEAST: f64 = 1e-9;

/// The largest number of values for a centre and a scale: their order of magnitude is sufficient.
const PART: usize = 25;

impl Place {
    fn of_sorted(values: &[f64]) -> Place {
        let n = values.len();
        let unit = (values[3 * n / 4] - values[n / 4]).max(LEAST * (values[n - 1] - values[0]));
        Place { middle: values[n / 2], unit }
    }

    fn of(values: &[f64], keys: &mut Vec<i64>) -> Place {
        let n = values.len();
        keys.clear();
        keys.extend(values.iter().step_by(n.div_ceil(PART)).map(|v| encode(*v)));
        let part = keys.len();
        let (below, middle, above) = keys.select_nth_unstable(part / 2);
        let middle = decode(*middle);
        let low = decode(*below.select_nth_unstable(part / 4).1);
        let high = decode(*above.select_nth_unstable(3 * part / 4 - part / 2 - 1).1);
        let range = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |r, v| (r.0.min(*v), r.1.max(*v)));
        Place { middle, unit: (high - low).max(LEAST * (range.1 - range.0)) }
    }

    /// Values with scale 0 stay 0: they give no slope.
    fn fill(self, values: &[f64], out: &mut Vec<f64>) {
        let unit = if self.unit > 0.0 { self.unit } else { 1.0 };
        out.clear();
        out.extend(values.iter().map(|v| (v - self.middle) / unit));
    }
}
