//! What to think of before accusing: signs that a score of a price or a weight rests on an artefact of
//! the record, not on the trade.

use arrow::buffer::ScalarBuffer;
use rayon::prelude::*;

use super::phrase::number;
use crate::error::Result;
use crate::group::{IndexCache, resolve};
use crate::stats::{Ordered, encode};
use crate::store::{NULL_DAY, Period, Role, Shipments, iso};
use crate::watch::Watch;

/// Weights that stand for "next to nothing" or "not known".
const TOKENS: [f64; 4] = [0.001, 0.01, 0.1, 1.0];
/// A token is less than this share of the usual weight.
const TOKEN_SHARE: f64 = 0.05;
/// Shipments that show whether weights are imputed, and the share of them with one ratio to quantity.
const IMPUTED_SIZE: usize = 20;
const IMPUTED_SHARE: f64 = 0.9;
/// Days on either side of a revision that the data must reach.
const REACH: i32 = 180;
/// First days of revisions of the Harmonized System.
const REVISIONS: [&str; 4] = ["2007-01-01", "2012-01-01", "2017-01-01", "2022-01-01"];

pub struct Guards {
    /// For each position the group of its code.
    group: Vec<u32>,
    codes: Vec<Code>,
    weight: Option<ScalarBuffer<f64>>,
}

/// What is known of one code.
#[derive(Clone, Default)]
struct Code {
    usual_weight: f64,
    /// The ratio of weight to quantity, where nearly all shipments have it.
    imputed: Option<f64>,
    /// The revision that all its shipments lie on one side of, and whether they come after it.
    revision: Option<(i32, bool)>,
}

impl Guards {
    pub fn load(ships: &Shipments) -> Result<Guards> {
        let watch = &Watch::default();
        let has = |role: Role| ships.store.role(role).is_some();
        let numbers = |role: Role| -> Result<Option<ScalarBuffer<f64>>> {
            Ok(if has(role) { Some(ships.store.role_numbers(role, watch)?) } else { None })
        };
        let (weight, quantity) = (numbers(Role::NetWeight)?, numbers(Role::Quantity)?);
        let days = if has(Role::Date) { Some(ships.store.days(watch)?) } else { None };
        let keys: Vec<String> = if has(Role::Hs) { vec!["hs6".into()] } else { Vec::new() };
        let index = IndexCache::default().get(ships, &resolve(&ships.store, &keys)?, watch)?;
        let known = || days.iter().flat_map(|d| ships.rows.iter().map(|r| d[r])).filter(|d| *d != NULL_DAY);
        let span = known().min().zip(known().max());
        let revisions: Vec<i32> = REVISIONS
            .iter()
            .filter_map(|text| Period::parse(text))
            .map(|p| p.first)
            .filter(|&day| span.is_some_and(|(first, last)| first + REACH <= day && day + REACH <= last))
            .collect();
        let codes = (0..index.groups())
            .into_par_iter()
            .map(|g| {
                let rows = index.rows(g);
                let mut code = Code { usual_weight: f64::NAN, ..Code::default() };
                if let Some(weight) = &weight {
                    let mut known: Vec<i64> =
                        rows.iter().map(|&r| weight[r as usize]).filter(|w| *w > 0.0).map(encode).collect();
                    code.usual_weight = Ordered::new(&mut known, false).median().unwrap_or(f64::NAN);
                    code.imputed = quantity.as_ref().and_then(|quantity| one_ratio(rows, weight, quantity));
                }
                if !keys.is_empty()
                    && let Some(days) = &days
                {
                    code.revision = revisions.iter().find_map(|&day| {
                        let known = || rows.iter().map(|&r| days[r as usize]).filter(|d| *d != NULL_DAY);
                        let (before, after) = (known().any(|d| d < day), known().any(|d| d >= day));
                        (before != after).then_some((day, after))
                    });
                }
                code
            })
            .collect();
        Ok(Guards { group: index.group_of_positions(ships), codes, weight })
    }

    /// The first that applies to a shipment's weight or code.
    pub fn caution(&self, ships: &Shipments, at: usize) -> Option<String> {
        let code = &self.codes[self.group[at] as usize];
        let weight = self.weight.as_ref().map_or(f64::NAN, |w| w[ships.rows.row(at)]);
        if TOKENS.contains(&weight) && weight < TOKEN_SHARE * code.usual_weight {
            return Some(format!(
                "a weight of {weight} kg looks like a token: the usual one of the code is {} kg",
                number(code.usual_weight)
            ));
        }
        if let Some(ratio) = code.imputed {
            return Some(format!(
                "weights of the code look imputed: nearly all are {} kg for each unit of quantity",
                number(ratio)
            ));
        }
        code.revision.map(|(day, after)| {
            format!(
                "the code was only used {} the revision of the Harmonized System of {}: its goods may have had another \
                 code {}",
                if after { "after" } else { "before" },
                iso(day),
                if after { "before" } else { "after" }
            )
        })
    }
}

/// The ratio of weight to quantity that nearly all shipments have, if it is not one kilogram a unit.
fn one_ratio(rows: &[u32], weight: &[f64], quantity: &[f64]) -> Option<f64> {
    let mut ratios: Vec<f64> =
        rows.iter().map(|&r| weight[r as usize] / quantity[r as usize]).filter(|r| *r > 0.0 && r.is_finite()).collect();
    if ratios.len() < IMPUTED_SIZE {
        return None;
    }
    ratios.sort_unstable_by(f64::total_cmp);
    let same = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-6;
    let longest = ratios.chunk_by(|a, b| same(*a, *b)).max_by_key(|run| run.len())?;
    let ratio = longest[0];
    (longest.len() as f64 >= IMPUTED_SHARE * ratios.len() as f64 && !same(ratio, 1.0)).then_some(ratio)
}
