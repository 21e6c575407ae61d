//! The MM-estimate of a line.

use super::{Line, weighted};

/// Tukey's bisquare: tuning for half breakdown, and for 95 % efficiency (Yohai 1987).
const BISQUARE_SCALE: f64 = 1.547_64;
const BISQUARE_MEAN: f64 = 4.685_061;

/// An MM line (Yohai 1987) from the least trimmed squares one: an M-scale with half breakdown, then
/// an M-estimate of 95 % efficiency with that scale. `None` where it does not converge.
pub fn mm(points: &[(f64, f64)], start: Line) -> Option<(Line, f64)> {
    let mut weights = Vec::with_capacity(points.len());
    let mut fit = |line: Line, width: f64| {
        weights.clear();
        weights.extend(points.iter().map(|p| bisquare_weight(line.residual(*p) / width)));
        weighted(points, &weights)
    };
    let mut line = start;
    let mut scale = m_scale(points, line)?;
    for _ in 0..200 {
        let next = fit(line, BISQUARE_SCALE * scale)?;
        let finer = m_scale(points, next)?;
        let done = (scale - finer).abs() <= 1e-12 * scale;
        if finer <= scale {
            (line, scale) = (next, finer);
        }
        if done || finer > scale {
            break;
        }
    }
    for _ in 0..500 {
        let next = fit(line, BISQUARE_MEAN * scale)?;
        let moved = (next.slope - line.slope).abs() <= 1e-12 * next.slope.abs()
            && (next.intercept - line.intercept).abs() <= 1e-12 * next.intercept.abs();
        line = next;
        if moved {
            return Some((line, scale));
        }
    }
    Some((line, scale))
}

fn bisquare_weight(t: f64) -> f64 {
    let inside = (1.0 - t * t).max(0.0);
    inside * inside
}

/// The s with mean ρ(r / (1.54764 s)) = 1/2, for ρ rising to 1; `(n - 2)` in place of n, as for a
/// standard deviation with two coefficients.
fn m_scale(points: &[(f64, f64)], line: Line) -> Option<f64> {
    let mut sizes: Vec<f64> = points.iter().map(|p| line.residual(*p).abs()).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    let mut scale = sizes[sizes.len() / 2] / 0.6745;
    let rho = |t: f64| 1.0 - (1.0 - t * t).max(0.0).powi(3);
    for _ in 0..500 {
        if scale <= 0.0 || !scale.is_finite() {
            return None;
        }
        let mean: f64 =
            sizes.iter().map(|r| rho(r / (BISQUARE_SCALE * scale))).sum::<f64>() / (points.len() as f64 - 2.0);
        let next = scale * (mean / 0.5).sqrt();
        let done = (next - scale).abs() <= 1e-13 * scale;
        scale = next;
        if done {
            break;
        }
    }
    Some(scale)
}
