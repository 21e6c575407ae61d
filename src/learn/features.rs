//! Features of every shipment for a model.
//!
//! Every record, of the history or not, belongs to one of a few folds by a hash of its content, and is described by the
//! records of the history in the other folds (cross-fitting; Chernozhukov et al. 2018). So no record is among those it
//! is compared with, and a feature has the same distribution for the records a model is trained on and for later ones.

mod folds;
mod key_totals;

use std::sync::Arc;

use crate::detect::{self, Detector, Parameters};
use crate::error::{Error, Result};
use crate::evidence::{PARALLEL_ROWS, ScoreColumn, SharedScores};
use crate::group::{GroupKeys, IndexCache, resolve};
use crate::progress::Progress;
use crate::stats::ln;
use crate::store::{Role, Shipments};
use crate::table::table;
use arrow::array::{ArrayRef, Float64Array, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use key_totals::KeyTotals;
use serde_json::{Value, json};

/// The largest number of folds: more cost much and change little.
const MOST_FOLDS: usize = 100;
/// Steps of progress in the description of one fold.
const STEPS: u64 = 6;

/// One row for each shipment. Every column is a number, null if unknown. Rows that are totals of others have nulls.
/// Without `history`, it is the shipments themselves. With one fold, all of it describes each record.
pub fn features(
    ships: &Shipments,
    history: Option<&Shipments>,
    folds: usize,
    progress: &Progress,
) -> Result<RecordBatch> {
    if !(1..=MOST_FOLDS).contains(&folds) {
        return Err(Error::Argument(format!("folds={folds}: a number from 1 to {MOST_FOLDS} is expected")));
    }
    let history = history.map(Shipments::without_totals);
    if !ships.has_totals() {
        return cross_fitted(ships, history.as_ref(), folds, progress);
    }
    let kept = ships.without_totals();
    let made = cross_fitted(&kept, history.as_ref(), folds, progress)?;
    Ok(take_record_batch(&made, &UInt32Array::from(ships.places_among(&kept)))?)
}

fn cross_fitted(
    ships: &Shipments,
    history: Option<&Shipments>,
    folds: usize,
    progress: &Progress,
) -> Result<RecordBatch> {
    progress.begin("describing", STEPS * folds as u64);
    if folds == 1 || ships.is_empty() {
        return described(ships, history, progress);
    }
    let source = history.unwrap_or(ships);
    let roles = folds::common(ships, source);
    let of_ships = folds::of(ships, &roles, folds, progress)?;
    let of_history = history.map(|history| folds::of(history, &roles, folds, progress)).transpose()?;
    let of_source = of_history.as_ref().unwrap_or(&of_ships);
    let mut parts = Vec::new();
    let mut place = vec![0u32; ships.len()];
    let mut done = 0;
    for fold in 0..folds as u8 {
        let part = folds::some(ships, |at| of_ships[at] == fold);
        if part.is_empty() {
            progress.advance(STEPS);
            continue;
        }
        let rest = folds::some(source, |at| of_source[at] != fold);
        parts.push(described(&part, Some(&rest), progress)?);
        let own = place.iter_mut().zip(&of_ships).filter(|(_, of)| **of == fold);
        own.zip(done..).for_each(|((place, _), at)| *place = at);
        done += part.len() as u32;
    }
    let made = concat_batches(&parts[0].schema(), &parts)?;
    drop(parts);
    Ok(take_record_batch(&made, &UInt32Array::from(place))?)
}

fn described(ships: &Shipments, history: Option<&Shipments>, progress: &Progress) -> Result<RecordBatch> {
    let has = |role: Role| ships.store.role(role).is_some() && history.is_none_or(|h| h.store.role(role).is_some());
    let mut made = Features {
        ships,
        history,
        cache: IndexCache::default(),
        history_cache: IndexCache::default(),
        columns: Vec::new(),
    };
    for role in [Role::Value, Role::NetWeight, Role::Quantity].into_iter().filter(|r| has(*r)) {
        let values = ships.store.role_numbers(role, progress)?;
        let logs = progress.each(0..ships.len(), PARALLEL_ROWS, |at| log(values[ships.rows.row(at)]))?;
        made.put(&format!("log_{}", role.name()), logs);
    }
    progress.advance(1);
    let prices = PRICES.iter().filter(|p| has(p.over) && has(p.under) && has(Role::Hs)).collect::<Vec<_>>();
    made.prices(&prices, has(Role::Origin), progress)?;
    progress.advance(1);
    let pairs = [
        (Role::Origin, vec!["hs6"]),
        (Role::Destination, vec!["hs6"]),
        (Role::Importer, vec!["hs6"]),
        (Role::Exporter, vec!["hs6"]),
        (Role::Exporter, vec!["importer"]),
        (Role::Origin, vec!["destination"]),
    ];
    for (of, given) in pairs {
        let given_role = if given[0] == "hs6" { Role::Hs } else { Role::named(given[0]).unwrap_or(Role::Hs) };
        if has(of) && has(given_role) {
            made.rarity(of, &given, progress)?;
        }
    }
    progress.advance(1);
    for keys in [
        vec![Role::Importer],
        vec![Role::Exporter],
        vec![Role::Exporter, Role::Importer],
        vec![Role::Origin, Role::Destination],
        vec![Role::Importer, Role::Hs],
    ] {
        if keys.iter().all(|r| has(*r)) {
            made.known(&keys, has(Role::Date), has(Role::Value), progress)?;
        }
    }
    progress.advance(1);
    if has(Role::Value) && has(Role::Hs) {
        made.rank(progress)?;
    }
    progress.advance(1);
    if has(Role::Value) {
        made.digits(progress)?;
    }
    progress.advance(1);
    if made.columns.is_empty() {
        return Err(Error::Argument(
            "the shipments have none of the roles value, net_weight, quantity, hs, date or a party to describe them by"
                .into(),
        ));
    }
    table(made.columns, ships.len())
}

/// A ratio of two amounts of a shipment, and the names of its columns.
struct Price {
    over: Role,
    under: Role,
    name: &'static str,
}

const PRICES: [Price; 3] = [
    Price { over: Role::Value, under: Role::NetWeight, name: "unit_value" },
    Price { over: Role::Value, under: Role::Quantity, name: "price" },
    Price { over: Role::NetWeight, under: Role::Quantity, name: "unit_weight" },
];

fn log(x: f64) -> f64 {
    if (f64::MIN_POSITIVE..=f64::MAX).contains(&x) { ln(x) } else { f64::NAN }
}

struct Features<'a> {
    ships: &'a Shipments,
    history: Option<&'a Shipments>,
    /// The indexes of the shipments and of the history. Several columns use the same keys.
    cache: IndexCache,
    history_cache: IndexCache,
    columns: Vec<(String, ArrayRef)>,
}

impl Features<'_> {
    fn put(&mut self, name: &str, values: Vec<f64>) {
        let array: Float64Array = values.into_iter().map(|v| (!v.is_nan()).then_some(v)).collect();
        self.columns.push((name.to_owned(), Arc::new(array)));
    }

    /// Scores of a detector that is fitted on the history, or else on the shipments themselves.
    fn scored(&self, detector: &str, parameters: Value, progress: &Progress) -> Result<SharedScores> {
        let detector = detect::detector(detector, &Parameters::of(parameters)?)?;
        match self.history {
            Some(history) => {
                detector.fit(history, &self.history_cache, progress)?.score(self.ships, &self.cache, progress)
            }
            None => Ok(detector.fit_score(self.ships, &self.cache, progress)?.1),
        }
    }

    /// The shipments to compare with, and their indexes.
    fn source(&self) -> (&Shipments, &IndexCache) {
        self.history.map_or((self.ships, &self.cache), |history| (history, &self.history_cache))
    }

    /// The logarithm of each price, its robust z at each level, and the number of peers.
    fn prices(&mut self, prices: &[&Price], origin: bool, progress: &Progress) -> Result<()> {
        let ships = self.ships;
        let mut levels: Vec<Vec<&str>> = vec![vec!["hs6"], vec!["hs4"], vec!["hs2"]];
        if origin {
            levels.insert(0, vec!["hs6", "origin"]);
        }
        // Level by level, because all prices of a level use one index.
        let mut columns: Vec<Vec<(String, Vec<f64>)>> = vec![Vec::new(); prices.len()];
        for level in levels {
            for (price, columns) in prices.iter().zip(&mut columns) {
                let measure = format!("{}/{}", price.over.name(), price.under.name());
                let parameters =
                    json!({"measure": measure, "by": level, "min_peers": 5, "backoff": [], "scale": "mad"});
                let scores = self.scored("UnitValue", parameters, progress)?;
                let all = 0..scores.len();
                let z = scores.values(ScoreColumn::Score, all.clone(), progress)?;
                let sign = scores.values(ScoreColumn::Direction, all.clone(), progress)?;
                let name = level.join("_");
                let signed = z.iter().zip(sign).map(|(z, sign)| if sign < 0.0 { -z } else { *z }).collect();
                columns.push((format!("{}_z_{name}", price.name), signed));
                let peers = scores.values(ScoreColumn::Peers, all, progress)?;
                columns.push((format!("{}_peers_{name}", price.name), peers));
            }
        }
        for (price, columns) in prices.iter().zip(columns) {
            let over = ships.store.role_numbers(price.over, progress)?;
            let under = ships.store.role_numbers(price.under, progress)?;
            let ratio = |at: usize| {
                let row = ships.rows.row(at);
                log(over[row] / under[row])
            };
            self.put(&format!("log_{}", price.name), progress.each(0..ships.len(), PARALLEL_ROWS, ratio)?);
            for (name, values) in columns {
                self.put(&name, values);
            }
        }
        Ok(())
    }

    fn rarity(&mut self, of: Role, given: &[&str], progress: &Progress) -> Result<()> {
        let scores = self.scored("Rarity", json!({"of": of.name(), "given": given}), progress)?;
        let made = scores.values(ScoreColumn::Score, 0..scores.len(), progress)?;
        self.put(&format!("rarity_{}_{}", of.name(), given.join("_")), made);
        Ok(())
    }

    /// The records of the history with the same keys: their number, their share of all value, and the days from the
    /// last of them to the last record of all.
    fn known(&mut self, keys: &[Role], dated: bool, valued: bool, progress: &Progress) -> Result<()> {
        let names: Vec<String> = keys.iter().map(|role| role.name().to_owned()).collect();
        let (source, cache) = self.source();
        let totals = KeyTotals::of(source, cache, &names, dated, valued, progress)?;
        let index = self.cache.get(self.ships, &resolve(&self.ships.store, &names)?, progress)?;
        let found = totals.group_keys.find(&GroupKeys::of_index(&index, &names), progress)?;
        let groups = index.group_of_positions(self.ships);
        let name = names.join("_");
        let mut columns = vec![("records", 0), ("days_since", 1), ("share", 2)];
        columns.retain(|(what, _)| (dated || *what != "days_since") && (valued || *what != "share"));
        for (what, number) in columns {
            let one = |at: usize| totals.numbers(found[groups[at] as usize])[number];
            let made = progress.each(0..self.ships.len(), PARALLEL_ROWS, one)?;
            self.put(&format!("{what}_{name}"), made);
        }
        Ok(())
    }

    /// The rank of the value among those of the same code, 0 to 1.
    fn rank(&mut self, progress: &Progress) -> Result<()> {
        let keys = vec!["hs6".to_owned()];
        let (source, cache) = self.source();
        let index = cache.get(source, &resolve(&source.store, &keys)?, progress)?;
        let values = source.store.role_numbers(Role::Value, progress)?;
        let sorted = progress.each(0..index.groups(), 1, |g| {
            let mut known: Vec<f64> =
                index.rows(g).iter().map(|&r| values[r as usize]).filter(|v| !v.is_nan()).collect();
            known.sort_unstable_by(f64::total_cmp);
            known
        })?;
        let group_keys = GroupKeys::of_index(&index, &keys);
        let here = self.cache.get(self.ships, &resolve(&self.ships.store, &keys)?, progress)?;
        let known = group_keys.find(&GroupKeys::of_index(&here, &keys), progress)?;
        let groups = here.group_of_positions(self.ships);
        let own = self.ships.store.role_numbers(Role::Value, progress)?;
        let rank = |at: usize| {
            let value = own[self.ships.rows.row(at)];
            let Some(sorted) = known[groups[at] as usize].map(|g| &sorted[g as usize]) else { return f64::NAN };
            if value.is_nan() || sorted.is_empty() {
                return f64::NAN;
            }
            let below = sorted.partition_point(|v| *v < value);
            let up_to = sorted.partition_point(|v| *v <= value);
            0.5 * (below + up_to) as f64 / sorted.len() as f64
        };
        self.put("value_rank_hs6", progress.each(0..self.ships.len(), 1 << 10, rank)?);
        Ok(())
    }

    /// The first digit of the value, the number of zeros at its end, and whether it is a whole number.
    fn digits(&mut self, progress: &Progress) -> Result<()> {
        let values = self.ships.store.role_numbers(Role::Value, progress)?;
        let all = progress.each(0..self.ships.len(), PARALLEL_ROWS, |at| digits_of(values[self.ships.rows.row(at)]))?;
        for (k, name) in ["value_first_digit", "value_zeros", "value_whole"].into_iter().enumerate() {
            self.put(name, all.iter().map(|d| d[k]).collect());
        }
        Ok(())
    }
}

fn digits_of(value: f64) -> [f64; 3] {
    let size = value.abs();
    if !(size > 0.0 && size < 1e15) {
        return [f64::NAN; 3];
    }
    let mut lead = size;
    while lead >= 10.0 {
        lead /= 10.0;
    }
    while lead < 1.0 {
        lead *= 10.0;
    }
    let whole = size.fract() == 0.0;
    let mut zeros = 0.0;
    let mut rest = size as u64;
    while whole && rest.is_multiple_of(10) {
        rest /= 10;
        zeros += 1.0;
    }
    [(lead + 1e-9).floor(), zeros, f64::from(u8::from(whole))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_by_hand() {
        assert_eq!(digits_of(12_300.0), [1.0, 2.0, 1.0]);
        assert_eq!(digits_of(-0.05), [5.0, 0.0, 0.0]);
        assert_eq!(digits_of(9.0), [9.0, 0.0, 1.0]);
        assert!(digits_of(0.0)[0].is_nan());
    }
}
