//! The two reports of every flow: by exporter and by importer, and their sums in a period.

use crate::group::GroupKeys;
use crate::stats::ln;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Both,
    Lost,
    Orphan,
}

/// The number of days from the exporter's report to the importer's: the usual one, and the range of nearly all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lag {
    pub(super) usual: i32,
    pub(super) shortest: i32,
    pub(super) longest: i32,
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
    /// The smallest and the largest sum of imports that can belong to these exports, depending on the lag.
    pub(super) least_import: f64,
    pub(super) most_import: f64,
    /// Exports and imports of the period at the usual lag, without reports just before or after it.
    pub(super) totals: [f64; 2],
    /// The totals of the period before and of the one after. Zeros if the lag is always the same.
    pub(super) neighbours: [[f64; 2]; 2],
    pub(super) class: Class,
}

impl Sides {
    /// The imports nearest to the usual gap among those that the lag leaves possible.
    pub(super) fn import_nearest_to(&self, usual: f64) -> f64 {
        (self.export * libm::exp(usual)).max(self.least_import).min(self.most_import)
    }

    /// The same, with reports that moved to a neighbouring period: a report later than the longest lag is missing in its
    /// own period, and too much in the next one.
    pub(super) fn import_with_moves(&self, usual: f64) -> f64 {
        let ratio = libm::exp(usual);
        let (wanted, import) = (self.export * ratio, self.import_nearest_to(usual));
        let sum = |amount: &dyn Fn(f64) -> f64| {
            self.neighbours.iter().map(|[export, import]| amount(import - export * ratio).max(0.0)).sum::<f64>()
        };
        if import < wanted {
            (import + sum(&|too_much| too_much)).min(wanted)
        } else {
            (import - sum(&|too_much| -too_much)).max(wanted)
        }
    }

    /// Whether the imports of the period are the same for every lag.
    pub(super) fn import_is_certain(&self) -> bool {
        self.least_import == self.most_import
    }

    /// Whether one side reports only just before or after the period, so that any imports may belong to it.
    pub(super) fn is_unknown(&self) -> bool {
        self.most_import == f64::INFINITY
    }

    /// Whether the lag leaves the usual gap possible. The gap is then not known, and no evidence of any kind.
    pub(super) fn is_open(&self, usual: f64) -> bool {
        let import = self.export * libm::exp(usual);
        self.least_import < import && import < self.most_import
    }

    /// The measures of size by which gaps scatter: the logarithms of the number of records and of the value, each the
    /// mean of both sides, so that a gap does not make a flow look smaller on one side only.
    pub(super) fn size(&self) -> [f64; 2] {
        [0.5 * (ln(self.exports) + ln(self.imports)), 0.5 * (ln(self.export) + ln(self.import))]
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
