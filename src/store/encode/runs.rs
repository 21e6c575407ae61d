//! Runs of rows, each numbered by one thread, and the ranks of the values in place of the numbers.

use arrow::array::{Array, ArrayRef};
use rayon::prelude::*;

use super::local::{Local, NULL, Value};
use crate::error::Result;
use crate::progress::Progress;

/// Rows between two checks of the stop flag.
pub const CHECK_INTERVAL: usize = 1 << 18;

/// Some consecutive rows of one chunk.
pub struct Piece<'a, 'ids> {
    pub chunk: &'a dyn Array,
    pub start: usize,
    pub ids: &'ids mut [u32],
}

/// Local numbers of all rows, the rows of each run, and each run's values by number.
pub type Numbered<'a> = (Vec<u32>, Vec<usize>, Vec<Vec<Value<'a>>>);

/// Splits the rows of all chunks into about as many runs of pieces as there are threads, numbers
/// each run on its own and returns the local numbers with the values they stand for.
pub fn number_runs<'a, F>(chunks: &'a [ArrayRef], progress: &Progress, number: F) -> Result<Numbered<'a>>
where
    F: Fn(&mut Local<'a>, &'a dyn Array, usize, &mut [u32]) + Sync,
{
    let rows: usize = chunks.iter().map(|c| c.len()).sum();
    let threads = rayon::current_num_threads();
    let share = rows.div_ceil(threads).max(1 << 16);
    let mut ids = vec![NULL; rows];
    let mut runs: Vec<Vec<Piece>> = vec![Vec::new()];
    let mut sizes = vec![0usize];
    let mut rest = &mut ids[..];
    for chunk in chunks {
        let mut start = 0;
        while start < chunk.len() {
            let last = sizes.len() - 1;
            if sizes[last] == share {
                runs.push(Vec::new());
                sizes.push(0);
                continue;
            }
            let length = (chunk.len() - start).min(share - sizes[last]).min(CHECK_INTERVAL);
            let (head, tail) = rest.split_at_mut(length);
            rest = tail;
            runs[last].push(Piece { chunk: chunk.as_ref(), start, ids: head });
            sizes[last] += length;
            start += length;
        }
    }
    let values: Result<Vec<_>> = runs
        .into_par_iter()
        .map(|run| {
            let mut local = Local::new();
            for piece in run {
                progress.check()?;
                number(&mut local, piece.chunk, piece.start, piece.ids);
            }
            let mut values = local.values;
            values.shrink_to_fit(); // they may be as many as the rows
            Ok(values)
        })
        .collect();
    Ok((ids, sizes, values?))
}

pub fn apply_ranks(ids: &mut [u32], sizes: &[usize], maps: &[Vec<u32>], null: u32) {
    let mut rest = ids;
    let mut work = Vec::new();
    for (&size, map) in sizes.iter().zip(maps) {
        let (head, tail) = rest.split_at_mut(size);
        rest = tail;
        work.push((head, map));
    }
    work.into_par_iter().for_each(|(ids, map)| {
        for id in ids {
            *id = map.get(*id as usize).copied().unwrap_or(null);
        }
    });
}
