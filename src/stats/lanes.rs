//! Sums over slices in four lanes, which are put together last: several times as fast as one number
//! after the other, and the same bits for the same order of the numbers.

pub use wide::{f32x8 as ShortLanes, f64x4 as Lanes};

pub const WIDTH: usize = 4;

/// The sums of each of the `terms` of the columns, which are equally long.
#[inline]
pub fn sums<const K: usize, const M: usize>(
    columns: [&[f64]; K],
    mut terms: impl FnMut([Lanes; K]) -> [Lanes; M],
) -> [f64; M] {
    let parts = columns.map(|column| column.as_chunks::<WIDTH>());
    let whole = parts.first().map_or(0, |(chunks, _)| chunks.len());
    let chunks = parts.map(|(chunks, _)| &chunks[..whole]);
    let mut totals = [Lanes::ZERO; M];
    (0..whole).for_each(|at| {
        let found = terms(std::array::from_fn(|k| Lanes::new(chunks[k][at])));
        (0..M).for_each(|m| totals[m] += found[m]);
    });
    let mut totals = totals.map(Lanes::to_array);
    let rest = parts.first().map_or(0, |(_, rest)| rest.len());
    if rest > 0 {
        let padded = parts.map(|(_, rest)| Lanes::new(std::array::from_fn(|k| rest.get(k).map_or(0.0, |x| *x))));
        for (total, term) in totals.iter_mut().zip(terms(padded)) {
            total.iter_mut().zip(term.to_array()).take(rest).for_each(|(total, term)| *total += term);
        }
    }
    totals.map(|total| (total[0] + total[1]) + (total[2] + total[3]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_the_sums(values in prop::collection::vec((-9..9i32, -9..9i32), 0..50)) {
            let (x, y): (Vec<f64>, Vec<f64>) = values.iter().map(|&(x, y)| (f64::from(x), f64::from(y))).unzip();
            // One more than the product, so that what is no number at all would show.
            let [sum, product] = sums([&x, &y], |[x, y]| [x, x * y + Lanes::ONE]);
            prop_assert_eq!(sum, x.iter().sum::<f64>());
            prop_assert_eq!(product, x.iter().zip(&y).map(|(x, y)| x * y + 1.0).sum::<f64>());
        }
    }
}
