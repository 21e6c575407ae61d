//! Did the gap of a route move to another level? One test for each route.
//!
//! For every split of the periods the difference of the two means is divided by its standard error, and the largest
//! such ratio is the statistic. Gaps of neighbouring periods are alike, so the standard errors follow from the
//! variogram: half the mean squared difference of two periods, by the time between them. Its shape is learnt from all
//! routes together, by medians. A route that moved once differs in few pairs of near periods, and few routes move. The
//! scale is that of each route, drawn to a common one (Smyth 2004).

use std::collections::{BTreeMap, HashMap};

use super::moderation::Moderation;
use super::series::{Frame, RouteSeries};
use crate::detect::flow::spread::TIED;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::stats::{MAD_K, MEDIAN_SQUARE, median, normal_density, normal_quantile, normal_upper, student_t_two_sided};

/// The smallest number of periods of a route, and of each of its two levels.
pub(super) const PERIODS: usize = 8;
const LEVEL: usize = 3;
/// The largest number of periods.
const MOST: usize = 2_000;
/// The largest time between two periods for which the variogram is learnt; it is flat beyond.
const LONGEST: usize = 120;
/// The smallest number of routes from which a common change of a period is learnt.
const ROUTES: usize = 10;
/// The smallest number of degrees of freedom of a scale.
const FREEDOM: f64 = 1.5;
/// The largest ratio; beyond it the normal has no digits left.
const LARGEST: f64 = 37.0;
/// Siegmund's correction for discrete time: ν(x) is about exp(-0.583 x).
const DISCRETE: f64 = 0.583;

/// How gaps vary over time if no level changes.
pub struct Noise {
    /// The variogram by the time between two periods, in units of the route.
    shape: Vec<f64>,
    /// The scales of routes. The efficiency is the share of the periods that counts as independent.
    scales: Moderation,
    /// What the gaps of all routes have in common in a period, by its first day.
    common: HashMap<i32, f64>,
    splits: BTreeMap<usize, Splits>,
    pub(super) routes: usize,
}

/// What is expected of a series of a length without a change. For each split: the variance of the difference of the two
/// means, and the expected residual sum of squares.
type Splits = Vec<(f64, f64)>;

/// The most likely change of a route.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// The position of the first gap on the new level.
    pub(super) at: usize,
    pub(super) before: f64,
    pub(super) after: f64,
    /// The part of the difference that all routes have in common.
    pub(super) common: f64,
    /// The rest in standard errors, as a standard normal.
    pub(super) z: f64,
    pub(super) p_value: f64,
}

impl Noise {
    pub(super) fn learn(series: &[RouteSeries], frame: &Frame, progress: &Progress) -> Result<Noise> {
        let usable: Vec<&RouteSeries> = series.iter().filter(|s| is_long_enough(s)).collect();
        let longest = usable.iter().map(|s| s.gaps.len()).max().unwrap_or(0);
        if longest > MOST {
            return Err(Error::Argument(format!(
                "routes have up to {longest} periods, more than the {MOST} in which a change is sought; take longer periods"
            )));
        }
        let common = common(&usable, frame, progress)?;
        let mut noise = Noise {
            shape: vec![0.0],
            scales: Moderation::none(1.0),
            common,
            splits: BTreeMap::new(),
            routes: usable.len(),
        };
        let rests: Vec<Vec<f64>> = usable.iter().map(|s| noise.rest(s, frame)).collect();
        noise.shape = shape(&rests, longest, progress)?;
        for length in PERIODS..=longest {
            progress.check()?;
            if rests.iter().any(|r| r.len() == length) {
                noise.splits.insert(length, noise.splits_of(length));
            }
        }
        if longest > 0 {
            let efficiency = noise.freedom(longest) / (longest - 1) as f64;
            let scales = rests.iter().filter_map(|rest| {
                let splits = noise.splits.get(&rest.len())?;
                let middle = splits.len() / 2;
                let variance = residual_squares(rest, middle + LEVEL) / splits[middle].1;
                Some((variance.sqrt(), rest.len() as u32))
            });
            noise.scales = Moderation::of(scales, efficiency);
        }
        Ok(noise)
    }

    /// The gaps of a route without what all routes have in common.
    fn rest(&self, series: &RouteSeries, frame: &Frame) -> Vec<f64> {
        let common = |at: &usize| self.common.get(&frame.periods[*at]).copied().unwrap_or(0.0);
        series.gaps.iter().map(|(at, gap)| gap - common(at)).collect()
    }

    fn gamma(&self, apart: usize) -> f64 {
        self.shape[apart.min(self.shape.len() - 1)]
    }

    fn splits_of(&self, length: usize) -> Splits {
        // The sum of the variogram over all pairs of n neighbouring periods.
        let (mut pairs, mut row, mut sum) = (vec![0.0], 0.0, 0.0);
        for apart in 0..length {
            row += self.gamma(apart);
            sum += 2.0 * row;
            pairs.push(sum);
        }
        (LEVEL..=length - LEVEL)
            .map(|k| {
                let (a, b) = (k as f64, (length - k) as f64);
                let (first, second) = (pairs[k], pairs[length - k]);
                let across = 0.5 * (pairs[length] - first - second);
                let variance = 2.0 * across / (a * b) - first / (a * a) - second / (b * b);
                (variance, first / a + second / b)
            })
            .collect()
    }

    /// The degrees of freedom of the residual sum of squares of two levels (Satterthwaite 1946). M is the covariance of
    /// the residuals; they are trace(M)² / trace(M²).
    fn freedom(&self, length: usize) -> f64 {
        let half = length / 2;
        let sill = self.shape.iter().copied().fold(0.0, f64::max);
        let covariance = |i: usize, j: usize| sill - self.gamma(i.abs_diff(j));
        // The mean of a row over each level, and of these over each level.
        let means: Vec<[f64; 2]> = (0..length)
            .map(|i| [0..half, half..length].map(|l| l.clone().map(|j| covariance(i, j)).sum::<f64>() / l.len() as f64))
            .collect();
        let of = |i: usize| usize::from(i >= half);
        let blocks = [0, 1].map(|a| {
            let rows = if a == 0 { 0..half } else { half..length };
            [0, 1].map(|b| rows.clone().map(|i| means[i][b]).sum::<f64>() / rows.len() as f64)
        });
        let (mut trace, mut squares) = (0.0, 0.0);
        for (i, row) in means.iter().enumerate() {
            for (j, column) in means.iter().enumerate() {
                let m = covariance(i, j) - row[of(j)] - column[of(i)] + blocks[of(i)][of(j)];
                squares += m * m;
                trace += if i == j { m } else { 0.0 };
            }
        }
        if squares > 0.0 { (trace * trace / squares).clamp(FREEDOM, length as f64 - 2.0) } else { length as f64 - 2.0 }
    }

    /// The most likely change of a route; `None` with too few periods.
    pub(super) fn change(&self, series: &RouteSeries, frame: &Frame) -> Option<Change> {
        if !is_long_enough(series) {
            return None;
        }
        let rest = self.rest(series, frame);
        let made;
        let splits = match self.splits.get(&rest.len()) {
            Some(splits) => splits,
            None => {
                made = self.splits_of(rest.len());
                &made
            }
        };
        let n = rest.len() as u32;
        let own = (self.scales.efficiency * f64::from(n - 1)).max(FREEDOM);
        let mut best = (0.0f64, LEVEL);
        for (i, (variance, squares)) in splits.iter().enumerate() {
            let k = i + LEVEL;
            // The split is the one that fits best, which costs one more degree of freedom.
            let variance_of_one = residual_squares(&rest, k) / squares * own / (own - 1.0);
            let scale = self.scales.scale(variance_of_one.sqrt(), n);
            let ratio = (mean(&rest[k..]) - mean(&rest[..k])) / (variance.sqrt() * scale).max(TIED);
            if ratio.abs() > best.0.abs() {
                best = (ratio, k);
            }
        }
        let (ratio, at) = best;
        let tail = 0.5 * student_t_two_sided(ratio, own + self.scales.weight);
        let z = normal_quantile(tail.clamp(1e-300, 0.5)).abs().min(LARGEST);
        let raw: Vec<f64> = series.gaps.iter().map(|g| g.1).collect();
        let (before, after) = (mean(&raw[..at]), mean(&raw[at..]));
        let own = mean(&rest[at..]) - mean(&rest[..at]);
        Some(Change {
            at,
            before,
            after,
            common: after - before - own,
            z: z.copysign(own),
            p_value: largest_p(z, rest.len()),
        })
    }
}

fn is_long_enough(series: &RouteSeries) -> bool {
    series.gaps.len() >= PERIODS && series.reported == [true, true]
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sum of squares about the means before and from position k.
fn residual_squares(values: &[f64], k: usize) -> f64 {
    let squares = |part: &[f64]| {
        let middle = mean(part);
        part.iter().map(|v| (v - middle) * (v - middle)).sum::<f64>()
    };
    squares(&values[..k]) + squares(&values[k..])
}

/// For each period the median over routes of the gap less the median gap of the route.
fn common(series: &[&RouteSeries], frame: &Frame, progress: &Progress) -> Result<HashMap<i32, f64>> {
    let mut of_period: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for s in series {
        progress.check()?;
        let middle = median(s.gaps.iter().map(|g| g.1)).unwrap_or(0.0);
        s.gaps.iter().for_each(|(at, gap)| of_period.entry(*at).or_default().push(gap - middle));
    }
    let many = of_period.into_iter().filter(|(_, gaps)| gaps.len() >= ROUTES);
    Ok(many.filter_map(|(at, gaps)| Some((frame.periods[at], median(gaps.into_iter())?))).collect())
}

/// The variogram of all routes, each in units of its own scale: half the median squared difference over the median of
/// the square of a standard normal. It does not fall.
fn shape(rests: &[Vec<f64>], longest: usize, progress: &Progress) -> Result<Vec<f64>> {
    let scales: Vec<f64> = rests
        .iter()
        .map(|r| (MAD_K * median(r.windows(2).map(|w| (w[1] - w[0]).abs())).unwrap_or(0.0)).max(TIED))
        .collect();
    // A few routes that all moved would be taken for long memory. Near periods are safe from that.
    let furthest = if rests.len() >= ROUTES { longest / 2 } else { longest / 4 };
    let lags = 1..furthest.clamp(1, LONGEST) + 1;
    let halves = progress.each(lags, 1, |apart| {
        let differences = rests
            .iter()
            .zip(&scales)
            .flat_map(|(r, scale)| (apart..r.len()).map(move |t| (r[t] - r[t - apart]) / scale));
        0.5 * median(differences.map(|d| d * d)).unwrap_or(0.0) / MEDIAN_SQUARE
    })?;
    let mut shape = vec![0.0];
    for half in halves {
        let last = shape[shape.len() - 1];
        shape.push(half.max(last));
    }
    if shape[shape.len() - 1] <= 0.0 {
        shape = vec![0.0, 1.0];
    }
    Ok(shape)
}

/// The probability that the largest ratio over all splits is at least z without a change: the approximation of James,
/// James and Siegmund (1987), and no more than the sum over all splits. Gaps that depend on their neighbours exceed z
/// less often than independent ones.
fn largest_p(z: f64, length: usize) -> f64 {
    let n = length as f64;
    let rates = (LEVEL..=length - LEVEL).map(|k| n / (k as f64 * (n - k as f64)));
    let crossings: f64 = rates.map(|rate| rate * libm::exp(-DISCRETE * z * rate.sqrt())).sum();
    let one = 2.0 * normal_upper(z);
    (z * normal_density(z) * crossings + one).min((length + 1 - 2 * LEVEL) as f64 * one).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Random;

    fn route(gaps: Vec<f64>) -> RouteSeries {
        let n = gaps.len();
        RouteSeries {
            exports: vec![1.0; n],
            imports: vec![1.0; n],
            gaps: gaps.into_iter().enumerate().collect(),
            reported: [true, true],
        }
    }

    fn frame() -> Frame {
        Frame { periods: (0..40).collect() }
    }

    #[test]
    fn without_a_change_p_values_are_no_smaller_than_they_should_be() {
        for memory in [0.0, 0.7] {
            let mut random = Random::new(3);
            let routes: Vec<RouteSeries> = (0..2_000)
                .map(|_| {
                    let mut last = random.normal();
                    let mut step = |_| {
                        last = memory * last + (1.0f64 - memory * memory).sqrt() * random.normal();
                        last
                    };
                    route((0..24).map(&mut step).collect())
                })
                .collect();
            let learnt = Noise::learn(&routes, &frame(), &Progress::default()).unwrap();
            let p: Vec<f64> = routes.iter().map(|r| learnt.change(r, &frame()).unwrap().p_value).collect();
            for (level, most) in [(0.05, 1.2), (0.01, 1.3), (0.001, 2.5)] {
                let share = p.iter().filter(|p| **p < level).count() as f64 / p.len() as f64;
                assert!(share <= most * level, "memory {memory}: {share} below {level}");
            }
        }
    }

    #[test]
    fn a_change_is_found_and_dated() {
        let mut random = Random::new(5);
        let mut routes: Vec<RouteSeries> =
            (0..60).map(|_| route((0..22).map(|_| 0.3 * random.normal()).collect())).collect();
        routes[7].gaps.iter_mut().skip(13).for_each(|g| g.1 -= 1.58);
        let learnt = Noise::learn(&routes, &frame(), &Progress::default()).unwrap();
        let change = learnt.change(&routes[7], &frame()).unwrap();
        assert_eq!(change.at, 13);
        assert!((change.after - change.before + 1.58).abs() < 0.4);
        assert!(change.p_value < 1e-6 && change.z < 0.0);
        // What all routes have in common is not a change of one.
        routes.iter_mut().for_each(|r| r.gaps.iter_mut().skip(9).for_each(|g| g.1 += 2.0));
        let learnt = Noise::learn(&routes, &frame(), &Progress::default()).unwrap();
        let found = routes.iter().filter(|r| learnt.change(r, &frame()).unwrap().p_value < 1e-4).count();
        assert_eq!(found, 1);
        assert!(learnt.change(&route(vec![0.0; PERIODS - 1]), &frame()).is_none());
        assert!(learnt.change(&route(vec![0.0; 30]), &frame()).unwrap().p_value >= 0.0);
    }
}
