//! The search for the parameters under which the counts of both sides are most likely.

use std::array::from_fn;

use super::sides::{CELLS, Cells, OUTER};
use super::story::{CORE, Guess, LOOSE, MOST, Parameters, Slopes};

/// Steps of a search, and those after which only the best of several starts goes on.
const STEPS: usize = 100;
const TRIAL: usize = 6;
/// A search ends when a step improves the deviance by less.
const GAIN: f64 = 1e-7;
/// The largest number of parameters of both sides.
const BOTH: usize = 2 * MOST - LOOSE;

/// Parameters of both sides, and how well they explain the counts.
#[derive(Clone, Copy)]
pub(super) struct Fit<const SIDES: usize> {
    pub at: [Parameters; SIDES],
    /// Of each side.
    pub deviances: [f64; SIDES],
}

impl<const SIDES: usize> Fit<SIDES> {
    pub fn deviance(&self) -> f64 {
        self.deviances.iter().sum()
    }

    /// The number of parameters. The looser part is one for both sides.
    fn parameters(&self) -> usize {
        let each: usize = self.at.iter().map(|at| at.story.parameters()).sum();
        each - if self.at[0].story.loose { LOOSE * (SIDES - 1) } else { 0 }
    }

    /// The number of bumps of all sides.
    pub fn bumps(&self) -> usize {
        self.at.iter().map(|at| at.story.bumps).sum()
    }

    /// Where a parameter of a side stands among those of both.
    fn place(&self, side: usize, parameter: usize) -> usize {
        if side == 0 {
            return parameter;
        }
        let (before, loose) = (self.at[0].story.parameters(), self.at[0].story.loose);
        match parameter {
            _ if parameter < CORE || !loose => before + parameter,
            _ if parameter < CORE + LOOSE => parameter,
            _ => before + parameter - LOOSE,
        }
    }
}

/// The best fit from several starts.
pub(super) fn search<const SIDES: usize>(
    starts: &[[Parameters; SIDES]],
    observed: &[Cells; SIDES],
    edges: &[f64],
) -> Fit<SIDES> {
    search_up_to(f64::INFINITY, starts, observed, edges)
}

/// The best fit to the counts of bins that end at most there.
pub(super) fn search_up_to<const SIDES: usize>(
    end: f64,
    starts: &[[Parameters; SIDES]],
    observed: &[Cells; SIDES],
    edges: &[f64],
) -> Fit<SIDES> {
    let outer = edges[1..].iter().filter(|edge| **edge <= end).count() + usize::from(end == f64::INFINITY);
    let mut best: Option<Search<SIDES>> = None;
    for at in starts {
        let mut search = Search::new(*at, outer, observed, edges);
        search.walk(TRIAL, observed, edges);
        if best.as_ref().is_none_or(|best| search.fit.deviance() < best.fit.deviance()) {
            best = Some(search);
        }
    }
    let Some(mut search) = best else {
        return Fit { at: [Parameters::core(1.0); SIDES], deviances: [f64::INFINITY; SIDES] };
    };
    search.walk(STEPS - TRIAL, observed, edges);
    search.fit
}

/// The expected counts of a side.
#[derive(Clone)]
struct Expected {
    mean: [f64; CELLS],
    slopes: Slopes,
    guess: Guess,
}

impl Expected {
    fn of(at: &Parameters, centre: f64, edges: &[f64], guess: Guess) -> Expected {
        let mut new = Expected { mean: [0.0; CELLS], slopes: [[0.0; MOST]; CELLS], guess };
        at.expected(edges, centre, &mut new.guess, &mut new.mean, &mut new.slopes);
        new
    }
}

/// A search by the method of Levenberg and Marquardt with Fisher's scoring for Poisson counts.
struct Search<const SIDES: usize> {
    fit: Fit<SIDES>,
    expected: [Expected; SIDES],
    damping: f64,
    /// The number of bins beyond 1 that count.
    outer: usize,
}

impl<const SIDES: usize> Search<SIDES> {
    fn new(at: [Parameters; SIDES], outer: usize, observed: &[Cells; SIDES], edges: &[f64]) -> Search<SIDES> {
        let expected = from_fn(|side| Expected::of(&at[side], observed[side].centre, edges, Guess::of(edges)));
        Search { fit: Fit { at, deviances: deviances(observed, &expected, outer) }, expected, damping: 1e-2, outer }
    }

    fn walk(&mut self, steps: usize, observed: &[Cells; SIDES], edges: &[f64]) {
        for _ in 0..steps {
            if !self.step(observed, edges) {
                break;
            }
        }
    }

    /// One step; false if there is none that improves the fit noticeably.
    fn step(&mut self, observed: &[Cells; SIDES], edges: &[f64]) -> bool {
        let k = self.fit.parameters();
        let (mut normal, mut gradient) = ([[0.0; BOTH]; BOTH], [0.0; BOTH]);
        for side in 0..SIDES {
            let own = self.fit.at[side].story.parameters();
            let place: Vec<usize> = (0..own).map(|parameter| self.fit.place(side, parameter)).collect();
            for bin in (0..self.outer).chain([OUTER]) {
                let (mean, slopes) = (self.expected[side].mean[bin], &self.expected[side].slopes[bin]);
                let off = (observed[side].counts[bin] - mean) / mean;
                for i in 0..own {
                    gradient[place[i]] += slopes[i] * off;
                    for j in 0..=i {
                        let (low, high) = (place[i].min(place[j]), place[i].max(place[j]));
                        normal[high][low] += slopes[i] * (slopes[j] / mean);
                    }
                }
            }
        }
        self.hold(&mut normal, &mut gradient, k);
        for _ in 0..12 {
            let mut damped = normal;
            for i in 0..k {
                damped[i][i] *= 1.0 + self.damping;
            }
            let Some(step) = solve(damped, gradient, k) else {
                self.damping *= 10.0;
                continue;
            };
            let mut at = self.fit.at;
            for (side, at) in at.iter_mut().enumerate() {
                for parameter in 0..at.story.parameters() {
                    let (least, most, far) = at.bounds(parameter);
                    let moved = at.x[parameter] + step[self.fit.place(side, parameter)].clamp(-far, far);
                    at.x[parameter] = moved.clamp(least, most);
                }
            }
            let expected = from_fn(|side| {
                Expected::of(&at[side], observed[side].centre, edges, self.expected[side].guess.clone())
            });
            let next = Fit { at, deviances: deviances(observed, &expected, self.outer) };
            let gain = self.fit.deviance() - next.deviance();
            if gain > 0.0 {
                self.damping = (self.damping / 5.0).max(1e-9);
                self.fit = next;
                self.expected = expected;
                return gain > GAIN;
            }
            self.damping *= 5.0;
        }
        false
    }

    /// Parameters at a bound that would leave it stay where they are.
    fn hold(&self, normal: &mut [[f64; BOTH]; BOTH], gradient: &mut [f64; BOTH], k: usize) {
        for (side, at) in self.fit.at.iter().enumerate() {
            for parameter in 0..at.story.parameters() {
                let (least, most, _) = at.bounds(parameter);
                let (x, place) = (at.x[parameter], self.fit.place(side, parameter));
                let out = (x <= least && gradient[place] <= 0.0) || (x >= most && gradient[place] >= 0.0);
                // A parameter without any effect stays, too.
                if out || normal[place][place] <= 0.0 {
                    gradient[place] = 0.0;
                    for other in 0..k {
                        normal[place.max(other)][place.min(other)] = 0.0;
                    }
                    normal[place][place] = 1.0;
                }
            }
        }
    }
}

/// The deviance of the Poisson counts of each side: twice the logarithm of the likelihood ratio to a perfect fit.
fn deviances<const SIDES: usize>(
    observed: &[Cells; SIDES],
    expected: &[Expected; SIDES],
    outer: usize,
) -> [f64; SIDES] {
    from_fn(|side| {
        let mut sum = 0.0;
        for bin in (0..outer).chain([OUTER]) {
            let (n, mean) = (observed[side].counts[bin], expected[side].mean[bin]);
            let fit = if n > 0.0 { n * libm::log(n / mean) } else { 0.0 };
            sum += fit - (n - mean);
        }
        2.0 * sum
    })
}

/// Solves a positive definite system of k equations, of which the lower triangle is given, by Cholesky's method.
fn solve(mut m: [[f64; BOTH]; BOTH], mut right: [f64; BOTH], k: usize) -> Option<[f64; BOTH]> {
    for i in 0..k {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|l| m[i][l] * m[j][l]).sum();
            let rest = m[i][j] - dot;
            if i != j {
                m[i][j] = rest / m[j][j];
            } else if rest > 0.0 {
                m[i][i] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    for i in 0..k {
        let dot: f64 = (0..i).map(|l| m[i][l] * right[l]).sum();
        right[i] = (right[i] - dot) / m[i][i];
    }
    for i in (0..k).rev() {
        let dot: f64 = (i + 1..k).map(|l| m[l][i] * right[l]).sum();
        right[i] = (right[i] - dot) / m[i][i];
    }
    right[..k].iter().all(|x| x.is_finite()).then_some(right)
}
