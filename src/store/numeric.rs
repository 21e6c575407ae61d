//! A column as doubles.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, downcast_dictionary_array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use rayon::prelude::*;

use super::encode::{dictionary_values, is_text};
use super::number::{Decimal, NumberCell, NumberFormat, parse_number};
use super::vote::DecimalVotes;
use crate::error::{Error, Result};
use crate::progress::Progress;

pub const NOT_A_NUMBER: &str = "not a number";

/// NaN stands for null. Faults are in row order.
pub struct Numbers {
    pub values: ScalarBuffer<f64>,
    pub faults: Vec<(u32, &'static str)>,
    pub format: NumberFormat,
}

/// Reads the column with `format`, else as its own texts show, else with the decimal sign of `others`.
pub fn read(
    name: &str,
    chunks: &[ArrayRef],
    format: Option<NumberFormat>,
    others: Decimal,
    progress: &Progress,
) -> Result<Numbers> {
    let text = chunks.first().is_some_and(|c| is_text(dictionary_values(c).data_type()));
    if !text {
        return Ok(Numbers {
            values: doubles(name, chunks, progress)?,
            faults: Vec::new(),
            format: NumberFormat::default(),
        });
    }
    let format = match format {
        Some(format) => format,
        None => {
            let decimal_votes = decimal_votes(chunks, progress)?;
            let own = Decimal::elect(&[decimal_votes])[0].decimal;
            NumberFormat::from(if decimal_votes.point == decimal_votes.comma { others } else { own })
        }
    };
    read_text(chunks, format, progress)
}

/// Doubles as a column; NaN becomes null.
pub fn nullable(values: Vec<f64>) -> ArrayRef {
    let valid: Vec<bool> = values.par_iter().map(|v| !v.is_nan()).collect();
    let nulls = valid.par_iter().any(|v| !v).then(|| NullBuffer::from(valid));
    Arc::new(Float64Array::new(ScalarBuffer::from(values), nulls))
}

/// The votes of the texts of a column on its decimal sign, one for each row.
pub fn decimal_votes(chunks: &[ArrayRef], progress: &Progress) -> Result<DecimalVotes> {
    let parts: Result<Vec<DecimalVotes>> = chunks
        .par_iter()
        .map(|chunk| {
            progress.check()?;
            let mut decimal_votes = DecimalVotes::default();
            used_texts(chunk, |text, times| decimal_votes.add(text, times))?;
            Ok(decimal_votes)
        })
        .collect();
    Ok(parts?.into_iter().fold(DecimalVotes::default(), DecimalVotes::plus))
}

/// Every text of a chunk, with its number of rows. A text may come more than once.
pub fn used_texts(chunk: &ArrayRef, mut put: impl FnMut(&[u8], u64)) -> Result<()> {
    let distinct = cast(&dictionary_values(chunk), &DataType::Utf8View)?;
    let texts = distinct.as_string_view();
    if chunk.as_any_dictionary_opt().is_none() {
        texts.iter().flatten().for_each(|text| put(text.as_bytes(), 1));
        return Ok(());
    }
    let mut times = vec![0u64; texts.len()];
    downcast_dictionary_array!(
        chunk => chunk.keys_iter().flatten().for_each(|k| times[k] += 1),
        _ => (),
    );
    let used = texts.iter().zip(times).filter(|(_, times)| *times > 0);
    used.for_each(|(text, times)| text.into_iter().for_each(|text| put(text.as_bytes(), times)));
    Ok(())
}

/// A column of numbers as doubles, NaN for null.
pub fn doubles(name: &str, chunks: &[ArrayRef], progress: &Progress) -> Result<ScalarBuffer<f64>> {
    if let [only] = chunks
        && let Some(floats) = only.as_primitive_opt::<Float64Type>()
        && floats.null_count() == 0
    {
        return Ok(floats.values().clone());
    }
    let mut values = Vec::with_capacity(chunks.iter().map(|c| c.len()).sum());
    for chunk in chunks {
        progress.check()?;
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

fn read_text(chunks: &[ArrayRef], format: NumberFormat, progress: &Progress) -> Result<Numbers> {
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
            progress.check()?;
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
                Some(text) => parse_number(text.as_bytes(), format),
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
    let mut all = Numbers { values: ScalarBuffer::from(Vec::new()), faults: Vec::new(), format };
    let mut values = Vec::with_capacity(rows as usize);
    for (part, faults) in parts? {
        values.extend(part);
        all.faults.extend(faults);
    }
    all.values = ScalarBuffer::from(values);
    Ok(all)
}
