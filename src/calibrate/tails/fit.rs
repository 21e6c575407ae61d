//! Fitting the stories to the scores of one side, and the choice between them.

use super::law::Tail;
use super::sides::{OUTER, Observed, edges};
use super::story::{Guess, MOST, Parameters, Slopes, Story};

/// Steps of a fit, and those after which only the best of several starts goes on.
const STEPS: usize = 60;
const TRIAL: usize = 6;
/// A fit ends when a step improves the deviance by less.
const GAIN: f64 = 1e-3;

/// The stories, simple ones first.
const STORIES: [Story; 6] = [
    Story::CORE,
    Story { loose: true, bumps: 0 },
    Story { loose: false, bumps: 1 },
    Story { loose: true, bumps: 1 },
    Story { loose: false, bumps: 2 },
    Story { loose: true, bumps: 2 },
];

/// What was learnt from one side.
#[derive(Clone, Debug)]
pub struct Learnt {
    pub story: Story,
    pub tail: Tail,
    /// The share of scores of this side that are errors.
    pub errors: f64,
    /// How many times more the counts scatter about the best story than chance alone would let them.
    pub dispersion: f64,
}

/// Fits the stories and chooses the one with the smallest Bayesian information criterion (Schwarz 1978), with the
/// deviance divided by the dispersion, because no story has exactly the right form.
pub fn learn(observed: &Observed) -> Learnt {
    let edges = edges();
    let total = observed.total();
    let filled = observed.outer.iter().filter(|count| **count >= 0.5).count() as f64;
    let freedom = |fit: &Fit| (filled - fit.at.story.parameters() as f64).max(5.0);
    let core = fit(Story::CORE, observed, &edges);
    let mut fits = vec![core];
    // If chance explains all that the core does not, another story has nothing to explain.
    if fits[0].deviance > freedom(&fits[0]) {
        fits.extend(STORIES[1..].iter().map(|story| fit(*story, observed, &edges)));
    }
    let dispersion = fits.iter().map(|fit| fit.deviance / freedom(fit)).fold(f64::INFINITY, f64::min).max(1.0);
    let cost = |fit: &Fit| fit.deviance / dispersion + fit.at.story.parameters() as f64 * libm::log(total);
    let mut best = 0;
    for i in 1..fits.len() {
        if cost(&fits[i]) < cost(&fits[best]) {
            best = i;
        }
    }
    let at = &fits[best].at;
    let errors = at.errors().min(0.5 * total);
    let tail = Tail { times: at.natural() / (total - errors), ..at.tail() };
    Learnt { story: at.story, tail, errors: errors / total, dispersion }
}

struct Fit {
    at: Parameters,
    deviance: f64,
}

/// The best fit from several starts.
fn fit(story: Story, observed: &Observed, edges: &[f64]) -> Fit {
    let mut best: Option<Search> = None;
    for x in starts(story, observed) {
        let mut search = Search::new(Parameters { story, x }, observed, edges);
        for _ in 0..TRIAL {
            if !search.step(observed, edges) {
                break;
            }
        }
        if best.as_ref().is_none_or(|best| search.deviance < best.deviance) {
            best = Some(search);
        }
    }
    let Some(mut search) = best else {
        return Fit { at: Parameters { story, x: [0.0; MOST] }, deviance: f64::INFINITY };
    };
    for _ in TRIAL..STEPS {
        if !search.step(observed, edges) {
            break;
        }
    }
    Fit { at: search.at, deviance: search.deviance }
}

fn starts(story: Story, observed: &Observed) -> Vec<[f64; MOST]> {
    // The share of a shape, ln(width - 1), ln(distance beyond the least).
    const NEAR: [f64; 3] = [-1.0, -1.0, -1.0];
    const SPREAD: [f64; 3] = [-1.0, 1.0, 2.0];
    const FAR: [f64; 3] = [-1.0, 0.0, 3.0];
    let loose: &[&[f64]] = if story.loose { &[&[0.0, -0.7], &[0.0, 0.0]] } else { &[&[]] };
    let bumps: &[&[[f64; 3]]] = match story.bumps {
        0 => &[&[]],
        1 => &[&[NEAR], &[SPREAD], &[FAR]],
        _ => &[&[NEAR, SPREAD], &[NEAR, FAR]],
    };
    let mut all = Vec::new();
    for loose in loose {
        for bumps in bumps {
            let mut x = [0.0; MOST];
            x[..4].copy_from_slice(&[libm::log(observed.total()), 0.0, 0.2, 0.2]);
            let rest = loose.iter().chain(bumps.iter().flatten());
            x[4..].iter_mut().zip(rest).for_each(|(x, start)| *x = *start);
            all.push(x);
        }
    }
    all
}

/// A search by the method of Levenberg and Marquardt with Fisher's scoring for Poisson counts.
struct Search {
    at: Parameters,
    deviance: f64,
    mean: [f64; OUTER],
    slopes: Slopes,
    guess: Guess,
    damping: f64,
}

impl Search {
    fn new(at: Parameters, observed: &Observed, edges: &[f64]) -> Search {
        let (mut mean, mut slopes, mut guess) = ([0.0; OUTER], [[0.0; MOST]; OUTER], Guess::of(edges));
        at.expected(edges, &mut guess, &mut mean, &mut slopes);
        let deviance = deviance(&observed.outer, &mean);
        Search { at, deviance, mean, slopes, guess, damping: 1e-2 }
    }

    /// One step; false if there is none that improves the fit noticeably.
    fn step(&mut self, observed: &Observed, edges: &[f64]) -> bool {
        let k = self.at.story.parameters();
        let (mut normal, mut gradient) = ([[0.0; MOST]; MOST], [0.0; MOST]);
        for bin in 0..OUTER {
            let (mean, slopes) = (self.mean[bin], &self.slopes[bin]);
            let off = (observed.outer[bin] - mean) / mean;
            for i in 0..k {
                gradient[i] += slopes[i] * off;
                for j in 0..=i {
                    normal[i][j] += slopes[i] * (slopes[j] / mean);
                }
            }
        }
        for _ in 0..8 {
            let mut damped = normal;
            for i in 0..k {
                damped[i][i] += self.damping * (normal[i][i] + 1e-6 * OUTER as f64);
            }
            let Some(step) = solve(damped, gradient, k) else {
                self.damping *= 10.0;
                continue;
            };
            let mut next = self.at;
            next.x.iter_mut().zip(step).take(k).for_each(|(x, step)| *x = (*x + step.clamp(-1.0, 1.0)).clamp(-8.0, 30.0));
            next.x[1] = next.x[1].clamp(-2.0, 2.0);
            let (mut mean, mut slopes, mut guess) = ([0.0; OUTER], [[0.0; MOST]; OUTER], self.guess.clone());
            next.expected(edges, &mut guess, &mut mean, &mut slopes);
            let deviance = deviance(&observed.outer, &mean);
            if deviance < self.deviance {
                let gain = self.deviance - deviance;
                self.damping = (self.damping / 5.0).max(1e-6);
                (self.at, self.deviance, self.mean, self.slopes, self.guess) = (next, deviance, mean, slopes, guess);
                return gain > GAIN;
            }
            self.damping *= 5.0;
        }
        false
    }
}

/// The deviance of Poisson counts: twice the logarithm of the likelihood ratio to a perfect fit.
fn deviance(counts: &[f64], means: &[f64]) -> f64 {
    let mut sum = 0.0;
    for (&n, &mean) in counts.iter().zip(means) {
        let fit = if n > 0.0 { n * libm::log(n / mean) } else { 0.0 };
        sum += fit - (n - mean);
    }
    2.0 * sum
}

/// Solves a positive definite system of k equations, of which the lower triangle is given, by Cholesky's method.
fn solve(mut m: [[f64; MOST]; MOST], mut right: [f64; MOST], k: usize) -> Option<[f64; MOST]> {
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
