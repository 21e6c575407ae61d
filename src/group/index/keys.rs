//! The keys of groups as packed numbers, and back from these to codes and labels.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, UInt32Array};
use arrow::compute::take;
use rayon::prelude::*;

use crate::error::Result;

/// A packed key: 64 bits where they suffice, else 128.
pub trait Packed: Copy + Ord + Send + Sync + Default {
    const BITS: u32;
    fn plus(self, other: Self) -> Self;
    fn times(self, code: u32) -> Self;
    fn digit(self, shift: u32, bits: u32) -> usize;
    fn wide(self) -> u128;
    fn from_wide(wide: u128) -> Self;
}

macro_rules! packed {
    ($t:ty) => {
        impl Packed for $t {
            const BITS: u32 = <$t>::BITS;
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            fn times(self, code: u32) -> Self {
                self.wrapping_mul(code as $t)
            }
            fn digit(self, shift: u32, bits: u32) -> usize {
                ((self >> shift) & ((1 << bits) - 1)) as usize
            }
            fn wide(self) -> u128 {
                self as u128
            }
            fn from_wide(wide: u128) -> Self {
                wide as $t
            }
        }
    };
}
packed!(u64);
packed!(u128);

pub(super) enum Keys {
    Narrow(Vec<u64>),
    Wide(Vec<u128>),
}

/// The keys of groups, apart from their rows.
pub struct IndexKeys {
    pub(super) keys: Keys,
    pub(super) strides: Vec<u128>,
    /// Stride and radix of each column for narrow keys.
    divisors: Vec<(Divisor, Divisor)>,
    labels: Vec<ArrayRef>,
}

impl IndexKeys {
    /// Labels of each key, and what its codes were multiplied by.
    pub(super) fn new(keys: Keys, strides: Vec<u128>, labels: Vec<ArrayRef>) -> IndexKeys {
        let divisor = |(&stride, labels): (&u128, &ArrayRef)| {
            let stride = u64::try_from(stride).unwrap_or(u64::MAX);
            (Divisor::new(stride), Divisor::new(labels.len() as u64 + 1))
        };
        let divisors = strides.iter().zip(&labels).map(divisor).collect();
        IndexKeys { keys, strides, divisors, labels }
    }

    /// The packed key: comparable between indexes over the same keys of one store.
    pub fn key(&self, group: usize) -> u128 {
        match &self.keys {
            Keys::Narrow(keys) => u128::from(keys[group]),
            Keys::Wide(keys) => keys[group],
        }
    }

    /// The code of key `column` in `group`.
    pub fn code(&self, group: usize, column: usize) -> u32 {
        match &self.keys {
            Keys::Narrow(keys) => {
                let (stride, radix) = &self.divisors[column];
                let above = stride.divide(keys[group]);
                (above - radix.divide(above) * radix.by) as u32
            }
            Keys::Wide(keys) => self.code_of(keys[group], column),
        }
    }

    /// The packed codes of all keys but the last.
    pub fn leading(&self, group: usize) -> u128 {
        let last = self.labels.len() - 1;
        match &self.keys {
            Keys::Narrow(keys) => u128::from(self.divisors[last].1.divide(keys[group])),
            Keys::Wide(keys) => keys[group] / (self.labels[last].len() as u128 + 1),
        }
    }

    /// The code of key `column` inside the packed key `packed`.
    pub fn code_of(&self, packed: u128, column: usize) -> u32 {
        ((packed / self.strides[column]) % (self.labels[column].len() as u128 + 1)) as u32
    }

    /// The sorted distinct values of key `column`.
    pub fn distinct(&self, column: usize) -> &ArrayRef {
        &self.labels[column]
    }

    /// The values of key `column` for these groups.
    pub fn labels(&self, column: usize, groups: Range<usize>) -> Result<ArrayRef> {
        gather(&self.labels[column], groups.len(), |i| self.code(groups.start + i, column))
    }

    /// The values of key `column` for these codes.
    pub fn labels_of(&self, column: usize, codes: Vec<u32>) -> Result<ArrayRef> {
        gather(&self.labels[column], codes.len(), |i| codes[i])
    }
}

/// Labels gathered by code; the code one past the last label is null.
pub fn gather(labels: &ArrayRef, n: usize, code: impl Fn(usize) -> u32 + Sync) -> Result<ArrayRef> {
    let null = labels.len() as u32;
    let Some(texts) = labels.as_string_view_opt() else {
        let codes: Vec<u32> = (0..n).into_par_iter().with_min_len(1 << 12).map(&code).collect();
        let indices: UInt32Array = if codes.contains(&null) {
            codes.into_iter().map(|c| (c != null).then_some(c)).collect()
        } else {
            codes.into()
        };
        return Ok(take(labels, &indices, None)?);
    };
    let views = texts.views();
    let any_null = AtomicBool::new(false);
    let view = |i: usize| {
        views.get(code(i) as usize).copied().unwrap_or_else(|| {
            any_null.store(true, Relaxed);
            0
        })
    };
    let gathered: Vec<u128> = (0..n).into_par_iter().with_min_len(1 << 12).map(view).collect();
    let nulls = any_null.into_inner().then(|| (0..n).map(|i| code(i) != null).collect());
    // SAFETY: every view is one of `texts`' own, which are valid for its buffers, or 0, the empty
    // text. Checking seven million of them again took a sixth of an aggregation.
    let array = unsafe { StringViewArray::new_unchecked(gathered.into(), texts.data_buffers().to_vec(), nulls) };
    Ok(Arc::new(array))
}

/// Division by a number known beforehand, as a multiplication: a third of the cycles.
struct Divisor {
    by: u64,
    inverse: u64,
}

impl Divisor {
    fn new(by: u64) -> Divisor {
        Divisor { by, inverse: u64::MAX / by }
    }

    fn divide(&self, n: u64) -> u64 {
        // The product falls short of n / by by less than two.
        let mut quotient = ((u128::from(n) * u128::from(self.inverse)) >> 64) as u64;
        while n - quotient * self.by >= self.by {
            quotient += 1;
        }
        quotient
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn multiplication_divides(n in any::<u64>(), by in prop_oneof![1..1000u64, 1..u64::MAX]) {
            prop_assert_eq!(Divisor::new(by).divide(n), n / by);
        }
    }
}
