//! Fitting the stories to the scores of one side, and the choice between them.

use super::law::Tail;
use super::sides::{OUTER, Observed, edges};
use super::story::{Guess, MOST, Parameters, Slopes, Story};

/// Steps of a fit, and those after which only the best of several starts goes on.
const STEPS: usize = 60;
const TRIAL: usize = 6;
/// A fit ends when a step improves the deviance by less.
const GAIN: f64 = 1e-3;

/// Stories whose costs differ by less are about as good: none is twenty times as likely as the other.
const ALIKE: f64 = 6.0;
/// The score at which natural tails are compared. Findings begin about there.
const CAUTION: f64 = 4.0;
/// The largest share of errors on a side: a twentieth of all, on one side, and some room. What is more frequent is nature.
const ERRORS: f64 = 0.15;
/// The largest number of bumps.
const BUMPS: usize = 3;

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

/// Fits the stories and compares them by the Bayesian information criterion (Schwarz 1978), with the deviance divided by
/// the dispersion, because no story has exactly the right form. Of stories that are about as good, the one with the
/// longest natural tail is chosen.
pub fn learn(observed: &Observed) -> Learnt {
    let edges = edges();
    let total = observed.total();
    let filled = observed.outer.iter().filter(|count| **count >= 0.5).count() as f64;
    let parameters = |fit: &Fit| fit.at.story.parameters() as f64;
    let freedom = |fit: &Fit| (filled - parameters(fit)).max(5.0);
    let first = Parameters::first(total);
    let core = search(&[first], observed, &edges);
    let mut fits = vec![core];
    // If chance explains all that the core does not, another story has nothing to explain.
    if fits[0].deviance > freedom(&fits[0]) {
        let from = fits[0].at;
        let loose = search(&[from.with_loose(), first.with_loose()].concat(), observed, &edges);
        let mut grown = [(vec![from, first], fits[0].deviance), (vec![loose.at], loose.deviance)];
        fits.push(loose);
        for _ in 0..BUMPS {
            for (starts, deviance) in &mut grown {
                if starts.is_empty() {
                    continue;
                }
                let starts_with_bump: Vec<Parameters> = starts.iter().flat_map(Parameters::with_bump).collect();
                let fit = search(&starts_with_bump, observed, &edges);
                starts.clear();
                // A bump that explains too little would never be chosen, and the next would explain less.
                if *deviance - fit.deviance > 3.0 * libm::log(total) {
                    starts.push(fit.at);
                    *deviance = fit.deviance;
                }
                fits.push(fit);
            }
        }
        fits.retain(|fit| fit.at.errors() <= ERRORS * total);
    }
    let dispersion = fits.iter().map(|fit| fit.deviance / freedom(fit)).fold(f64::INFINITY, f64::min).max(1.0);
    // Looser nature beside errors costs nothing: it is the cautious choice.
    let beside = |fit: &Fit| fit.at.story.loose && fit.at.story.bumps > 0;
    let counted = |fit: &Fit| parameters(fit) - if beside(fit) { 2.0 } else { 0.0 };
    let cost = |fit: &Fit| fit.deviance / dispersion + counted(fit) * libm::log(total);
    let least = fits.iter().map(cost).fold(f64::INFINITY, f64::min);
    let mut best: Option<&Fit> = None;
    for fit in fits.iter().filter(|fit| cost(fit) <= least + ALIKE) {
        let tail = |fit: &Fit| fit.at.tail().beyond(CAUTION) * fit.at.natural();
        if best.is_none_or(|best| tail(fit) > tail(best)) {
            best = Some(fit);
        }
    }
    let at = best.map_or(fits[0].at, |best| best.at);
    let errors = at.errors();
    let tail = Tail { times: at.natural() / (total - errors), ..at.tail() };
    Learnt { story: at.story, tail, errors: errors / total, dispersion }
}

struct Fit {
    at: Parameters,
    deviance: f64,
}

/// The best fit from several starts.
fn search(starts: &[Parameters], observed: &Observed, edges: &[f64]) -> Fit {
    let mut best: Option<Search> = None;
    for at in starts {
        let mut search = Search::new(*at, observed, edges);
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
        return Fit { at: Parameters::first(1.0), deviance: f64::INFINITY };
    };
    for _ in TRIAL..STEPS {
        if !search.step(observed, edges) {
            break;
        }
    }
    Fit { at: search.at, deviance: search.deviance }
}

/// Starts of a search.
impl Parameters {
    fn first(total: f64) -> Parameters {
        let mut x = [0.0; MOST];
        x[..4].copy_from_slice(&[libm::log(total), 0.0, 0.2, 0.2]);
        Parameters { story: Story::CORE, x }
    }

    /// The same with looser nature: a few scores, or many, of two widths.
    fn with_loose(&self) -> [Parameters; 3] {
        [[-3.0, -0.7], [0.0, -0.7], [0.0, 0.0]].map(|loose| {
            let mut grown = Parameters { story: Story::LOOSE, ..*self };
            grown.x[4..6].copy_from_slice(&loose);
            grown.unlocked()
        })
    }

    /// The same with another bump of errors: near, wide, or far.
    fn with_bump(&self) -> [Parameters; 3] {
        [[-2.0, -1.0, -1.0], [-2.0, 1.0, 2.0], [-2.0, 0.0, 3.0]].map(|bump| {
            let mut grown = *self;
            let at = self.story.parameters();
            grown.story.bumps += 1;
            grown.x[at..at + 3].copy_from_slice(&bump);
            grown.unlocked()
        })
    }

    /// A coefficient whose root is zero would stay zero.
    fn unlocked(mut self) -> Parameters {
        self.x[2..4].iter_mut().for_each(|root| *root = root.abs().max(0.1));
        self
    }
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
            next.x
                .iter_mut()
                .zip(step)
                .take(k)
                .for_each(|(x, step)| *x = (*x + step.clamp(-1.0, 1.0)).clamp(-8.0, 30.0));
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
