//! Generated shipments that look like customs records, with planted patterns and the truth about them: for
//! demonstrations, benchmarks and tests.

mod catalogue;
mod plant;
pub(crate) mod random;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringArray, UInt32Array,
};
use arrow::datatypes::{Field, Schema, UInt32Type};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::ingest::{Options, from_columns};
use crate::progress::Progress;
use crate::store::Shipments;
use crate::table::table;
use catalogue::{COUNTRIES, Product, firm_name, products};
use random::Random;

pub struct Sample {
    pub ships: Shipments,
    /// `row`, `pattern`.
    pub truth: RecordBatch,
}

/// The first and last day of the sample, four years.
const FIRST_DAY: i32 = 18_262; // 2020-01-01
const LAST_DAY: i32 = 19_722; // 2023-12-31

#[derive(Clone, Copy, Default)]
struct Row {
    day: i32,
    product: u16,
    words: u8,
    origin: u8,
    destination: u8,
    /// 0: the exporter's report, 1: the importer's.
    side: u8,
    /// 1: the first, 2: the second report of a flow that both sides report.
    mirror: u8,
    pattern: u8,
    exporter: u32,
    importer: u32,
    value: f64,
    quantity: f64,
    weight: f64,
    key: u64,
}

/// The first day of a month.
fn day(year: i32, month: u32) -> i32 {
    crate::store::Period::parse(&format!("{year}-{month:02}")).map_or(FIRST_DAY, |p| p.first)
}

/// Numbers of firms: the same number in every country, then the firms of the patterns.
pub struct Firms {
    each: usize,
}

impl Firms {
    fn number(&self, country: u8, rank: usize) -> u32 {
        (usize::from(country) * self.each + rank % self.each) as u32
    }

    fn special(&self, which: usize) -> u32 {
        (COUNTRIES.len() * self.each + which) as u32
    }

    fn names(&self) -> Vec<String> {
        let ordinary = (0..COUNTRIES.len() * self.each).map(|i| firm_name((i / self.each) as u8, i % self.each));
        let special = [plant::NEWCOMER, plant::ARMOUR_SELLER, plant::SPLITTER].map(str::to_owned);
        ordinary.chain(special).collect()
    }
}

/// A random choice by weight.
struct Weighted(Vec<f64>);

impl Weighted {
    fn new(weights: impl Iterator<Item = f64>) -> Weighted {
        let mut total = 0.0;
        Weighted(
            weights
                .map(|w| {
                    total += w;
                    total
                })
                .collect(),
        )
    }

    fn pick(&self, random: &mut Random) -> u8 {
        let at = random.unit() * self.0.last().copied().unwrap_or(1.0);
        self.0.partition_point(|&w| w < at).min(self.0.len() - 1) as u8
    }
}

/// `n` shipments, the same for the same `n` and `seed`. Without `plant` there are no planted patterns.
pub fn shipments(n: usize, seed: u64, plant: bool, progress: &Progress) -> Result<Sample> {
    if n == 0 || n > 500_000_000 {
        return Err(Error::Argument(format!("n={n}: a sample has 1 to 500,000,000 shipments")));
    }
    progress.begin("sampling", n as u64);
    let products = products(seed);
    let firms = Firms { each: (n / 1500).clamp(20, 5_000) };
    let mut rows = ordinary(n, seed, &products, &firms, progress)?;
    if plant {
        plant::plant(&mut rows, &products, &firms, seed);
    }
    rows.par_sort_unstable_by_key(|r| (r.day, r.key));
    columns(&rows, &products, &firms, progress)
}

fn ordinary(n: usize, seed: u64, products: &[Product], firms: &Firms, progress: &Progress) -> Result<Vec<Row>> {
    let exporters = Weighted::new(COUNTRIES.iter().map(|(_, w, _)| *w));
    let importers = Weighted::new(COUNTRIES.iter().map(|(_, _, w)| *w));
    let mut rows = vec![Row::default(); n];
    rows.par_chunks_mut(1 << 14).enumerate().try_for_each(|(chunk, rows)| {
        progress.check()?;
        let mut previous: Option<Row> = None;
        for (i, row) in rows.iter_mut().enumerate() {
            let item = ((chunk << 14) + i) as u64;
            let mut random = Random::new(seed, 4, item);
            *row = match previous.take() {
                // The report of the other side: later, and with freight and insurance in its value.
                Some(first) => mirrored(first, &mut random),
                None => {
                    let row = shipment(&mut random, products, firms, &exporters, &importers, seed);
                    if row.mirror == 1 {
                        previous = Some(row);
                    }
                    row
                }
            };
            row.key = random.next();
        }
        progress.advance(rows.len() as u64);
        Ok::<(), Error>(())
    })?;
    Ok(rows)
}

fn shipment(
    random: &mut Random,
    products: &[Product],
    firms: &Firms,
    exporters: &Weighted,
    importers: &Weighted,
    seed: u64,
) -> Row {
    let at = random.zipf(products.len());
    let product = &products[at];
    // Most trade of a product comes from a few origins.
    let origin = if random.unit() < 0.75 {
        let main = random.zipf(5) as u64;
        exporters.pick(&mut Random::new(seed, 5, at as u64 * 8 + main))
    } else {
        exporters.pick(random)
    };
    let mut destination = importers.pick(random);
    if destination == origin {
        destination = (destination + 1) % COUNTRIES.len() as u8;
    }
    let day = loop {
        let day = FIRST_DAY + random.below((LAST_DAY - FIRST_DAY + 1) as usize) as i32;
        let month = f64::from(day - FIRST_DAY) / 30.4375;
        let season = 1.0 + product.season.0 * libm::sin((month - product.season.1) * std::f64::consts::TAU / 12.0);
        if random.unit() * 1.6 < season {
            break day;
        }
    };
    // Prices of a product differ a little by country and by firm.
    let level = |stream: u64, item: u64, spread: f64| spread * Random::new(seed, stream, item).normal();
    let exporter = firms.number(origin, random.zipf(firms.each));
    let importer = firms.number(destination, random.zipf(firms.each));
    let price = product.price
        * libm::exp(
            level(6, at as u64 * 64 + u64::from(origin), 0.15)
                + level(7, u64::from(exporter), 0.08)
                + product.spread * random.contaminated(),
        );
    let weight = plant::round((product.weight * libm::exp(1.1 * random.normal())).clamp(0.1, 5e6), 1);
    let mirror = u8::from(random.unit() < 0.06);
    Row {
        day,
        product: at as u16,
        words: random.below(3) as u8,
        origin,
        destination,
        side: if mirror == 1 || random.unit() < 0.3 { 0 } else { 1 },
        mirror,
        pattern: 0,
        exporter,
        importer,
        value: plant::round((weight * price).max(0.01), 2),
        quantity: (weight / product.unit_weight).ceil(),
        weight,
        key: 0,
    }
}

fn mirrored(first: Row, random: &mut Random) -> Row {
    Row {
        day: (first.day + 5 + random.below(35) as i32).min(LAST_DAY),
        side: 1,
        mirror: 2,
        value: plant::round(first.value * random.between(1.03, 1.12), 2),
        ..first
    }
}

fn columns(rows: &[Row], products: &[Product], firms: &Firms, progress: &Progress) -> Result<Sample> {
    let dictionary = |values: Vec<String>, key: &(dyn Fn(&Row) -> u32 + Sync)| -> Result<ArrayRef> {
        let keys: Vec<u32> = rows.par_iter().with_min_len(1 << 14).map(key).collect();
        let values = Arc::new(StringArray::from(values));
        Ok(Arc::new(DictionaryArray::<UInt32Type>::try_new(UInt32Array::from(keys), values)?))
    };
    let float = |value: fn(&Row) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from(rows.iter().map(value).collect::<Vec<_>>()))
    };
    let countries = || COUNTRIES.iter().map(|(c, ..)| (*c).to_owned()).collect();
    let mut units: Vec<String> = products.iter().map(|p| p.unit.to_owned()).collect();
    units.sort_unstable();
    units.dedup();
    let unit_of: Vec<u32> =
        products.iter().map(|p| units.iter().position(|u| u == p.unit).unwrap_or(0) as u32).collect();
    let words = products.iter().flat_map(|p| p.descriptions.iter().cloned()).collect();
    let ids: StringArray = (0..rows.len()).map(|i| Some(format!("D{i:09}"))).collect();
    let days = rows.iter().map(|r| r.day).collect::<Vec<_>>();
    let names = firms.names();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(ids)),
        ("date", Arc::new(Date32Array::from(days))),
        ("hs", dictionary(products.iter().map(|p| p.hs.clone()).collect(), &|r| u32::from(r.product))?),
        ("description", dictionary(words, &|r| u32::from(r.product) * 3 + u32::from(r.words))?),
        ("origin", dictionary(countries(), &|r| u32::from(r.origin))?),
        ("destination", dictionary(countries(), &|r| u32::from(r.destination))?),
        ("exporter", dictionary(names.clone(), &|r| r.exporter)?),
        ("importer", dictionary(names, &|r| r.importer)?),
        ("value", float(|r| r.value)),
        ("quantity", float(|r| r.quantity)),
        ("quantity_unit", dictionary(units, &|r| unit_of[usize::from(r.product)])?),
        ("net_weight", float(|r| r.weight)),
        ("reported_by", dictionary(vec!["exporter".into(), "importer".into()], &|r| u32::from(r.side))?),
    ];
    let fields: Vec<Field> = columns.iter().map(|(n, a)| Field::new(*n, a.data_type().clone(), false)).collect();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), columns.into_iter().map(|(_, a)| a).collect())?;
    let ships = from_columns(&schema, &[batch], &Options::default(), progress)?;
    let planted = || rows.iter().enumerate().filter(|(_, r)| r.pattern > 0);
    let truth = table(
        vec![
            ("row".into(), Arc::new(planted().map(|(i, _)| Some(i as i64)).collect::<Int64Array>())),
            (
                "pattern".into(),
                Arc::new(
                    planted().map(|(_, r)| Some(plant::PATTERNS[usize::from(r.pattern)])).collect::<StringArray>(),
                ),
            ),
        ],
        planted().count(),
    )?;
    Ok(Sample { ships, truth })
}

#[cfg(test)]
mod tests {
    use super::catalogue::country;
    use super::*;
    use arrow::array::AsArray;

    #[test]
    fn the_same_seed_gives_the_same_shipments() {
        let progress = Progress::default();
        let made = |seed| shipments(3_000, seed, true, &progress).unwrap();
        let values = |s: &Sample| s.ships.store.columns[8].numbers(&progress).unwrap().values.to_vec();
        assert_eq!(values(&made(1)), values(&made(1)));
        assert_ne!(values(&made(1)), values(&made(2)));
    }

    #[test]
    fn every_pattern_is_planted_and_none_without_asking() {
        let progress = Progress::default();
        let truth = shipments(20_000, 0, true, &progress).unwrap().truth;
        let seen: std::collections::BTreeSet<String> =
            truth.column(1).as_string::<i32>().iter().flatten().map(str::to_owned).collect();
        assert_eq!(seen.len(), plant::PATTERNS.len() - 1);
        assert_eq!(shipments(20_000, 0, false, &progress).unwrap().truth.num_rows(), 0);
    }

    #[test]
    fn codes_have_real_chapters() {
        for product in products(0) {
            let chapter: u32 = product.hs[..2].parse().unwrap();
            assert!(product.hs.len() == 6 && (1..=96).contains(&chapter) && chapter != 77);
        }
        assert_eq!(COUNTRIES[usize::from(country("KG"))].0, "KG");
    }
}
