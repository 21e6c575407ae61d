//! The growth of each pair, the part that product and destination explain (weighted median polish, Tukey 1977), and the
//! score of the rest.

use super::model::Pair;
use crate::calibrate::tails::{ScoreHistogram, Tails};
use crate::error::Result;
use crate::flows::{Total, expansion};
use crate::progress::Progress;
use crate::stats::{
    MEDIAN_VARIANCE, OrderStatistics, encode, exact_sum, ln, median, normal_quantile, student_t_two_sided,
};

/// The largest number of rounds of median polish; a few are usually enough.
const ROUNDS: usize = 10;
/// The size of an empty window, in typical records.
const EMPTY: f64 = 0.5;
/// The weight of all windows, in records, in the variance of the sizes of the records of one window.
const FEW: f64 = 3.0;
/// The quantile of all pairs from which the scale is taken, and the same quantile of the normal.
const MOST: (f64, f64) = (0.9, 1.644_853_626_951_472_2);
/// Relative tolerance for the case that half of the weight is reached exactly between two values.
const EVEN: f64 = 1e-9;
/// The smallest number of pairs from which the scale is estimated.
const ENOUGH: usize = 20;

/// The growth of each pair, its variance, and the growth of the other destinations.
pub fn measure_growth(pairs: &mut [Pair], progress: &Progress) -> Result<()> {
    let size_variance = size_variance(pairs);
    for run in by_product(pairs) {
        progress.check()?;
        let group = &mut pairs[run];
        let sum = |value: &dyn Fn(&Pair) -> f64, group: &[Pair]| -> Vec<f64> { group.iter().map(value).collect() };
        let (bases, currents) = (sum(&|p| p.base.value, group), sum(&|p| p.current.value, group));
        let records: usize = group.iter().map(|p| p.base.records + p.current.records).sum();
        let total = exact_sum(&bases) + exact_sum(&currents);
        // An empty window counts as half a typical record, so that no growth is infinite.
        let floor = EMPTY * total / records.max(1) as f64;
        let (without_base, without_current) = (without_one(&bases, progress)?, without_one(&currents, progress)?);
        for (i, pair) in group.iter_mut().enumerate() {
            let (b, c) = (pair.base.value, pair.current.value);
            if b < 0.0 || c < 0.0 || b + c <= 0.0 || total <= 0.0 {
                continue;
            }
            pair.growth = ln(if c > 0.0 { c } else { floor.min(b) }) - ln(if b > 0.0 { b } else { floor.min(c) });
            pair.window_variances =
                [log_sum_variance(pair.base, size_variance), log_sum_variance(pair.current, size_variance)];
            pair.variance = pair.window_variances[0] + pair.window_variances[1];
            let (b, c) = (without_base[i], without_current[i]);
            pair.others = if b > 0.0 && c > 0.0 { ln(c) - ln(b) } else { f64::NAN };
        }
    }
    Ok(())
}

/// For each value the correctly rounded sum of all others. The exact sum of all is a few numbers; the negative of one
/// value is added to them.
fn without_one(values: &[f64], progress: &Progress) -> Result<Vec<f64>> {
    let all = expansion(exact_sum(values), values.to_vec());
    let one = |i: usize| {
        if all.iter().all(|part| part.is_finite()) {
            let others: Vec<f64> = all.iter().copied().chain([-values[i]]).collect();
            return exact_sum(&others);
        }
        // With infinite values or an overflow, each sum is computed directly.
        let others = values.iter().enumerate().filter(|(k, _)| *k != i);
        exact_sum(&others.map(|(_, v)| *v).collect::<Vec<f64>>())
    };
    progress.each(0..values.len(), 1 << 8, one)
}

/// The variance of the sizes of records relative to the square of their mean: the median over windows with five records
/// or more.
fn size_variance(pairs: &[Pair]) -> f64 {
    let windows = pairs.iter().flat_map(|p| [p.base, p.current]).filter(|t| t.records >= 5 && t.worth() > 0.0);
    median(windows.map(own_size_variance)).unwrap_or(1.0)
}

fn own_size_variance(t: Total) -> f64 {
    let n = t.records as f64;
    (n / t.worth() - 1.0).max(0.0) * n / (n - 1.0)
}

/// The variance of the logarithm of a window's sum, if records occur at random and vary in size as these do. With few
/// records, the variation of all windows has more weight. The form is that of a lognormal, which is valid down to one
/// record.
fn log_sum_variance(t: Total, size_variance: f64) -> f64 {
    let n = t.records as f64;
    let own = if t.records > 1 && t.worth() > 0.0 { n * own_size_variance(t) } else { 0.0 };
    let all = (own + FEW * size_variance) / (if t.records > 1 { n } else { 0.0 } + FEW);
    ln(1.0 + (1.0 + all) / n.max(EMPTY))
}

/// Ranges of pairs, one for each product.
fn by_product(pairs: &[Pair]) -> Vec<std::ops::Range<usize>> {
    let mut at = 0;
    pairs
        .chunk_by(|a, b| a.product == b.product)
        .map(|run| {
            at += run.len();
            at - run.len()..at
        })
        .collect()
}

/// Product and destination effects by weighted median polish.
pub fn median_polish(pairs: &mut [Pair], progress: &Progress) -> Result<()> {
    let products = pairs.iter().map(|p| p.product as usize + 1).max().unwrap_or(0);
    let destinations = pairs.iter().map(|p| p.destination as usize + 1).max().unwrap_or(0);
    let known: Vec<usize> = (0..pairs.len()).filter(|&i| !pairs[i].growth.is_nan()).collect();
    let mut sides: [Vec<Vec<usize>>; 2] = [vec![Vec::new(); products], vec![Vec::new(); destinations]];
    for &i in &known {
        sides[0][pairs[i].product as usize].push(i);
        sides[1][pairs[i].destination as usize].push(i);
    }
    let mut rest: Vec<f64> = pairs.iter().map(|p| p.growth).collect();
    // The common median first, so that a product with one destination keeps its own growth.
    let everything: Vec<(f64, f64)> = known.iter().map(|&i| (rest[i], 1.0 / pairs[i].variance)).collect();
    let common = weighted_median(everything);
    rest.iter_mut().for_each(|r| *r -= common);
    for _ in 0..ROUNDS {
        let mut moved = 0.0f64;
        for side in &sides {
            for line in side.iter().filter(|line| line.len() > 1) {
                progress.check()?;
                let effect = weighted_median(line.iter().map(|&i| (rest[i], 1.0 / pairs[i].variance)).collect());
                line.iter().for_each(|&i| rest[i] -= effect);
                moved = moved.max(effect.abs());
            }
        }
        if moved < 1e-12 {
            break;
        }
    }
    // The variance of the two effects. It is larger if fewer other pairs estimate them.
    let weight = |line: &[usize]| line.iter().map(|&i| 1.0 / pairs[i].variance).sum::<f64>();
    let totals = [0, 1].map(|s| sides[s].iter().map(|line| weight(line)).collect::<Vec<f64>>());
    let mut effect_variance = vec![0.0; pairs.len()];
    for &i in &known {
        let own = 1.0 / pairs[i].variance;
        for (total, at) in [(&totals[0], pairs[i].product), (&totals[1], pairs[i].destination)] {
            effect_variance[i] += MEDIAN_VARIANCE / (total[at as usize] - own).max(1e-9);
        }
    }
    // At the end each pair is compared with the other destinations of its product only, so that it is not compared with
    // itself.
    for line in sides[0].iter().filter(|line| line.len() > 1) {
        let mut values: Vec<(f64, f64, usize)> = line.iter().map(|&i| (rest[i], 1.0 / pairs[i].variance, i)).collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)));
        progress.check()?;
        let middles = middles_of_others(&values);
        values.iter().zip(middles).for_each(|((value, _, i), middle)| rest[*i] = value - middle);
    }
    for &i in &known {
        let peers = sides[0][pairs[i].product as usize].len();
        let pair = &mut pairs[i];
        pair.peers = peers - 1;
        pair.expected = pair.growth - rest[i];
        if peers > 1 {
            pair.z = rest[i] / (pair.variance + effect_variance[i]).sqrt();
        }
    }
    for line in &sides[0] {
        progress.check()?;
        let scored: Vec<usize> = line.iter().copied().filter(|&i| !pairs[i].z.is_nan()).collect();
        // The two lowest and the two highest. One of them may be the pair itself.
        let [down, up] = [1.0, -1.0].map(|sign| {
            let far = |i: usize| -pairs[i].z * sign;
            let furthest = |but: Option<usize>| {
                let others = scored.iter().copied().filter(|&k| Some(k) != but);
                others.max_by(|&a, &b| far(a).total_cmp(&far(b)))
            };
            let first = furthest(None);
            [first, furthest(first)]
        });
        for &i in &scored {
            let [first, second] = if pairs[i].z.signum() > 0.0 { down } else { up };
            pairs[i].against = if first == Some(i) { second } else { first };
        }
    }
    Ok(())
}

/// For sorted values with weights, the weighted median of the others for each value: the value at which half of their
/// weight is reached, or the mean of two if it is reached between them.
fn middles_of_others(values: &[(f64, f64, usize)]) -> Vec<f64> {
    let total: f64 = values.iter().map(|v| v.1).sum();
    let mut up_to = Vec::with_capacity(values.len());
    let mut sum = 0.0;
    for value in values {
        sum += value.1;
        up_to.push(sum);
    }
    let middle = |k: usize| {
        let own = values[k].1;
        let half = 0.5 * (total - own);
        // Positions among the others: from k on they are one further in `values`.
        let place = |j: usize| if j < k { j } else { j + 1 };
        let below = |j: usize| if j < k { up_to[j] } else { up_to[j + 1] - own };
        let (mut low, mut high) = (0, values.len() - 1);
        while low < high {
            let j = low.midpoint(high);
            if below(j) - half >= -EVEN * half { high = j } else { low = j + 1 }
        }
        if low == values.len() - 1 {
            return values[place(low - 1)].0;
        }
        let value = values[place(low)].0;
        let even = (below(low) - half).abs() <= EVEN * half;
        if even && low + 1 < values.len() - 1 { 0.5 * (value + values[place(low + 1)].0) } else { value }
    };
    (0..values.len()).map(middle).collect()
}

/// Divides z by the scale of all pairs, and learns their tails.
pub fn standardise(pairs: &mut [Pair], progress: &Progress) -> Result<Tails> {
    let mut keys: Vec<i64> = pairs.iter().filter(|p| !p.z.is_nan()).map(|p| encode(p.z.abs())).collect();
    let enough = keys.len() >= ENOUGH;
    let spread = OrderStatistics::new(&mut keys, true).quantile(MOST.0).unwrap_or(1.0) / MOST.1;
    let spread = if enough && spread > 0.0 { spread } else { 1.0 };
    let mut counts = ScoreHistogram::default();
    for pair in pairs.iter_mut().filter(|p| !p.z.is_nan()) {
        progress.check()?;
        // The sizes of records are estimated from few records, so z is a Student's t. It becomes a standard normal
        // quantile.
        let tail = 0.5 * student_t_two_sided(pair.z / spread, freedom(pair));
        pair.z = normal_quantile(tail.clamp(1e-300, 0.5)).abs().copysign(pair.z);
        counts.of(pair.peers as u32).add(pair.z);
    }
    Ok(counts.tails())
}

/// The degrees of freedom of a growth, by Welch and Satterthwaite. A window has one more than its records; an empty
/// window has five.
fn freedom(pair: &Pair) -> f64 {
    let own = |t: Total| if t.records == 0 { 5.0 } else { t.records as f64 + 1.0 };
    let [b, c] = pair.window_variances;
    (b + c) * (b + c) / (b * b / own(pair.base) + c * c / own(pair.current))
}

/// The weighted median: the value at which half of the weight is reached.
fn weighted_median(mut values: Vec<(f64, f64)>) -> f64 {
    values.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let total = values.iter().map(|v| v.1).sum();
    middle_of(values.into_iter(), total)
}

/// The weighted median of sorted values; the mean of two if half of the weight is reached between them.
fn middle_of(values: impl Iterator<Item = (f64, f64)>, total: f64) -> f64 {
    let half = 0.5 * total;
    let (mut below, mut last, mut even) = (0.0, 0.0, false);
    for (value, weight) in values {
        if even {
            return 0.5 * (last + value);
        }
        below += weight;
        even = (below - half).abs() <= EVEN * half;
        last = value;
        if below > half && !even {
            return value;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_but_one_the_quick_way(
            values in proptest::collection::vec((-9..9i32, 1..5u32, -1e3..1e3f64), 2..40), huge in any::<bool>(),
        ) {
            let mut numbers: Vec<f64> = values.iter().map(|v| v.2).collect();
            if huge {
                numbers.extend([1e300, -1e300, f64::INFINITY]);
            }
            let quick = without_one(&numbers, &Progress::default()).unwrap();
            for (i, sum) in quick.iter().enumerate() {
                let others: Vec<f64> = [&numbers[..i], &numbers[i + 1..]].concat();
                prop_assert_eq!(sum.to_bits(), exact_sum(&others).to_bits());
            }
            let mut lines: Vec<(f64, f64, usize)> =
                values.iter().enumerate().map(|(i, v)| (f64::from(v.0), f64::from(v.1) / 3.0, i)).collect();
            lines.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)));
            let total: f64 = lines.iter().map(|v| v.1).sum();
            for (k, middle) in middles_of_others(&lines).into_iter().enumerate() {
                let others = lines.iter().enumerate().filter(|(j, _)| *j != k).map(|(_, v)| (v.0, v.1));
                prop_assert_eq!(middle, middle_of(others, total - lines[k].1));
            }
        }
    }
}
