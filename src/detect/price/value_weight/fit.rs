//! The fit: gathers the members of each group, fits their lines, and learns the power and the tails.

use std::sync::Arc;

use rayon::prelude::*;

use super::fair::{Fair, learn_power};
use super::groups::{fit_groups, parts};
use super::model::{CHUNK_ROWS, Fitted, Model, Outcome, ValueWeight, usable};
use crate::calibrate::tails::{Moderation, ScoreHistogram, Tails};
use crate::error::Result;
use crate::evidence::cautions::FittedFacts;
use crate::group::{GroupIndex, GroupKeys, IndexCache, resolve};
use crate::progress::Progress;
use crate::state::members::compact;
use crate::stats::MAD_EFFICIENCY;
use crate::stats::linear::{self, Points};
use crate::store::Shipments;

/// Parts of each thread's share of the groups.
const SHARES: usize = 8;

impl ValueWeight {
    pub(super) fn learn(
        &self,
        ships: &Shipments,
        cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(Model, Arc<GroupIndex>)> {
        self.check()?;
        let numbers = self.numbers(ships, progress)?;
        let index = cache.get(ships, &resolve(&ships.store, &self.by)?, progress)?;
        let n = index.order.len();
        progress.begin("fitting", n as u64);
        // A clone would be written completely by this thread only.
        let mut columns: Vec<Vec<f64>> = numbers.iter().map(|_| vec![0.0; n]).collect();
        let ends = (1..=n.div_ceil(CHUNK_ROWS)).map(|k| (k * CHUNK_ROWS).min(n));
        parts(&mut columns, ends).into_par_iter().zip(index.order.par_chunks(CHUNK_ROWS)).for_each(
            |(mut part, rows)| {
                for (to, from) in part.iter_mut().zip(&numbers).take_while(|_| !progress.stopped()) {
                    to.iter_mut().zip(rows).for_each(|(to, &row)| *to = from[row as usize]);
                }
                // If one number of a shipment is missing, all are set to missing.
                if part.iter().any(|column| column.iter().filter(|x| !usable(**x)).count() > 0) {
                    for at in 0..rows.len() {
                        if part.iter().any(|column| !usable(column[at])) {
                            part.iter_mut().for_each(|column| column[at] = f64::NAN);
                        }
                    }
                }
                if self.log {
                    part.iter_mut().flat_map(|column| column.iter_mut()).for_each(|x| *x = self.shown(*x));
                }
            },
        );
        progress.check()?;
        let mut starts: Vec<usize> = index.starts.iter().map(|&s| s as usize).collect();
        if columns[0].par_chunks(CHUNK_ROWS).any(|part| part.iter().any(|x| x.is_nan())) {
            let all = starts.clone();
            for column in &mut columns {
                starts.clone_from(&all);
                compact(&mut starts, column, |x| x.is_nan());
            }
        }
        let group_keys = GroupKeys::of_index(&index, &self.by);
        let facts = FittedFacts::of_shipments(ships, &index);
        Ok((self.model(group_keys, starts, columns, facts, progress)?, index))
    }

    /// The fit of these members, in any order.
    pub(super) fn model(
        &self,
        group_keys: GroupKeys,
        starts: Vec<usize>,
        mut columns: Vec<Vec<f64>>,
        facts: FittedFacts,
        progress: &Progress,
    ) -> Result<Model> {
        let outcomes = fit_groups(&starts, &mut columns, self.mm, progress)?;
        let settings = self.clone();
        let tails = Tails::default();
        let mut model = Model { settings, group_keys, starts, columns, outcomes, power: 0.0, tails, facts };
        progress.check()?;
        model.power = if self.log { 0.0 } else { learn_power(&model) };
        model.measure_spread(progress)?;
        Ok(model)
    }
}

impl Model {
    /// The fair fit of each group with the given power, its scale, and the tails.
    fn measure_spread(&mut self, progress: &Progress) -> Result<()> {
        let mut outcomes = std::mem::take(&mut self.outcomes);
        let share = outcomes.len().div_ceil(SHARES * rayon::current_num_threads()).max(1);
        outcomes.par_chunks_mut(share).enumerate().try_for_each(|(part, outcomes)| -> Result<()> {
            let mut fair = Fair::default();
            for (g, outcome) in (part * share..).zip(outcomes) {
                progress.check()?;
                let Outcome::Fitted(fit) = outcome else { continue };
                if !fair.fit(&self.members(g), fit, self.power) {
                    *outcome = Outcome::None(linear::NoFit::Exact);
                }
            }
            Ok(())
        })?;
        let moderation = self.moderate(&mut outcomes);
        let counts: Result<Vec<ScoreHistogram>> = outcomes
            .par_chunks(share)
            .enumerate()
            .map(|(part, outcomes)| {
                let (mut residuals, mut counts) = (Vec::new(), ScoreHistogram::default());
                for (g, outcome) in (part * share..).zip(outcomes) {
                    progress.check()?;
                    let Outcome::Fitted(fit) = outcome else { continue };
                    let members = self.members(g);
                    if members.count() >= self.settings.min_peers {
                        members.residuals(&fit.fair, &mut residuals);
                        let sides = counts.of(members.count() as u32);
                        self.standards(fit, &members, &mut residuals).iter().for_each(|z| sides.add(*z));
                    }
                }
                Ok(counts)
            })
            .collect();
        self.outcomes = outcomes;
        let counts = counts?.into_iter().fold(ScoreHistogram::default(), ScoreHistogram::plus);
        // On the scale of money residuals are skewed, so what is far off need not be an error.
        self.tails = counts.tails_moderated(moderation, self.settings.log);
        Ok(())
    }

    /// Moderates the scales of logarithms. Scales of money stand for themselves: they grow with the values.
    fn moderate(&self, outcomes: &mut [Outcome]) -> Moderation {
        if !self.settings.log {
            return Moderation::none(MAD_EFFICIENCY);
        }
        let able = outcomes.iter().enumerate().filter_map(|(g, outcome)| match outcome {
            Outcome::Fitted(fit) if self.size(g) >= self.settings.min_peers => Some((fit.spread, self.size(g) as u32)),
            _ => None,
        });
        let moderation = Moderation::of(able, MAD_EFFICIENCY);
        for (g, outcome) in outcomes.iter_mut().enumerate() {
            if let Outcome::Fitted(fit) = outcome {
                fit.spread = moderation.scale(fit.spread, self.size(g) as u32);
            }
        }
        moderation
    }

    /// The residuals of the members of a group from the fair line, in standard errors.
    fn standards<'a>(&self, fit: &Fitted, members: &Points, residuals: &'a mut [f64]) -> &'a [f64] {
        match members.x() {
            [x] => residuals.iter_mut().zip(*x).for_each(|(r, x)| *r /= self.unit(fit, &[*x, 0.0, 0.0, 0.0])),
            _ => residuals.iter_mut().zip(0..).for_each(|(r, i)| *r /= self.unit(fit, &members.x_of(i))),
        }
        residuals
    }
}
