//! Evaluates scores with records that are known to be wrong.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use rayon::prelude::*;

use crate::calibrate::benjamini_hochberg;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::stats::{exact_sum, normal_quantile};
use crate::table::table;

/// The shares of shipments that are reviewed.
const SHARES: [f64; 4] = [0.01, 0.02, 0.05, 0.10];
/// The false discovery rates that are evaluated.
const RATES: [f64; 3] = [0.01, 0.05, 0.10];

pub struct Scored<'a> {
    /// NaN if there is no score. Such shipments come last.
    pub score: &'a [f64],
    pub p_value: Option<&'a [f64]>,
    pub truth: &'a [bool],
    /// The revenue from finding each shipment.
    pub value: Option<&'a [f64]>,
}

/// Whether each score belongs to a wrong record. `marks` are truth values, one for each score, or the rows of the wrong
/// records; with `named` they must be rows. `rows` are the rows of the scores; without it they are counted from 0.
pub fn truths(marks: &[f64], rows: Option<&[f64]>, scores: usize, named: bool) -> Result<Vec<bool>> {
    if !named && marks.len() == scores && marks.iter().all(|&m| m == 0.0 || m == 1.0) {
        return Ok(marks.iter().map(|&m| m == 1.0).collect());
    }
    // Rows are distinct. Repeated numbers are classes, or truth values of other scores.
    let distinct: HashSet<u64> = marks.iter().map(|m| (m + 0.0).to_bits()).collect();
    if !named && distinct.len() < marks.len() {
        return Err(Error::Argument(format!(
            "truth has {} values that repeat, and there are {scores} scores; give one truth value for each score, or the \
             row of each wrong record once",
            marks.len()
        )));
    }
    if let Some(odd) = marks.iter().find(|m| m.fract() != 0.0) {
        let what = if odd.is_nan() { "null".into() } else { odd.to_string() };
        return Err(Error::Argument(format!(
            "truth holds {what}; give one truth value a score, or the numbers of the rows that are wrong"
        )));
    }
    // Whole numbers are compared by their bits. Adding 0 makes -0 to 0.
    let bits = |row: &f64| (row + 0.0).to_bits();
    let wrong: HashSet<u64> = marks.iter().map(bits).collect();
    let counted: Vec<f64> = (0..scores).map(|row| row as f64).collect();
    let rows = rows.unwrap_or(&counted);
    let scored: HashSet<u64> = rows.iter().map(bits).collect();
    let stray = marks.iter().filter(|m| !scored.contains(&bits(m))).copied().reduce(f64::min);
    match (stray, rows.iter().copied().reduce(f64::max)) {
        (Some(stray), Some(last)) => {
            Err(Error::Argument(format!("truth names row {stray}, which has no score; the scores end at row {last}")))
        }
        _ => Ok(rows.iter().map(|row| wrong.contains(&bits(row))).collect()),
    }
}

/// A table with `measure, at, value, low, high, n`: the base rate; the average precision; precision, recall and revenue
/// among the first shares; the realised false discovery rate and the recall at each rate. All orders of equal scores
/// have the same weight.
pub fn evaluate(ask: &Scored, progress: &Progress) -> Result<RecordBatch> {
    let n = ask.score.len();
    if n == 0 || ask.truth.len() != n {
        return Err(Error::Argument(format!(
            "{n} scores and {} truths: there must be as many, and some",
            ask.truth.len()
        )));
    }
    for (name, column) in [("value", ask.value), ("p_value", ask.p_value)] {
        if let Some(column) = column.filter(|column| column.len() != n) {
            return Err(Error::Argument(format!("{name} holds {} numbers for {n} scores", column.len())));
        }
    }
    progress.begin("evaluating", 0);
    let positives = ask.truth.iter().filter(|t| **t).count();
    if positives == 0 {
        return Err(Error::Argument("truth names none of the scored rows, so there is nothing to find".into()));
    }
    let mut order: Vec<u32> = (0..n as u32).collect();
    let key = |i: u32| if ask.score[i as usize].is_nan() { f64::NEG_INFINITY } else { ask.score[i as usize] };
    order.par_sort_unstable_by(|&a, &b| key(b).total_cmp(&key(a)).then(a.cmp(&b)));
    progress.check()?;
    let worth = |i: u32| ask.value.map_or(0.0, |v| if v[i as usize].is_finite() { v[i as usize] } else { 0.0 });
    let wrong = |i: u32| ask.truth[i as usize];
    let mut lines: Vec<Line> = Vec::new();
    let (low, high) = wilson(positives as f64, n as f64);
    lines.push(Line { measure: "base_rate", at: None, value: positives as f64 / n as f64, low, high, n });
    // Average precision, with the hits in each run of equal scores.
    let runs: Vec<&[u32]> = order.chunk_by(|&a, &b| key(a) == key(b)).collect();
    let (mut seen, mut hits, mut average) = (0.0, 0.0, 0.0);
    for run in &runs {
        progress.check()?;
        let found = run.iter().filter(|&&i| wrong(i)).count() as f64;
        seen += run.len() as f64;
        hits += found;
        average += found / positives as f64 * (hits / seen);
    }
    lines.push(Line { measure: "average_precision", at: None, value: average, low: f64::NAN, high: f64::NAN, n });
    let total_worth = exact_sum(&order.iter().filter(|&&i| wrong(i)).map(|&i| worth(i)).collect::<Vec<_>>());
    for share in SHARES {
        let first = ((share * n as f64).round() as usize).clamp(1, n);
        let (mut left, mut hits, mut revenue) = (first as f64, 0.0, Vec::new());
        for run in &runs {
            progress.check()?;
            if left <= 0.0 {
                break;
            }
            // The last run counts in part.
            let part = (left / run.len() as f64).min(1.0);
            hits += part * run.iter().filter(|&&i| wrong(i)).count() as f64;
            revenue.extend(run.iter().filter(|&&i| wrong(i)).map(|&i| part * worth(i)));
            left -= run.len() as f64;
        }
        let (low, high) = wilson(hits, first as f64);
        let at = Some(share);
        lines.push(Line { measure: "precision", at, value: hits / first as f64, low, high, n: first });
        let (low, high) = wilson(hits, positives as f64);
        lines.push(Line { measure: "recall", at, value: hits / positives as f64, low, high, n: positives });
        if ask.value.is_some() && total_worth != 0.0 {
            let value = exact_sum(&revenue) / total_worth;
            lines.push(Line { measure: "revenue", at, value, low: f64::NAN, high: f64::NAN, n: positives });
        }
    }
    if let Some(p) = ask.p_value {
        let q = benjamini_hochberg(p);
        for rate in RATES {
            let found = (0..n).filter(|&i| q[i] <= rate).count();
            let false_ones = (0..n).filter(|&i| q[i] <= rate && !ask.truth[i]).count();
            let at = Some(rate);
            let (low, high) = wilson(false_ones as f64, found as f64);
            let realised = if found == 0 { 0.0 } else { false_ones as f64 / found as f64 };
            lines.push(Line { measure: "false_discovery_rate", at, value: realised, low, high, n: found });
            let hits = (found - false_ones) as f64;
            let (low, high) = wilson(hits, positives as f64);
            lines.push(Line { measure: "recall_at_rate", at, value: hits / positives as f64, low, high, n: positives });
        }
    }
    let float = |cell: fn(&Line) -> Option<f64>| -> ArrayRef {
        Arc::new(lines.iter().map(|l| cell(l).filter(|v| !v.is_nan())).collect::<Float64Array>())
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("measure", Arc::new(lines.iter().map(|l| Some(l.measure)).collect::<StringArray>())),
        ("at", float(|l| l.at)),
        ("value", float(|l| Some(l.value))),
        ("low", float(|l| Some(l.low))),
        ("high", float(|l| Some(l.high))),
        ("n", Arc::new(lines.iter().map(|l| Some(l.n as i64)).collect::<Int64Array>())),
    ];
    table(columns.into_iter().map(|(n, a)| (n.to_owned(), a)).collect(), lines.len())
}

struct Line {
    measure: &'static str,
    at: Option<f64>,
    value: f64,
    low: f64,
    high: f64,
    n: usize,
}

/// The 95 % interval of a share (Wilson 1927); NaN if n is zero.
fn wilson(hits: f64, n: f64) -> (f64, f64) {
    if n == 0.0 {
        return (f64::NAN, f64::NAN);
    }
    let z = normal_quantile(0.975);
    let share = hits / n;
    let middle = share + z * z / (2.0 * n);
    let reach = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let whole = 1.0 + z * z / n;
    (((middle - reach) / whole).max(0.0), ((middle + reach) / whole).min(1.0))
}

/// The expected number of wrong records among the first by score, averaged over all orders of equal scores.
pub fn hits_among_first(score: &[f64], truth: &[bool], first: usize) -> f64 {
    let mut order: Vec<u32> = (0..score.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| score[b as usize].total_cmp(&score[a as usize]).then(a.cmp(&b)));
    let (mut left, mut hits) = (first as f64, 0.0);
    for run in order.chunk_by(|&a, &b| score[a as usize] == score[b as usize]) {
        let part = (left / run.len() as f64).clamp(0.0, 1.0);
        hits += part * run.iter().filter(|&&i| truth[i as usize]).count() as f64;
        left -= run.len() as f64;
    }
    hits
}

/// The probability that a wrong record scores above a correct one. Equal scores count one half.
pub fn area_under_curve(score: &[f64], truth: &[bool]) -> f64 {
    let mut order: Vec<u32> = (0..score.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| score[a as usize].total_cmp(&score[b as usize]).then(a.cmp(&b)));
    let (mut below, mut wins) = (0.0, 0.0);
    for run in order.chunk_by(|&a, &b| score[a as usize] == score[b as usize]) {
        let wrong = run.iter().filter(|&&i| truth[i as usize]).count() as f64;
        let right = run.len() as f64 - wrong;
        wins += wrong * (below + 0.5 * right);
        below += right;
    }
    let positives = score.len() as f64 - below;
    if positives == 0.0 || below == 0.0 { f64::NAN } else { wins / (positives * below) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_and_areas_by_hand() {
        // statsmodels 0.15: proportion_confint(7, 20, method="wilson")
        let (low, high) = wilson(7.0, 20.0);
        assert!((low - 0.18119182).abs() < 1e-7 && (high - 0.56714571).abs() < 1e-7, "{low} {high}");
        assert_eq!(area_under_curve(&[1.0, 2.0, 3.0, 4.0], &[false, false, true, true]), 1.0);
        assert_eq!(area_under_curve(&[1.0, 1.0, 1.0], &[false, true, false]), 0.5);
        assert!(area_under_curve(&[1.0], &[true]).is_nan());
        assert_eq!(hits_among_first(&[1.0, 3.0, 2.0, 2.0], &[true, true, true, false], 2), 1.5);
    }
}
