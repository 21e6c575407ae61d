//! The upper tail of the beta-binomial distribution: a binomial whose probability differs between subjects.

use super::binomial_upper;

/// With more weight than this on the mean, the distribution is a binomial to six digits.
const BINOMIAL: f64 = 1e7;
/// Terms smaller than this share of the sum are left out.
const SMALL: f64 = 1e-14;

/// `P(X >= k)` for `n` trials with a probability from the beta distribution with parameters `a` and `b`.
pub fn beta_binomial_upper(k: usize, n: usize, a: f64, b: f64) -> f64 {
    if k == 0 {
        return 1.0;
    }
    if k > n || a <= 0.0 {
        return 0.0;
    }
    if b <= 0.0 {
        return 1.0;
    }
    if a + b > BINOMIAL {
        return binomial_upper(k, n, a / (a + b));
    }
    // Below the middle the lower tail has fewer terms.
    if (k as f64) <= n as f64 * a / (a + b) {
        return (1.0 - sum(n - k + 1, n, b, a)).clamp(0.0, 1.0);
    }
    sum(k, n, a, b).min(1.0)
}

/// The terms from k upwards. Each follows from the one before.
fn sum(k: usize, n: usize, a: f64, b: f64) -> f64 {
    let (kf, nf) = (k as f64, n as f64);
    let gamma = libm::lgamma;
    let first = gamma(nf + 1.0) - gamma(kf + 1.0) - gamma(nf - kf + 1.0) + gamma(kf + a) + gamma(nf - kf + b)
        - gamma(nf + a + b)
        - (gamma(a) + gamma(b) - gamma(a + b));
    let (mut term, mut total) = (1.0, 1.0);
    for i in k..n {
        let i = i as f64;
        let factor = (nf - i) / (i + 1.0) * (i + a) / (nf - i - 1.0 + b);
        term *= factor;
        total += term;
        // A U-shaped distribution rises again at the end.
        if factor < 1.0 && b >= 1.0 && term < SMALL * total {
            break;
        }
    }
    libm::exp(first) * total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_equal_scipy() {
        // scipy 1.17: betabinom.sf(k - 1, n, a, b)
        let known = [
            (3, 20, 0.5, 4.5, 0.28980375866038743),
            (20, 20, 0.2, 0.3, 0.15752219055237016),
            (90, 1000, 2.0, 98.0, 0.0013694868610855115),
            (1, 5, 1e-3, 7.0, 0.0005696816956149986),
            (400, 1000, 30.0, 60.0, 0.10320111086825068),
        ];
        for (k, n, a, b, wanted) in known {
            let found = beta_binomial_upper(k, n, a, b);
            assert!((found / wanted - 1.0).abs() < 1e-9, "{found} is not {wanted}");
        }
        assert_eq!(beta_binomial_upper(0, 5, 1.0, 1.0), 1.0);
        assert_eq!(beta_binomial_upper(6, 5, 1.0, 1.0), 0.0);
        let (wide, narrow) = (beta_binomial_upper(7, 50, 4e6, 36e6), binomial_upper(7, 50, 0.1));
        assert!((wide / narrow - 1.0).abs() < 1e-5);
    }
}
