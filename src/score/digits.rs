//! `Digits`: does somebody invent numbers?
//!
//! Two questions about the values an entity declares: do their first two digits stray from those of
//! the products it trades, and are more of them round than its peers'? Benford's law itself is no
//! null for a single trader (Cerioli et al., PNAS 2019): the digits of one product's prices are not
//! Benford's. So the expected digits are those of the other traders of the same products, and the
//! spread of the statistic is taken from all entities tested. Few values, or few products, give no
//! score.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::Field;

use super::members::{lists, plain, read_lists};
use super::phrase::number;
use super::scores::{Number, Scores};
use super::{Detector, Fit, SharedFit, SharedScores};
use crate::aggregate::table;
use crate::error::{Error, Result};
use crate::group::{Combos, GroupIndex, IndexCache, resolve};
use crate::stats::{Ordered, cauchy_combination, chi_square_tail, encode, exact_sum, normal_upper};
use crate::store::{Role, Shipments};
use crate::watch::Watch;

/// First two digits 10 to 99.
const CELLS: usize = 90;
/// Values on which the digits of all products together weigh in those of one product.
const SHARED: f64 = 200.0;
/// Entities needed to learn the spread of the statistic from.
const ENOUGH: usize = 20;

#[derive(Clone, Debug, PartialEq)]
pub struct Digits {
    pub entity: String,
    pub min_values: usize,
    pub min_products: usize,
}

/// The digits of a value of 10 or more, and whether it is round: nothing but zeros behind its first
/// two digits, where it has four digits or more. A value below 10 is left out.
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
    // Whole numbers decide whether it is round; division may have lost a digit.
    let first = (lead + 1e-9).floor();
    let round = digits >= 4 && value.fract() == 0.0 && (value as u64).is_multiple_of(10u64.pow(digits - 2));
    Some(first + if round { 1000.0 } else { 0.0 })
}

fn unpack(cell: f64) -> (usize, bool) {
    ((cell % 1000.0) as usize - 10, cell >= 1000.0)
}

struct Model {
    settings: Digits,
    /// An entity's values of one product.
    combos: Combos,
    starts: Vec<usize>,
    cells: Vec<f64>,
    entities: Combos,
    verdicts: Vec<Verdict>,
}

#[derive(Clone, Default)]
struct Verdict {
    n: f64,
    products: usize,
    /// Chi-square over its degrees of freedom, before and after the spread among entities.
    ratio: f64,
    freedom: f64,
    digits_p: f64,
    mad: f64,
    mad_expected: f64,
    round: f64,
    round_expected: f64,
    /// How many standard deviations more are round than expected.
    round_z: f64,
    round_p: f64,
    p: f64,
    /// The two digits most in excess, their share and that expected.
    most: (usize, f64, f64),
}

impl Digits {
    fn check(&self) -> Result<()> {
        if self.min_values < 50 {
            return Err(Error::Argument(format!(
                "min_values={}: fewer than 50 values say nothing about digits",
                self.min_values
            )));
        }
        Ok(())
    }

    fn keys(&self, with_product: bool) -> Vec<String> {
        let mut keys = vec![self.entity.clone()];
        if with_product {
            keys.push("hs2".into());
        }
        keys
    }

    fn model(&self, combos: Combos, starts: Vec<usize>, cells: Vec<f64>) -> Result<Model> {
        let (entities, entity_of) = combos.project(std::slice::from_ref(&self.entity))?.distinct()?;
        let product_of = if combos.keys.len() > 1 {
            let (_, of) = combos.project(&combos.keys[1..])?.distinct()?;
            of
        } else {
            vec![0; combos.groups()]
        };
        let products = product_of.iter().max().map_or(0, |m| *m as usize + 1);
        // Counts of each cell, and of round values, by part, by product and in all.
        let mut part = vec![[0u32; CELLS + 1]; combos.groups()];
        let mut product = vec![[0f64; CELLS + 1]; products];
        let mut all = [0f64; CELLS + 1];
        for g in 0..combos.groups() {
            for &packed in &cells[starts[g]..starts[g + 1]] {
                let (first, round) = unpack(packed);
                part[g][first] += 1;
                part[g][CELLS] += u32::from(round);
            }
            for (i, &count) in part[g].iter().enumerate() {
                product[product_of[g] as usize][i] += f64::from(count);
                all[i] += f64::from(count);
            }
        }
        let total = |cells: &[f64; CELLS + 1]| cells[..CELLS].iter().sum::<f64>();
        let everything = total(&all);
        let mut parts_of: Vec<Vec<usize>> = vec![Vec::new(); entities.groups()];
        for g in 0..combos.groups() {
            parts_of[entity_of[g] as usize].push(g);
        }
        let mut verdicts: Vec<Verdict> = parts_of
            .iter()
            .map(|parts| {
                let mut seen = [0f64; CELLS + 1];
                let mut expected = [0f64; CELLS + 1];
                let mut n = 0.0;
                let held = parts.iter().filter(|&&g| starts[g + 1] > starts[g]).count();
                for &g in parts {
                    let own = part[g].map(f64::from);
                    let size = total(&own);
                    n += size;
                    let pool = &product[product_of[g] as usize];
                    let others = total(pool) - size;
                    for i in 0..=CELLS {
                        seen[i] += own[i];
                        // The other traders of the product, and a little of all products and of Benford.
                        let benford = if i < CELLS { libm::log10(1.0 + 1.0 / (i as f64 + 10.0)) } else { 0.01 };
                        let wide = (all[i] - own[i] + SHARED * benford) / (everything - size + SHARED);
                        expected[i] += size * (pool[i] - own[i] + SHARED * wide) / (others + SHARED);
                    }
                }
                self.judge(n, held, &seen, &expected)
            })
            .collect();
        spread(&mut verdicts);
        Ok(Model { settings: self.clone(), combos, starts, cells, entities, verdicts })
    }

    fn judge(&self, n: f64, products: usize, seen: &[f64; CELLS + 1], expected: &[f64; CELLS + 1]) -> Verdict {
        let mut verdict = Verdict { n, products, p: f64::NAN, ..Verdict::default() };
        if n < self.min_values as f64 || products < self.min_products {
            return verdict;
        }
        // Neighbouring cells are taken together until each is expected to hold five.
        let (mut square, mut freedom) = (0.0, -1.0f64);
        let (mut o, mut e) = (0.0, 0.0);
        for i in 0..CELLS {
            o += seen[i];
            e += expected[i];
            if e >= 5.0 || i + 1 == CELLS {
                if e > 0.0 {
                    square += (o - e) * (o - e) / e;
                    freedom += 1.0;
                }
                (o, e) = (0.0, 0.0);
            }
            let excess = (seen[i] - expected[i]) / n;
            verdict.mad += excess.abs() / CELLS as f64;
            let share = expected[i] / n;
            verdict.mad_expected += (2.0 * share * (1.0 - share) / (std::f64::consts::PI * n)).sqrt() / CELLS as f64;
            if excess > verdict.most.1 - verdict.most.2 {
                verdict.most = (i + 10, seen[i] / n, share);
            }
        }
        verdict.ratio = square / freedom.max(1.0);
        verdict.freedom = freedom;
        verdict.round = seen[CELLS] / n;
        verdict.round_expected = expected[CELLS] / n;
        let deviation = (n * verdict.round_expected * (1.0 - verdict.round_expected)).sqrt();
        // With a half for continuity.
        verdict.round_z = (seen[CELLS] - 0.5 - expected[CELLS]) / deviation.max(0.5);
        verdict.p = 0.0;
        verdict
    }
}

/// p-values, once the statistics of all entities tell how far they spread: one trader's values hang
/// together, so they spread wider than independent ones would.
fn spread(verdicts: &mut [Verdict]) {
    let tested = || verdicts.iter().filter(|v| !v.p.is_nan());
    let median = |values: &mut dyn Iterator<Item = f64>| {
        let mut keys: Vec<i64> = values.map(encode).collect();
        Ordered::new(&mut keys, false).median().unwrap_or(1.0)
    };
    let (mut wider, mut rounder) = (1.0f64, 1.0f64);
    if tested().count() >= ENOUGH {
        // The median of chi-square over its degrees of freedom (Wilson and Hilferty 1931).
        let middle = |freedom: f64| (1.0 - 2.0 / (9.0 * freedom.max(1.0))).powi(3);
        wider = median(&mut tested().map(|v| v.ratio / middle(v.freedom))).max(1.0);
        let absolute = median(&mut tested().map(|v| v.round_z.abs()));
        rounder = (absolute / 0.674_489_750_196_081_7).max(1.0);
    }
    for verdict in verdicts.iter_mut().filter(|v| !v.p.is_nan()) {
        verdict.digits_p = chi_square_tail(verdict.ratio / wider * verdict.freedom, verdict.freedom);
        verdict.round_p = normal_upper(verdict.round_z / rounder);
        verdict.p = cauchy_combination(&[verdict.digits_p, verdict.round_p]).unwrap_or(f64::NAN);
    }
}

impl Digits {
    fn learn(&self, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<Model> {
        self.check()?;
        let value = ships.store.role_numbers(Role::Value, watch)?;
        let keys = self.keys(ships.store.role(Role::Hs).is_some());
        let index = cache.get(ships, &resolve(&ships.store, &keys)?, watch)?;
        let mut starts = vec![0];
        let mut cells = Vec::new();
        for g in 0..index.groups() {
            cells.extend(index.rows(g).iter().filter_map(|&row| cell(value[row as usize])));
            starts.push(cells.len());
        }
        watch.check()?;
        self.model(Combos::of_index(&index, &keys), starts, cells)
    }
}

impl Detector for Digits {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<SharedFit> {
        Ok(Arc::new(self.learn(ships, cache, watch)?))
    }

    fn restore(&self, states: &[RecordBatch], watch: &Watch) -> Result<SharedFit> {
        self.check()?;
        let keys = self.keys(states.iter().any(|s| s.column_by_name("hs2").is_some()));
        let (combos, [digits]) = read_lists(states, &keys, ["digits"], "Digits", watch)?;
        Ok(Arc::new(self.model(combos, digits.starts, digits.values)?))
    }
}

impl Fit for Model {
    /// The entities of these shipments, each with what was fitted about it.
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<SharedScores> {
        let keys = std::slice::from_ref(&self.settings.entity);
        let index = cache.get(ships, &resolve(&ships.store, keys)?, watch)?;
        let here = Combos::of_index(&index, keys);
        let known = self.entities.find(&here)?;
        let value = ships.store.role_numbers(Role::Value, watch)?;
        Ok(Arc::new(DigitScores { model: self, here, index, known, value }))
    }

    /// A row an entity and HS chapter: the keys, `n`, and `digits`, the first two digits of each value
    /// with 1000 added where it is round; on the first row of each entity what was found.
    fn state(&self) -> Result<RecordBatch> {
        let parts = self.combos.groups();
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        for (k, key) in self.combos.keys.iter().enumerate() {
            columns.push((key.clone(), plain(&self.combos.labels(k)?)?));
        }
        let n = (0..parts).map(|g| (self.starts[g + 1] - self.starts[g]) as i64);
        columns.push(("n".into(), Arc::new(Int64Array::from_iter_values(n))));
        let mut sorted = self.cells.clone();
        for g in 0..parts {
            sorted[self.starts[g]..self.starts[g + 1]].sort_unstable_by(f64::total_cmp);
        }
        columns.push(("digits".into(), lists(&self.starts, sorted, parts)));
        table(columns, parts)
    }
}

struct DigitScores {
    model: Arc<Model>,
    here: Combos,
    index: Arc<GroupIndex>,
    known: Vec<Option<u32>>,
    value: arrow::buffer::ScalarBuffer<f64>,
}

impl DigitScores {
    fn verdict(&self, at: usize) -> Option<&Verdict> {
        Some(&self.model.verdicts[self.known[at]? as usize])
    }
}

impl Scores for DigitScores {
    fn detector(&self) -> &'static str {
        "Digits"
    }

    fn len(&self) -> usize {
        self.here.groups()
    }

    fn number(&self, what: Number, at: usize) -> f64 {
        let Some(verdict) = self.verdict(at) else { return f64::NAN };
        if verdict.p.is_nan() && what != Number::Peers {
            return f64::NAN;
        }
        match what {
            Number::Score => -libm::log10(verdict.p.max(1e-300)),
            Number::PValue => verdict.p,
            Number::Direction => f64::NAN,
            Number::Observed => verdict.mad,
            Number::Expected => verdict.mad_expected,
            Number::Peers => verdict.n,
        }
    }

    fn peer(&self, at: usize) -> Option<String> {
        self.verdict(at).filter(|v| !v.p.is_nan()).map(|v| format!("other traders of its {} products", v.products))
    }

    fn reason(&self, at: usize) -> String {
        let settings = &self.model.settings;
        match self.verdict(at) {
            None => format!("not scored: this {} was not fitted", settings.entity),
            Some(v) if v.n < settings.min_values as f64 => format!(
                "not scored: {} values of 10 or more, fewer than min_values={}",
                number(v.n),
                settings.min_values
            ),
            Some(v) if v.p.is_nan() => format!(
                "not scored: {} HS chapters, fewer than min_products={}: the digits of one product need not be Benford's",
                v.products, settings.min_products
            ),
            Some(v) => format!(
                "the first two digits of {} values differ from those of other traders of its products by {} on average \
                 where chance gives {} (chi-square {} times its degrees of freedom, p {:.1e}); most in excess: {}, {:.1} % \
                 instead of {:.1} %; {:.1} % of the values are round, {:.1} % expected (p {:.1e})",
                number(v.n),
                number(v.mad),
                number(v.mad_expected),
                number(v.ratio),
                v.digits_p,
                v.most.0,
                100.0 * v.most.1,
                100.0 * v.most.2,
                100.0 * v.round,
                100.0 * v.round_expected,
                v.round_p
            ),
        }
    }

    /// Invented numbers put all of the entity's value in doubt.
    fn at_stake(&self, at: usize) -> f64 {
        let known: Vec<f64> =
            self.index.rows(at).iter().map(|&r| self.value[r as usize]).filter(|v| v.is_finite()).collect();
        exact_sum(&known)
    }

    fn keys(&self) -> Vec<Field> {
        vec![Field::new(&self.model.settings.entity, self.here.kind(0).clone(), true)]
    }

    fn key(&self, column: usize, range: std::ops::Range<usize>) -> Result<ArrayRef> {
        Ok(self.here.labels(column)?.slice(range.start, range.len()))
    }

    fn evidence(&self) -> Vec<Field> {
        ["digits_p", "round_share", "round_expected", "round_p"]
            .into_iter()
            .map(|name| Field::new(name, arrow::datatypes::DataType::Float64, true))
            .collect()
    }

    fn proof(&self, column: usize, range: std::ops::Range<usize>) -> Result<ArrayRef> {
        let cell = |v: &Verdict| [v.digits_p, v.round, v.round_expected, v.round_p][column];
        let values = range.map(|at| self.verdict(at).filter(|v| !v.p.is_nan()).map(cell));
        Ok(Arc::new(values.collect::<Float64Array>()))
    }

    fn subject(&self, at: usize) -> String {
        self.here.name(at)
    }

    fn rows(&self, at: usize) -> Result<Vec<u32>> {
        Ok(self.index.rows(at).to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_two_digits_and_round_values() {
        for (value, first, round) in [
            (10.0, 10, false),
            (99.99, 99, false),
            (1234.5, 12, false),
            (1200.0, 12, true),
            (1250.0, 12, false),
            (30_000.0, 30, true),
            (9_999_999.0, 99, false),
            (99_000_000.0, 99, true),
        ] {
            let (cell, is_round) = unpack(cell(value).unwrap());
            assert_eq!((cell + 10, is_round), (first, round), "{value}");
        }
        assert_eq!(cell(9.99), None);
        assert_eq!(cell(f64::NAN), None);
        assert_eq!(cell(-50.0), None);
    }
}
