//! Comparison and improvement of starting lines, and estimates of their h-th squares, in single precision. Twice as
//! many points fit into a register. The results are only starts of the search.

use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd, dispatch, f32x8};

use super::Linear;
use super::concentrate::line_of;

/// A line's points.
#[derive(Default)]
pub struct Short {
    u: Vec<f32>,
    v: Vec<f32>,
}

/// Points in one.
const SHORT: usize = 8;
/// A y that is out of any line's bound, for the points that fill up the last one.
const BEYOND: f32 = 1e18;
/// The least bound that squares of so few digits can be held to, and the steepest lines.
const LEAST: f64 = 1e-10;
const STEEPEST: f64 = 1e28;

impl Short {
    pub fn fill(&mut self, u: &[f64], v: &[f64]) {
        for (short, column, beyond) in [(&mut self.u, u, 0.0), (&mut self.v, v, BEYOND)] {
            short.clear();
            short.extend(column.iter().map(|x| *x as f32));
            short.resize(column.len().next_multiple_of(SHORT), beyond);
        }
    }

    #[inline(always)]
    fn each<S: Simd>(&self, simd: S, mut f: impl FnMut(f32x8<S>, f32x8<S>)) {
        for (u, v) in self.u.as_chunks::<SHORT>().0.iter().zip(self.v.as_chunks::<SHORT>().0) {
            f(f32x8::from_slice(simd, u), f32x8::from_slice(simd, v));
        }
    }
}

fn short<const K: usize>(numbers: [f64; K]) -> [f32; K] {
    numbers.map(|x| x.clamp(-STEEPEST, STEEPEST) as f32)
}

#[inline(always)]
fn total<S: Simd>(lanes: f32x8<S>) -> f64 {
    lanes.iter().copied().map(f64::from).sum()
}

/// Lines that go through the points together.
const TOGETHER: usize = 4;

/// The sums of squared residuals of each line, none counted as more than `bound`: half of the work of [`Within`], for
/// the lines of which only this sum is needed.
pub fn truncated(points: &Short, lines: &[Linear], bound: f64) -> Vec<f64> {
    let [bound] = short([bound.max(LEAST)]);
    let mut sums = Vec::with_capacity(lines.len().next_multiple_of(TOGETHER));
    for lines in lines.chunks(TOGETHER) {
        let lines = std::array::from_fn(|i| {
            let line = lines.get(i).unwrap_or(&Linear::ZERO);
            short([line.intercept, line.slopes[0]])
        });
        sums.extend(dispatch!(Level::new(), simd => truncated_on(simd, points, lines, bound)));
    }
    sums.truncate(lines.len());
    sums
}

#[inline(always)]
fn truncated_on<S: Simd>(simd: S, points: &Short, lines: [[f32; 2]; TOGETHER], bound: f32) -> [f64; TOGETHER] {
    let mut sums = [f32x8::splat(simd, 0.0); TOGETHER];
    points.each(simd, |u, v| {
        for (sum, [intercept, slope]) in sums.iter_mut().zip(lines) {
            let r = v - (intercept + slope * u);
            *sum += (r * r).min(bound);
        }
    });
    sums.map(total)
}

/// Squares that the h-th one is looked for among, as bits: those of 2^-42 to 2^20.
const SQUARES: (u32, u32) = ((127 - 42) << 23, (127 + 20) << 23);
/// Passes until those are at most half as much again.
const PASSES: u32 = 3;

/// An estimate of the h-th smallest squared residual. Bits of squares sort as the squares do: each pass counts
/// how many are up to some bounds, evenly between bits up to which there are too few and bits up to which there are
/// enough.
pub fn about(points: &Short, line: &Linear, h: usize) -> f64 {
    let line = short([line.intercept, line.slopes[0]]);
    let (mut low, mut high) = SQUARES;
    for _ in 0..PASSES {
        let part = (high - low) / (TOGETHER as u32 + 1);
        let bits = std::array::from_fn(|i| low + part * (i as u32 + 1));
        let bounds = bits.map(f32::from_bits);
        let counts = dispatch!(Level::new(), simd => counts_on(simd, points, line, bounds));
        let few = counts.iter().filter(|count| **count < h as f64).count();
        (low, high) = (if few > 0 { bits[few - 1] } else { low }, *bits.get(few).unwrap_or(&high));
    }
    f64::from(f32::from_bits(low + (high - low) / 2))
}

#[inline(always)]
fn counts_on<S: Simd>(
    simd: S,
    points: &Short,
    [intercept, slope]: [f32; 2],
    bounds: [f32; TOGETHER],
) -> [f64; TOGETHER] {
    let (zero, one) = (f32x8::splat(simd, 0.0), f32x8::splat(simd, 1.0));
    let mut counts = [zero; TOGETHER];
    points.each(simd, |u, v| {
        let r = v - (intercept + slope * u);
        let square = r * r;
        for (count, bound) in counts.iter_mut().zip(bounds) {
            *count += square.simd_le(bound).select(one, zero);
        }
    });
    counts.map(total)
}

/// The number of steps that improve a line through a pair of points.
const SLIDES: usize = 3;

/// `line` after a few steps down the sum of squares, none counted as more than `bound`. The fit to the points
/// within the bound cannot make that larger, and twice as far is mostly better still (over-relaxation). Such a
/// step is one pass without a search.
pub fn slide(points: &Short, line: &Linear, bound: f64) -> Linear {
    let mut at = (*line, Within::of(points, line, bound));
    for _ in 0..SLIDES {
        let Some(fit) = at.1.fit else { break };
        let far = Linear::line(2.0 * fit.intercept - at.0.intercept, 2.0 * fit.slopes[0] - at.0.slopes[0]);
        let mut next = (far, Within::of(points, &far, bound));
        if next.1.sum >= at.1.sum {
            next = (fit, Within::of(points, &fit, bound));
        }
        if next.1.sum >= at.1.sum {
            break;
        }
        at = next;
    }
    at.0
}

/// The results of one pass for a line: its sum of squares, each at most the bound; and for the points within the
/// bound, the least squares fit, the mean of u and the sum of squares about this mean.
pub struct Within {
    sum: f64,
    fit: Option<Linear>,
    pub middle: f64,
    pub spread: f64,
}

impl Within {
    pub fn of(points: &Short, line: &Linear, bound: f64) -> Within {
        let line = short([line.intercept, line.slopes[0], bound.max(LEAST)]);
        let [sum, n, u, v, uu, uv] = dispatch!(Level::new(), simd => within_on(simd, points, line));
        Within { sum, fit: line_of(n, u, v, uu, uv), middle: u / n, spread: uu - u * u / n }
    }
}

#[inline(always)]
fn within_on<S: Simd>(simd: S, points: &Short, [intercept, slope, bound]: [f32; 3]) -> [f64; 6] {
    let (zero, one) = (f32x8::splat(simd, 0.0), f32x8::splat(simd, 1.0));
    let mut sums = [zero; 6];
    points.each(simd, |u, v| {
        let r = v - (intercept + slope * u);
        let square = r * r;
        let inside = square.simd_le(bound);
        let (n, u, v) = (inside.select(one, zero), inside.select(u, zero), inside.select(v, zero));
        let terms = [square.min(bound), n, u, v, u * u, u * v];
        sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
    });
    sums.map(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn square(x: f64) -> f64 {
        x * x
    }

    proptest! {
        #[test]
        fn the_square_told_is_about_the_hth(
            points in prop::collection::vec((-3.0..3.0f64, -3.0..3.0f64), 8..300),
            share in 0.5..1.0f64,
            size in prop_oneof![1e-3..1.0f64, Just(1.0)],
        ) {
            let line = Linear::line(0.3, -1.7);
            let (u, v): (Vec<f64>, Vec<f64>) =
                points.iter().map(|(u, r)| (*u, line.intercept + line.slopes[0] * u + size * r)).unzip();
            let h = (share * points.len() as f64) as usize;
            let mut squares: Vec<f64> = u.iter().zip(&v).map(|(u, v)| square(v - (0.3 - 1.7 * u))).collect();
            squares.sort_by(f64::total_cmp);
            let mut short = Short::default();
            short.fill(&u, &v);
            let told = about(&short, &line, h) / squares[h - 1];
            // Rounding to seven digits comes on top for the smallest residuals.
            prop_assert!((0.79..1.26).contains(&told) || squares[h - 1] < 1e-10, "{} of it", told);
        }

        #[test]
        fn truncated_sums_are_those_of_each_line(
            points in prop::collection::vec((-3.0..3.0f64, -3.0..3.0f64), 0..50),
            lines in prop::collection::vec((-3.0..3.0f64, -3.0..3.0f64), 0..10),
        ) {
            let (u, v): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
            let lines: Vec<Linear> = lines.into_iter().map(|(a, b)| Linear::line(a, b)).collect();
            let mut short = Short::default();
            short.fill(&u, &v);
            let sums = truncated(&short, &lines, 2.0);
            prop_assert_eq!(sums.len(), lines.len());
            let filling = (u.len().next_multiple_of(SHORT) - u.len()) as f64 * 2.0;
            for (sum, line) in sums.iter().zip(&lines) {
                let cut = |(u, v): (&f64, &f64)| square(v - (line.intercept + line.slopes[0] * u)).min(2.0);
                let wanted = u.iter().zip(&v).map(cut).sum::<f64>() + filling;
                prop_assert!((sum - wanted).abs() <= 1e-4 * (1.0 + wanted), "{} is not {}", sum, wanted);
            }
        }
    }
}
