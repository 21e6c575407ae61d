//! The search for the line whose h smallest squared residuals sum to the least, among points that
//! were moved to their medians and scaled to their spreads.

use std::ops::Range;

use super::{LANES, Lanes, Line, Scratch, ordered, together, unordered};
use crate::stats::{Random, select};

/// Pairs of points tried as starting lines: for groups of a few hundred points, and for larger ones.
const PAIRS: (usize, usize) = (32, 400);
/// How many of them are concentrated to the end.
const FINALISTS: (usize, usize) = (2, 12);
/// From here on the larger numbers apply.
const LARGE: usize = 600;
/// Points that the first line is made from, at the most.
const PART: usize = 100;
/// Concentration steps at the most; it converges in finitely many, mostly under ten.
const STEPS: usize = 60;

/// Nothing to go by: all squares are looked at.
const UNKNOWN: Range<f64> = 0.0..f64::INFINITY;
/// Slopes this near are one: those of pairs on one line differ by rounding.
const ONE_SLOPE: f64 = 1e-12;

#[derive(Clone, Copy)]
pub struct Candidate {
    pub line: Line,
    /// The largest of the h squares, of this line or the one it was made from.
    pub threshold: f64,
    objective: f64,
}

/// Where the next line's largest square is looked for.
pub fn near(threshold: f64) -> Range<f64> {
    0.7 * threshold..1.2 * threshold
}

pub fn squares(scratch: &mut Scratch, line: Line) {
    let (u, v) = (&scratch.u, &scratch.v);
    scratch.squares.clear();
    scratch.squares.extend(u.iter().zip(v).map(|(u, v)| {
        let r = v - (line.intercept + line.slope * u);
        r * r
    }));
}

pub fn sum_up_to(squares: &[f64], threshold: f64, h: usize) -> f64 {
    let (mut below, mut sum) = (0, 0.0);
    for &s in squares {
        let inside = s < threshold;
        below += usize::from(inside);
        sum += if inside { s } else { 0.0 };
    }
    sum + threshold * (h - below) as f64
}

/// One concentration step: the least squares line of the h points nearest to `line`, and the sum
/// of their squared residuals from the old line. Of points equally far the earlier ones are taken.
fn concentrate(scratch: &mut Scratch, line: Line, h: usize, about: Range<f64>) -> Candidate {
    squares(scratch, line);
    let (threshold, next) = select(&scratch.squares, h - 1, about, &mut scratch.bits);
    let Scratch { u, v, squares, weights, .. } = scratch;
    weights.clear();
    if next > threshold {
        weights.extend(squares.iter().map(|&s| if s <= threshold { 1.0 } else { 0.0 }));
    } else {
        let mut missing = h - squares.iter().filter(|s| **s < threshold).count();
        weights.extend(squares.iter().map(|&s| {
            let tied = s == threshold && missing > 0;
            missing -= usize::from(tied);
            f64::from(u8::from(tied || s < threshold))
        }));
    }
    let sums = Sums::of(u, v, weights, h);
    Candidate { line: sums.line().unwrap_or(line), threshold, objective: dot(squares, weights) }
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    let mut sum = Lanes::default();
    let (xs, ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    xs.remainder().iter().zip(ys.remainder()).zip(&mut sum).for_each(|((x, y), sum)| *sum += x * y);
    for (x, y) in xs.zip(ys) {
        (0..LANES).for_each(|lane| sum[lane] += x[lane] * y[lane]);
    }
    together(sum)
}

#[derive(Clone, Copy, Default)]
pub struct Sums {
    n: f64,
    u: f64,
    v: f64,
    uu: f64,
    uv: f64,
    vv: f64,
}

impl Sums {
    /// Those of h points with weight one, the others having none; without the squares of v.
    fn of(u: &[f64], v: &[f64], weights: &[f64], h: usize) -> Sums {
        let [mut su, mut sv, mut suu, mut suv] = [Lanes::default(); 4];
        let (us, vs, ws) = (u.chunks_exact(LANES), v.chunks_exact(LANES), weights.chunks_exact(LANES));
        let rest = us.remainder().iter().zip(vs.remainder()).zip(ws.remainder());
        for (lane, ((u, v), w)) in rest.enumerate() {
            su[lane] = w * u;
            sv[lane] = w * v;
            suu[lane] = w * u * u;
            suv[lane] = w * u * v;
        }
        for ((u, v), w) in us.zip(vs).zip(ws) {
            // One number after the other, so that its lanes are worked on together.
            let wu: Lanes = std::array::from_fn(|k| w[k] * u[k]);
            (0..LANES).for_each(|k| su[k] += wu[k]);
            (0..LANES).for_each(|k| sv[k] += w[k] * v[k]);
            (0..LANES).for_each(|k| suu[k] += wu[k] * u[k]);
            (0..LANES).for_each(|k| suv[k] += wu[k] * v[k]);
        }
        let [u, v, uu, uv] = [su, sv, suu, suv].map(together);
        Sums { n: h as f64, u, v, uu, uv, vv: 0.0 }
    }

    pub fn add(&mut self, weight: f64, u: f64, v: f64) {
        let (wu, wv) = (weight * u, weight * v);
        self.n += weight;
        self.u += wu;
        self.v += wv;
        self.uu += wu * u;
        self.uv += wu * v;
        self.vv += wv * v;
    }

    fn line(&self) -> Option<Line> {
        let xx = self.uu - self.u * self.u / self.n;
        let slope = (self.uv - self.u * self.v / self.n) / xx;
        (xx > 1e-14 * self.uu && slope.is_finite())
            .then(|| Line { intercept: (self.v - slope * self.u) / self.n, slope })
    }

    /// The sum of squared residuals of the least squares line.
    pub fn residual(&self) -> f64 {
        let xx = self.uu - self.u * self.u / self.n;
        let xy = self.uv - self.u * self.v / self.n;
        let yy = self.vv - self.v * self.v / self.n;
        if xx <= 1e-14 * self.uu { f64::INFINITY } else { (yy - xy * xy / xx).max(0.0) }
    }
}

/// Concentrates until nothing changes; the first step's largest square is looked for in `about`.
fn converge(scratch: &mut Scratch, line: Line, h: usize, about: Range<f64>) -> Candidate {
    let mut best = Candidate { line, threshold: f64::NAN, objective: f64::INFINITY };
    let (mut line, mut about) = (line, about);
    for _ in 0..STEPS {
        let step = concentrate(scratch, line, h, about);
        if step.objective >= best.objective {
            break;
        }
        best = Candidate { line, ..step };
        (line, about) = (step.line, near(step.threshold));
    }
    best
}

/// Lines through pairs of points, screened by their truncated squares, the best of them concentrated.
pub fn fast(scratch: &mut Scratch, h: usize) -> Candidate {
    let n = scratch.u.len();
    let (pairs, finalists) = if n < LARGE { (PAIRS.0, FINALISTS.0) } else { (PAIRS.1, FINALISTS.1) };
    // The line through the middle slope of points half the range of x apart: good where fewer than
    // a quarter of the points are off. A part of the points, all along x, is enough to begin with.
    let (half, part) = (n / 2, n.div_ceil(PART));
    scratch.bits.clear();
    for i in (0..half).step_by(part) {
        let run = scratch.u[i + n - half] - scratch.u[i];
        if run > 0.0 {
            scratch.bits.push(ordered((scratch.v[i + n - half] - scratch.v[i]) / run));
        }
    }
    let slope = if scratch.bits.is_empty() { 0.0 } else { upper_median(&mut scratch.bits) };
    scratch.bits.clear();
    scratch.bits.extend(scratch.u.iter().zip(&scratch.v).step_by(part).map(|(u, v)| ordered(v - slope * u)));
    let intercept = upper_median(&mut scratch.bits);
    let mut best = converge(scratch, Line { intercept, slope }, h, UNKNOWN);
    let bound = best.objective / h as f64 * 6.0; // two and a half standard deviations, or so
    let mut tried: Vec<(f64, Line)> = Vec::with_capacity(pairs);
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15 ^ n as u64);
    for _ in 0..pairs {
        let (i, j) = (random.below(n), random.below(n));
        let run = scratch.u[j] - scratch.u[i];
        if run == 0.0 {
            continue;
        }
        let slope = (scratch.v[j] - scratch.v[i]) / run;
        let line = Line { slope, intercept: scratch.v[i] - slope * scratch.u[i] };
        tried.push((truncated(&scratch.u, &scratch.v, line, bound), line));
    }
    tried.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    for &(_, line) in tried.iter().take(finalists) {
        // A line of two points is seldom nearer than the best so far.
        let found = converge(scratch, line, h, 0.9 * best.threshold..3.0 * best.threshold);
        if found.objective < best.objective {
            best = found;
        }
    }
    best
}

fn upper_median(bits: &mut [u64]) -> f64 {
    unordered(*bits.select_nth_unstable(bits.len() / 2).1)
}

/// The sum of squared residuals, none counted as more than `bound`.
fn truncated(u: &[f64], v: &[f64], line: Line, bound: f64) -> f64 {
    let mut sums = Lanes::default();
    let mut add = |lane: usize, u: f64, v: f64| {
        let r = v - (line.intercept + line.slope * u);
        sums[lane] += if r * r < bound { r * r } else { bound };
    };
    let (us, vs) = (u.chunks_exact(LANES), v.chunks_exact(LANES));
    us.remainder().iter().zip(vs.remainder()).enumerate().for_each(|(lane, (&u, &v))| add(lane, u, v));
    for (u, v) in us.zip(vs) {
        (0..LANES).for_each(|lane| add(lane, u[lane], v[lane]));
    }
    together(sums)
}

/// The optimum itself. At any slope the best h points are a run of the points in the order of
/// v - slope u. As the slope grows, two points change places at the slope of the line through them,
/// and only the runs that hold one of the two become another subset. So all subsets that can be
/// optimal are met by going through the slopes of all pairs.
pub fn exhaustive(scratch: &mut Scratch, h: usize) -> Candidate {
    let n = scratch.u.len();
    let (u, v) = (&scratch.u, &scratch.v);
    // Below the smallest slope the order is that of u, the larger v first among equal u.
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| u[a].total_cmp(&u[b]).then(v[a].total_cmp(&v[b])));
    let mut place: Vec<usize> = vec![0; n];
    for (at, &i) in order.iter().enumerate() {
        place[i] = at;
    }
    let mut swaps: Vec<(f64, usize, usize)> = Vec::with_capacity(n * (n - 1) / 2);
    for j in 0..n {
        for i in 0..j {
            if u[i] != u[j] {
                swaps.push(((v[j] - v[i]) / (u[j] - u[i]), i, j));
            }
        }
    }
    swaps.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let sums = |run: &[usize]| {
        let mut sums = Sums::default();
        run.iter().for_each(|&i| sums.add(1.0, u[i], v[i]));
        sums
    };
    let mut best: (f64, Option<Line>) = (f64::INFINITY, None);
    let mut look = |run: &[usize]| {
        let sums = sums(run);
        let residual = sums.residual();
        if residual < best.0
            && let Some(line) = sums.line()
        {
            best = (residual, Some(line));
        }
    };
    order.windows(h).for_each(&mut look);
    // Swaps at one slope are of points on one line, or on parallel ones: each such bundle of neighbours
    // turns round as a whole. One by one, twins among them would undo each other's swaps.
    let mut bundles: Vec<(usize, usize)> = Vec::new();
    let mut from = 0;
    while from < swaps.len() {
        let slope = swaps[from].0;
        let same = |s: &(f64, usize, usize)| s.0 - slope <= ONE_SLOPE * slope.abs().max(1.0);
        let to = from + swaps[from..].iter().take_while(|s| same(s)).count();
        bundles.clear();
        bundles.extend(swaps[from..to].iter().map(|&(_, i, j)| (place[i].min(place[j]), place[i].max(place[j]))));
        bundles.sort_unstable();
        let mut at = 0;
        while at < bundles.len() {
            let (a, mut b) = bundles[at];
            at += 1;
            while at < bundles.len() && bundles[at].0 <= b {
                b = b.max(bundles[at].1);
                at += 1;
            }
            order[a..=b].sort_by(|&i, &j| u[j].total_cmp(&u[i]).then(v[i].total_cmp(&v[j])));
            for (k, &i) in order.iter().enumerate().take(b + 1).skip(a) {
                place[i] = k;
            }
            // Every run that ends inside it is another subset.
            for cut in a + 1..=b {
                if cut >= h {
                    look(&order[cut - h..cut]);
                }
                if cut + h <= n {
                    look(&order[cut..cut + h]);
                }
            }
        }
        from = to;
    }
    let line = best.1.unwrap_or(Line { intercept: 0.0, slope: 0.0 });
    // The subsets' own lines can only gain from concentration where rounding misled the search.
    converge(scratch, line, h, UNKNOWN)
}
