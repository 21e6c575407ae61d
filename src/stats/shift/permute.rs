//! The law of the largest correlation by permutations, for series that are far from normal, such as those with empty
//! periods.
//!
//! Permutations stop once enough of them are at least as large (Besag and Clifford 1991). The tail beyond the others is
//! exponential in -ln(1 - r²), as it is for normal noise, with the mean excess of the upper tenth (as Knijnenburg et
//! al. 2009 do with a Pareto tail).

use super::design::{Design, Rest};
use super::law::{Best, Law};
use super::vectors::off;
use super::without_replacement::upper_tail;
use crate::stats::{Random, ln, scramble};

/// Permutations end when so many are at least as large.
const ENOUGH: usize = 5;
const MOST: usize = 4_000;
/// Values closer than this, relative to their size, differ by rounding only.
const ALIKE: f64 = 1e-9;
/// The upper tail is fitted to so many of [`MOST`].
const TAIL: usize = MOST / 10;

/// Working memory, kept from series to series.
#[derive(Default)]
pub struct Permuter {
    values: Vec<f64>,
    products: Vec<f64>,
    sizes: Vec<f64>,
    /// The values that are not the most frequent one, and the periods, those of these values first.
    others: Vec<f64>,
    places: Vec<u32>,
}

impl Permuter {
    /// The probability of a correlation so large at any date. The design must have no season. `x` is the series that the
    /// rest is made of. `filled` is the number of periods with records: no p-value can be smaller than one over the
    /// number of their arrangements.
    pub fn p_value(&mut self, design: &Design, x: &[f64], rest: &Rest, law: &Law, best: Best, filled: usize) -> f64 {
        let Permuter { values, products, sizes, others, places } = self;
        values.clear();
        values.extend_from_slice(&rest.values);
        off(values, &design.drift, 1.0 - (1.0 - law.taken).sqrt());
        let mut random = Random::new(values.iter().fold(0, |seed, v| scramble(seed ^ v.to_bits())));
        // Most periods of a thin flow are alike. Only the others are put into other places.
        let usual = most_frequent(values, others);
        others.clear();
        others.extend(values.iter().filter(|v| (*v - usual).abs() > ALIKE * usual.abs()));
        places.clear();
        places.extend(0..design.n as u32);
        let (all_constant, all_drift) = (sum(design.constant()), sum(&design.drift));
        // The rest lies in fewer dimensions than it has values.
        let root = (law.total(rest) * law.freedom / (design.n - 1) as f64).sqrt();
        let observed = best.r.abs() * (1.0 - 1e-12);
        let dates = design.from..design.n - design.from + 1;
        let mut as_large = 0;
        sizes.clear();
        products.clear();
        products.resize(design.n, 0.0);
        for done in 1..=MOST {
            let (mut constant, mut drift) = (usual * all_constant, usual * all_drift);
            values.fill(usual);
            for (i, other) in others.iter().enumerate() {
                places.swap(i, i + random.below(design.n - i));
                let at = places[i] as usize;
                values[at] = *other;
                constant += (other - usual) * design.constant()[at];
                drift += (other - usual) * design.drift[at];
            }
            design.whitening.along_steps(values, |t, product| products[t] = product);
            let largest = largest(design, law, &products[dates.clone()], constant, law.taken * drift);
            let found = (largest / root).min(1.0);
            as_large += usize::from(found >= observed);
            if as_large == ENOUGH {
                return ENOUGH as f64 / done as f64;
            }
            sizes.push(found);
        }
        let (larger, at, _) = sizes.select_nth_unstable_by(TAIL, |a, b| b.total_cmp(a));
        larger.sort_unstable_by(f64::total_cmp);
        let (from, observed) = (size(*at), size(observed));
        larger.iter_mut().for_each(|r| *r = size(*r));
        let mean = larger.iter().map(|e| e - from).sum::<f64>() / TAIL as f64;
        // One standard error more, because a tail that is too short is the worse error.
        let mean = mean * (1.0 + 1.0 / (TAIL as f64).sqrt());
        let share = TAIL as f64 / MOST as f64;
        let arrangements = [design.n - filled.min(design.n), filled.min(design.n), design.n];
        let [empty, filled, all] = arrangements.map(|n| libm::lgamma(n as f64 + 1.0));
        let least = libm::exp(empty + filled - all);
        // A few records have longer tails. The chance of the series itself at this date alone is known better.
        let here = beyond_date(x, best).map_or(0.0, |p| p * law.dates(best.r));
        (share * libm::exp(-(observed - from) / mean)).max(least).max(here).min(ENOUGH as f64 / MOST as f64)
    }
}

/// The largest correlation of all dates, times the root of the sum of squares. What constant and drift have of the values
/// is taken off.
fn largest(design: &Design, law: &Law, products: &[f64], constant: f64, drift: f64) -> f64 {
    let dates = design.from..design.from + products.len();
    let along = design.along_constant[dates.clone()].iter().zip(&design.along[dates.clone()]);
    let each = products.iter().zip(along).zip(&law.weight[dates]);
    each.map(|((product, (c, d)), weight)| ((product - constant * c - drift * d) * weight).abs())
        .fold(0.0, |most, size| if size > most { size } else { most })
}

/// The most frequent of some values; `sorted` is used as memory.
fn most_frequent(values: &[f64], sorted: &mut Vec<f64>) -> f64 {
    sorted.clear();
    sorted.extend_from_slice(values);
    sorted.sort_unstable_by(f64::total_cmp);
    let same = |a: &f64, b: &f64| (a - b).abs() <= ALIKE * b.abs();
    let runs = sorted.chunk_by(same);
    runs.max_by_key(|run| run.len()).map_or(0.0, |run| run[0])
}

fn sum(values: &[f64]) -> f64 {
    values.iter().sum()
}

/// The chance that the values from a date on have so large, or so small, a sum.
fn beyond_date(x: &[f64], best: Best) -> Option<f64> {
    let (before, after) = x.split_at(best.at);
    let extreme = if best.r > 0.0 { after } else { before };
    upper_tail(x, extreme.len(), extreme.iter().sum())
}

/// -ln(1 - r²).
fn size(r: f64) -> f64 {
    -ln((1.0 - r * r).max(1e-300))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::shift::whitening::Dependence;

    fn made(n: usize) -> Design {
        Design::new(n, Dependence::default(), 1, 0).unwrap()
    }

    #[test]
    fn p_values_of_rare_events_are_uniform() {
        // Values in a fifth of the periods, of very different sizes.
        let design = made(48);
        let law = Law::new(&design, 0.0);
        let (mut rest, mut permuter) = (Rest::default(), Permuter::default());
        let mut below = [0; 3];
        for seed in 0..4_000 {
            let mut random = Random::new(seed);
            let one = |random: &mut Random| if random.below(5) == 0 { (1 + random.below(40)) as f64 } else { 0.0 };
            let x: Vec<f64> = (0..48).map(|_| one(&mut random)).collect();
            design.rest(&x, &mut rest);
            let Some(best) = law.best(&design, &rest) else { continue };
            let p = permuter.p_value(&design, &x, &rest, &law, best, x.iter().filter(|x| **x > 0.0).count());
            for (below, level) in below.iter_mut().zip([0.2, 0.01, 0.001]) {
                *below += usize::from(p <= level);
            }
        }
        assert!((700..=880).contains(&below[0]), "{below:?}");
        assert!((20..=56).contains(&below[1]), "{below:?}");
        assert!(below[2] <= 10, "{below:?}");
    }

    #[test]
    fn a_step_beyond_all_permutations_has_a_small_p_value() {
        let design = made(60);
        let law = Law::new(&design, 0.0);
        let x: Vec<f64> = (0..60).map(|t| if t >= 30 && t % 3 > 0 { 9.0 + f64::from(t % 5) } else { 0.0 }).collect();
        let mut rest = Rest::default();
        design.rest(&x, &mut rest);
        let best = law.best(&design, &rest).unwrap();
        let p = Permuter::default().p_value(&design, &x, &rest, &law, best, 20);
        assert!(p < 1e-5 && p > 1e-14, "{p}");
        // Four records in the first four of 48 periods: one arrangement in 194,580.
        let design = made(48);
        let law = Law::new(&design, 0.0);
        let x: Vec<f64> = (0..48).map(|t| if t < 4 { 1.0 } else { 0.0 }).collect();
        design.rest(&x, &mut rest);
        let best = law.best(&design, &rest).unwrap();
        let p = Permuter::default().p_value(&design, &x, &rest, &law, best, 4);
        assert!((p * 194_580.0 - 1.0).abs() < 1e-6, "{p}");
    }
}
