//! What the scores of one side may consist of. Every story has a core. A story of looser nature has a second natural
//! part, several times wider: goods of several kinds under one code. A story of errors has one or two bumps that stand
//! off from the core: records with a wrong unit, a lost digit, a false price.
//!
//! The stories differ in form, because otherwise nothing could tell nature from error: looser nature lies around the
//! same centre as the core and holds at least a fiftieth of the scores; errors lie away from the centre and hold at
//! most a tenth.

use super::law::{Tail, both_sides, density, quantile};
use super::sides::{CELLS, OUTER};

/// The numbers of parameters of the core, of looser nature and of a bump, and the largest number of a story.
pub(super) const CORE: usize = 4;
pub(super) const LOOSE: usize = 2;
pub(super) const BUMP: usize = 3;
pub(super) const MOST: usize = CORE + LOOSE + 3 * BUMP;

/// Bounds of the share of looser nature, and the smallest logarithm of its width relative to the core.
const LOOSE_SHARE: (f64, f64) = (0.05, 0.35);
const LEAST_LOOSE: f64 = 0.2;
/// Far beyond all that occurs: bounds that keep a search from running away.
const MOST_LOOSE: f64 = 4.0;
const FAR: f64 = 1e4;
/// Expected scores of any kind in each bin, so that nothing is impossible.
const BACKGROUND: f64 = 0.2;
/// The largest share of errors in one bump.
const ERRORS: f64 = 0.15;
/// Nine tenths of a bump lie beyond this score, and it is at least as wide as a standard normal: an error is added to
/// a natural record.
pub(super) const OFF: f64 = 2.75;
const NINE_TENTHS: f64 = 1.281_551_565_544_600_4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Story {
    pub loose: bool,
    pub bumps: usize,
}

impl Story {
    pub const CORE: Story = Story { loose: false, bumps: 0 };

    pub fn name(self) -> &'static str {
        match (self.loose, self.bumps) {
            (false, 0) => "one core",
            (true, 0) => "looser nature",
            (false, _) => "errors",
            (true, _) => "looser nature and errors",
        }
    }

    pub(super) fn parameters(self) -> usize {
        self.first_bump() + BUMP * self.bumps
    }

    fn first_bump(self) -> usize {
        CORE + LOOSE * usize::from(self.loose)
    }
}

/// One bump, with the derivatives of what its parameters stand for.
struct Bump {
    weight: f64,
    weight_slope: f64,
    width: f64,
    centre: f64,
}

/// Parameters of a story: ln of the number of natural scores, a, b, c; then the share of looser nature and the logarithm of
/// its width relative to the core; then for each bump its share, its width, and its distance beyond [`OFF`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameters {
    pub story: Story,
    pub x: [f64; MOST],
}

impl Parameters {
    /// A core with so many scores.
    pub fn core(total: f64) -> Parameters {
        let mut x = [0.0; MOST];
        x[..CORE].copy_from_slice(&[libm::log(total), 0.0, 0.04, 0.04]);
        Parameters { story: Story::CORE, x }
    }

    /// A core with looser nature: a few scores, or many, of two widths.
    pub fn with_loose(&self) -> [Parameters; 3] {
        [[0.065, 0.7], [0.2, 0.7], [0.2, 1.2]].map(|loose| {
            let mut grown = Parameters { story: Story { loose: true, bumps: 0 }, ..*self };
            grown.x[CORE..CORE + LOOSE].copy_from_slice(&loose);
            grown
        })
    }

    /// The same with another bump of errors: near, wide, or far.
    pub fn with_bump(&self) -> [Parameters; 3] {
        [[0.018, 1.4, 0.4], [0.018, 3.7, 7.4], [0.018, 2.0, 20.0]].map(|bump| {
            let mut grown = *self;
            let at = self.story.parameters();
            grown.story.bumps += 1;
            grown.x[at..at + BUMP].copy_from_slice(&bump);
            grown
        })
    }

    /// The bounds of a parameter, and the longest step towards another value.
    pub fn bounds(&self, parameter: usize) -> (f64, f64, f64) {
        let x = self.x[parameter];
        match parameter {
            0 => (0.0, 60.0, 1.0),
            1 => (-2.0, 2.0, 1.0),
            _ if parameter < CORE => (0.0, 4.0, 0.5),
            _ if self.story.loose && parameter == CORE => (LOOSE_SHARE.0, LOOSE_SHARE.1, 0.1),
            _ if self.story.loose && parameter == CORE + 1 => (LEAST_LOOSE, MOST_LOOSE, 1.0),
            _ => match (parameter - self.story.first_bump()) % BUMP {
                0 => (0.0, ERRORS, ERRORS),
                1 => (1.0, FAR, x),
                _ => (0.0, FAR, x.max(1.0)),
            },
        }
    }

    pub fn tail(&self) -> Tail {
        let (share, ratio) = self.loose();
        Tail { a: self.x[1], b: self.x[2], c: self.x[3], share, ratio, times: 1.0 }
    }

    /// The number of natural scores.
    pub fn natural(&self) -> f64 {
        libm::exp(self.x[0])
    }

    /// The expected number of errors.
    pub fn errors(&self) -> f64 {
        self.natural() * (0..self.story.bumps).map(|k| self.bump(k).weight).sum::<f64>()
    }

    /// The share of looser nature, and the ratio of widths.
    fn loose(&self) -> (f64, f64) {
        if self.story.loose { (self.x[CORE], libm::exp(self.x[CORE + 1])) } else { (0.0, 1.0) }
    }

    fn bump(&self, k: usize) -> Bump {
        let at = self.story.first_bump() + BUMP * k;
        let [share, width, distance] = [self.x[at], self.x[at + 1], self.x[at + 2]];
        Bump {
            weight: share / (1.0 - share),
            weight_slope: 1.0 / ((1.0 - share) * (1.0 - share)),
            width,
            centre: OFF + NINE_TENTHS * width + distance,
        }
    }

    /// The expected counts of the bins, and their derivatives by each parameter.
    pub fn expected(
        &self,
        edges: &[f64],
        centre: f64,
        guess: &mut Guess,
        mean: &mut [f64; CELLS],
        slopes: &mut Slopes,
    ) {
        let parameters = self.story.parameters();
        let (n, tail) = (self.natural(), self.tail());
        let (share, ratio) = self.loose();
        let bumps: Vec<Bump> = (0..self.story.bumps).map(|k| self.bump(k)).collect();
        let mut last = [0.0; MOST + 1];
        for bin in (0..OUTER).rev() {
            let z = edges[bin];
            let mut here = [0.0; MOST + 1];
            let u = quantile(z, tail.a, tail.b, tail.c, guess.core[bin]);
            guess.core[bin] = u;
            let core = both_sides(u);
            let rise = |u: f64| 2.0 * density(u) * u / (1.0 + tail.b * u + 2.0 * tail.c * u * u);
            let mut natural = (1.0 - share) * core;
            let by_a = rise(u);
            let mut by = [by_a, by_a * u, by_a * u * u].map(|d| (1.0 - share) * d);
            if self.story.loose {
                let u = quantile(z / ratio, tail.a, tail.b, tail.c, guess.loose[bin]);
                guess.loose[bin] = u;
                let looser = both_sides(u);
                natural += share * looser;
                let by_a = share * rise(u);
                by.iter_mut().zip([by_a, by_a * u, by_a * u * u]).for_each(|(by, d)| *by += d);
                here[5] = n * (looser - core);
                here[6] = n * by_a;
            }
            let mut all = natural;
            for (k, bump) in bumps.iter().enumerate() {
                let at = 1 + self.story.first_bump() + BUMP * k;
                let t = (z - bump.centre) / bump.width;
                let beyond = 0.5 * both_sides(t);
                all += bump.weight * beyond;
                let by_centre = bump.weight * density(t) / bump.width;
                here[at] = n * bump.weight_slope * beyond;
                here[at + 1] = n * by_centre * (t + NINE_TENTHS);
                here[at + 2] = n * by_centre;
            }
            here[0] = n * all;
            here[1] = n * all;
            here[2] = n * by[0];
            here[3] = n * by[1];
            here[4] = n * by[2];
            mean[bin] = here[0] - last[0] + BACKGROUND;
            for j in 0..parameters {
                slopes[bin][j] = here[j + 1] - last[j + 1];
            }
            last = here;
        }
        // All the others lie up to 1.
        let mut all = [0.0; MOST + 1];
        all[0] = n * (1.0 + bumps.iter().map(|bump| bump.weight).sum::<f64>());
        all[1] = all[0];
        for (k, bump) in bumps.iter().enumerate() {
            all[1 + self.story.first_bump() + BUMP * k] = n * bump.weight_slope;
        }
        mean[OUTER] = centre * (all[0] - last[0]) + BACKGROUND;
        for j in 0..parameters {
            slopes[OUTER][j] = centre * (all[j + 1] - last[j + 1]);
        }
    }
}

pub(super) type Slopes = [[f64; MOST]; CELLS];

/// The quantiles of the bins at the last parameters, from which the next ones are found quickly.
#[derive(Clone)]
pub(super) struct Guess {
    core: [f64; OUTER],
    loose: [f64; OUTER],
}

impl Guess {
    pub fn of(edges: &[f64]) -> Guess {
        let mut core = [1.0; OUTER];
        core.iter_mut().zip(edges).for_each(|(u, z)| *u = z.min(8.0));
        Guess { core, loose: core }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sides::edges;
    use super::*;

    #[test]
    fn derivatives_are_those_of_the_expected_counts() {
        let edges = edges();
        let story = Story { loose: true, bumps: 2 };
        let mut x = [0.0; MOST];
        x[..12].copy_from_slice(&[9.0, -0.1, 0.09, 0.04, 0.15, 0.9, 0.04, 2.2, 1.5, 0.02, 2.6, 7.4]);
        let at = |x: [f64; MOST]| {
            let (mut mean, mut slopes) = ([0.0; CELLS], [[0.0; MOST]; CELLS]);
            Parameters { story, x }.expected(&edges, 0.1, &mut Guess::of(&edges), &mut mean, &mut slopes);
            (mean, slopes)
        };
        let (_, slopes) = at(x);
        for j in 0..story.parameters() {
            let h = 1e-6;
            let (mut up, mut down) = (x, x);
            up[j] += h;
            down[j] -= h;
            let (up, down) = (at(up).0, at(down).0);
            for bin in 0..CELLS {
                let slope = (up[bin] - down[bin]) / (2.0 * h);
                assert!((slopes[bin][j] - slope).abs() < 1e-4 * (1.0 + slope.abs()), "bin {bin}, parameter {j}");
            }
        }
    }
}
