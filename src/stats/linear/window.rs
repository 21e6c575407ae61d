//! The step of the search for a line. In the order of residuals, any h successive points are the h points nearest to a
//! parallel line. A concentration step takes the window around the line itself. This step also tries the windows that
//! begin a little before or after it. It compares them by the sum of squares about their own least squares lines. It
//! costs the same and reaches a lower minimum.

use fearless_simd::{Level, Simd, SimdBase, SimdMask, dispatch};

use super::concentrate::{Candidate, UNKNOWN, line_of, squares};
use super::slide::about;
use super::{Linear, Scratch};
use crate::stats::lanes::{WIDTH, sums_of, where_true};
use crate::stats::{Places, select, sort_few};

/// Windows begin and end at points with squares between these multiples of the h-th smallest one.
const EDGE: (f64, f64) = (0.8, 1.25);
/// The largest number of steps, and the gain below which they end.
const STEPS: usize = 60;
const GAIN: f64 = 1e-9;
/// The remaining steps almost never gain more than this multiple of the last one.
const AHEAD: f64 = 3.0;
/// Steeper lines count as this steep. Its square is finite.
const STEEPEST: f64 = 1e100;

/// Steps from `line` until there is no gain, until the sum of squares equals `known` (a minimum that was reached
/// before), or until it is very unlikely to end below `known`. Returns the line, the sum of squares of its window and
/// an estimate of its h-th smallest square. `threshold`
/// is this estimate for `line`. `threshold` and `known` are NaN if they are unknown.
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

/// The line of the best window; `None` if all its points have one x.
fn step(scratch: &mut Scratch, line: &Linear, h: usize, threshold: f64) -> Option<Candidate> {
    let found = Edges::find(scratch, line, h, threshold).or_else(|| {
        let threshold = about(&scratch.short, line, h);
        Edges::find(scratch, line, h, threshold)
    });
    let (mut window, missing) = found.or_else(|| {
        squares(scratch, line);
        let (threshold, _) = select(&scratch.squares, h - 1, UNKNOWN, &mut scratch.bits);
        Edges::find(scratch, line, h, threshold)
    })?;
    let Scratch { x, y, edges, .. } = scratch;
    let Edges { low, places, .. } = *edges;
    let (below, above) = (&edges.below[..edges.counts.0], &edges.above[..edges.counts.1]);
    let point = |edge: &u64| {
        let at = places.at(*edge);
        (x[0][at], y[at])
    };
    // From the window that begins last to the one that begins first.
    let mut behind = missing.saturating_sub(above.len());
    below[..behind].iter().chain(&above[..missing - behind]).for_each(|edge| window.add(point(edge)));
    let mut best = (window.residual(), window, behind);
    while behind < missing.min(below.len()) {
        window.add(point(&below[behind]));
        behind += 1;
        window.take(point(&above[missing - behind]));
        let residual = window.residual();
        if residual < best.0 {
            best = (residual, window, behind);
        }
    }
    let (objective, window, behind) = best;
    let distance = |edge: u64| f64::from_bits(places.number(edge));
    let edge = |side: &[u64], many: usize| if many > 0 { distance(side[many - 1]) } else { low.sqrt() };
    let width = 0.5 * (edge(below, behind) + edge(above, missing - behind));
    Some(Candidate { linear: window.line(h)?, threshold: width * width, objective })
}

/// The points at which windows begin and end: those below the line and those above it, the nearest first.
#[derive(Default)]
pub struct Edges {
    /// A byte for every four points, a bit for each: whether its square is below the first bound, and up to the second.
    marks: [Vec<u8>; 2],
    /// Points with smaller squares are in every window.
    low: f64,
    /// The bits of their distances, with their places. There is room for all points; so many count.
    below: Vec<u64>,
    above: Vec<u64>,
    counts: (usize, usize),
    places: Places,
}

impl Edges {
    /// The sums of the points within all windows, and how many of those at the edges a window of h holds;
    /// `None` where the h-th square is not near `threshold`.
    fn find(scratch: &mut Scratch, line: &Linear, h: usize, threshold: f64) -> Option<(Window, usize)> {
        let Scratch { x, y, edges, .. } = scratch;
        let (u, v) = (&x[0], &*y);
        if threshold.is_nan() {
            return None;
        }
        edges.low = EDGE.0 * threshold;
        for marks in &mut edges.marks {
            marks.clear();
            marks.resize(u.len().div_ceil(WIDTH).next_multiple_of(8), 0);
        }
        let (columns, along) = ([u.as_slice(), v], [line.intercept, line.slopes[0]]);
        let bounds = [edges.low, EDGE.1 * threshold];
        let sums = dispatch!(Level::new(), simd => sum_and_mark(simd, columns, along, bounds, &mut edges.marks));
        // The padding of the last four is not a point.
        for last in edges.marks.iter_mut().filter_map(|marks| marks.get_mut(y.len() / WIDTH)) {
            *last &= (1 << (y.len() % WIDTH)) - 1;
        }
        let (inside, found) = edges.part(&x[0], y, line);
        let missing = h.checked_sub(inside)?;
        let [u, v, uu, uv, vv] = sums;
        (missing <= found).then_some((Window { u, v, uu, uv, vv, ..Window::new(h) }, missing))
    }

    /// Parts the edges by side. How many points are in every window, and how many edges there are.
    fn part(&mut self, u: &[f64], v: &[f64], line: &Linear) -> (usize, usize) {
        let n = u.len();
        let (mut inside, mut below, mut above) = (0, 0, 0);
        self.places = Places::below(n);
        for side in [&mut self.below, &mut self.above] {
            side.resize(side.len().max(n), 0);
        }
        let [first, second] = self.marks.each_ref().map(|marks| marks.as_chunks().0);
        for (word, (first, second)) in first.iter().zip(second).enumerate() {
            let first = u64::from_le_bytes(*first);
            inside += first.count_ones() as usize;
            let mut marks = u64::from_le_bytes(*second) ^ first;
            while marks != 0 {
                let bit = marks.trailing_zeros() as usize;
                marks &= marks - 1;
                let at = (word * 8 + bit / 8) * WIDTH + bit % 8;
                let r = v[at] - (line.intercept + line.slopes[0] * u[at]);
                let edge = self.places.put(r.abs().to_bits(), at);
                // The side is not predictable, so the point is written to both and counted on one: no branch.
                (self.below[below], self.above[above]) = (edge, edge);
                let side = usize::from(r < 0.0);
                below += side;
                above += 1 - side;
            }
        }
        sort_few(&mut self.below[..below]);
        sort_few(&mut self.above[..above]);
        self.counts = (below, above);
        (inside, below + above)
    }
}

/// The sums of the points whose squares are below the first bound, and every point's marks by both bounds.
#[inline(always)]
fn sum_and_mark<S: Simd>(
    simd: S,
    columns: [&[f64]; 2],
    [intercept, slope]: [f64; 2],
    [low, high]: [f64; 2],
    [first, second]: &mut [Vec<u8>; 2],
) -> [f64; 5] {
    let mut marks = first.iter_mut().zip(second);
    sums_of(
        simd,
        columns,
        #[inline(always)]
        |[u, v]| {
            let r = v - (intercept + slope * u);
            let square = r * r;
            let inside = square.simd_lt(low);
            if let Some((first, second)) = marks.next() {
                *first = inside.to_bitmask() as u8;
                *second = square.simd_le(high).to_bitmask() as u8;
            }
            let (u, v) = (where_true(inside, u), where_true(inside, v));
            [u, v, u * u, u * v, v * v]
        },
    )
}

/// The sums of h points.
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

    pub fn add(&mut self, (u, v): (f64, f64)) {
        self.u += u;
        self.v += v;
        self.uu += u * u;
        self.uv += u * v;
        self.vv += v * v;
    }

    fn take(&mut self, (u, v): (f64, f64)) {
        self.u -= u;
        self.v -= v;
        self.uu -= u * u;
        self.uv -= u * v;
        self.vv -= v * v;
    }

    /// One point for another. Returns the size of the sums as they count near this slope, which rounding is a share of.
    pub fn exchange(&mut self, lost: (f64, f64), gained: (f64, f64), slope: f64) -> f64 {
        self.add(gained);
        let steep = slope.abs().min(STEEPEST);
        let size = self.vv + steep * steep * self.uu;
        self.take(lost);
        size
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
