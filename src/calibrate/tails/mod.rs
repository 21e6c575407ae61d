//! The tails of robust scores, learnt from the scores themselves. Prices have longer tails than the normal, often
//! longer on one side, and some of them are wrong. What was learnt from wrong prices would hide them.
//!
//! The scores of a level are first made comparable: scales are moderated, and the Student's t of a scale from few
//! members is read as a normal. Each side of them is then explained by one of several stories: one core; a core and
//! looser nature; a core and errors that stand off; all three. The p-value of a score is the share of *nature* beyond
//! it: errors are left out, looser nature is not. See docs/methods.md.

mod bins;
mod curve;
mod fit;
mod histogram;
mod law;
mod moderation;
mod search;
mod sides;
mod story;
#[expect(clippy::module_inception)]
mod tails;

pub use histogram::ScoreHistogram;
pub use law::Tail;
pub use moderation::Moderation;
pub use story::Story;
pub use tails::{Side, Tails};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{normal_quantile, normal_upper, student_t_two_sided};

    /// Tails of a distribution from its quantile function.
    fn learnt(quantile: impl Fn(f64) -> f64) -> Tails {
        let n = 200_000;
        let mut counts = ScoreHistogram::default();
        for i in 0..n {
            counts.of(500).add(quantile((f64::from(i) + 0.5) / f64::from(n)));
        }
        counts.tails()
    }

    fn within(p: f64, truth: f64, times: f64) {
        assert!(p < truth * times && p > truth / times, "{p} is not {truth}");
    }

    #[test]
    fn normal_scores_have_normal_tails() {
        let tails = learnt(normal_quantile);
        for z in [1.0, 2.0, 3.0, -4.0, 5.0] {
            within(tails.p_value(z, 500), 2.0 * normal_upper(f64::abs(z)), 1.5);
        }
    }

    #[test]
    fn students_and_one_sided_tails_are_followed() {
        // Student's t with four degrees of freedom has a quantile function in closed form (Shaw 2006).
        let t4 = |p: f64| {
            let alpha = 4.0 * p * (1.0 - p);
            let root = libm::cos(libm::acos(alpha.sqrt()) / 3.0) / alpha.sqrt();
            (p - 0.5).signum() * 2.0 * (root - 1.0).sqrt()
        };
        let tails = learnt(t4);
        for z in [1.0, 3.0, -6.0, 9.0] {
            within(tails.p_value(z, 500), student_t_two_sided(z, 4.0), 1.5);
        }
        // A lognormal less its median: a long tail above, a short one below.
        let tails = learnt(|p| libm::exp(0.5 * normal_quantile(p)) - 1.0);
        for u in [1.5, 3.0, 3.5] {
            within(tails.p_value(libm::exp(0.5 * u) - 1.0, 500), 2.0 * normal_upper(u), 1.5);
        }
        // The short side is treated as normal, which makes its p-values larger than needed.
        assert!(tails.p_value(-0.8, 500) > 2.0 * normal_upper(libm::log(0.2).abs() / 0.5));
    }

    #[test]
    fn what_is_off_on_one_side_does_not_make_its_tail() {
        // One price in a hundred is a quarter of the usual price: five scales below.
        let mut counts = ScoreHistogram::default();
        for i in 0..100_000 {
            let z = normal_quantile((f64::from(i) + 0.5) / 100_000.0);
            counts.of(500).add(if i % 100 == 0 { z - 5.0 } else { z });
        }
        let tails = counts.tails();
        assert!(tails.p_value(-4.0, 500) < 3e-4, "{}", tails.p_value(-4.0, 500));
        assert!(tails.p_value(-5.0, 500) < 2e-5, "{}", tails.p_value(-5.0, 500));
    }

    #[test]
    fn few_scores_get_a_cautious_tail() {
        let tails = ScoreHistogram::default().tails();
        assert!(tails.p_value(3.0, 40) > 0.03);
        assert_eq!(tails.p_value(0.0, 40), 1.0);
        assert_eq!(tails.p_value(f64::INFINITY, 40), 0.0);
        assert!(tails.p_value(1e300, 40) < 1e-8);
    }
}
