//! The shipments that trees are drawn from.

use std::sync::Arc;

use rayon::prelude::*;

use super::random_numbers::{stream, unit};
use super::settings::Isolation;
use crate::detect::records::matrix::Feature;
use crate::error::Result;
use crate::progress::Progress;
use crate::stats::mix;
use crate::store::text_hash;

/// Fitted shipments that may be drawn: their values, and the number of each.
pub struct Pool {
    pub features: Vec<Feature>,
    pub counts: Vec<u64>,
    hashes: Vec<u64>,
}

/// The shipments with the smallest hashes of their content. A hash does not depend on the position, so the pools of
/// parts of the data contain the pool of the whole.
pub fn pool(
    settings: &Isolation,
    features: Vec<Feature>,
    counts: Option<Vec<u64>>,
    progress: &Progress,
) -> Result<Pool> {
    let rows = features.first().map_or(0, |f| f.values.len());
    let labels: Vec<Vec<u64>> = features
        .iter()
        .map(|f| f.labels.as_ref().map_or_else(Vec::new, |l| l.iter().map(|l| text_hash(l)).collect()))
        .collect();
    let seed = mix(settings.seed);
    let content = |row: usize| {
        features.iter().zip(&labels).fold(seed, |hash, (f, labels)| {
            let x = f.values[row];
            let bits = if x.is_nan() {
                u64::MAX
            } else if labels.is_empty() {
                (x + 0.0).to_bits()
            } else {
                labels[x as usize]
            };
            mix(hash ^ bits)
        })
    };
    let mut order: Vec<(u64, u32)> =
        (0..rows).into_par_iter().with_min_len(1 << 12).map(|row| (content(row), row as u32)).collect();
    progress.check()?;
    let wanted = settings.trees.saturating_mul(settings.sample);
    // Equal contents are counted together, so somewhat more rows than needed are kept.
    if order.len() > 4 * wanted {
        order.select_nth_unstable(4 * wanted);
        let bound = order[4 * wanted].0;
        let smaller: Vec<(u64, u32)> = order.iter().copied().filter(|o| o.0 < bound).collect();
        let mut distinct: Vec<u64> = smaller.iter().map(|o| o.0).collect();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() >= wanted {
            order = smaller;
        }
    }
    progress.check()?;
    order.par_sort_unstable();
    progress.check()?;
    let mut kept: Vec<u32> = Vec::new();
    let mut sizes: Vec<u64> = Vec::new();
    let mut hashes: Vec<u64> = Vec::new();
    for (hash, row) in order {
        let count = counts.as_ref().map_or(1, |c| c[row as usize]);
        if hashes.last() == Some(&hash) {
            if let Some(size) = sizes.last_mut() {
                *size += count;
            }
        } else if hashes.len() == wanted {
            break;
        } else {
            hashes.push(hash);
            kept.push(row);
            sizes.push(count);
        }
    }
    let features = features.into_iter().map(|f| chosen(f, &kept)).collect();
    Ok(Pool { features, counts: sizes, hashes })
}

/// A column at the rows kept, with only the labels of those rows.
fn chosen(feature: Feature, kept: &[u32]) -> Feature {
    let values: Vec<f64> = kept.iter().map(|&row| feature.values[row as usize]).collect();
    let Some(labels) = &feature.labels else { return Feature { values: values.into(), ..feature } };
    let mut used: Vec<usize> = values.iter().filter(|v| !v.is_nan()).map(|v| *v as usize).collect();
    used.sort_unstable();
    used.dedup();
    let mut number = vec![f64::NAN; labels.len()];
    used.iter().enumerate().for_each(|(new, &old)| number[old] = new as f64);
    let values: Vec<f64> = values.iter().map(|v| if v.is_nan() { *v } else { number[*v as usize] }).collect();
    let labels = used.iter().map(|&old| labels[old].clone()).collect();
    Feature { name: feature.name, values: values.into(), labels: Some(Arc::new(labels)) }
}

/// The sample of one tree. Each shipment of the pool gets a random number from its content and the seed of the tree;
/// the smallest are taken. Of many shipments with one content only the smallest numbers matter. They are drawn in
/// ascending order, as order statistics of the uniform distribution.
pub fn draw(pool: &Pool, seed: u64, size: usize) -> Vec<u32> {
    let mut drawn: Vec<(u64, u32)> = Vec::with_capacity(pool.counts.len());
    for (i, (&content, &count)) in pool.hashes.iter().zip(&pool.counts).enumerate() {
        let mut random = stream(mix(content ^ seed));
        let mut above = 1.0;
        for copy in 0..count.min(size as u64) {
            let left = (count - copy) as f64;
            above *= if left == 1.0 { unit(&mut random) } else { libm::pow(unit(&mut random), 1.0 / left) };
            drawn.push(((1.0 - above).to_bits(), i as u32));
        }
    }
    if drawn.len() > size {
        drawn.select_nth_unstable(size);
        drawn.truncate(size);
    }
    drawn.sort_unstable();
    drawn.into_iter().map(|(_, i)| i).collect()
}
