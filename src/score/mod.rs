//! Detectors, one file each, and the screen that combines them.

mod phrase;
mod screen;
mod tails;
mod unit_value;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

pub use screen::{Findings, by_shipment, screen};
pub use unit_value::{Fitted, UnitValue};

use crate::error::Result;

/// Scores of shipments, a row each in source order. Columns that are texts are written when they
/// are read: a reason for each of ten million rows is a gigabyte nobody asked for.
pub trait Scores: Send + Sync {
    fn schema(&self) -> SchemaRef;
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The named columns (all of them if `None`) of a range of rows.
    fn batch(&self, range: Range<usize>, column: Option<usize>) -> Result<RecordBatch>;
    /// The p-value of every row; NaN where there is no score.
    fn p_values(&self) -> Vec<f64>;
    /// What the row's anomaly is worth: how far its value is from the expected one.
    fn at_stake(&self, position: usize) -> f64;
    fn detector(&self) -> &'static str;
}

pub type SharedScores = Arc<dyn Scores>;
