//! The two reports of every flow: by exporter and by importer, and their sums in a period.

use crate::group::GroupKeys;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Both,
    Lost,
    Orphan,
}

/// The two sides of a flow in a period: value and number of records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides {
    /// First day of the period.
    pub(super) period: i32,
    pub(super) export: f64,
    pub(super) import: f64,
    pub(super) exports: f64,
    pub(super) imports: f64,
    /// The smallest and the largest sum of imports that can belong to the period, depending on the lag.
    pub(super) least_import: f64,
    pub(super) most_import: f64,
    pub(super) class: Class,
}

impl Sides {
    /// The imports of the period. If the lag leaves open which imports belong to it, the sum nearest to the usual gap
    /// is taken.
    pub(super) fn import_nearest_to(&self, usual: f64) -> f64 {
        if self.class == Class::Both && self.least_import < self.most_import {
            (self.export * libm::exp(usual)).clamp(self.least_import, self.most_import)
        } else {
            self.import
        }
    }

    /// Whether the imports of the period are the same for every lag.
    pub(super) fn import_is_certain(&self) -> bool {
        self.least_import == self.most_import
    }
}

/// The route, product, origin and destination of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    pub(super) route: u32,
    pub(super) product: u32,
    pub(super) origin: u32,
    pub(super) destination: u32,
}

/// Both sides of all flows.
pub(super) struct Mirror {
    pub(super) group_keys: GroupKeys,
    /// The groups of each flow by side: exporter, importer.
    pub(super) groups: Vec<[Vec<usize>; 2]>,
    pub(super) ends: Vec<Ends>,
    pub(super) routes: GroupKeys,
    pub(super) products: GroupKeys,
    pub(super) origins: GroupKeys,
    pub(super) destinations: GroupKeys,
}
