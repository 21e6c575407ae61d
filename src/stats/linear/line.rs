//! The search for the line whose h smallest squared residuals sum to the least.

use super::concentrate::{Candidate, converge, foremost, near};
use super::slide::{Within, slide, truncated};
use super::window::descend;
use super::{Linear, Scratch, subsets};
use crate::stats::{decode, encode};

/// Pairs of points tried as starting lines: for groups of a few hundred points, and for larger ones.
const PAIRS: (usize, usize) = (32, 100);
/// How many of them are refined.
const FINALISTS: (usize, usize) = (2, 4);
/// From this number of points on, the larger numbers apply.
const LARGE: usize = 600;
/// The largest number of points for the first line.
const PART: usize = 100;
/// Lines steeper and less steep than the best one that are followed down in the end, and how many
/// sqrt(mean square / Σ (u - mean)²) they turn.
const TURNS: [f64; 2] = [-4.0, 4.0];
/// Mean squares, in units of the scale of y, below the precision of differences of sums.
const LOST: f64 = 1e-6;

/// The best of: a robust first line; lines through pairs of points, screened by their truncated squares; and
/// the best of these turned a little. Each goes down by steps, the last to the end.
pub fn search(scratch: &mut Scratch, h: usize) -> Option<Candidate> {
    let n = scratch.y.len();
    let (pairs, finalists) = if n < LARGE { (PAIRS.0, FINALISTS.0) } else { (PAIRS.1, FINALISTS.1) };
    let first = middle_line(scratch);
    scratch.short.fill(&scratch.x[0], &scratch.y);
    let mut best = descend(scratch, &first, h, f64::NAN, f64::NAN)?;
    let lower = |found: Option<Candidate>, best: &mut Candidate| match found {
        Some(found) if found.objective < best.objective => *best = found,
        _ => {}
    };
    let starts = pair_lines(scratch, pairs);
    let sums = truncated(&scratch.short, &starts, best.bound(h));
    for start in foremost(&sums, finalists) {
        let line = slide(&scratch.short, &starts[start], best.threshold);
        lower(descend(scratch, &line, h, best.threshold, best.objective), &mut best);
    }
    let Candidate { linear, threshold, objective } = best;
    let Within { middle, spread, .. } = Within::of(&scratch.short, &linear, threshold);
    let unit = (objective / (h as f64 * spread)).sqrt();
    for turn in TURNS {
        let by = turn * unit;
        let turned = Linear::line(linear.intercept - by * middle, linear.slopes[0] + by);
        lower(descend(scratch, &turned, h, threshold, best.objective), &mut best);
    }
    if best.objective < LOST * h as f64 {
        return Some(converge(scratch, &best.linear, h, near(best.threshold)));
    }
    // Its own window is that of the points nearest to it, or a step would have gained.
    Some(best)
}

/// Lines through random pairs of points.
fn pair_lines(scratch: &Scratch, pairs: usize) -> Vec<Linear> {
    let (u, v) = (&scratch.x[0], &scratch.y);
    let mut random = subsets::random(v.len());
    let lines = (0..pairs).filter_map(|_| {
        let (i, j) = (random.below(v.len()), random.below(v.len()));
        let slope = (v[j] - v[i]) / (u[j] - u[i]);
        (u[j] != u[i]).then(|| Linear::line(v[i] - slope * u[i], slope))
    });
    lines.collect()
}

/// The line through the middle slope of points half the range of x apart: good if fewer than a quarter of the points
/// are outliers. A sample of the points, spread over x, is sufficient.
fn middle_line(scratch: &mut Scratch) -> Linear {
    let Scratch { x, y, keys, .. } = scratch;
    let (u, n) = (&x[0], y.len());
    let (half, part) = (n / 2, n.div_ceil(PART));
    keys.clear();
    for i in (0..half).step_by(part) {
        let run = u[i + n - half] - u[i];
        if run > 0.0 {
            keys.push(encode((y[i + n - half] - y[i]) / run));
        }
    }
    let slope = if keys.is_empty() { 0.0 } else { upper_median(keys) };
    keys.clear();
    keys.extend(u.iter().zip(y).step_by(2 * part).map(|(u, v)| encode(*v - slope * u)));
    Linear::line(upper_median(keys), slope)
}

fn upper_median(keys: &mut [i64]) -> f64 {
    decode(*keys.select_nth_unstable(keys.len() / 2).1)
}

#[cfg(test)]
mod tests {
    use super::super::frame::Frame;
    use super::super::{Points, exhaustive, trim};
    use super::*;
    use crate::stats::Random;

    /// Forty points of each kind: a spread that grows with x and a few values far too high; three in ten
    /// near another line; a quarter off to one side.
    fn points(random: &mut Random, kind: usize) -> (Vec<f64>, Vec<f64>) {
        let mut uniform = || random.uniform();
        let mut points: Vec<(f64, f64)> = (0..40)
            .map(|_| {
                let mut normal = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
                let (x, noise, odd) = (normal(), normal(), uniform());
                let size = libm::exp(x);
                let usual = 2.7 * size * (1.0 + 0.1 * noise) + 5.0;
                match kind {
                    0 => (size, if odd < 0.02 { 4.0 * usual } else { usual }),
                    1 => (size, if odd < 0.3 { 0.3 * size + 2.0 * uniform() } else { usual }),
                    _ => (x, 2.0 * x + noise + if odd < 0.25 { 6.0 * uniform() } else { 0.0 }),
                }
            })
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        points.into_iter().unzip()
    }

    #[test]
    fn it_mostly_finds_the_line_of_the_exhaustive_search() {
        let mut random = Random::new(7);
        for kind in 0..3 {
            let (mut found, mut excess) = (0, 0.0);
            for _ in 0..100 {
                let (x, y) = points(&mut random, kind);
                let mut scratch = Scratch::default();
                Frame::of(&Points::new([x.as_slice()], &y), &mut scratch);
                let h = trim(y.len(), 2);
                let best = exhaustive::optimum(&mut scratch, h).objective;
                let ours = search(&mut scratch, h).unwrap().objective;
                assert!(ours >= best * (1.0 - 1e-9));
                found += usize::from(ours <= best * (1.0 + 1e-9));
                excess += (ours / best - 1.0) / 100.0;
            }
            assert!(found >= 85 && excess < 0.03, "kind {kind}: {found} of 100, {excess} too much on average");
        }
    }
}
