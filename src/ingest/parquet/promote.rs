//! One type for a column that several files store as different types. No value changes: whole numbers become floats
//! only if all of them are exact, and values without a common type of numbers or dates become text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Int64Type, TimeUnit, UInt64Type};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::error::Result;

/// The smallest and largest of some whole numbers, if there are any.
pub type Bounds = Option<(i128, i128)>;

pub fn coarse_periods(a: Bounds, b: Bounds) -> Bounds {
    match (a, b) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (one, other) => one.or(other),
    }
}

/// Whole numbers up to this one are exact as floats of 64 bits.
const EXACT: i128 = 1 << 53;

/// A type for the values of all `kinds`, or `None`. `bounds` gives the range of the whole numbers of one of them. It is
/// called only if the types do not decide.
pub fn united(kinds: &[DataType], bounds: impl Fn(usize) -> Result<Bounds>) -> Result<Option<DataType>> {
    // A column without values fits every type.
    let some: Vec<(usize, &DataType)> = kinds.iter().enumerate().filter(|(_, kind)| **kind != DataType::Null).collect();
    let Some(&(_, first)) = some.first() else { return Ok(Some(DataType::Null)) };
    if some.iter().all(|(_, kind)| *kind == first) {
        return Ok(Some(first.clone()));
    }
    let some: Vec<(usize, &DataType)> = some.into_iter().map(|(i, kind)| (i, value(kind))).collect();
    let all = |is: &dyn Fn(&DataType) -> bool| some.iter().all(|(_, kind)| is(kind));
    let number = if all(&DataType::is_integer) {
        integers(&some, &bounds)?
    } else if all(&|k| k.is_integer() || k.is_floating()) {
        floats(&some, &bounds)?
    } else if all(&|k| k.is_integer() || is_decimal(k)) {
        decimals(&some)
    } else if all(&|k| moment(k).is_some()) {
        moments(&some, &bounds)?
    } else if all(&|k| matches!(k, DataType::Time32(_) | DataType::Time64(_))) {
        Some(DataType::Time64(TimeUnit::Nanosecond))
    } else {
        None
    };
    Ok(if number.is_some() {
        number
    } else if all(&spelled) {
        Some(DataType::Utf8View)
    } else if all(&is_binary) {
        Some(DataType::LargeBinary)
    } else if all(&|k| k.equals_datatype(some[0].1)) {
        // They differ only in the names of the parts of nested types.
        some.iter().map(|(_, kind)| *kind).min_by_key(|kind| kind.to_string()).cloned()
    } else {
        None
    })
}

/// The type of the values, without any dictionary.
fn value(kind: &DataType) -> &DataType {
    match kind {
        DataType::Dictionary(_, value) => value,
        kind => kind,
    }
}

fn is_decimal(kind: &DataType) -> bool {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256};
    matches!(kind, Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..))
}

fn is_binary(kind: &DataType) -> bool {
    matches!(kind, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_))
}

/// Whether every value has a spelling that readers of text understand.
fn spelled(kind: &DataType) -> bool {
    match kind {
        // The rules of a named time zone are not available here.
        DataType::Timestamp(_, Some(zone)) => zone.parse::<arrow::array::timezone::Tz>().is_ok(),
        DataType::Time32(_) | DataType::Time64(_) | DataType::Boolean => true,
        kind => kind.is_integer() || kind.is_floating() || is_decimal(kind) || moment(kind).is_some() || is_text(kind),
    }
}

pub fn is_text(kind: &DataType) -> bool {
    matches!(value(kind), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

type Kinds<'a> = [(usize, &'a DataType)];

fn bits(kind: &DataType) -> usize {
    kind.primitive_width().unwrap_or(8) * 8
}

fn integers(kinds: &Kinds, bounds: &impl Fn(usize) -> Result<Bounds>) -> Result<Option<DataType>> {
    use DataType::{Decimal128, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
    let widest = |signed: bool| {
        kinds.iter().filter(|(_, k)| k.is_signed_integer() == signed).map(|(_, k)| bits(k)).max().unwrap_or(0)
    };
    let (signed, unsigned) = (widest(true), widest(false));
    if signed == 0 {
        return Ok(Some(match unsigned {
            8 => UInt8,
            16 => UInt16,
            32 => UInt32,
            _ => UInt64,
        }));
    }
    Ok(Some(match signed.max(2 * unsigned) {
        8 => Int8,
        16 => Int16,
        32 => Int32,
        64 => Int64,
        _ if within(kinds, &[UInt64], i128::from(i64::MAX), bounds)? => Int64,
        _ => Decimal128(20, 0),
    }))
}

/// Whether the numbers of these types are at most `most`.
fn within(kinds: &Kinds, which: &[DataType], most: i128, bounds: &impl Fn(usize) -> Result<Bounds>) -> Result<bool> {
    for (i, kind) in kinds {
        if which.contains(kind) && bounds(*i)?.is_some_and(|(a, b)| a < -most || b > most) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn floats(kinds: &Kinds, bounds: &impl Fn(usize) -> Result<Bounds>) -> Result<Option<DataType>> {
    let needed = kinds.iter().map(|(_, kind)| match (kind.is_integer(), bits(kind)) {
        (true, 8) => 16,
        (true, 16) => 32,
        (true, _) => 64,
        (false, bits) => bits,
    });
    Ok(match needed.max() {
        Some(16) => Some(DataType::Float16),
        Some(32) => Some(DataType::Float32),
        _ => within(kinds, &[DataType::Int64, DataType::UInt64], EXACT, bounds)?.then_some(DataType::Float64),
    })
}

fn decimals(kinds: &Kinds) -> Option<DataType> {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256};
    let (mut before, mut behind) = (0, 0);
    for (_, kind) in kinds {
        let (digits, scale) = match kind {
            Decimal32(p, s) | Decimal64(p, s) | Decimal128(p, s) | Decimal256(p, s) => (i32::from(*p), i32::from(*s)),
            kind => match (bits(kind), kind.is_signed_integer()) {
                (8, _) => (3, 0),
                (16, _) => (5, 0),
                (32, _) => (10, 0),
                (_, true) => (19, 0),
                (_, false) => (20, 0),
            },
        };
        before = before.max(digits - scale);
        behind = behind.max(scale);
    }
    let (digits, scale) = (u8::try_from(before + behind).ok()?, i8::try_from(behind).ok()?);
    match digits {
        0..=38 => Some(Decimal128(digits.max(1), scale)),
        39..=76 => Some(Decimal256(digits, scale)),
        _ => None,
    }
}

/// Dates and timestamps: their unit, and their zone if they have one.
fn moment(kind: &DataType) -> Option<(TimeUnit, Option<&str>)> {
    match kind {
        DataType::Date32 => Some((TimeUnit::Second, None)),
        DataType::Date64 => Some((TimeUnit::Millisecond, None)),
        DataType::Timestamp(unit, zone) => Some((*unit, zone.as_deref().map(zone_name))),
        _ => None,
    }
}

fn zone_name(zone: &str) -> &str {
    if ["Z", "+00:00", "+0000", "Etc/UTC", "utc"].contains(&zone) { "UTC" } else { zone }
}

fn moments(kinds: &Kinds, bounds: &impl Fn(usize) -> Result<Bounds>) -> Result<Option<DataType>> {
    let known: Vec<_> = kinds.iter().filter_map(|(i, kind)| Some((*i, *kind, moment(kind)?))).collect();
    let finest = known.iter().map(|(_, _, (unit, _))| *unit).max();
    let Some((finest, &(_, _, (_, zone)))) = finest.zip(known.first()) else { return Ok(None) };
    if known.iter().any(|(_, _, (_, other))| *other != zone) {
        return Ok(None); // one instant has two days then
    }
    for &(i, kind, (unit, _)) in &known {
        let day = if kind == &DataType::Date32 { 86_400 } else { 1 };
        let steps = day * steps(finest) / steps(unit);
        let fits = |x: i128| i64::try_from(x * steps).is_ok();
        if steps > 1 && bounds(i)?.is_some_and(|(a, b)| !fits(a) || !fits(b)) {
            return Ok(None);
        }
    }
    Ok(Some(DataType::Timestamp(finest, zone.map(Into::into))))
}

/// The number of units in a second.
fn steps(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// The values as another type, which [`united`] chose. A value that does not fit is an error.
pub fn convert(array: &ArrayRef, kind: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == kind {
        return Ok(array.clone());
    }
    if kind == &DataType::Utf8View {
        return if is_text(array.data_type()) { cast(array, kind) } else { spell(array) };
    }
    let whole = value(array.data_type());
    if kind == &DataType::Float64 && whole.is_integer() && bits(whole) == 64 {
        let exact = bounds(array)?.is_none_or(|(a, b)| a >= -EXACT && b <= EXACT);
        if !exact {
            return Err(ArrowError::CastError("whole numbers outside the range in the footer".into()));
        }
    }
    cast_with_options(array, kind, &CastOptions { safe: false, ..CastOptions::default() })
}

/// The smallest and largest whole number, or step of dates and times.
pub fn bounds(array: &ArrayRef) -> Result<Bounds, ArrowError> {
    use arrow::compute::{max, min};
    let plain = match array.data_type() {
        DataType::Dictionary(_, value) => cast(array, value)?,
        _ => array.clone(),
    };
    if let Some(numbers) = plain.as_primitive_opt::<UInt64Type>() {
        return Ok(min(numbers).map(i128::from).zip(max(numbers).map(i128::from)));
    }
    let days = plain.data_type() == &DataType::Date32;
    let steps = if days { cast(&plain, &DataType::Int32)? } else { plain };
    let steps = cast(&steps, &DataType::Int64)?;
    let steps = steps.as_primitive::<Int64Type>();
    Ok(min(steps).map(i128::from).zip(max(steps).map(i128::from)))
}

/// Values in the usual spelling: whole floats without a point, as in labels.
fn spell(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let plain = match array.data_type() {
        DataType::Dictionary(_, value) => cast(array, value)?,
        _ => array.clone(),
    };
    let floating = plain.data_type().is_floating();
    let plain =
        if floating && plain.data_type() == &DataType::Float16 { cast(&plain, &DataType::Float32)? } else { plain };
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(&plain, &options)?;
    let mut texts = StringViewBuilder::with_capacity(plain.len());
    for row in 0..plain.len() {
        if plain.is_null(row) {
            texts.append_null();
            continue;
        }
        match formatter.value(row).try_to_string() {
            Ok(text) if floating => texts.append_value(text.strip_suffix(".0").unwrap_or(&text)),
            Ok(text) => texts.append_value(text),
            // A day outside the calendar is spelled as its number.
            Err(_) => texts.append_value(steps_text(&plain, row)),
        }
    }
    Ok(Arc::new(texts.finish()))
}

fn steps_text(array: &ArrayRef, row: usize) -> String {
    bounds(&array.slice(row, 1)).ok().flatten().map_or_else(String::new, |(step, _)| step.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use DataType::*;
    use arrow::array::{Date32Array, Float64Array, Int64Array, TimestampMillisecondArray};
    use arrow::datatypes::{Field, Float64Type};

    fn unite(kinds: &[DataType], least: i128, most: i128) -> Option<DataType> {
        let forth = united(kinds, |_| Ok(Some((least, most)))).unwrap();
        let back: Vec<DataType> = kinds.iter().rev().cloned().collect();
        assert_eq!(united(&back, |_| Ok(Some((least, most)))).unwrap(), forth, "{kinds:?}");
        forth
    }

    fn dictionary(value: DataType) -> DataType {
        Dictionary(Box::new(Int32), Box::new(value))
    }

    #[test]
    fn types_unite_without_loss() {
        let day = || Date32;
        let stamp = |unit| Timestamp(unit, None);
        let zoned = |zone: &str| Timestamp(TimeUnit::Millisecond, Some(zone.into()));
        for (kinds, most, expected) in [
            (vec![Int8, Int32], 0, Some(Int32)),
            (vec![UInt8, UInt16], 0, Some(UInt16)),
            (vec![UInt8, Int8], 0, Some(Int16)),
            (vec![UInt32, Int8], 0, Some(Int64)),
            (vec![UInt64, Int64], i128::from(i64::MAX), Some(Int64)),
            (vec![UInt64, Int8], i128::from(u64::MAX), Some(Decimal128(20, 0))),
            (vec![Float32, Float64], 0, Some(Float64)),
            (vec![Int16, Float32], 0, Some(Float32)),
            (vec![Int32, Float32], 0, Some(Float64)),
            (vec![Int64, Float64], EXACT, Some(Float64)),
            (vec![Int64, Float64], EXACT + 1, Some(Utf8View)),
            (vec![Int64, Utf8], 0, Some(Utf8View)),
            (vec![Int64, dictionary(Utf8), Float32], 0, Some(Utf8View)),
            (vec![dictionary(Utf8), dictionary(Utf8)], 0, Some(dictionary(Utf8))),
            (vec![dictionary(Utf8), Utf8View], 0, Some(Utf8View)),
            (vec![Null, Int64], 0, Some(Int64)),
            (vec![Null, Null], 0, Some(Null)),
            (vec![Decimal128(10, 2), Decimal128(8, 4)], 0, Some(Decimal128(12, 4))),
            (vec![Decimal128(38, 0), Decimal128(38, 20)], 0, Some(Decimal256(58, 20))),
            (vec![Decimal128(10, 2), Int32], 0, Some(Decimal128(12, 2))),
            (vec![Decimal128(10, 2), Float64], 0, Some(Utf8View)),
            (vec![day(), stamp(TimeUnit::Millisecond)], 20_000, Some(stamp(TimeUnit::Millisecond))),
            (vec![day(), stamp(TimeUnit::Nanosecond)], 20_000, Some(stamp(TimeUnit::Nanosecond))),
            (vec![day(), stamp(TimeUnit::Nanosecond)], 200_000, Some(Utf8View)),
            (vec![stamp(TimeUnit::Second), stamp(TimeUnit::Nanosecond)], 1 << 30, Some(stamp(TimeUnit::Nanosecond))),
            (vec![zoned("UTC"), zoned("Z")], 0, Some(zoned("UTC"))),
            // Names of zones are known only if the Python build includes their table.
            (vec![zoned("+00:00"), zoned("+02:00")], 0, Some(Utf8View)),
            (vec![day(), Utf8], 0, Some(Utf8View)),
            (vec![day(), Int32], 0, Some(Utf8View)),
            (vec![Boolean, Int8], 0, Some(Utf8View)),
            (vec![Binary, BinaryView], 0, Some(LargeBinary)),
            (vec![Binary, Utf8], 0, None),
            (vec![List(Field::new("item", Int8, true).into()), Int8], 0, None),
        ] {
            assert_eq!(unite(&kinds, -most, most), expected, "{kinds:?}");
        }
    }

    #[test]
    fn values_keep_their_spelling_or_are_refused() {
        let text = |array: ArrayRef| {
            let made = convert(&array, &Utf8View).unwrap();
            made.as_string_view().iter().map(|t| t.unwrap_or("null").to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            text(Arc::new(Float64Array::from(vec![Some(880622.0), Some(1.5), None]))),
            ["880622", "1.5", "null"]
        );
        assert_eq!(text(Arc::new(Date32Array::from(vec![19_358, i32::MAX]))), ["2023-01-01", "2147483647"]);
        let stamps: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![1_672_531_200_000]));
        assert_eq!(text(stamps), ["2023-01-01T00:00:00"]);
        let big: ArrayRef = Arc::new(Int64Array::from(vec![(1 << 53) + 1]));
        assert!(convert(&big, &Float64).is_err());
        let small: ArrayRef = Arc::new(Int64Array::from(vec![-(1 << 53)]));
        assert_eq!(convert(&small, &Float64).unwrap().as_primitive::<Float64Type>().value(0), -9007199254740992.0);
        let far: ArrayRef = Arc::new(Date32Array::from(vec![i32::MAX]));
        assert!(convert(&far, &Timestamp(TimeUnit::Nanosecond, None)).is_err());
    }
}
