//! The settings of `UnitValue`, and what a fit holds: the members, the groups of each level, and the peer group of each finest group.

use std::sync::OnceLock;

use crate::calibrate::tails::{Moderation, Tails};
use crate::error::{Error, Result};
use crate::evidence::cautions::{FittedFacts, GroupFacts};
use crate::group::{GroupKeys, resolve};
use crate::stats::{MAD_EFFICIENCY, normal_quantile, normal_two_sided};
use crate::store::{Role, Shipments};

/// A smaller p-value counts as this one in a normal score.
const SMALLEST: f64 = 1e-300;

/// The estimator of the scale of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// 1.4826 times the median absolute deviation.
    Mad,
    /// Rousseeuw and Croux (1993).
    Qn,
    Sn,
    /// One scale above the centre and one below, from the fences of the adjusted boxplot (Hubert and Vandervieren
    /// 2008), which follow the skewness.
    Adjusted,
}

impl Scale {
    pub const NAMES: [(&'static str, Scale); 4] =
        [("mad", Scale::Mad), ("qn", Scale::Qn), ("sn", Scale::Sn), ("adjusted", Scale::Adjusted)];

    /// The efficiency at the normal (Rousseeuw and Croux 1993). The adjusted scales depend on quartiles, as the MAD.
    pub(super) fn efficiency(self) -> f64 {
        match self {
            Scale::Mad | Scale::Adjusted => MAD_EFFICIENCY,
            Scale::Qn => 0.82,
            Scale::Sn => 0.58,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct UnitValue {
    pub measure: String,
    pub by: Vec<String>,
    pub min_peers: usize,
    pub backoff: Vec<Vec<String>>,
    pub scale: Scale,
}

impl UnitValue {
    pub fn roles(&self) -> Result<(Role, Role)> {
        match self.measure.as_str() {
            "value/net_weight" => Ok((Role::Value, Role::NetWeight)),
            "value/quantity" => Ok((Role::Value, Role::Quantity)),
            "net_weight/quantity" => Ok((Role::NetWeight, Role::Quantity)),
            other => Err(Error::Argument(format!(
                "measure={other:?} is not known; use \"value/net_weight\", \"value/quantity\" or \"net_weight/quantity\""
            ))),
        }
    }

    pub fn check(&self) -> Result<()> {
        self.roles()?;
        if self.min_peers < 3 {
            return Err(Error::Argument(format!("min_peers={} is too few for a scale; use 3 or more", self.min_peers)));
        }
        Ok(())
    }

    /// The keys of each level, finest first. Quantities are compared within one unit only.
    pub fn levels(&self, with_unit: bool) -> Vec<Vec<String>> {
        let mut levels: Vec<Vec<String>> = std::iter::once(&self.by).chain(&self.backoff).cloned().collect();
        let unit = Role::QuantityUnit.name();
        for keys in &mut levels {
            if with_unit && !keys.iter().any(|k| k == unit) {
                keys.push(unit.into());
            }
        }
        levels
    }

    /// The same detector, with prices by quantity if the shipments have a quantity and no weight. A note of the
    /// shipments says so.
    pub fn suited(&self, ships: &Shipments) -> UnitValue {
        let has = |role| ships.store.role(role).is_some();
        let mut suited = self.clone();
        if self.measure == "value/net_weight" && !has(Role::NetWeight) && has(Role::Quantity) {
            suited.measure = "value/quantity".into();
            let unit = if has(Role::QuantityUnit) { "within one unit" } else { "in any unit: no column states it" };
            ships.store.note(format!("no column has the role net_weight: UnitValue takes prices by quantity, {unit}"));
        }
        suited
    }

    pub fn levels_for(&self, ships: &Shipments) -> Result<Vec<Vec<String>>> {
        self.check()?;
        let (over, under) = self.roles()?;
        ships.store.require(over)?;
        ships.store.require(under)?;
        let with_unit = under == Role::Quantity && ships.store.role(Role::QuantityUnit).is_some();
        let levels = self.levels(with_unit);
        for keys in &levels {
            resolve(&ships.store, keys)?;
        }
        Ok(levels)
    }
}

/// The centre and scale of a log price.
#[derive(Clone, Copy, Debug)]
pub struct LocationScale {
    pub centre: f64,
    /// Scales below and above the centre. NaN if there are too few peers, or if all have one price and there is no
    /// parent group.
    pub low: f64,
    pub high: f64,
}

impl LocationScale {
    pub const NONE: LocationScale = LocationScale { centre: f64::NAN, low: f64::NAN, high: f64::NAN };

    pub fn z(&self, x: f64) -> f64 {
        let off = x - self.centre;
        off / if off < 0.0 { self.low } else { self.high }
    }

    pub fn has_scale(&self) -> bool {
        !self.low.is_nan()
    }
}

/// A fitted peer group.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    pub by: LocationScale,
    pub n: u32,
    /// All peers have one price; the scale is that of the parent group.
    pub one_price: bool,
    /// The distance from the centre that 90 % of the members keep within.
    pub outer_quantile: f64,
    /// How far the outer members lie, relative to the usual group.
    pub tail_scale: f64,
}

impl Group {
    /// Whether it has enough peers and a scale.
    pub fn has_spread(&self, min_peers: usize) -> bool {
        self.n as usize >= min_peers && self.by.has_scale()
    }

    pub fn width(&self) -> f64 {
        0.5 * (self.by.low + self.by.high)
    }

    /// The score in the form for the tails: divided by the tail scale.
    pub(super) fn stretched(&self, z: f64) -> f64 {
        z / self.tail_scale
    }

    /// If the outer members lie closer than usual, a score is not stronger evidence than in a normal group, or than by
    /// the tails without the tail scale: the outer twentieth of a small group is only one or two members.
    pub fn p_value(&self, z: f64, tails: &Tails) -> f64 {
        let p = tails.p_value(self.stretched(z), self.n);
        if self.tail_scale < 1.0 { p.max(tails.p_value(z, self.n).min(normal_two_sided(z))) } else { p }
    }

    /// The standard normal number with this p-value, and the sign of the score.
    pub fn normal_score(&self, z: f64, tails: &Tails) -> f64 {
        let p = self.p_value(z, tails).max(SMALLEST);
        if p < 1.0 { libm::copysign(normal_quantile(0.5 * p), z) } else { 0.0 }
    }
}

/// One back-off level: one fitted group for each combination of its keys.
pub struct Level {
    pub group_keys: GroupKeys,
    pub groups: Vec<Group>,
    pub tails: Tails,
    pub moderation: Moderation,
    /// The group at this level of each finest group.
    pub of_finest: Vec<u32>,
    pub(super) facts: OnceLock<Vec<GroupFacts>>,
}

impl Level {
    /// The facts of the groups, combined from those of the finest groups.
    pub fn facts(&self, finest: &[GroupFacts]) -> &[GroupFacts] {
        if let Some(facts) = self.facts.get() {
            return facts;
        }
        let mut facts = vec![GroupFacts::NOTHING; self.groups.len()];
        for (&g, &fact) in self.of_finest.iter().zip(finest) {
            facts[g as usize] = facts[g as usize].and(fact);
        }
        self.facts.get_or_init(|| facts)
    }
}

/// The members of the finest groups: log prices, group by group.
pub struct Members {
    pub group_keys: GroupKeys,
    pub starts: Vec<usize>,
    pub x: Vec<f64>,
}

impl Members {
    pub fn of(&self, group: usize) -> &[f64] {
        &self.x[self.starts[group]..self.starts[group + 1]]
    }
}

/// The level and group that scores a finest group. If no level has enough members and a scale, the coarsest group.
#[derive(Clone, Copy)]
pub struct PeerGroupRef {
    pub level: u32,
    pub group: u32,
}

pub struct Fitted {
    pub settings: UnitValue,
    pub members: Members,
    pub levels: Vec<Level>,
    pub peer_groups: Vec<PeerGroupRef>,
    pub facts: FittedFacts,
}

impl Fitted {
    pub fn level(&self, peer_group: PeerGroupRef) -> (&Level, &Group) {
        let level = &self.levels[peer_group.level as usize];
        (level, &level.groups[peer_group.group as usize])
    }

    /// The peer group of a group, from its number at each level; `None` if it is not known.
    pub fn peer_group(&self, trail: impl Iterator<Item = Option<u32>>) -> Option<PeerGroupRef> {
        peer_group_of(&self.levels, trail, self.settings.min_peers)
    }

    pub fn enough(&self, group: &Group) -> bool {
        group.has_spread(self.settings.min_peers)
    }
}

pub(super) fn peer_group_of(
    levels: &[Level],
    trail: impl Iterator<Item = Option<u32>>,
    min_peers: usize,
) -> Option<PeerGroupRef> {
    let mut last = None;
    for (l, group) in trail.enumerate() {
        // A coarser group that was not fitted is skipped.
        let Some(group) = group else { continue };
        last = Some(PeerGroupRef { level: l as u32, group });
        if levels[l].groups[group as usize].has_spread(min_peers) {
            break;
        }
    }
    last
}
