//! The robust baseline of a short series: level, slow trend, season, and at most one level shift.
//!
//! Everything is made of medians, so that what is to be found cannot pull what it is measured by. The
//! date of a shift is where two levels fit best, by the sum of absolute deviations from the medians on
//! either side (an exact scan); it is kept where it pays for itself by the Schwarz criterion of a
//! Laplace likelihood, all parts settled with and without it. What is chosen is then refined by means
//! of the values in line with it. The model is that of Rousseeuw, Perrotta, Riani and Hubert (2019), with medians
//! in place of least trimmed squares. NaN is a missing value.

mod refine;
mod season;
mod split;

use self::refine::refine;
use self::season::{fine_season, rough_season};
use self::split::Splitter;
use super::{MAD_K, OrderStatistics, encode};

/// Shortest stretch on either side of a shift: this many periods, or this share of all.
const SHORTEST: (usize, usize) = (3, 16);
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

    /// Where the first level of n periods ends.
    fn cut(&self, n: usize) -> usize {
        self.shift.map_or(n, |s| s.at)
    }

    /// Where the series would be had it not shifted.
    pub fn unshifted(&self, t: usize) -> f64 {
        self.before + self.slope * (t as f64 - self.middle) + self.seasonal(t)
    }

    fn seasonal(&self, t: usize) -> f64 {
        if self.season.is_empty() { 0.0 } else { self.season[t % self.season.len()] }
    }
}

/// The shortest stretch on either side of a shift in so many periods.
pub fn shortest(periods: usize) -> usize {
    SHORTEST.0.max(periods / SHORTEST.1)
}

/// Working memory, kept from series to series.
#[derive(Default)]
pub struct Scratch {
    rest: Vec<f64>,
    /// What the season adds, period by period.
    season: Vec<f64>,
    kept: Vec<u32>,
    some: Vec<f64>,
    keys: Vec<i64>,
    splitter: Splitter,
}

/// Fits a baseline. `period` is the length of the season, used where the series holds two of them;
/// `weigh` says of which values the spread is taken.
pub fn baseline(x: &[f64], period: usize, weigh: impl Fn(usize) -> bool, scratch: &mut Scratch) -> Baseline {
    let n = x.len();
    let mut flat = Baseline { middle: (n as f64 - 1.0) / 2.0, ..Baseline::default() };
    if period > 1 && n >= 2 * period {
        flat.season = rough_season(x, period, scratch);
    }
    scratch.take_season(&flat, n);
    scratch.take_rest(x, &flat);
    scratch.splitter.sort(&scratch.rest);
    (flat.before, flat.after) = (scratch.splitter.median(), scratch.splitter.median());
    let mut shifted = flat.clone();
    scratch.split(&mut shifted);
    let flat_cost = settle(x, &mut flat, scratch);
    let mut base = flat;
    if shifted.shift.is_some() {
        let cost = settle(x, &mut shifted, scratch);
        let held = x.iter().filter(|v| !v.is_nan()).count() as f64;
        let gain = 2.0 * held * (super::ln(flat_cost.max(1e-300)) - super::ln(cost.max(1e-300)));
        if cost < 1e-9 * flat_cost || gain > COST * super::ln(held.max(2.0)) {
            base = shifted;
        }
    }
    scratch.take_season(&base, n);
    refine(x, &mut base, &weigh, scratch);
    measure(x, &mut base, &weigh, scratch);
    base
}

/// Slope, season and levels from first levels and a first season; the sum of absolute residuals.
fn settle(x: &[f64], base: &mut Baseline, scratch: &mut Scratch) -> f64 {
    let (n, period) = (x.len(), base.season.len());
    scratch.take_season(base, n);
    scratch.take_rest(x, base);
    base.slope += slope(base.cut(n), scratch);
    if period > 0 {
        base.season = fine_season(x, base, period, scratch);
        scratch.take_season(base, n);
    }
    scratch.take_rest(x, base);
    if base.shift.is_some() {
        scratch.splitter.sort(&scratch.rest);
        scratch.split(base);
    } else {
        base.before = median_of(scratch.rest.iter().copied(), &mut scratch.keys);
        base.after = base.before;
    }
    let (before, after) = scratch.rest.split_at(base.cut(n));
    let size =
        |part: &[f64], level: f64| -> f64 { part.iter().map(|r| (r - level).abs()).filter(|off| !off.is_nan()).sum() };
    size(before, base.before) + size(after, base.after)
}

/// The spread of the residuals, and how far a shift is from none.
fn measure(x: &[f64], base: &mut Baseline, weigh: &impl Fn(usize) -> bool, scratch: &mut Scratch) {
    let n = x.len();
    scratch.take_off(x, base);
    let loose = (0..n).filter(|&t| !x[t].is_nan() && weigh(t)).count();
    let spread = scratch.median_size(weigh);
    // Medians of few values lie close to them: the residuals are too small by the coefficients fitted.
    let fitted = 2 + base.season.len().saturating_sub(1) + 2 * usize::from(base.shift.is_some());
    let kept = loose.saturating_sub(fitted).max(loose / 3).max(1);
    base.scale = MAD_K * spread * (loose as f64 / kept as f64).sqrt();
    if let Some(shift) = &mut base.shift {
        let (left, right) = (shift.at as f64, (n - shift.at) as f64);
        let error = MEDIAN_ERROR * base.scale * (1.0 / left + 1.0 / right).sqrt() * dependence(spread, scratch);
        shift.z = (base.after - base.before) / error;
    }
}

impl Scratch {
    fn take_season(&mut self, base: &Baseline, n: usize) {
        self.season.clear();
        if base.season.is_empty() {
            self.season.resize(n, 0.0);
        } else {
            self.season.extend(base.season.iter().copied().cycle().take(n));
        }
    }

    /// What slope and season leave.
    fn take_rest(&mut self, x: &[f64], base: &Baseline) {
        self.rest.clear();
        let seasonal = x.iter().zip(&self.season).enumerate();
        self.rest.extend(seasonal.map(|(t, (x, s))| x - s - base.slope * (t as f64 - base.middle)));
    }

    /// What the whole baseline leaves.
    fn take_off(&mut self, x: &[f64], base: &Baseline) {
        self.take_rest(x, base);
        let (before, after) = self.rest.split_at_mut(base.cut(x.len()));
        before.iter_mut().for_each(|r| *r -= base.before);
        after.iter_mut().for_each(|r| *r -= base.after);
    }

    /// Two levels of what was sorted, where there are values enough.
    fn split(&mut self, base: &mut Baseline) {
        if let Some(split) = self.splitter.best(shortest(self.rest.len())) {
            (base.before, base.after) = (split.before, split.after);
            base.shift = Some(Shift { at: split.at, z: 0.0 });
        }
    }

    /// The median distance of what is left from zero.
    fn median_size(&mut self, weigh: &impl Fn(usize) -> bool) -> f64 {
        let sizes = self.rest.iter().enumerate().filter(|(t, _)| weigh(*t)).map(|(_, off)| off.abs());
        median_of(sizes, &mut self.keys)
    }
}

/// The part of an estimate that is more than noise of this variance would give (James and Stein 1961).
fn beyond_noise(square: f64, variance: f64) -> f64 {
    if square > 0.0 { (1.0 - variance / square).max(0.0) } else { 0.0 }
}

/// The middle slope between values a third of the series apart on the same side of the cut, less what
/// noise alone would give.
fn slope(cut: usize, scratch: &mut Scratch) -> f64 {
    let Scratch { rest, some, keys, .. } = scratch;
    let lag = (rest.len() / 3).max(1);
    some.clear();
    for part in [&rest[..cut], &rest[cut..]] {
        let pairs = part.iter().zip(part.iter().skip(lag)).map(|(a, b)| (b - a) / lag as f64);
        some.extend(pairs.filter(|s| !s.is_nan()));
    }
    if some.len() < lag {
        return 0.0;
    }
    let middle = median_of(some.iter().copied(), keys);
    let spread = MAD_K * median_of(some.iter().map(|s| (s - middle).abs()), keys);
    let error = MEDIAN_ERROR * spread / (some.len() as f64).sqrt();
    // Neighbouring pairs share their noise.
    middle * beyond_noise(middle * middle, 2.0 * error * error)
}

/// How much wider a level's error is for what neighbouring residuals have in common.
fn dependence(spread: f64, scratch: &mut Scratch) -> f64 {
    let Scratch { rest, some, .. } = scratch;
    some.clear();
    some.extend(rest.windows(2).map(|w| (w[1] - w[0]).abs()).filter(|v| !v.is_nan()));
    if some.is_empty() || spread.is_nan() || spread <= 0.0 {
        return 1.0;
    }
    let middle = some.len() / 2;
    let step = *some.select_nth_unstable_by(middle, f64::total_cmp).1;
    let common = (1.0 - step * step / (2.0 * spread * spread)).clamp(0.0, 0.9);
    ((1.0 + common) / (1.0 - common)).sqrt()
}

/// NaN of nothing.
fn median_of(found: impl Iterator<Item = f64>, keys: &mut Vec<i64>) -> f64 {
    keys.clear();
    keys.extend(found.filter(|v| !v.is_nan()).map(encode));
    OrderStatistics::new(keys, false).median().unwrap_or(f64::NAN)
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
