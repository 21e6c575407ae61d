//! Scores by fitted peer groups, and the reasons.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::model::{Fitted, LocationScale, PeerGroupRef};
use super::prices::Prices;
use crate::error::Result;
use crate::evidence::cautions::{self, GroupFacts};
use crate::evidence::wording::{figure, times, unusable};
use crate::evidence::{Cautions, ScoreColumn, Verdicts};
use crate::group::{GroupIndex, GroupKeys, IndexCache, finest, resolve};
use crate::progress::Progress;
use crate::store::{Role, RowList, Shipments};

/// From this tail scale on the reason mentions it.
const LOOSE: f64 = 1.5;

pub struct UnitValueScores {
    fitted: Arc<Fitted>,
    ships: Shipments,
    prices: Prices,
    /// The group of each position, and the peer group of each group.
    group: Vec<u32>,
    peer_groups: Vec<Option<PeerGroupRef>>,
    /// Centre and scale of each group, separate from the rest of the fit so that they stay in the cache.
    location_scales: Vec<LocationScale>,
}

pub fn of_fitted(fitted: Arc<Fitted>, ships: &Shipments, prices: Prices, index: &GroupIndex) -> UnitValueScores {
    let peer_groups = fitted.peer_groups.iter().map(|&j| Some(j)).collect();
    UnitValueScores::new(fitted, ships, prices, index, peer_groups)
}

/// Scores of shipments that need not be the fitted ones.
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
#[derive(Clone, Copy)]
pub enum NoScore {
    Cell,
    NoGroup,
    Few(PeerGroupRef),
    OnePrice(PeerGroupRef),
}

/// A price compared with its peer group.
pub struct Verdict {
    row: usize,
    /// The peer group used, or why there is none.
    peers: std::result::Result<PeerGroupRef, NoScore>,
    z: f64,
    p: f64,
    observed: f64,
    expected: f64,
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

    /// The peer group for a row of a group, or why there is none.
    fn peers(&self, row: usize, group: usize) -> std::result::Result<PeerGroupRef, NoScore> {
        if self.prices.x[row].is_nan() {
            return Err(NoScore::Cell);
        }
        let peer_group = self.peer_groups[group].ok_or(NoScore::NoGroup)?;
        let (_, group) = self.fitted.level(peer_group);
        if (group.n as usize) < self.fitted.settings.min_peers {
            return Err(NoScore::Few(peer_group));
        }
        if !self.fitted.enough(group) {
            return Err(NoScore::OnePrice(peer_group));
        }
        Ok(peer_group)
    }

    /// From the facts of the groups of each level and of all data.
    fn caution(&self, verdict: &Verdict, facts: &[&[GroupFacts]], whole: &GroupFacts) -> Option<String> {
        let peers = verdict.peers.ok()?;
        if self.fitted.level(peers).1.one_price {
            return Some("all or most peers have one price: the scale is that of the parent group".into());
        }
        let (over, under) = self.sides();
        if under == "quantity" && self.ships.store.role(Role::QuantityUnit).is_none() {
            return Some("no column has the role quantity_unit: the peers' quantities may be in several units".into());
        }
        // A low weight makes the price per kilogram high, and the weight per unit low.
        let weight = match (over, under) {
            (_, "net_weight") => Some(self.prices.under[verdict.row]),
            ("net_weight", _) => Some(self.prices.over[verdict.row]),
            _ => None,
        };
        let value = (over == "value").then(|| self.prices.over[verdict.row]);
        let z = if over == "net_weight" { -verdict.z } else { verdict.z };
        let price = cautions::Price { value, weight, z };
        cautions::caution(&facts[peers.level as usize][peers.group as usize], whole, price)
    }

    fn sides(&self) -> (&str, &str) {
        self.fitted.settings.measure.split_once('/').unwrap_or(("value", "net_weight"))
    }
}

fn unit(role: &str) -> &str {
    if role == "net_weight" { "kilogram" } else { "unit" }
}

impl Verdicts for UnitValueScores {
    type Verdict = Verdict;

    fn detector(&self) -> &'static str {
        "UnitValue"
    }

    fn ships(&self) -> Option<&Shipments> {
        Some(&self.ships)
    }

    fn verdict(&self, at: usize) -> Verdict {
        let (row, group) = (self.ships.rows.row(at), self.group[at] as usize);
        let peers = self.peers(row, group);
        let (x, by) = (self.prices.x[row], &self.location_scales[group]);
        let z = by.z(x);
        let p = match peers {
            Ok(peers) if !z.is_nan() => {
                let (level, group) = self.fitted.level(peers);
                group.p_value(z, &level.tails)
            }
            _ => f64::NAN,
        };
        let ratio = self.prices.over[row] / self.prices.under[row];
        let observed = if ratio.is_finite() { ratio } else { f64::NAN };
        let expected = if x.is_nan() { f64::NAN } else { libm::exp(by.centre) };
        Verdict { row, peers, z, p, observed, expected }
    }

    fn value(&self, column: ScoreColumn, _at: usize, verdict: &Verdict) -> f64 {
        match column {
            ScoreColumn::Score => verdict.z.abs(),
            ScoreColumn::Direction => verdict.z,
            ScoreColumn::PValue => verdict.p,
            ScoreColumn::Observed => verdict.observed,
            ScoreColumn::Expected => verdict.expected,
            ScoreColumn::Peers => match verdict.peers {
                Ok(group) | Err(NoScore::Few(group) | NoScore::OnePrice(group)) => {
                    f64::from(self.fitted.level(group).1.n)
                }
                Err(_) => f64::NAN,
            },
        }
    }

    /// For all rows in their order, the scores are computed in one pass over prices and groups.
    fn values_directly(
        &self,
        column: ScoreColumn,
        range: Range<usize>,
        progress: &Progress,
    ) -> Result<Option<Vec<f64>>> {
        if column != ScoreColumn::Score || !matches!(self.ships.rows, RowList::All(_)) {
            return Ok(None);
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
        Ok(Some(scores))
    }

    fn peer(&self, _at: usize, verdict: &Verdict) -> Option<String> {
        let peers = verdict.peers.ok()?;
        Some(self.fitted.level(peers).0.group_keys.name(peers.group as usize))
    }

    fn cautions(&self, progress: &Progress) -> Result<Cautions<'_, Verdict>> {
        let known = self.fitted.facts.get(progress)?;
        let facts: Vec<&[GroupFacts]> = self.fitted.levels.iter().map(|level| level.facts(&known.groups)).collect();
        Ok(Box::new(move |_, verdict| self.caution(verdict, &facts, &known.whole)))
    }

    fn reason(&self, _at: usize, verdict: &Verdict) -> String {
        let (over, under) = self.sides();
        let name = |peers: PeerGroupRef| self.fitted.level(peers).0.group_keys.name(peers.group as usize);
        match verdict.peers {
            Ok(peers) => {
                let (_, group) = self.fitted.level(peers);
                let expected = libm::exp(group.by.centre);
                let ratio = self.prices.over[verdict.row] / self.prices.under[verdict.row];
                format!(
                    "{over} per {} is {}, {} the usual {} of {} peers ({}); robust z {:.1}{}{}",
                    unit(under),
                    figure(ratio),
                    times(ratio / expected),
                    figure(expected),
                    figure(f64::from(group.n)),
                    name(peers),
                    verdict.z,
                    if group.one_price { "; the peers have one price: the scale is the parent group's" } else { "" },
                    if group.tail_scale >= LOOSE {
                        format!(", in a group with outer prices {} as far out as usual", times(group.tail_scale))
                    } else {
                        String::new()
                    },
                )
            }
            Err(NoScore::Cell) => unusable(over, self.prices.over[verdict.row])
                .or_else(|| unusable(under, self.prices.under[verdict.row]))
                .unwrap_or_else(|| "not scored: the ratio is out of range".into()),
            Err(NoScore::NoGroup) => "not scored: no peers were fitted for its keys".into(),
            Err(NoScore::Few(peers)) => format!(
                "not scored: {} peers with a price ({}), fewer than min_peers={}",
                self.fitted.level(peers).1.n,
                name(peers),
                self.fitted.settings.min_peers
            ),
            Err(NoScore::OnePrice(peers)) => format!(
                "not scored: all {} peers ({}) have the same price, so the scale is zero",
                self.fitted.level(peers).1.n,
                name(peers)
            ),
        }
    }

    fn at_stake(&self, _at: usize, verdict: &Verdict) -> f64 {
        (self.prices.over[verdict.row] - verdict.expected * self.prices.under[verdict.row]).abs()
    }
}
