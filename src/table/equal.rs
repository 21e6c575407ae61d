//! Equality of tables.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, FixedSizeListArray, GenericListArray, OffsetSizeTrait,
    PrimitiveArray, StructArray,
};
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};

type Half = <Float16Type as ArrowPrimitiveType>::Native;

/// Whether two columns have the same type and values. NaN is equal to NaN, and 0 to -0.
pub fn equal(a: &ArrayRef, b: &ArrayRef) -> bool {
    a.data_type() == b.data_type() && canonical(a).to_data() == canonical(b).to_data()
}

/// The same values; equal values have equal bits.
fn canonical(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float16 => floats::<Float16Type>(array, |v| if v.is_nan() { Half::NAN } else { v + Half::ZERO }),
        DataType::Float32 => floats::<Float32Type>(array, |v| if v.is_nan() { f32::NAN } else { v + 0.0 }),
        DataType::Float64 => floats::<Float64Type>(array, |v| if v.is_nan() { f64::NAN } else { v + 0.0 }),
        DataType::List(_) => list::<i32>(array),
        DataType::LargeList(_) => list::<i64>(array),
        DataType::FixedSizeList(field, length) => {
            let lists = array.as_fixed_size_list();
            let made =
                FixedSizeListArray::try_new(field.clone(), *length, canonical(lists.values()), lists.nulls().cloned());
            made.map_or_else(|_| array.clone(), |made| Arc::new(made))
        }
        DataType::Struct(fields) => {
            let parts = array.as_struct();
            let columns = parts.columns().iter().map(canonical).collect();
            let made = StructArray::try_new(fields.clone(), columns, parts.nulls().cloned());
            made.map_or_else(|_| array.clone(), |made| Arc::new(made))
        }
        _ => array.clone(),
    }
}

fn floats<T: ArrowPrimitiveType>(array: &ArrayRef, one: impl Fn(T::Native) -> T::Native) -> ArrayRef {
    let made: PrimitiveArray<T> = array.as_primitive::<T>().unary(one);
    Arc::new(made)
}

fn list<O: OffsetSizeTrait>(array: &ArrayRef) -> ArrayRef {
    let lists = array.as_list::<O>();
    let (field, offsets, values, nulls) = lists.clone().into_parts();
    let made = GenericListArray::<O>::try_new(field, offsets, canonical(&values), nulls);
    made.map_or_else(|_| array.clone(), |made| Arc::new(made))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, Int64Array, LargeListArray};

    #[test]
    fn nan_is_equal_to_nan_and_null_is_not() {
        let column = |values: Vec<Option<f64>>| -> ArrayRef { Arc::new(Float64Array::from(values)) };
        let (odd, nan) = (f64::from_bits(0x7ff8_0000_0000_0001), f64::NAN);
        assert!(equal(&column(vec![Some(odd), Some(-0.0), None]), &column(vec![Some(nan), Some(0.0), None])));
        assert!(!equal(&column(vec![Some(nan)]), &column(vec![None])));
        assert!(!equal(&column(vec![Some(1.0)]), &column(vec![Some(2.0)])));
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        assert!(!equal(&column(vec![Some(1.0)]), &whole));
    }

    #[test]
    fn lists_are_equal_by_their_numbers() {
        let list = |values: Vec<f64>| -> ArrayRef {
            Arc::new(LargeListArray::from_iter_primitive::<Float64Type, _, _>([Some(values.into_iter().map(Some))]))
        };
        assert!(equal(&list(vec![1.0, -f64::NAN]), &list(vec![1.0, f64::NAN])));
        assert!(!equal(&list(vec![1.0]), &list(vec![1.0, 2.0])));
    }
}
