//! Sums over vectors.

/// Four sums side by side, which vectorise.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (first, second) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = first.remainder().iter().zip(second.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0; 4];
    for (a, b) in first.zip(second) {
        for i in 0..4 {
            sums[i] += a[i] * b[i];
        }
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3]) + rest
}

/// Takes a share of the part along a unit vector off.
pub(super) fn off(x: &mut [f64], unit: &[f64], share: f64) {
    let along = share * dot(x, unit);
    x.iter_mut().zip(unit).for_each(|(x, u)| *x -= along * u);
}

pub(super) fn normalise(x: &mut [f64]) {
    let size = dot(x, x).sqrt();
    x.iter_mut().for_each(|x| *x /= size);
}
