//! The fit of a baseline: with and without a shift, then the choice between both, and its scale.

use super::baseline::Baseline;
use super::noise::{MEDIAN_ERROR, beyond_noise};
use super::refine::refine;
use super::scratch::{Scratch, median_of};
use super::season::{fine_season, rough_season};
use crate::stats::{MAD_K, ln};

/// The number of parameters that a shift adds: its size, its date, and the choice of the date.
const COST: f64 = 4.0;

/// Fits a baseline. `period` is the length of the season, used if the series has two seasons or more. `weigh` says
/// which values the scale is estimated from.
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
        let gain = 2.0 * held * (ln(flat_cost.max(1e-300)) - ln(cost.max(1e-300)));
        if cost < 1e-9 * flat_cost || gain > COST * ln(held.max(2.0)) {
            base = shifted;
        }
    }
    scratch.take_season(&base, n);
    refine(x, &mut base, &weigh, scratch);
    measure(x, &mut base, &weigh, scratch);
    base
}

/// Fits slope, season and levels, beginning with first levels and a first season. Returns the sum of absolute
/// residuals.
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

/// Estimates the scale of the residuals, and the z of a shift.
fn measure(x: &[f64], base: &mut Baseline, weigh: &impl Fn(usize) -> bool, scratch: &mut Scratch) {
    let n = x.len();
    scratch.take_off(x, base);
    let loose = (0..n).filter(|&t| !x[t].is_nan() && weigh(t)).count();
    let spread = scratch.median_size(weigh);
    // Medians of few values lie close to these values. The fitted coefficients make the residuals too small.
    let kept = loose.saturating_sub(base.coefficients()).max(loose / 3).max(1);
    base.scale = MAD_K * spread * (loose as f64 / kept as f64).sqrt();
    if let Some(shift) = &mut base.shift {
        let (left, right) = (shift.at as f64, (n - shift.at) as f64);
        let error = MEDIAN_ERROR * base.scale * (1.0 / left + 1.0 / right).sqrt() * dependence(spread, scratch);
        shift.z = (base.after - base.before) / error;
    }
}

/// The median slope between values a third of the series apart on the same side of the cut, shrunk by the slope that
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
    // Neighbouring pairs have noise in common.
    middle * beyond_noise(middle * middle, 2.0 * error * error)
}

/// The factor by which dependence of neighbouring residuals enlarges the error of a level.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Random;

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
            let clean: Vec<f64> = season.iter().map(|s| 100.0 + s + random.normal()).collect();
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
