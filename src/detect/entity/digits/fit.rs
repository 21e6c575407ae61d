//! The fit: counts the digits of each entity, and compares them with those of the other traders of its products.

use super::model::{DigitExcess, Digits, EntityDigits, Model};
use crate::calibrate::cauchy_combination;
use crate::error::Result;
use crate::group::{GroupKeys, IndexCache, resolve};
use crate::progress::Progress;
use crate::stats::{OrderStatistics, binomial_upper, chi_square_tail, encode, normal_quantile, normal_upper};
use crate::store::{Role, Shipments};

/// First two digits 10 to 99.
const CELLS: usize = 90;
/// The weight, in values, of the digits of all products in those of one product.
const SHARED: f64 = 200.0;
/// The smallest number of entities from which the variation of the statistics is estimated.
const ENOUGH: usize = 20;
/// The quantiles of the statistics that are compared with chance: the median, and the more unusual of honest traders.
const SPREAD_AT: [f64; 2] = [0.5, 0.9];
/// What is counted for each part: the cells, then the round values, then the values with four digits or more.
const ROUND: usize = CELLS;
const LONG: usize = CELLS + 1;
const COUNTS: usize = CELLS + 2;

type Counts = [f64; COUNTS];

/// The first two digits of a value of 10 or more, plus 1000 with four digits or more, or plus 2000 if it is round as
/// well: only zeros follow the first two digits. A value below 10 is left out.
fn cell(value: f64) -> Option<f64> {
    if !(10.0..1e15).contains(&value) {
        return None;
    }
    let mut lead = value;
    let mut digits = 2;
    while lead >= 100.0 {
        lead /= 10.0;
        digits += 1;
    }
    // Whether it is round is decided with whole numbers, because the division may have lost a digit.
    let first = (lead + 1e-9).floor();
    let long = digits >= 4;
    let round = long && value.fract() == 0.0 && (value as u64).is_multiple_of(10u64.pow(digits - 2));
    Some(first + if round { 2000.0 } else { 1000.0 * f64::from(u8::from(long)) })
}

/// The cell, whether the value is round, and whether it is long enough to be.
fn unpack(cell: f64) -> (usize, bool, bool) {
    ((cell % 1000.0) as usize - 10, cell >= 2000.0, cell >= 1000.0)
}

impl Digits {
    pub(super) fn model(
        &self,
        group_keys: GroupKeys,
        starts: Vec<usize>,
        cells: Vec<f64>,
        progress: &Progress,
    ) -> Result<Model> {
        let (entities, entity_of) = group_keys.project(std::slice::from_ref(&self.entity))?.distinct()?;
        let product_of = if group_keys.keys.len() > 1 {
            let (_, of) = group_keys.project(&group_keys.keys[1..])?.distinct()?;
            of
        } else {
            vec![0; group_keys.groups()]
        };
        let products = product_of.iter().max().map_or(0, |m| *m as usize + 1);
        // Counts of each cell and of round values, for each part, each product and in all.
        let mut part = vec![[0u32; COUNTS]; group_keys.groups()];
        let mut product = vec![[0f64; COUNTS]; products];
        let mut all = [0f64; COUNTS];
        for g in 0..group_keys.groups() {
            progress.check()?;
            for &packed in &cells[starts[g]..starts[g + 1]] {
                let (first, round, long) = unpack(packed);
                part[g][first] += 1;
                part[g][ROUND] += u32::from(round);
                part[g][LONG] += u32::from(long);
            }
            for (i, &count) in part[g].iter().enumerate() {
                product[product_of[g] as usize][i] += f64::from(count);
                all[i] += f64::from(count);
            }
        }
        let total = |cells: &Counts| cells[..CELLS].iter().sum::<f64>();
        let everything = total(&all);
        let mut parts_of: Vec<Vec<usize>> = vec![Vec::new(); entities.groups()];
        for g in 0..group_keys.groups() {
            parts_of[entity_of[g] as usize].push(g);
        }
        let mut digits: Vec<EntityDigits> = progress.each(0..parts_of.len(), 1 << 6, |entity| {
            let parts = &parts_of[entity];
            let mut seen = [0f64; COUNTS];
            let mut expected = [0f64; COUNTS];
            let mut n = 0.0;
            let held = parts.iter().filter(|&&g| starts[g + 1] > starts[g]).count();
            for &g in parts {
                let own = part[g].map(f64::from);
                let size = total(&own);
                n += size;
                let pool = &product[product_of[g] as usize];
                for i in 0..COUNTS {
                    seen[i] += own[i];
                }
                // The share among other traders of the product, with some weight on all products and on the share
                // `prior`.
                let rate = |i: usize, among: f64, all_among: f64, size: f64, prior: f64| {
                    let wide = (all[i] - own[i] + SHARED * prior) / (all_among - size + SHARED);
                    (pool[i] - own[i] + SHARED * wide) / (among - size + SHARED)
                };
                let held = total(pool);
                for (i, expected) in expected.iter_mut().enumerate().take(CELLS) {
                    let benford = libm::log10(1.0 + 1.0 / (i as f64 + 10.0));
                    *expected += size * rate(i, held, everything, size, benford);
                }
                expected[ROUND] += own[LONG] * rate(ROUND, pool[LONG], all[LONG], own[LONG], 0.01);
            }
            self.compare(n, held, &seen, &expected)
        })?;
        adjust_for_spread(&mut digits);
        progress.check()?;
        Ok(Model { settings: self.clone(), group_keys, starts, cells, entities, digits })
    }

    /// The statistics of one entity. Its p-values need the variation among all entities.
    fn compare(&self, n: f64, products: usize, seen: &Counts, expected: &Counts) -> EntityDigits {
        let mut digits = EntityDigits { n, products, p: f64::NAN, ..EntityDigits::default() };
        if n < self.min_values as f64 || products < self.min_products {
            return digits;
        }
        // Neighbouring cells are joined until each has an expected count of five.
        let mut cells: Vec<(f64, f64)> = Vec::new();
        let (mut o, mut e) = (0.0, 0.0);
        for i in 0..CELLS {
            o += seen[i];
            e += expected[i];
            if e >= 5.0 {
                cells.push((o, e));
                (o, e) = (0.0, 0.0);
            }
            let excess = (seen[i] - expected[i]) / n;
            digits.mad += excess.abs() / CELLS as f64;
            let share = expected[i] / n;
            digits.mad_expected += (2.0 * share * (1.0 - share) / (std::f64::consts::PI * n)).sqrt() / CELLS as f64;
            if excess > digits.most_in_excess.share - digits.most_in_excess.expected {
                digits.most_in_excess = DigitExcess { digits: i + 10, share: seen[i] / n, expected: share };
            }
        }
        if let Some(last) = cells.last_mut() {
            *last = (last.0 + o, last.1 + e);
        }
        let square: f64 = cells.iter().map(|(o, e)| (o - e) * (o - e) / e).sum();
        let k = cells.len() as f64;
        let freedom = (k - 1.0).max(1.0);
        // With few values the statistic varies more than a chi-square. Its exact variance (Haldane 1937) gives the
        // degrees of freedom.
        let inverse: f64 = cells.iter().map(|(_, e)| n / e).sum();
        let variance = 2.0 * freedom + (inverse - k * k - 2.0 * k + 2.0) / n;
        digits.ratio = square / freedom;
        digits.freedom = (2.0 * freedom * freedom / variance.max(2.0 * freedom)).max(1.0);
        let long = seen[LONG].max(1.0);
        digits.round = seen[ROUND] / long;
        digits.round_expected = expected[ROUND] / long;
        let by_chance = binomial_upper(seen[ROUND] as usize, long as usize, digits.round_expected.clamp(0.0, 1.0));
        digits.round_z = -normal_quantile(by_chance.clamp(1e-300, 1.0 - 1e-12));
        digits.p = 0.0;
        digits
    }

    pub(super) fn learn(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<Model> {
        self.check()?;
        let value = ships.store.role_numbers(Role::Value, progress)?;
        let keys = self.keys(ships.store.role(Role::Hs).is_some());
        let index = cache.get(ships, &resolve(&ships.store, &keys)?, progress)?;
        let mut starts = vec![0];
        let mut cells = Vec::new();
        for g in 0..index.groups() {
            progress.check()?;
            cells.extend(index.rows(g).iter().filter_map(|&row| cell(value[row as usize])));
            starts.push(cells.len());
        }
        self.model(GroupKeys::of_index(&index, &keys), starts, cells, progress)
    }
}

/// The p-values, adjusted for the variation among entities. The values of one trader depend on each other, so the
/// statistics vary more than with independent values.
fn adjust_for_spread(entities: &mut [EntityDigits]) {
    let tested = || entities.iter().filter(|v| !v.p.is_nan());
    let quantile = |share: f64, values: &mut dyn Iterator<Item = f64>| {
        let mut keys: Vec<i64> = values.map(encode).collect();
        OrderStatistics::new(&mut keys, true).quantile(share).unwrap_or(1.0)
    };
    let (mut wider, mut rounder) = (1.0f64, 1.0f64);
    if tested().count() >= ENOUGH {
        for share in SPREAD_AT {
            // The quantile of a chi-square divided by its degrees of freedom (Wilson and Hilferty 1931).
            let step = normal_quantile(share);
            let usual = |freedom: f64| {
                let part = 2.0 / (9.0 * freedom.max(1.0));
                let root = 1.0 - part + step * part.sqrt();
                root * (root * root)
            };
            wider = wider.max(quantile(share, &mut tested().map(|v| v.ratio / usual(v.freedom))));
        }
        let upper = quantile(SPREAD_AT[1], &mut tested().map(|v| v.round_z));
        rounder = rounder.max(upper / normal_quantile(SPREAD_AT[1]));
    }
    for digits in entities.iter_mut().filter(|d| !d.p.is_nan()) {
        digits.digits_p = chi_square_tail(digits.ratio / wider * digits.freedom, digits.freedom);
        digits.round_p = normal_upper(digits.round_z / rounder);
        digits.p = cauchy_combination(&[digits.digits_p, digits.round_p]).unwrap_or(f64::NAN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_two_digits_and_round_values() {
        for (value, first, round, long) in [
            (10.0, 10, false, false),
            (99.99, 99, false, false),
            (1234.5, 12, false, true),
            (1200.0, 12, true, true),
            (1250.0, 12, false, true),
            (30_000.0, 30, true, true),
            (9_999_999.0, 99, false, true),
            (99_000_000.0, 99, true, true),
        ] {
            let found = unpack(cell(value).unwrap());
            assert_eq!((found.0 + 10, found.1, found.2), (first, round, long), "{value}");
        }
        assert_eq!(cell(9.99), None);
        assert_eq!(cell(f64::NAN), None);
        assert_eq!(cell(-50.0), None);
    }
}
