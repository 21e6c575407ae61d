//! The season of a series: the effect of each phase.

use super::baseline::Baseline;
use super::noise::{MEDIAN_ERROR, beyond_noise};
use super::scratch::{Scratch, median_of};
use crate::stats::MAD_K;

/// The median of each phase, of the values less a centred moving mean over one season.
pub fn rough_season(x: &[f64], period: usize, scratch: &mut Scratch) -> Vec<f64> {
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

/// The median of each phase, of the values less levels and slope, shrunk by the variance that noise alone would give.
pub fn fine_season(x: &[f64], base: &Baseline, period: usize, scratch: &mut Scratch) -> Vec<f64> {
    let n = x.len();
    for (t, &value) in x.iter().enumerate() {
        scratch.rest[t] = value - base.level(t) - base.slope * (t as f64 - base.middle);
    }
    let mut season = phases(period, n, scratch);
    let left = scratch.rest.iter().zip(season.iter().cycle()).map(|(rest, s)| (rest - s).abs());
    let noise = MAD_K * median_of(left, &mut scratch.keys);
    let error = MEDIAN_ERROR * noise * (period as f64 / n as f64).sqrt();
    shrink(&mut season, error * error);
    season
}

fn phases(period: usize, n: usize, scratch: &mut Scratch) -> Vec<f64> {
    // One row for each season, the last one filled up. Missing values sort behind all others.
    let (rows, Scratch { rest, some, .. }) = (n.div_ceil(period), scratch);
    let mut held = vec![0; period];
    some.clear();
    for row in rest[..n].chunks(period) {
        some.extend(row.iter().map(|&v| if v.is_nan() { f64::INFINITY } else { v }));
        held.iter_mut().zip(row).for_each(|(held, v)| *held += usize::from(!v.is_nan()));
    }
    some.resize(rows * period, f64::INFINITY);
    // All phases are sorted at once, by exchanges of neighbouring rows.
    for end in (1..rows).rev() {
        for row in 0..end {
            let (upper, lower) = some[row * period..(row + 2) * period].split_at_mut(period);
            for (a, b) in upper.iter_mut().zip(lower) {
                (*a, *b) = if *b < *a { (*b, *a) } else { (*a, *b) };
            }
        }
    }
    let middle = |(phase, held): (usize, usize)| match held {
        0 => 0.0,
        _ => 0.5 * some[(held - 1) / 2 * period + phase] + 0.5 * some[held / 2 * period + phase],
    };
    let mut season: Vec<f64> = held.into_iter().enumerate().map(middle).collect();
    centre(&mut season);
    season
}

/// Subtracts the mean, so that the phases add up to zero.
pub fn centre(season: &mut [f64]) {
    let mean = season.iter().sum::<f64>() / season.len() as f64;
    season.iter_mut().for_each(|s| *s -= mean);
}

pub fn shrink(season: &mut [f64], variance: f64) {
    let size = season.iter().map(|s| s * s).sum::<f64>() / season.len() as f64;
    let kept = beyond_noise(size, variance);
    season.iter_mut().for_each(|s| *s *= kept);
}
