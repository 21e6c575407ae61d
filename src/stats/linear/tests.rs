use super::*;
use crate::stats::Random;
use proptest::prelude::*;

/// A line's points, in ascending order.
fn sorted(mut points: Vec<(f64, f64)>) -> (Vec<f64>, Vec<f64>) {
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    points.into_iter().unzip()
}

fn fitted((x, y): &(Vec<f64>, Vec<f64>)) -> Result<Fit, NoFit> {
    fit(&Points::new([x.as_slice()], y), &mut Scratch::default())
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{a} is not {b}");
}

/// Rousseeuw and Leroy (1987), table 3: log temperature and log light of the stars of CYG OB1.
const STARS: [(f64, f64); 47] = [
    (4.37, 5.23),
    (4.56, 5.74),
    (4.26, 4.93),
    (4.56, 5.74),
    (4.30, 5.19),
    (4.46, 5.46),
    (3.84, 4.65),
    (4.57, 5.27),
    (4.26, 5.57),
    (4.37, 5.12),
    (3.49, 5.73),
    (4.43, 5.45),
    (4.48, 5.42),
    (4.01, 4.05),
    (4.29, 4.26),
    (4.42, 4.58),
    (4.23, 3.94),
    (4.42, 4.18),
    (4.23, 4.18),
    (3.49, 5.89),
    (4.29, 4.38),
    (4.29, 4.22),
    (4.42, 4.42),
    (4.49, 4.85),
    (4.38, 5.02),
    (4.42, 4.66),
    (4.29, 4.66),
    (4.38, 4.90),
    (4.22, 4.39),
    (3.48, 6.05),
    (4.38, 4.42),
    (4.56, 5.10),
    (4.45, 5.22),
    (3.49, 6.29),
    (4.23, 4.34),
    (4.62, 5.62),
    (4.53, 5.10),
    (4.45, 5.22),
    (4.53, 5.18),
    (4.43, 5.57),
    (4.38, 4.62),
    (4.45, 5.06),
    (4.50, 5.34),
    (4.45, 5.34),
    (4.55, 5.54),
    (4.45, 4.98),
    (4.42, 4.50),
];

#[test]
fn the_stars_of_rousseeuw_and_leroy() {
    // R 4.2.2, robustbase 0.95: ltsReg(log.light ~ log.Te, starsCYG, alpha = 0.5) and lmrob.
    let (x, y) = sorted(STARS.to_vec());
    let points = Points::new([x.as_slice()], &y);
    let found = fit(&points, &mut Scratch::default()).unwrap();
    close(found.linear.intercept, -8.500054884, 1e-8);
    close(found.linear.slopes[0], 3.046156937, 1e-8);
    let out: Vec<usize> = (0..47)
        .filter(|&i| (STARS[i].1 - found.linear.at(&[STARS[i].0, 0.0, 0.0, 0.0])).abs() > CUTOFF * found.scale)
        .map(|i| i + 1)
        .collect();
    assert_eq!(out, [7, 9, 11, 20, 30, 34]);
    let (linear, scale) = mm(&points, &found.raw).unwrap();
    close(linear.intercept, -4.969387980, 1e-4);
    close(linear.slopes[0], 2.253161348, 1e-4);
    close(scale, 0.4714579032, 1e-4);
}

/// Brownlee (1965): air flow, water temperature, acid concentration and stack loss of a plant that
/// oxidises ammonia.
const STACKLOSS: [[f64; 4]; 21] = [
    [80.0, 27.0, 89.0, 42.0],
    [80.0, 27.0, 88.0, 37.0],
    [75.0, 25.0, 90.0, 37.0],
    [62.0, 24.0, 87.0, 28.0],
    [62.0, 22.0, 87.0, 18.0],
    [62.0, 23.0, 87.0, 18.0],
    [62.0, 24.0, 93.0, 19.0],
    [62.0, 24.0, 93.0, 20.0],
    [58.0, 23.0, 87.0, 15.0],
    [58.0, 18.0, 80.0, 14.0],
    [58.0, 18.0, 89.0, 14.0],
    [58.0, 17.0, 88.0, 13.0],
    [58.0, 18.0, 82.0, 11.0],
    [58.0, 19.0, 93.0, 12.0],
    [50.0, 18.0, 89.0, 8.0],
    [50.0, 18.0, 86.0, 7.0],
    [50.0, 19.0, 72.0, 8.0],
    [50.0, 19.0, 79.0, 8.0],
    [50.0, 20.0, 80.0, 9.0],
    [56.0, 20.0, 82.0, 15.0],
    [70.0, 20.0, 91.0, 15.0],
];

#[test]
fn the_stack_loss_of_brownlee() {
    // R 4.2.2, robustbase 0.95: ltsReg(stack.loss ~ ., stackloss, alpha = 0.5) and lmrob.
    let mut rows = STACKLOSS.to_vec();
    rows.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let columns: Vec<Vec<f64>> = (0..4).map(|k| rows.iter().map(|row| row[k]).collect()).collect();
    let points = Points::new(columns[..3].iter().map(Vec::as_slice), &columns[3]);
    let found = fit(&points, &mut Scratch::default()).unwrap();
    let all = |found: &Linear| [found.intercept, found.slopes[0], found.slopes[1], found.slopes[2]];
    for (ours, theirs) in
        all(&found.linear).into_iter().zip([-37.6524589008, 0.7976855601, 0.5773404574, -0.0670601769])
    {
        close(ours, theirs, 1e-9);
    }
    let (linear, scale) = mm(&points, &found.raw).unwrap();
    for (ours, theirs) in all(&linear).into_iter().zip([-41.5246159715, 0.9388453471, 0.5795531863, -0.1129218251]) {
        close(ours, theirs, 1e-5);
    }
    close(scale, 1.912354456, 1e-5);
    // The last day has no weight at all.
    let last = STACKLOSS[20];
    assert!((last[3] - linear.at(&[last[0], last[1], last[2], 0.0])).abs() > 4.685 * scale);
}

#[test]
fn degenerate_groups_say_why() {
    let reason = |points: Vec<(f64, f64)>| fitted(&sorted(points)).err();
    assert_eq!(reason(vec![(1.0, 2.0); 5]), Some(NoFit::Few));
    assert_eq!(reason((0..10).map(|i| (5.0, f64::from(i))).collect()), Some(NoFit::Tied));
    assert_eq!(reason((0..10).map(|i| (f64::from(i), 3.0 * f64::from(i))).collect()), Some(NoFit::Exact));
    assert_eq!(reason((0..40).map(|i| (f64::from(i), 7.0)).collect()), Some(NoFit::Exact));
    // Quantities that are the weights in another unit; one regressor that never changes.
    let x: Vec<f64> = (0..30).map(f64::from).collect();
    let y: Vec<f64> = x.iter().map(|x| 3.0 * x + (x * x) % 7.0).collect();
    for other in [x.iter().map(|x| 10.0 * x).collect(), vec![2.0; 30]] {
        let points = Points::new([x.as_slice(), &other], &y);
        assert_eq!(fit(&points, &mut Scratch::default()).err(), Some(NoFit::Tied));
    }
}

fn objective(residuals: impl Iterator<Item = f64>, coefficients: usize) -> f64 {
    let mut squares: Vec<f64> = residuals.map(|r| r * r).collect();
    squares.sort_by(f64::total_cmp);
    squares[..trim(squares.len(), coefficients)].iter().sum()
}

proptest! {
    #[test]
    fn small_groups_get_the_optimum(values in prop::collection::vec((-20..20i32, -20..20i32), 6..13)) {
        let points = values.iter().map(|&(x, y)| (f64::from(x), f64::from(y) + 0.001 * f64::from(x * y)));
        let (x, y) = sorted(points.collect());
        if let Ok(found) = fitted(&(x.clone(), y.clone())) {
            // Every subset of h points, the plain way.
            let (n, h) = (x.len(), trim(x.len(), 2));
            let mut best = f64::INFINITY;
            for mask in 0..1u32 << n {
                if mask.count_ones() as usize == h {
                    let weights: Vec<f64> = (0..n).map(|i| f64::from(mask >> i & 1)).collect();
                    let Some(line) = weighted(&Points::new([x.as_slice()], &y), &weights) else { continue };
                    let off = |i: usize| y[i] - line.at(&[x[i], 0.0, 0.0, 0.0]);
                    best = best.min((0..n).map(|i| weights[i] * off(i) * off(i)).sum());
                }
            }
            prop_assert!(found.objective <= best + 1e-7 * (1.0 + best), "{} above {}", found.objective, best);
            let again = objective(x.iter().zip(&y).map(|(x, y)| y - found.raw.at(&[*x, 0.0, 0.0, 0.0])), 2);
            prop_assert!((again - found.objective).abs() <= 1e-7 * (1.0 + best));
        }
    }

    #[test]
    fn forty_percent_of_anything_moves_it_little(seed in 0..500u64, n in 30..400usize, far in 10.0..1e6f64) {
        let mut random = Random::new(seed);
        let mut uniform = || random.uniform();
        let points = sorted((0..n).map(|i| {
            let x = 1.0 + 100.0 * uniform();
            let noise = uniform() + uniform() + uniform() - 1.5;
            (x, if i * 10 < n * 4 { far * uniform() } else { 2.0 + 3.0 * x + noise })
        }).collect());
        let found = fitted(&points).unwrap();
        if far > 1e3 {
            prop_assert!((found.linear.slopes[0] - 3.0).abs() < 0.05, "{:?}", found.linear);
            prop_assert!(found.scale < 2.0, "{}", found.scale);
        }
    }

    #[test]
    fn so_it_is_with_several_regressors(seed in 0..200u64, n in 60..300usize, far in 1e4..1e6f64) {
        let mut random = Random::new(seed);
        let mut uniform = || random.uniform();
        let mut rows: Vec<[f64; 3]> = (0..n).map(|i| {
            let (weight, quantity) = (1.0 + 100.0 * uniform(), 1.0 + 20.0 * uniform());
            let noise = uniform() + uniform() + uniform() - 1.5;
            let value = if i * 10 < n * 4 { far * uniform() } else { 2.0 + 3.0 * weight - 5.0 * quantity + noise };
            [weight, quantity, value]
        }).collect();
        rows.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let columns: Vec<Vec<f64>> = (0..3).map(|k| rows.iter().map(|row| row[k]).collect()).collect();
        let points = Points::new(columns[..2].iter().map(Vec::as_slice), &columns[2]);
        let found = fit(&points, &mut Scratch::default()).unwrap();
        prop_assert!((found.linear.slopes[0] - 3.0).abs() < 0.05, "{:?}", found.linear);
        prop_assert!((found.linear.slopes[1] + 5.0).abs() < 0.25, "{:?}", found.linear);
        prop_assert!(found.scale < 2.0, "{}", found.scale);
        let mut residuals = Vec::new();
        points.residuals(&found.raw, &mut residuals);
        let again = objective(residuals.into_iter(), 3);
        prop_assert!((again / found.objective - 1.0).abs() < 1e-7);
    }
}
