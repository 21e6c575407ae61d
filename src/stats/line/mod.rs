//! Least trimmed squares of y on x with an intercept, and the steps after it.
//!
//! Minimises the sum of the h = (n + 3) div 2 smallest squared residuals (Rousseeuw 1984), so that
//! up to half of the points may be anything. Up to [`EXACT`] points the optimum is found by going
//! through every subset that some slope can select; beyond, by FAST-LTS (Rousseeuw and Van Driessen
//! 2006): lines through pairs of points, screened, then concentrated. Reweighting keeps the points
//! within the 98.75 % point of the normal, as R's robustbase does.
//!
//! Points must be finite and in ascending order of (x, y): the same points then give the same bits.

mod mm;
mod search;

use super::select;
pub use mm::mm;
use search::{exhaustive, fast, squares, sum_up_to};

/// Up to this many points the exact search is the quicker one too.
const EXACT: usize = 24;
/// Φ⁻¹(0.9875): points farther out than this many scales are left out when reweighting.
pub const CUTOFF: f64 = 2.241_402_727_604_947;
/// Residuals below this share of the spread of y count as none.
const NOTHING: f64 = 1e-10;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    pub intercept: f64,
    pub slope: f64,
}

impl Line {
    pub fn at(self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }

    fn residual(self, (x, y): (f64, f64)) -> f64 {
        y - self.at(x)
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Fit {
    /// The least trimmed squares line.
    pub raw: Line,
    /// The sum of its h smallest squared residuals.
    pub objective: f64,
    /// The least squares line of the points kept.
    pub line: Line,
    /// Standard deviation of the residuals of the points kept, made consistent at the normal.
    pub scale: f64,
    /// Points kept by reweighting.
    pub kept: usize,
}

/// Why there is no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLine {
    /// Fewer points than a line and a spread need.
    Few,
    /// At least half of the points have one and the same x.
    OneX,
    /// At least half of the points lie on one line exactly, so there is no spread to measure by.
    Exact(usize),
}

/// Fewest points for a line.
pub const FEWEST: usize = 6;

pub fn trim(n: usize) -> usize {
    (n + 3) / 2
}

/// Working memory, kept from group to group.
#[derive(Default)]
pub struct Scratch {
    u: Vec<f64>,
    v: Vec<f64>,
    squares: Vec<f64>,
    weights: Vec<f64>,
    bits: Vec<u64>,
}

/// Fits `points`, which are in ascending order.
pub fn fit(points: &[(f64, f64)], scratch: &mut Scratch) -> Result<Fit, NoLine> {
    let n = points.len();
    if n < FEWEST {
        return Err(NoLine::Few);
    }
    let h = trim(n);
    if points.chunk_by(|a, b| a.0 == b.0).any(|tied| tied.len() >= h) {
        return Err(NoLine::OneX);
    }
    let frame = Frame::of(points, scratch);
    if frame.flat {
        return Err(NoLine::Exact(n));
    }
    let best = if n <= EXACT { exhaustive(scratch, h) } else { fast(scratch, h) };
    let raw = frame.back(best.line);
    // Squares again from the line itself: differences of sums have lost their last digits.
    squares(scratch, best.line);
    let (threshold, _) = select(&scratch.squares, h - 1, search::near(best.threshold), &mut scratch.bits);
    let objective: f64 = sum_up_to(&scratch.squares, threshold, h) * frame.y_unit * frame.y_unit;
    let on_it = scratch.squares.iter().filter(|s| **s <= NOTHING * NOTHING).count();
    if on_it >= h {
        return Err(NoLine::Exact(on_it));
    }
    let raw_scale = (objective / h as f64).sqrt() * consistency(h, n) * small_sample(n);
    let weights = &mut scratch.weights;
    weights.clear();
    weights.extend(points.iter().map(|p| f64::from(u8::from(raw.residual(*p).abs() <= CUTOFF * raw_scale))));
    let Some(line) = weighted(points, weights) else { return Err(NoLine::OneX) };
    let kept: f64 = weights.iter().sum();
    let total: f64 = points.iter().zip(&*weights).map(|(p, w)| w * line.residual(*p).powi(2)).sum();
    let scale = (total / (kept - 2.0).max(1.0)).sqrt() * consistency(kept as usize, n);
    Ok(Fit { raw, objective, line, scale, kept: kept as usize })
}

/// Weighted least squares about the weighted means; `None` where the weights leave no slope.
pub fn weighted(points: &[(f64, f64)], weights: &[f64]) -> Option<Line> {
    let (mut total, mut x, mut y) = (Lanes::default(), Lanes::default(), Lanes::default());
    for (points, weights) in points.chunks(LANES).zip(weights.chunks(LANES)) {
        for (lane, (p, w)) in points.iter().zip(weights).enumerate() {
            total[lane] += w;
            x[lane] += w * p.0;
            y[lane] += w * p.1;
        }
    }
    let total = together(total);
    let (x, y) = (together(x) / total, together(y) / total);
    let (mut xx, mut xy) = (Lanes::default(), Lanes::default());
    for (points, weights) in points.chunks(LANES).zip(weights.chunks(LANES)) {
        for (lane, (p, w)) in points.iter().zip(weights).enumerate() {
            let away = w * (p.0 - x);
            xx[lane] += away * (p.0 - x);
            xy[lane] += away * (p.1 - y);
        }
    }
    let (xx, xy) = (together(xx), together(xy));
    let slope = xy / xx;
    (xx > 0.0 && slope.is_finite()).then_some(Line { intercept: y - slope * x, slope })
}

/// Numbers are summed in so many lanes, which are put together last.
const LANES: usize = 4;
type Lanes = [f64; LANES];

fn together(lanes: Lanes) -> f64 {
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

/// The points moved to their medians and scaled to their spreads, so that plain sums keep their
/// digits whatever the currency.
struct Frame {
    x: f64,
    y: f64,
    x_unit: f64,
    y_unit: f64,
    flat: bool,
}

impl Frame {
    fn of(points: &[(f64, f64)], scratch: &mut Scratch) -> Frame {
        let n = points.len();
        let x = points[n / 2].0;
        let x_unit = (points[3 * n / 4].0 - points[n / 4].0).max(1e-9 * (points[n - 1].0 - points[0].0));
        scratch.bits.clear();
        scratch.bits.extend(points.iter().map(|p| ordered(p.1)));
        let (below, middle, above) = scratch.bits.select_nth_unstable(n / 2);
        let y = unordered(*middle);
        let low = unordered(*below.select_nth_unstable(n / 4).1);
        let high = unordered(*above.select_nth_unstable(3 * n / 4 - n / 2 - 1).1);
        let range = points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |r, p| (r.0.min(p.1), r.1.max(p.1)));
        let y_unit = (high - low).max(1e-9 * (range.1 - range.0));
        let flat = y_unit <= 0.0;
        scratch.u.clear();
        scratch.v.clear();
        scratch.u.extend(points.iter().map(|p| (p.0 - x) / x_unit));
        scratch.v.extend(points.iter().map(|p| (p.1 - y) / y_unit));
        Frame { x, y, x_unit, y_unit, flat }
    }

    fn back(&self, line: Line) -> Line {
        let slope = line.slope * self.y_unit / self.x_unit;
        Line { slope, intercept: self.y + line.intercept * self.y_unit - slope * self.x }
    }
}

fn ordered(x: f64) -> u64 {
    let bits = x.to_bits();
    bits ^ ((((bits as i64) >> 63) as u64) | (1 << 63))
}

fn unordered(key: u64) -> f64 {
    f64::from_bits(key ^ ((((!key as i64) >> 63) as u64) | (1 << 63)))
}

/// Makes the root of the mean of the h smallest of n squared residuals consistent at the normal
/// (Croux and Haesbroeck 1999); 1 where all are kept.
fn consistency(h: usize, n: usize) -> f64 {
    if h >= n {
        return 1.0;
    }
    let share = h as f64 / n as f64;
    let q = super::tail::normal_quantile((1.0 + share) / 2.0);
    let density = libm::exp(-0.5 * q * q) / (2.0 * std::f64::consts::PI).sqrt();
    1.0 / (1.0 - 2.0 / share * q * density).sqrt()
}

/// The small-sample correction of the raw scale for a line with intercept and half breakdown
/// (Pison, Van Aelst and Willems 2002; the constants are robustbase's).
fn small_sample(n: usize) -> f64 {
    1.0 / (1.0 - libm::exp(0.630_869_217_886_906) / libm::pow(n as f64, 0.650_789_250_442_946))
}

#[cfg(test)]
mod tests {
    use super::search::Sums;
    use super::*;
    use crate::stats::Random;
    use proptest::prelude::*;

    fn sorted(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        points
    }

    fn close(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{a} is not {b}");
    }

    /// Rousseeuw and Leroy (1987), table 3: log temperature and log light of the stars of CYG OB1.
    const STARS: [(f64, f64); 47] = [
        (4.37, 5.23),
        (4.56, 5.74),
        (4.26, 4.93),
        (4.56, 5.74),
        (4.30, 5.19),
        (4.46, 5.46),
        (3.84, 4.65),
        (4.57, 5.27),
        (4.26, 5.57),
        (4.37, 5.12),
        (3.49, 5.73),
        (4.43, 5.45),
        (4.48, 5.42),
        (4.01, 4.05),
        (4.29, 4.26),
        (4.42, 4.58),
        (4.23, 3.94),
        (4.42, 4.18),
        (4.23, 4.18),
        (3.49, 5.89),
        (4.29, 4.38),
        (4.29, 4.22),
        (4.42, 4.42),
        (4.49, 4.85),
        (4.38, 5.02),
        (4.42, 4.66),
        (4.29, 4.66),
        (4.38, 4.90),
        (4.22, 4.39),
        (3.48, 6.05),
        (4.38, 4.42),
        (4.56, 5.10),
        (4.45, 5.22),
        (3.49, 6.29),
        (4.23, 4.34),
        (4.62, 5.62),
        (4.53, 5.10),
        (4.45, 5.22),
        (4.53, 5.18),
        (4.43, 5.57),
        (4.38, 4.62),
        (4.45, 5.06),
        (4.50, 5.34),
        (4.45, 5.34),
        (4.55, 5.54),
        (4.45, 4.98),
        (4.42, 4.50),
    ];

    #[test]
    fn the_stars_of_rousseeuw_and_leroy() {
        // R 4.2.2, robustbase 0.95: ltsReg(log.light ~ log.Te, starsCYG, alpha = 0.5) and lmrob.
        let points = sorted(STARS.to_vec());
        let found = fit(&points, &mut Scratch::default()).unwrap();
        close(found.line.intercept, -8.500054884, 1e-8);
        close(found.line.slope, 3.046156937, 1e-8);
        let out: Vec<usize> = (0..47)
            .filter(|&i| (STARS[i].1 - found.line.at(STARS[i].0)).abs() > CUTOFF * found.scale)
            .map(|i| i + 1)
            .collect();
        assert_eq!(out, [7, 9, 11, 20, 30, 34]);
        let (line, scale) = mm(&points, found.raw).unwrap();
        close(line.intercept, -4.969387980, 1e-4);
        close(line.slope, 2.253161348, 1e-4);
        close(scale, 0.4714579032, 1e-4);
    }

    #[test]
    fn degenerate_groups_say_why() {
        let mut scratch = Scratch::default();
        let reason = |points: Vec<(f64, f64)>| fit(&sorted(points), &mut Scratch::default()).err();
        assert_eq!(fit(&[(1.0, 2.0); 5], &mut scratch).err(), Some(NoLine::Few));
        assert_eq!(reason((0..10).map(|i| (5.0, f64::from(i))).collect()), Some(NoLine::OneX));
        assert_eq!(reason((0..10).map(|i| (f64::from(i), 3.0 * f64::from(i))).collect()), Some(NoLine::Exact(10)));
        assert_eq!(reason((0..40).map(|i| (f64::from(i), 7.0)).collect()), Some(NoLine::Exact(40)));
    }

    #[test]
    fn twins_among_the_points_hide_no_subset() {
        let values = [(-4, 12), (-4, -7), (0, 0), (9, 13), (9, 13), (4, 1), (10, 0), (-4, 0)];
        let points =
            sorted(values.iter().map(|&(x, y)| (f64::from(x), f64::from(y) + 0.001 * f64::from(x * y))).collect());
        let found = fit(&points, &mut Scratch::default()).unwrap();
        // The best of all 56 subsets of five, by numpy.
        assert!(found.objective <= 17.116_686_662_538_6 + 1e-9, "{}", found.objective);
    }

    fn objective(points: &[(f64, f64)], line: Line) -> f64 {
        let mut squares: Vec<f64> = points.iter().map(|p| line.residual(*p).powi(2)).collect();
        squares.sort_by(f64::total_cmp);
        squares[..trim(points.len())].iter().sum()
    }

    proptest! {
        #[test]
        fn small_groups_get_the_optimum(values in prop::collection::vec((-20..20i32, -20..20i32), 6..13)) {
            let points = sorted(values.iter().map(|&(x, y)| (f64::from(x), f64::from(y) + 0.001 * f64::from(x * y))).collect());
            if let Ok(found) = fit(&points, &mut Scratch::default()) {
                // Every subset of h points, the plain way.
                let h = trim(points.len());
                let mut best = f64::INFINITY;
                for mask in 0..1u32 << points.len() {
                    if mask.count_ones() as usize == h {
                        let mut sums = Sums::default();
                        (0..points.len()).filter(|i| mask >> i & 1 == 1).for_each(|i| sums.add(1.0, points[i].0, points[i].1));
                        best = best.min(sums.residual());
                    }
                }
                prop_assert!(found.objective <= best + 1e-7 * (1.0 + best), "{} above {}", found.objective, best);
                prop_assert!((objective(&points, found.raw) - found.objective).abs() <= 1e-7 * (1.0 + best));
            }
        }

        #[test]
        fn forty_percent_of_anything_moves_it_little(seed in 0..500u64, n in 30..400usize, far in 10.0..1e6f64) {
            let mut random = Random::new(seed);
            let mut uniform = || (random.below(1 << 30) as f64 + 0.5) / f64::from(1 << 30);
            let points = sorted((0..n).map(|i| {
                let x = 1.0 + 100.0 * uniform();
                let noise = uniform() + uniform() + uniform() - 1.5;
                (x, if i * 10 < n * 4 { far * uniform() } else { 2.0 + 3.0 * x + noise })
            }).collect());
            let found = fit(&points, &mut Scratch::default()).unwrap();
            if far > 1e3 {
                prop_assert!((found.line.slope - 3.0).abs() < 0.05, "{:?}", found.line);
                prop_assert!(found.scale < 2.0, "{}", found.scale);
            }
            let shuffled = {
                let mut p = points.clone();
                p.reverse();
                sorted(p)
            };
            prop_assert_eq!(fit(&shuffled, &mut Scratch::default()).unwrap().line, found.line);
        }
    }
}
