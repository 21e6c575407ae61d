//! Flows as columns of a state, and back.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};

use super::cells::{Cell, Flows, Parts, Source};
use super::spec::FlowSpec;
use crate::aggregate::summands;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::state::checked::{self, Rule, wrong};
use crate::state::keys::plain;
use crate::state::members::{List, lists, read_all_lists, same_lengths};
use crate::stats::exact_sum;
use crate::store::iso;

impl FlowSpec {
    /// Flows from the states of fits on disjoint records.
    pub fn restored(&self, states: &[RecordBatch], detector: &str, progress: &Progress) -> Result<Flows> {
        let rules = [
            ("periods", Rule::DAY),
            ("values", Rule::ANY),
            ("records", Rule::COUNT),
            ("square_periods", Rule::DAY),
            ("squares", Rule::KNOWN),
        ];
        let wanted = if self.squares { &rules[..] } else { &rules[..3] };
        let (group_keys, mut lists) = read_all_lists(states, &self.by, wanted, detector, progress)?;
        let squared = lists.split_off(3);
        let named = |at: usize| rules[at].0;
        same_lengths(&lists.iter().collect::<Vec<_>>(), &[named(0), named(1), named(2)], detector)?;
        if let [days, squares] = &squared[..] {
            same_lengths(&[days, squares], &[named(3), named(4)], detector)?;
        }
        let [days, values, records] = &lists[..] else { return Err(wrong("the state lacks columns", detector)) };
        let (additive, counts) =
            (checked::flag(states, "additive", detector)?, checked::flag(states, "counts", detector)?);
        let (first, last) = self.span(days, detector)?;
        let periods = self.every.range(first, last);
        let mut flows = Flows {
            starts: vec![0],
            cells: Vec::new(),
            periods,
            additive,
            counts,
            source: Source::Parts(Vec::new(), Vec::new()),
            squares: Vec::new(),
            group_keys,
        };
        let mut parts = Vec::new();
        for g in 0..flows.group_keys.groups() {
            progress.check()?;
            let mut entries: Vec<(i32, f64, f64)> = (days.starts[g]..days.starts[g + 1])
                .map(|i| (days.values[i] as i32, values.values[i], records.values[i]))
                .collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            for cell in entries.chunk_by(|a, b| a.0 == b.0) {
                let numbers: Vec<f64> = cell.iter().map(|e| e.1).filter(|v| !v.is_nan()).collect();
                if !additive && cell.len() > 1 {
                    return Err(Error::Argument(format!(
                        "both fits hold records of {} in {}, and {} of their union cannot be told from that of each; merge fits of \
                         different periods or groups",
                        flows.group_keys.name(g),
                        self.every.text(cell[0].0),
                        self.measure
                    )));
                }
                let at = flows.periods.partition_point(|&p| p < cell[0].0) as u32;
                let known = cell.iter().map(|e| e.2).sum::<f64>();
                if !(1.0..=f64::from(u32::MAX)).contains(&known) {
                    let what =
                        format!("the column \"records\" counts {known} records in {}", self.every.text(cell[0].0));
                    return Err(wrong(&what, detector));
                }
                let value = if numbers.is_empty() { f64::NAN } else { exact_sum(&numbers) };
                parts.extend(expansion(value, numbers).into_iter().map(|part| (flows.cells.len() as u32, part)));
                flows.cells.push(Cell { at, records: known as u32, value });
            }
            flows.starts.push(flows.cells.len());
        }
        let squares = match &squared[..] {
            [days, squares] => flows.restored_squares(days, squares, detector)?,
            _ => Vec::new(),
        };
        flows.source = Source::Parts(parts, squares);
        Ok(flows)
    }
}

/// The correctly rounded sum, the remainder of rounding, the remainder of that, and so on until nothing remains.
pub fn expansion(sum: f64, mut numbers: Vec<f64>) -> Vec<f64> {
    let (mut parts, mut part) = (vec![sum], sum);
    while part.is_finite() && part != 0.0 {
        numbers.push(-part);
        part = exact_sum(&numbers);
        if part.is_finite() && part != 0.0 {
            parts.push(part);
        }
    }
    parts
}

impl Flows {
    fn restored_squares(&mut self, days: &List, squares: &List, detector: &str) -> Result<Parts> {
        let mut parts = Vec::new();
        for g in 0..self.groups() {
            for i in days.starts[g]..days.starts[g + 1] {
                let at = self.periods.partition_point(|&p| p < days.values[i] as i32) as u32;
                let day = days.values[i] as i32;
                let known = self.periods.get(at as usize) == Some(&day);
                let Some(cell) = self.find(g, at).filter(|_| known) else {
                    let what = format!("the column \"square_periods\" holds {}, which \"periods\" does not", iso(day));
                    return Err(wrong(&what, detector));
                };
                parts.push((cell as u32, squares.values[i]));
            }
        }
        parts.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        self.squares = vec![0.0; self.cells.len()];
        let mut made = Vec::new();
        for cell in parts.chunk_by(|a: &(u32, f64), b| a.0 == b.0) {
            let numbers: Vec<f64> = cell.iter().map(|p| p.1).collect();
            let sum = exact_sum(&numbers);
            self.squares[cell[0].0 as usize] = sum;
            made.extend(expansion(sum, numbers).into_iter().map(|part| (cell[0].0, part)));
        }
        Ok(made)
    }

    /// For each cell the numbers whose exact sum it is; the same for its squares.
    fn parts(&self, progress: &Progress) -> Result<(Parts, Parts)> {
        let (ships, index, measure, groups) = match &self.source {
            Source::Parts(values, squares) => return Ok((values.clone(), squares.clone())),
            Source::Ships(ships, index, measure, groups) => (ships, index, measure, groups),
        };
        let numbers = summands(ships, measure, progress)?;
        let expand = |sums: &(dyn Fn(usize) -> f64 + Sync), of: &(dyn Fn(f64) -> f64 + Sync)| -> Result<Parts> {
            let one = |cell: usize| {
                let sum = sums(cell);
                let parts = match &numbers {
                    None => vec![sum],
                    Some(numbers) => {
                        let rows = index.rows(groups[cell] as usize).iter().map(|&r| numbers[r as usize]);
                        expansion(sum, rows.filter(|v| !v.is_nan()).map(of).collect())
                    }
                };
                parts.into_iter().map(|part| (cell as u32, part)).collect::<Parts>()
            };
            Ok(progress.each(0..self.cells.len(), 1 << 10, one)?.concat())
        };
        let values = expand(&|cell| self.cells[cell].value, &|v| v)?;
        let squares =
            if self.squares.is_empty() { Vec::new() } else { expand(&|cell| self.squares[cell], &|v| v * v)? };
        Ok((values, squares))
    }

    /// The columns of a state: the keys, `n` (records), and the cells.
    pub fn state(&self, progress: &Progress) -> Result<Vec<(String, ArrayRef)>> {
        let groups = self.groups();
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        for (k, key) in self.group_keys.keys.iter().enumerate() {
            columns.push((key.clone(), plain(&self.group_keys.labels(k)?)?));
        }
        let n = (0..groups).map(|g| self.of(g).iter().map(|c| i64::from(c.records)).sum::<i64>());
        columns.push(("n".into(), Arc::new(Int64Array::from_iter_values(n))));
        let (parts, squares) = self.parts(progress)?;
        let starts_of = |parts: &Parts| {
            let mut starts = vec![0];
            let mut at = 0;
            for g in 0..groups {
                at += parts[at..].partition_point(|p| (p.0 as usize) < self.starts[g + 1]);
                starts.push(at);
            }
            starts
        };
        let day = |p: &(u32, f64)| f64::from(self.periods[self.cells[p.0 as usize].at as usize]);
        let starts = starts_of(&parts);
        // Records are counted once, at the first number of their cell.
        let records = parts.iter().enumerate().map(|(i, p)| {
            let first = i == 0 || parts[i - 1].0 != p.0;
            if first { f64::from(self.cells[p.0 as usize].records) } else { 0.0 }
        });
        columns.push(("periods".into(), lists(&starts, parts.iter().map(day).collect(), groups)));
        columns.push(("records".into(), lists(&starts, records.collect(), groups)));
        columns.push(("values".into(), lists(&starts, parts.iter().map(|p| p.1).collect(), groups)));
        if !self.squares.is_empty() {
            let starts = starts_of(&squares);
            columns.push(("square_periods".into(), lists(&starts, squares.iter().map(day).collect(), groups)));
            columns.push(("squares".into(), lists(&starts, squares.iter().map(|p| p.1).collect(), groups)));
        }
        let flag = |v: bool| -> ArrayRef { Arc::new(arrow::array::BooleanArray::from(vec![v; groups])) };
        columns.push(("additive".into(), flag(self.additive)));
        columns.push(("counts".into(), flag(self.counts)));
        Ok(columns)
    }
}
