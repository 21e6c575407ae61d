//! Scores by fitted peer groups, and the sentence for each.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::Prices;
use super::fit::{Fitted, Group, Level, LocationScale, PeerGroupRef};
use crate::error::Result;
use crate::evidence::cautions::{self, GroupFacts};
use crate::evidence::wording::{figure, times, unusable};
use crate::evidence::{Cautions, ScoreColumn, Scores};
use crate::group::{GroupIndex, GroupKeys, IndexCache, finest, resolve};
use crate::progress::Progress;
use crate::store::{Role, RowList, Shipments};

/// From here on it is worth a word that a group's prices are loose.
const LOOSE: f64 = 1.5;

pub struct UnitValueScores {
    fitted: Arc<Fitted>,
    ships: Shipments,
    prices: Prices,
    /// For each position its group, and for each group its peer_group.
    group: Vec<u32>,
    peer_groups: Vec<Option<PeerGroupRef>>,
    /// What each group is measured by, apart from the rest of the fit to stay in the cache.
    location_scales: Vec<LocationScale>,
}

pub fn of_fitted(fitted: Arc<Fitted>, ships: &Shipments, prices: Prices, index: &GroupIndex) -> UnitValueScores {
    let peer_groups = fitted.peer_groups.iter().map(|&j| Some(j)).collect();
    UnitValueScores::new(fitted, ships, prices, index, peer_groups)
}

/// Scores of shipments that need not be those that were fitted.
pub fn of_new(
    fitted: Arc<Fitted>,
    ships: &Shipments,
    prices: Prices,
    cache: &IndexCache,
    progress: &Progress,
) -> Result<UnitValueScores> {
    let levels: Vec<Vec<String>> = fitted.levels.iter().map(|l| l.group_keys.keys.clone()).collect();
    let keys = finest(&levels);
    let index = cache.get(ships, &resolve(&ships.store, &keys)?, progress)?;
    let here = GroupKeys::of_index(&index, &keys);
    let found: Result<Vec<Vec<Option<u32>>>> = fitted
        .levels
        .iter()
        .map(|level| level.group_keys.find(&here.project(&level.group_keys.keys)?, progress))
        .collect();
    let found = found?;
    let peer_groups =
        progress.each(0..here.groups(), 1 << 10, |g| fitted.peer_group(found.iter().map(|level| level[g])))?;
    Ok(UnitValueScores::new(fitted, ships, prices, &index, peer_groups))
}

/// Why there is no score.
enum NoScore {
    Cell(usize),
    NoGroup,
    Few(PeerGroupRef),
    OnePrice(PeerGroupRef),
}

impl UnitValueScores {
    fn new(
        fitted: Arc<Fitted>,
        ships: &Shipments,
        prices: Prices,
        index: &GroupIndex,
        peer_groups: Vec<Option<PeerGroupRef>>,
    ) -> UnitValueScores {
        let by = |peer_group: &Option<PeerGroupRef>| {
            let group = peer_group.map(|peer_group| fitted.level(peer_group).1).filter(|group| fitted.enough(group));
            group.map_or(LocationScale::NONE, |group| group.by)
        };
        let location_scales = peer_groups.par_iter().with_min_len(1 << 12).map(by).collect();
        let group = index.group_of_positions(ships);
        UnitValueScores { fitted, ships: ships.clone(), prices, group, peer_groups, location_scales }
    }

    fn z(&self, at: usize) -> f64 {
        self.location_scales[self.group[at] as usize].z(self.prices.x[self.ships.rows.row(at)])
    }

    /// The peer_group, or why there is no score.
    fn verdict(&self, at: usize) -> std::result::Result<(&Level, &Group, usize), NoScore> {
        let row = self.ships.rows.row(at);
        if self.prices.x[row].is_nan() {
            return Err(NoScore::Cell(row));
        }
        let Some(peer_group) = self.peer_groups[self.group[at] as usize] else { return Err(NoScore::NoGroup) };
        let (level, group) = self.fitted.level(peer_group);
        if (group.n as usize) < self.fitted.settings.min_peers {
            return Err(NoScore::Few(peer_group));
        }
        if !self.fitted.enough(group) {
            return Err(NoScore::OnePrice(peer_group));
        }
        Ok((level, group, peer_group.group as usize))
    }

    /// By the facts of the groups of each level, and of all.
    fn caution(&self, at: usize, facts: &[&[GroupFacts]], whole: &GroupFacts) -> Option<String> {
        let (_, group, g) = self.verdict(at).ok()?;
        let at_level = self.peer_groups[self.group[at] as usize]?.level as usize;
        if group.one_price {
            return Some("all or most peers have one price: the spread is borrowed from the wider group".into());
        }
        let (over, under) = self.sides();
        if under == "quantity" && self.ships.store.role(Role::QuantityUnit).is_none() {
            return Some("no column has the role quantity_unit: the peers' quantities may be in several units".into());
        }
        let row = self.ships.rows.row(at);
        // A light shipment looks dear by the kilogram, and its goods light by the unit.
        let weight = match (over, under) {
            (_, "net_weight") => Some(self.prices.under[row]),
            ("net_weight", _) => Some(self.prices.over[row]),
            _ => None,
        };
        let value = (over == "value").then(|| self.prices.over[row]);
        let z = if over == "net_weight" { -self.z(at) } else { self.z(at) };
        let price = cautions::Price { value, weight, z };
        cautions::caution(&facts[at_level][g], whole, price)
    }

    fn sides(&self) -> (&str, &str) {
        self.fitted.settings.measure.split_once('/').unwrap_or(("value", "net_weight"))
    }

    fn ratio(&self, at: usize) -> f64 {
        let row = self.ships.rows.row(at);
        self.prices.over[row] / self.prices.under[row]
    }
}

fn unit(role: &str) -> &str {
    if role == "net_weight" { "kilogram" } else { "unit" }
}

impl Scores for UnitValueScores {
    fn detector(&self) -> &'static str {
        "UnitValue"
    }

    fn ships(&self) -> Option<&Shipments> {
        Some(&self.ships)
    }

    fn value(&self, column: ScoreColumn, at: usize) -> f64 {
        match column {
            ScoreColumn::Score => self.z(at).abs(),
            ScoreColumn::Direction => self.z(at),
            ScoreColumn::PValue => {
                let z = self.z(at);
                if z.is_nan() {
                    return f64::NAN;
                }
                self.verdict(at).map_or(f64::NAN, |(level, group, _)| group.p_value(z, &level.tails))
            }
            ScoreColumn::Observed => Some(self.ratio(at)).filter(|r| r.is_finite()).unwrap_or(f64::NAN),
            ScoreColumn::Expected => {
                let scored = !self.prices.x[self.ships.rows.row(at)].is_nan();
                if scored { libm::exp(self.location_scales[self.group[at] as usize].centre) } else { f64::NAN }
            }
            ScoreColumn::Peers => match self.verdict(at) {
                Ok((_, group, _)) => f64::from(group.n),
                Err(NoScore::Few(peer_group) | NoScore::OnePrice(peer_group)) => {
                    f64::from(self.fitted.level(peer_group).1.n)
                }
                Err(_) => f64::NAN,
            },
        }
    }

    fn peer(&self, at: usize) -> Option<String> {
        self.verdict(at).ok().map(|(level, _, group)| level.group_keys.name(group))
    }

    fn cautions(&self, progress: &Progress) -> Result<Cautions<'_>> {
        let known = self.fitted.facts.get(progress)?;
        let facts: Vec<&[GroupFacts]> = self.fitted.levels.iter().map(|level| level.facts(&known.groups)).collect();
        Ok(Box::new(move |at| self.caution(at, &facts, &known.whole)))
    }

    fn reason(&self, at: usize) -> String {
        let (over, under) = self.sides();
        match self.verdict(at) {
            Ok((level, group, g)) => {
                let expected = libm::exp(group.by.centre);
                format!(
                    "{over} per {} is {}, {} the usual {} of {} peers ({}); robust z {:.1}{}{}",
                    unit(under),
                    figure(self.ratio(at)),
                    times(self.ratio(at) / expected),
                    figure(expected),
                    figure(f64::from(group.n)),
                    level.group_keys.name(g),
                    self.z(at),
                    if group.one_price { "; the peers have one price, so the spread is the wider group's" } else { "" },
                    if group.tail_scale >= LOOSE {
                        format!(", in a group whose outer prices lie {} as far out as usual", times(group.tail_scale))
                    } else {
                        String::new()
                    },
                )
            }
            Err(NoScore::Cell(row)) => unusable(over, self.prices.over[row])
                .or_else(|| unusable(under, self.prices.under[row]))
                .unwrap_or_else(|| "not scored: the ratio is out of range".into()),
            Err(NoScore::NoGroup) => "not scored: no peers were fitted for its keys".into(),
            Err(NoScore::Few(peer_group)) => {
                let (level, group) = self.fitted.level(peer_group);
                format!(
                    "not scored: {} peers with a price ({}), fewer than min_peers={}",
                    group.n,
                    level.group_keys.name(peer_group.group as usize),
                    self.fitted.settings.min_peers
                )
            }
            Err(NoScore::OnePrice(peer_group)) => {
                let (level, group) = self.fitted.level(peer_group);
                format!(
                    "not scored: all {} peers ({}) have the same price, so there is no spread to measure by",
                    group.n,
                    level.group_keys.name(peer_group.group as usize)
                )
            }
        }
    }

    fn values(&self, column: ScoreColumn, range: Range<usize>, progress: &Progress) -> Result<Vec<f64>> {
        if column != ScoreColumn::Score || !matches!(self.ships.rows, RowList::All(_)) {
            return progress.each(range, 1 << 12, |at| self.value(column, at));
        }
        let mut scores = vec![0.0; range.len()];
        let (groups, x) = (&self.group[range.clone()], &self.prices.x[range]);
        let parts = scores.par_chunks_mut(1 << 14).zip(groups.par_chunks(1 << 14)).zip(x.par_chunks(1 << 14));
        parts.for_each(|((scores, groups), x)| {
            for ((score, &group), &x) in scores.iter_mut().zip(groups).zip(x) {
                *score = self.location_scales[group as usize].z(x).abs();
            }
        });
        progress.check()?;
        Ok(scores)
    }

    fn at_stake(&self, at: usize) -> f64 {
        let row = self.ships.rows.row(at);
        (self.prices.over[row] - self.value(ScoreColumn::Expected, at) * self.prices.under[row]).abs()
    }
}
