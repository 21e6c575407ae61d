//! Scores by fitted peer groups, and the sentence for each.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::Prices;
use super::fit::{Fitted, Group, Judge, Level, Yardstick};
use crate::error::Result;
use crate::evidence::cautions::{self, Fact};
use crate::evidence::wording::{number, times, unusable};
use crate::evidence::{Cautions, Number, Scores};
use crate::group::{Combos, GroupIndex, IndexCache, finest, resolve};
use crate::progress::Watch;
use crate::store::{Role, RowList, Shipments};

/// From here on it is worth a word that a group's prices are loose.
const LOOSE: f64 = 1.5;

pub struct UnitValueScores {
    fitted: Arc<Fitted>,
    ships: Shipments,
    prices: Prices,
    /// For each position its group, and for each group its judge.
    group: Vec<u32>,
    judges: Vec<Option<Judge>>,
    /// What each group is measured by, apart from the rest of the fit to stay in the cache.
    yardsticks: Vec<Yardstick>,
}

pub fn of_fitted(fitted: Arc<Fitted>, ships: &Shipments, prices: Prices, index: &GroupIndex) -> UnitValueScores {
    let judges = fitted.judges.iter().map(|&j| Some(j)).collect();
    UnitValueScores::new(fitted, ships, prices, index, judges)
}

/// Scores of shipments that need not be those that were fitted.
pub fn of_new(
    fitted: Arc<Fitted>,
    ships: &Shipments,
    prices: Prices,
    cache: &IndexCache,
    watch: &Watch,
) -> Result<UnitValueScores> {
    let levels: Vec<Vec<String>> = fitted.levels.iter().map(|l| l.combos.keys.clone()).collect();
    let keys = finest(&levels);
    let index = cache.get(ships, &resolve(&ships.store, &keys)?, watch)?;
    let here = Combos::of_index(&index, &keys);
    let found: Result<Vec<Vec<Option<u32>>>> =
        fitted.levels.iter().map(|level| level.combos.find(&here.project(&level.combos.keys)?, watch)).collect();
    let found = found?;
    let judges = watch.each(0..here.groups(), 1 << 10, |g| fitted.judge(found.iter().map(|level| level[g])))?;
    Ok(UnitValueScores::new(fitted, ships, prices, &index, judges))
}

/// Why there is no score.
enum NoScore {
    Cell(usize),
    NoGroup,
    Few(Judge),
    OnePrice(Judge),
}

impl UnitValueScores {
    fn new(
        fitted: Arc<Fitted>,
        ships: &Shipments,
        prices: Prices,
        index: &GroupIndex,
        judges: Vec<Option<Judge>>,
    ) -> UnitValueScores {
        let by = |judge: &Option<Judge>| {
            let group = judge.map(|judge| fitted.level(judge).1).filter(|group| fitted.enough(group));
            group.map_or(Yardstick::NONE, |group| group.by)
        };
        let yardsticks = judges.par_iter().with_min_len(1 << 12).map(by).collect();
        let group = index.group_of_positions(ships);
        UnitValueScores { fitted, ships: ships.clone(), prices, group, judges, yardsticks }
    }

    fn z(&self, at: usize) -> f64 {
        self.yardsticks[self.group[at] as usize].z(self.prices.x[self.ships.rows.row(at)])
    }

    /// The judge, or why there is no score.
    fn judge(&self, at: usize) -> std::result::Result<(&Level, &Group, usize), NoScore> {
        let row = self.ships.rows.row(at);
        if self.prices.x[row].is_nan() {
            return Err(NoScore::Cell(row));
        }
        let Some(judge) = self.judges[self.group[at] as usize] else { return Err(NoScore::NoGroup) };
        let (level, group) = self.fitted.level(judge);
        if (group.n as usize) < self.fitted.settings.min_peers {
            return Err(NoScore::Few(judge));
        }
        if !self.fitted.enough(group) {
            return Err(NoScore::OnePrice(judge));
        }
        Ok((level, group, judge.group as usize))
    }

    /// By the facts of the groups of each level, and of all.
    fn caution(&self, at: usize, facts: &[&[Fact]], whole: &Fact) -> Option<String> {
        let (_, group, g) = self.judge(at).ok()?;
        let at_level = self.judges[self.group[at] as usize]?.level as usize;
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

    fn number(&self, what: Number, at: usize) -> f64 {
        match what {
            Number::Score => self.z(at).abs(),
            Number::Direction => self.z(at),
            Number::PValue => {
                let z = self.z(at);
                if z.is_nan() {
                    return f64::NAN;
                }
                self.judge(at).map_or(f64::NAN, |(level, group, _)| group.p_value(z, &level.tails))
            }
            Number::Observed => Some(self.ratio(at)).filter(|r| r.is_finite()).unwrap_or(f64::NAN),
            Number::Expected => {
                let scored = !self.prices.x[self.ships.rows.row(at)].is_nan();
                if scored { libm::exp(self.yardsticks[self.group[at] as usize].centre) } else { f64::NAN }
            }
            Number::Peers => match self.judge(at) {
                Ok((_, group, _)) => f64::from(group.n),
                Err(NoScore::Few(judge) | NoScore::OnePrice(judge)) => f64::from(self.fitted.level(judge).1.n),
                Err(_) => f64::NAN,
            },
        }
    }

    fn peer(&self, at: usize) -> Option<String> {
        self.judge(at).ok().map(|(level, _, group)| level.combos.name(group))
    }

    fn cautions(&self, watch: &Watch) -> Result<Cautions<'_>> {
        let known = self.fitted.facts.get(watch)?;
        let facts: Vec<&[Fact]> = self.fitted.levels.iter().map(|level| level.facts(&known.groups)).collect();
        Ok(Box::new(move |at| self.caution(at, &facts, &known.whole)))
    }

    fn reason(&self, at: usize) -> String {
        let (over, under) = self.sides();
        match self.judge(at) {
            Ok((level, group, g)) => {
                let expected = libm::exp(group.by.centre);
                format!(
                    "{over} per {} is {}, {} the usual {} of {} peers ({}); robust z {:.1}{}{}",
                    unit(under),
                    number(self.ratio(at)),
                    times(self.ratio(at) / expected),
                    number(expected),
                    number(f64::from(group.n)),
                    level.combos.name(g),
                    self.z(at),
                    if group.one_price { "; the peers have one price, so the spread is the wider group's" } else { "" },
                    if group.stretch >= LOOSE {
                        format!(", in a group whose outer prices lie {} as far out as usual", times(group.stretch))
                    } else {
                        String::new()
                    },
                )
            }
            Err(NoScore::Cell(row)) => unusable(over, self.prices.over[row])
                .or_else(|| unusable(under, self.prices.under[row]))
                .unwrap_or_else(|| "not scored: the ratio is out of range".into()),
            Err(NoScore::NoGroup) => "not scored: no peers were fitted for its keys".into(),
            Err(NoScore::Few(judge)) => {
                let (level, group) = self.fitted.level(judge);
                format!(
                    "not scored: {} peers with a price ({}), fewer than min_peers={}",
                    group.n,
                    level.combos.name(judge.group as usize),
                    self.fitted.settings.min_peers
                )
            }
            Err(NoScore::OnePrice(judge)) => {
                let (level, group) = self.fitted.level(judge);
                format!(
                    "not scored: all {} peers ({}) have the same price, so there is no spread to measure by",
                    group.n,
                    level.combos.name(judge.group as usize)
                )
            }
        }
    }

    fn numbers(&self, what: Number, range: Range<usize>, watch: &Watch) -> Result<Vec<f64>> {
        if what != Number::Score || !matches!(self.ships.rows, RowList::All(_)) {
            return watch.each(range, 1 << 12, |at| self.number(what, at));
        }
        let mut scores = vec![0.0; range.len()];
        let (groups, x) = (&self.group[range.clone()], &self.prices.x[range]);
        let parts = scores.par_chunks_mut(1 << 14).zip(groups.par_chunks(1 << 14)).zip(x.par_chunks(1 << 14));
        parts.for_each(|((scores, groups), x)| {
            for ((score, &group), &x) in scores.iter_mut().zip(groups).zip(x) {
                *score = self.yardsticks[group as usize].z(x).abs();
            }
        });
        watch.check()?;
        Ok(scores)
    }

    fn at_stake(&self, at: usize) -> f64 {
        let row = self.ships.rows.row(at);
        (self.prices.over[row] - self.number(Number::Expected, at) * self.prices.under[row]).abs()
    }
}
