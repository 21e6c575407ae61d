//! The screen: scores of several detectors combined into one ranked list of findings.

mod family;
mod findings;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringViewArray};
use arrow::buffer::ScalarBuffer;
use rayon::prelude::*;

use crate::calibrate::select_families;
use crate::error::Result;
use crate::evidence::{Account, ScoreColumn, SharedScores, direction};
use crate::progress::Progress;
use crate::state::members::numbers;
use crate::stats::exact_sum;
use crate::store::{Role, Shipments, contents_of};
use crate::table::table;
use family::Family;
pub use findings::{Findings, by_shipment};

/// A detector that gives no p-value: there is none of its own findings in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untested {
    /// It has scores, which rank the subjects.
    Ranking,
    /// It has no scores either.
    Nothing,
}

/// One p-value for each subject; Benjamini and Bogomolov (2014) with the detectors as families; findings are ranked by
/// the probability that they are true times the share of the amount at stake. `totals` are the sums of each detector's
/// measure over the shipments, of which the amounts at stake are shares.
///
/// Returns the findings, and the detectors without p-values by their numbers.
pub fn screen(
    ships: &Shipments,
    scores: &[SharedScores],
    totals: &[f64],
    fdr: f64,
    progress: &Progress,
) -> Result<(Findings, Vec<(usize, Untested)>)> {
    progress.begin("screening", 2 * scores.len() as u64);
    let (mut families, mut q_values, mut untested) = (Vec::new(), Vec::new(), Vec::new());
    for (d, detector) in scores.iter().enumerate() {
        progress.check()?;
        let (family, q) = Family::of(detector, progress)?;
        if family.tested == 0 && !detector.is_empty() {
            let score = detector.values(ScoreColumn::Score, 0..detector.len(), progress)?;
            let none = score.iter().all(|score| score.is_nan());
            untested.push((d, if none { Untested::Nothing } else { Untested::Ranking }));
        }
        families.push(family);
        q_values.push(q);
        progress.advance(1);
    }
    select_families(&mut q_values);
    let detectors = families.iter().filter(|family| family.tested > 0).count() as u64;
    let values = ships.store.optional_numbers(Role::Value, progress)?;
    let worth = Worth { all: values.as_ref().map_or(f64::NAN, |values| total(ships, values)), values };
    let mut lines: Vec<Line> = Vec::new();
    for (d, (detector, (family, q))) in scores.iter().zip(families.iter().zip(&q_values)).enumerate() {
        progress.check()?;
        let found: Vec<usize> = (0..q.len()).into_par_iter().filter(|&subject| q[subject] <= fdr).collect();
        let rows: Vec<usize> = found.iter().map(|&subject| family.row(subject)).collect();
        let accounts = detector.accounts(&rows, progress)?;
        // A shipment is behind one subject of a detector, or is taken to be behind any of them.
        let tests = detectors * if detector.shares_rows() { family.tested as u64 } else { 1 };
        let line = |((subject, at), account): ((usize, usize), Account)| {
            let p = family.p[subject];
            let value = worth.of(&account.rows);
            let stake = share(account.at_stake, totals[d], value, worth.all);
            Line { detector: d, at, p, q: q[subject], local: family.local.at(p), stake, value, tests, account }
        };
        let made = found.into_par_iter().zip(rows).zip(accounts).map(line);
        lines.extend(made.collect::<Vec<Line>>());
        progress.advance(1);
    }
    sort(&mut lines, ships, scores, progress)?;
    Ok((tabled(lines, scores)?, untested))
}

/// The strongest first: by the probability that a finding is true times its share of the amount at stake, then by the
/// evidence alone. Shipments that are equal in both are sorted by their content.
fn sort(lines: &mut [Line], ships: &Shipments, scores: &[SharedScores], progress: &Progress) -> Result<()> {
    let evidence = |a: &Line, b: &Line| {
        let weight = b.weight().total_cmp(&a.weight()).then(a.local.total_cmp(&b.local));
        weight.then(a.p.total_cmp(&b.p)).then(a.detector.cmp(&b.detector))
    };
    lines.sort_unstable_by(|a, b| evidence(a, b).then(a.at.cmp(&b.at)));
    for run in lines.chunk_by_mut(|a, b| evidence(a, b).is_eq()) {
        progress.check()?;
        // Groups are sorted by their keys already.
        if run.len() == 1 || scores[run[0].detector].ships().is_none() {
            continue;
        }
        let rows: Vec<u32> = run.iter().flat_map(|line| line.account.rows.iter().copied()).collect();
        let content = contents_of(ships, &rows, progress)?;
        let mut ordered: Vec<(u64, Line)> = content.into_iter().zip(run.iter_mut().map(std::mem::take)).collect();
        ordered.sort_unstable_by_key(|(content, line)| (*content, line.at));
        run.iter_mut().zip(ordered).for_each(|(line, (_, next))| *line = next);
    }
    Ok(())
}

/// The table of findings, in this order.
fn tabled(mut lines: Vec<Line>, scores: &[SharedScores]) -> Result<Findings> {
    let rows: Vec<Vec<u32>> = lines.iter_mut().map(|line| std::mem::take(&mut line.account.rows)).collect();
    let float = |cell: fn(&Line) -> f64| -> ArrayRef { numbers(lines.iter().map(cell)) };
    let text = |cell: &dyn Fn(&Line) -> Option<String>| -> ArrayRef {
        Arc::new(lines.iter().map(cell).collect::<StringViewArray>())
    };
    let whole = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("finding", whole((0..lines.len() as i64).collect())),
        ("detector", text(&|l| Some(scores[l.detector].detector().into()))),
        ("subject", text(&|l| Some(l.account.subject.clone()))),
        ("score", float(|l| l.account.score)),
        ("p_value", float(|l| l.p)),
        ("q_value", float(|l| l.q)),
        ("local_fdr", float(|l| l.local)),
        ("direction", text(&|l| direction(l.account.direction).map(str::to_owned))),
        ("observed", float(|l| l.account.observed)),
        ("expected", float(|l| l.account.expected)),
        ("value", float(|l| l.value)),
        ("stake_share", float(|l| l.stake)),
        ("n_rows", whole(rows.iter().map(|r| r.len() as i64).collect())),
        ("caution", text(&|l| l.account.caution.clone())),
        ("reason", text(&|l| Some(l.account.reason.clone()))),
    ];
    let table = table(columns.into_iter().map(|(n, a)| (n.to_owned(), a)).collect(), lines.len())?;
    let tests = lines.iter().map(|line| line.tests).collect();
    Ok(Findings { table, rows, tests })
}

/// The amount at stake as a share of the total of its measure. Without an amount, it is the share of the finding's
/// shipments in all value. NaN if neither is known.
fn share(at_stake: f64, total: f64, value: f64, all: f64) -> f64 {
    let own = at_stake / total;
    let other = value / all;
    let known = |share: f64, total: f64| share.is_finite() && total > 0.0;
    if known(own, total) {
        own.max(0.0)
    } else if known(other, all) {
        other.max(0.0)
    } else {
        f64::NAN
    }
}

/// The values of the shipments.
struct Worth {
    values: Option<ScalarBuffer<f64>>,
    /// Their sum.
    all: f64,
}

impl Worth {
    /// The sum over some rows; NaN if none has a value.
    fn of(&self, rows: &[u32]) -> f64 {
        let Some(values) = &self.values else { return f64::NAN };
        let known: Vec<f64> = rows.iter().map(|&r| values[r as usize]).filter(|v| !v.is_nan()).collect();
        if known.is_empty() { f64::NAN } else { exact_sum(&known) }
    }
}

fn total(ships: &Shipments, values: &[f64]) -> f64 {
    let known: Vec<f64> = ships.rows.iter().map(|row| values[row]).filter(|v| v.is_finite()).collect();
    exact_sum(&known)
}

/// A finding before it becomes a row of the table.
#[derive(Default)]
struct Line {
    detector: usize,
    /// The row of the scores.
    at: usize,
    p: f64,
    q: f64,
    local: f64,
    stake: f64,
    value: f64,
    tests: u64,
    account: Account,
}

impl Line {
    fn weight(&self) -> f64 {
        (1.0 - self.local) * if self.stake.is_nan() { 0.0 } else { self.stake }
    }
}

#[cfg(test)]
mod tests;
