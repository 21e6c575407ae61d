//! Whole numbers, decimals, dates, times, booleans and floats as codes: sortable integers, with labels in the original
//! type.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, FixedSizeBinaryArray, Float64Array, Int32Array, Int64Array,
    PrimitiveArray, make_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Float64Type, Int64Type, UInt64Type, i256};

use super::local::Value;
use super::rank;
use super::runs::{Numbered, apply_ranks, number_runs};
use crate::error::Result;
use crate::progress::Progress;
use crate::stats;
use crate::store::codes::Codes;

/// Whether values of this type are ordered like numbers.
pub fn counted(kind: &DataType) -> bool {
    use DataType::*;
    kind.is_numeric() || matches!(kind, Boolean | Date32 | Date64 | Timestamp(..) | Time32(_) | Time64(_) | Duration(_))
}

/// NaN is null.
pub fn encode(chunks: &[ArrayRef], kind: &DataType, progress: &Progress) -> Result<Codes> {
    match kind {
        DataType::Decimal128(_, _) => decimals(chunks, kind, progress),
        DataType::Decimal256(_, _) => wide_decimals(chunks, kind, progress),
        _ => narrow(chunks, kind, progress),
    }
}

/// Unsigned numbers as signed numbers with the same order. It is its own inverse.
fn flip(x: u64) -> i64 {
    (x ^ (1 << 63)) as i64
}

/// The type of the stored number: dates and times are integers of 32 or 64 bits.
fn under(kind: &DataType) -> Option<DataType> {
    use DataType::*;
    match kind {
        Date32 | Time32(_) | Decimal32(_, _) => Some(Int32),
        Date64 | Timestamp(..) | Time64(_) | Duration(_) | Decimal64(_, _) => Some(Int64),
        _ => None,
    }
}

/// The same buffers as another type of the same width.
fn renamed(array: &dyn Array, kind: &DataType) -> Result<ArrayRef> {
    Ok(make_array(array.to_data().into_builder().data_type(kind.clone()).build()?))
}

fn to_keys(chunk: &ArrayRef, kind: &DataType) -> Result<ArrayRef> {
    if kind.is_floating() {
        let floats = cast(chunk, &DataType::Float64)?;
        let floats = floats.as_primitive::<Float64Type>();
        let keys: Int64Array =
            floats.iter().map(|v| v.filter(|v| !v.is_nan()).map(|v| stats::encode(v + 0.0))).collect();
        return Ok(Arc::new(keys));
    }
    if kind == &DataType::UInt64 {
        return Ok(Arc::new(chunk.as_primitive::<UInt64Type>().unary::<_, Int64Type>(flip)));
    }
    let whole = match under(kind) {
        Some(under) => renamed(chunk, &under)?,
        None => chunk.clone(),
    };
    Ok(cast(&whole, &DataType::Int64)?)
}

fn from_keys(keys: Vec<i64>, kind: &DataType) -> Result<ArrayRef> {
    if kind.is_floating() {
        return Ok(cast(&Float64Array::from_iter_values(keys.into_iter().map(stats::decode)), kind)?);
    }
    if kind == &DataType::UInt64 {
        return Ok(Arc::new(Int64Array::from(keys).unary::<_, UInt64Type>(|key| flip(key as u64) as u64)));
    }
    match under(kind) {
        Some(DataType::Int32) => {
            renamed(&Int32Array::from(keys.into_iter().map(|key| key as i32).collect::<Vec<i32>>()), kind)
        }
        Some(_) => renamed(&Int64Array::from(keys), kind),
        None => Ok(cast(&Int64Array::from(keys), kind)?),
    }
}

fn narrow(chunks: &[ArrayRef], kind: &DataType, progress: &Progress) -> Result<Codes> {
    let keys = chunks.iter().map(|chunk| to_keys(chunk, kind)).collect::<Result<Vec<ArrayRef>>>()?;
    let numbered = number_runs(&keys, progress, |local, chunk, start, ids| {
        let keys = chunk.as_primitive::<Int64Type>();
        for (i, id) in ids.iter_mut().enumerate() {
            if keys.is_valid(start + i) {
                *id = local.short(u128::from(keys.value(start + i) as u64));
            }
        }
    })?;
    let (ids, distinct) = ranked(numbered, |value| match value {
        Value::Short(bytes) => u128::from_le_bytes(*bytes) as u64 as i64,
        Value::Long(_) => 0, // held short, as below
    });
    Ok(Codes { ids, labels: from_keys(distinct, kind)? })
}

fn decimals(chunks: &[ArrayRef], kind: &DataType, progress: &Progress) -> Result<Codes> {
    let numbered = number_runs(chunks, progress, |local, chunk, start, ids| {
        let keys = chunk.as_primitive::<Decimal128Type>();
        for (i, id) in ids.iter_mut().enumerate() {
            if keys.is_valid(start + i) {
                *id = local.short(keys.value(start + i) as u128);
            }
        }
    })?;
    let (ids, distinct) = ranked(numbered, |value| match value {
        Value::Short(bytes) => i128::from_le_bytes(*bytes),
        Value::Long(_) => 0,
    });
    let labels: ArrayRef = Arc::new(Decimal128Array::from(distinct).with_data_type(kind.clone()));
    Ok(Codes { ids, labels })
}

/// Decimals of 256 bits as bytes with the same order.
fn wide_decimals(chunks: &[ArrayRef], kind: &DataType, progress: &Progress) -> Result<Codes> {
    let flipped = |mut bytes: [u8; 32]| {
        bytes[0] ^= 0x80;
        bytes
    };
    let keys = chunks.iter().map(|chunk| -> Result<ArrayRef> {
        let values = chunk.as_primitive::<Decimal256Type>();
        let bytes = values.iter().map(|v| v.map(|v| flipped(v.to_be_bytes())));
        Ok(Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes, 32)?))
    });
    let keys = keys.collect::<Result<Vec<ArrayRef>>>()?;
    let numbered = number_runs(&keys, progress, |local, chunk, start, ids| {
        let keys = chunk.as_fixed_size_binary();
        for (i, id) in ids.iter_mut().enumerate() {
            if keys.is_valid(start + i) {
                *id = local.long(keys.value(start + i));
            }
        }
    })?;
    let (ids, distinct) = ranked(numbered, |value| value.bytes().try_into().unwrap_or([0u8; 32]));
    let values = distinct.into_iter().map(|bytes| i256::from_be_bytes(flipped(bytes)));
    let labels = PrimitiveArray::<Decimal256Type>::from_iter_values(values);
    Ok(Codes { ids, labels: Arc::new(labels.with_data_type(kind.clone())) })
}

/// Codes in the order of `key`, and the distinct keys.
fn ranked<K: Ord + Copy + Default + Send + Sync>(
    (mut ids, sizes, values): Numbered<'_>,
    key: impl Fn(&Value<'_>) -> K + Sync,
) -> (Vec<u32>, Vec<K>) {
    let (maps, distinct) = rank(values, |value| key(&value), |key| key);
    apply_ranks(&mut ids, &sizes, &maps, distinct.len() as u32);
    (ids, distinct)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{BooleanArray, Date32Array, Date64Array, Decimal256Array, TimestampSecondArray, UInt64Array};
    use arrow::datatypes::{Date32Type, TimeUnit};

    fn codes(array: impl Array + 'static) -> Codes {
        super::super::encode(&[Arc::new(array) as ArrayRef], &Progress::default()).unwrap()
    }

    #[test]
    fn numbers_sort_as_numbers() {
        let huge = codes(UInt64Array::from(vec![u64::MAX, 0, u64::MAX, 1 << 63]));
        assert_eq!(huge.ids, [2, 0, 2, 1]);
        assert_eq!(huge.labels.as_primitive::<UInt64Type>().values()[..], [0, 1 << 63, u64::MAX]);
        let floats =
            codes(Float64Array::from(vec![Some(2.0), None, Some(-0.0), Some(0.0), Some(f64::NAN), Some(-7.5)]));
        assert_eq!(floats.ids, [2, 3, 1, 1, 3, 0]);
        let days = codes(Date32Array::from(vec![10, -3, 10]));
        assert_eq!(days.labels.as_primitive::<Date32Type>().values()[..], [-3, 10]);
        assert_eq!(days.ids, [1, 0, 1]);
        assert_eq!(codes(BooleanArray::from(vec![Some(true), None, Some(false)])).ids, [1, 2, 0]);
    }

    #[test]
    fn decimals_and_times_keep_their_type_and_order() {
        let values = [1000i128, 200, -100, i128::MAX / 4];
        let narrow = codes(Decimal128Array::from(values.to_vec()).with_precision_and_scale(38, 2).unwrap());
        assert_eq!(narrow.ids, [2, 1, 0, 3]);
        assert_eq!(narrow.labels.data_type(), &DataType::Decimal128(38, 2));
        let wide: Vec<i256> = values.iter().map(|&v| i256::from_i128(v)).collect();
        let wide = codes(Decimal256Array::from(wide).with_precision_and_scale(60, 2).unwrap());
        assert_eq!(wide.ids, narrow.ids);
        assert_eq!(wide.labels.as_primitive::<Decimal256Type>().value(0), i256::from_i128(-100));
        let zoned = codes(TimestampSecondArray::from(vec![5, -5]).with_timezone("+01:00"));
        assert_eq!(zoned.labels.data_type(), &DataType::Timestamp(TimeUnit::Second, Some("+01:00".into())));
        assert_eq!(codes(Date64Array::from(vec![86_400_000, 0])).labels.data_type(), &DataType::Date64);
    }
}
