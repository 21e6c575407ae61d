//! `ValueWeight`: is a shipment off its group's value-to-weight line?
//!
//! Least trimmed squares with reweighting in every group (`stats::line`), the method that the EU's
//! anti-fraud services use on trade data. Residuals of traded goods grow with the weight, so they are
//! measured in units of weight^power, with the power (0, 1/2 or 1) that evens them out best over all
//! groups, from a line fitted again with those weights; p-values come from tails learnt from groups of
//! the same size.

mod fair;
mod scores;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use rayon::prelude::*;

use super::guards::Facts;
use super::members::{compact, lists, plain, read_lists, same_lengths};
use super::tails::{Counts, Tails};
use super::{Detector, Fit, SharedFit, SharedScores};
use crate::aggregate::table;
use crate::error::{Error, Result};
use crate::group::{Combos, GroupIndex, IndexCache, resolve};
use crate::stats::line::{self, Line, NoLine};
use crate::stats::{Ordered, encode, ln};
use crate::store::{Role, Shipments};
use crate::watch::Watch;
use fair::{Fair, raised};
use scores::LineScores;

/// Rows worked on at a time.
const STRETCH: usize = 1 << 14;
/// Groups that the power of the spread is learnt from, and the members each must have.
const LEARN_FROM: usize = 2_000;
const LEARN_SIZE: usize = 40;
const POWERS: [f64; 3] = [0.0, 0.5, 1.0];

#[derive(Clone, Debug, PartialEq)]
pub struct ValueWeight {
    pub by: Vec<String>,
    pub min_peers: usize,
    /// Fit ln value on ln weight instead.
    pub log: bool,
    /// Follow the least trimmed squares line by an MM-estimate.
    pub mm: bool,
}

/// Why a group has no line, or its line.
#[derive(Clone, Copy)]
enum Outcome {
    Line(Fitted),
    None(NoLine),
}

#[derive(Clone, Copy)]
struct Fitted {
    raw: Line,
    objective: f64,
    line: Line,
    scale: f64,
    kept: u32,
    /// The line that shipments are scored by: the one above, fitted again with the power's weights.
    fair: Line,
    /// The spread of a residual over (x / middle)^power.
    spread: f64,
    /// The median weight.
    middle: f64,
}

struct Model {
    settings: ValueWeight,
    combos: Combos,
    starts: Vec<usize>,
    /// (weight, value) of the members, in ascending order within each group.
    points: Vec<(f64, f64)>,
    outcomes: Vec<Outcome>,
    power: f64,
    tails: Tails,
    facts: Facts,
}

impl ValueWeight {
    fn check(&self) -> Result<()> {
        if self.min_peers < line::FEWEST {
            return Err(Error::Argument(format!(
                "min_peers={} is too few for a line and a spread; use {} or more",
                self.min_peers,
                line::FEWEST
            )));
        }
        Ok(())
    }

    /// What is regressed on what; NaN where a shipment has no place on the line.
    fn point(&self, weight: f64, value: f64) -> (f64, f64) {
        let usable = weight > 0.0 && value > 0.0 && weight <= f64::MAX && value <= f64::MAX;
        if !usable {
            return (f64::NAN, f64::NAN);
        }
        if self.log { (ln(weight), ln(value)) } else { (weight, value) }
    }
}

impl Detector for ValueWeight {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<SharedFit> {
        Ok(Arc::new(self.learn(ships, cache, watch)?.0))
    }

    fn fit_score(&self, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<(SharedFit, SharedScores)> {
        let (model, index) = self.learn(ships, cache, watch)?;
        let model = Arc::new(model);
        let known = (0..model.outcomes.len() as u32).map(Some).collect();
        let scores = LineScores::new(model.clone(), ships, &index, known, watch)?;
        Ok((model, Arc::new(scores)))
    }

    fn restore(&self, states: &[RecordBatch], watch: &Watch) -> Result<SharedFit> {
        self.check()?;
        let names = ["weights", "values", "facts"];
        let (combos, [weights, values, facts]) = read_lists(states, &self.by, names, "ValueWeight", watch)?;
        same_lengths(&[&weights, &values], &names, "ValueWeight")?;
        let points = weights.values.into_iter().zip(values.values).collect();
        Ok(Arc::new(self.model(combos, weights.starts, points, Facts::restored(&facts), watch)?))
    }
}

impl ValueWeight {
    fn learn(&self, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<(Model, Arc<GroupIndex>)> {
        self.check()?;
        let value = ships.store.role_numbers(Role::Value, watch)?;
        let weight = ships.store.role_numbers(Role::NetWeight, watch)?;
        let index = cache.get(ships, &resolve(&ships.store, &self.by)?, watch)?;
        watch.begin("fitting", index.order.len() as u64);
        let mut points = vec![(0.0, 0.0); index.order.len()];
        points.par_chunks_mut(STRETCH).zip(index.order.par_chunks(STRETCH)).for_each(|(out, rows)| {
            for (out, &row) in out.iter_mut().zip(rows) {
                *out = self.point(weight[row as usize], value[row as usize]);
            }
        });
        let mut starts: Vec<usize> = index.starts.iter().map(|&s| s as usize).collect();
        if points.par_chunks(STRETCH).any(|part| part.iter().any(|p| p.0.is_nan())) {
            compact(&mut starts, &mut points, |p| p.0.is_nan());
        }
        let combos = Combos::of_index(&index, &self.by);
        let facts = Facts::of_shipments(ships, &index);
        Ok((self.model(combos, starts, points, facts, watch)?, index))
    }

    /// The fit of these members, whatever order they are in.
    fn model(
        &self,
        combos: Combos,
        starts: Vec<usize>,
        mut points: Vec<(f64, f64)>,
        facts: Facts,
        watch: &Watch,
    ) -> Result<Model> {
        let groups = combos.groups();
        let mut runs: Vec<Run> = Vec::new();
        let mut rest = &mut points[..];
        let mut from = 0;
        for g in 0..groups {
            if starts[g + 1] - starts[from] >= STRETCH || g + 1 == groups {
                let (head, tail) = rest.split_at_mut(starts[g + 1] - starts[from]);
                runs.push((from..g + 1, head));
                (rest, from) = (tail, g + 1);
            }
        }
        let outcomes: Result<Vec<Vec<Outcome>>> = runs
            .into_par_iter()
            .map_init(Work::default, |work, (groups, points)| {
                watch.check()?;
                let first = starts[groups.start];
                watch.advance(points.len() as u64);
                Ok(groups
                    .map(|g| {
                        let members = &mut points[starts[g] - first..starts[g + 1] - first];
                        sort(members, &mut work.keys, &mut work.spare);
                        self.outcome(members, work)
                    })
                    .collect())
            })
            .collect();
        let mut model = Model {
            settings: self.clone(),
            combos,
            starts,
            points,
            outcomes: outcomes?.concat(),
            power: 0.0,
            tails: Tails::default(),
            facts,
        };
        model.power = if self.log { 0.0 } else { model.learn_power() };
        model.measure_spread(watch)?;
        Ok(model)
    }

    fn outcome(&self, members: &[(f64, f64)], work: &mut Work) -> Outcome {
        let fit = match line::fit(members, &mut work.scratch) {
            Ok(fit) => fit,
            Err(reason) => return Outcome::None(reason),
        };
        let (mut best, mut scale) = (fit.line, fit.scale);
        if self.mm
            && let Some((line, spread)) = line::mm(members, fit.raw)
        {
            (best, scale) = (line, spread);
        }
        Outcome::Line(Fitted {
            raw: fit.raw,
            objective: fit.objective,
            line: best,
            scale,
            kept: fit.kept as u32,
            fair: best,
            spread: f64::NAN,
            middle: members[members.len() / 2].0,
        })
    }
}

/// Some groups and all their members.
type Run<'a> = (Range<usize>, &'a mut [(f64, f64)]);

#[derive(Default)]
struct Work {
    scratch: line::Scratch,
    keys: Vec<(i64, u32)>,
    spare: Vec<(f64, f64)>,
}

/// Ascending by weight, then value. Weights are compared as whole numbers.
fn sort(members: &mut [(f64, f64)], keys: &mut Vec<(i64, u32)>, spare: &mut Vec<(f64, f64)>) {
    keys.clear();
    keys.extend(members.iter().enumerate().map(|(i, p)| (encode(p.0), i as u32)));
    keys.sort_unstable();
    spare.clear();
    spare.extend_from_slice(members);
    for (to, &(_, from)) in members.iter_mut().zip(keys.iter()) {
        *to = spare[from as usize];
    }
    for tied in members.chunk_by_mut(|a, b| a.0 == b.0) {
        if tied.len() > 1 {
            tied.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
        }
    }
}

impl Model {
    fn members(&self, group: usize) -> &[(f64, f64)] {
        &self.points[self.starts[group]..self.starts[group + 1]]
    }

    /// The power of weight by which residuals grow: in each of some groups, by the ratio of the median
    /// residuals of its heavier and its lighter half; the middle over the groups, to the nearest half.
    fn learn_power(&self) -> f64 {
        let able: Vec<usize> = (0..self.outcomes.len())
            .filter(|&g| matches!(self.outcomes[g], Outcome::Line(_)) && self.members(g).len() >= LEARN_SIZE)
            .collect();
        let step = able.len().div_ceil(LEARN_FROM).max(1);
        let mut powers: Vec<i64> = Vec::new();
        for &g in able.iter().step_by(step) {
            let Outcome::Line(fit) = self.outcomes[g] else { continue };
            let members = self.members(g);
            let (light, heavy) = members.split_at(members.len() / 2);
            let median = |part: &[(f64, f64)]| {
                let mut keys: Vec<i64> = part.iter().map(|p| encode((p.1 - fit.line.at(p.0)).abs())).collect();
                Ordered::new(&mut keys, false).median().unwrap_or(0.0)
            };
            let run = ln(heavy[heavy.len() / 2].0 / light[light.len() / 2].0);
            let (low, high) = (median(light), median(heavy));
            if run > 0.5 && low > 0.0 && high > 0.0 {
                powers.push(encode(ln(high / low) / run));
            }
        }
        let power = Ordered::new(&mut powers, false).median().unwrap_or(0.0);
        POWERS.into_iter().min_by(|a, b| (a - power).abs().total_cmp(&(b - power).abs())).unwrap_or(0.0)
    }

    /// The line of each group that follows from the power, its spread, and the tails.
    fn measure_spread(&mut self, watch: &Watch) -> Result<()> {
        let fair: Vec<(Line, f64)> = (0..self.outcomes.len())
            .into_par_iter()
            .with_min_len(16)
            .map_init(Fair::default, |work, g| match &self.outcomes[g] {
                Outcome::Line(fit) => work.fit(self.members(g), fit, self.power),
                Outcome::None(_) => (Line { intercept: 0.0, slope: 0.0 }, f64::NAN),
            })
            .collect();
        for (outcome, (line, spread)) in self.outcomes.iter_mut().zip(fair) {
            if let Outcome::Line(fit) = outcome {
                if spread > 1e-9 * fit.scale.max(line.at(fit.middle).abs()) {
                    (fit.fair, fit.spread) = (line, spread);
                } else {
                    *outcome = Outcome::None(NoLine::Exact(0));
                }
            }
        }
        watch.check()?;
        let groups: Vec<usize> = (0..self.outcomes.len()).collect();
        let share = groups.len().div_ceil(4 * rayon::current_num_threads()).max(1);
        let counts = groups
            .par_chunks(share)
            .map(|groups| {
                let mut counts = Counts::new();
                for &g in groups {
                    let members = self.members(g);
                    if members.len() < self.settings.min_peers {
                        continue;
                    }
                    if let Outcome::Line(fit) = &self.outcomes[g] {
                        let sides = counts.of(members.len() as u32);
                        members.iter().for_each(|&(x, y)| sides.add(self.standard(fit, x, y)));
                    }
                }
                counts
            })
            .reduce(Counts::new, Counts::plus);
        self.tails = counts.tails();
        Ok(())
    }

    /// The residual in units of its spread.
    fn standard(&self, fit: &Fitted, x: f64, y: f64) -> f64 {
        (y - fit.fair.at(x)) / (fit.spread * raised(x / fit.middle, self.power))
    }
}

impl Fit for Model {
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<SharedScores> {
        let index = cache.get(ships, &resolve(&ships.store, &self.settings.by)?, watch)?;
        let here = Combos::of_index(&index, &self.settings.by);
        let known = self.combos.find(&here)?;
        Ok(Arc::new(LineScores::new(self, ships, &index, known, watch)?))
    }

    fn state(&self) -> Result<RecordBatch> {
        let groups = self.outcomes.len();
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        for (k, key) in self.settings.by.iter().enumerate() {
            columns.push((key.clone(), plain(&self.combos.labels(k)?)?));
        }
        let n = (0..groups).map(|g| Some(self.members(g).len() as i64));
        columns.push(("n".into(), Arc::new(n.collect::<Int64Array>())));
        let mut put = |name: &str, cell: &dyn Fn(&Fitted) -> f64| {
            let values = self.outcomes.iter().map(|o| match o {
                Outcome::Line(fit) => Some(cell(fit)),
                Outcome::None(_) => None,
            });
            columns.push((name.into(), Arc::new(values.collect::<Float64Array>())));
        };
        put("raw_intercept", &|f| f.raw.intercept);
        put("raw_slope", &|f| f.raw.slope);
        put("sum_of_squares", &|f| f.objective);
        put("intercept", &|f| f.line.intercept);
        put("slope", &|f| f.line.slope);
        put("scale", &|f| f.scale);
        put("kept", &|f| f64::from(f.kept));
        put("fair_intercept", &|f| f.fair.intercept);
        put("fair_slope", &|f| f.fair.slope);
        put("spread", &|f| f.spread);
        put("power", &|_| self.power);
        let why = self.outcomes.iter().enumerate().map(|(g, o)| match o {
            Outcome::Line(_) => None,
            Outcome::None(reason) => Some(no_line(*reason, self.members(g).len())),
        });
        columns.push(("no_line".into(), Arc::new(why.collect::<StringArray>())));
        let (weights, values): (Vec<f64>, Vec<f64>) = self.points.iter().copied().unzip();
        columns.push(("weights".into(), lists(&self.starts, weights, groups)));
        columns.push(("values".into(), lists(&self.starts, values, groups)));
        columns.push(("facts".into(), self.facts.column(groups, groups)));
        table(columns, groups)
    }
}

fn no_line(reason: NoLine, n: usize) -> String {
    match reason {
        NoLine::Few => format!("{n} shipments with a value and a weight are too few for a line"),
        NoLine::OneX => format!("at least half of the {n} shipments have one and the same weight"),
        NoLine::Exact(_) => {
            format!("at least half of the {n} shipments lie on one line exactly, so there is no spread to measure by")
        }
    }
}
