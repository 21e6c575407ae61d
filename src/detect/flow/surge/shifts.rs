//! The tests of all flows: the largest shift, with a p-value that accounts for the choice among all dates, and the most
//! distant periods.
//!
//! Flows are of three kinds: a value in every period; empty periods; records in less than half of the periods. The law
//! of the first kind is that of normal noise, of the others that of permutations. Flows of one kind share what one flow
//! says little about: dependence and drift.

use rayon::prelude::*;

use super::dependence::Shape;
use super::model::{FULL, GAPS, LevelShift, Model, SPARSE, fewest};
use super::pool::{Pool, Prepared, SAMPLE, Tested};
use super::series::{Series, Transform, median};
use super::spikes::{Spikes, Usual, sizes};
use crate::calibrate::tails::ScoreHistogram;
use crate::error::Result;
use crate::flows::lay_out;
use crate::progress::Progress;
use crate::stats::shift::{Permuter, Rest};
use crate::stats::{exact_sum, normal_quantile};

/// Values farther from the baseline than this, in scales divided by the share of free values, are moved to this distance.
const CLIP: f64 = 4.0;
/// Flows with fewer periods with records have no test of a shift.
const FEW: usize = 4;

/// The values of a flow as they are tested.
#[derive(Default)]
struct Values {
    x: Vec<f64>,
    y: Vec<f64>,
    /// What was taken off values far away.
    more: Vec<f64>,
    /// The period of each value.
    at: Vec<u32>,
    kind: usize,
    /// Coefficients of a season that was taken off.
    lost: usize,
    /// The smallest variance of noise.
    least: f64,
}

#[derive(Default)]
struct Memory {
    values: Values,
    rest: Rest,
    permuter: Permuter,
    scores: Vec<f64>,
    sizes: Vec<(f64, u32)>,
    keys: Vec<i64>,
    /// The number of scores of periods, for each kind of flows.
    counts: [ScoreHistogram; 3],
}

/// What is found out about a flow.
#[derive(Clone, Copy, Default)]
struct Found {
    shift: Option<LevelShift>,
    spikes: Option<Spikes>,
}

type Tests = (Vec<Found>, [ScoreHistogram; 3]);

fn plus(a: [ScoreHistogram; 3], b: [ScoreHistogram; 3]) -> [ScoreHistogram; 3] {
    let mut others = b.into_iter();
    a.map(|mine| others.next().map_or_else(ScoreHistogram::default, |other| mine.plus(other)))
}

impl Model {
    pub(super) fn test_flows(&mut self, progress: &Progress) -> Result<()> {
        let pools = self.pools(progress)?;
        let join = |(mut found, mut counts): Tests, (more, others): Tests| {
            found.extend(more);
            counts = plus(counts, others);
            (found, counts)
        };
        let (found, counts) = (0..self.series.len())
            .into_par_iter()
            .with_min_len(fewest(self.series.len()))
            .fold(<(Vec<Found>, Memory)>::default, |(mut found, mut memory), g| {
                if !progress.stopped() {
                    found.push(self.test_flow(g, &pools, &mut memory));
                }
                (found, memory)
            })
            .map(|(found, memory)| (found, memory.counts))
            .reduce(Tests::default, join);
        progress.check()?;
        self.spike_tails = counts.map(|counts| counts.tails());
        self.shifts = found.iter().map(|f| f.shift).collect();
        self.spikes = found.iter().map(|f| f.spikes).collect();
        Ok(())
    }

    /// The values of a flow for the test: transformed, and drawn to the baseline if they are far away.
    fn values(&self, g: usize, values: &mut Values) {
        let (series, n) = (&self.series[g], self.facts.periods);
        let Values { x, y, more, at, .. } = values;
        let cells = self.flows.of(g);
        y.clear();
        y.resize(n, if self.facts.additive { 0.0 } else { f64::NAN });
        lay_out(cells, y);
        let held = cells.iter().filter(|c| c.value != 0.0).count();
        values.kind = match () {
            () if series.sparse => SPARSE,
            () if self.facts.additive && held < n => GAPS,
            () => FULL,
        };
        at.clear();
        at.extend((0..n as u32).filter(|&t| y[t as usize].is_finite()));
        // A season is taken off in the test where every period has a value, else here.
        let season = series.base.season();
        values.lost = if values.kind == FULL && at.len() == n { 0 } else { season.len().saturating_sub(1) };
        x.clear();
        x.extend(at.iter().map(|&t| y[t as usize]));
        series.form.of_all(x);
        // A baseline of many coefficients is close to most values, and far from the others.
        let free = (1.0 - series.base.coefficients() as f64 / n as f64).max(0.25);
        more.clear();
        for (x, &t) in x.iter_mut().zip(&*at) {
            let (fitted, far) = (series.base.at(t as usize), CLIP / free * series.base.scale);
            let near = x.min(fitted + far).max(fitted - far);
            more.push(*x - near);
            *x = near;
            if values.lost > 0 {
                *x -= season[t as usize % season.len()];
            }
        }
        values.least = match series.form {
            // The number of things varies by chance at least.
            Transform::Root { .. } if self.facts.counts && values.kind == FULL => 1.0,
            form => {
                let least = form.rounding(&series.base);
                least * least
            }
        };
    }

    /// What the flows of each kind have in common, from an even sample of them.
    fn pools(&self, progress: &Progress) -> Result<[Option<Pool>; 3]> {
        let (n, season) = (self.facts.periods, self.facts.season);
        let mut pools = [None, None, None];
        let kinds: Vec<u8> = (0..self.series.len())
            .map(|g| {
                let held = || self.flows.of(g).iter().filter(|c| c.value.is_finite() && c.value != 0.0).count();
                let whole = || self.flows.of(g).iter().filter(|c| c.value.is_finite()).count() == n;
                match () {
                    () if self.flows.of(g).len() < FEW => u8::MAX,
                    () if self.series[g].sparse => SPARSE as u8,
                    () if self.facts.additive && held() < n => GAPS as u8,
                    () if whole() => FULL as u8,
                    () => u8::MAX,
                }
            })
            .collect();
        for kind in [FULL, GAPS, SPARSE] {
            let of_kind: Vec<usize> = (0..kinds.len()).filter(|&g| usize::from(kinds[g]) == kind).collect();
            let step = of_kind.len().div_ceil(SAMPLE).max(1);
            let sample: Vec<usize> = of_kind.into_iter().step_by(step).collect();
            let one = |values: &mut Values, g: usize| {
                self.values(g, values);
                values.x.clone()
            };
            let series: Vec<Vec<f64>> = sample.into_par_iter().map_init(Values::default, one).collect();
            let series: Vec<Vec<f64>> = series.into_iter().filter(|x| x.len() == n).collect();
            progress.check()?;
            if !series.is_empty() || kind == FULL {
                let (period, lost) = match kind {
                    FULL => (season, 0),
                    GAPS if season > 1 && n >= 2 * season => (1, season - 1),
                    _ => (1, 0),
                };
                pools[kind] = Pool::learn(&series, Shape { n, period, lost }, progress)?;
            }
        }
        Ok(pools)
    }

    fn test_flow(&self, g: usize, pools: &[Option<Pool>; 3], memory: &mut Memory) -> Found {
        let mut found = Found::default();
        if self.flows.of(g).len() < FEW {
            return found;
        }
        let Memory { values, rest, permuter, scores, sizes: large, keys, counts } = memory;
        self.values(g, values);
        let (kind, n) = (values.kind, self.facts.periods);
        if kind == SPARSE && !self.facts.counts {
            found.spikes = sizes(&values.y, self.facts.size_variance, large).map(|sizes| {
                // A small consignment is no dip of a flow that mostly rests.
                let mut spikes = Spikes::none(kind, Usual::Sizes(sizes));
                large.iter().for_each(|&(score, at)| spikes.add(score.max(0.0), at));
                large.iter().for_each(|&(score, _)| counts[kind].of(n as u32).add(score));
                spikes
            });
        }
        let Some(pool) = &pools[kind] else { return found };
        let own;
        let prepared = if values.x.len() == n {
            pool.prepared_for(&values.x, rest)
        } else {
            let Some(made) = pool.prepare(values.x.len(), values.lost) else { return found };
            own = made;
            &own
        };
        let Prepared { design, impulses, .. } = prepared;
        design.rest(&values.x, rest);
        if kind != SPARSE {
            impulses.scores(design, rest, &values.more, values.least, scores);
            let mut spikes = Spikes::none(kind, Usual::Noise(design.noise(rest)));
            for (&score, &at) in scores.iter().zip(&values.at).filter(|(score, _)| !score.is_nan()) {
                let empty = values.y[at as usize] == 0.0;
                let score = if empty { score.max(-self.empty_score(g)) } else { score };
                counts[kind].of(n as u32).add(score);
                spikes.add(score, at);
            }
            found.spikes = Some(spikes);
        }
        if kind == FULL {
            design.draw_in(rest, CLIP);
        }
        let Some(Tested { law, best }) = prepared.test(rest) else { return found };
        // Less noise than that of rounding, or of chance, is not believed.
        let (explained, total) = (best.r * best.r, law.total(rest));
        let left = (total * (1.0 - explained)).max(law.noise(values.least));
        let explained = total * explained;
        let r = best.r.signum() * (explained / (explained + left)).sqrt();
        if !r.is_finite() {
            return found;
        }
        let filled = values.y.iter().filter(|y| **y != 0.0).count();
        let p =
            if kind == FULL { law.p_value(r) } else { permuter.p_value(design, &values.x, rest, law, best, filled) };
        // The noise of a flow with empty periods is no normal one: its standard errors are those of a normal with this p.
        let score = |p: f64| -normal_quantile(0.5 * p.clamp(1e-300, 1.0));
        let z = if kind == FULL { law.t(r) } else { score(p).copysign(r) };
        let series = &self.series[g];
        let at = series.base.shift.map_or(values.at[best.at] as usize, |s| s.at);
        let (before, after) = levels(series, at, &values.y, keys);
        found.shift = Some(LevelShift { at, z, p, before, after, fitted: series.base.shift.is_some() });
        found
    }
}

/// The medians of the measure before a date and from it on; means of a sparse flow.
fn levels(series: &Series, at: usize, y: &[f64], keys: &mut Vec<i64>) -> (f64, f64) {
    if series.sparse {
        let mean = |part: &[f64]| exact_sum(part) / part.len() as f64;
        return (mean(&y[..at]), mean(&y[at..]));
    }
    if series.base.shift.is_some() {
        return (series.before, series.after);
    }
    (median(&y[..at], keys), median(&y[at..], keys))
}
