//! The MM-estimate (Yohai 1987): an S-estimate with half breakdown, then an M-estimate of 95 % efficiency
//! with its scale.

use fearless_simd::SimdBase;

use super::{Linear, Points, plane, subsets, weighted};
use crate::stats::lanes::sums;

/// Tukey's bisquare: tuning for half breakdown, and for 95 % efficiency.
const BISQUARE_SCALE: f64 = 1.547_64;
const BISQUARE_MEAN: f64 = 4.685_061;
/// Lines through pairs of points that the S-estimate starts from, beside the one of least trimmed squares.
const PAIRS: usize = 20;
/// Steps from each start, and how many of the best are followed to the end (Salibian-Barrera and Yohai 2006).
const FIRST_STEPS: usize = 2;
const FINALISTS: usize = 2;

/// The MM-estimate and its scale, from the fit of least trimmed squares; `None` where most residuals are zero.
pub fn mm(points: &Points, start: &Linear) -> Option<(Linear, f64)> {
    let mut work = Work::default();
    let (mut linear, scale) = work.s_estimate(points, start)?;
    for _ in 0..500 {
        let next = work.step(points, &linear, BISQUARE_MEAN * scale)?;
        let still = |a: f64, b: f64| (a - b).abs() <= 1e-12 * a.abs();
        let done = still(next.intercept, linear.intercept)
            && next.slopes.iter().zip(&linear.slopes).all(|(next, last)| still(*next, *last));
        linear = next;
        if done {
            break;
        }
    }
    Some((linear, scale))
}

#[derive(Default)]
struct Work {
    residuals: Vec<f64>,
    weights: Vec<f64>,
}

impl Work {
    /// The fit with the smallest M-scale of its residuals.
    fn s_estimate(&mut self, points: &Points, start: &Linear) -> Option<(Linear, f64)> {
        let several = points.x().len() > 1;
        let mut best = vec![(*start, self.scale(points, start, None)?)];
        for start in subsets::fits(points, if several { plane::SUBSETS } else { PAIRS }) {
            let Some(linear) = self.first_steps(points, &start) else { continue };
            // Whether its scale is below the worst one kept shows without the scale itself.
            let worst = best[best.len() - 1].1;
            points.residuals(&linear, &mut self.residuals);
            if best.len() == FINALISTS && mean_rho(&self.residuals, worst, points) >= 0.5 {
                continue;
            }
            let Some(scale) = self.scale(points, &linear, None) else { continue };
            let at = best.partition_point(|kept| kept.1 <= scale);
            best.insert(at, (linear, scale));
            best.truncate(FINALISTS);
        }
        let ends = best.into_iter().filter_map(|(linear, scale)| self.descend(points, linear, scale));
        ends.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn first_steps(&mut self, points: &Points, start: &Linear) -> Option<Linear> {
        let mut linear = *start;
        for _ in 0..FIRST_STEPS {
            points.residuals(&linear, &mut self.residuals);
            let width = rough_scale(&mut self.residuals);
            linear = self.step(points, &linear, BISQUARE_SCALE * width)?;
        }
        Some(linear)
    }

    fn descend(&mut self, points: &Points, mut linear: Linear, mut scale: f64) -> Option<(Linear, f64)> {
        for _ in 0..200 {
            let next = self.step(points, &linear, BISQUARE_SCALE * scale)?;
            let finer = self.scale(points, &next, Some(scale))?;
            let done = (scale - finer).abs() <= 1e-12 * scale;
            if finer <= scale {
                (linear, scale) = (next, finer);
            }
            if done || finer > scale {
                break;
            }
        }
        Some((linear, scale))
    }

    /// Weighted least squares with the bisquare weights of the residuals.
    fn step(&mut self, points: &Points, linear: &Linear, width: f64) -> Option<Linear> {
        points.residuals(linear, &mut self.residuals);
        self.weights.clear();
        self.weights.extend(self.residuals.iter().map(|r| {
            let inside = (1.0 - (r / width) * (r / width)).max(0.0);
            inside * inside
        }));
        weighted(points, &self.weights)
    }

    /// The s with mean ρ(r / (1.54764 s)) = 1/2; from a guess, if there is one.
    fn scale(&mut self, points: &Points, linear: &Linear, guess: Option<f64>) -> Option<f64> {
        points.residuals(linear, &mut self.residuals);
        let mut scale = guess.unwrap_or_else(|| {
            self.weights.clone_from(&self.residuals);
            rough_scale(&mut self.weights)
        });
        for _ in 0..500 {
            if scale <= 0.0 || !scale.is_finite() {
                return None;
            }
            let next = scale * (mean_rho(&self.residuals, scale, points) / 0.5).sqrt();
            let done = (next - scale).abs() <= 1e-13 * scale;
            scale = next;
            if done {
                break;
            }
        }
        Some(scale)
    }
}

/// The mean of ρ(r / (1.54764 s)), for the bisquare's ρ rising to 1; n less the number of coefficients in
/// place of n, as for a standard deviation.
fn mean_rho(residuals: &[f64], scale: f64, points: &Points) -> f64 {
    let inverse = 1.0 / (BISQUARE_SCALE * scale);
    let [sum] = sums!([residuals], |[r]| {
        let t = r * inverse;
        let inside = (1.0 - t * t).max(0.0);
        [1.0 - inside * inside * inside]
    });
    sum / (points.count() - points.coefficients()) as f64
}

/// The middle residual, made consistent at the normal. Leaves the sizes in no order.
fn rough_scale(residuals: &mut [f64]) -> f64 {
    residuals.iter_mut().for_each(|r| *r = r.abs());
    let half = residuals.len() / 2;
    *residuals.select_nth_unstable_by(half, f64::total_cmp).1 / 0.6745
}
