//! The tails of robust scores, learnt from the scores themselves: prices have heavier tails than the
//! normal, often on one side more than on the other, groups of a coarse level mix goods, and a scale
//! known from few peers makes scores wilder. So each level and size of group gets tails of its own,
//! one for each side, in the manner of Tukey's g-and-h distributions: a score z stands where
//! z = u exp(a + b u + c u²) puts the standard normal u. With b = c = 0 that is a normal, b stretches
//! it like a lognormal or an exponential, c like a Student-t.
//!
//! The coefficients come from the quantiles between the upper 15 % and the upper 1.1 % of each side,
//! which one anomaly in a hundred moves little, and from those farther out as long as the tail goes on
//! as it has begun. Where it breaks off, the file's own anomalies begin.

use std::sync::OnceLock;

use crate::stats::{normal_quantile, normal_two_sided};

/// Upper bounds of the sizes of group that share a tail.
const SIZES: [u32; 5] = [30, 50, 100, 300, u32::MAX];
/// Fewer scores than this say too little about a tail; all sizes together then stand in.
const ENOUGH: u64 = 2_000;
/// Below this many scores in all, a cautious tail is assumed.
const FEW: u64 = 200;
/// About that of a Student-t with four degrees of freedom.
const CAUTIOUS: Tail = Tail { a: 0.06, b: 0.0, c: 0.09 };
/// The upper shares whose quantiles are used.
const SHARES: [f64; 12] = [0.15, 0.10, 0.07, 0.05, 0.035, 0.025, 0.016, 0.011, 0.006, 0.003, 0.0015, 0.0007];
/// So many of them always; those farther out only while the tail goes on as it has begun.
const ALWAYS: usize = 8;
/// Scores that a quantile farther out must have beyond it.
const BEYOND: f64 = 50.0;
/// A tail goes on as it has begun while ln z - ln u grows by no more than this for each u, or than so
/// many times as fast as before: anomalies, unlike nature, stand apart.
const GENTLE: f64 = 0.35;
const FASTER: f64 = 1.6;
/// The false discovery rate of the first pass.
const CLEANED_AT: f64 = 0.005;
/// How far the model itself may be off, in ln z.
const MODEL_ERROR: f64 = 0.01;
/// Without evidence a tail is stretched like a Student-t's rather than a lognormal's, which is the
/// more cautious: the standard deviation of b beforehand.
const B_PRIOR: f64 = 0.2;

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

/// How many scores fell into each bin of each side, by size of group. Whole numbers: their sums do
/// not depend on the order of rows.
pub struct Counts(Vec<Sides>);

/// Bins below zero, then those above.
#[derive(Clone)]
pub struct Sides(Vec<u64>);

impl Sides {
    pub fn add(&mut self, z: f64) {
        let side = if z < 0.0 { 0 } else { BINS };
        self.0[side + bin(z)] += 1;
    }
}

impl Counts {
    pub fn new() -> Counts {
        Counts(vec![Sides(vec![0; 2 * BINS]); SIZES.len()])
    }

    pub fn of(&mut self, n: u32) -> &mut Sides {
        &mut self.0[class(n)]
    }

    pub fn plus(mut self, other: Counts) -> Counts {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            mine.0.iter_mut().zip(theirs.0).for_each(|(a, b)| *a += b);
        }
        self
    }

    /// The tails, learnt twice: what the first ones show to be anomalies, at a false discovery rate of
    /// 0.005, is no part of the second ones.
    pub fn tails(&self) -> Tails {
        let first = self.learn();
        let mut steps: Vec<(f64, u64, usize, usize)> = Vec::new();
        for (class, sides) in self.0.iter().enumerate() {
            for (at, &count) in sides.0.iter().enumerate().filter(|(_, c)| **c > 0) {
                let z = if at < BINS { -middle_of(at) } else { middle_of(at - BINS) };
                steps.push((normal_two_sided(first.normal(z, class)), count, class, at));
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
        if found == 0 {
            return first;
        }
        let mut rest = Counts(self.0.clone());
        steps[..found].iter().for_each(|&(_, _, class, at)| rest.0[class].0[at] = 0);
        rest.learn()
    }

    fn learn(&self) -> Tails {
        let mut all = vec![0; 2 * BINS];
        for sides in &self.0 {
            all.iter_mut().zip(&sides.0).for_each(|(a, b)| *a += b);
        }
        let pooled = fit(&all, FEW).unwrap_or([CAUTIOUS; 2]);
        let mut tails = [pooled; SIZES.len()];
        for (tail, sides) in tails.iter_mut().zip(&self.0) {
            *tail = fit(&sides.0, ENOUGH).unwrap_or(pooled);
        }
        tails.into()
    }
}

/// The tails below and above.
fn fit(bins: &[u64], least: u64) -> Option<[Tail; 2]> {
    let total: u64 = bins.iter().sum();
    if total < least {
        return None;
    }
    let (below, above) = bins.split_at(BINS);
    Some([side(below, total as f64), side(above, total as f64)])
}

/// The tail of one side: weighted least squares of ln(z / u) on 1, u, u², with b and c at least zero.
fn side(bins: &[u64], total: f64) -> Tail {
    let mut points: Vec<(f64, f64, f64)> = Vec::new();
    let mut beyond = 0.0;
    let mut shares = SHARES.iter().rev().peekable();
    for (at, &count) in bins.iter().enumerate().rev() {
        beyond += count as f64;
        while let Some(&&share) = shares.peek() {
            if beyond < share * total {
                break;
            }
            shares.next();
            let u = -normal_quantile(share);
            let density = libm::exp(-0.5 * u * u) / (2.0 * std::f64::consts::PI).sqrt();
            let error = (share * (1.0 - share) / total).sqrt() / (density * u);
            points.push((u, libm::log(middle_of(at) / u), 1.0 / (error * error + MODEL_ERROR * MODEL_ERROR)));
        }
    }
    points.reverse(); // from the middle outwards
    let mut kept = points.len().min(ALWAYS);
    while kept < points.len() && SHARES[kept] * total >= BEYOND {
        let slope = |from: usize, to: usize| (points[to].1 - points[from].1) / (points[to].0 - points[from].0);
        let doubt = (1.0 / points[kept].2).sqrt() / (points[kept].0 - points[kept - 1].0);
        if slope(kept - 1, kept) > GENTLE.max(FASTER * slope(kept - 3, kept - 1)) + doubt {
            break;
        }
        kept += 1;
    }
    points.truncate(kept);
    let mut best: Option<(f64, Tail)> = None;
    for (with_b, with_c) in [(true, true), (true, false), (false, true), (false, false)] {
        let Some(tail) = least_squares(&points, with_b, with_c) else { continue };
        if tail.b < 0.0 || tail.c < 0.0 {
            continue;
        }
        let misfit: f64 =
            points.iter().map(|&(u, y, w)| w * (y - tail.a - tail.b * u - tail.c * u * u).powi(2)).sum::<f64>()
                + (tail.b / B_PRIOR).powi(2);
        if best.is_none_or(|(least, _)| misfit < least) {
            best = Some((misfit, tail));
        }
    }
    best.map_or(CAUTIOUS, |(_, tail)| tail)
}

fn least_squares(points: &[(f64, f64, f64)], with_b: bool, with_c: bool) -> Option<Tail> {
    // Normal equations; a coefficient that is left out gets an equation of its own: it is zero.
    let mut m = [[0.0; 4]; 3];
    for &(u, y, w) in points {
        let x = [1.0, if with_b { u } else { 0.0 }, if with_c { u * u } else { 0.0 }];
        for i in 0..3 {
            for j in 0..3 {
                m[i][j] += w * x[i] * x[j];
            }
            m[i][3] += w * x[i] * y;
        }
    }
    m[1][1] += 1.0 / (B_PRIOR * B_PRIOR);
    if !with_c {
        m[2][2] = 1.0;
    }
    for i in 0..3 {
        if m[i][i].abs() < 1e-12 {
            return None;
        }
        let pivot = m[i];
        for (_, row) in m.iter_mut().enumerate().filter(|(k, _)| *k != i) {
            let factor = row[i] / pivot[i];
            row.iter_mut().zip(pivot).for_each(|(x, p)| *x -= factor * p);
        }
    }
    Some(Tail { a: m[0][3] / m[0][0], b: m[1][3] / m[1][1], c: m[2][3] / m[2][2] })
}

/// Where a score stands: z = u exp(a + b u + c u²).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    pub a: f64,
    pub b: f64,
    pub c: f64,
}

/// The scores that marks are kept for go from 2^-6 to 2^10.
const OCTAVES: (u64, u64) = (1023 - 6, 1023 + 10);
/// Marks for each power of two are 2 to this.
const MARKS: u64 = 6;

impl Tail {
    /// The standard normal that z, above zero, stands for: by Newton's method in ln u, where the
    /// function is increasing and convex, so it converges from the right.
    fn normal(&self, z: f64) -> f64 {
        let target = libm::log(z);
        let mut u = (z / libm::exp(self.a)).min(40.0);
        for _ in 0..60 {
            let off = libm::log(u) + self.a + self.b * u + self.c * u * u - target;
            let slope = 1.0 + self.b * u + 2.0 * self.c * u * u;
            let next = u * libm::exp(-(off / slope).clamp(-2.0, 2.0));
            let done = (next - u).abs() <= 1e-13 * u;
            u = next;
            if done {
                break;
            }
        }
        u
    }

    /// How fast that grows with z.
    fn slope(&self, z: f64, u: f64) -> f64 {
        u / (z * (1.0 + self.b * u + 2.0 * self.c * u * u))
    }
}

/// A tail, and the normals (and how fast they grow) of evenly spread scores once they are asked for.
#[derive(Clone, Debug)]
struct Curve {
    tail: Tail,
    marks: OnceLock<Vec<(f64, f64)>>,
}

impl Curve {
    fn of(tail: Tail) -> Curve {
        Curve { tail, marks: OnceLock::new() }
    }

    /// [`Tail::normal`] to nine digits: by the cubic that has its values and slopes at the marks on
    /// either side (Hermite).
    fn normal(&self, z: f64) -> f64 {
        let at = z.to_bits() >> (52 - MARKS);
        let from = at.wrapping_sub(OCTAVES.0 << MARKS) as usize;
        if from >= ((OCTAVES.1 - OCTAVES.0) << MARKS) as usize {
            return self.tail.normal(z);
        }
        let place = |mark: u64| f64::from_bits(mark << (52 - MARKS));
        let marks = self.marks.get_or_init(|| {
            let all = ((OCTAVES.0 << MARKS)..=(OCTAVES.1 << MARKS)).map(place);
            all.map(|z| (z, self.tail.normal(z))).map(|(z, u)| (u, self.tail.slope(z, u))).collect()
        });
        let ((u, rise), (next, next_rise)) = (marks[from], marks[from + 1]);
        let width = f64::from_bits((at & !((1 << MARKS) - 1)) << (52 - MARKS)) / (1 << MARKS) as f64;
        let t = (z - place(at)) / width;
        let (rise, next_rise, step) = (rise * width, next_rise * width, next - u);
        u + t * (rise + t * (3.0 * step - 2.0 * rise - next_rise + t * (rise + next_rise - 2.0 * step)))
    }
}

/// For each size of group the tails below and above.
#[derive(Clone, Debug)]
pub struct Tails(Vec<[Curve; 2]>);

impl Default for Tails {
    fn default() -> Tails {
        Tails::from([[CAUTIOUS; 2]; SIZES.len()])
    }
}

impl From<[[Tail; 2]; SIZES.len()]> for Tails {
    fn from(tails: [[Tail; 2]; SIZES.len()]) -> Tails {
        Tails(tails.into_iter().map(|sides| sides.map(Curve::of)).collect())
    }
}

impl Tails {
    /// The tails below and above for groups of a size.
    pub fn of(&self, n: u32) -> [Tail; 2] {
        [0, 1].map(|side| self.0[class(n)][side].tail)
    }

    /// Two-sided: twice the share beyond z on its side.
    pub fn p_value(&self, z: f64, n: u32) -> f64 {
        normal_two_sided(self.normal(z, class(n)))
    }

    /// The same, and no less than the normal's.
    pub fn p_value_or_normal(&self, z: f64, n: u32) -> f64 {
        normal_two_sided(self.normal(z, class(n)).min(z.abs()))
    }

    /// The standard normal, above zero, that a score stands for.
    fn normal(&self, z: f64, class: usize) -> f64 {
        if z == 0.0 || !z.is_finite() {
            return z.abs();
        }
        self.0[class][usize::from(z > 0.0)].normal(z.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{normal_upper, student_t_two_sided};
    use proptest::prelude::*;

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
        let mut counts = Counts::new();
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
    fn few_scores_get_a_cautious_tail() {
        let tails = Counts::new().tails();
        assert!(tails.p_value(3.0, 40) > 0.03);
        assert_eq!(tails.p_value(0.0, 40), 1.0);
        assert_eq!(tails.p_value(f64::INFINITY, 40), 0.0);
        assert!(tails.p_value(1e300, 40) < 1e-8);
    }
    proptest! {
        #[test]
        fn the_short_way_is_the_long_way(a in -1.0..1.0f64, b in 0.0..1.0f64, c in 0.0..0.3f64, z in -14.0..14.0f64) {
            let (tail, z) = (Tail { a, b, c }, libm::exp(z));
            let (short, long) = (Curve::of(tail).normal(z), tail.normal(z));
            prop_assert!((short / long - 1.0).abs() < 1e-8, "{} is not {}", short, long);
        }
    }
}
