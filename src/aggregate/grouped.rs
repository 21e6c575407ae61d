//! Measures with the labels of their groups.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};

use crate::error::Result;
use crate::group::IndexKeys;
use crate::progress::Progress;
use crate::table::{TableSource, table};

/// Measures of groups. The labels of seven million groups are as large as the shipments, so they are looked up when
/// they are needed.
pub struct Grouped {
    names: Vec<String>,
    keys: Arc<IndexKeys>,
    measures: Vec<(String, ArrayRef)>,
    groups: usize,
}

impl Grouped {
    pub fn new(names: &[String], keys: Arc<IndexKeys>, measures: Vec<(String, ArrayRef)>, groups: usize) -> Grouped {
        Grouped { names: names.to_vec(), keys, measures, groups }
    }
}

impl TableSource for Grouped {
    fn schema(&self) -> SchemaRef {
        let keys = self.names.iter().enumerate().map(|(k, name)| (name, self.keys.distinct(k).data_type()));
        let measures = self.measures.iter().map(|(name, array)| (name, array.data_type()));
        let fields = keys.chain(measures).map(|(name, kind)| Field::new(name, kind.clone(), true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    fn rows(&self) -> usize {
        self.groups
    }

    fn read(&self, rows: Range<usize>, column: Option<usize>, progress: &Progress) -> Result<RecordBatch> {
        let chosen = column.map_or(0..self.names.len() + self.measures.len(), |c| c..c + 1);
        let schema = TableSource::schema(self);
        let columns: Result<Vec<(String, ArrayRef)>> = chosen
            .map(|c| {
                progress.check()?;
                let array = match c.checked_sub(self.names.len()) {
                    None => self.keys.labels(c, rows.clone())?,
                    Some(measure) => self.measures[measure].1.slice(rows.start, rows.len()),
                };
                Ok((schema.field(c).name().clone(), array))
            })
            .collect();
        table(columns?, rows.len())
    }
}
