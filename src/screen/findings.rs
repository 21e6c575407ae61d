//! The findings of a screen, and the same gathered by shipment.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::Float64Type;

use crate::error::Result;
use crate::progress::Progress;
use crate::table::table;

pub struct Findings {
    pub table: RecordBatch,
    /// The shipments behind each finding, as source rows.
    pub rows: Vec<Vec<u32>>,
    /// For each finding, how many tests its shipments take part in at most.
    pub tests: Vec<u64>,
}

/// One row for each shipment: `row`, `findings`, `p_value`, `reason` with those of all its findings. The p-value is the
/// smallest one times the number of tests that the shipment takes part in (Bonferroni), whether they were findings or
/// not. The smallest p-value comes first.
pub fn by_shipment(found: &Findings, progress: &Progress) -> Result<RecordBatch> {
    let p = found.table.column_by_name("p_value").and_then(|c| c.as_primitive_opt::<Float64Type>().cloned());
    let reasons = found.table.column_by_name("reason").and_then(|c| c.as_string_view_opt().cloned());
    progress.begin("gathering", found.rows.len() as u64);
    let mut shipments: BTreeMap<u32, (f64, Vec<&str>)> = BTreeMap::new();
    for (i, (rows, tests)) in found.rows.iter().zip(&found.tests).enumerate() {
        let p = p.as_ref().filter(|p| p.is_valid(i)).map_or(1.0, |p| (p.value(i) * *tests as f64).min(1.0));
        for &row in rows {
            progress.check()?;
            let (smallest, texts) = shipments.entry(row).or_insert((1.0, Vec::new()));
            *smallest = smallest.min(p);
            texts.extend(reasons.as_ref().filter(|r| r.is_valid(i)).map(|r| r.value(i)));
        }
        progress.advance(1);
    }
    let mut lines = Vec::with_capacity(shipments.len());
    for (row, (p, texts)) in shipments {
        progress.check()?;
        lines.push((p, row, texts.len() as i64, texts.join("; ")));
    }
    lines.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let columns: Vec<(String, ArrayRef)> = vec![
        ("row".into(), Arc::new(lines.iter().map(|l| Some(i64::from(l.1))).collect::<Int64Array>())),
        ("findings".into(), Arc::new(lines.iter().map(|l| Some(l.2)).collect::<Int64Array>())),
        ("p_value".into(), Arc::new(lines.iter().map(|l| Some(l.0)).collect::<Float64Array>())),
        ("reason".into(), Arc::new(lines.iter().map(|l| Some(l.3.as_str())).collect::<StringViewArray>())),
    ];
    table(columns, lines.len())
}
