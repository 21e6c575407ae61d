//! The test of a flow: its shift and its most distant period, and which row the p-value belongs to.

use std::sync::Arc;

use super::model::{Model, Spikes, smallest_of};
use super::scores::SurgeScores;
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
pub(super) fn flow_tests(
    scores: &SurgeScores,
    lengths: &[usize],
    progress: &Progress,
) -> Result<Vec<[Option<FlowTest>; 2]>> {
    let mut starts = Vec::with_capacity(lengths.len());
    let mut all = 0;
    for length in lengths {
        starts.push(all);
        all += length;
    }
    progress.each(0..lengths.len(), 64, |group| {
        let rows = starts[group]..starts[group] + lengths[group];
        scores.known[group].map_or([None; 2], |flow| tests_of(scores, group, flow as usize, rows))
    })
}

fn tests_of(
    scores: &SurgeScores,
    group: usize,
    flow: usize,
    rows: std::ops::Range<usize>,
) -> [Option<FlowTest>; 2] {
    let (model, fitted) = (&*scores.model, scores.model.facts.periods);
    // Rows before the fit come first and have no z.
    let period = |row: usize| (i64::from(scores.periods[row]) + scores.offset) as usize;
    let begin = rows.start + rows.clone().take_while(|&row| i64::from(scores.periods[row]) + scores.offset < 0).count();
    let end = begin + (begin..rows.end).take_while(|&row| period(row) < fitted).count();
    let mut inside = farthest(scores, begin..end);
    let mut later = farthest(scores, end..rows.end);
    let one = |found: &mut Spikes, p_value: &dyn Fn(f64, usize) -> f64| {
        let smallest = match found.sides.map(|side| side.map(|(z, row)| (p_value(z, row as usize), row))) {
            [Some(a), Some(b)] => Some(if a.0 <= b.0 { a } else { b }),
            [a, b] => a.or(b),
        };
        smallest.map(|(p, row)| FlowTest {
            row: row as usize,
            p_value: smallest_of(p, found.periods as f64),
            shifted: false,
        })
    };
    let later = one(&mut later, &|z, row| model.later_p_value(flow, period(row), z));
    if model.settings.expanding {
        return [one(&mut inside, &|z, _| model.p_value(flow, z)), later];
    }
    if !same_as_fitted(scores, group, flow) {
        return [one(&mut inside, &|z, row| model.later_p_value(flow, period(row), z)), later];
    }
    // The row of a period. A sparse flow may have none there: the next row.
    let row_of = |at: usize| (begin..end).find(|&row| period(row) >= at).or(end.checked_sub(1).filter(|&e| e >= begin));
    let spike = match model.spikes[flow] {
        Some(spikes) => {
            let found = spikes.smallest(|score| model.spike_p_value(spikes.gaps, score));
            found.and_then(|(p, at)| Some((p, (begin..end).find(|&row| period(row) == at as usize)?)))
        }
        None => one(&mut inside, &|z, _| model.p_value(flow, z)).map(|test| (test.p_value, test.row)),
    };
    let here = |at: usize| {
        let at = at as i64 - scores.offset;
        at >= 0 && at < scores.flows.periods.len() as i64
    };
    let shift = model.shifts[flow].filter(|s| here(s.at)).and_then(|s| Some((s.p, row_of(s.at)?)));
    // Both are tested, whether or not their rows are here.
    let tests = if model.shifts[flow].is_some() { 2.0 } else { 1.0 };
    let of = |(p, row): (f64, usize), shifted| FlowTest { row, p_value: smallest_of(p, tests), shifted };
    let test = match (shift, spike) {
        (Some(shift), Some(spike)) => Some(if shift.0 <= spike.0 { of(shift, true) } else { of(spike, false) }),
        (Some(shift), None) => Some(of(shift, true)),
        (None, spike) => spike.map(|spike| of(spike, false)),
    };
    [test, later]
}

fn farthest(scores: &SurgeScores, rows: std::ops::Range<usize>) -> Spikes {
    let mut found = Spikes::default();
    rows.filter(|&row| !scores.z[row].is_nan()).for_each(|row| found.add(scores.z[row], row as u32));
    found
}

/// Whether the records scored in the fitted periods are those of the fit. Only then its tests are theirs.
fn same_as_fitted(scores: &SurgeScores, group: usize, flow: usize) -> bool {
    let model: &Model = &scores.model;
    if Arc::ptr_eq(&model.flows, &scores.flows) {
        return true;
    }
    let (first, last) = (scores.offset, scores.offset + scores.flows.periods.len() as i64);
    let fitted = model.flows.of(flow).iter().filter(|c| (first..last).contains(&i64::from(c.at)));
    let fitted = fitted.map(|c| (i64::from(c.at), c.value.to_bits()));
    let here = scores.flows.of(group).iter().map(|c| (i64::from(c.at) + scores.offset, c.value.to_bits()));
    here.filter(|(at, _)| (0..model.facts.periods as i64).contains(at)).eq(fitted)
}
