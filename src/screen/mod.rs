//! The screen: scores of several detectors combined into one ranked list of findings.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::Float64Type;
use rayon::prelude::*;

use crate::calibrate::{benjamini_hochberg, cauchy_combination};
use crate::error::Result;
use crate::evidence::{Account, ScoreColumn, SharedScores, direction};
use crate::progress::Progress;
use crate::state::members::numbers;
use crate::stats::exact_sum;
use crate::store::{Role, Shipments, contents_of};
use crate::table::table;

/// The smallest p-value that counts in the ranking. Below it the model of a tail says nothing.
const FLOOR: f64 = 1e-30;

pub struct Findings {
    pub table: RecordBatch,
    /// The shipments behind each finding, as source rows.
    pub rows: Vec<Vec<u32>>,
}

/// Benjamini and Hochberg within each detector. Findings are ranked by evidence (-log10 p) times the size of the amount
/// at stake (log10 of the value out of line).
pub fn screen(ships: &Shipments, scores: &[SharedScores], fdr: f64, progress: &Progress) -> Result<Findings> {
    let mut lines: Vec<Line> = Vec::new();
    progress.begin("screening", scores.len() as u64);
    for (d, detector) in scores.iter().enumerate() {
        progress.check()?;
        let p = detector.values(ScoreColumn::PValue, 0..detector.len(), progress)?;
        let q = benjamini_hochberg(&p);
        let found: Vec<usize> = (0..q.len()).into_par_iter().filter(|&at| q[at] <= fdr).collect();
        let accounts = detector.accounts(&found, progress)?;
        lines.extend(found.into_iter().zip(accounts).map(|(at, account)| {
            let stake = account.at_stake;
            let evidence = -libm::log10(p[at].max(FLOOR));
            let size = libm::log10(10.0 + if stake.is_finite() { stake } else { 0.0 });
            Line { detector: d, at, p: p[at], q: q[at], weight: evidence * size, account }
        }));
        progress.advance(1);
    }
    let order =
        |a: &Line, b: &Line| b.weight.total_cmp(&a.weight).then(a.detector.cmp(&b.detector)).then(a.at.cmp(&b.at));
    lines.sort_unstable_by(order);
    for run in lines.chunk_by_mut(|a, b| a.weight == b.weight && a.detector == b.detector) {
        progress.check()?;
        // Groups are sorted by their keys already. Shipments with equal weight are sorted by content.
        if run.len() == 1 || scores[run[0].detector].groups().is_some() {
            continue;
        }
        let rows: Vec<u32> = run.iter().flat_map(|line| line.account.rows.iter().copied()).collect();
        let content = contents_of(ships, &rows, progress)?;
        let mut ordered: Vec<(u64, Line)> = content.into_iter().zip(run.iter_mut().map(std::mem::take)).collect();
        ordered.sort_unstable_by_key(|(content, line)| (*content, line.at));
        run.iter_mut().zip(ordered).for_each(|(line, (_, next))| *line = next);
    }
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
        ("direction", text(&|l| direction(l.account.direction).map(str::to_owned))),
        ("observed", float(|l| l.account.observed)),
        ("expected", float(|l| l.account.expected)),
        ("value", value_of(ships, &rows, progress)?),
        ("n_rows", whole(rows.iter().map(|r| r.len() as i64).collect())),
        ("caution", text(&|l| l.account.caution.clone())),
        ("reason", text(&|l| Some(l.account.reason.clone()))),
    ];
    let table = table(columns.into_iter().map(|(n, a)| (n.to_owned(), a)).collect(), lines.len())?;
    Ok(Findings { table, rows })
}

/// The value of the shipments behind each finding.
fn value_of(ships: &Shipments, rows: &[Vec<u32>], progress: &Progress) -> Result<ArrayRef> {
    let Some(values) = ships.store.optional_numbers(Role::Value, progress)? else {
        return Ok(Arc::new(Float64Array::new_null(rows.len())));
    };
    let sum = |i: usize| {
        let rows = &rows[i];
        let known: Vec<f64> = rows.iter().map(|&r| values[r as usize]).filter(|v| !v.is_nan()).collect();
        (!known.is_empty()).then(|| exact_sum(&known))
    };
    Ok(Arc::new(progress.each(0..rows.len(), 1, sum)?.into_iter().collect::<Float64Array>()))
}

/// One row for each shipment: `row`, `findings`, `p_value` by Cauchy combination, `reason` with those of all its
/// findings. The smallest p-value comes first.
pub fn by_shipment(findings: &RecordBatch, rows: &[Vec<u32>], progress: &Progress) -> Result<RecordBatch> {
    let p = findings.column_by_name("p_value").and_then(|c| c.as_primitive_opt::<Float64Type>().cloned());
    let reasons = findings.column_by_name("reason").and_then(|c| c.as_string_view_opt().cloned());
    progress.begin("gathering", rows.len() as u64);
    let mut shipments: std::collections::BTreeMap<u32, (Vec<f64>, Vec<&str>)> = std::collections::BTreeMap::new();
    for (i, rows) in rows.iter().enumerate() {
        for &row in rows {
            progress.check()?;
            let (values, texts) = shipments.entry(row).or_default();
            values.push(p.as_ref().filter(|p| p.is_valid(i)).map_or(f64::NAN, |p| p.value(i)));
            texts.extend(reasons.as_ref().filter(|r| r.is_valid(i)).map(|r| r.value(i)));
        }
        progress.advance(1);
    }
    let mut lines = Vec::with_capacity(shipments.len());
    for (row, (p, texts)) in shipments {
        progress.check()?;
        lines.push((cauchy_combination(&p), row, p.len() as i64, texts.join("; ")));
    }
    lines.sort_by(|a, b| a.0.unwrap_or(2.0).total_cmp(&b.0.unwrap_or(2.0)).then(a.1.cmp(&b.1)));
    let columns: Vec<(String, ArrayRef)> = vec![
        ("row".into(), Arc::new(lines.iter().map(|l| Some(i64::from(l.1))).collect::<Int64Array>())),
        ("findings".into(), Arc::new(lines.iter().map(|l| Some(l.2)).collect::<Int64Array>())),
        ("p_value".into(), Arc::new(lines.iter().map(|l| l.0).collect::<Float64Array>())),
        ("reason".into(), Arc::new(lines.iter().map(|l| Some(l.3.as_str())).collect::<StringViewArray>())),
    ];
    table(columns, lines.len())
}

/// A finding before it becomes a row of the table.
#[derive(Default)]
struct Line {
    detector: usize,
    at: usize,
    p: f64,
    q: f64,
    weight: f64,
    account: Account,
}
