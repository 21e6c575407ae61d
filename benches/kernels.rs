//! Kernels of the core, for profiling: `cargo bench`.

use divan::{Bencher, black_box};
use redlane::progress::Progress;
use redlane::sample;
use redlane::stats::{OrderStatistics, Random, encode, exact_sum, linear, series};

fn main() {
    divan::main();
}

fn values(n: usize) -> Vec<f64> {
    (0..n as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / 100.0).collect()
}

#[divan::bench(args = [3, 30, 3_000, 300_000])]
fn correctly_rounded_sum(bencher: Bencher, n: usize) {
    let values = values(n);
    bencher.bench(|| exact_sum(black_box(&values)));
}

#[divan::bench(args = [10, 100, 10_000])]
fn median_and_mad(bencher: Bencher, n: usize) {
    let keys: Vec<i64> = values(n).into_iter().map(encode).collect();
    bencher.with_inputs(|| keys.clone()).bench_values(|mut keys| {
        let mut ordered = OrderStatistics::new(&mut keys, false);
        let median = ordered.median().unwrap_or(0.0);
        ordered.mad(median)
    });
}

#[divan::bench]
fn hundred_thousand_shipments() -> usize {
    sample::shipments(100_000, 0, true, &Progress::default()).map_or(0, |s| s.ships.len())
}

#[divan::bench(args = [20, 200, 2_000])]
fn least_trimmed_squares(bencher: Bencher, n: usize) {
    let mut random = Random::new(1);
    let mut uniform = || (random.below(1 << 30) as f64 + 0.5) / f64::from(1 << 30);
    let mut points: Vec<(f64, f64)> = (0..n)
        .map(|_| {
            let weight = 1.0 + 100.0 * uniform() * uniform();
            (weight, 5.0 + 3.0 * weight * (0.7 + 0.2 * (uniform() + uniform() + uniform())))
        })
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let (x, y): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
    let points = linear::Points::new([x.as_slice()], &y);
    bencher
        .with_inputs(linear::Scratch::default)
        .bench_values(|mut scratch| linear::fit(black_box(&points), &mut scratch).is_ok());
}

#[divan::bench(args = [20, 200, 2_000])]
fn least_trimmed_squares_of_two_regressors(bencher: Bencher, n: usize) {
    let mut random = Random::new(1);
    let mut uniform = || (random.below(1 << 30) as f64 + 0.5) / f64::from(1 << 30);
    let mut x: Vec<f64> = (0..n).map(|_| 1.0 + 100.0 * uniform() * uniform()).collect();
    x.sort_by(f64::total_cmp);
    let pieces: Vec<f64> = x.iter().map(|x| (x * (0.5 + uniform())).ceil()).collect();
    let y: Vec<f64> = x.iter().zip(&pieces).map(|(x, q)| 5.0 + (3.0 * x + q) * (0.7 + 0.6 * uniform())).collect();
    let points = linear::Points::new([x.as_slice(), &pieces], &y);
    bencher
        .with_inputs(linear::Scratch::default)
        .bench_values(|mut scratch| linear::fit(black_box(&points), &mut scratch).is_ok());
}

#[divan::bench]
fn baseline_of_48_months(bencher: Bencher) {
    let mut random = Random::new(1);
    let x: Vec<f64> = (0..48)
        .map(|t| {
            let noise: f64 = (0..12).map(|_| (random.below(1 << 30) as f64) / f64::from(1 << 30)).sum::<f64>() - 6.0;
            8.0 + 0.3 * f64::from(t % 12) / 12.0 + 0.1 * noise
        })
        .collect();
    let mut scratch = series::Scratch::default();
    bencher.bench_local(|| series::baseline(black_box(&x), 12, |_| true, &mut scratch).scale);
}
