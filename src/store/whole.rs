//! Numbers that doubles cannot hold: integers beyond 2^53 and decimals, as whole numbers with a scale.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::*;
use rayon::prelude::*;

use crate::error::Result;
use crate::progress::Progress;

/// Integers up to this size are exact as doubles.
const EXACT: u64 = 1 << 53;
/// Powers of ten up to this one are exact as doubles.
const TENS: i32 = 22;

/// Each value is a whole number divided by ten to the power `scale`. The number in the place of a null has no meaning.
pub struct ScaledIntegers {
    values: Values,
    scale: i32,
}

enum Values {
    Narrow(ScalarBuffer<i64>),
    Wide(Vec<i128>),
}

impl ScaledIntegers {
    /// `None` if doubles hold every value, or if 128 bits do not.
    pub fn read(kind: &DataType, chunks: &[ArrayRef], progress: &Progress) -> Result<Option<ScaledIntegers>> {
        let scale = match kind {
            DataType::Int64 | DataType::UInt64 => 0,
            DataType::Decimal32(_, s) | DataType::Decimal64(_, s) => i32::from(*s),
            DataType::Decimal128(_, s) | DataType::Decimal256(_, s) => i32::from(*s),
            _ => return Ok(None),
        };
        let plain: Result<Vec<ArrayRef>, _> = chunks.iter().map(|c| cast(c, kind)).collect();
        let plain = plain?;
        progress.check()?;
        let values = match kind {
            DataType::Int64 => {
                if !any::<Int64Type>(&plain, |v| v.unsigned_abs() > EXACT) {
                    return Ok(None);
                }
                Some(narrow::<Int64Type>(&plain, |v| v))
            }
            DataType::UInt64 => {
                if !any::<UInt64Type>(&plain, |v| v > EXACT) {
                    return Ok(None);
                }
                wide::<UInt64Type>(&plain, |v| Some(v.into()))
            }
            DataType::Decimal32(_, _) => Some(narrow::<Decimal32Type>(&plain, i64::from)),
            DataType::Decimal64(_, _) => Some(narrow::<Decimal64Type>(&plain, |v| v)),
            DataType::Decimal128(_, _) if !any::<Decimal128Type>(&plain, |v| i64::try_from(v).is_err()) => {
                Some(narrow::<Decimal128Type>(&plain, |v| v as i64))
            }
            DataType::Decimal128(_, _) => wide::<Decimal128Type>(&plain, Some),
            _ => wide::<Decimal256Type>(&plain, i256::to_i128),
        };
        Ok(values.map(|values| ScaledIntegers { values, scale }))
    }

    pub fn value(&self, row: usize) -> i128 {
        match &self.values {
            Values::Narrow(values) => values[row].into(),
            Values::Wide(values) => values[row],
        }
    }

    /// The exact sum over these rows, rounded once.
    pub fn sum(&self, rows: impl Iterator<Item = usize> + Clone) -> f64 {
        let total = rows.clone().try_fold(0i128, |total, row| total.checked_add(self.value(row)));
        match total {
            Some(total) if self.scale == 0 => total as f64,
            Some(total) if total.unsigned_abs() <= u128::from(EXACT) && (0..=TENS).contains(&self.scale) => {
                // Both numbers are exact, so the division rounds once.
                total as f64 / 10u128.pow(self.scale.unsigned_abs()) as f64
            }
            Some(total) => self.written(&total),
            None => {
                let wide = rows.fold(i256::ZERO, |total, row| total.wrapping_add(i256::from_i128(self.value(row))));
                self.written(&wide)
            }
        }
    }

    /// Parsing decimal digits rounds correctly.
    fn written(&self, total: &dyn std::fmt::Display) -> f64 {
        format!("{total}e{}", -self.scale).parse().unwrap_or(f64::NAN)
    }

    /// The values of these rows in the type of the column.
    pub fn pick(&self, rows: &[Option<u32>], kind: &DataType) -> ArrayRef {
        let values = rows.iter().map(|row| row.map(|row| self.value(row as usize)));
        fn array<T: ArrowPrimitiveType>(values: impl Iterator<Item = Option<T::Native>>, kind: &DataType) -> ArrayRef {
            Arc::new(values.collect::<PrimitiveArray<T>>().with_data_type(kind.clone()))
        }
        match kind {
            DataType::UInt64 => array::<UInt64Type>(values.map(|v| v.map(|v| v as u64)), kind),
            DataType::Decimal32(_, _) => array::<Decimal32Type>(values.map(|v| v.map(|v| v as i32)), kind),
            DataType::Decimal64(_, _) => array::<Decimal64Type>(values.map(|v| v.map(|v| v as i64)), kind),
            DataType::Decimal128(_, _) => array::<Decimal128Type>(values, kind),
            DataType::Decimal256(_, _) => array::<Decimal256Type>(values.map(|v| v.map(i256::from_i128)), kind),
            _ => array::<Int64Type>(values.map(|v| v.map(|v| v as i64)), &DataType::Int64),
        }
    }
}

/// Whether any value passes the test. Nulls do not count.
fn any<T: ArrowPrimitiveType>(chunks: &[ArrayRef], test: impl Fn(T::Native) -> bool + Sync) -> bool {
    chunks.par_iter().any(|chunk| {
        let chunk = chunk.as_primitive::<T>();
        let values = chunk.values().par_chunks(1 << 16).enumerate();
        values
            .into_par_iter()
            .any(|(part, values)| values.iter().enumerate().any(|(i, &v)| test(v) && chunk.is_valid((part << 16) + i)))
    })
}

fn narrow<T: ArrowPrimitiveType>(chunks: &[ArrayRef], value: impl Fn(T::Native) -> i64) -> Values {
    Values::Narrow(chunks.iter().flat_map(|c| c.as_primitive::<T>().values().iter().map(|&v| value(v))).collect())
}

fn wide<T: ArrowPrimitiveType>(chunks: &[ArrayRef], value: impl Fn(T::Native) -> Option<i128>) -> Option<Values> {
    let mut values = Vec::with_capacity(chunks.iter().map(|c| c.len()).sum());
    for chunk in chunks {
        let chunk = chunk.as_primitive::<T>();
        for (i, &v) in chunk.values().iter().enumerate() {
            values.push(if chunk.is_valid(i) { value(v)? } else { 0 });
        }
    }
    Some(Values::Wide(values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Decimal128Array, Int64Array, UInt64Array};

    fn whole(array: impl Array + 'static) -> Option<ScaledIntegers> {
        let array: ArrayRef = Arc::new(array);
        ScaledIntegers::read(&array.data_type().clone(), &[array], &Progress::default()).unwrap()
    }

    #[test]
    fn sums_are_rounded_once() {
        assert!(whole(Int64Array::from(vec![1, -(1 << 53)])).is_none());
        let near = whole(Int64Array::from(vec![(1 << 53) + 1, -(1 << 53)])).unwrap();
        assert_eq!(near.sum(0..2), 1.0);
        let huge = whole(UInt64Array::from(vec![u64::MAX; 3])).unwrap();
        assert_eq!(huge.sum(0..3), 3.0 * (1u128 << 64) as f64);
        let cents = whole(Decimal128Array::from(vec![10, 20]).with_precision_and_scale(10, 2).unwrap()).unwrap();
        assert_eq!(cents.sum(0..2), 0.3);
        let most = 10i128.pow(38) - 1;
        let most = whole(Decimal128Array::from(vec![most; 3]).with_precision_and_scale(38, 0).unwrap()).unwrap();
        assert_eq!(most.sum(0..3), 3e38);
    }
}
