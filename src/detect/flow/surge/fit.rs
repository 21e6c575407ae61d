//! The fit: a baseline for every flow, then the tails and the shifts of all.

use std::sync::Arc;

use rayon::prelude::*;

use super::model::{CHUNK_GROUPS, Forecast, Model, Surge, fewest};
use super::series::{Buffers, Facts, Series};
use crate::calibrate::tails::{ScoreHistogram, Tails};
use crate::error::Result;
use crate::flows::{Flows, lay_out};
use crate::progress::Progress;
use crate::stats::{MAD_K, OrderStatistics, encode, ln};

/// The largest number of cells with one record from which the sizes of records are estimated.
const LEARN_FROM: usize = 200_000;

impl Surge {
    pub(super) fn model(&self, flows: Arc<Flows>, progress: &Progress) -> Result<Model> {
        self.check(&flows)?;
        let facts = Facts {
            periods: flows.periods.len(),
            season: self.spec.every.season(),
            additive: flows.additive,
            counts: flows.counts,
            size_variance: size_variance(&flows, progress)?,
        };
        progress.begin("fitting", flows.groups() as u64);
        let chunks: Vec<usize> = (0..flows.groups()).step_by(CHUNK_GROUPS).collect();
        let made: Result<Vec<(Vec<Series>, Vec<Forecast>)>> = chunks
            .into_par_iter()
            .map_init(Buffers::default, |buffers, from| {
                let groups = from..(from + CHUNK_GROUPS).min(flows.groups());
                progress.advance(groups.len() as u64);
                let mut forecasts = Vec::new();
                let series: Result<Vec<Series>> = groups
                    .map(|g| {
                        progress.check()?;
                        let cells = flows.of(g);
                        if self.expanding {
                            for t in 0..facts.periods {
                                progress.check()?;
                                forecasts.push(if t < self.min_periods {
                                    (f64::NAN, f64::NAN)
                                } else {
                                    let past = Series::fit(cells, t, &facts, buffers);
                                    (past.expected(t), past.z(t, flows.value(g, t as u32), &facts))
                                });
                            }
                        }
                        Ok(Series::fit(cells, facts.periods, &facts, buffers))
                    })
                    .collect();
                Ok((series?, forecasts))
            })
            .collect();
        let (mut series, mut forecasts) = (Vec::new(), Vec::new());
        for (some, more) in made? {
            series.extend(some);
            forecasts.extend(more);
        }
        let groups = flows.groups();
        let mut model = Model {
            settings: self.clone(),
            flows,
            facts,
            series,
            forecasts,
            tails: [Tails::default(), Tails::default()],
            spike_tails: std::array::from_fn(|_| Tails::default()),
            shifts: vec![None; groups],
            spikes: vec![None; groups],
        };
        model.learn_tails(progress)?;
        if !self.expanding {
            model.test_flows(progress)?;
        }
        Ok(model)
    }
}

/// The variance of the sizes of records, relative to the square of their mean, as for a lognormal. It is estimated from
/// cells of one record, compared with the median of their flow.
fn size_variance(flows: &Flows, progress: &Progress) -> Result<f64> {
    let mut keys: Vec<i64> = Vec::new();
    let mut middle: Vec<i64> = Vec::new();
    let step = flows.cells.len().div_ceil(LEARN_FROM).max(1);
    for g in (0..flows.groups()).step_by(step) {
        progress.check()?;
        let single = || flows.of(g).iter().filter(|c| c.records == 1 && c.value > 0.0).map(|c| ln(c.value));
        middle.clear();
        middle.extend(single().map(encode));
        if middle.len() >= 5 {
            let centre = OrderStatistics::new(&mut middle, false).median().unwrap_or(0.0);
            keys.extend(single().map(|x| encode((x - centre).abs())));
        }
    }
    let spread = MAD_K * OrderStatistics::new(&mut keys, false).median().unwrap_or(0.7);
    Ok((libm::exp(spread * spread) - 1.0).clamp(0.1, 20.0))
}

impl Model {
    fn learn_tails(&mut self, progress: &Progress) -> Result<()> {
        let n = self.facts.periods;
        let counts = (0..self.flows.groups())
            .into_par_iter()
            .with_min_len(fewest(self.flows.groups()))
            .fold(
                || ([ScoreHistogram::default(), ScoreHistogram::default()], Vec::new()),
                |(mut counts, mut values), g| {
                    if progress.stopped() {
                        return (counts, values);
                    }
                    let cells = self.flows.of(g);
                    values.clear();
                    if self.in_every_period(g) {
                        values.resize(n, 0.0);
                        lay_out(cells, &mut values);
                        self.standardise(g, 0..n, &mut values);
                    } else {
                        values.extend(cells.iter().map(|c| c.value));
                        self.standardise(g, cells.iter().map(|c| c.at as usize), &mut values);
                    }
                    let class = counts[usize::from(self.series[g].sparse)].of(n as u32);
                    values.iter().filter(|z| !z.is_nan()).for_each(|&z| class.add(z));
                    (counts, values)
                },
            )
            .map(|(counts, _)| counts)
            .reduce(|| [ScoreHistogram::default(), ScoreHistogram::default()], |[a, b], [c, d]| [a.plus(c), b.plus(d)]);
        progress.check()?;
        self.tails = counts.map(|c| c.tails());
        Ok(())
    }
}
