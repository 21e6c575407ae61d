//! The test of a flow: its shift and its most distant period, and which row the p-value belongs to.

use std::ops::Range;
use std::sync::Arc;

use super::model::Model;
use super::rows::Rows;
use super::spikes::{Spikes, Usual, smallest_of};
use crate::error::Result;
use crate::progress::Progress;

/// The p-value of a flow, and the row that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FlowTest {
    pub(super) row: usize,
    pub(super) p_value: f64,
    /// The shift is less likely than the most distant period.
    pub(super) shifted: bool,
}

/// The tests of all flows: of the fitted periods, and of later ones.
pub(super) fn flow_tests(rows: &Rows, progress: &Progress) -> Result<Vec<[Option<FlowTest>; 2]>> {
    progress.each(0..rows.flows.groups(), 64, |group| {
        rows.known[group].map_or([None; 2], |flow| tests_of(rows, group, flow as usize))
    })
}

fn tests_of(rows: &Rows, group: usize, flow: usize) -> [Option<FlowTest>; 2] {
    let (model, fitted) = (&*rows.model, rows.model.facts.periods);
    // Rows before the fit come first and have no z.
    let period = |row: usize| (i64::from(rows.periods[row]) + rows.offset) as usize;
    let own = rows.of_flow(group);
    let begin = own.start + own.clone().take_while(|&row| i64::from(rows.periods[row]) + rows.offset < 0).count();
    let end = begin + (begin..own.end).take_while(|&row| period(row) < fitted).count();
    let inside = farthest(rows, begin..end);
    let later = farthest(rows, end..own.end);
    let one = |found: Spikes, p_value: &dyn Fn(f64, usize) -> f64| {
        let (p_value, row) = found.smallest(|z, row| p_value(z, row as usize))?;
        Some(FlowTest { row: row as usize, p_value, shifted: false })
    };
    let value = |row: usize| rows.flows.value(group, rows.periods[row]);
    let new = |z: f64, row: usize| model.later_p_value(flow, period(row), z, value(row));
    let later = one(later, &new);
    if model.settings.expanding {
        return [one(inside, &|z, _| model.p_value(flow, z)), later];
    }
    if !same_as_fitted(rows, group, flow) {
        return [one(inside, &new), later];
    }
    // The row of a period. A sparse flow may have none there: the next row.
    let row_of = |at: usize| (begin..end).find(|&row| period(row) >= at).or(end.checked_sub(1).filter(|&e| e >= begin));
    let spike = match model.spikes[flow] {
        Some(spikes) => {
            let found = spikes.smallest(|score, _| model.spike_p_value(spikes.kind, score));
            found.and_then(|(p, at)| Some((p, (begin..end).find(|&row| period(row) == at as usize)?)))
        }
        None => one(inside, &|z, _| model.p_value(flow, z)).map(|test| (test.p_value, test.row)),
    };
    let here = |at: usize| {
        let at = at as i64 - rows.offset;
        at >= 0 && at < rows.flows.periods.len() as i64
    };
    let shift = model.shifts[flow].filter(|s| here(s.at)).and_then(|s| Some((s.p, row_of(s.at)?)));
    // Both are tested, whether or not their rows are here.
    let tests = if model.shifts[flow].is_some() { 2.0 } else { 1.0 };
    let found = [shift.map(|(p, row)| (p, row, true)), spike.map(|(p, row)| (p, row, false))];
    let least = found.into_iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0));
    let test = least.map(|(p, row, shifted)| FlowTest { row, p_value: smallest_of(p, tests), shifted });
    [test, later]
}

fn farthest(rows: &Rows, own: Range<usize>) -> Spikes {
    let mut found = Spikes::none(0, Usual::Other);
    own.filter(|&row| !rows.z[row].is_nan()).for_each(|row| found.add(rows.z[row], row as u32));
    found
}

/// Whether the records scored in the fitted periods are those of the fit. Only then its tests are theirs.
fn same_as_fitted(rows: &Rows, group: usize, flow: usize) -> bool {
    let model: &Model = &rows.model;
    if Arc::ptr_eq(&model.flows, &rows.flows) {
        return true;
    }
    let (first, last) = (rows.offset, rows.offset + rows.flows.periods.len() as i64);
    let fitted = model.flows.of(flow).iter().filter(|c| (first..last).contains(&i64::from(c.at)));
    let fitted = fitted.map(|c| (i64::from(c.at), c.value.to_bits()));
    let here = rows.flows.of(group).iter().map(|c| (i64::from(c.at) + rows.offset, c.value.to_bits()));
    here.filter(|(at, _)| (0..model.facts.periods as i64).contains(at)).eq(fitted)
}
