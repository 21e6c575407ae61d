//! The screen: scores of several detectors into one ranked list of findings.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::Float64Type;
use rayon::prelude::*;

use super::SharedScores;
use crate::aggregate::table;
use crate::error::Result;
use crate::stats::{benjamini_hochberg, cauchy_combination};
use crate::store::{Role, Shipments};
use crate::watch::Watch;

/// p-values below this weigh no more: beyond it a tail model says nothing.
const FLOOR: f64 = 1e-30;

pub struct Findings {
    pub table: RecordBatch,
    /// The shipments behind each finding, as source rows.
    pub rows: Vec<Vec<u32>>,
}

/// Benjamini-Hochberg within each detector, then findings in the order of evidence (-log10 p)
/// times the size of what is at stake (log10 of the value out of line).
pub fn screen(ships: &Shipments, scores: &[SharedScores], fdr: f64, watch: &Watch) -> Result<Findings> {
    let mut lines: Vec<Line> = Vec::new();
    watch.begin("screening", scores.len() as u64);
    let values = if ships.store.role(Role::Value).is_some() {
        Some(ships.store.role_numbers(Role::Value, watch)?)
    } else {
        None
    };
    for (d, detector) in scores.iter().enumerate() {
        watch.check()?;
        let p = detector.p_values();
        let q = benjamini_hochberg(&p);
        lines.extend(
            q.par_iter()
                .enumerate()
                .filter(|(_, q)| **q <= fdr)
                .map(|(position, &q)| {
                    let stake = detector.at_stake(position);
                    let evidence = -libm::log10(p[position].max(FLOOR));
                    let size = libm::log10(10.0 + if stake.is_finite() { stake } else { 0.0 });
                    Line { detector: d, position, q, weight: evidence * size, row: ships.rows.row(position) as u32 }
                })
                .collect::<Vec<_>>(),
        );
        watch.advance(1);
    }
    lines.sort_unstable_by(|a, b| {
        b.weight.total_cmp(&a.weight).then(a.row.cmp(&b.row)).then(a.detector.cmp(&b.detector))
    });
    let details: Result<Vec<RecordBatch>> =
        lines.par_iter().map(|l| scores[l.detector].batch(l.position..l.position + 1, None)).collect();
    let details = details?;
    let float = |name: &str| -> ArrayRef {
        let cell = |b: &RecordBatch| {
            let array = b.column_by_name(name)?.as_primitive_opt::<Float64Type>()?;
            array.is_valid(0).then(|| array.value(0))
        };
        Arc::new(details.iter().map(cell).collect::<Float64Array>())
    };
    let text = |name: &str| -> ArrayRef {
        let cell = |b: &RecordBatch| {
            let array = b.column_by_name(name)?.as_string_view_opt()?;
            array.is_valid(0).then(|| array.value(0).to_owned())
        };
        Arc::new(details.iter().map(cell).collect::<StringViewArray>())
    };
    let whole = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
    let subjects: StringViewArray = lines.iter().map(|l| Some(format!("row {}", l.row))).collect();
    let detectors: StringViewArray = lines.iter().map(|l| Some(scores[l.detector].detector())).collect();
    let value: Float64Array =
        lines.iter().map(|l| values.as_ref().map(|v| v[l.row as usize]).filter(|v| !v.is_nan())).collect();
    let q: Float64Array = lines.iter().map(|l| Some(l.q)).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("finding", whole((0..lines.len() as i64).collect())),
        ("detector", Arc::new(detectors)),
        ("subject", Arc::new(subjects)),
        ("score", float("score")),
        ("p_value", float("p_value")),
        ("q_value", Arc::new(q)),
        ("direction", text("direction")),
        ("observed", float("observed")),
        ("expected", float("expected")),
        ("value", Arc::new(value)),
        ("n_rows", whole(vec![1; lines.len()])),
        ("caution", text("caution")),
        ("reason", text("reason")),
    ];
    let table = table(columns.into_iter().map(|(n, a)| (n.to_owned(), a)).collect(), lines.len())?;
    Ok(Findings { table, rows: lines.into_iter().map(|l| vec![l.row]).collect() })
}

/// One row a shipment: `row`, `findings`, `p_value` by Cauchy combination, `reason` with those of
/// all its findings; the smallest p-value first.
pub fn by_shipment(findings: &RecordBatch, rows: &[Vec<u32>]) -> Result<RecordBatch> {
    let p = findings.column_by_name("p_value").and_then(|c| c.as_primitive_opt::<Float64Type>().cloned());
    let reasons = findings.column_by_name("reason").and_then(|c| c.as_string_view_opt().cloned());
    let mut shipments: std::collections::BTreeMap<u32, (Vec<f64>, Vec<&str>)> = std::collections::BTreeMap::new();
    for (i, rows) in rows.iter().enumerate() {
        for &row in rows {
            let (values, texts) = shipments.entry(row).or_default();
            values.push(p.as_ref().filter(|p| p.is_valid(i)).map_or(f64::NAN, |p| p.value(i)));
            texts.extend(reasons.as_ref().filter(|r| r.is_valid(i)).map(|r| r.value(i)));
        }
    }
    let mut lines: Vec<_> = shipments
        .into_iter()
        .map(|(row, (p, texts))| (cauchy_combination(&p), row, p.len() as i64, texts.join("; ")))
        .collect();
    lines.sort_by(|a, b| a.0.unwrap_or(2.0).total_cmp(&b.0.unwrap_or(2.0)).then(a.1.cmp(&b.1)));
    let columns: Vec<(String, ArrayRef)> = vec![
        ("row".into(), Arc::new(lines.iter().map(|l| Some(i64::from(l.1))).collect::<Int64Array>())),
        ("findings".into(), Arc::new(lines.iter().map(|l| Some(l.2)).collect::<Int64Array>())),
        ("p_value".into(), Arc::new(lines.iter().map(|l| l.0).collect::<Float64Array>())),
        ("reason".into(), Arc::new(lines.iter().map(|l| Some(l.3.as_str())).collect::<StringViewArray>())),
    ];
    table(columns, lines.len())
}

struct Line {
    detector: usize,
    position: usize,
    q: f64,
    weight: f64,
    row: u32,
}
