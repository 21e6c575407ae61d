//! What all flows of one kind have in common: how much periods depend on each other, and how much flows drift. The
//! largest step of a flow is tested with both.

use rayon::prelude::*;

use super::dependence::{CommonDependence, Learner, Shape, on_scale};
use crate::error::Result;
use crate::progress::Progress;
use crate::stats::shift::{Best, Dependence, Design, Impulses, Law, LeftOver, Rest};
use crate::stats::{OrderStatistics, encode};

/// The share of drifts that the variance of drifts is estimated from, and the normal quantile of this share.
const INNER: f64 = 0.9;
const INNER_NORMAL: f64 = 1.644_853_626_951_472_7;
/// Dependence and drift are learnt from a sample of flows of this size.
pub(super) const SAMPLE: usize = 512;

/// What flows of one length and dependence are tested with: the design, and the laws with drifts of the common variance,
/// no drifts and any drifts.
pub(super) struct Prepared {
    pub(super) design: Design,
    laws: [Law; 3],
    pub(super) impulses: Impulses,
}

pub(super) struct Pool {
    prepared: Vec<Prepared>,
    dependence: CommonDependence,
    /// The variance of drifts, in variances of noise.
    drifts: f64,
}

/// The largest step of a flow.
#[derive(Clone, Copy)]
pub(super) struct Tested<'a> {
    pub(super) law: &'a Law,
    pub(super) best: Best,
}

impl Prepared {
    fn new(design: Design, drifts: f64) -> Prepared {
        let laws = [drifts, 0.0, f64::INFINITY].map(|variance| Law::new(&design, variance));
        Prepared { impulses: Impulses::of(&design), laws, design }
    }

    /// The largest step of what is left of a series.
    pub(super) fn test(&self, rest: &Rest) -> Option<Tested<'_>> {
        let Prepared { design, laws: [some, none, any], .. } = self;
        // A drift that explains more than any step is no shift: the test must hold for any drift, too.
        let step_alone = none.best(design, rest)?;
        let drifts = rest.drift_share() > step_alone.r * step_alone.r;
        let usual = Tested { law: some, best: some.best(design, rest)? };
        let free = if drifts { any.best(design, rest).map(|best| Tested { law: any, best }) } else { None };
        let p_value = |tested: &Tested| tested.law.p_value(tested.best.r);
        Some(free.filter(|free| p_value(free) > p_value(&usual)).unwrap_or(usual))
    }
}

impl Pool {
    /// `series` are those of a sample of flows, all of one length.
    pub(super) fn learn(series: &[Vec<f64>], shape: Shape, progress: &Progress) -> Result<Option<Pool>> {
        let learner = Learner::new(shape, series, progress);
        let Some(dependence) = learner.learn()? else { return Ok(None) };
        let Some(designs) = shape.designs(dependence.walk) else { return Ok(None) };
        let prepared = designs.into_iter().map(|design| Prepared::new(design, 0.0)).collect();
        let mut pool = Pool { prepared, dependence, drifts: 0.0 };
        let usual = learner.usual(pool.dependence.of_any(), pool.dependence.walk)?;
        pool.learn_drifts(series, &usual, progress)?;
        Ok(Some(pool))
    }

    fn learn_drifts(&mut self, series: &[Vec<f64>], usual: &[LeftOver], progress: &Progress) -> Result<()> {
        progress.check()?;
        let one = |rest: &mut Rest, x: &Vec<f64>| {
            let Prepared { design, laws: [_, _, any], .. } = self.prepared_for(x, rest);
            design.rest(x, rest);
            let alone = LeftOver::drift_alone(any, rest);
            LeftOver::of(design, any, rest).map(|left| (alone, left.drift))
        };
        let made: Vec<Option<(f64, f64)>> = series.par_iter().map_init(Rest::default, one).collect();
        let made: Vec<(f64, f64)> = made.into_iter().flatten().collect();
        let alone = quantile(made.iter().map(|m| m.0), INNER) / INNER_NORMAL;
        // Beside a step a drift is less certain, and the step takes part of it, but shifts are no drifts then.
        let beside = quantile(made.iter().map(|m| m.1), INNER) / INNER_NORMAL;
        let noise = quantile(usual.iter().map(|left| left.drift), INNER) / INNER_NORMAL;
        self.drifts = (alone * alone - 1.0).min(2.0 * (beside * beside - noise * noise)).max(0.0);
        self.prepared.iter_mut().for_each(|p| p.laws[0] = Law::new(&p.design, self.drifts));
        Ok(())
    }

    /// What a series is tested with. The rest is used as memory.
    pub(super) fn prepared_for(&self, x: &[f64], rest: &mut Rest) -> &Prepared {
        if !self.dependence.differs() {
            return &self.prepared[self.dependence.of_any()];
        }
        let Prepared { design, laws: [_, _, any], .. } = &self.prepared[self.dependence.common];
        design.rest(x, rest);
        let found = LeftOver::of(design, any, rest).map(|left| left.correlation);
        &self.prepared[self.dependence.of_flow(found)]
    }

    /// What a series of another length, with values missing, is tested with.
    pub(super) fn prepare(&self, n: usize, lost: usize) -> Option<Prepared> {
        let correlation = on_scale(self.dependence.of_any());
        let design = Design::new(n, Dependence { correlation, walk: self.dependence.walk }, 1, lost)?;
        Some(Prepared::new(design, self.drifts))
    }
}

fn quantile(values: impl Iterator<Item = f64>, q: f64) -> f64 {
    let mut keys: Vec<i64> = values.filter(|v| !v.is_nan()).map(encode).collect();
    OrderStatistics::new(&mut keys, false).quantile(q).unwrap_or(f64::NAN)
}
