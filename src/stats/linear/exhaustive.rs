//! The line of least trimmed squares itself, for groups up to a size.
//!
//! At any slope the best h points are a run of the points in the order of v - slope u (the window of the best
//! intercept). As the slope grows, two points change places at the slope of the line through them, and only the runs
//! that hold one of the two become another subset. So a sweep over the slopes of all pairs meets every subset that can
//! be optimal. The sums of all runs are kept, so that a change of places costs the same for any number of points.

use super::concentrate::{Candidate, UNKNOWN, converge};
use super::window::Window;
use super::{Linear, Scratch};
use crate::stats::{Places, Sorter, encode};

/// Slopes this near are one: those of pairs on one line differ by rounding.
const ONE_SLOPE: f64 = 1e-12;
/// A sum of squares from sums that were updated may be wrong by this multiple of what its updates rounded.
const ROUNDED: f64 = 16.0 * f64::EPSILON;

/// Working memory of the sweep, kept from group to group.
#[derive(Default)]
pub struct Sweep {
    /// The points in the order of their residuals, and the place of each in it.
    order: Vec<u32>,
    place: Vec<u32>,
    /// The pairs with different u, and the slopes of the lines through them.
    pairs: Vec<(u32, u32)>,
    slopes: Vec<f64>,
    keys: Vec<u64>,
    sorter: Sorter,
    runs: Vec<Run>,
    bundles: Vec<(u32, u32)>,
}

/// The sums of a run, and the size of the sums that its updates have rounded.
#[derive(Clone, Copy)]
struct Run {
    window: Window,
    rounded: f64,
}

/// The sweep over one group.
struct Search<'a> {
    u: &'a [f64],
    v: &'a [f64],
    h: usize,
    order: &'a mut [u32],
    runs: &'a mut [Run],
    best: (f64, Option<Linear>),
}

impl Search<'_> {
    fn point(&self, at: usize) -> (f64, f64) {
        let i = self.order[at] as usize;
        (self.u[i], self.v[i])
    }

    /// Adds up the points of a run and compares it with the best.
    fn look(&mut self, run: usize) {
        let mut window = Window::new(self.h);
        (run..run + self.h).for_each(|at| window.add(self.point(at)));
        self.runs[run] = Run { window, rounded: 0.0 };
        let residual = window.residual();
        if residual < self.best.0
            && let Some(line) = window.line(self.h)
        {
            self.best = (residual, Some(line));
        }
    }

    /// A run gains one point for another, near this slope. Only if it may be better than the best are its points added
    /// up anew.
    fn exchange(&mut self, run: usize, lost: (f64, f64), gained: (f64, f64), slope: f64) {
        let Run { window, rounded } = &mut self.runs[run];
        *rounded += window.exchange(lost, gained, slope);
        if window.residual() - ROUNDED * *rounded < self.best.0 {
            self.look(run);
        }
    }

    /// The points at two neighbouring places change them.
    fn swap(&mut self, at: usize, slope: f64) {
        let (n, h) = (self.order.len(), self.h);
        let (first, second) = (self.point(at), self.point(at + 1));
        self.order.swap(at, at + 1);
        if at + 1 >= h {
            self.exchange(at + 1 - h, first, second, slope);
        }
        if at + 1 + h <= n {
            self.exchange(at + 1, second, first, slope);
        }
    }

    /// Points on one line turn round as a whole.
    fn turn(&mut self, from: usize, to: usize) {
        let (n, h, u, v) = (self.order.len(), self.h, self.u, self.v);
        self.order[from..=to].sort_by(|&i, &j| {
            let (i, j) = (i as usize, j as usize);
            u[j].total_cmp(&u[i]).then(v[i].total_cmp(&v[j]))
        });
        // Every run that begins or ends inside them is another subset.
        for cut in from + 1..=to {
            if cut >= h {
                self.look(cut - h);
            }
            if cut + h <= n {
                self.look(cut);
            }
        }
    }
}

/// The optimum itself.
pub fn optimum(scratch: &mut Scratch, h: usize) -> Candidate {
    let line = sweep(scratch, h).unwrap_or(Linear::ZERO);
    // The subsets' own lines can only gain from concentration where rounding misled the search.
    converge(scratch, &line, h, UNKNOWN)
}

fn sweep(scratch: &mut Scratch, h: usize) -> Option<Linear> {
    let Scratch { x, y: v, sweep, .. } = scratch;
    let (n, u) = (v.len(), &x[0]);
    let Sweep { order, place, pairs, slopes, keys, sorter, runs, bundles } = sweep;
    // Below the smallest slope the order is that of u, the smaller v first among equal u.
    order.clear();
    order.extend(0..n as u32);
    order.sort_by(|&a, &b| {
        let (a, b) = (a as usize, b as usize);
        u[a].total_cmp(&u[b]).then(v[a].total_cmp(&v[b]))
    });
    place.clear();
    place.resize(n, 0);
    (0..).zip(&*order).for_each(|(at, &i)| place[i as usize] = at);
    sort_pairs(u, v, pairs, slopes, keys, sorter);
    runs.clear();
    runs.resize(n - h + 1, Run { window: Window::new(h), rounded: 0.0 });
    let mut search = Search { u, v, h, order, runs, best: (f64::INFINITY, None) };
    (0..=n - h).for_each(|run| search.look(run));
    let places = Places::below(pairs.len());
    let ends = |key: u64, place: &[u32]| {
        let (i, j) = pairs[places.at(key)];
        let (i, j) = (place[i as usize], place[j as usize]);
        (i.min(j), i.max(j))
    };
    let mut from = 0;
    while from < keys.len() {
        let slope = slopes[places.at(keys[from])];
        let same = |key: &&u64| slopes[places.at(**key)] - slope <= ONE_SLOPE * slope.abs().max(1.0);
        let to = from + 1 + keys[from + 1..].iter().take_while(same).count();
        let (first, last) = ends(keys[from], &place[..]);
        if to == from + 1 && last == first + 1 {
            search.swap(first as usize, slope);
            place[search.order[first as usize] as usize] = first;
            place[search.order[last as usize] as usize] = last;
            from = to;
            continue;
        }
        // Swaps at one slope are of points on one line, or on parallel ones: each such bundle of neighbours turns round
        // as a whole. One by one, twins among them would undo each other's swaps.
        bundles.clear();
        bundles.extend(keys[from..to].iter().map(|&key| ends(key, &place[..])));
        bundles.sort_unstable();
        let mut at = 0;
        while at < bundles.len() {
            let (first, mut last) = bundles[at];
            at += 1;
            while at < bundles.len() && bundles[at].0 <= last {
                last = last.max(bundles[at].1);
                at += 1;
            }
            search.turn(first as usize, last as usize);
            for at in first..=last {
                place[search.order[at as usize] as usize] = at;
            }
        }
        from = to;
    }
    search.best.1
}

/// The pairs of points with different u, as keys in the order of the slopes of the lines through them.
fn sort_pairs(
    u: &[f64],
    v: &[f64],
    pairs: &mut Vec<(u32, u32)>,
    slopes: &mut Vec<f64>,
    keys: &mut Vec<u64>,
    sorter: &mut Sorter,
) {
    pairs.clear();
    slopes.clear();
    for j in 0..v.len() {
        for i in 0..j {
            if u[i] != u[j] {
                pairs.push((i as u32, j as u32));
                slopes.push((v[j] - v[i]) / (u[j] - u[i]));
            }
        }
    }
    let places = Places::below(pairs.len());
    keys.clear();
    keys.extend(slopes.iter().enumerate().map(|(at, slope)| places.put(encode(*slope) as u64 ^ (1 << 63), at)));
    sorter.sort(keys);
    // The keys hold the first digits of the slopes.
    for tied in keys.chunk_by_mut(|a, b| places.number(*a) == places.number(*b)).filter(|tied| tied.len() > 1) {
        tied.sort_unstable_by(|a, b| {
            let (a, b) = (places.at(*a), places.at(*b));
            slopes[a].total_cmp(&slopes[b]).then(a.cmp(&b))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Frame;
    use super::super::{Points, fit, trim};
    use super::*;
    use crate::stats::Random;
    use proptest::prelude::*;

    #[test]
    fn twins_among_the_points_hide_no_subset() {
        let values = [(-4, -7), (-4, 0), (-4, 12), (0, 0), (4, 1), (9, 13), (9, 13), (10, 0)];
        let (x, y): (Vec<f64>, Vec<f64>) =
            values.iter().map(|&(x, y)| (f64::from(x), f64::from(y) + 0.001 * f64::from(x * y))).unzip();
        let found = fit(&Points::new([x.as_slice()], &y), &mut Scratch::default()).unwrap();
        // The best of all 56 subsets of five, by numpy.
        assert!(found.objective <= 17.116_686_662_538_6 + 1e-9, "{}", found.objective);
    }

    /// The smallest sum over the runs at every slope between two neighbouring slopes of pairs, sorted anew at each.
    fn plainly(u: &[f64], v: &[f64], h: usize) -> f64 {
        let n = v.len();
        let mut slopes: Vec<f64> = (0..n)
            .flat_map(|j| (0..j).map(move |i| (i, j)))
            .filter(|&(i, j)| u[i] != u[j])
            .map(|(i, j)| (v[j] - v[i]) / (u[j] - u[i]))
            .collect();
        slopes.sort_by(f64::total_cmp);
        let (first, last) = (slopes[0] - 1.0, slopes[slopes.len() - 1] + 1.0);
        let between = slopes.windows(2).map(|w| 0.5 * (w[0] + w[1]));
        let all: Vec<f64> = [first].into_iter().chain(between).chain([last]).collect();
        let mut best = f64::INFINITY;
        for slope in all {
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|&i, &j| (v[i] - slope * u[i]).total_cmp(&(v[j] - slope * u[j])));
            for run in order.windows(h) {
                let mean = |of: &[f64]| run.iter().map(|&i| of[i]).sum::<f64>() / h as f64;
                let (mu, mv) = (mean(u), mean(v));
                let sum = |f: &dyn Fn(f64, f64) -> f64| run.iter().map(|&i| f(u[i] - mu, v[i] - mv)).sum::<f64>();
                let (uu, uv, vv) = (sum(&|u, _| u * u), sum(&|u, v| u * v), sum(&|_, v| v * v));
                if uu > 0.0 {
                    best = best.min(vv - uv * uv / uu);
                }
            }
        }
        best
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_sweep_finds_the_best_run_of_every_slope(seed in any::<u64>(), n in 6..60usize, kind in 0..4usize) {
            let mut random = Random::new(seed);
            let mut uniform = || random.uniform();
            let mut points: Vec<(f64, f64)> = (0..n).map(|_| {
                let (x, noise, odd) = (6.0 * uniform(), uniform() + uniform() - 1.0, uniform());
                match kind {
                    0 => (libm::exp(x), libm::exp(x) * (2.0 + 0.3 * noise)),
                    // A point far away leaves its mark on sums that are updated.
                    1 => (x, 2.0 * x + noise + if odd < 0.3 { 1e6 * odd } else { 0.0 }),
                    2 => (x + if odd < 0.2 { 1e5 } else { 0.0 }, noise),
                    // Few different values, so many pairs have one slope.
                    _ => (x.round(), (3.0 * noise).round() + if odd < 0.5 { x.round() } else { 0.0 }),
                }
            }).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            let (u, v): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
            let h = trim(n, 2);
            prop_assume!(!u.chunk_by(|a, b| a == b).any(|tied| tied.len() >= h));
            let mut scratch = Scratch::default();
            Frame::of(&Points::new([u.as_slice()], &v), &mut scratch);
            let wanted = plainly(&scratch.x[0].clone(), &scratch.y.clone(), h);
            let found = optimum(&mut scratch, h).objective;
            prop_assert!(found <= wanted * (1.0 + 1e-7) + 1e-9, "{} above {}", found, wanted);
        }
    }
}
