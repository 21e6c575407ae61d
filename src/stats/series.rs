//! The robust baseline of a short series: level, slow trend, season, and at most one level shift.
//!
//! Everything is made of medians, so that what is to be found cannot pull what it is measured by. The
//! date of a shift is where two levels fit best, by the sum of absolute deviations from the medians on
//! either side (an exact scan); it is kept where it pays for itself by the Schwarz criterion of a
//! Laplace likelihood. The model is that of Rousseeuw, Perrotta, Riani and Hubert (2019), with medians
//! in place of least trimmed squares. NaN is a missing value.

use super::{MAD_K, Ordered, encode};

/// Shortest stretch on either side of a shift: this many periods, or this share of all.
const SHORTEST: (usize, usize) = (3, 16);
/// Rounds of fitting season and levels in turn.
const ROUNDS: usize = 2;
/// Values within so many spreads count when means take the place of medians.
const CUTOFF: f64 = 2.5;
/// Rounds of that.
const REFINED: usize = 2;
/// What a shift costs in parameters: its size, its date, and the choice of the date.
const COST: f64 = 4.0;
/// The standard error of a median over that of a mean, at the normal: the root of π / 2.
const MEDIAN_ERROR: f64 = 1.253_314_137_315_500_3;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The first period of the new level.
    pub at: usize,
    /// Its size over its standard error, widened for what neighbouring periods have in common.
    pub z: f64,
}

#[derive(Clone, Debug, Default)]
pub struct Baseline {
    pub before: f64,
    pub after: f64,
    pub shift: Option<Shift>,
    slope: f64,
    middle: f64,
    /// What each phase of the season adds; empty where there is none.
    season: Vec<f64>,
    /// The standard deviation that the residuals' MAD stands for.
    pub scale: f64,
}

impl Baseline {
    /// One level and nothing else.
    pub fn still(level: f64, scale: f64) -> Baseline {
        Baseline { before: level, after: level, scale, ..Baseline::default() }
    }

    pub fn at(&self, t: usize) -> f64 {
        self.level(t) + self.slope * (t as f64 - self.middle) + self.seasonal(t)
    }

    fn level(&self, t: usize) -> f64 {
        if self.shift.is_some_and(|s| t >= s.at) { self.after } else { self.before }
    }

    /// Where the series would be had it not shifted.
    pub fn unshifted(&self, t: usize) -> f64 {
        self.before + self.slope * (t as f64 - self.middle) + self.seasonal(t)
    }

    fn seasonal(&self, t: usize) -> f64 {
        if self.season.is_empty() { 0.0 } else { self.season[t % self.season.len()] }
    }
}

/// Working memory, kept from series to series.
#[derive(Default)]
pub struct Scratch {
    rest: Vec<f64>,
    sorted: Vec<f64>,
    left: Vec<(f64, usize)>,
    keys: Vec<i64>,
}

/// Fits a baseline. `period` is the length of the season, used where the series holds two of them;
/// `weigh` says of which values the spread is taken.
pub fn baseline(x: &[f64], period: usize, weigh: impl Fn(usize) -> bool, scratch: &mut Scratch) -> Baseline {
    let seasonal = period > 1 && x.len() >= 2 * period;
    let rough = if seasonal { rough_season(x, period, scratch) } else { Vec::new() };
    let flat = fit(x, rough.clone(), false, &weigh, scratch);
    if x.len() < 2 * SHORTEST.0 {
        return flat.0;
    }
    let shifted = fit(x, rough, true, &weigh, scratch);
    let n = x.iter().filter(|v| !v.is_nan()).count() as f64;
    let gain = 2.0 * n * (super::ln(flat.1.max(1e-300)) - super::ln(shifted.1.max(1e-300)));
    let worth = shifted.0.shift.is_some() && (shifted.1 < 1e-9 * flat.1 || gain > COST * super::ln(n.max(2.0)));
    if worth { shifted.0 } else { flat.0 }
}

/// A baseline with or without a shift, and the sum of absolute residuals; `season` is a first guess.
fn fit(
    x: &[f64],
    season: Vec<f64>,
    shift: bool,
    weigh: &impl Fn(usize) -> bool,
    scratch: &mut Scratch,
) -> (Baseline, f64) {
    let (n, period) = (x.len(), season.len());
    let seasonal = period > 0;
    let mut base = Baseline { middle: (n as f64 - 1.0) / 2.0, season, ..Baseline::default() };
    for round in 0..ROUNDS {
        scratch.rest.clear();
        scratch.rest.extend((0..n).map(|t| x[t] - base.seasonal(t) - base.slope * (t as f64 - base.middle)));
        if shift {
            base.shift = best_split(scratch).map(|at| Shift { at, z: 0.0 });
        }
        let cut = base.shift.map_or(n, |s| s.at);
        base.before = median_of(scratch.rest[..cut].iter().copied(), &mut scratch.keys);
        base.after =
            if cut < n { median_of(scratch.rest[cut..].iter().copied(), &mut scratch.keys) } else { base.before };
        if round + 1 == ROUNDS {
            break;
        }
        base.slope += slope(&scratch.rest, cut, &mut scratch.keys);
        if seasonal {
            base.season = fine_season(x, &base, period, scratch);
        }
    }
    refine(x, &mut base, weigh, scratch);
    let (mut cost, mut loose) = (0.0, 0);
    scratch.rest.clear();
    for (t, &value) in x.iter().enumerate() {
        let off = value - base.at(t);
        if !off.is_nan() {
            cost += off.abs();
            loose += usize::from(weigh(t));
        }
        scratch.rest.push(off);
    }
    let spread = median_of((0..n).filter(|&t| weigh(t)).map(|t| scratch.rest[t].abs()), &mut scratch.keys);
    // Medians of few values lie close to them: the residuals are too small by the coefficients fitted.
    let fitted = 2 + if seasonal { period - 1 } else { 0 } + 2 * usize::from(base.shift.is_some());
    let kept = loose.saturating_sub(fitted).max(loose / 3).max(1);
    base.scale = MAD_K * spread * (loose as f64 / kept as f64).sqrt();
    if let Some(shift) = &mut base.shift {
        let (left, right) = (shift.at as f64, (n - shift.at) as f64);
        let error = MEDIAN_ERROR * base.scale * (1.0 / left + 1.0 / right).sqrt() * dependence(&scratch.rest, spread);
        shift.z = (base.after - base.before) / error;
    }
    (base, cost)
}

/// Means take the place of medians where nothing is out of line: less noise for the same robustness, as
/// reweighting does for least trimmed squares.
fn refine(x: &[f64], base: &mut Baseline, weigh: &impl Fn(usize) -> bool, scratch: &mut Scratch) {
    let (n, period) = (x.len(), base.season.len());
    let cut = base.shift.map_or(n, |s| s.at);
    let off = (0..n).filter(|&t| weigh(t)).map(|t| (x[t] - base.at(t)).abs());
    let limit = CUTOFF * MAD_K * median_of(off, &mut scratch.keys);
    if limit.is_nan() || limit <= 0.0 {
        return;
    }
    let kept: Vec<usize> = (0..n).filter(|&t| (x[t] - base.at(t)).abs() <= limit).collect();
    for _ in 0..REFINED {
        // One slope within both levels, then the levels.
        let (mut cross, mut square) = (0.0, 0.0);
        let mut sides = [(0.0, 0.0, 0.0); 2];
        for (side, (count, mean_t, mean)) in sides.iter_mut().enumerate() {
            let part = || {
                let own = kept.iter().copied().filter(|&t| (t >= cut) == (side == 1));
                own.map(|t| (t as f64, x[t] - base.seasonal(t)))
            };
            *count = part().count() as f64;
            (*mean_t, *mean) = part().fold((0.0, 0.0), |m, (t, y)| (m.0 + t / *count, m.1 + y / *count));
            for (t, y) in part() {
                cross += (t - *mean_t) * (y - *mean);
                square += (t - *mean_t) * (t - *mean_t);
            }
        }
        let noise = limit * limit / (CUTOFF * CUTOFF);
        if square > 0.0 {
            let slope = cross / square;
            base.slope = slope * beyond_noise(slope * slope, noise / square);
        }
        let level = |(count, mean_t, mean): (f64, f64, f64)| {
            (count > 0.0).then_some(mean + base.slope * (base.middle - mean_t))
        };
        let (before, after) = (level(sides[0]), level(sides[1]));
        base.before = before.unwrap_or(base.before);
        base.after = if cut == n { base.before } else { after.unwrap_or(base.after) };
        if period == 0 {
            break;
        }
        let mut season = vec![(0.0, 0.0); period];
        for &t in &kept {
            let cell = &mut season[t % period];
            *cell = (cell.0 + x[t] - base.level(t) - base.slope * (t as f64 - base.middle), cell.1 + 1.0);
        }
        let mut made: Vec<f64> =
            season.iter().zip(&base.season).map(|(s, old)| if s.1 > 0.0 { s.0 / s.1 } else { *old }).collect();
        centre(&mut made);
        shrink(&mut made, noise * period as f64 / kept.len().max(1) as f64);
        base.season = made;
    }
}

/// The part of an estimate that is more than noise of this variance would give (James and Stein 1961).
fn beyond_noise(square: f64, variance: f64) -> f64 {
    if square > 0.0 { (1.0 - variance / square).max(0.0) } else { 0.0 }
}

/// Phases that add up to nothing.
fn centre(season: &mut [f64]) {
    let mean = season.iter().sum::<f64>() / season.len() as f64;
    season.iter_mut().for_each(|s| *s -= mean);
}

fn shrink(season: &mut [f64], variance: f64) {
    let size = season.iter().map(|s| s * s).sum::<f64>() / season.len() as f64;
    let kept = beyond_noise(size, variance);
    season.iter_mut().for_each(|s| *s *= kept);
}

/// Medians, phase by phase, of what is left when a centred moving mean over a season is taken away.
fn rough_season(x: &[f64], period: usize, scratch: &mut Scratch) -> Vec<f64> {
    let (n, half) = (x.len(), period / 2);
    scratch.rest.clear();
    scratch.rest.resize(n, f64::NAN);
    for t in half..n.saturating_sub(half) {
        let window = &x[t - half..=t + half];
        let mut sum: f64 = window.iter().sum();
        if period.is_multiple_of(2) {
            sum -= 0.5 * (window[0] + window[period]);
        }
        scratch.rest[t] = x[t] - sum / period as f64;
    }
    phases(period, n, scratch)
}

/// The same of what is left of levels and slope, shrunk by what noise alone would give.
fn fine_season(x: &[f64], base: &Baseline, period: usize, scratch: &mut Scratch) -> Vec<f64> {
    let n = x.len();
    for (t, &value) in x.iter().enumerate() {
        scratch.rest[t] = value - base.level(t) - base.slope * (t as f64 - base.middle);
    }
    let mut season = phases(period, n, scratch);
    let left = (0..n).map(|t| (scratch.rest[t] - season[t % period]).abs());
    let noise = MAD_K * median_of(left, &mut scratch.keys);
    let error = MEDIAN_ERROR * noise * (period as f64 / n as f64).sqrt();
    shrink(&mut season, error * error);
    season
}

fn phases(period: usize, n: usize, scratch: &mut Scratch) -> Vec<f64> {
    let Scratch { rest, keys, .. } = scratch;
    let mut season: Vec<f64> = (0..period)
        .map(|phase| {
            let found = median_of((phase..n).step_by(period).map(|t| rest[t]), keys);
            if found.is_nan() { 0.0 } else { found }
        })
        .collect();
    centre(&mut season);
    season
}

/// The middle slope between values a third of the series apart on the same side of the cut, less what
/// noise alone would give.
fn slope(rest: &[f64], cut: usize, keys: &mut Vec<i64>) -> f64 {
    let lag = (rest.len() / 3).max(1);
    let pairs = |part: &[f64]| -> Vec<f64> {
        if part.len() <= lag {
            Vec::new()
        } else {
            part.windows(lag + 1).map(|w| (w[lag] - w[0]) / lag as f64).collect()
        }
    };
    let mut slopes = pairs(&rest[..cut]);
    slopes.extend(pairs(&rest[cut..]));
    slopes.retain(|s| !s.is_nan());
    if slopes.len() < lag {
        return 0.0;
    }
    let middle = median_of(slopes.iter().copied(), keys);
    let spread = MAD_K * median_of(slopes.iter().map(|s| (s - middle).abs()), keys);
    let error = MEDIAN_ERROR * spread / (slopes.len() as f64).sqrt();
    // Neighbouring pairs share their noise.
    middle * beyond_noise(middle * middle, 2.0 * error * error)
}

/// How much wider a level's error is for what neighbouring residuals have in common.
fn dependence(rest: &[f64], spread: f64) -> f64 {
    let mut steps: Vec<f64> = rest.windows(2).map(|w| (w[1] - w[0]).abs()).filter(|v| !v.is_nan()).collect();
    if steps.is_empty() || spread.is_nan() || spread <= 0.0 {
        return 1.0;
    }
    let middle = steps.len() / 2;
    let step = *steps.select_nth_unstable_by(middle, f64::total_cmp).1;
    let common = (1.0 - step * step / (2.0 * spread * spread)).clamp(0.0, 0.9);
    ((1.0 + common) / (1.0 - common)).sqrt()
}

/// Where two medians fit best: the first period of the second.
fn best_split(scratch: &mut Scratch) -> Option<usize> {
    let Scratch { rest, sorted, left, .. } = scratch;
    let n = rest.len();
    let least = SHORTEST.0.max(n / SHORTEST.1);
    left.clear();
    sorted.clear();
    let mut deviation = 0.0;
    for &x in rest.iter() {
        left.push((deviation, sorted.len()));
        deviation += insert(sorted, x);
    }
    sorted.clear();
    deviation = 0.0;
    let mut best: Option<(f64, usize)> = None;
    for at in (least.max(1)..n).rev() {
        deviation += insert(sorted, rest[at]);
        let (before, held) = left[at];
        if n - at < least || held < least || sorted.len() < least {
            continue;
        }
        let cost = before + deviation;
        if best.is_none_or(|(least, _)| cost <= least) {
            best = Some((cost, at));
        }
    }
    best.map(|b| b.1)
}

/// Puts a value in its place, and says how much the sum of absolute deviations from the median grows:
/// by its distance from the median, or from the two middle values.
fn insert(sorted: &mut Vec<f64>, x: f64) -> f64 {
    if x.is_nan() {
        return 0.0;
    }
    let n = sorted.len();
    let grows = match n {
        0 => 0.0,
        _ if n % 2 == 1 => (x - sorted[n / 2]).abs(),
        _ => (sorted[n / 2 - 1] - x).max(x - sorted[n / 2]).max(0.0),
    };
    let at = sorted.partition_point(|&v| v < x);
    sorted.insert(at, x);
    grows
}

/// NaN of nothing.
fn median_of(found: impl Iterator<Item = f64>, keys: &mut Vec<i64>) -> f64 {
    keys.clear();
    keys.extend(found.filter(|v| !v.is_nan()).map(encode));
    Ordered::new(keys, false).median().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Random, normal_quantile};

    fn noise(random: &mut Random) -> f64 {
        normal_quantile((random.below(1 << 30) as f64 + 0.5) / f64::from(1 << 30))
    }

    fn of(x: &[f64], period: usize) -> Baseline {
        baseline(x, period, |_| true, &mut Scratch::default())
    }

    #[test]
    fn shifts_are_dated_and_spikes_are_none() {
        let (mut right, mut spikes, mut none) = (0, 0, 0);
        for seed in 0..1_000 {
            let mut random = Random::new(seed);
            let at = 8 + random.below(33);
            let season: Vec<f64> =
                (0..48).map(|t| 6.0 * libm::sin(f64::from(t) * std::f64::consts::FRAC_PI_6 + seed as f64)).collect();
            let clean: Vec<f64> = season.iter().map(|s| 100.0 + s + noise(&mut random)).collect();
            let shifted: Vec<f64> =
                clean.iter().enumerate().map(|(t, x)| x + if t >= at { 8.0 } else { 0.0 }).collect();
            right += usize::from(of(&shifted, 12).shift.is_some_and(|s| s.at == at));
            let mut spike = clean.clone();
            spike[at] += 8.0;
            spikes += usize::from(of(&spike, 12).shift.is_some());
            none += usize::from(of(&clean, 12).shift.is_some());
        }
        assert!(right >= 950, "{right} of 1000 shifts dated");
        assert!(spikes <= 50, "{spikes} of 1000 spikes called shifts");
        assert!(none <= 50, "{none} of 1000 series without a shift have one");
    }

    #[test]
    fn season_level_and_trend_are_found() {
        let x: Vec<f64> = (0..60).map(|t| 5.0 + 0.02 * f64::from(t) + f64::from(t % 12)).collect();
        let base = of(&x, 12);
        assert!(base.shift.is_none());
        for (t, x) in x.iter().enumerate() {
            assert!((base.at(t) - x).abs() < 0.05, "{t}: {} is not {x}", base.at(t));
        }
        let base = of(&[3.0; 20], 12);
        assert_eq!((base.before, base.scale, base.shift), (3.0, 0.0, None));
        assert!(of(&[f64::NAN; 20], 1).before.is_nan());
    }
}
