//! `ValueWeight`: is the value of a shipment far from the regression line of value on weight of its group?
//!
//! Least trimmed squares with reweighting in every group (`stats::linear`), on the weight or on several regressors. The
//! EU's anti-fraud services use this method on trade data. Residuals of traded goods grow with the weight, so they are
//! divided by weight^power. The power (0, 1/2 or 1) is the one that fits best over all groups. The line is fitted again
//! with these weights, and the uncertainty of the line itself is included. p-values come from tails learnt from groups
//! of the same size.

mod fair;
mod groups;
mod scores;
mod state;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::ScalarBuffer;
use rayon::prelude::*;

use crate::calibrate::tails::{ScoreHistogram, Tails};
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::{Error, Result};
use crate::evidence::SharedScores;
use crate::evidence::cautions::FittedFacts;
use crate::group::{GroupIndex, GroupKeys, IndexCache, Key, resolve};
use crate::progress::Progress;
use crate::state::members::compact;
use crate::stats::linear::{self, MOST, Points};
use crate::stats::ln;
use crate::store::{Role, RoleKind, Shipments};
use fair::{Fair, learn_power, squared};
use groups::{Fitted, Outcome, fit_groups, parts};
use scores::LineScores;

/// Rows processed at a time.
const CHUNK_ROWS: usize = 1 << 14;
/// Parts of each thread's share of the groups.
const SHARES: usize = 8;

/// Whether a number can be used in a regression: positive and finite.
fn usable(x: f64) -> bool {
    x > 0.0 && x <= f64::MAX
}

#[derive(Clone, Debug, PartialEq)]
pub struct ValueWeight {
    pub by: Vec<String>,
    /// The regressors. The scale of the residuals may grow with the first.
    pub on: Vec<String>,
    pub min_peers: usize,
    /// Use logarithms.
    pub log: bool,
    /// Continue with an MM-estimate after least trimmed squares.
    pub mm: bool,
}

struct Model {
    settings: ValueWeight,
    group_keys: GroupKeys,
    starts: Vec<usize>,
    /// The regressors and values of the members, one column each, sorted within each group.
    columns: Vec<Vec<f64>>,
    outcomes: Vec<Outcome>,
    power: f64,
    tails: Tails,
    facts: FittedFacts,
}

impl ValueWeight {
    fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(Error::Argument(what));
        if self.on.is_empty() || self.on.len() > MOST {
            return wrong(format!("on names {} columns; name 1 to {MOST}, such as \"net_weight\"", self.on.len()));
        }
        for (i, name) in self.on.iter().enumerate() {
            if self.on[..i].contains(name) {
                return wrong(format!("on names {name:?} twice"));
            }
        }
        if self.on.iter().any(|name| name == "value") {
            return wrong("on names \"value\", which is what is explained; leave it out".into());
        }
        let fewest = linear::fewest(self.on.len());
        if self.min_peers < fewest {
            return wrong(format!(
                "min_peers={} is too few for {} and a spread; use {fewest} or more",
                self.min_peers,
                if self.on.len() == 1 { "a line".into() } else { format!("{} coefficients", self.on.len() + 1) },
            ));
        }
        Ok(())
    }

    /// The regressors for each row of the source, and the value last.
    fn numbers(&self, ships: &Shipments, progress: &Progress) -> Result<Vec<ScalarBuffer<f64>>> {
        let store = &ships.store;
        let one = |name: &String| match Key::named(store, name)? {
            Key::Role(role) if role.kind() == RoleKind::Number => store.role_numbers(role, progress),
            Key::Column(column) if store.columns[column].is_number() => {
                Ok(store.columns[column].numbers(progress)?.values.clone())
            }
            _ => Err(Error::Argument(format!("on names {name:?}, which does not hold numbers; leave it out"))),
        };
        self.on.iter().map(one).chain([store.role_numbers(Role::Value, progress)]).collect()
    }

    /// A number in the form used for the regression.
    fn shown(&self, x: f64) -> f64 {
        if self.log { ln(x) } else { x }
    }

    fn learn(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<(Model, Arc<GroupIndex>)> {
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
    fn model(
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

impl Registered for ValueWeight {
    const NAME: &'static str = "ValueWeight";

    fn of_parameters(parameters: &Parameters) -> Result<ValueWeight> {
        Ok(ValueWeight {
            by: parameters.names("by")?,
            on: parameters.names("on")?,
            min_peers: parameters.count("min_peers")?,
            log: parameters.flag("log")?,
            mm: parameters.choice("method", &[("lts", false), ("mm", true)])?,
        })
    }
}

impl Detector for ValueWeight {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        Ok(Arc::new(self.learn(ships, cache, progress)?.0))
    }

    fn fit_score(
        &self,
        ships: &Shipments,
        cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(SharedFit, SharedScores)> {
        let (model, index) = self.learn(ships, cache, progress)?;
        let model = Arc::new(model);
        let known = (0..model.outcomes.len() as u32).map(Some).collect();
        let scores = LineScores::new(model.clone(), ships, &index, known, progress)?;
        Ok((model, Arc::new(scores)))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        let (group_keys, starts, columns, facts) = state::read(self, states, progress)?;
        Ok(Arc::new(self.model(group_keys, starts, columns, facts, progress)?))
    }
}

impl Model {
    fn members(&self, group: usize) -> Points<'_> {
        let range = self.starts[group]..self.starts[group + 1];
        let slopes = self.settings.on.len();
        Points::new(self.columns[..slopes].iter().map(|x| &x[range.clone()]), &self.columns[slopes][range.clone()])
    }

    fn size(&self, group: usize) -> usize {
        self.starts[group + 1] - self.starts[group]
    }

    /// The fair fit of each group with the given power, its scale, and the tails.
    fn measure_spread(&mut self, progress: &Progress) -> Result<()> {
        let mut outcomes = std::mem::take(&mut self.outcomes);
        let share = outcomes.len().div_ceil(SHARES * rayon::current_num_threads()).max(1);
        let shares = outcomes.par_chunks_mut(share).enumerate();
        let counts: Result<Vec<ScoreHistogram>> = shares
            .map(|(part, outcomes)| {
                let (mut fair, mut counts) = (Fair::default(), ScoreHistogram::default());
                for (g, outcome) in (part * share..).zip(outcomes) {
                    progress.check()?;
                    let Outcome::Fitted(fit) = outcome else { continue };
                    let members = self.members(g);
                    if !fair.fit(&members, fit, self.power) {
                        *outcome = Outcome::None(linear::NoFit::Exact);
                    } else if members.count() >= self.settings.min_peers {
                        let sides = counts.of(members.count() as u32);
                        self.standards(fit, &members, fair.residuals()).iter().for_each(|z| sides.add(*z));
                    }
                }
                Ok(counts)
            })
            .collect();
        self.outcomes = outcomes;
        self.tails = counts?.into_iter().fold(ScoreHistogram::default(), ScoreHistogram::plus).tails();
        Ok(())
    }

    /// The residuals of the members of a group from the fair line, in standard errors.
    fn standards<'a>(&self, fit: &Fitted, members: &Points, residuals: &'a mut [f64]) -> &'a [f64] {
        match members.x() {
            [x] => residuals.iter_mut().zip(*x).for_each(|(r, x)| *r /= self.unit(fit, &[*x, 0.0, 0.0, 0.0])),
            _ => residuals.iter_mut().zip(0..).for_each(|(r, i)| *r /= self.unit(fit, &members.x_of(i))),
        }
        residuals
    }

    /// A residual in standard errors.
    fn standard(&self, fit: &Fitted, x: &[f64; MOST], y: f64) -> f64 {
        (y - fit.fair.at(x)) / self.unit(fit, x)
    }

    /// The standard error of a residual: its scale and the uncertainty of the fit.
    #[inline(always)]
    fn unit(&self, fit: &Fitted, x: &[f64; MOST]) -> f64 {
        fit.spread * (squared(x[0] / fit.middle, self.power) + fit.leverage.at(x)).sqrt()
    }
}

impl Fit for Model {
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let index = cache.get(ships, &resolve(&ships.store, &self.settings.by)?, progress)?;
        let here = GroupKeys::of_index(&index, &self.settings.by);
        let known = self.group_keys.find(&here, progress)?;
        Ok(Arc::new(LineScores::new(self, ships, &index, known, progress)?))
    }

    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        state::write(self, progress)
    }
}
