//! What all flows of one kind have in common: how much neighbouring periods depend on each other, and how much flows
//! drift. One flow says little about either.

use rayon::prelude::*;

use crate::error::Result;
use crate::progress::Progress;
use crate::stats::shift::{Best, Design, Law, LeftOver, Rest};
use crate::stats::{MAD_K, MEDIAN_VARIANCE, OrderStatistics, Random, encode};

/// Dependences are multiples of one over this number.
const GRID: usize = 20;
/// The largest dependence, as a number of the grid.
const MOST: usize = 19;
/// The difference of dependences from which the response of the estimate is measured, in steps of the grid.
const RESPONSE: usize = 4;
/// Values of simulated noise.
const NOISE: usize = 20_000;
/// The share of drifts that the variance of drifts is estimated from, and the normal quantile of this share.
const INNER: f64 = 0.9;
const INNER_NORMAL: f64 = 1.644_853_626_951_472_7;
/// The quantile of the second largest steps that is compared with that of noise, and the number of flows it needs.
const UPPER: f64 = 0.8;
const MANY: usize = 20;
/// The standard error of a squared MAD relative to it, times the root of the number of values.
const SQUARED_MAD: f64 = 2.33;
/// A dependence is taken from the flows of a sample of this size.
pub(super) const SAMPLE: usize = 1_024;

/// The designs of all dependences, with drifts of the common variance, no drifts and any drifts.
pub(super) struct Pool {
    designs: Vec<(Design, [Law; 3])>,
    /// The common dependence as a number of the grid; what noise alone gives there, and the reaction to dependence.
    common: usize,
    noise: f64,
    response: f64,
    /// The centre of the flows' own estimates, their weight, and the standard error that is added.
    centre: f64,
    own: f64,
    error: f64,
    /// See [`Pool::wander`].
    wander: f64,
}

/// A flow's largest step.
#[derive(Clone, Copy)]
pub(super) struct Tested<'a> {
    pub(super) design: &'a Design,
    pub(super) law: &'a Law,
    pub(super) best: Best,
}

fn dependence(step: usize) -> f64 {
    step as f64 / GRID as f64
}

impl Pool {
    /// `series` are those of a sample of flows, all of one length; `lost` counts coefficients taken off before.
    pub(super) fn learn(
        series: &[Vec<f64>],
        n: usize,
        period: usize,
        lost: usize,
        progress: &Progress,
    ) -> Result<Option<Pool>> {
        let Some(designs) = designs(n, period, lost) else { return Ok(None) };
        let mut random = Random::new(n as u64);
        let many = (NOISE / n).max(100);
        let noise: Vec<Vec<f64>> = (0..many).map(|_| (0..n).map(|_| normal(&mut random)).collect()).collect();
        let noise =
            |step: usize| -> Vec<Vec<f64>> { noise.iter().map(|e| autoregression(e, dependence(step))).collect() };
        let left = |series: &[Vec<f64>], step: usize| -> Result<Vec<LeftOver>> {
            progress.check()?;
            let (design, laws) = &designs[step];
            let one = |rest: &mut Rest, x: &Vec<f64>| {
                design.rest(x, rest);
                design.left_over(rest, &laws[2])
            };
            let made: Vec<Option<LeftOver>> = series.par_iter().map_init(Rest::default, one).collect();
            Ok(made.into_iter().flatten().collect())
        };
        let dependences = |left: Vec<LeftOver>| -> Vec<f64> { left.into_iter().map(|l| l.dependence).collect() };
        // The largest dependence that leaves more than noise does.
        let (mut common, mut above) = (0, MOST);
        while common + 1 < above {
            let step = (common + above) / 2;
            if median(&dependences(left(series, step)?)) > median(&dependences(left(&noise(step), step)?)) {
                common = step;
            } else {
                above = step;
            }
        }
        let alone = dependences(left(&noise(common), common)?);
        let (alone, doubt) = (median(&alone), spread(&alone));
        let next = (common + RESPONSE).min(MOST);
        let moved = apart(dependence(next), dependence(common));
        let response = median(&dependences(left(&noise(next), common)?)) - alone;
        let response = (response / moved).clamp(0.25, 1.0);
        let found = dependences(left(series, common)?);
        let held = found.len().max(1) as f64;
        let (centre, wide) = (median(&found), spread(&found));
        // What flows differ by beyond noise.
        let between = (wide * wide - doubt * doubt * (1.0 + 3.0 * SQUARED_MAD / held.sqrt())).max(0.0);
        let own = between / (between + doubt * doubt);
        let few = if held > 2.0 { MEDIAN_VARIANCE } else { 1.0 };
        let error = (few * (between + doubt * doubt) / held + between * (1.0 - own)).sqrt();
        let centre = if centre.is_nan() { alone } else { centre };
        // What noise with the common dependence leaves.
        let step = on_grid(dependence(common), (centre + error - alone) / response).unwrap_or(common);
        let usual = left(&noise(step), step)?;
        let mut pool = Pool { designs, common, noise: alone, response, centre, own, error, wander: 1.0 };
        pool.learn_drifts(series, &usual, progress)?;
        Ok(Some(pool))
    }

    /// The variance of drifts, relative to that of noise, and how much the series wander.
    fn learn_drifts(&mut self, series: &[Vec<f64>], usual: &[LeftOver], progress: &Progress) -> Result<()> {
        progress.check()?;
        let one = |rest: &mut Rest, x: &Vec<f64>| {
            let step = self.step(x, rest);
            let (design, laws) = &self.designs[step];
            design.rest(x, rest);
            let size = design.drift_size(rest, &laws[2]);
            design.left_over(rest, &laws[2]).map(|left| (size, left))
        };
        let made: Vec<Option<(f64, LeftOver)>> = series.par_iter().map_init(Rest::default, one).collect();
        let made: Vec<(f64, LeftOver)> = made.into_iter().flatten().collect();
        let drifts = quantile(made.iter().map(|m| m.0), INNER) / INNER_NORMAL;
        // Beside a step a drift is less certain, and the step takes part of it, but shifts are no drifts then.
        let beside = quantile(made.iter().map(|m| m.1.drift), INNER) / INNER_NORMAL;
        let noise = quantile(usual.iter().map(|l| l.drift), INNER) / INNER_NORMAL;
        let variance = (drifts * drifts - 1.0).min(2.0 * (beside * beside - noise * noise)).max(0.0);
        self.designs.iter_mut().for_each(|(design, laws)| laws[0] = design.law(variance));
        let next = |left: &LeftOver| left.second;
        let wander = quantile(made.iter().map(|m| next(&m.1)), UPPER) / quantile(usual.iter().map(next), UPPER);
        if made.len() >= MANY && wander > 1.0 {
            self.wander = wander;
        }
        Ok(())
    }

    /// How much larger the steps of these flows are than noise makes them.
    pub(super) fn wander(&self) -> f64 {
        self.wander
    }

    /// The dependence of one series: its own estimate, drawn to the common one, and one standard error more, because
    /// too small a dependence makes false findings.
    fn step(&self, x: &[f64], rest: &mut Rest) -> usize {
        if self.own == 0.0 {
            return self.grid(self.centre);
        }
        let (design, laws) = &self.designs[self.common];
        design.rest(x, rest);
        let found = design.left_over(rest, &laws[2]).map_or(self.centre, |left| left.dependence);
        self.grid(self.centre + self.own * (found - self.centre))
    }

    /// The place on the grid for what is left over of the dependence at the common one.
    fn grid(&self, left: f64) -> usize {
        on_grid(dependence(self.common), (left + self.error - self.noise) / self.response).unwrap_or(self.common)
    }

    /// The largest step of a series. `rest` is what is left of the series.
    pub(super) fn test(&self, x: &[f64], rest: &mut Rest) -> Option<Tested<'_>> {
        let step = self.step(x, rest);
        let (design, [some, none, any]) = &self.designs[step];
        design.rest(x, rest);
        // A drift that explains more than any step is no shift: the test must hold for any drift, too.
        let step_alone = design.best(rest, none)?;
        let drifts = rest.drift_share() > step_alone.r * step_alone.r;
        let tested = |law| design.best(rest, law).map(|best| Tested { design, law, best });
        let usual = tested(some)?;
        let free = if drifts { tested(any) } else { None };
        let p_value = |tested: &Tested| tested.law.p_value(tested.best.r);
        Some(free.filter(|free| p_value(free) > p_value(&usual)).unwrap_or(usual))
    }

    /// The common dependence and the variance of drifts, for series of another length: with values missing.
    pub(super) fn common(&self) -> (f64, f64) {
        let share = self.designs[0].1[0].taken();
        (dependence(self.grid(self.centre)), share / (1.0 - share))
    }
}

fn designs(n: usize, period: usize, lost: usize) -> Option<Vec<(Design, [Law; 3])>> {
    let one = |step| {
        let design = Design::new(n, dependence(step), period, lost)?;
        let laws = [0.0, 0.0, f64::INFINITY].map(|variance| design.law(variance));
        Some((design, laws))
    };
    (0..=MOST).map(one).collect()
}

/// The place on the grid of a dependence that lies beyond another one.
fn on_grid(common: f64, beyond: f64) -> Option<usize> {
    let whole = (common + beyond) / (1.0 + common * beyond);
    (!whole.is_nan()).then(|| ((whole * GRID as f64).round().max(0.0) as usize).min(MOST))
}

/// How far one dependence is from another, as whitened with that one.
fn apart(a: f64, b: f64) -> f64 {
    (a - b) / (1.0 - a * b)
}

/// A nearly normal number: the sum of twelve uniform ones.
fn normal(random: &mut Random) -> f64 {
    (0..12).map(|_| (random.draw() >> 11) as f64 / (1u64 << 53) as f64).sum::<f64>() - 6.0
}

fn autoregression(noise: &[f64], dependence: f64) -> Vec<f64> {
    let new = (1.0 - dependence * dependence).sqrt();
    let mut before = None;
    let next = |&e: &f64| {
        let x = before.map_or(e, |before| dependence * before + new * e);
        before = Some(x);
        x
    };
    noise.iter().map(next).collect()
}

fn median(values: &[f64]) -> f64 {
    quantile(values.iter().copied(), 0.5)
}

fn quantile(values: impl Iterator<Item = f64>, q: f64) -> f64 {
    let mut keys: Vec<i64> = values.filter(|v| !v.is_nan()).map(encode).collect();
    OrderStatistics::new(&mut keys, false).quantile(q).unwrap_or(f64::NAN)
}

/// The standard deviation by the MAD.
fn spread(values: &[f64]) -> f64 {
    let centre = median(values);
    let away: Vec<f64> = values.iter().map(|v| (v - centre).abs()).collect();
    MAD_K * median(&away)
}
