//! Tail probabilities, written to keep their relative accuracy far out in the tail.

use super::ln;

/// `P(|Z| >= |z|)` for a standard normal `Z`.
pub fn normal_two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// The `z` with `P(Z <= z) = p` for a standard normal `Z`: the approximation 26.2.23 of Abramowitz
/// and Stegun, made exact by Halley steps.
pub fn normal_quantile(p: f64) -> f64 {
    if !(p > 0.0 && p < 1.0) {
        return if p <= 0.0 {
            f64::NEG_INFINITY
        } else if p >= 1.0 {
            f64::INFINITY
        } else {
            f64::NAN
        };
    }
    let tail = p.min(1.0 - p);
    let t = (-2.0 * libm::log(tail)).sqrt();
    let mut z = t - ((0.010328 * t + 0.802853) * t + 2.515517) / (((0.001308 * t + 0.189269) * t + 1.432788) * t + 1.0);
    for _ in 0..3 {
        let error = 0.5 * libm::erfc(z / std::f64::consts::SQRT_2) - tail;
        let step = -error / normal_density(z);
        z -= step / (1.0 + 0.5 * z * step);
    }
    if p < 0.5 { -z } else { z }
}

/// The density of the standard normal.
pub fn normal_density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt()
}

/// `P(|T| >= |t|)` for Student's t with `df` degrees of freedom: the regularised incomplete beta
/// function `I_x(df/2, 1/2)` at `x = df / (df + t²)`. An infinite `df` is the normal.
pub fn student_t_two_sided(t: f64, df: f64) -> f64 {
    if t.is_nan() {
        return f64::NAN;
    }
    if df.is_infinite() {
        return normal_two_sided(t);
    }
    let square = t * t;
    if square.is_infinite() {
        return 0.0;
    }
    incomplete_beta(df / 2.0, 0.5, df / (df + square), square / (df + square))
}

/// The standard normal that has about as much beyond it as `t` has for Student's t with `df` degrees of freedom
/// (Wallace 1959): with three degrees or more its error is at most 3 %.
pub fn normal_of_student(t: f64, df: f64) -> f64 {
    (8.0 * df + 1.0) / (8.0 * df + 3.0) * (df * ln(1.0 + t * t / df)).sqrt()
}

/// Regularised incomplete beta `I_x(a, b)`, with `y = 1 - x` given apart to keep its digits
/// (continued fraction of DLMF 8.17.22, evaluated by Lentz's method).
fn incomplete_beta(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    let front =
        libm::exp(libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log(y));
    if x < (a + 1.0) / (a + b + 2.0) {
        front * continued_fraction(a, b, x) / a
    } else {
        1.0 - front * continued_fraction(b, a, y) / b
    }
}

fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let guard = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in 1..500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        value *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        let step = d * c;
        value *= step;
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    value
}

/// `P(Z >= z)` for a standard normal `Z`.
pub fn normal_upper(z: f64) -> f64 {
    0.5 * libm::erfc(z / std::f64::consts::SQRT_2)
}

/// `P(X >= x)` for a chi-square `X`: the regularised incomplete gamma function `Q(df/2, x/2)`
/// (series of DLMF 8.11.4 near the middle, continued fraction of DLMF 8.9.2 in the tail).
pub fn chi_square_tail(x: f64, df: f64) -> f64 {
    if x.is_nan() || df <= 0.0 {
        return f64::NAN;
    }
    let (a, x) = (df / 2.0, x / 2.0);
    if x <= 0.0 {
        return 1.0;
    }
    let front = libm::exp(a * libm::log(x) - x - libm::lgamma(a));
    if x < a + 1.0 {
        let (mut term, mut sum) = (1.0 / a, 1.0 / a);
        let mut n = a;
        while term > sum * 1e-17 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return (1.0 - front * sum).max(0.0);
    }
    let mut b = x + 1.0 - a;
    let mut c = 1e300;
    let mut d = 1.0 / b;
    let mut value = d;
    for i in 1..10_000 {
        let i = f64::from(i);
        let an = -i * (i - a);
        b += 2.0;
        d = 1.0 / (an * d + b);
        c = b + an / c;
        let step = d * c;
        value *= step;
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    front * value
}

/// `P(X >= x)` for an F distribution.
pub fn f_upper(x: f64, numerator: f64, denominator: f64) -> f64 {
    if x.is_nan() {
        return f64::NAN;
    }
    let all = denominator + numerator * x;
    incomplete_beta(denominator / 2.0, numerator / 2.0, denominator / all, numerator * x / all)
}

/// `P(X >= k)` for a binomial `X` of `n` trials with probability `p`.
pub fn binomial_upper(k: usize, n: usize, p: f64) -> f64 {
    if k == 0 {
        return 1.0;
    }
    if k > n {
        return 0.0;
    }
    incomplete_beta(k as f64, (n - k + 1) as f64, p, 1.0 - p)
}

/// `P(X >= k)` and `P(X <= k)` for a negative binomial `X` with a mean and a variance of
/// mean + dispersion · mean²; a dispersion of zero is Poisson's.
pub fn negative_binomial_tails(k: f64, mean: f64, dispersion: f64) -> (f64, f64) {
    let size = 1.0 / dispersion.max(1e-7);
    let (hit, miss) = (mean / (size + mean), size / (size + mean));
    if mean <= 0.0 {
        return (f64::from(u8::from(k <= 0.0)), 1.0);
    }
    let upper = if k <= 0.0 { 1.0 } else { incomplete_beta(k, size, hit, miss) };
    (upper, incomplete_beta(size, k + 1.0, miss, hit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a / b - 1.0).abs() < 1e-10, "{a} is not {b}");
    }

    #[test]
    fn tails_equal_scipy() {
        // scipy 1.16: 2 * norm.sf(z); 2 * t.sf(t, df)
        close(normal_two_sided(1.959963984540054), 0.05);
        close(normal_two_sided(10.0), 1.523970604832107e-23);
        close(student_t_two_sided(2.0, 4.0), 0.11611652351681556);
        close(student_t_two_sided(12.706204736432095, 1.0), 0.05);
        close(student_t_two_sided(1.0, 1.0), 0.5);
        assert_eq!(student_t_two_sided(0.0, 3.0), 1.0);
        assert_eq!(student_t_two_sided(f64::INFINITY, 3.0), 0.0);
    }

    #[test]
    fn the_normal_of_a_student_is_nearly_the_exact_one() {
        for df in [3.0, 8.0, 40.0, 1e6] {
            for t in [0.1, 1.0, 3.0, 10.0, 30.0] {
                let exact = student_t_two_sided(t, df);
                let u = normal_of_student(t, df);
                let wanted = if exact < 1e-300 { continue } else { -normal_quantile(exact / 2.0) };
                assert!((u / wanted - 1.0).abs() < 0.03, "{u} is not {wanted} (t {t}, df {df})");
            }
        }
    }

    #[test]
    fn discrete_and_chi_square_tails_equal_scipy() {
        // scipy 1.17: chi2.sf, binom.sf(k - 1, n, p), norm.sf
        close(chi_square_tail(3.84, 1.0), 0.05004352124870519);
        close(chi_square_tail(150.0, 89.0), 5.645606191252984e-05);
        close(chi_square_tail(40.0, 89.0), 0.9999983924733663);
        close(binomial_upper(3, 20, 0.05), 0.07548367378849626);
        close(binomial_upper(1, 1, 0.25), 0.25);
        close(binomial_upper(7, 9, 1e-3), 3.5937028e-20);
        // scipy 1.17: f.sf
        close(f_upper(2.5, 60.0, 12.5), 0.038544410380464356);
        close(f_upper(2.5, 60.0, 9e4), 1.1891625851350003e-09);
        assert_eq!(f_upper(0.0, 3.0, 4.0), 1.0);
        close(normal_upper(3.0), 0.0013498980316300933);
        // nbinom.sf(k - 1, 1 / d, 1 / (1 + d * m)), nbinom.cdf(k, ...), poisson.sf
        let (upper, lower) = negative_binomial_tails(7.0, 2.0, 0.5);
        close(upper, 0.03515625);
        close(lower, 0.98046875);
        let (upper, lower) = negative_binomial_tails(30.0, 5.0, 0.2);
        close(upper, 3.08244489133358e-06);
        close(lower, 0.9999982672743499);
        let (upper, lower) = negative_binomial_tails(0.0, 3.0, 1.0);
        close(upper, 1.0);
        close(lower, 0.25);
        assert!((negative_binomial_tails(9.0, 3.0, 0.0).0 / 0.003802992061675955 - 1.0).abs() < 1e-5);
        assert_eq!((binomial_upper(0, 5, 0.1), binomial_upper(6, 5, 0.1)), (1.0, 0.0));
    }

    #[test]
    fn normal_quantiles_equal_scipy() {
        // scipy 1.17: norm.ppf
        close(normal_quantile(0.975), 1.959963984540054);
        close(normal_quantile(0.9875), 2.241402727604947);
        close(normal_quantile(1e-12), -7.034483825301131);
        assert!(normal_quantile(0.5).abs() < 1e-15);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
    }
}
