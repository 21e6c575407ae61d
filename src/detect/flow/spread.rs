//! The spread of residuals as a function of the size of a cell, learnt from the residuals.
//!
//! A thin cell scatters more than a busy one. ln |residual| is regressed on two measures of size (multiplicative
//! heteroscedasticity, Harvey 1976). The logarithm keeps a few anomalies from moving the line. Along the line, blocks of
//! cells then correct it where it does not fit, as far as their corrections differ by more than chance.

use std::ops::Range;

use crate::stats::{MAD_EFFICIENCY, MAD_K, MEDIAN_SQUARE, exact_sum, ln, median};

/// The number of residuals in the first and in the last block, and how much larger a block is than the next one
/// outwards. Most flows are thin, so the few busy ones need blocks of their own.
const BLOCK: usize = 60;
const LARGER: f64 = 1.5;
/// Below this number of residuals the spread is the same for all sizes.
const FEW: usize = 40;
/// The smallest spread, as a share of the median residual and absolutely. Smaller differences are rounding.
const SMALLEST: f64 = 0.01;
pub const TIED: f64 = 1e-6;
/// Residuals of the regression beyond so many scales below and above are drawn in. The logarithm of a small |residual|
/// has a long tail below.
const CLIPPED: (f64, f64) = (2.5, 2.0);
const ROUNDS: usize = 3;
/// The variance of ln |Z| of a standard normal Z: π² / 8. The prior of a slope has a standard deviation of one.
const LOG_VARIANCE: f64 = 1.233_700_550_136_169_8;
/// The variance of the logarithm of a scale from the MAD of n residuals, times n.
const MAD_VARIANCE: f64 = 1.0 / (2.0 * MAD_EFFICIENCY);

/// A residual and the two measures of the size of its cell.
#[derive(Clone, Copy, Debug)]
pub struct Sized {
    pub residual: f64,
    pub size: [f64; 2],
}

/// The learnt spread.
#[derive(Clone, Debug)]
pub struct Spread {
    /// The line: ln σ = line[0] + line[1] (size[0] - centre[0]) + line[2] (size[1] - centre[1]).
    line: [f64; 3],
    centre: [f64; 2],
    /// Corrections of ln σ: places on the line, in increasing order, with the correction at each.
    corrections: Vec<(f64, f64)>,
}

impl Spread {
    pub fn learn(cells: &[Sized]) -> Spread {
        let typical = median(cells.iter().map(|c| c.residual.abs())).unwrap_or(0.0);
        let least = (SMALLEST * typical).max(TIED);
        let log: Vec<f64> = cells.iter().map(|c| ln(c.residual.abs().max(least))).collect();
        let centre = [0, 1].map(|k| median(cells.iter().map(|c| c.size[k])).unwrap_or(0.0));
        let mut spread = Spread { line: [0.0; 3], centre, corrections: Vec::new() };
        if cells.len() >= FEW {
            spread.line = line(cells, &log, centre);
        }
        let mut along: Vec<(f64, f64)> = cells.iter().zip(&log).map(|(c, l)| (spread.on_line(c.size), *l)).collect();
        along.sort_by(|a, b| a.0.total_cmp(&b.0));
        let block = |range: &Range<usize>| {
            let members = &along[range.clone()];
            let place = median(members.iter().map(|m| m.0)).unwrap_or(0.0);
            let off = median(members.iter().map(|m| m.1 - m.0)).unwrap_or(ln(TIED));
            (place, off + ln(MAD_K), MAD_VARIANCE / members.len().max(1) as f64)
        };
        let found: Vec<(f64, f64, f64)> = whole(blocks(along.len()), &along).iter().map(block).collect();
        let middle = median(found.iter().map(|f| f.1)).unwrap_or(0.0);
        let chance = median(found.iter().map(|f| f.2)).unwrap_or(0.0);
        let apart = median(found.iter().map(|f| (f.1 - middle) * (f.1 - middle))).unwrap_or(0.0) / MEDIAN_SQUARE;
        let excess = (apart - chance).max(0.0);
        spread.corrections = found.iter().map(|f| (f.0, middle + excess / (excess + f.2) * (f.1 - middle))).collect();
        spread
    }

    fn on_line(&self, size: [f64; 2]) -> f64 {
        self.line[0] + self.line[1] * (size[0] - self.centre[0]) + self.line[2] * (size[1] - self.centre[1])
    }

    /// The standard deviation of the residual of a cell of this size.
    pub fn at(&self, size: [f64; 2]) -> f64 {
        let knots = &self.corrections;
        // Beyond the last block of busy cells the line may fall where the spread does not.
        let place = self.on_line(size).max(knots.first().map_or(f64::NEG_INFINITY, |k| k.0));
        let next = knots.partition_point(|k| k.0 <= place);
        let off = match (next.checked_sub(1).and_then(|k| knots.get(k)), knots.get(next)) {
            (Some(a), Some(b)) if b.0 > a.0 => a.1 + (b.1 - a.1) * (place - a.0) / (b.0 - a.0),
            (Some(a), _) => a.1,
            (None, Some(b)) => b.1,
            (None, None) => 0.0,
        };
        libm::exp(place + off).max(TIED)
    }
}

/// Blocks of n residuals in their order along the line: small at both ends, larger towards the middle.
fn blocks(n: usize) -> Vec<Range<usize>> {
    let (mut first, mut last, mut size) = (Vec::new(), Vec::new(), BLOCK);
    let (mut from, mut to) = (0, n);
    while to - from >= 4 * size {
        first.push(from..from + size);
        last.push(to - size..to);
        (from, to) = (from + size, to - size);
        size = (LARGER * size as f64) as usize;
    }
    // The middle is one block, or two if it is long enough.
    let half = if to - from >= 2 * BLOCK { from.midpoint(to) } else { to };
    first.extend([from..half, half..to].into_iter().filter(|r| !r.is_empty()));
    first.extend(last.into_iter().rev());
    if first.is_empty() {
        first.push(0..n);
    }
    first
}

/// The blocks with their ends moved to the nearest change of place. Cells of one size stay together: to divide them by
/// their order, or by their residuals, would make up a difference.
fn whole(blocks: Vec<Range<usize>>, along: &[(f64, f64)]) -> Vec<Range<usize>> {
    let n = along.len();
    let nearest = |cut: usize| {
        let (Some(place), true) = (along.get(cut).map(|a| a.0), cut > 0) else { return cut };
        let from = along.partition_point(|a| a.0 < place);
        let to = along.partition_point(|a| a.0 <= place);
        if cut - from <= to - cut { from } else { to }
    };
    let mut ends: Vec<usize> = blocks.iter().map(|b| nearest(b.end)).filter(|end| (1..n).contains(end)).collect();
    ends.push(n);
    ends.dedup();
    let begins = std::iter::once(0).chain(ends.iter().copied());
    begins.zip(&ends).map(|(begin, end)| begin..*end).collect()
}

/// Least squares of ln |residual| on the sizes, with outlying residuals drawn in.
fn line(cells: &[Sized], log: &[f64], centre: [f64; 2]) -> [f64; 3] {
    let design: Vec<[f64; 3]> = cells.iter().map(|c| [1.0, c.size[0] - centre[0], c.size[1] - centre[1]]).collect();
    let n = cells.len();
    let mut normal = [[0.0; 3]; 3];
    for (i, row) in normal.iter_mut().enumerate() {
        for (j, cell) in row.iter_mut().enumerate() {
            *cell = exact_sum(&design.iter().map(|x| x[i] * x[j]).collect::<Vec<_>>());
        }
    }
    normal[1][1] += LOG_VARIANCE;
    normal[2][2] += LOG_VARIANCE;
    let solve = |target: &[f64]| {
        let right = [0, 1, 2].map(|i| exact_sum(&design.iter().zip(target).map(|(x, y)| x[i] * y).collect::<Vec<_>>()));
        solved(normal, right)
    };
    let mut target = log.to_vec();
    let mut line = solve(&target);
    for _ in 0..ROUNDS {
        let fitted: Vec<f64> = design.iter().map(|x| line[0] + line[1] * x[1] + line[2] * x[2]).collect();
        let off: Vec<f64> = (0..n).map(|i| log[i] - fitted[i]).collect();
        let middle = median(off.iter().copied()).unwrap_or(0.0);
        let scale = MAD_K * median(off.iter().map(|o| (o - middle).abs())).unwrap_or(0.0);
        let drawn = |i: usize| off[i].clamp(middle - CLIPPED.0 * scale, middle + CLIPPED.1 * scale);
        target = (0..n).map(|i| fitted[i] + drawn(i)).collect();
        line = solve(&target);
    }
    line
}

/// The solution of three linear equations with a positive definite matrix, by elimination.
fn solved(mut m: [[f64; 3]; 3], mut right: [f64; 3]) -> [f64; 3] {
    for i in 0..3 {
        let (pivot, value) = (m[i], right[i]);
        for k in (0..3).filter(|&k| k != i) {
            let factor = m[k][i] / pivot[i];
            m[k].iter_mut().zip(pivot).for_each(|(x, p)| *x -= factor * p);
            right[k] -= factor * value;
        }
    }
    [0, 1, 2].map(|i| right[i] / m[i][i])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Random;

    #[test]
    fn the_spread_of_sizes_is_found_whatever_the_order() {
        let mut random = Random::new(7);
        let truth = |n: f64| (0.04 + 1.0 / n).sqrt();
        let mut cells: Vec<Sized> = (0..6_000)
            .map(|i| {
                let n = f64::from(1 << (i % 9));
                Sized { residual: truth(n) * random.normal(), size: [ln(n), 0.0] }
            })
            .collect();
        // A few anomalies.
        for cell in cells.iter_mut().step_by(50) {
            cell.residual += 3.0;
        }
        let spread = Spread::learn(&cells);
        for k in 0..9 {
            let n = f64::from(1 << k);
            let found = spread.at([ln(n), 0.0]);
            assert!((found / truth(n) - 1.0).abs() < 0.15, "{n}: {found} for {}", truth(n));
        }
        cells.reverse();
        let again = Spread::learn(&cells);
        assert_eq!(again.at([1.3, 0.0]).to_bits(), spread.at([1.3, 0.0]).to_bits());
    }

    #[test]
    fn blocks_cover_everything_once() {
        for n in [0, 1, 59, 120, 240, 241, 5_000, 100_000] {
            let all: Vec<usize> = blocks(n).into_iter().flatten().collect();
            assert_eq!(all, (0..n).collect::<Vec<_>>());
            assert!(blocks(n).iter().all(|b| n < 120 || b.len() >= 60));
        }
    }

    #[test]
    fn cells_of_one_size_stay_together() {
        // Places 0, 1, 2, .. with 100 cells each; then one place for all.
        let along: Vec<(f64, f64)> = (0..5_000).map(|i| (f64::from(i / 100), f64::from(i % 7))).collect();
        let found = whole(blocks(along.len()), &along);
        assert!(found.iter().all(|b| b.start % 100 == 0 && b.end % 100 == 0 && !b.is_empty()), "{found:?}");
        assert_eq!(found.into_iter().flatten().collect::<Vec<_>>(), (0..5_000).collect::<Vec<_>>());
        let equal = vec![(1.0, 0.0); 5_000];
        assert_eq!(whole(blocks(5_000), &equal), vec![0..5_000]);
        // Half of the residuals at one size are small: the spread does not depend on their order.
        let cell = |i: usize| Sized { residual: if i.is_multiple_of(2) { 0.1 } else { 1.0 }, size: [0.0, 0.0] };
        let mut cells: Vec<Sized> = (0..1_001).map(cell).collect();
        let spread = Spread::learn(&cells).at([0.0, 0.0]);
        cells.sort_by(|a, b| a.residual.total_cmp(&b.residual));
        assert_eq!(Spread::learn(&cells).at([0.0, 0.0]).to_bits(), spread.to_bits());
        assert!((spread / (0.1 * MAD_K) - 1.0).abs() < 1e-9, "{spread}");
    }

    #[test]
    fn few_or_equal_residuals_have_one_spread() {
        let cell = |residual: f64, size: f64| Sized { residual, size: [size, -size] };
        let few: Vec<Sized> = (0..9).map(|i| cell(f64::from(i - 4), f64::from(i))).collect();
        let spread = Spread::learn(&few);
        assert_eq!(spread.at([0.0, 9.0]), spread.at([5.0, 1.0]));
        assert!((spread.at([0.0, 0.0]) / (2.0 * MAD_K) - 1.0).abs() < 1e-12);
        assert!(Spread::learn(&[]).at([1.0, 1.0]).is_finite());
        assert!(Spread::learn(&[cell(0.0, 1.0); 99]).at([1.0, 1.0]) <= 2.0 * TIED);
    }
}
