//! What makes scales of trimmed residuals estimate the standard deviation of normal ones.

use crate::stats::{normal_density, normal_quantile};

/// Makes the root of the mean of the h smallest of n squared residuals consistent at the normal
/// (Croux and Haesbroeck 1999); 1 where all are kept.
pub fn trimming(h: usize, n: usize) -> f64 {
    if h >= n {
        return 1.0;
    }
    let share = h as f64 / n as f64;
    let q = normal_quantile((1.0 + share) / 2.0);
    1.0 / (1.0 - 2.0 / share * q * normal_density(q)).sqrt()
}

/// The small-sample correction of the raw scale with an intercept and half breakdown: 1 / (1 - e^a / n^b)
/// (Pison, Van Aelst and Willems 2002; the constants are robustbase's).
pub fn small_sample(n: usize, slopes: usize) -> f64 {
    let (a, b) = match slopes {
        1 => (0.630_869_217_886_906, 0.650_789_250_442_946),
        // From what was simulated at n = 3 p² and at n = 5 p².
        p => {
            let p = p as f64;
            let at =
                |size: f64, times: f64, power: f64| (libm::log(size / libm::pow(p, power)), libm::log(times * p * p));
            let (low, low_n) = at(0.746_945_886_714_663, 3.0, 0.562_649_371_926_89);
            let (high, high_n) = at(0.535_478_048_924_724, 5.0, 0.543_323_462_033_445);
            let b = (low - high) / (high_n - low_n);
            (low + b * low_n, b)
        }
    };
    1.0 / (1.0 - libm::exp(a) / libm::pow(n as f64, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_samples_are_corrected_as_in_robustbase() {
        // robustbase 0.95, LTScnp2(p, TRUE, n, 0.5), for n = 50 and n = 400.
        for (slopes, fifty, four_hundred) in
            [(1, 1.172796, 1.039577), (2, 1.261314, 1.059819), (3, 1.382053, 1.084308), (4, 1.501801, 1.106356)]
        {
            assert!((small_sample(50, slopes) - fifty).abs() < 1e-6, "{slopes}");
            assert!((small_sample(400, slopes) - four_hundred).abs() < 1e-6, "{slopes}");
        }
    }
}
