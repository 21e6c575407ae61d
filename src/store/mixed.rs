//! Values in several currencies. Their sums have little meaning, so a note and the summary warn of them.

use std::collections::BTreeSet;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use rayon::prelude::*;

use super::codes::label_texts;
use super::currency::{Named, SourceCurrency, named};
use super::encode::dictionary_values;
use super::fault::RowList;
use super::memory::Store;
use super::role::Role;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// The number of currencies that are named with their rows; the others are counted.
const SHOWN: usize = 4;
const REMEDY: &str = "sums add them without conversion; .convert(\"USD\") converts them to one";
const BEGIN: &str = "the values are in ";

/// The name under which a cell is counted: a code, or the word itself.
fn name(cell: &str) -> Option<String> {
    match named(cell) {
        Named::Nothing => None,
        Named::Known(currency) => Some(currency.code.to_owned()),
        Named::Unknown => Some(cell.trim().to_uppercase()),
    }
}

impl Store {
    /// What is known of the currency of the values.
    pub(super) fn stated(&self) -> &SourceCurrency {
        self.earlier.currency.as_ref().unwrap_or(&self.currency)
    }

    /// Adds a note, once, that the values are in several currencies. A copy of some rows keeps the note on all rows.
    pub(super) fn tell_currencies(&self, progress: &Progress) -> Result<()> {
        if self.currencies_told.get().is_none() {
            if self.earlier.currency.is_none() {
                let told = self.caution(&RowList::All(self.rows), progress)?;
                told.into_iter().for_each(|caution| self.note(caution));
            }
            self.currencies_told.get_or_init(|| ());
        }
        Ok(())
    }

    /// A sentence, if the rows with a value have several currencies.
    pub fn caution(&self, rows: &RowList, progress: &Progress) -> Result<Option<String>> {
        let (Some(_), Some(currency)) = (self.role(Role::Value), self.role(Role::Currency)) else { return Ok(None) };
        if *self.stated() != SourceCurrency::Open {
            return Ok(None);
        }
        let column = &self.columns[currency.column];
        if !several(column.chunks(progress)?, progress)? {
            return Ok(None);
        }
        let values = match self.role_numbers(Role::Value, progress) {
            Ok(values) => values,
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(_) => return Ok(None), // a column that cannot be read says so when it is used
        };
        let codes = self.role_codes(Role::Currency, progress)?;
        let labels = label_texts(&codes)?;
        let step = 1 << 16;
        let count = |part: usize| {
            let mut counts = vec![0u64; labels.len() + 1];
            if progress.stopped() {
                return counts;
            }
            for position in part * step..rows.len().min((part + 1) * step) {
                let row = rows.row(position);
                counts[codes.ids[row] as usize] += u64::from(!values[row].is_nan());
            }
            counts
        };
        let add = |mut a: Vec<u64>, b: Vec<u64>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        };
        let parts = (0..rows.len().div_ceil(step)).into_par_iter().map(count);
        let counts = parts.reduce(|| vec![0; labels.len() + 1], add);
        progress.check()?;
        let mut found: Vec<(String, u64)> = Vec::new();
        for (label, rows) in labels.iter().zip(counts) {
            let Some(name) = label.as_deref().and_then(name).filter(|_| rows > 0) else { continue };
            match found.iter_mut().find(|(n, _)| *n == name) {
                Some((_, all)) => *all += rows,
                None => found.push((name, rows)),
            }
        }
        found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Ok((found.len() > 1).then(|| sentence(column.name(), &found)))
    }
}

fn sentence(column: &str, found: &[(String, u64)]) -> String {
    let mut shown: Vec<String> = found.iter().take(SHOWN).map(|(name, rows)| format!("{name} {rows}")).collect();
    if found.len() > SHOWN {
        shown.push(format!("{} more", found.len() - SHOWN));
    }
    format!("{BEGIN}{} currencies by {column:?} (rows: {}): {REMEDY}", found.len(), shown.join(", "))
}

/// Whether a note is the sentence above. After a conversion it is wrong.
pub fn is_caution(note: &str) -> bool {
    note.starts_with(BEGIN) && note.ends_with(REMEDY)
}

/// Whether cells name more than one currency. Only the values of dictionaries are read; of texts, only those that
/// differ from the previous row, each once.
fn several(chunks: &[ArrayRef], progress: &Progress) -> Result<bool> {
    let parts: Result<Vec<BTreeSet<String>>> = chunks
        .par_iter()
        .map(|chunk| {
            progress.check()?;
            let mut found = BTreeSet::new();
            let Ok(texts) = cast(&dictionary_values(chunk), &DataType::Utf8View) else { return Ok(found) };
            let (mut last, mut seen) = (None, BTreeSet::new());
            for text in texts.as_string_view().iter().flatten() {
                if last != Some(text) {
                    last = Some(text);
                    if seen.insert(text) {
                        found.extend(name(text));
                    }
                }
                if found.len() > 1 {
                    break;
                }
            }
            Ok(found)
        })
        .collect();
    Ok(parts?.into_iter().flatten().collect::<BTreeSet<String>>().len() > 1)
}
