//! Tables whose columns are made when they are read.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema, SchemaRef};

use crate::error::Result;
use crate::group::GroupKeys;
use crate::watch::Watch;

pub trait Lazy: Send + Sync {
    fn schema(&self) -> SchemaRef;
    fn rows(&self) -> usize;
    /// One column (all of them if `None`) of a range of rows.
    fn read(&self, rows: Range<usize>, column: Option<usize>, watch: &Watch) -> Result<RecordBatch>;

    /// How many rows to hand over at a time.
    fn portion(&self) -> usize {
        self.rows()
    }
}

pub type SharedTable = Arc<dyn Lazy>;

impl Lazy for RecordBatch {
    fn schema(&self) -> SchemaRef {
        RecordBatch::schema(self)
    }

    fn rows(&self) -> usize {
        self.num_rows()
    }

    fn read(&self, rows: Range<usize>, column: Option<usize>, _watch: &Watch) -> Result<RecordBatch> {
        let part = self.slice(rows.start, rows.len());
        Ok(match column {
            Some(column) => part.project(&[column])?,
            None => part,
        })
    }
}

/// A table in pieces of one length, but for the last.
pub struct Pieces {
    schema: SchemaRef,
    pieces: Vec<RecordBatch>,
    length: usize,
}

impl Pieces {
    pub fn new(schema: SchemaRef, pieces: Vec<RecordBatch>, length: usize) -> Pieces {
        Pieces { schema, pieces, length }
    }
}

impl Lazy for Pieces {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn rows(&self) -> usize {
        self.pieces.iter().map(RecordBatch::num_rows).sum()
    }

    fn read(&self, rows: Range<usize>, column: Option<usize>, watch: &Watch) -> Result<RecordBatch> {
        let mut parts = Vec::new();
        for (at, piece) in self.pieces.iter().enumerate() {
            watch.check()?;
            let begin = at * self.length;
            let (from, to) = (rows.start.max(begin), rows.end.min(begin + piece.num_rows()));
            if from < to {
                parts.push(Lazy::read(piece, from - begin..to - begin, column, watch)?);
            }
        }
        let schema = match column {
            Some(column) => Arc::new(self.schema.project(&[column])?),
            None => self.schema.clone(),
        };
        Ok(concat_batches(&schema, &parts)?)
    }

    fn portion(&self) -> usize {
        self.length
    }
}

/// Measures of groups. The labels of seven million groups are as large as the shipments they came
/// from, so they are looked up when they are wanted.
pub struct Grouped {
    names: Vec<String>,
    keys: Arc<GroupKeys>,
    measures: Vec<(String, ArrayRef)>,
    groups: usize,
}

impl Grouped {
    pub fn new(names: &[String], keys: Arc<GroupKeys>, measures: Vec<(String, ArrayRef)>, groups: usize) -> Grouped {
        Grouped { names: names.to_vec(), keys, measures, groups }
    }
}

impl Lazy for Grouped {
    fn schema(&self) -> SchemaRef {
        let keys = self.names.iter().enumerate().map(|(k, name)| (name, self.keys.distinct(k).data_type()));
        let measures = self.measures.iter().map(|(name, array)| (name, array.data_type()));
        let fields = keys.chain(measures).map(|(name, kind)| Field::new(name, kind.clone(), true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    fn rows(&self) -> usize {
        self.groups
    }

    fn read(&self, rows: Range<usize>, column: Option<usize>, watch: &Watch) -> Result<RecordBatch> {
        let chosen = column.map_or(0..self.names.len() + self.measures.len(), |c| c..c + 1);
        let schema = Lazy::schema(self);
        let columns: Result<Vec<(String, ArrayRef)>> = chosen
            .map(|c| {
                watch.check()?;
                let array = match c.checked_sub(self.names.len()) {
                    None => self.keys.labels(c, rows.clone())?,
                    Some(measure) => self.measures[measure].1.slice(rows.start, rows.len()),
                };
                Ok((schema.field(c).name().clone(), array))
            })
            .collect();
        super::table(columns?, rows.len())
    }
}
