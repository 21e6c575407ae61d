//! The fit: counts the digits of each entity, and compares them with those of the other traders of its products.

use super::model::{DigitExcess, Digits, EntityDigits, Model};
use super::scatter::p_values;
use crate::error::Result;
use crate::group::{GroupKeys, IndexCache, resolve};
use crate::progress::Progress;
use crate::store::{Role, Shipments};

/// First two digits 10 to 99.
const CELLS: usize = 90;
/// The weight, in values, of the digits of all products in those of one product.
const SHARED: f64 = 200.0;
/// The smallest number of values that are not round for the test of their digits.
const FEWEST: f64 = 50.0;
/// What is counted for each part: the cells of values that are not round, then the round values and all values with four
/// digits or more, then all values.
const ROUND: usize = CELLS;
const LONG: usize = CELLS + 1;
const ALL: usize = CELLS + 2;
const COUNTS: usize = CELLS + 3;

type Counts = [f64; COUNTS];

/// The first two digits of a value of 10 or more, plus 1000 with four digits or more, plus 2000 if it is round as well
/// (only zeros follow the first two digits), or plus 3000 if it has three digits and is round. A value below 10 is left
/// out.
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
    let round = value.fract() == 0.0 && (value as u64).is_multiple_of(10u64.pow(digits - 2));
    let class = match (digits, round) {
        (2, _) | (3, false) => 0.0,
        (3, true) => 3000.0,
        (_, true) => 2000.0,
        (_, false) => 1000.0,
    };
    Some(first + class)
}

/// Adds a value to the counts.
fn count(counts: &mut [u32; COUNTS], cell: f64) {
    let (class, first) = ((cell / 1000.0) as usize, (cell % 1000.0) as usize - 10);
    counts[ALL] += 1;
    counts[LONG] += u32::from(class == 1 || class == 2);
    counts[ROUND] += u32::from(class == 2);
    counts[first] += u32::from(class < 2);
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
                count(&mut part[g], packed);
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
            let held = parts.iter().filter(|&&g| starts[g + 1] > starts[g]).count();
            for &g in parts {
                let own = part[g].map(f64::from);
                let size = total(&own);
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
            self.compare(held, &seen, &expected)
        })?;
        p_values(&mut digits, progress)?;
        Ok(Model { settings: self.clone(), group_keys, starts, cells, entities, digits })
    }

    /// The statistics of one entity. Its p-values need the variation among all entities.
    fn compare(&self, products: usize, seen: &Counts, expected: &Counts) -> EntityDigits {
        // The test of the digits leaves round values out: whether to round is a habit.
        let n: f64 = seen[..CELLS].iter().sum();
        let nothing = f64::NAN;
        let mut digits = EntityDigits {
            n: seen[ALL],
            plain: n,
            products,
            ratio: nothing,
            mad: nothing,
            mad_expected: nothing,
            p: nothing,
            ..EntityDigits::default()
        };
        if seen[ALL] < self.min_values as f64 || products < self.min_products {
            return digits;
        }
        digits.p = 0.0;
        digits.long = seen[LONG];
        digits.rounded = seen[ROUND];
        digits.round = seen[ROUND] / seen[LONG].max(1.0);
        digits.round_expected = expected[ROUND] / seen[LONG].max(1.0);
        if n < FEWEST {
            return digits;
        }
        (digits.mad, digits.mad_expected) = (0.0, 0.0);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_two_digits_and_round_values() {
        for (value, packed) in [
            (10.0, 10.0),
            (20.0, 20.0),
            (99.99, 99.0),
            (120.0, 3012.0),
            (125.0, 12.0),
            (120.5, 12.0),
            (1234.5, 1012.0),
            (1200.0, 2012.0),
            (1250.0, 1012.0),
            (30_000.0, 2030.0),
            (9_999_999.0, 1099.0),
            (99_000_000.0, 2099.0),
        ] {
            assert_eq!(cell(value), Some(packed), "{value}");
        }
        assert_eq!(cell(9.99), None);
        assert_eq!(cell(f64::NAN), None);
        assert_eq!(cell(-50.0), None);
    }
}
