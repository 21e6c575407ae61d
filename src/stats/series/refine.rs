//! Refines a baseline: means replace medians for values close to it. This lowers the noise and keeps the robustness,
//! like the reweighting after least trimmed squares.

use super::baseline::Baseline;
use super::noise::beyond_noise;
use super::scratch::Scratch;
use super::season::{centre, shrink};
use crate::stats::MAD_K;

/// Values within this many scales of the baseline are used.
const CUTOFF: f64 = 2.5;
const ROUNDS: usize = 2;

/// Replaces medians by means of the values close to the baseline.
pub fn refine(x: &[f64], base: &mut Baseline, weigh: &impl Fn(usize) -> bool, scratch: &mut Scratch) {
    let (n, period) = (x.len(), base.season.len());
    let cut = base.cut(n);
    scratch.take_off(x, base);
    let limit = CUTOFF * MAD_K * scratch.median_size(weigh);
    if limit.is_nan() || limit <= 0.0 {
        return;
    }
    let noise = limit * limit / (CUTOFF * CUTOFF);
    scratch.kept.clear();
    scratch.kept.extend((0..n as u32).filter(|&t| scratch.rest[t as usize].abs() <= limit));
    let parts = scratch.kept.split_at(scratch.kept.partition_point(|&t| (t as usize) < cut));
    let mut sums = vec![(0.0, 0.0); period];
    for _ in 0..ROUNDS {
        // One slope within both levels, then the levels.
        let (mut cross, mut square) = (0.0, 0.0);
        let sides = [parts.0, parts.1].map(|part| {
            let count = part.len() as f64;
            let (mut time, mut sum) = (0.0, 0.0);
            for &t in part {
                time += f64::from(t);
                sum += x[t as usize] - scratch.season[t as usize];
            }
            let (time, mean) = (time / count, sum / count);
            for &t in part {
                let away = f64::from(t) - time;
                cross += away * (x[t as usize] - scratch.season[t as usize] - mean);
                square += away * away;
            }
            (count, time, mean)
        });
        if square > 0.0 {
            let slope = cross / square;
            base.slope = slope * beyond_noise(slope * slope, noise / square);
        }
        let level =
            |(count, time, mean): (f64, f64, f64)| (count > 0.0).then_some(mean + base.slope * (base.middle - time));
        let (before, after) = (level(sides[0]), level(sides[1]));
        base.before = before.unwrap_or(base.before);
        base.after = if cut == n { base.before } else { after.unwrap_or(base.after) };
        if period == 0 {
            break;
        }
        sums.fill((0.0, 0.0));
        let (mut phase, mut at) = (0, 0);
        for &t in &scratch.kept {
            // Periods left out are few: the phase is carried along instead of divided out.
            phase += t - at;
            at = t;
            while phase >= period as u32 {
                phase -= period as u32;
            }
            let sum = &mut sums[phase as usize];
            let (t, time) = (t as usize, f64::from(t));
            let level = if t < cut { base.before } else { base.after };
            *sum = (sum.0 + x[t] - level - base.slope * (time - base.middle), sum.1 + 1.0);
        }
        for (made, sum) in base.season.iter_mut().zip(&sums) {
            if sum.1 > 0.0 {
                *made = sum.0 / sum.1;
            }
        }
        centre(&mut base.season);
        shrink(&mut base.season, noise * period as f64 / scratch.kept.len().max(1) as f64);
        scratch.season.clear();
        scratch.season.extend(base.season.iter().copied().cycle().take(n));
    }
}
