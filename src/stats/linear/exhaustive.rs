//! The line of least trimmed squares itself, for small groups.

use super::concentrate::{Candidate, UNKNOWN, converge};
use super::window::Window;
use super::{Linear, Scratch};

/// Slopes this near are one: those of pairs on one line differ by rounding.
const ONE_SLOPE: f64 = 1e-12;

/// The optimum itself. At any slope the best h points are a run of the points in the order of
/// v - slope u. As the slope grows, two points change places at the slope of the line through them,
/// and only the runs that hold one of the two become another subset. So all subsets that can be
/// optimal are found from the slopes of all pairs.
pub fn optimum(scratch: &mut Scratch, h: usize) -> Candidate {
    let n = scratch.y.len();
    let (u, v) = (&scratch.x[0], &scratch.y);
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
    let mut best: (f64, Option<Linear>) = (f64::INFINITY, None);
    let mut look = |run: &[usize]| {
        let mut window = Window::new(h);
        run.iter().for_each(|&i| window.add((u[i], v[i])));
        let residual = window.residual();
        if residual < best.0
            && let Some(line) = window.line(h)
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
    let line = best.1.unwrap_or(Linear::ZERO);
    // The subsets' own lines can only gain from concentration where rounding misled the search.
    converge(scratch, &line, h, UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::super::{Points, fit};
    use super::*;

    #[test]
    fn twins_among_the_points_hide_no_subset() {
        let values = [(-4, -7), (-4, 0), (-4, 12), (0, 0), (4, 1), (9, 13), (9, 13), (10, 0)];
        let (x, y): (Vec<f64>, Vec<f64>) =
            values.iter().map(|&(x, y)| (f64::from(x), f64::from(y) + 0.001 * f64::from(x * y))).unzip();
        let found = fit(&Points::new([x.as_slice()], &y), &mut Scratch::default()).unwrap();
        // The best of all 56 subsets of five, by numpy.
        assert!(found.objective <= 17.116_686_662_538_6 + 1e-9, "{}", found.objective);
    }
}
