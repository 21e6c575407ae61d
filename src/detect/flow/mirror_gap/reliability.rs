//! The reliability of the reports of each country.

use std::collections::HashMap;

use super::mirror::{Mirror, Sides};
use crate::error::Result;
use crate::progress::Progress;
use crate::stats::exact_sum;

/// Rounds of the iteration.
const ROUNDS: usize = 25;
/// The smallest mean disagreement of a country, so that no reliability is infinite.
const LEAST: f64 = 0.01;

/// The iteration of the Growth Lab: a country is reliable if reliable partners report the same.
pub(super) fn reliability(
    mirror: &Mirror,
    all: &[(usize, Sides)],
    route: &[f64],
    progress: &Progress,
) -> Result<[Vec<f64>; 2]> {
    let mut totals: HashMap<(u32, u32), (Vec<f64>, Vec<f64>)> = HashMap::new();
    for (flow, s) in all {
        progress.check()?;
        let ends = mirror.ends[*flow];
        let total = totals.entry((ends.origin, ends.destination)).or_default();
        total.0.push(s.export);
        total.1.push(s.import * libm::exp(-route[ends.route as usize]));
    }
    let mut pairs: Vec<(usize, usize, f64)> = totals
        .into_iter()
        .map(|((o, d), (exports, imports))| (o as usize, d as usize, exact_sum(&exports), exact_sum(&imports)))
        .filter(|p| p.2 > 0.0 && p.3 > 0.0)
        .map(|(o, d, x, m)| (o, d, (x - m).abs() / (x + m)))
        .collect();
    pairs.sort_by_key(|p| (p.0, p.1));
    let mut r = [vec![1.0; mirror.origins.groups()], vec![1.0; mirror.destinations.groups()]];
    for _ in 0..ROUNDS {
        progress.check()?;
        for side in [0, 1] {
            let n = r[side].len();
            let (mut count, mut off) = (vec![0.0; n], vec![0.0; n]);
            for &(o, d, gap) in &pairs {
                let (mine, other) = if side == 0 { (o, d) } else { (d, o) };
                count[mine] += 1.0;
                off[mine] += gap * r[1 - side][other];
            }
            // A country without pairs has no reliability (NaN), and none is needed.
            let raw: Vec<f64> = (0..n)
                .map(|i| if count[i] == 0.0 { f64::NAN } else { count[i] / off[i].max(LEAST * count[i]) })
                .collect();
            // Only ratios have a meaning, so the mean is set to one.
            let known: Vec<f64> = raw.iter().copied().filter(|v| !v.is_nan()).collect();
            let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
            r[side] = raw.into_iter().map(|v| v / mean).collect();
        }
    }
    Ok(r)
}
