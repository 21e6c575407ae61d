//! Sums over slices in four lanes, which are put together last: several times as fast as one number after the
//! other, with the widest registers that the machine has, and the same bits on any machine for the same order of
//! the numbers.

use fearless_simd::prelude::*;
use fearless_simd::{Simd, f64x4, mask64x4};

pub const WIDTH: usize = 4;

/// `sums!([column, ...], |[x, ...]| [term, ...])`: the sums of each of the terms over the columns, which are equally
/// long. The terms are of four members at a time, compiled for each kind of machine.
macro_rules! sums {
    ([$($column:expr),+ $(,)?], |$members:pat_param| $terms:expr) => {
        fearless_simd::dispatch!(
            fearless_simd::Level::new(),
            simd => $crate::stats::lanes::sums_of(simd, [$(&$column[..]),+], #[inline(always)] |$members| $terms)
        )
    };
}
pub(crate) use sums;

/// What [`sums`] does on one kind of machine.
#[inline(always)]
pub fn sums_of<S: Simd, const K: usize, const M: usize>(
    simd: S,
    columns: [&[f64]; K],
    mut terms: impl FnMut([f64x4<S>; K]) -> [f64x4<S>; M],
) -> [f64; M] {
    let parts = columns.map(|column| column.as_chunks::<WIDTH>());
    let whole = parts.first().map_or(0, |(chunks, _)| chunks.len());
    let chunks = parts.map(|(chunks, _)| &chunks[..whole]);
    let mut totals = [f64x4::splat(simd, 0.0); M];
    #[expect(clippy::needless_range_loop, reason = "a closure might stay outside of the registers' width")]
    for at in 0..whole {
        let found = terms(std::array::from_fn(|k| f64x4::from_slice(simd, &chunks[k][at])));
        (0..M).for_each(|m| totals[m] += found[m]);
    }
    let mut totals: [[f64; WIDTH]; M] = totals.map(Into::into);
    let rest = parts.first().map_or(0, |(_, rest)| rest.len());
    if rest > 0 {
        let padded = parts.map(|(_, rest)| f64x4::from_fn(simd, |k| rest.get(k).map_or(0.0, |x| *x)));
        for (total, term) in totals.iter_mut().zip(terms(padded)) {
            total.iter_mut().zip(&*term).take(rest).for_each(|(total, term)| *total += term);
        }
    }
    totals.map(|total| (total[0] + total[1]) + (total[2] + total[3]))
}

/// The numbers, or 0 where the mask is false.
#[inline(always)]
pub fn where_true<S: Simd>(mask: mask64x4<S>, x: f64x4<S>) -> f64x4<S> {
    mask.select(x, f64x4::splat(x.token(), 0.0))
}

#[cfg(test)]
mod tests {
    use super::sums_of;
    use fearless_simd::{Level, Simd, SimdBase, dispatch};
    use proptest::prelude::*;

    #[inline(always)]
    fn of_level<S: Simd>(simd: S, x: &[f64], y: &[f64]) -> [u64; 2] {
        sums_of(simd, [x, y], |[x, y]| [x - y * 0.3, (x * y).min(1.0)]).map(f64::to_bits)
    }

    proptest! {
        #[test]
        fn they_are_the_same_bits_in_narrow_and_wide_registers(
            values in prop::collection::vec((-9.0..9.0f64, -9.0..9.0f64), 0..50),
        ) {
            let (x, y): (Vec<f64>, Vec<f64>) = values.into_iter().unzip();
            let narrow = dispatch!(Level::baseline(), simd => of_level(simd, &x, &y));
            prop_assert_eq!(dispatch!(Level::new(), simd => of_level(simd, &x, &y)), narrow);
        }

        #[test]
        fn they_are_the_sums(values in prop::collection::vec((-9..9i32, -9..9i32), 0..50)) {
            let (x, y): (Vec<f64>, Vec<f64>) = values.iter().map(|&(x, y)| (f64::from(x), f64::from(y))).unzip();
            // One more than the product, so that the padding would change the sum.
            let [sum, product] = sums!([x, y], |[x, y]| [x, x * y + 1.0]);
            prop_assert_eq!(sum, x.iter().sum::<f64>());
            prop_assert_eq!(product, x.iter().zip(&y).map(|(x, y)| x * y + 1.0).sum::<f64>());
        }
    }
}
