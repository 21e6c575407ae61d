//! The search for the line whose h smallest squared residuals sum to the least, among points that
//! were moved to their medians and scaled to their spreads.

use super::{Line, Scratch, ordered, unordered};
use crate::stats::Random;

/// Pairs of points tried as starting lines: for groups of a few hundred points, and for larger ones.
const PAIRS: (usize, usize) = (32, 400);
/// How many of them are concentrated to the end.
const FINALISTS: (usize, usize) = (2, 12);
/// From here on the larger numbers apply.
const LARGE: usize = 600;
/// Concentration steps at the most; it converges in finitely many, mostly under ten.
const STEPS: usize = 60;

/// Slopes this near are one: those of pairs on one line differ by rounding.
const ONE_SLOPE: f64 = 1e-12;

#[derive(Clone, Copy)]
pub struct Candidate {
    pub line: Line,
    objective: f64,
}

pub fn squares(scratch: &mut Scratch, line: Line) {
    let (u, v) = (&scratch.u, &scratch.v);
    scratch.squares.clear();
    scratch.squares.extend(u.iter().zip(v).map(|(u, v)| {
        let r = v - (line.intercept + line.slope * u);
        r * r
    }));
}

/// The h-th smallest of the squares. Squares are never negative, so their bits sort as they do.
pub fn smallest(scratch: &mut Scratch, h: usize) -> f64 {
    scratch.bits.clear();
    scratch.bits.extend(scratch.squares.iter().map(|s| s.to_bits()));
    f64::from_bits(*scratch.bits.select_nth_unstable(h - 1).1)
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
fn concentrate(scratch: &mut Scratch, line: Line, h: usize) -> Candidate {
    squares(scratch, line);
    let threshold = smallest(scratch, h);
    let mut below = 0;
    let mut objective = 0.0;
    let mut sums = Sums::default();
    for ((&s, &u), &v) in scratch.squares.iter().zip(&scratch.u).zip(&scratch.v) {
        let inside = f64::from(u8::from(s < threshold));
        below += usize::from(s < threshold);
        objective += inside * s;
        sums.add(inside, u, v);
    }
    let mut missing = h - below;
    objective += threshold * missing as f64;
    for ((&s, &u), &v) in scratch.squares.iter().zip(&scratch.u).zip(&scratch.v) {
        if missing == 0 {
            break;
        }
        if s == threshold {
            sums.add(1.0, u, v);
            missing -= 1;
        }
    }
    Candidate { line: sums.line().unwrap_or(line), objective }
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

/// Concentrates until nothing changes.
fn converge(scratch: &mut Scratch, line: Line, h: usize) -> Candidate {
    let mut best = Candidate { line, objective: f64::INFINITY };
    let mut line = line;
    for _ in 0..STEPS {
        let step = concentrate(scratch, line, h);
        if step.objective >= best.objective {
            break;
        }
        best = Candidate { line, objective: step.objective };
        line = step.line;
    }
    best
}

/// Lines through pairs of points, screened by their truncated squares, the best of them concentrated.
pub fn fast(scratch: &mut Scratch, h: usize) -> Candidate {
    let n = scratch.u.len();
    let (pairs, finalists) = if n < LARGE { (PAIRS.0, FINALISTS.0) } else { (PAIRS.1, FINALISTS.1) };
    // The line through the middle slope of points half the range of x apart: good where fewer than
    // a quarter of the points are off.
    let half = n / 2;
    let mut slopes: Vec<f64> = (0..half)
        .filter_map(|i| {
            let run = scratch.u[i + n - half] - scratch.u[i];
            (run > 0.0).then(|| (scratch.v[i + n - half] - scratch.v[i]) / run)
        })
        .collect();
    let slope = if slopes.is_empty() {
        0.0
    } else {
        let middle = slopes.len() / 2;
        *slopes.select_nth_unstable_by(middle, f64::total_cmp).1
    };
    let intercept = {
        scratch.bits.clear();
        scratch.bits.extend(scratch.u.iter().zip(&scratch.v).map(|(u, v)| ordered(v - slope * u)));
        unordered(*scratch.bits.select_nth_unstable(n / 2).1)
    };
    let mut best = converge(scratch, Line { intercept, slope }, h);
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
        tried.push((truncated(scratch, line, bound), line));
    }
    tried.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    for &(_, line) in tried.iter().take(finalists) {
        let found = converge(scratch, line, h);
        if found.objective < best.objective {
            best = found;
        }
    }
    best
}

/// The sum of squared residuals, none counted as more than `bound`.
fn truncated(scratch: &Scratch, line: Line, bound: f64) -> f64 {
    let mut lanes = [0.0; 4];
    let (us, vs) = (scratch.u.chunks_exact(4), scratch.v.chunks_exact(4));
    let rest: f64 = us.remainder().iter().zip(vs.remainder()).map(|(u, v)| square(line, *u, *v).min(bound)).sum();
    for (u, v) in us.zip(vs) {
        for k in 0..4 {
            lanes[k] += square(line, u[k], v[k]).min(bound);
        }
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + rest
}

fn square(line: Line, u: f64, v: f64) -> f64 {
    let r = v - (line.intercept + line.slope * u);
    r * r
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
    converge(scratch, line, h)
}
