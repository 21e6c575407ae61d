//! How much the periods of flows depend on each other, learnt from all flows of one kind: one flow says little.
//!
//! Two things are compared with simulated noise: the correlation of neighbours, and how much the level wanders.

use rayon::prelude::*;

use crate::error::Result;
use crate::progress::Progress;
use crate::stats::shift::{Dependence, Design, Law, LeftOver, Rest, Whitening};
use crate::stats::{MAD_EFFICIENCY, MAD_K, MEDIAN_VARIANCE, Random, median};

/// Correlations are multiples of one over this number.
const GRID: usize = 20;
/// The largest correlation, as a number of the grid.
const MOST: usize = 19;
/// The standard deviation of the steps of a level that wanders: none, the first, and so many times the one before.
const WALK: (f64, f64, usize) = (0.02, 1.25, 28);
/// With fewer flows, their shifts cannot be told from wandering levels.
const MANY: usize = 20;
/// The number of standard errors that wandering beside a shift may be larger than estimated.
const DOUBT: f64 = 2.0;
/// The largest number of times that correlation and walk are learnt, each with the other one given.
const ROUNDS: usize = 5;
/// The difference of correlations from which the response of the estimate is measured, in steps of the grid.
const RESPONSE: usize = 4;
/// Values of simulated noise.
const NOISE: usize = 24_000;

/// The length and the season of the series of a kind, and the number of coefficients taken off before.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) n: usize,
    pub(super) period: usize,
    pub(super) lost: usize,
}

impl Shape {
    pub(super) fn design(self, correlation: usize, walk: f64) -> Option<Design> {
        let dependence = Dependence { correlation: on_scale(correlation), walk };
        Design::new(self.n, dependence, self.period, self.lost)
    }

    /// The designs of all correlations.
    pub(super) fn designs(self, walk: f64) -> Option<Vec<Design>> {
        (0..=MOST).map(|step| self.design(step, walk)).collect()
    }
}

/// The common dependence, and that of single flows.
pub(super) struct CommonDependence {
    pub(super) walk: f64,
    /// The common correlation as a number of the grid; what noise alone gives there, and the reaction to correlation.
    pub(super) common: usize,
    noise: f64,
    response: f64,
    /// The centre of the flows' own estimates, their weight, and the standard error that is added.
    centre: f64,
    own: f64,
    error: f64,
}

impl CommonDependence {
    /// For the flow whose own estimate is given, as a number of the grid: drawn to the common correlation, and one
    /// standard error more, because too small a correlation makes false findings.
    pub(super) fn of_flow(&self, found: Option<f64>) -> usize {
        let found = found.unwrap_or(self.centre);
        self.grid(self.centre + self.own * (found - self.centre))
    }

    /// For a flow without an estimate, as a number of the grid.
    pub(super) fn of_any(&self) -> usize {
        self.grid(self.centre)
    }

    /// Whether flows differ, so that their own estimates count.
    pub(super) fn differs(&self) -> bool {
        self.own > 0.0
    }

    /// The place on the grid for what is left over of the correlation at the common one.
    fn grid(&self, left: f64) -> usize {
        on_grid(on_scale(self.common), (left + self.error - self.noise) / self.response).unwrap_or(self.common)
    }
}

pub(super) fn on_scale(step: usize) -> f64 {
    step as f64 / GRID as f64
}

/// What is left of series and of noise at each dependence.
pub(super) struct Learner<'a> {
    shape: Shape,
    series: &'a [Vec<f64>],
    noise: Vec<Vec<f64>>,
    progress: &'a Progress,
}

impl<'a> Learner<'a> {
    pub(super) fn new(shape: Shape, series: &'a [Vec<f64>], progress: &'a Progress) -> Learner<'a> {
        let mut random = Random::new(shape.n as u64);
        let many = (NOISE / shape.n).max(100);
        let noise = (0..many).map(|_| (0..shape.n).map(|_| normal(&mut random)).collect()).collect();
        Learner { shape, series, noise, progress }
    }

    /// What is left over of series at a dependence.
    fn left(&self, series: &[Vec<f64>], design: &Design) -> Result<Vec<LeftOver>> {
        self.progress.check()?;
        let free = Law::new(design, f64::INFINITY);
        let one = |rest: &mut Rest, x: &Vec<f64>| {
            design.rest(x, rest);
            LeftOver::of(design, &free, rest)
        };
        let made: Vec<Option<LeftOver>> = series.par_iter().map_init(Rest::default, one).collect();
        Ok(made.into_iter().flatten().collect())
    }

    fn coloured(&self, correlation: usize, walk: f64) -> Vec<Vec<f64>> {
        let whitening = Whitening::new(self.shape.n, Dependence { correlation: on_scale(correlation), walk });
        self.noise.par_iter().map(|white| whitening.colour(white)).collect()
    }

    /// What noise with a dependence leaves.
    pub(super) fn usual(&self, correlation: usize, walk: f64) -> Result<Vec<LeftOver>> {
        match self.shape.design(correlation, walk) {
            Some(design) => self.left(&self.coloured(correlation, walk), &design),
            None => Ok(Vec::new()),
        }
    }

    /// What the series and what noise leave.
    fn both(&self, correlation: usize, walk: usize) -> Result<Option<[Vec<LeftOver>; 2]>> {
        if self.series.is_empty() {
            return Ok(None);
        }
        let Some(design) = self.shape.design(correlation, variance(walk)) else { return Ok(None) };
        let noise = self.coloured(correlation, variance(walk));
        Ok(Some([self.left(self.series, &design)?, self.left(&noise, &design)?]))
    }

    /// Whether neighbours in the series are correlated more than in noise.
    fn correlated(&self, correlation: usize, walk: usize) -> Result<bool> {
        let both = self.both(correlation, walk)?;
        Ok(both.is_some_and(|both| {
            let [found, noise] = both.map(|left| centre_of(&left, |left| left.correlation));
            found > noise
        }))
    }

    /// Whether the levels of the series wander more than in noise. Shifts of most flows would look like this. So it must
    /// be possible beside the largest shift of each flow, too.
    fn wanders(&self, correlation: usize, walk: usize) -> Result<bool> {
        let Some(both) = self.both(correlation, walk)? else { return Ok(false) };
        let centre = |what: fn(&LeftOver) -> f64| -> (f64, f64) {
            let of = |left: &Vec<LeftOver>| left.iter().map(what).collect::<Vec<f64>>();
            let both = both.each_ref().map(of);
            let error = both.iter().map(|of| MEDIAN_VARIANCE * spread(of) * spread(of) / of.len().max(1) as f64);
            (middle(&both[0]) - middle(&both[1]), error.sum::<f64>().sqrt())
        };
        let (more, error) = centre(|left| left.wander);
        let (more_beside, error_beside) = centre(|left| left.wander_beside);
        // Without evidence there is no walk. One standard error is added to it, because too small a walk makes false findings.
        let enough = if walk == 0 { error } else { -error };
        Ok(more > enough && more_beside > -DOUBT * error_beside)
    }

    /// The largest number below `above` that leaves more; 0 if none does.
    fn search(above: usize, more: impl Fn(usize) -> Result<bool>) -> Result<usize> {
        let (mut found, mut above) = (0, above);
        while found + 1 < above {
            let step = (found + above) / 2;
            if more(step)? {
                found = step;
            } else {
                above = step;
            }
        }
        Ok(found)
    }

    fn correlation(&self, walk: usize) -> Result<usize> {
        Self::search(MOST, |step| self.correlated(step, walk))
    }

    /// The smallest walk that leaves no more than noise does.
    fn walk(&self, correlation: usize) -> Result<usize> {
        let more = |walk| self.wanders(correlation, walk);
        if self.series.len() >= MANY && more(0)? { Ok((Self::search(WALK.2, more)? + 1).min(WALK.2)) } else { Ok(0) }
    }

    pub(super) fn learn(&self) -> Result<Option<CommonDependence>> {
        let mut walk = 0;
        let mut common = self.correlation(walk)?;
        for _ in 0..ROUNDS {
            // The correlation lies between two numbers of the grid. The larger one leaves less to a walk.
            let next = self.walk(common + 1)?;
            if next == walk {
                break;
            }
            walk = next;
            common = self.correlation(walk)?;
        }
        let walk = variance(walk);
        let Some(design) = self.shape.design(common, walk) else { return Ok(None) };
        let correlations =
            |left: Vec<LeftOver>| -> Vec<f64> { left.into_iter().map(|left| left.correlation).collect() };
        let alone = correlations(self.left(&self.coloured(common, walk), &design)?);
        let (alone, doubt) = (middle(&alone), spread(&alone));
        let next = (common + RESPONSE).min(MOST);
        let moved = apart(on_scale(next), on_scale(common));
        let response = middle(&correlations(self.left(&self.coloured(next, walk), &design)?)) - alone;
        let response = (response / moved).clamp(0.25, 1.0);
        let found = correlations(self.left(self.series, &design)?);
        let held = found.len().max(1) as f64;
        let (centre, wide) = (middle(&found), spread(&found));
        // What flows differ by beyond noise. The standard error of a squared MAD, relative to it:
        let unsure = (2.0 / MAD_EFFICIENCY / held).sqrt();
        let between = (wide * wide - doubt * doubt * (1.0 + 3.0 * unsure)).max(0.0);
        let own = between / (between + doubt * doubt);
        let few = if held > 2.0 { MEDIAN_VARIANCE } else { 1.0 };
        let error = (few * (between + doubt * doubt) / held + between * (1.0 - own)).sqrt();
        let centre = if centre.is_nan() { alone } else { centre };
        Ok(Some(CommonDependence { walk, common, noise: alone, response, centre, own, error }))
    }
}

/// The variance of the steps of a walk.
fn variance(walk: usize) -> f64 {
    if walk == 0 { 0.0 } else { libm::pow(WALK.0 * libm::pow(WALK.1, walk as f64 - 1.0), 2.0) }
}

/// The place on the grid of a correlation that lies beyond another one.
fn on_grid(common: f64, beyond: f64) -> Option<usize> {
    let whole = (common + beyond) / (1.0 + common * beyond);
    (!whole.is_nan()).then(|| ((whole * GRID as f64).round().max(0.0) as usize).min(MOST))
}

/// How far one correlation is from another, as whitened with that one.
fn apart(a: f64, b: f64) -> f64 {
    (a - b) / (1.0 - a * b)
}

/// A nearly normal number: the sum of twelve uniform ones.
fn normal(random: &mut Random) -> f64 {
    (0..12).map(|_| (random.draw() >> 11) as f64 / (1u64 << 53) as f64).sum::<f64>() - 6.0
}

fn centre_of(left: &[LeftOver], what: fn(&LeftOver) -> f64) -> f64 {
    middle(&left.iter().map(what).collect::<Vec<f64>>())
}

fn middle(values: &[f64]) -> f64 {
    median(values.iter().copied()).unwrap_or(f64::NAN)
}

/// The standard deviation by the MAD.
fn spread(values: &[f64]) -> f64 {
    let centre = middle(values);
    MAD_K * median(values.iter().map(|v| (v - centre).abs())).unwrap_or(f64::NAN)
}
