//! A column as dense codes: positions in the sorted list of its distinct values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use rayon::prelude::*;

use crate::error::Result;

/// `ids[row]` is the rank of the row's value among `labels`, the distinct values in ascending order. A null has the
/// code [`Codes::null`], one after the last label, so nulls sort last. Codes sort like the values. They do not depend
/// on the order of rows.
#[derive(Debug)]
pub struct Codes {
    pub ids: Vec<u32>,
    pub labels: ArrayRef,
}

impl Codes {
    pub fn null(&self) -> u32 {
        self.labels.len() as u32
    }

    /// The labels, if they are text.
    pub fn text(&self) -> Option<&StringViewArray> {
        self.labels.as_string_view_opt()
    }

    /// The same rows with new texts. `relabel` returns the new text of a label, or `None` for null. Labels with equal
    /// new texts get one code.
    pub fn relabelled(mut self, relabel: &[Option<String>]) -> Codes {
        if self.text().is_some_and(|texts| texts.iter().eq(relabel.iter().map(Option::as_deref))) {
            return self; // nothing to do, as in most files
        }
        let mut distinct: Vec<&str> = relabel.iter().flatten().map(String::as_str).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let null = distinct.len() as u32;
        let mut map: Vec<u32> = relabel
            .iter()
            .map(|text| match text {
                Some(text) => distinct.binary_search(&text.as_str()).unwrap_or(0) as u32,
                None => null,
            })
            .collect();
        map.push(null);
        self.ids.par_chunks_mut(1 << 16).for_each(|ids| ids.iter_mut().for_each(|id| *id = map[*id as usize]));
        Codes { ids: self.ids, labels: text_labels(distinct) }
    }
}

pub fn text_labels<'a>(labels: impl IntoIterator<Item = &'a str>) -> ArrayRef {
    let mut builder = StringViewBuilder::new();
    for label in labels {
        builder.append_value(label);
    }
    Arc::new(builder.finish())
}

/// Days as an array of labels.
pub fn day_labels(days: Vec<i32>) -> ArrayRef {
    Arc::new(arrow::array::Date32Array::new(ScalarBuffer::from(days), None))
}

/// The labels of a column as texts. Whole numbers are written without a point.
pub fn label_texts(codes: &Codes) -> Result<Vec<Option<String>>> {
    let kind = codes.labels.data_type();
    let (floating, decimal) = (kind.is_floating(), kind.is_decimal());
    let texts = cast(&codes.labels, &DataType::Utf8View)?;
    let tidy = |text: &str| {
        let text = if floating { text.strip_suffix(".0").unwrap_or(text) } else { text };
        let text = match text.split_once('.') {
            Some((whole, zeros)) if decimal && zeros.bytes().all(|b| b == b'0') => whole,
            _ => text,
        };
        text.to_owned()
    };
    Ok(texts.as_string_view().iter().map(|t| t.map(tidy)).collect())
}

/// The rows whose label is a fault, with the reason.
pub fn rows_of(codes: &Codes, reason: impl Fn(usize) -> Option<&'static str>) -> Vec<(u32, &'static str)> {
    let reasons: Vec<Option<&'static str>> = (0..codes.labels.len()).map(reason).collect();
    if reasons.iter().all(Option::is_none) {
        return Vec::new();
    }
    let rows = codes.ids.iter().enumerate();
    rows.filter_map(|(row, &id)| Some((row as u32, (*reasons.get(id as usize)?)?))).collect()
}
