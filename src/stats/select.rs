//! Selection among numbers of 0 or more, with an estimate of the result: one pass collects the few numbers near it,
//! and only these are compared.

use std::ops::Range;

/// The numbers of rank `rank` and of the next one (the last one twice at the end), from 0 on. They are
/// found fast where the first is within `about`.
pub fn select(values: &[f64], rank: usize, about: Range<f64>, spare: &mut Vec<u64>) -> (f64, f64) {
    spare.resize(spare.len().max(values.len()), 0);
    let below = values.iter().filter(|&&value| value < about.start).count();
    // The bits of numbers that are not negative sort as they do.
    let (first, many) = (about.start.to_bits(), about.end.to_bits().saturating_sub(about.start.to_bits()));
    let mut inside = 0;
    for value in values {
        spare[inside] = value.to_bits();
        inside += usize::from(value.to_bits().wrapping_sub(first) < many);
    }
    if let Some(within) = rank.checked_sub(below).filter(|within| within + 1 < inside) {
        return pair(&mut spare[..inside], within);
    }
    spare.iter_mut().zip(values).for_each(|(spare, value)| *spare = value.to_bits());
    pair(&mut spare[..values.len()], rank)
}

fn pair(bits: &mut [u64], rank: usize) -> (f64, f64) {
    let (_, &mut at, above) = bits.select_nth_unstable(rank);
    let next = above.iter().copied().min().unwrap_or(at);
    (f64::from_bits(at), f64::from_bits(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_equals_sorting(
            values in prop::collection::vec(prop_oneof![0.0..9.0f64, (0..9u8).prop_map(f64::from)], 1..200),
            at in 0.0..1.0f64,
            about in (0.0..9.0f64, 0.0..9.0f64),
        ) {
            let rank = (at * values.len() as f64) as usize;
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let wanted = (sorted[rank], sorted[(rank + 1).min(values.len() - 1)]);
            let mut spare = Vec::new();
            prop_assert_eq!(select(&values, rank, about.0..about.1, &mut spare), wanted);
            prop_assert_eq!(select(&values, rank, 0.9 * wanted.0..1.2 * wanted.0, &mut spare), wanted);
        }
    }
}
