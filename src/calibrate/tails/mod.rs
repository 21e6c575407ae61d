//! The tails of robust scores, learnt from the scores themselves: prices have heavier tails than the
//! normal, often on one side more than on the other, groups of a coarse level mix goods, and a scale
//! known from few peers makes scores wilder. So each level and size of group gets tails of its own,
//! one for each side, in the manner of Tukey's g-and-h distributions: a score z stands where
//! z = u exp(a + b u + c u²) puts the standard normal u. With b = c = 0 that is a normal, b stretches
//! it like a lognormal or an exponential, c like a Student-t.
//!
//! The coefficients come from the quantiles between the upper 15 % and the upper 1.1 % of each side,
//! which one anomaly in a hundred moves little, and from those farther out as long as the tail goes on
//! as it has begun, and as the other side goes on. Where it breaks off, the file's own anomalies begin.
//!
//! A scale made from few peers is off by chance, which gives scores a Student's t in place of a normal. The
//! tail of groups of one size has that in it; where there are too few scores for one, the tail of all sizes
//! together stands in, and what stands for the normal is taken for a t, with as much doubt as a scale from so few
//! peers has beyond that of all.

mod curve;
mod learn;

use crate::stats::{normal_of_student, normal_two_sided};
pub use curve::Tail;
use curve::{CAUTIOUS, Curve};
use learn::fit;

/// Upper bounds of the sizes of group that share a tail.
const SIZES: [u32; 5] = [30, 50, 100, 300, u32::MAX];
/// And a size that stands for each.
const TYPICAL: [u32; SIZES.len()] = [22, 39, 71, 173, 500];
/// Fewer scores than this say too little about a tail; all sizes together then stand in.
const ENOUGH: u64 = 2_000;
/// Below this many scores in all, a cautious tail is assumed.
const FEW: u64 = 200;
/// How well a MAD knows the scale of a normal, beside the standard deviation of as many (Rousseeuw and Croux 1993).
const EFFICIENCY: f64 = 0.37;
/// The false discovery rate at which scores are left out, and how often the rest is learnt from at the most.
const CLEANED_AT: f64 = 0.005;
const PASSES: usize = 4;
/// Bins are the leading bits of |z|: 256 for each power of two between 2^-12 and 2^20.
const BINS: usize = 32 * 256;
const FIRST: u64 = (1023 - 12) << 8;

fn bin(z: f64) -> usize {
    let lead = z.abs().to_bits() >> 44;
    (lead.saturating_sub(FIRST) as usize).min(BINS - 1)
}

fn middle_of(bin: usize) -> f64 {
    f64::from_bits(((bin as u64 + FIRST) << 44) | (1 << 43))
}

fn class(n: u32) -> usize {
    SIZES.partition_point(|&bound| bound <= n).min(SIZES.len() - 1)
}

/// How uncertain a scale made from n peers is, and drawn to one that is certain as if by so many more: one over
/// its degrees of freedom.
fn doubt(n: u32, drawn: f64) -> f64 {
    let n = f64::from(n.max(2));
    let own = n / (n + drawn);
    own * own / (EFFICIENCY * (n - 1.0))
}

/// How many scores fell into each bin of each side, by size of group. Whole numbers: their sums do
/// not depend on the order of rows.
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

impl ScoreHistogram {
    pub fn new() -> ScoreHistogram {
        ScoreHistogram(vec![Sides(vec![0; 2 * BINS]); SIZES.len()])
    }

    pub fn of(&mut self, n: u32) -> &mut Sides {
        &mut self.0[class(n)]
    }

    pub fn plus(mut self, other: ScoreHistogram) -> ScoreHistogram {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            mine.0.iter_mut().zip(theirs.0).for_each(|(a, b)| *a += b);
        }
        self
    }

    /// The tails, learnt again and again: what they show to be anomalies, at a false discovery rate of
    /// 0.005, is no part of the next ones.
    pub fn tails(&self) -> Tails {
        self.tails_drawn(0.0)
    }

    /// The same, of scales that are drawn to others as if those were so many more peers.
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

    /// The sizes of group and bins whose scores are anomalies by these tails.
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

    /// The mean doubt of the scales of all scores.
    fn mean_doubt(&self, drawn: f64) -> f64 {
        let many = self.0.iter().map(|sides| sides.0.iter().sum::<u64>() as f64);
        let (sum, total) =
            many.zip(TYPICAL).fold((0.0, 0.0), |(sum, total), (many, n)| (sum + many * doubt(n, drawn), total + many));
        sum / total
    }
}

/// For each size of group its tails.
#[derive(Clone, Debug)]
pub struct Tails {
    sizes: Vec<SizeTails>,
    drawn: f64,
}

#[derive(Clone, Debug)]
struct SizeTails {
    /// Below and above.
    sides: [Curve; 2],
    /// How much of the doubt of scales they have in them.
    within: f64,
}

impl SizeTails {
    fn of(sides: [Tail; 2], within: f64) -> SizeTails {
        SizeTails { sides: sides.map(Curve::of), within }
    }
}

impl Default for Tails {
    fn default() -> Tails {
        Tails { sizes: vec![SizeTails::of([CAUTIOUS; 2], f64::INFINITY); SIZES.len()], drawn: 0.0 }
    }
}

impl Tails {
    /// The tails below and above for groups of a size.
    pub fn of(&self, n: u32) -> [Tail; 2] {
        [0, 1].map(|side| self.sizes[class(n)].sides[side].tail)
    }

    /// The degrees of freedom of what stands for a normal; `None` where it is one.
    pub fn freedom(&self, n: u32) -> Option<f64> {
        let beyond = doubt(n, self.drawn) - self.sizes[class(n)].within;
        (beyond > 0.0).then_some(1.0 / beyond)
    }

    /// Two-sided: twice the share beyond z on its side, by a scale made from n peers.
    pub fn p_value(&self, z: f64, n: u32) -> f64 {
        let u = self.normal(z, class(n));
        normal_two_sided(self.freedom(n).map_or(u, |freedom| normal_of_student(u, freedom)))
    }

    /// For scores by a scale that is not made from each group's own n: no less than the normal's.
    pub fn p_value_or_normal(&self, z: f64, n: u32) -> f64 {
        normal_two_sided(self.normal(z, class(n)).min(z.abs()))
    }

    /// The standard normal, above zero, that a score stands for.
    fn normal(&self, z: f64, class: usize) -> f64 {
        if z == 0.0 || !z.is_finite() {
            return z.abs();
        }
        self.sizes[class].sides[usize::from(z > 0.0)].normal(z.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{normal_quantile, normal_upper, student_t_two_sided};

    #[test]
    fn bins_keep_size() {
        for z in [0.001, 0.5, 1.0, 3.7, 1000.0] {
            assert!((middle_of(bin(z)) / z - 1.0).abs() < 0.004);
            assert_eq!(bin(z), bin(-z));
        }
        assert_eq!(bin(0.0), 0);
        assert_eq!(bin(f64::INFINITY), BINS - 1);
    }

    /// Tails of a distribution from its quantile function.
    fn learnt(quantile: impl Fn(f64) -> f64) -> Tails {
        let n = 200_000;
        let mut counts = ScoreHistogram::new();
        for i in 0..n {
            counts.of(500).add(quantile((f64::from(i) + 0.5) / f64::from(n)));
        }
        counts.tails()
    }

    fn within(p: f64, truth: f64, times: f64) {
        assert!(p < truth * times && p > truth / times, "{p} is not {truth}");
    }

    #[test]
    fn normal_scores_have_normal_tails() {
        let tails = learnt(normal_quantile);
        for z in [1.0, 2.0, 3.0, -4.0, 5.0] {
            within(tails.p_value(z, 500), 2.0 * normal_upper(f64::abs(z)), 1.5);
        }
    }

    #[test]
    fn students_and_one_sided_tails_are_followed() {
        // Student's t with four degrees of freedom has a quantile function in closed form (Shaw 2006).
        let t4 = |p: f64| {
            let alpha = 4.0 * p * (1.0 - p);
            let root = libm::cos(libm::acos(alpha.sqrt()) / 3.0) / alpha.sqrt();
            (p - 0.5).signum() * 2.0 * (root - 1.0).sqrt()
        };
        let tails = learnt(t4);
        for z in [1.0, 3.0, -6.0, 9.0] {
            within(tails.p_value(z, 500), student_t_two_sided(z, 4.0), 1.5);
        }
        // A lognormal less its median: a long tail above, a short one below.
        let tails = learnt(|p| libm::exp(0.5 * normal_quantile(p)) - 1.0);
        for u in [1.5, 3.0, 3.5] {
            within(tails.p_value(libm::exp(0.5 * u) - 1.0, 500), 2.0 * normal_upper(u), 1.5);
        }
        // The short side is taken for a normal one: it claims less than it could.
        assert!(tails.p_value(-0.8, 500) > 2.0 * normal_upper(libm::log(0.2).abs() / 0.5));
    }

    #[test]
    fn what_is_off_on_one_side_does_not_make_its_tail() {
        // One in a hundred a quarter of the usual price: five spreads below.
        let mut counts = ScoreHistogram::new();
        for i in 0..100_000 {
            let z = normal_quantile((f64::from(i) + 0.5) / 100_000.0);
            counts.of(500).add(if i % 100 == 0 { z - 5.0 } else { z });
        }
        let tails = counts.tails();
        assert!(tails.p_value(-4.0, 500) < 3e-4, "{}", tails.p_value(-4.0, 500));
        assert!(tails.p_value(-5.0, 500) < 2e-5, "{}", tails.p_value(-5.0, 500));
    }

    #[test]
    fn few_scores_get_a_cautious_tail() {
        let tails = ScoreHistogram::new().tails();
        assert!(tails.p_value(3.0, 40) > 0.03);
        assert_eq!(tails.p_value(0.0, 40), 1.0);
        assert_eq!(tails.p_value(f64::INFINITY, 40), 0.0);
        assert!(tails.p_value(1e300, 40) < 1e-8);
    }
}
