//! Cautions: signs that a score of a price or a weight comes from an artefact of the records and not from the trade.
//! They are properties of the fitted groups, so a caution never depends on the shipments scored together with it.

use std::sync::{Arc, OnceLock};

use arrow::array::ArrayRef;

use crate::error::Result;
use crate::evidence::wording::figure;
use crate::group::GroupIndex;
use crate::progress::Progress;
use crate::state::checked::{is_day, wrong};
use crate::state::members::{List, lists};
use crate::store::{NULL_DAY, Period, Role, Shipments, iso};

/// Placeholder weights for "almost nothing" or "unknown".
const TOKENS: [f64; 4] = [0.001, 0.01, 0.1, 1.0];
/// A price more than this many scales too high is compared with them.
const TOKEN_SCORE: f64 = 3.5;
/// The smallest number of shipments that shows imputed weights.
const IMPUTED_SIZE: f64 = 20.0;
/// The data must reach this many days to both sides of a revision.
const REVISION_MARGIN: f64 = 180.0;
/// First days of revisions of the Harmonized System.
const REVISIONS: [&str; 4] = ["2007-01-01", "2012-01-01", "2017-01-01", "2022-01-01"];

/// Facts about one group. They add up over parts of the data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupFacts {
    first_day: f64,
    last_day: f64,
    /// The smallest and largest ratio of net weight to quantity, and the number of ratios.
    low_ratio: f64,
    high_ratio: f64,
    ratios: f64,
}

impl Default for GroupFacts {
    fn default() -> GroupFacts {
        GroupFacts::NOTHING
    }
}

impl GroupFacts {
    pub const NOTHING: GroupFacts = GroupFacts {
        first_day: f64::INFINITY,
        last_day: f64::NEG_INFINITY,
        low_ratio: f64::INFINITY,
        high_ratio: f64::NEG_INFINITY,
        ratios: 0.0,
    };

    pub fn and(self, other: GroupFacts) -> GroupFacts {
        GroupFacts {
            first_day: self.first_day.min(other.first_day),
            last_day: self.last_day.max(other.last_day),
            low_ratio: self.low_ratio.min(other.low_ratio),
            high_ratio: self.high_ratio.max(other.high_ratio),
            ratios: self.ratios + other.ratios,
        }
    }

    /// The facts, if they are possible.
    fn checked(self, detector: &str) -> Result<GroupFacts> {
        let days = is_day(self.first_day) && is_day(self.last_day);
        let days = days || (self.first_day == f64::INFINITY && self.last_day == f64::NEG_INFINITY);
        let ratios = self.low_ratio >= 0.0 && (self.high_ratio >= 0.0 || self.high_ratio == f64::NEG_INFINITY);
        if days && ratios && self.ratios >= 0.0 && self.ratios <= f64::MAX {
            return Ok(self);
        }
        Err(wrong("the column \"facts\" holds days or ratios that cannot be", detector))
    }

    pub fn all<'a>(facts: impl Iterator<Item = &'a GroupFacts>) -> GroupFacts {
        facts.fold(GroupFacts::NOTHING, |all, fact| all.and(*fact))
    }
}

/// The facts of the fitted groups, collected at first use.
pub struct FittedFacts {
    source: Option<(Shipments, Arc<GroupIndex>)>,
    known: OnceLock<Known>,
}

pub struct Known {
    pub groups: Vec<GroupFacts>,
    /// The facts of all data.
    pub whole: GroupFacts,
}

impl Known {
    fn of(groups: Vec<GroupFacts>) -> Known {
        Known { whole: GroupFacts::all(groups.iter()), groups }
    }
}

impl FittedFacts {
    pub fn of_shipments(ships: &Shipments, index: &Arc<GroupIndex>) -> FittedFacts {
        FittedFacts { source: Some((ships.clone(), index.clone())), known: OnceLock::new() }
    }

    /// The facts from states: five numbers for each state that holds the group.
    pub fn restored(list: &List, detector: &str) -> Result<FittedFacts> {
        let facts = list.starts.windows(2).map(|w| {
            let parts = list.values[w[0]..w[1]].chunks_exact(5);
            if !parts.remainder().is_empty() {
                return Err(wrong("the column \"facts\" does not hold five numbers for each row", detector));
            }
            let parts = parts.map(|p| GroupFacts {
                first_day: p[0],
                last_day: p[1],
                low_ratio: p[2],
                high_ratio: p[3],
                ratios: p[4],
            });
            parts.map(|fact| fact.checked(detector)).try_fold(GroupFacts::NOTHING, |all, fact| Ok(all.and(fact?)))
        });
        let facts: Result<Vec<GroupFacts>> = facts.collect();
        Ok(FittedFacts { source: None, known: OnceLock::from(Known::of(facts?)) })
    }

    /// The column of the state: five numbers for each of the first groups.
    pub fn column(&self, groups: usize, rows: usize, progress: &Progress) -> Result<ArrayRef> {
        let starts: Vec<usize> = (0..=groups).map(|g| 5 * g).collect();
        let facts = &self.get(progress)?.groups;
        let numbers = facts.iter().flat_map(|f| [f.first_day, f.last_day, f.low_ratio, f.high_ratio, f.ratios]);
        Ok(lists(&starts, numbers.collect(), rows))
    }

    /// Two threads that call this at once both compute the facts. A lock would be dangerous: a waiting thread of the
    /// pool takes other work of the pool, which may call this function too.
    pub fn get(&self, progress: &Progress) -> Result<&Known> {
        if let Some(known) = self.known.get() {
            return Ok(known);
        }
        let made = match &self.source {
            Some((ships, index)) => learn(ships, index, progress)?,
            None => Vec::new(),
        };
        let made = Known::of(made);
        Ok(self.known.get_or_init(|| made))
    }
}

fn learn(ships: &Shipments, index: &GroupIndex, progress: &Progress) -> Result<Vec<GroupFacts>> {
    let weight = ships.store.optional_numbers(Role::NetWeight, progress)?;
    let quantity = ships.store.optional_numbers(Role::Quantity, progress)?;
    let days = if ships.store.role(Role::Date).is_some() { Some(ships.store.days(progress)?) } else { None };
    let one = |row: usize| {
        let mut fact = GroupFacts::NOTHING;
        if let Some(day) = days.as_ref().map(|d| d[row]).filter(|d| *d != NULL_DAY) {
            (fact.first_day, fact.last_day) = (f64::from(day), f64::from(day));
        }
        if let (Some(weight), Some(quantity)) = (&weight, &quantity) {
            let ratio = weight[row] / quantity[row];
            if ratio > 0.0 && ratio.is_finite() {
                (fact.low_ratio, fact.high_ratio, fact.ratios) = (ratio, ratio, 1.0);
            }
        }
        fact
    };
    let group = |g: usize| index.rows(g).iter().fold(GroupFacts::NOTHING, |all, &row| all.and(one(row as usize)));
    progress.each(0..index.groups(), 1, group)
}

/// The amounts of a price, and its signed z.
pub struct Price {
    pub value: Option<f64>,
    pub weight: Option<f64>,
    pub z: f64,
}

/// The first caution that applies to a shipment. `group` holds the facts of its group, `data` those of all data.
pub fn caution(group: &GroupFacts, data: &GroupFacts, price: Price) -> Option<String> {
    let Price { value, weight, z } = price;
    if value == Some(1.0) && z < -TOKEN_SCORE {
        return Some("a value of 1 looks like a placeholder: the price depends on it".into());
    }
    if let Some(weight) = weight {
        if z > TOKEN_SCORE && TOKENS.contains(&weight) {
            return Some(format!("a weight of {weight} kg looks like a placeholder: the price depends on it"));
        }
        let ratio = group.low_ratio;
        let same = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-6;
        if group.ratios >= IMPUTED_SIZE && same(ratio, group.high_ratio) && !same(ratio, 1.0) {
            return Some(format!(
                "weights of the peers look imputed: all are {} kg for each unit of quantity",
                figure(ratio)
            ));
        }
    }
    let revision =
        REVISIONS.iter().filter_map(|text| Period::parse(text)).map(|p| f64::from(p.first)).find(|&day| {
            let within = data.first_day + REVISION_MARGIN <= day && day + REVISION_MARGIN <= data.last_day;
            within && group.first_day <= group.last_day && (group.last_day < day || group.first_day >= day)
        })?;
    let after = group.first_day >= revision;
    let (then, else_) = if after { ("after", "before") } else { ("before", "after") };
    Some(format!(
        "the peers' code was only used {then} the revision of the Harmonized System of {}: the same goods may have had \
         another code {else_}",
        iso(revision as i32)
    ))
}
