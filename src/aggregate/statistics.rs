//! The statistics of one group.

use super::measure::Stat;
use crate::stats::{OrderStatistics, encode, exact_sum, exact_sum_where};
use crate::store::ScaledIntegers;

/// Marks a null result while results are plain doubles; a payload that no arithmetic produces.
pub const NONE: f64 = f64::from_bits(0x7ff8_7265_646c_616e);

pub fn is_none(x: f64) -> bool {
    x.to_bits() == NONE.to_bits()
}

/// Working memory, kept from group to group.
#[derive(Default)]
pub struct Scratch {
    pub gathered: Vec<f64>,
    pub second: Vec<f64>,
    pub group: Vec<f64>,
    pub keys: Vec<i64>,
    pub terms: Vec<f64>,
    pub codes: Vec<u32>,
    pub pairs: Vec<(u32, f64)>,
}

pub fn present(values: &[f64], out: &mut Vec<f64>) {
    out.clear();
    out.extend(values.iter().filter(|v| !v.is_nan()).map(|v| v + 0.0));
}

/// Statistics of whole numbers; an extreme is told by its row.
pub fn exactly(
    rows: impl Iterator<Item = usize> + Clone,
    whole: &ScaledIntegers,
    stats: &[(usize, Stat)],
    mut put: impl FnMut(usize, f64),
) {
    for &(at, stat) in stats {
        let value = match stat {
            Stat::Min => rows.clone().min_by_key(|&r| whole.value(r)).map(|r| r as f64),
            Stat::Max => rows.clone().max_by_key(|&r| whole.value(r)).map(|r| r as f64),
            _ => {
                let n = rows.clone().count();
                let sum = || whole.sum(rows.clone());
                (n > 0).then(|| if stat == Stat::Mean { sum() / n as f64 } else { sum() })
            }
        };
        put(at, value.unwrap_or(NONE));
    }
}

/// The statistics of the values in `scratch.group`.
pub fn statistics(stats: &[(usize, Stat)], scratch: &mut Scratch, mut put: impl FnMut(usize, f64)) {
    let Scratch { group, keys, terms, .. } = scratch;
    let n = group.len();
    if n == 0 {
        stats.iter().for_each(|&(at, _)| put(at, NONE));
        return;
    }
    if let [x] = group[..] {
        // In fine groups most are alone.
        for &(at, stat) in stats {
            put(
                at,
                match stat {
                    Stat::Std => NONE,
                    Stat::Mad if x.is_finite() => 0.0,
                    Stat::Mad => f64::NAN,
                    _ => x,
                },
            );
        }
        return;
    }
    let asks = |s: &[Stat]| stats.iter().any(|(_, stat)| s.contains(stat));
    let sum = if asks(&[Stat::Sum, Stat::Mean, Stat::Std]) { exact_sum(group) } else { 0.0 };
    let mean = sum / n as f64;
    let ranked = stats.iter().filter(|(_, s)| s.ranks()).count();
    keys.clear();
    if ranked > 0 {
        keys.extend(group.iter().map(|&v| encode(v)));
    }
    let mut ordered = OrderStatistics::new(keys, stats.iter().any(|(_, s)| s.quantile().is_some()));
    let mut median = NONE;
    if asks(&[Stat::Median, Stat::Mad]) {
        median = ordered.median().unwrap_or(NONE);
    }
    for &(at, stat) in stats {
        let value = match stat {
            Stat::Sum => sum,
            Stat::Mean => mean,
            Stat::Std if n < 2 => NONE,
            Stat::Std => {
                let square = |i: usize| {
                    let d: f64 = group[i] - mean;
                    d * d
                };
                (exact_sum_where(n, terms, square) / (n - 1) as f64).sqrt()
            }
            Stat::Min => group.iter().copied().fold(f64::INFINITY, f64::min),
            Stat::Max => group.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Stat::Median => median,
            Stat::Mad => continue,
            Stat::Q05 | Stat::Q25 | Stat::Q75 | Stat::Q95 => {
                stat.quantile().and_then(|q| ordered.quantile(q)).unwrap_or(NONE)
            }
        };
        put(at, value);
    }
    // The deviations take the place of the values, so this comes last.
    if asks(&[Stat::Mad]) {
        let mad = ordered.mad(median).unwrap_or(NONE);
        stats.iter().filter(|(_, s)| *s == Stat::Mad).for_each(|&(at, _)| put(at, mad));
    }
}

/// The sum of squared shares of each entity in the total. Entities whose values sum to zero or
/// less have no share.
pub fn herfindahl(pairs: &mut [(u32, f64)], group: &mut Vec<f64>, shares: &mut Vec<f64>) -> f64 {
    pairs.sort_unstable_by_key(|&(code, _)| code);
    shares.clear();
    for entity in pairs.chunk_by(|a, b| a.0 == b.0) {
        group.clear();
        group.extend(entity.iter().map(|&(_, v)| v));
        let sum = exact_sum(group);
        if sum > 0.0 {
            shares.push(sum);
        }
    }
    let total = exact_sum(shares);
    if shares.is_empty() || !total.is_finite() {
        return NONE;
    }
    for share in shares.iter_mut() {
        *share = (*share / total) * (*share / total);
    }
    exact_sum(shares)
}
