//! The first two derivatives of the logarithm of the gamma function.

/// From this argument on the asymptotic series has full accuracy.
const FAR: f64 = 12.0;

/// The digamma function, the derivative of ln Γ(x), for x > 0: recurrence to a large argument, then the asymptotic
/// series (DLMF 5.5.2 and 5.11.2).
pub fn digamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < FAR {
        shift -= 1.0 / x;
        x += 1.0;
    }
    let s = 1.0 / (x * x);
    let series = s * (1.0 / 12.0 - s * (1.0 / 120.0 - s * (1.0 / 252.0 - s * (1.0 / 240.0 - s / 132.0))));
    shift + libm::log(x) - 0.5 / x - series
}

/// The trigamma function, the derivative of [`digamma`], for x > 0 (DLMF 5.15.5 and 5.15.8).
pub fn trigamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < FAR {
        shift += 1.0 / (x * x);
        x += 1.0;
    }
    let s = 1.0 / (x * x);
    let series = s * (1.0 / 6.0 - s * (1.0 / 30.0 - s * (1.0 / 42.0 - s * (1.0 / 30.0 - s * (5.0 / 66.0)))));
    shift + 1.0 / x + 0.5 * s + series / x
}

/// The x with trigamma(x) = y, for y > 0, by bisection in ln x: trigamma falls from infinity to zero.
pub fn trigamma_inverse(y: f64) -> f64 {
    let (mut low, mut high) = (-40.0f64, 40.0f64);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if trigamma(libm::exp(middle)) > y { low = middle } else { high = middle }
    }
    libm::exp(0.5 * (low + high))
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a / b - 1.0).abs() < 1e-12, "{a} is not {b}");
    }

    #[test]
    fn known_values() {
        const EULER: f64 = 0.577_215_664_901_532_9;
        near(digamma(1.0), -EULER);
        near(digamma(0.5), -EULER - 2.0 * std::f64::consts::LN_2);
        near(digamma(10.0), 2.251_752_589_066_721);
        near(trigamma(1.0), PI * PI / 6.0);
        near(trigamma(0.5), PI * PI / 2.0);
        near(trigamma(100.0), 0.010_050_166_663_333_571);
    }

    #[test]
    fn the_inverse_inverts() {
        for x in [0.01, 0.3, 1.0, 7.5, 1e4] {
            near(trigamma_inverse(trigamma(x)), x);
        }
    }
}
