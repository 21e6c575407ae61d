//! Dictionary encoding: any Arrow column into [`Codes`]. Each thread numbers the distinct values
//! of its stretch of rows in a table of its own; the tables are then merged and sorted, and the
//! local numbers replaced by ranks. Short texts are compared as one number of 128 bits.

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array, downcast_dictionary_array};
use arrow::compute::{cast, take};
use arrow::datatypes::DataType;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::codes::{Codes, text_labels};
use super::short::SHORT;
use crate::error::{Error, Result};
use crate::progress::Progress;

mod local;
mod numbers;
mod rank;
mod runs;
mod views;

use local::{Local, NULL, Value};
use rank::rank;
use runs::{CHECK_INTERVAL, Piece, apply_ranks, number_runs};
use views::Places;

pub use numbers::counted;

/// Encodes the chunks of one column.
pub fn encode(chunks: &[ArrayRef], progress: &Progress) -> Result<Codes> {
    let Some(first) = chunks.first() else {
        return Ok(Codes { ids: Vec::new(), labels: text_labels([]) });
    };
    if chunks.iter().any(|chunk| chunk.data_type() != first.data_type()) {
        let kind = first.data_type();
        let alike: Result<Vec<ArrayRef>, _> = chunks.iter().map(|chunk| cast(chunk, kind)).collect();
        let alike = alike.map_err(|e| Error::Schema(format!("a column is {kind} at first and then is not: {e}")))?;
        return encode(&alike, progress);
    }
    match first.data_type() {
        DataType::Dictionary(_, _) => dictionaries(chunks, progress),
        DataType::RunEndEncoded(_, values) => {
            let plain: Result<Vec<ArrayRef>, _> = chunks.iter().map(|c| cast(c, values.data_type())).collect();
            encode(&plain?, progress)
        }
        kind if is_text(kind) => texts(chunks, progress),
        kind if counted(kind) => numbers::encode(chunks, kind, progress),
        kind => {
            let plain: Result<Vec<ArrayRef>, _> = chunks.iter().map(|c| cast(c, &DataType::Utf8View)).collect();
            let plain = plain.map_err(|_| {
                Error::Schema(format!("a column of type {kind} cannot be a key; turn it into text or a number first"))
            })?;
            texts(&plain, progress)
        }
    }
}

pub fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn texts(chunks: &[ArrayRef], progress: &Progress) -> Result<Codes> {
    let (mut ids, sizes, values) = number_runs(chunks, progress, number_texts)?;
    // Few texts of a long column are copied: the labels must not keep all its bytes in memory.
    let held: usize = values.iter().flatten().map(Value::held).sum();
    let Some(places) = Places::of(chunks).filter(|places| 2 * held >= places.bytes()) else {
        let (maps, labels) = rank(values, |v| v, Some);
        apply_ranks(&mut ids, &sizes, &maps, labels.len() as u32);
        // Labels come out of Arrow text arrays, which hold valid UTF-8.
        let texts = labels.iter().flatten().map(|v| std::str::from_utf8(v.bytes()).unwrap_or("\u{fffd}"));
        return Ok(Codes { ids, labels: text_labels(texts) });
    };
    let (maps, views) = rank(values, |v| v, |v| places.view(v));
    apply_ranks(&mut ids, &sizes, &maps, views.len() as u32);
    Ok(Codes { ids, labels: places.array(views)? })
}

fn number_texts<'a>(local: &mut Local<'a>, chunk: &'a dyn Array, start: usize, ids: &mut [u32]) {
    let nulls = chunk.nulls().filter(|n| n.null_count() > 0);
    let valid = |i: usize| nulls.is_none_or(|n| n.is_valid(start + i));
    match chunk.data_type() {
        DataType::Utf8View => {
            let views = chunk.as_string_view();
            let raw = &views.views()[start..start + ids.len()];
            for (i, (id, &view)) in ids.iter_mut().zip(raw).enumerate() {
                if valid(i) {
                    *id = if view as u32 <= SHORT as u32 {
                        local.short(view)
                    } else {
                        local.long(views.value(start + i).as_bytes())
                    };
                }
            }
        }
        DataType::Utf8 => {
            let texts = chunk.as_string::<i32>();
            for (i, id) in ids.iter_mut().enumerate() {
                if valid(i) {
                    *id = local.text(texts.value(start + i).as_bytes());
                }
            }
        }
        _ => {
            let texts = chunk.as_string::<i64>();
            for (i, id) in ids.iter_mut().enumerate() {
                if valid(i) {
                    *id = local.text(texts.value(start + i).as_bytes());
                }
            }
        }
    }
}

/// Dictionary columns: the values of each chunk's dictionary are encoded like a column of their
/// own, then the keys are mapped. Values that no row uses leave no label.
fn dictionaries(chunks: &[ArrayRef], progress: &Progress) -> Result<Codes> {
    let values: Vec<ArrayRef> = chunks.iter().map(|c| dictionary_values(c)).collect();
    let codes = encode(&values, progress)?;
    let count = codes.labels.len();
    let used: Vec<AtomicBool> = (0..=count).map(|_| AtomicBool::new(false)).collect();
    let mut ids = vec![NULL; chunks.iter().map(|c| c.len()).sum()];
    let (mut rest, mut offset) = (&mut ids[..], 0);
    let mut pieces = Vec::new();
    for (chunk, values) in chunks.iter().zip(&values) {
        let map = &codes.ids[offset..offset + values.len()];
        offset += values.len();
        for start in (0..chunk.len()).step_by(CHECK_INTERVAL) {
            let (head, tail) = rest.split_at_mut(CHECK_INTERVAL.min(chunk.len() - start));
            rest = tail;
            pieces.push((Piece { chunk: chunk.as_ref(), start, ids: head }, map));
        }
    }
    pieces.into_par_iter().try_for_each(|(piece, map)| {
        progress.check()?;
        piece.spread(map, codes.null(), &used)
    })?;
    let used: Vec<bool> = used.into_iter().map(AtomicBool::into_inner).collect();
    if used[..count].iter().all(|&u| u) {
        return Ok(Codes { ids, labels: codes.labels });
    }
    let kept: UInt32Array = (0..count as u32).filter(|&label| used[label as usize]).collect();
    let mut map = vec![kept.len() as u32; count + 1];
    kept.values().iter().zip(0..).for_each(|(&label, code)| map[label as usize] = code);
    ids.par_chunks_mut(CHECK_INTERVAL).for_each(|ids| ids.iter_mut().for_each(|id| *id = map[*id as usize]));
    Ok(Codes { ids, labels: take(&codes.labels, &kept, None)? })
}

impl Piece<'_, '_> {
    /// Gives the rows of a dictionary the codes that `map` has for its values, and marks these.
    fn spread(self, map: &[u32], null: u32, used: &[AtomicBool]) -> Result<()> {
        let part = &*self.chunk.slice(self.start, self.ids.len());
        downcast_dictionary_array!(
            part => for (id, key) in self.ids.iter_mut().zip(part.keys_iter()) {
                *id = key.map_or(null, |k| map[k]);
                let used = &used[*id as usize];
                if !used.load(Relaxed) {
                    used.store(true, Relaxed);
                }
            },
            _ => return Err(Error::Schema("a dictionary column changes its type between batches".into())),
        );
        Ok(())
    }
}

pub fn dictionary_values(chunk: &ArrayRef) -> ArrayRef {
    chunk.as_any_dictionary_opt().map_or_else(|| chunk.clone(), |d| d.values().clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use arrow::array::{DictionaryArray, Int64Array, LargeStringArray, StringArray, StringViewArray};
    use arrow::datatypes::{Int8Type, Int64Type};

    fn labels(codes: &Codes) -> Vec<&str> {
        codes.text().unwrap().iter().map(|t| t.unwrap()).collect()
    }

    #[test]
    fn every_text_type_gives_the_same_codes() {
        let long = "x".repeat(1000);
        let texts = [Some("b"), None, Some("ä"), Some(long.as_str()), Some("b"), Some(""), Some("exactly twelv")];
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(texts.to_vec())),
            Arc::new(LargeStringArray::from(texts.to_vec())),
            Arc::new(StringViewArray::from(texts.to_vec())),
            Arc::new(texts.into_iter().collect::<DictionaryArray<Int8Type>>()),
        ];
        for array in arrays {
            let codes = encode(&[array], &Progress::default()).unwrap();
            assert_eq!(labels(&codes), ["", "b", "exactly twelv", long.as_str(), "ä"]);
            assert_eq!(codes.ids, [1, 5, 4, 3, 1, 0, 2]);
        }
    }

    #[test]
    fn chunks_share_one_numbering_and_unused_values_vanish() {
        let a: ArrayRef = Arc::new(["z", "a"].into_iter().collect::<DictionaryArray<Int8Type>>());
        let b: ArrayRef = Arc::new(["m", "a", "q"].into_iter().collect::<DictionaryArray<Int8Type>>().slice(1, 1));
        let codes = encode(&[a, b], &Progress::default()).unwrap();
        assert_eq!(labels(&codes), ["a", "z"]);
        assert_eq!(codes.ids, [1, 0, 0]);
    }

    #[test]
    fn dictionaries_of_anything_keep_their_type() {
        let values: ArrayRef = Arc::new(Int64Array::from(vec![2010, 999, 5, 2011]));
        let keys = arrow::array::Int8Array::from(vec![Some(0), Some(1), None, Some(3), Some(0)]);
        let made: ArrayRef = Arc::new(DictionaryArray::new(keys, values));
        let codes = encode(&[made], &Progress::default()).unwrap();
        assert_eq!(codes.labels.as_primitive::<Int64Type>().values()[..], [999, 2010, 2011]);
        assert_eq!(codes.ids, [1, 0, 3, 2, 1]);
    }
}
