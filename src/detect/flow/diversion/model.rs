//! The settings of `Diversion`, and what a fit holds: the three legs of every product and intermediary, by month.

use super::pool::Pool;
use crate::flows::{FlowSpec, Flows, LONGEST};
use crate::group::GroupKeys;
use crate::store::{Every, Period};

/// The size of an empty window, in typical records.
pub(super) const EMPTY: f64 = 0.5;

#[derive(Clone, Debug, PartialEq)]
pub struct Diversion {
    pub target: String,
    pub event: i32,
    /// Keys of products; by default HS codes of six digits, if there are any.
    pub by: Option<Vec<String>>,
    pub through: Option<Vec<String>>,
    pub origins: Option<Vec<String>>,
    pub measure: String,
    pub before: Option<Period>,
    pub after: Option<Period>,
}

/// A leg by month.
#[derive(Clone, Default)]
pub(super) struct Leg {
    pub(super) value: Vec<f64>,
    records: Vec<f64>,
}

impl Leg {
    pub(super) fn of(flows: &Flows, groups: &[usize]) -> Leg {
        let months = flows.periods.len();
        let mut leg = Leg { value: vec![0.0; months], records: vec![0.0; months] };
        for &g in groups {
            for cell in flows.of(g).iter().filter(|c| !c.value.is_nan()) {
                leg.value[cell.at as usize] += cell.value;
                leg.records[cell.at as usize] += f64::from(cell.records);
            }
        }
        leg
    }

    /// Value and records of a window.
    pub(super) fn total(&self, window: (u32, u32)) -> (f64, f64) {
        let range = window.0 as usize..window.1 as usize + 1;
        let sum = |months: &Vec<f64>| months.get(range.clone()).map_or(0.0, |v| v.iter().sum::<f64>());
        (sum(&self.value), sum(&self.records))
    }

    /// This leg without the trade of another that is part of it.
    pub(super) fn without(&self, other: &Leg) -> Leg {
        let less = |all: &[f64], part: &[f64]| all.iter().zip(part).map(|(a, b)| a - b).collect();
        Leg { value: less(&self.value, &other.value), records: less(&self.records, &other.records) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.iter().all(|r| *r == 0.0)
    }
}

/// A product and an intermediary.
pub(super) struct Triangle {
    pub(super) product: usize,
    pub(super) inward: Leg,
    pub(super) onward: Leg,
    /// The direct trade of all origins but the intermediary, where that differs from the direct trade of the product.
    pub(super) direct: Option<Leg>,
    /// The data hold trade from the intermediary to the target, in any product.
    pub(super) onward_reported: bool,
    /// The growth of the product in the rest of the world, as a ratio; `None` with too few destinations.
    pub(super) world_growth: Option<f64>,
    /// The fall of the direct leg, in standard errors, and the growth of the leg to the intermediary and of the leg from
    /// there, in standard deviations at earlier dates.
    pub(super) z: [f64; 3],
    pub(super) score: f64,
    pub(super) p: f64,
}

pub(super) struct Model {
    pub(super) settings: Diversion,
    pub(super) by: Vec<String>,
    pub(super) flows: Flows,
    /// Products and intermediaries.
    pub(super) group_keys: GroupKeys,
    pub(super) triangles: Vec<Triangle>,
    pub(super) direct: Vec<Leg>,
    pub(super) spans: ((u32, u32), (u32, u32)),
    /// Placebo scores of triangles with two legs, and of those with three.
    pub(super) pools: [Pool; 2],
    /// Origins that look like sums of other countries.
    pub(super) aggregates: Vec<String>,
    /// The mean value of a record.
    pub(super) typical: f64,
}

impl Model {
    /// The direct leg of a triangle.
    pub(super) fn direct_of<'a>(&'a self, triangle: &'a Triangle) -> &'a Leg {
        triangle.direct.as_ref().unwrap_or(&self.direct[triangle.product])
    }
}

impl Diversion {
    pub(super) fn spec(&self, by: &[String]) -> FlowSpec {
        let mut keys = by.to_vec();
        keys.extend(["origin".to_owned(), "destination".to_owned()]);
        FlowSpec { by: keys, every: Every::Month, measure: self.measure.clone(), squares: false, most: LONGEST }
    }

    pub(super) fn products(&self, has_hs: bool) -> Vec<String> {
        self.by.clone().unwrap_or_else(|| if has_hs { vec!["hs6".to_owned()] } else { Vec::new() })
    }
}
