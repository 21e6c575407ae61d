//! What every detector gives: a table with a row a subject, whose columns are made when they are
//! read. A reason for each of ten million rows is a gigabyte nobody asked for.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringViewArray, StringViewBuilder};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use rayon::prelude::*;

use crate::error::Result;
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::store::Shipments;
use crate::table::TableSource;

/// The columns that are numbers. A direction is the sign of its number; NaN is null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreColumn {
    Score,
    PValue,
    Direction,
    Observed,
    Expected,
    Peers,
}

pub type SharedScores = Arc<dyn Scores>;

/// Tells the caution of each subject, where there is one.
pub type Cautions<'a> = Box<dyn Fn(usize) -> Option<String> + Send + Sync + 'a>;

/// Rows below which a column is not worth splitting over threads.
pub const SHARE: usize = 1 << 12;
/// Texts that are held at a time before they are put together.
const WRITTEN: usize = 1 << 18;

pub trait Scores: Send + Sync {
    fn detector(&self) -> &'static str;

    /// The shipments scored, where the subjects are single shipments in their order.
    fn ships(&self) -> Option<&Shipments> {
        None
    }

    /// The groups scored, where the subjects are groups in their order.
    fn groups(&self) -> Option<&GroupKeys> {
        None
    }

    fn len(&self) -> usize {
        self.ships().map_or_else(|| self.groups().map_or(0, GroupKeys::groups), Shipments::len)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn value(&self, column: ScoreColumn, at: usize) -> f64;

    /// The group and back-off level used.
    fn peer(&self, at: usize) -> Option<String>;

    /// Why scores may rest on artefacts. What that takes is loaded here, once, before many threads ask.
    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_>> {
        Ok(Box::new(|_| None))
    }

    /// One sentence with the numbers in it; for a subject without a score, why it has none.
    fn reason(&self, at: usize) -> String;

    /// What the anomaly is worth: how far the value is from the expected one.
    fn at_stake(&self, at: usize) -> f64;

    /// Names and types of the columns before `score`: the row, or the keys of the subject.
    fn keys(&self) -> Vec<Field> {
        self.groups().map_or_else(|| vec![Field::new("row", DataType::Int64, false)], GroupKeys::fields)
    }

    fn key(&self, column: usize, range: Range<usize>) -> Result<ArrayRef> {
        if let Some(groups) = self.groups() {
            return groups.labels_within(column, range);
        }
        let row = |at: usize| self.ships().map_or(at, |ships| ships.rows.row(at)) as i64;
        Ok(Arc::new(Int64Array::from_iter_values(range.map(row))))
    }

    /// Names and types of evidence columns behind `reason`.
    fn evidence(&self) -> Vec<Field> {
        Vec::new()
    }

    fn evidence_column(&self, _column: usize, range: Range<usize>, _progress: &Progress) -> Result<ArrayRef> {
        Ok(arrow::array::new_null_array(&DataType::Null, range.len()))
    }

    /// The subject in words.
    fn subject(&self, at: usize) -> String {
        if let Some(groups) = self.groups() {
            return groups.name(at);
        }
        format!("row {}", self.ships().map_or(at, |ships| ships.rows.row(at)))
    }

    /// The source rows behind the subject.
    fn rows(&self, at: usize) -> Result<Vec<u32>> {
        Ok(vec![self.ships().map_or(at, |ships| ships.rows.row(at)) as u32])
    }

    /// A number of each subject in a range.
    fn values(&self, column: ScoreColumn, range: Range<usize>, progress: &Progress) -> Result<Vec<f64>> {
        progress.each(range, SHARE, |at| self.value(column, at))
    }
}

/// The scores as a table.
pub struct ScoreTable(pub SharedScores);

impl TableSource for ScoreTable {
    fn schema(&self) -> SchemaRef {
        let mut fields = self.0.keys();
        for (name, kind) in FIXED {
            fields.push(Field::new(name, kind, true));
        }
        fields.extend(self.0.evidence());
        Arc::new(Schema::new(fields))
    }

    fn rows(&self) -> usize {
        self.0.len()
    }

    fn read(&self, rows: Range<usize>, column: Option<usize>, progress: &Progress) -> Result<RecordBatch> {
        let whole = self.schema();
        let columns: Vec<usize> = column.map_or_else(|| (0..whole.fields().len()).collect(), |c| vec![c]);
        let arrays: Result<Vec<ArrayRef>> =
            columns.iter().map(|&c| array(self.0.as_ref(), c, rows.clone(), progress)).collect();
        Ok(RecordBatch::try_new(Arc::new(whole.project(&columns)?), arrays?)?)
    }

    /// Texts are written piece by piece.
    fn portion(&self) -> usize {
        1 << 16
    }
}

const FIXED: [(&str, DataType); 9] = [
    ("score", DataType::Float64),
    ("p_value", DataType::Float64),
    ("direction", DataType::Utf8View),
    ("observed", DataType::Float64),
    ("expected", DataType::Float64),
    ("peer", DataType::Utf8View),
    ("n_peers", DataType::Int64),
    ("caution", DataType::Utf8View),
    ("reason", DataType::Utf8View),
];

fn array(scores: &dyn Scores, column: usize, range: Range<usize>, progress: &Progress) -> Result<ArrayRef> {
    progress.check()?;
    let keys = scores.keys().len();
    let Some(place) = column.checked_sub(keys) else { return scores.key(column, range) };
    let number = |column| -> Result<ArrayRef> {
        let values = scores.values(column, range.clone(), progress)?;
        let nulls = nulls(&values);
        Ok(Arc::new(Float64Array::new(values.into(), nulls)))
    };
    let texts = |text: &(dyn Fn(usize) -> Option<String> + Send + Sync)| -> Result<ArrayRef> {
        let mut builder = StringViewBuilder::with_capacity(range.len());
        // Some at a time: its texts are let go before the next ones are written.
        for start in range.clone().step_by(WRITTEN) {
            let some = start..(start + WRITTEN).min(range.end);
            progress.each(some, SHARE, text)?.into_iter().for_each(|t| builder.append_option(t));
        }
        Ok(Arc::new(builder.finish()))
    };
    Ok(match FIXED.get(place).map(|f| f.0) {
        Some("score") => number(ScoreColumn::Score)?,
        Some("p_value") => number(ScoreColumn::PValue)?,
        Some("direction") => {
            let signs = scores.values(ScoreColumn::Direction, range, progress)?;
            let word = |sign: &f64| match *sign {
                s if s > 0.0 => Some("high"),
                s if s < 0.0 => Some("low"),
                _ => None,
            };
            Arc::new(signs.iter().map(word).collect::<StringViewArray>())
        }
        Some("observed") => number(ScoreColumn::Observed)?,
        Some("expected") => number(ScoreColumn::Expected)?,
        Some("peer") => texts(&|at| scores.peer(at))?,
        Some("n_peers") => {
            let counts = scores.values(ScoreColumn::Peers, range, progress)?;
            Arc::new(counts.iter().map(|n| (!n.is_nan()).then_some(*n as i64)).collect::<Int64Array>())
        }
        Some("caution") => texts(&*scores.cautions(progress)?)?,
        Some(_) => texts(&|at| Some(scores.reason(at)))?,
        None => return scores.evidence_column(place - FIXED.len(), range, progress),
    })
}

fn nulls(values: &[f64]) -> Option<NullBuffer> {
    any_nan(values).then(|| values.iter().map(|v| !v.is_nan()).collect())
}

pub fn any_nan(values: &[f64]) -> bool {
    values.par_chunks(SHARE).any(|part| part.iter().any(|v| v.is_nan()))
}
