//! The fit of every group, independent of the order of its members.

use std::ops::Range;

use rayon::prelude::*;

use super::model::{CHUNK_ROWS, Fitted, Outcome};
use crate::error::Result;
use crate::progress::Progress;
use crate::stats::linear::{self, Leverage, NoFit, Points};
use crate::stats::{Places, Sorter, encode};

/// The columns, divided at the same positions.
pub fn parts(columns: &mut [Vec<f64>], ends: impl Iterator<Item = usize>) -> Vec<Vec<&mut [f64]>> {
    let mut rest: Vec<&mut [f64]> = columns.iter_mut().map(Vec::as_mut_slice).collect();
    let mut from = 0;
    let mut parts = Vec::new();
    for end in ends {
        let (part, behind) = rest.into_iter().map(|column| column.split_at_mut(end - from)).unzip();
        parts.push(part);
        (rest, from) = (behind, end);
    }
    parts
}

/// Sorts the members of each group and fits them.
pub fn fit_groups(starts: &[usize], columns: &mut [Vec<f64>], mm: bool, progress: &Progress) -> Result<Vec<Outcome>> {
    let groups = starts.len() - 1;
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    for g in 0..groups {
        if starts[g + 1] - starts[from] >= CHUNK_ROWS || g + 1 == groups {
            runs.push(from..g + 1);
            from = g + 1;
        }
    }
    let parts = parts(columns, runs.iter().map(|run| starts[run.end]));
    let outcomes: Result<Vec<Vec<Outcome>>> = runs
        .into_par_iter()
        .zip(parts)
        .map_init(Work::default, |work, (groups, mut part)| {
            progress.check()?;
            let first = starts[groups.start];
            progress.advance((starts[groups.end] - first) as u64);
            let outcome = |g: usize| {
                let range = starts[g] - first..starts[g + 1] - first;
                let members: Vec<&mut [f64]> = part.iter_mut().map(|column| &mut column[range.clone()]).collect();
                work.outcome(members, mm)
            };
            Ok(groups.map(outcome).collect())
        })
        .collect();
    Ok(outcomes?.concat())
}

#[derive(Default)]
struct Work {
    scratch: linear::Scratch,
    keys: Vec<u64>,
    sorter: Sorter,
    spare: Vec<f64>,
}

impl Work {
    fn outcome(&mut self, mut members: Vec<&mut [f64]>, mm: bool) -> Outcome {
        self.sort(&mut members);
        let Some((y, x)) = members.split_last() else { return Outcome::None(NoFit::Few) };
        let points = Points::new(x.iter().map(|column| &**column), y);
        let fit = match linear::fit(&points, &mut self.scratch) {
            Ok(fit) => fit,
            Err(reason) => return Outcome::None(reason),
        };
        let (mut linear, mut scale) = (fit.linear, fit.scale);
        if mm && let Some(better) = linear::mm(&points, &fit.raw) {
            (linear, scale) = better;
        }
        Outcome::Fitted(Box::new(Fitted {
            raw: fit.raw,
            objective: fit.objective,
            linear,
            scale,
            kept: fit.kept as u32,
            fair: linear,
            leverage: Leverage::NONE,
            spread: f64::NAN,
            middle: x[0][y.len() / 2],
        }))
    }

    /// Sorts by the columns in turn. The sort key is a whole number: the first bits of the first column, with the
    /// position of the member in the others. If these bits are equal, all columns are compared.
    fn sort(&mut self, members: &mut [&mut [f64]]) {
        let Work { keys, sorter, spare, .. } = self;
        let places = Places::below(members[0].len());
        keys.clear();
        keys.extend(members[0].iter().enumerate().map(|(at, x)| places.put(sortable(*x), at)));
        sorter.sort(keys);
        let place = |key: &u64| places.at(*key);
        for tied in keys.chunk_by_mut(|a, b| places.number(*a) == places.number(*b)).filter(|tied| tied.len() > 1) {
            tied.sort_unstable_by(|a, b| {
                let pairs = members.iter().map(|column| (column[place(a)], column[place(b)]));
                pairs.map(|(a, b)| a.total_cmp(&b)).find(|order| order.is_ne()).unwrap_or(a.cmp(b))
            });
        }
        for column in members {
            spare.clear();
            spare.extend_from_slice(column);
            column.iter_mut().zip(&*keys).for_each(|(to, from)| *to = spare[place(from)]);
        }
    }
}

/// A double as an unsigned whole number with the same order.
fn sortable(x: f64) -> u64 {
    encode(x) as u64 ^ (1 << 63)
}
