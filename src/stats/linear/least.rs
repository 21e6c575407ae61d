//! Weighted least squares, and the variance of its predictions.

use super::{Linear, MOST, Points};
use crate::stats::lanes::sums;

/// A regressor is redundant if the others leave a smaller share of its sum of squares unexplained.
const NOTHING_OF_ITS_OWN: f64 = 1e-12;

/// Weighted least squares; `None` if the points do not separate the slopes.
pub fn weighted(points: &Points, weights: &[f64]) -> Option<Linear> {
    Moments::of(points, weights).solve().map(|(linear, _)| linear)
}

/// The same, with the variance of its predictions.
pub fn weighted_with_leverage(points: &Points, weights: &[f64]) -> Option<(Linear, Leverage)> {
    let moments = Moments::of(points, weights);
    let (linear, factor) = moments.solve()?;
    Some((linear, Leverage { total: moments.total, mean: moments.x, factor }))
}

/// Sums of squares and products about the weighted means.
struct Moments {
    slopes: usize,
    total: f64,
    x: [f64; MOST],
    y: f64,
    xx: Square,
    xy: [f64; MOST],
}

type Square = [[f64; MOST]; MOST];

impl Moments {
    fn of(points: &Points, weights: &[f64]) -> Moments {
        let slopes = points.x().len();
        let (mut x, mut xx, mut xy) = ([0.0; MOST], Square::default(), [0.0; MOST]);
        let [total, y, first] = sums!([points.y, weights, points.x[0]], |[y, w, x]| [w, w * y, w * x]);
        let y = y / total;
        x[0] = first / total;
        for (mean, column) in x.iter_mut().zip(points.x()).skip(1) {
            let [sum] = sums!([column, weights], |[x, w]| [w * x]);
            *mean = sum / total;
        }
        for (i, column) in points.x().iter().enumerate() {
            [xx[i][i], xy[i]] = sums!([column, points.y, weights], |[u, v, w]| {
                let away = (u - x[i]) * w;
                [away * (u - x[i]), away * (v - y)]
            });
            for (j, other) in points.x()[..i].iter().enumerate() {
                [xx[i][j]] = sums!([column, other, weights], |[u, v, w]| [w * (u - x[i]) * (v - x[j])]);
                xx[j][i] = xx[i][j];
            }
        }
        Moments { slopes, total, x, y, xx, xy }
    }

    fn solve(&self) -> Option<(Linear, Factor)> {
        let factor = Factor::of(&self.xx, self.slopes)?;
        let slopes = factor.back(factor.forward(self.xy));
        let intercept = self.y - self.x.iter().zip(&slopes).map(|(x, slope)| slope * x).sum::<f64>();
        slopes.iter().all(|slope| slope.is_finite()).then_some((Linear { intercept, slopes }, factor))
    }
}

/// The lower triangle L of a symmetric matrix L Lᵀ (Cholesky).
#[derive(Clone, Copy, Debug)]
struct Factor {
    slopes: usize,
    lower: Square,
}

impl Factor {
    fn of(matrix: &Square, slopes: usize) -> Option<Factor> {
        let mut lower = Square::default();
        for i in 0..slopes {
            for j in 0..=i {
                let rest = matrix[i][j] - (0..j).map(|k| lower[i][k] * lower[j][k]).sum::<f64>();
                if i > j {
                    lower[i][j] = rest / lower[j][j];
                } else if rest > NOTHING_OF_ITS_OWN * matrix[i][i] {
                    lower[i][i] = rest.sqrt();
                } else {
                    return None;
                }
            }
        }
        Some(Factor { slopes, lower })
    }

    /// L⁻¹ b.
    fn forward(&self, mut b: [f64; MOST]) -> [f64; MOST] {
        for i in 0..self.slopes {
            let known: f64 = (0..i).map(|k| self.lower[i][k] * b[k]).sum();
            b[i] = (b[i] - known) / self.lower[i][i];
        }
        b
    }

    /// L⁻ᵀ b.
    fn back(&self, mut b: [f64; MOST]) -> [f64; MOST] {
        for i in (0..self.slopes).rev() {
            let known: f64 = (i + 1..self.slopes).map(|k| self.lower[k][i] * b[k]).sum();
            b[i] = (b[i] - known) / self.lower[i][i];
        }
        b
    }
}

/// The variance of a fit at a place, divided by that of a point of weight one.
#[derive(Clone, Copy, Debug)]
pub struct Leverage {
    total: f64,
    mean: [f64; MOST],
    factor: Factor,
}

impl Leverage {
    /// That of a fit without error.
    pub const NONE: Leverage =
        Leverage { total: f64::INFINITY, mean: [0.0; MOST], factor: Factor { slopes: 0, lower: [[0.0; MOST]; MOST] } };

    /// The largest variance inflation factor of a slope, 1 / (1 - R²), given the regressors before it. 1 if the
    /// regressors are not correlated.
    pub fn inflation(&self) -> f64 {
        let rows = self.factor.lower.iter().zip(0..).take(self.factor.slopes);
        rows.map(|(row, i)| row[..=i].iter().map(|l| l * l).sum::<f64>() / (row[i] * row[i])).fold(1.0, f64::max)
    }

    /// 1 / Σw + (x - mean)ᵀ (Σ w (x - mean) (x - mean)ᵀ)⁻¹ (x - mean).
    #[inline(always)]
    pub fn at(&self, x: &[f64; MOST]) -> f64 {
        if self.factor.slopes == 1 {
            let away = (x[0] - self.mean[0]) / self.factor.lower[0][0];
            return 1.0 / self.total + away * away;
        }
        let away = self.factor.forward(std::array::from_fn(|i| x[i] - self.mean[i]));
        1.0 / self.total + away[..self.factor.slopes].iter().map(|a| a * a).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inflation_is_that_of_regressing_one_on_the_other() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 2.5, 2.5, 4.5, 4.5, 6.5]);
        let (_, leverage) = weighted_with_leverage(&Points::new([&a[..], &b], &[0.0; 6]), &[1.0; 6]).unwrap();
        // numpy: 1 / (1 - numpy.corrcoef(a, b)[0, 1] ** 2)
        assert!((leverage.inflation() - 15.943_675_889_328_1).abs() < 1e-9, "{}", leverage.inflation());
        assert_eq!(Leverage::NONE.inflation(), 1.0);
    }
}
