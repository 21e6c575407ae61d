//! The rows of the scores: one for each flow and period, with the z of the period.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::model::{CHUNK_GROUPS, LevelShift, Model};
use crate::error::Result;
use crate::flows::{Flows, lay_out};
use crate::progress::Progress;

pub(super) struct Rows {
    pub(super) model: Arc<Model>,
    pub(super) flows: Arc<Flows>,
    /// The number of each flow in the fit.
    pub(super) known: Vec<Option<u32>>,
    /// Periods from the first one fitted to the first one here; negative if these begin earlier.
    pub(super) offset: i64,
    /// The flow, the period and the z of each row; NaN if there is none.
    pub(super) groups: Vec<u32>,
    pub(super) periods: Vec<u32>,
    pub(super) z: Vec<f64>,
    /// The first row of each flow, and the end of the last one.
    starts: Vec<usize>,
}

#[derive(Clone, Copy)]
pub enum NotScored {
    NotFitted,
    BeforeTheFit,
    ValueMissing,
    TooFewPeriodsBefore,
}

impl Rows {
    /// `known` is the number of each flow in the fit.
    pub(super) fn new(
        model: Arc<Model>,
        flows: Arc<Flows>,
        known: Vec<Option<u32>>,
        progress: &Progress,
    ) -> Result<Rows> {
        let (first, here) = (model.flows.periods[0], flows.periods[0]);
        let every = model.settings.spec.every;
        let offset = if here >= first {
            every.range(first, here).len() as i64 - 1
        } else {
            1 - every.range(here, first).len() as i64
        };
        let (groups, periods, z, starts) = (Vec::new(), Vec::new(), Vec::new(), vec![0]);
        let mut rows = Rows { model, flows, known, offset, groups, periods, z, starts };
        let all = 0..rows.flows.groups();
        let lengths = progress.each(all.clone(), CHUNK_GROUPS, |g| rows.rows_of(g))?;
        let many = lengths.iter().sum();
        let (mut groups, mut periods, mut z) = (vec![0; many], vec![0; many], vec![0.0; many]);
        let mut runs = Vec::new();
        let mut rest = (&mut groups[..], &mut periods[..], &mut z[..]);
        for from in all.clone().step_by(CHUNK_GROUPS) {
            let some = from..(from + CHUNK_GROUPS).min(all.end);
            let cut = lengths[some.clone()].iter().sum();
            let (group, period, z) = (rest.0.split_at_mut(cut), rest.1.split_at_mut(cut), rest.2.split_at_mut(cut));
            runs.push((some, group.0, period.0, z.0));
            rest = (group.1, period.1, z.1);
        }
        runs.into_par_iter().for_each(|(some, groups, periods, z)| {
            let mut from = 0;
            for g in some.take_while(|_| !progress.stopped()) {
                let own = from..from + lengths[g];
                groups[own.clone()].fill(g as u32);
                rows.fill_rows(g, &mut periods[own.clone()], &mut z[own.clone()]);
                from = own.end;
            }
        });
        progress.check()?;
        (rows.groups, rows.periods, rows.z) = (groups, periods, z);
        let mut end = 0;
        rows.starts.extend(lengths.iter().map(|length| {
            end += length;
            end
        }));
        Ok(rows)
    }

    /// The rows of a flow.
    pub(super) fn of_flow(&self, group: usize) -> Range<usize> {
        self.starts[group]..self.starts[group + 1]
    }

    /// The number of rows of a flow.
    fn rows_of(&self, group: usize) -> usize {
        if self.in_every_period(group) {
            self.flows.periods.len()
        } else {
            self.flows.of(group).len() + usize::from(self.shift_without_record(group).is_some())
        }
    }

    /// Whether a flow has a row in every period, or only in periods with records.
    fn in_every_period(&self, group: usize) -> bool {
        self.known[group].is_some_and(|k| self.model.in_every_period(k as usize))
    }

    /// The period of the shift of a sparse flow, if the shift is shown and there is no record in that period.
    fn shift_without_record(&self, group: usize) -> Option<u32> {
        let shift = self.model.shifts[self.known[group]? as usize].filter(LevelShift::shown)?;
        let at = shift.at as i64 - self.offset;
        let at = u32::try_from(at).ok().filter(|&at| (at as usize) < self.flows.periods.len())?;
        self.flows.find(group, at).is_none().then_some(at)
    }

    /// The rows of a flow: every period, or periods with records and the period of a shift.
    fn fill_rows(&self, group: usize, periods: &mut [u32], z: &mut [f64]) {
        let cells = self.flows.of(group);
        if self.in_every_period(group) {
            (0..).zip(periods.iter_mut()).for_each(|(t, period)| *period = t);
            lay_out(cells, z);
        } else {
            let shift = self.shift_without_record(group);
            let before = cells.partition_point(|c| shift.is_none_or(|at| c.at < at));
            let own = cells[..before].iter().map(|c| c.at).chain(shift).chain(cells[before..].iter().map(|c| c.at));
            periods.iter_mut().zip(own).for_each(|(period, at)| *period = at);
            z.iter_mut().zip(&*periods).for_each(|(z, &at)| *z = self.flows.value(group, at));
        }
        // Periods before the fitted ones have no z.
        let fitted = |at: u32| i64::from(at) + self.offset;
        let early = self.known[group].map_or(z.len(), |_| periods.partition_point(|&at| fitted(at) < 0));
        z[..early].fill(f64::NAN);
        if let Some(known) = self.known[group] {
            let later = periods[early..].iter().map(|&at| fitted(at) as usize);
            self.model.standardise(known as usize, later, &mut z[early..]);
        }
    }

    pub(super) fn observed(&self, at: usize) -> f64 {
        self.flows.value(self.groups[at] as usize, self.periods[at])
    }

    /// The numbers of the flow and of the period in the fit, if they were fitted or come later.
    pub(super) fn in_fit(&self, at: usize) -> std::result::Result<(usize, usize), NotScored> {
        let flow = self.known[self.groups[at] as usize].ok_or(NotScored::NotFitted)? as usize;
        let period = usize::try_from(i64::from(self.periods[at]) + self.offset);
        Ok((flow, period.map_err(|_| NotScored::BeforeTheFit)?))
    }

    /// The last fitted period, as a number of the periods here.
    pub(super) fn last_of_fit(&self) -> u32 {
        u32::try_from(self.model.facts.periods as i64 - 1 - self.offset).unwrap_or(0)
    }

    pub(super) fn last_fitted(&self) -> String {
        let periods = &self.model.flows.periods;
        self.model.settings.spec.every.text(periods[periods.len() - 1])
    }
}
