//! Learning a tail from the number of scores in each bin.

use super::bins::{BINS, middle_of};
use super::curve::{CAUTIOUS, Tail};
use crate::stats::normal_quantile;

/// Upper shares; the tail is fitted to their quantiles.
const SHARES: [f64; 12] = [0.15, 0.10, 0.07, 0.05, 0.035, 0.025, 0.016, 0.011, 0.006, 0.003, 0.0015, 0.0007];
/// The number of shares that are always used. Those farther out are used only while the tail continues as before.
const ALWAYS: usize = 8;
/// The smallest number of scores beyond an outer quantile.
const BEYOND: f64 = 50.0;
/// Limits of growth: ln z - ln u may grow by this for each unit of u, or this many times as fast as before. Faster
/// growth is a sign of anomalies.
const GENTLE: f64 = 0.35;
const FASTER: f64 = 1.6;
/// The error of the model in ln z.
const MODEL_ERROR: f64 = 0.01;
/// The prior standard deviation of b. Without evidence the tail is that of a Student's t and not of a lognormal. This
/// is more cautious.
const B_PRIOR: f64 = 0.2;
/// Between these shares a difference of the sides is natural skewness. The sides count as similar if the difference in
/// ln z is at most ALIKE.
const INNER: (usize, usize) = (0, 3);
const ALIKE: f64 = 0.12;
/// Beyond them, the difference in ln z may grow by this for each unit of u, or [`FASTER`] times as fast as before.
const APART: f64 = 0.15;

/// The quantile at one upper share of all scores.
struct Quantile {
    u: f64,
    /// ln(z / u).
    y: f64,
    weight: f64,
}

impl Quantile {
    fn error(&self) -> f64 {
        (1.0 / self.weight).sqrt()
    }
}

/// The tails below and above; `None` with too few scores.
pub fn fit(bins: &[u64], least: u64) -> Option<[Tail; 2]> {
    let total: u64 = bins.iter().sum();
    if total < least {
        return None;
    }
    let (below, above) = bins.split_at(BINS);
    let (mut below, mut above) = (quantiles(below, total as f64), quantiles(above, total as f64));
    draw_together(&mut below, &mut above);
    Some([tail(below, total as f64), tail(above, total as f64)])
}

/// The quantiles of one side, from the middle outwards. If a side has too few scores, its inner quantiles are missing.
fn quantiles(bins: &[u64], total: f64) -> Vec<Quantile> {
    let mut found: Vec<Quantile> = Vec::new();
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
            let weight = 1.0 / (error * error + MODEL_ERROR * MODEL_ERROR);
            found.push(Quantile { u, y: libm::log(middle_of(at) / u), weight });
        }
    }
    found.reverse();
    found
}

/// If two similar sides begin to differ, one of them holds anomalies of one kind, such as undervalued goods. Its outer
/// quantiles are then reduced to those of the other side.
fn draw_together(below: &mut [Quantile], above: &mut [Quantile]) {
    if below.len() != SHARES.len() || above.len() != SHARES.len() {
        return;
    }
    let apart: Vec<f64> = below.iter().zip(&*above).map(|(below, above)| above.y - below.y).collect();
    let u: Vec<f64> = below.iter().map(|quantile| quantile.u).collect();
    let slope = |from: usize, to: usize| (apart[to] - apart[from]) / (u[to] - u[from]);
    if apart[INNER.1].abs() > ALIKE {
        return;
    }
    let begun = slope(INNER.0, INNER.1);
    let leaves = |at: usize| {
        let doubt = 2.0 * libm::hypot(below[at].error(), above[at].error()) / (u[at] - u[at - 1]);
        let parts = slope(at - 1, at);
        parts.abs() > APART.max(FASTER * begun * parts.signum()) + doubt
    };
    let Some(from) = (INNER.1 + 1..u.len()).find(|&at| leaves(at)) else { return };
    // The natural difference, extrapolated from the inner shares. The shares between may hold anomalies already.
    let begins = |at: usize| apart[INNER.1] + begun * (u[at] - u[INNER.1]);
    for at in INNER.1 + 1..u.len() {
        if apart[from] > apart[from - 1] {
            above[at].y = above[at].y.min(below[at].y + begins(at));
        } else {
            below[at].y = below[at].y.min(above[at].y - begins(at));
        }
    }
}

/// The tail through the quantiles of one side: weighted least squares of ln(z / u) on 1, u and u², with b and c at
/// least zero.
fn tail(mut points: Vec<Quantile>, total: f64) -> Tail {
    // Only inner shares can be missing.
    let missing = SHARES.len() - points.len();
    let mut kept = points.len().min(ALWAYS - missing.min(ALWAYS));
    while kept < points.len() && kept > 3 && SHARES[missing + kept] * total >= BEYOND {
        let slope = |from: usize, to: usize| (points[to].y - points[from].y) / (points[to].u - points[from].u);
        let doubt = points[kept].error() / (points[kept].u - points[kept - 1].u);
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
        let off = |p: &Quantile| p.y - tail.a - tail.b * p.u - tail.c * p.u * p.u;
        let prior = tail.b / B_PRIOR;
        let misfit = points.iter().map(|p| p.weight * (off(p) * off(p))).sum::<f64>() + prior * prior;
        if best.is_none_or(|(least, _)| misfit < least) {
            best = Some((misfit, tail));
        }
    }
    best.map_or(CAUTIOUS, |(_, tail)| tail)
}

fn least_squares(points: &[Quantile], with_b: bool, with_c: bool) -> Option<Tail> {
    // Normal equations. The equation of an omitted coefficient sets it to zero.
    let mut m = [[0.0; 4]; 3];
    for &Quantile { u, y, weight: w } in points {
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
