//! Combining p-values with unknown dependence.

use std::f64::consts::PI;

/// The Cauchy combination of Liu and Xie (2020) with equal weights. It is valid in the tail under any dependence. NaN
/// is left out; `None` if nothing is left.
pub fn cauchy_combination(p: &[f64]) -> Option<f64> {
    // tan((1/2 - p) π) is computed as 1 / tan(p π), which keeps the digits of small p.
    let term = |p: f64| 1.0 / libm::tan(p.max(1e-300) * PI);
    let mut terms: Vec<f64> = p.iter().filter(|p| !p.is_nan()).map(|&p| term(p)).collect();
    if terms.is_empty() {
        return None;
    }
    terms.sort_unstable_by(f64::total_cmp);
    let mean = crate::stats::exact_sum(&terms) / terms.len() as f64;
    let p = libm::atan(1.0 / mean) / PI;
    Some(if p < 0.0 { p + 1.0 } else { p })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_p_value_combines_to_itself() {
        for p in [1e-200, 1e-12, 0.03, 0.5, 0.9] {
            assert!((cauchy_combination(&[p]).unwrap() / p - 1.0).abs() < 1e-6, "{p}");
            assert!((cauchy_combination(&[p, p, f64::NAN]).unwrap() / p - 1.0).abs() < 1e-6);
        }
        assert_eq!(cauchy_combination(&[f64::NAN]), None);
    }

    #[test]
    fn a_strong_signal_survives_weak_company() {
        let p = cauchy_combination(&[1e-10, 0.5, 0.7, 0.9]).unwrap();
        assert!((3.9e-10..4.1e-10).contains(&p), "{p}");
    }
}
