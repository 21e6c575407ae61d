//! States from outside: every table is checked completely before it is used. Each error names the column and the
//! problem.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, LargeListArray, RecordBatch, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::state::keys::plain_key;
use crate::store::CALENDAR;

/// Whole numbers up to this one are exact as doubles. No count of records is as large.
const MOST: u64 = 1 << 53;
/// The logarithm of every positive double has a smaller absolute value.
const LONGEST_LOG: f64 = 746.0;

/// A rule for the numbers of a column: a description, and a check. A missing number is NaN.
#[derive(Clone, Copy)]
pub struct Rule {
    words: &'static str,
    holds: fn(f64) -> bool,
}

impl Rule {
    pub const ANY: Rule = Rule { words: "numbers", holds: |_| true };
    pub const KNOWN: Rule = Rule { words: "numbers, none of them missing", holds: |x| !x.is_nan() };
    pub const AMOUNT: Rule = Rule { words: "finite numbers above zero", holds: |x| x > 0.0 && x <= f64::MAX };
    pub const LOG: Rule = Rule { words: "logarithms of finite numbers above zero", holds: |x| x.abs() <= LONGEST_LOG };
    pub const COUNT: Rule =
        Rule { words: "whole numbers of records", holds: |x| (0.0..=u32::MAX as f64).contains(&x) && x.fract() == 0.0 };
    pub const DAY: Rule =
        Rule { words: "days since 1970-01-01, in the years 1 to 9999", holds: |x| x.fract() == 0.0 && is_day(x) };
    pub const DIGITS: Rule = Rule {
        words: "first two digits, with 1000, 2000 or 3000 added",
        holds: |x| x.fract() == 0.0 && (0.0..4000.0).contains(&x) && (10.0..100.0).contains(&(x % 1000.0)),
    };
}

pub fn is_day(x: f64) -> bool {
    x >= f64::from(*CALENDAR.start()) && x <= f64::from(*CALENDAR.end())
}

pub fn wrong(what: &str, detector: &str) -> Error {
    Error::Argument(format!("{what}; pass tables that state() of a {detector} returned"))
}

/// A column of a detector's state.
pub fn column<'a>(state: &'a RecordBatch, name: &str, detector: &str) -> Result<&'a ArrayRef> {
    let schema = state.schema_ref();
    let mut found = schema.fields().iter().enumerate().filter(|(_, f)| f.name() == name);
    let (at, _) = found.next().ok_or_else(|| wrong(&format!("the state has no column {name:?}"), detector))?;
    if found.next().is_some() {
        return Err(wrong(&format!("the state has two columns {name:?}"), detector));
    }
    Ok(state.column(at))
}

/// A column of lists of numbers that follow the rule. Missing numbers are NaN.
pub fn list(state: &RecordBatch, name: &str, rule: Rule, detector: &str) -> Result<LargeListArray> {
    let array = column(state, name, detector)?;
    let item = Arc::new(Field::new("item", DataType::Float64, true));
    let kind = DataType::LargeList(item.clone());
    let bad =
        || wrong(&format!("the column {name:?} does not hold lists of numbers but {}", array.data_type()), detector);
    let whole = match array.data_type() {
        DataType::Null if array.is_empty() => new_null_array(&kind, 0),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)
            if is_number(item.data_type()) || (item.data_type() == &DataType::Null && no_items(array)) =>
        {
            cast(array, &kind).map_err(|_| bad())?
        }
        _ => return Err(bad()),
    };
    let lists = whole.as_list::<i64>();
    let (from, to) = (lists.value_offsets()[0] as usize, lists.value_offsets()[lists.len()] as usize);
    let numbers = numbers(lists.values());
    if let Some(x) = numbers.values()[from..to].par_iter().find_first(|x| !(rule.holds)(**x)) {
        let x = if x.is_nan() { "a missing number".into() } else { format!("{x}") };
        return Err(wrong(&format!("the column {name:?} holds {x}, where {} are expected", rule.words), detector));
    }
    Ok(LargeListArray::new(item, lists.offsets().clone(), Arc::new(numbers), lists.nulls().cloned()))
}

/// Doubles without nulls; a null becomes NaN.
fn numbers(array: &ArrayRef) -> Float64Array {
    let numbers = array.as_primitive::<Float64Type>();
    match numbers.null_count() {
        0 => numbers.clone(),
        _ => numbers.iter().map(|x| Some(x.unwrap_or(f64::NAN))).collect(),
    }
}

fn no_items(array: &ArrayRef) -> bool {
    match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().values().is_empty(),
        DataType::LargeList(_) => array.as_list::<i64>().values().is_empty(),
        _ => false,
    }
}

pub fn is_number(kind: &DataType) -> bool {
    kind.is_integer() || kind.is_floating()
}

/// A column of whole numbers, each at least `least`.
pub fn whole(state: &RecordBatch, name: &str, least: u64, detector: &str) -> Result<Vec<u64>> {
    let array = column(state, name, detector)?;
    let bad = || wrong(&format!("the column {name:?} does not hold whole numbers from {least} up"), detector);
    if !is_number(array.data_type()) {
        return Err(bad());
    }
    let values: Vec<Option<u64>> = if array.data_type().is_floating() {
        let numbers = cast(array, &DataType::Float64)?;
        let one = |x: Option<f64>| x.filter(|x| x.fract() == 0.0 && (0.0..=MOST as f64).contains(x)).map(|x| x as u64);
        numbers.as_primitive::<Float64Type>().iter().map(one).collect()
    } else {
        let numbers = cast(array, &DataType::Int64)?;
        let one = |x: Option<i64>| x.and_then(|x| u64::try_from(x).ok()).filter(|x| *x <= MOST);
        numbers.as_primitive::<Int64Type>().iter().map(one).collect()
    };
    values.into_iter().map(|x| x.filter(|x| *x >= least).ok_or_else(bad)).collect()
}

/// The sum of whole numbers.
pub fn total(numbers: &[u64], name: &str, detector: &str) -> Result<u64> {
    let sum = numbers.iter().try_fold(0u64, |sum, x| sum.checked_add(*x).filter(|sum| *sum <= MOST));
    sum.ok_or_else(|| wrong(&format!("the numbers of {name:?} add up to more than records there can be"), detector))
}

/// A column of truth values that is constant over all states.
pub fn flag(states: &[RecordBatch], name: &str, detector: &str) -> Result<bool> {
    let mut found: Option<bool> = None;
    for state in states {
        let array = column(state, name, detector)?;
        if array.is_empty() {
            continue;
        }
        let values = array
            .as_boolean_opt()
            .filter(|v| v.null_count() == 0)
            .ok_or_else(|| wrong(&format!("the column {name:?} does not hold true or false in every row"), detector))?;
        let (first, many) = (values.value(0), values.true_count());
        if many != if first { values.len() } else { 0 } || found.is_some_and(|found| found != first) {
            return Err(wrong(&format!("the column {name:?} is true in some rows and false in others"), detector));
        }
        found = Some(first);
    }
    Ok(found.unwrap_or(false))
}

/// The chunks of a key, which must all have one type that a key can have.
pub fn key(chunks: &[ArrayRef], name: &str, detector: &str) -> Result<Vec<ArrayRef>> {
    let bad = |what: String| wrong(&format!("the key {name:?} holds {what}"), detector);
    let plain: Result<Vec<ArrayRef>> =
        chunks.iter().map(|c| plain_key(name, c).map_err(|e| bad(e.to_string()))).collect();
    let plain = plain?;
    let mut kinds: Vec<&DataType> = plain.iter().map(|c| c.data_type()).filter(|k| *k != &DataType::Null).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let text = DataType::Utf8View;
    let kind = match kinds[..] {
        [] => &text,
        [kind] => kind,
        _ if kinds.iter().all(|k| k.is_integer()) => &DataType::Int64,
        _ => return Err(bad(format!("{} in one state and {} in another", kinds[0], kinds[1]))),
    };
    let counted = is_number(kind) || kind.is_decimal() || kind.is_temporal();
    let fine = kind == &text || kind == &DataType::Boolean || (counted && !matches!(kind, DataType::Interval(_)));
    if !fine {
        return Err(bad(format!("{kind}, which no key has")));
    }
    plain.iter().map(|c| cast(c, kind).map_err(|e| bad(e.to_string()))).collect()
}

/// An error if the states have more rows than a row number can count.
pub fn rows(states: &[RecordBatch], detector: &str) -> Result<()> {
    let rows: usize = states.iter().map(RecordBatch::num_rows).sum();
    if rows >= u32::MAX as usize {
        return Err(wrong(&format!("{rows} rows are more than states have"), detector));
    }
    Ok(())
}
