//! How often one side has no report of a flow in a period, by the size of the flow.
//!
//! Whole flows are missing, not single records: a country that does not publish a product misses ten records as easily
//! as one. So the chance is not a product over records. It is counted: the share of flows at least as large that this
//! side misses. A larger flow is missed no more often than a smaller one.

use std::collections::HashMap;

use super::mirror::{Class, Ends, Mirror, Sides};
use crate::group::GroupKeys;
use crate::stats::encode;

/// The weight of all countries in the number of flows that a country misses, in expected misses.
const SHARED: f64 = 1.0;

/// The size of a flow: the number of records, then the value, on the side that reports.
type Size = (u64, i64);

/// What one side misses.
pub struct Missing {
    /// Sizes in increasing order, each with the share that is missed of flows of this size.
    shares: Vec<(Size, f64)>,
    /// How many times as much a country misses. A country that never reports as that side has none.
    times: HashMap<String, f64>,
}

fn size(records: f64, value: f64) -> Size {
    (records as u64, encode(value))
}

impl Missing {
    /// `class` is the one in which this side is silent; `whose` gives its country.
    pub(super) fn learn(
        mirror: &Mirror,
        all: &[(usize, Sides)],
        class: Class,
        countries: &GroupKeys,
        whose: impl Fn(Ends) -> u32,
    ) -> Missing {
        // The reports of the other side; and whether this side ever reports.
        let mut reports: Vec<(Size, bool, u32)> = Vec::new();
        let mut silent = vec![true; countries.groups()];
        for (flow, s) in all {
            let country = whose(mirror.ends[*flow]);
            let (records, value) = if class == Class::Lost { (s.exports, s.export) } else { (s.imports, s.import) };
            if s.class == class || s.class == Class::Both {
                reports.push((size(records, value), s.class == class, country));
            }
            if s.class != class {
                silent[country as usize] = false;
            }
        }
        // A country that never reports misses nothing; it is not a partner.
        reports.retain(|r| !silent[r.2 as usize]);
        reports.sort_unstable();
        // From the largest down: the share that is missed of all that are at least as large.
        let (mut missed, mut of) = (0.0, 0.0);
        let mut shares: Vec<(Size, f64)> = Vec::new();
        for run in reports.chunk_by(|a, b| a.0 == b.0).rev() {
            of += run.len() as f64;
            missed += run.iter().filter(|r| r.1).count() as f64;
            shares.push((run[0].0, (1.0 + missed) / (1.0 + of)));
        }
        shares.reverse();
        let mut least = 1.0f64;
        for share in &mut shares {
            least = least.min(share.1);
            share.1 = least;
        }
        let mut missing = Missing { shares, times: HashMap::new() };
        let (mut missed, mut expected) = (vec![SHARED; countries.groups()], vec![SHARED; countries.groups()]);
        for (size, is_missed, country) in &reports {
            missed[*country as usize] += f64::from(u8::from(*is_missed));
            expected[*country as usize] += missing.share(*size);
        }
        let known = (0..countries.groups()).filter(|&c| !silent[c]);
        missing.times = known.map(|c| (countries.name(c), missed[c] / expected[c])).collect();
        missing
    }

    /// The share that is missed of flows of a size.
    fn share(&self, size: Size) -> f64 {
        let at = self.shares.partition_point(|s| s.0 <= size);
        at.checked_sub(1).map_or(1.0, |at| self.shares[at].1)
    }

    /// How many times as much a country misses, if it ever reports.
    pub(super) fn of_country(&self, name: &str) -> Option<f64> {
        self.times.get(name).copied()
    }

    /// The share that a country misses of flows of a size.
    pub(super) fn chance(&self, times: f64, records: f64, value: f64) -> f64 {
        (times * self.share(size(records, value))).min(1.0)
    }
}
