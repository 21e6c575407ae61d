//! The number of scores in each bin, and the tails learnt from them without anomalies.

use super::bins::{BINS, bin, middle_of};
use super::learn::fit;
use super::size_tails::{SIZES, SizeTails, TYPICAL, Tails, class, doubt};
use crate::stats::normal_two_sided;

/// Fewer scores are not enough for a tail; the tail of all sizes is used.
const ENOUGH: u64 = 2_000;
/// With fewer scores in all, the cautious tail is used.
const FEW: u64 = 200;
/// The false discovery rate at which scores are left out, and the largest number of repetitions.
const CLEANED_AT: f64 = 0.005;
const PASSES: usize = 4;

/// The number of scores in each bin of each side, by size of group. The counts are whole numbers, so sums do not depend
/// on the order of rows.
pub struct ScoreHistogram(Vec<Sides>);

/// Bins below zero, then those above.
#[derive(Clone)]
pub struct Sides(Vec<u64>);

impl Sides {
    pub fn add(&mut self, z: f64) {
        let side = if z < 0.0 { 0 } else { BINS };
        self.0[side + bin(z)] += 1;
    }
}

impl Default for ScoreHistogram {
    fn default() -> ScoreHistogram {
        ScoreHistogram(vec![Sides(vec![0; 2 * BINS]); SIZES.len()])
    }
}

impl ScoreHistogram {
    pub fn of(&mut self, n: u32) -> &mut Sides {
        &mut self.0[class(n)]
    }

    pub fn plus(mut self, other: ScoreHistogram) -> ScoreHistogram {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            mine.0.iter_mut().zip(theirs.0).for_each(|(a, b)| *a += b);
        }
        self
    }

    /// The tails. They are learnt repeatedly, each time without the scores that the last tails call anomalies at a
    /// false discovery rate of 0.005.
    pub fn tails(&self) -> Tails {
        self.tails_drawn(0.0)
    }

    /// The same for scales that are shrunk to others with the weight of `drawn` peers.
    pub fn tails_drawn(&self, drawn: f64) -> Tails {
        let (mut tails, mut left_out) = (self.learn(drawn), 0);
        for _ in 0..PASSES {
            let anomalies = self.anomalies(&tails);
            if anomalies.len() <= left_out {
                break;
            }
            left_out = anomalies.len();
            let mut rest = ScoreHistogram(self.0.clone());
            anomalies.into_iter().for_each(|(class, at)| rest.0[class].0[at] = 0);
            tails = rest.learn(drawn);
        }
        tails
    }

    /// The bins that hold anomalies according to these tails, with their size of group.
    fn anomalies(&self, tails: &Tails) -> Vec<(usize, usize)> {
        let mut steps: Vec<(f64, u64, usize, usize)> = Vec::new();
        for (class, sides) in self.0.iter().enumerate() {
            for (at, &count) in sides.0.iter().enumerate().filter(|(_, c)| **c > 0) {
                let z = if at < BINS { -middle_of(at) } else { middle_of(at - BINS) };
                steps.push((normal_two_sided(tails.normal(z, class)), count, class, at));
            }
        }
        steps.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.2, a.3).cmp(&(b.2, b.3))));
        let total: u64 = steps.iter().map(|s| s.1).sum();
        let (mut seen, mut found) = (0, 0);
        for (i, step) in steps.iter().enumerate() {
            seen += step.1;
            if step.0 <= CLEANED_AT * seen as f64 / total as f64 {
                found = i + 1;
            }
        }
        steps[..found].iter().map(|&(_, _, class, at)| (class, at)).collect()
    }

    fn learn(&self, drawn: f64) -> Tails {
        let mut all = vec![0; 2 * BINS];
        for sides in &self.0 {
            all.iter_mut().zip(&sides.0).for_each(|(a, b)| *a += b);
        }
        let Some(pooled) = fit(&all, FEW) else { return Tails::default() };
        let within = self.mean_doubt(drawn);
        let of_size = |sides: &Sides| match fit(&sides.0, ENOUGH) {
            Some(own) => SizeTails::of(own, f64::INFINITY),
            None => SizeTails::of(pooled, within),
        };
        Tails { sizes: self.0.iter().map(of_size).collect(), drawn }
    }

    /// The mean uncertainty of the scales of all scores.
    fn mean_doubt(&self, drawn: f64) -> f64 {
        let many = self.0.iter().map(|sides| sides.0.iter().sum::<u64>() as f64);
        let (sum, total) =
            many.zip(TYPICAL).fold((0.0, 0.0), |(sum, total), (many, n)| (sum + many * doubt(n, drawn), total + many));
        sum / total
    }
}
