//! The fit: grows the trees, and scores the shipments that they are drawn from.

use arrow::buffer::ScalarBuffer;
use rayon::prelude::*;

use super::model::Model;
use super::pool::{Pool, draw};
use super::settings::Isolation;
use super::tree::{Tree, grow, mean_path};
use crate::error::Result;
use crate::progress::Progress;
use crate::stats::{decode, encode, mix};

impl Isolation {
    pub(super) fn model(&self, pool: Pool, n: u64, progress: &Progress) -> Result<Model> {
        let held: u64 = pool.counts.iter().sum();
        let size = (self.sample as u64).min(held);
        progress.begin("fitting", self.trees as u64);
        let trees: Result<Vec<Tree>> = (0..self.trees)
            .into_par_iter()
            .map(|tree| {
                progress.check()?;
                let seed = mix(self.seed ^ mix(tree as u64 + 1));
                let made = grow(&pool, draw(&pool, seed, size as usize), seed);
                progress.advance(1);
                Ok(made)
            })
            .collect();
        let mut model =
            Model { settings: self.clone(), pool, n, trees: trees?, mean: mean_path(size), calibration: Vec::new() };
        let columns: Vec<ScalarBuffer<f64>> = model.pool.features.iter().map(|f| f.values.clone()).collect();
        let mut own: Vec<(i64, u64)> = model
            .scores(&columns, progress)?
            .iter()
            .map(|&s| encode(s))
            .zip(model.pool.counts.iter().copied())
            .collect();
        progress.check()?;
        own.par_sort_unstable();
        let mut held = 0;
        model.calibration = own
            .into_iter()
            .map(|(key, count)| {
                held += count;
                (decode(key), held)
            })
            .collect();
        Ok(model)
    }
}
