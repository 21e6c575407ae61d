//! A condition on a column of a given type: which of its values pass.

use arrow::array::{Array, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes::*;

use crate::error::{Error, Result};
use crate::select::literal::{Choice, DecimalLiteral, Literal, Wanted};
use crate::select::moments::{self, words};
use crate::select::number_text::{NumberMisread, read_number};
use crate::select::spans::Spans;
use crate::stats::encode;

/// The values of a column that pass.
pub struct Condition {
    test: Test,
    nulls: bool,
}

enum Test {
    /// Whole numbers, decimals as unscaled integers, dates and times.
    Whole(Spans<i128>),
    Wide(Spans<i256>),
    /// Doubles, as integers with the same order. NaN is null.
    Float(Spans<i64>),
}

impl Condition {
    /// `name` is the name of the column in errors.
    pub fn new(name: &str, kind: &DataType, wanted: &Wanted) -> Result<Condition> {
        use DataType::*;
        let spans_of = |scale: i64| -> Result<Spans<i128>> {
            spans(name, &numbers(name, wanted)?, |l| Ok(number(name, l)?.narrow(scale)), i128::MIN)
        };
        let test = match kind {
            Float16 | Float32 | Float64 => {
                let read = |l: &Literal| Ok(float(&number(name, l)?, kind));
                Test::Float(spans(name, &numbers(name, wanted)?, read, i64::MIN)?)
            }
            Decimal256(_, scale) => {
                let read = |l: &Literal| Ok(number(name, l)?.whole(i64::from(*scale)));
                Test::Wide(spans(name, &numbers(name, wanted)?, read, i256::MIN)?)
            }
            Decimal32(_, scale) | Decimal64(_, scale) | Decimal128(_, scale) => {
                Test::Whole(spans_of(i64::from(*scale))?)
            }
            Boolean => Test::Whole(spans(name, wanted, |l| truth(name, l), i128::MIN)?),
            kind if kind.is_integer() => Test::Whole(spans_of(0)?),
            kind => Test::Whole(spans(name, wanted, |l| moments::range(name, kind, l), i128::MIN)?),
        };
        Ok(Condition { test, nulls: wanted.asks_for_nulls() })
    }

    /// The rows whose cells pass. The cell of `row` is at `row - start`.
    pub fn choose(&self, cells: &dyn Array, start: usize, rows: impl Iterator<Item = u32>) -> Vec<u32> {
        match &self.test {
            Test::Float(spans) => match cells.data_type() {
                DataType::Float16 => self.pick::<Float16Type>(cells, start, rows, |v| float_in(spans, f64::from(v))),
                DataType::Float32 => self.pick::<Float32Type>(cells, start, rows, |v| float_in(spans, f64::from(v))),
                _ => {
                    let values = cells.as_primitive::<Float64Type>();
                    let nulls = self.nulls;
                    pass(start, rows, |at| {
                        let value = if values.is_null(at) { f64::NAN } else { values.value(at) };
                        if value.is_nan() { nulls } else { spans.contains(encode(value + 0.0)) }
                    })
                }
            },
            Test::Wide(spans) => self.pick::<Decimal256Type>(cells, start, rows, |v| Some(spans.contains(v))),
            Test::Whole(spans) => {
                if let Some(truths) = cells.as_boolean_opt() {
                    return pass(start, rows, |at| {
                        if truths.is_null(at) { self.nulls } else { spans.contains(i128::from(truths.value(at))) }
                    });
                }
                self.choose_whole(spans, cells, start, rows)
            }
        }
    }

    fn choose_whole(
        &self,
        spans: &Spans<i128>,
        cells: &dyn Array,
        start: usize,
        rows: impl Iterator<Item = u32>,
    ) -> Vec<u32> {
        macro_rules! by_type {
            ($($kind:ty),*) => {
                $(if cells.as_primitive_opt::<$kind>().is_some() {
                    return self.pick::<$kind>(cells, start, rows, |v| Some(spans.contains(i128::from(v))));
                })*
            };
        }
        by_type!(Int64Type, Int32Type, Int16Type, Int8Type, UInt64Type, UInt32Type, UInt16Type, UInt8Type);
        by_type!(Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type);
        by_type!(TimestampSecondType, TimestampMillisecondType, TimestampMicrosecondType, TimestampNanosecondType);
        by_type!(Time32SecondType, Time32MillisecondType, Time64MicrosecondType, Time64NanosecondType);
        by_type!(DurationSecondType, DurationMillisecondType, DurationMicrosecondType, DurationNanosecondType);
        Vec::new()
    }

    /// `test` returns `None` for a missing value.
    fn pick<T: ArrowPrimitiveType>(
        &self,
        cells: &dyn Array,
        start: usize,
        rows: impl Iterator<Item = u32>,
        test: impl Fn(T::Native) -> Option<bool>,
    ) -> Vec<u32> {
        let cells: &PrimitiveArray<T> = cells.as_primitive();
        let values = cells.values();
        match cells.nulls().filter(|n| n.null_count() > 0) {
            None => pass(start, rows, |at| test(values[at]).unwrap_or(self.nulls)),
            Some(known) => {
                pass(
                    start,
                    rows,
                    |at| {
                        if known.is_valid(at) { test(values[at]).unwrap_or(self.nulls) } else { self.nulls }
                    },
                )
            }
        }
    }
}

fn pass(start: usize, rows: impl Iterator<Item = u32>, test: impl Fn(usize) -> bool) -> Vec<u32> {
    rows.filter(|&row| test(row as usize - start)).collect()
}

fn float_in(spans: &Spans<i64>, value: f64) -> Option<bool> {
    (!value.is_nan()).then(|| spans.contains(encode(value + 0.0)))
}

/// The ranges of values that a condition selects. `range` returns the first and the last value that are equal to a
/// literal. If no value can be equal to it, the first is larger than the last.
pub fn spans<T: Ord + Copy + Bounded>(
    name: &str,
    wanted: &Wanted,
    range: impl Fn(&Literal) -> Result<(T, T)>,
    least: T,
) -> Result<Spans<T>> {
    let mut found = Vec::with_capacity(wanted.0.len());
    for choice in &wanted.0 {
        match choice {
            Choice::One(Literal::Null) => {}
            Choice::One(literal) => found.push(range(literal)?),
            Choice::Between(low, high) => {
                let first = if *low == Literal::Null { (least, least) } else { range(low)? };
                let last = if *high == Literal::Null { (T::MOST, T::MOST) } else { range(high)? };
                // An end may lie between two values and be equal to none. In this check both values count as the end.
                if first.0.min(first.1) > last.0.max(last.1) || surely_above(low, high) {
                    return Err(reversed(name, low, high));
                }
                found.push((first.0, last.1));
            }
        }
    }
    Ok(Spans::new(found))
}

/// Whether the first end is above the second, before they are rounded to the unit of the column.
fn surely_above(low: &Literal, high: &Literal) -> bool {
    match (low, high) {
        (Literal::Number(a), Literal::Number(b)) => a.float > b.float,
        (Literal::Instant(a), Literal::Instant(b)) => match (a.utc, b.utc) {
            (Some(a), Some(b)) => a > b,
            _ => a.wall > b.wall,
        },
        (Literal::Length(a), Literal::Length(b)) | (Literal::Clock(a), Literal::Clock(b)) => a > b,
        _ => false,
    }
}

pub fn reversed(name: &str, low: &Literal, high: &Literal) -> Error {
    let (low, high) = (words(low), words(high));
    Error::Argument(format!(
        "{name:?}: the range from {low} to {high} ends before it begins; write the lower end first: between({high}, {low})"
    ))
}

/// The largest value of a type, for open ends.
pub trait Bounded {
    const MOST: Self;
}

impl Bounded for i64 {
    const MOST: i64 = i64::MAX;
}

impl Bounded for i128 {
    const MOST: i128 = i128::MAX;
}

impl Bounded for i256 {
    const MOST: i256 = i256::MAX;
}

/// A condition on numbers. Texts are read with [`read_number`].
fn numbers(name: &str, wanted: &Wanted) -> Result<Wanted> {
    wanted.map(|literal| Ok(Literal::Number(number(name, literal)?)))
}

fn number(name: &str, literal: &Literal) -> Result<DecimalLiteral> {
    let text = match literal {
        Literal::Number(number) => return Ok(number.clone()),
        Literal::Truth(true) => "1",
        Literal::Truth(false) => "0",
        Literal::Text(text) => text,
        other => {
            return Err(Error::Argument(format!("{name:?} holds numbers, and {} is not one", words(other))));
        }
    };
    read_number(text).map_err(|why| {
        Error::Argument(match why {
            NumberMisread::NotANumber => format!("{name:?} holds numbers, and {text:?} is not one"),
            NumberMisread::Either(one, other) => {
                format!("{name:?} holds numbers, and {text:?} may be {one} or {other}; write one of these")
            }
        })
    })
}

/// The nearest float of the column, as first and last value. No value is equal to NaN.
fn float(number: &DecimalLiteral, kind: &DataType) -> (i64, i64) {
    if number.float.is_nan() {
        return (i64::MAX, i64::MIN);
    }
    let near = match kind {
        DataType::Float32 => f64::from(number.float as f32),
        DataType::Float16 => f64::from(<Float16Type as ArrowPrimitiveType>::Native::from_f64(number.float)),
        _ => number.float,
    };
    // A number beyond the largest finite float of the column is not equal to infinity.
    let near = if near.is_finite() { near } else { number.float };
    let key = encode(near + 0.0);
    (key, key)
}

fn truth(name: &str, literal: &Literal) -> Result<(i128, i128)> {
    let one = |truth: bool| Ok((i128::from(truth), i128::from(truth)));
    match literal {
        Literal::Truth(truth) => one(*truth),
        Literal::Text(text) if text.eq_ignore_ascii_case("true") => one(true),
        Literal::Text(text) if text.eq_ignore_ascii_case("false") => one(false),
        Literal::Number(number) => Ok(number.narrow(0)),
        Literal::Text(text) if matches!(text.trim(), "0" | "1") => one(text.trim() == "1"),
        other => Err(Error::Argument(format!(
            "{name:?} holds true and false, and {} is neither; write True or False",
            words(other)
        ))),
    }
}
