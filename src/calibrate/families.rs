//! Several families of tests: one p-value for a subject with several tests, and the selection of families.

use super::fdr::benjamini_hochberg;

/// Simes (1986): one p-value for the hypothesis that none of these tests has a signal. It needs the tests to be
/// independent or positively dependent. Sorts the p-values, which must not be NaN; 1 if there are none.
pub fn simes(p: &mut [f64]) -> f64 {
    p.sort_unstable_by(f64::total_cmp);
    let tests = p.len() as f64;
    p.iter().zip(1..).map(|(p, rank)| tests * p / f64::from(rank)).fold(1.0, f64::min)
}

/// Benjamini and Bogomolov (2014): families are selected by Benjamini and Hochberg on their Simes p-values, then the
/// same procedure runs within each selected family at the rate times the share of families that are selected.
///
/// Takes the q-values of Benjamini and Hochberg within each family, NaN for "not tested", and changes each to the
/// smallest rate at which it is listed. A family without tests does not count.
pub fn select_families(families: &mut [Vec<f64>]) {
    // The Simes p-value of a family is the smallest of its q-values.
    let smallest = |q: &Vec<f64>| q.iter().copied().fold(f64::NAN, f64::min);
    let mut simes: Vec<f64> = families.iter().map(smallest).filter(|p| !p.is_nan()).collect();
    simes.sort_unstable_by(f64::total_cmp);
    let count = simes.len() as f64;
    // At a rate at which k families are selected, a q-value is listed if it is at most rate * k / families.
    let rate = |q: f64, k: usize| count * q / k as f64;
    let mut beyond = vec![f64::INFINITY; simes.len() + 1];
    for k in (1..=simes.len()).rev() {
        beyond[k - 1] = beyond[k].min(rate(simes[k - 1], k));
    }
    for q in families.iter_mut().flatten().filter(|q| !q.is_nan()) {
        // Either so many families are selected as have a Simes p-value of at most q, or more, at their own price.
        let k = simes.partition_point(|p| p <= q).max(1);
        *q = rate(*q, k).min(beyond[k]);
    }
}

/// The q-values of tests that belong to families, each family given by a number.
pub fn benjamini_bogomolov(p: &[f64], families: &[u32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by_key(|&at| families[at]);
    let runs: Vec<&[usize]> = order.chunk_by(|a, b| families[*a] == families[*b]).collect();
    let own = |run: &&[usize]| benjamini_hochberg(&run.iter().map(|&at| p[at]).collect::<Vec<f64>>());
    let mut all: Vec<Vec<f64>> = runs.iter().map(own).collect();
    select_families(&mut all);
    let mut q = vec![f64::NAN; p.len()];
    runs.iter().zip(all).for_each(|(run, own)| run.iter().zip(own).for_each(|(&at, own)| q[at] = own));
    q
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn simes_by_hand() {
        assert_eq!(simes(&mut [0.5, 0.02, 0.03]), 0.045);
        assert_eq!(simes(&mut [0.2]), 0.2);
        assert_eq!(simes(&mut []), 1.0);
    }

    /// The procedure as the paper states it, at one rate.
    fn listed(families: &[Vec<f64>], rate: f64) -> Vec<Vec<bool>> {
        let tested: Vec<usize> = (0..families.len()).filter(|&f| families[f].iter().any(|p| !p.is_nan())).collect();
        let own = |f: usize| families[f].iter().copied().filter(|p| !p.is_nan()).collect::<Vec<f64>>();
        let whole: Vec<f64> = tested.iter().map(|&f| simes(&mut own(f))).collect();
        let selected: Vec<usize> =
            tested.iter().zip(benjamini_hochberg(&whole)).filter(|(_, q)| *q <= rate).map(|(f, _)| *f).collect();
        let level = rate * selected.len() as f64 / tested.len() as f64;
        let within = |f: usize| -> Vec<bool> {
            let q = benjamini_hochberg(&families[f]);
            q.iter().map(|q| selected.contains(&f) && *q <= level).collect()
        };
        (0..families.len()).map(within).collect()
    }

    proptest! {
        #[test]
        fn a_rate_lists_what_the_procedure_rejects(
            families in prop::collection::vec(prop::collection::vec(prop_oneof![
                0.0..1.0f64, 0.0..0.01f64, Just(f64::NAN), Just(0.0), Just(1.0)], 0..8), 1..6),
            rate in 0.001..0.5f64,
        ) {
            let mut q: Vec<Vec<f64>> = families.iter().map(|p| benjamini_hochberg(p)).collect();
            select_families(&mut q);
            let ours: Vec<Vec<bool>> = q.iter().map(|q| q.iter().map(|q| *q <= rate).collect()).collect();
            prop_assert_eq!(ours, listed(&families, rate));
        }
    }
}
