//! What a fit holds: the shipments that trees are drawn from, the trees, and the scores of those shipments.

use std::sync::Arc;

use arrow::buffer::ScalarBuffer;
use rayon::prelude::*;

use super::pool::Pool;
use super::settings::Isolation;
use super::tree::Tree;
use crate::detect::records::matrix;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::store::Shipments;

/// Rows that go through all trees together.
const BLOCK: usize = 1 << 10;

pub(super) struct Model {
    pub(super) settings: Isolation,
    pub(super) pool: Pool,
    /// All fitted shipments, including those outside the pool.
    pub(super) n: u64,
    pub(super) trees: Vec<Tree>,
    /// The mean path length for as many shipments as in the sample of a tree.
    pub(super) mean: f64,
    /// The scores of the pool, ascending, each with the number of shipments up to it.
    pub(super) calibration: Vec<(f64, u64)>,
}

impl Model {
    pub(super) fn scores(&self, columns: &[ScalarBuffer<f64>], progress: &Progress) -> Result<Vec<f64>> {
        let n = columns.first().map_or(0, |c| c.len());
        let mut scores = vec![0.0; n];
        let mean = if self.mean > 0.0 { self.mean } else { 1.0 };
        scores.par_chunks_mut(BLOCK).enumerate().try_for_each_init(Vec::new, |rows, (block, out)| {
            progress.check()?;
            let from = block * BLOCK;
            let mut nulls = false;
            rows.clear();
            for at in from..from + out.len() {
                for column in columns {
                    nulls |= column[at].is_nan();
                    rows.push(column[at]);
                }
            }
            for tree in self.trees.iter().take_while(|_| !progress.stopped()) {
                tree.add_lengths(rows, columns.len(), nulls, out);
            }
            let trees = self.trees.len() as f64;
            out.iter_mut().for_each(|length| *length = libm::exp2(-(*length / trees) / mean));
            Ok::<(), Error>(())
        })?;
        Ok(scores)
    }

    /// The columns of shipments, with the labels of the fit.
    pub(super) fn columns_of(&self, ships: &Shipments, progress: &Progress) -> Result<Vec<ScalarBuffer<f64>>> {
        let labels: Vec<Option<Arc<Vec<String>>>> = self.pool.features.iter().map(|f| f.labels.clone()).collect();
        Ok(matrix::relabelled(matrix::load(ships, &self.settings.columns, true, progress)?, &labels))
    }
}
