//! Parts: the prices of one firm in one of the finest peer groups.

use std::sync::Arc;

use super::super::unit_value::{Level, Prices, gather};
use super::settings::FirmPrices;
use crate::error::Result;
use crate::group::{GroupIndex, GroupKeys, IndexCache, finest, resolve};
use crate::progress::Progress;
use crate::store::Shipments;

/// Log prices, part by part.
pub(super) struct Parts {
    pub(super) keys: GroupKeys,
    pub(super) starts: Vec<usize>,
    pub(super) x: Vec<f64>,
    /// The number of the firm of each part, in the order of the keys of the firms.
    pub(super) firm_of: Vec<u32>,
}

impl Parts {
    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub(super) fn of(&self, part: usize) -> &[f64] {
        &self.x[self.starts[part]..self.starts[part + 1]]
    }

    /// The part of each price.
    pub(super) fn part_of(&self) -> Vec<u32> {
        let lengths = self.starts.windows(2).map(|w| w[1] - w[0]);
        lengths.enumerate().flat_map(|(part, n)| std::iter::repeat_n(part as u32, n)).collect()
    }
}

impl FirmPrices {
    /// The keys of parts: those of the finest peer groups and those of the firm.
    pub(super) fn part_keys(&self, levels: &[Vec<String>]) -> Vec<String> {
        let mut all = levels.to_vec();
        all.push(self.entity.clone());
        finest(&all)
    }

    /// The parts of shipments, and the index of their rows. Rows without a price are in no part.
    pub(super) fn parts(
        &self,
        levels: &[Vec<String>],
        ships: &Shipments,
        prices: &Prices,
        cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(Parts, Arc<GroupIndex>)> {
        resolve(&ships.store, &self.entity)?;
        let keys = self.part_keys(levels);
        let index = cache.get(ships, &resolve(&ships.store, &keys)?, progress)?;
        let (starts, x) = gather(&index, &prices.x, progress)?;
        let keys = GroupKeys::of_index(&index, &keys);
        let firm_of = keys.project(&self.entity)?.distinct()?.1;
        Ok((Parts { keys, starts, x, firm_of }, index))
    }
}

/// The fitted parts of one level, ordered by peer group and then by firm.
pub(super) struct PartsByFirm {
    order: Vec<u32>,
    starts: Vec<usize>,
}

impl PartsByFirm {
    /// `finest_of` is the finest peer group of each part.
    pub(super) fn of(level: &Level, finest_of: &[u32], firm_of: &[u32]) -> PartsByFirm {
        let group = |part: u32| level.of_finest[finest_of[part as usize] as usize];
        let mut order: Vec<u32> = (0..finest_of.len() as u32).collect();
        order.sort_unstable_by_key(|&part| (group(part), firm_of[part as usize], part));
        let starts = (0..=level.groups.len()).map(|g| order.partition_point(|&part| (group(part) as usize) < g));
        PartsByFirm { starts: starts.collect(), order }
    }

    /// The parts of a peer group.
    pub(super) fn all(&self, group: u32) -> &[u32] {
        &self.order[self.starts[group as usize]..self.starts[group as usize + 1]]
    }

    /// The parts of a firm in a peer group.
    pub(super) fn own(&self, group: u32, firm: u32, firm_of: &[u32]) -> &[u32] {
        let all = self.all(group);
        let from = all.partition_point(|&part| firm_of[part as usize] < firm);
        let to = all.partition_point(|&part| firm_of[part as usize] <= firm);
        &all[from..to]
    }
}
