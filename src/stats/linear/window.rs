//! The step of the search for a line. In the order of residuals, any h points that follow each other are those
//! nearest to some parallel of it. A concentration step takes the window of points that lies about the line
//! itself; this one looks at those that begin a little before and behind it as well, each by the squares about
//! its own least squares line. It costs the same and comes to rest later and lower.

use super::concentrate::{Candidate, UNKNOWN, line_of, squares};
use super::{Linear, Scratch};
use crate::stats::lanes::{Lanes, sums};
use crate::stats::select;

/// Windows begin and end at points whose squares are so many times the h-th smallest one.
const EDGE: (f64, f64) = (0.8, 1.25);
/// Steps at the most, and what a step must gain to be followed by another.
const STEPS: usize = 60;
const GAIN: f64 = 1e-9;
/// The steps to come gain no more than so many times the last one, as good as always.
const AHEAD: f64 = 3.0;

/// Steps from `line` until nothing is gained, or the way leads to `known`, a sum of squares that has been reached
/// already, or not below it: a line, its window's sum of squares, and about how large its h-th smallest
/// square is. `threshold` says that of `line`, as well as it is known. Either is NaN where nothing is known.
pub fn descend(scratch: &mut Scratch, line: &Linear, h: usize, threshold: f64, known: f64) -> Option<Candidate> {
    let mut best = step(scratch, line, h, threshold)?;
    for _ in 0..STEPS {
        if (best.objective - known).abs() <= GAIN * known {
            break;
        }
        let Some(next) = step(scratch, &best.linear, h, best.threshold) else { break };
        let gain = best.objective - next.objective;
        if gain <= GAIN * best.objective {
            break;
        }
        best = next;
        if best.objective - AHEAD * gain > known {
            break;
        }
    }
    Some(best)
}

/// The best window's line; `None` where all its points have one x.
fn step(scratch: &mut Scratch, line: &Linear, h: usize, threshold: f64) -> Option<Candidate> {
    squares(scratch, line);
    let Scratch { x, y, squares, edges, bits, .. } = scratch;
    let u = &x[0];
    let missing = edges.find(squares, h, threshold).or_else(|| {
        let (threshold, _) = select(squares, h - 1, UNKNOWN, bits);
        edges.find(squares, h, threshold)
    })?;
    edges.part(u, y, line);
    let Edges { low, below, above, .. } = edges;
    let inside = Lanes::splat(*low);
    let [u, v, uu, uv, vv] = sums([u, y, squares], |[u, v, square]| {
        let inside = square.simd_lt(inside);
        let (u, v) = (inside & u, inside & v);
        [u, v, u * u, u * v, v * v]
    });
    // From the window that begins last to the one that begins first.
    let mut window = Window { u, v, uu, uv, vv, ..Window::new(h) };
    let mut behind = missing.saturating_sub(above.len());
    below[..behind].iter().for_each(|point| window.add(point.u, point.v));
    above[..missing - behind].iter().for_each(|point| window.add(point.u, point.v));
    let mut best = (window.residual(), window, behind);
    while behind < missing.min(below.len()) {
        window.add(below[behind].u, below[behind].v);
        behind += 1;
        let Point { u, v, .. } = above[missing - behind];
        window.take(u, v);
        let residual = window.residual();
        if residual < best.0 {
            best = (residual, window, behind);
        }
    }
    let (objective, window, behind) = best;
    let edge = |side: &[Point], many: usize| if many > 0 { side[many - 1].distance } else { low.sqrt() };
    let width = 0.5 * (edge(below, behind) + edge(above, missing - behind));
    Some(Candidate { linear: window.line(h)?, threshold: width * width, objective })
}

/// The points at which windows begin and end, those below the line and those above it.
#[derive(Default)]
pub struct Edges {
    at: Vec<u32>,
    /// Points with smaller squares are in every window.
    low: f64,
    below: Vec<Point>,
    above: Vec<Point>,
}

#[derive(Clone, Copy)]
struct Point {
    distance: f64,
    u: f64,
    v: f64,
}

impl Edges {
    /// How many of the points at the edges a window of h holds; `None` where the h-th square is not near
    /// `threshold`.
    fn find(&mut self, squares: &[f64], h: usize, threshold: f64) -> Option<usize> {
        let (low, high) = (EDGE.0 * threshold, EDGE.1 * threshold);
        let inside = squares.iter().filter(|square| **square < low).count();
        // The bits of numbers that are not negative sort as they do.
        let (first, span) = (low.to_bits(), high.to_bits().saturating_sub(low.to_bits()));
        self.at.resize(squares.len(), 0);
        let mut found = 0;
        for (i, square) in (0..).zip(squares) {
            self.at[found] = i;
            found += usize::from(square.to_bits().wrapping_sub(first) <= span);
        }
        self.at.truncate(found);
        self.low = low;
        h.checked_sub(inside).filter(|missing| *missing <= found)
    }

    /// Parts them by side, the nearest first.
    fn part(&mut self, u: &[f64], v: &[f64], line: &Linear) {
        self.below.clear();
        self.above.clear();
        for &i in &self.at {
            let (u, v) = (u[i as usize], v[i as usize]);
            let r = v - (line.intercept + line.slopes[0] * u);
            let side = if r < 0.0 { &mut self.below } else { &mut self.above };
            side.push(Point { distance: r.abs(), u, v });
        }
        for side in [&mut self.below, &mut self.above] {
            // Points are in ascending order, so equally far ones stay in it.
            side.sort_by_key(|point| point.distance.to_bits());
        }
    }
}

/// The plain sums of h points.
#[derive(Clone, Copy)]
pub struct Window {
    /// 1 / h.
    share: f64,
    u: f64,
    v: f64,
    uu: f64,
    uv: f64,
    vv: f64,
}

impl Window {
    /// Of no points yet.
    pub fn new(h: usize) -> Window {
        Window { share: 1.0 / h as f64, u: 0.0, v: 0.0, uu: 0.0, uv: 0.0, vv: 0.0 }
    }

    pub fn add(&mut self, u: f64, v: f64) {
        self.u += u;
        self.v += v;
        self.uu += u * u;
        self.uv += u * v;
        self.vv += v * v;
    }

    fn take(&mut self, u: f64, v: f64) {
        self.u -= u;
        self.v -= v;
        self.uu -= u * u;
        self.uv -= u * v;
        self.vv -= v * v;
    }

    /// The sum of squares about its own least squares line.
    pub fn residual(&self) -> f64 {
        let uu = self.uu - self.u * self.u * self.share;
        let uv = self.uv - self.u * self.v * self.share;
        let vv = self.vv - self.v * self.v * self.share;
        if uu > 1e-14 * self.uu { vv - uv * uv / uu } else { f64::INFINITY }
    }

    pub fn line(&self, h: usize) -> Option<Linear> {
        line_of(h as f64, self.u, self.v, self.uu, self.uv)
    }
}
