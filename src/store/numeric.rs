//! A column as doubles.

use arrow::array::{Array, ArrayRef, AsArray, downcast_dictionary_array};
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use rayon::prelude::*;

use super::encode::{dictionary_values, is_text};
use super::number::{Decimal, NumberCell, parse_number};
use crate::error::{Error, Result};
use crate::watch::Watch;

pub const NOT_A_NUMBER: &str = "not a number";

/// NaN stands for null. Faults are in row order.
pub struct Numbers {
    pub values: ScalarBuffer<f64>,
    pub faults: Vec<(u32, &'static str)>,
    pub decimal: Decimal,
}

pub fn read(name: &str, chunks: &[ArrayRef], watch: &Watch) -> Result<Numbers> {
    let text = chunks.first().is_some_and(|c| is_text(dictionary_values(c).data_type()));
    if !text {
        return Ok(Numbers { values: plain(name, chunks, watch)?, faults: Vec::new(), decimal: Decimal::Point });
    }
    let read = read_text(chunks, Decimal::Point, watch)?;
    if read.faults.is_empty() {
        return Ok(read);
    }
    let cells: Result<Vec<ArrayRef>, _> = chunks.iter().map(|c| cast(c, &DataType::Utf8View)).collect();
    let cells = cells?;
    let texts = cells.iter().flat_map(|c| c.as_string_view().iter().flatten().map(str::as_bytes));
    match Decimal::vote(texts) {
        Decimal::Point => Ok(read),
        Decimal::Comma => read_text(chunks, Decimal::Comma, watch),
    }
}

fn plain(name: &str, chunks: &[ArrayRef], watch: &Watch) -> Result<ScalarBuffer<f64>> {
    if let [only] = chunks
        && let Some(floats) = only.as_primitive_opt::<Float64Type>()
        && floats.null_count() == 0
    {
        return Ok(floats.values().clone());
    }
    let mut values = Vec::with_capacity(chunks.iter().map(|c| c.len()).sum());
    for chunk in chunks {
        watch.check()?;
        let kind = dictionary_values(chunk).data_type().clone();
        if !(kind.is_numeric() || kind == DataType::Boolean || kind == DataType::Null) {
            return Err(Error::Schema(format!(
                "column {name:?} holds {kind}, not numbers; ask for a numeric column, or for its .distinct"
            )));
        }
        let floats = cast(chunk, &DataType::Float64)?;
        let floats = floats.as_primitive::<Float64Type>();
        if floats.null_count() == 0 {
            values.extend_from_slice(floats.values());
        } else {
            values.extend(floats.iter().map(|v| v.unwrap_or(f64::NAN)));
        }
    }
    Ok(ScalarBuffer::from(values))
}

fn read_text(chunks: &[ArrayRef], decimal: Decimal, watch: &Watch) -> Result<Numbers> {
    let mut starts = Vec::with_capacity(chunks.len());
    let mut rows = 0u32;
    for chunk in chunks {
        starts.push(rows);
        rows += chunk.len() as u32;
    }
    let parts: Result<Vec<_>> = chunks
        .par_iter()
        .zip(starts)
        .map(|(chunk, start)| {
            watch.check()?;
            let mut values = Vec::with_capacity(chunk.len());
            let mut faults = Vec::new();
            let mut take = |cell: NumberCell| {
                if cell == NumberCell::Bad {
                    faults.push((start + values.len() as u32, NOT_A_NUMBER));
                }
                values.push(if let NumberCell::Value(v) = cell { v } else { f64::NAN });
            };
            let distinct = cast(&dictionary_values(chunk), &DataType::Utf8View)?;
            let mut cells = distinct.as_string_view().iter().map(|text| match text {
                Some(text) => parse_number(text.as_bytes(), decimal),
                None => NumberCell::Missing,
            });
            if chunk.as_any_dictionary_opt().is_some() {
                let cells: Vec<NumberCell> = cells.collect();
                downcast_dictionary_array!(
                    chunk => chunk.keys_iter().for_each(|k| take(k.map_or(NumberCell::Missing, |k| cells[k]))),
                    _ => (),
                );
            } else {
                cells.by_ref().for_each(take);
            }
            Ok((values, faults))
        })
        .collect();
    let mut all = Numbers { values: ScalarBuffer::from(Vec::new()), faults: Vec::new(), decimal };
    let mut values = Vec::with_capacity(rows as usize);
    for (part, faults) in parts? {
        values.extend(part);
        all.faults.extend(faults);
    }
    all.values = ScalarBuffer::from(values);
    Ok(all)
}
