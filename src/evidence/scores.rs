//! The scores of a detector: a table with one row for each subject. Columns are computed when they are read, because
//! the reasons of ten million rows are a gigabyte of text, and few callers need them.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use rayon::prelude::*;

use crate::error::Result;
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::store::Shipments;
use crate::table::TableSource;

/// The columns of numbers. A direction is stored as the sign of a number. NaN is null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreColumn {
    Score,
    PValue,
    Direction,
    Observed,
    Expected,
    Peers,
}

/// A column of a table of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The row of a shipment, or a key of a group.
    Key(usize),
    Value(ScoreColumn),
    Peer,
    Caution,
    Reason,
    Evidence(usize),
}

/// The values of one subject that a screen needs.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub subject: String,
    pub score: f64,
    pub direction: f64,
    pub observed: f64,
    pub expected: f64,
    /// The amount at stake: the distance of the value from the expected one.
    pub at_stake: f64,
    pub caution: Option<String>,
    pub reason: String,
    /// The source rows behind the subject.
    pub rows: Vec<u32>,
}

pub type SharedScores = Arc<dyn Scores>;

/// A column with fewer rows is computed in one thread.
pub const PARALLEL_ROWS: usize = 1 << 12;

/// The scores of a detector of any kind.
pub trait Scores: Send + Sync {
    fn detector(&self) -> &'static str;

    /// The scored shipments, if the subjects are single shipments in the same order.
    fn ships(&self) -> Option<&Shipments>;

    /// The scored groups, if the subjects are groups in the same order.
    fn groups(&self) -> Option<&GroupKeys>;

    /// Whether a shipment can be behind several subjects.
    fn shares_rows(&self) -> bool {
        false
    }

    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names and types of the columns before `score`, which are the row or the keys.
    fn keys(&self) -> Vec<Field>;

    /// Names and types of the evidence columns after `reason`.
    fn evidence(&self) -> Vec<Field>;

    /// Columns of a range of subjects.
    fn read(&self, columns: &[Column], range: Range<usize>, progress: &Progress) -> Result<Vec<ArrayRef>>;

    /// One column of numbers, with NaN for null.
    fn values(&self, column: ScoreColumn, range: Range<usize>, progress: &Progress) -> Result<Vec<f64>>;

    /// The accounts of these subjects.
    fn accounts(&self, subjects: &[usize], progress: &Progress) -> Result<Vec<Account>>;
}

/// The columns between the keys and the evidence.
pub const FIXED: [(&str, DataType, Column); 9] = [
    ("score", DataType::Float64, Column::Value(ScoreColumn::Score)),
    ("p_value", DataType::Float64, Column::Value(ScoreColumn::PValue)),
    ("direction", DataType::Utf8View, Column::Value(ScoreColumn::Direction)),
    ("observed", DataType::Float64, Column::Value(ScoreColumn::Observed)),
    ("expected", DataType::Float64, Column::Value(ScoreColumn::Expected)),
    ("peer", DataType::Utf8View, Column::Peer),
    ("n_peers", DataType::Int64, Column::Value(ScoreColumn::Peers)),
    ("caution", DataType::Utf8View, Column::Caution),
    ("reason", DataType::Utf8View, Column::Reason),
];

/// The scores as a table.
pub struct ScoreTable(pub SharedScores);

impl ScoreTable {
    /// All columns, in the order of the table.
    fn columns(&self) -> Vec<Column> {
        let keys = (0..self.0.keys().len()).map(Column::Key);
        let evidence = (0..self.0.evidence().len()).map(Column::Evidence);
        keys.chain(FIXED.iter().map(|f| f.2)).chain(evidence).collect()
    }
}

impl TableSource for ScoreTable {
    fn schema(&self) -> SchemaRef {
        let mut fields = self.0.keys();
        fields.extend(FIXED.iter().map(|(name, kind, _)| Field::new(*name, kind.clone(), true)));
        fields.extend(self.0.evidence());
        Arc::new(Schema::new(fields))
    }

    fn rows(&self) -> usize {
        self.0.len()
    }

    fn read(&self, rows: Range<usize>, column: Option<usize>, progress: &Progress) -> Result<RecordBatch> {
        let chosen: Vec<usize> = column.map_or_else(|| (0..self.columns().len()).collect(), |c| vec![c]);
        self.read_some(rows, &chosen, progress)
    }

    /// A verdict is computed once for all columns.
    fn read_some(&self, rows: Range<usize>, chosen: &[usize], progress: &Progress) -> Result<RecordBatch> {
        let columns = self.columns();
        let asked: Vec<Column> = chosen.iter().map(|&c| columns[c]).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let arrays = self.0.read(&asked, rows, progress)?;
        Ok(RecordBatch::try_new_with_options(Arc::new(self.schema().project(chosen)?), arrays, &options)?)
    }

    /// Rows in an exported batch. Texts are computed batch by batch.
    fn portion(&self) -> usize {
        1 << 16
    }
}

pub fn any_nan(values: &[f64]) -> bool {
    values.par_chunks(PARALLEL_ROWS).any(|part| part.iter().any(|v| v.is_nan()))
}
