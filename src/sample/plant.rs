//! The patterns planted among ordinary shipments. The detectors must find each of them.

use super::catalogue::{Product, country};
use super::random::Random;
use super::{Firms, LAST_DAY, Row, day};

/// The names of the patterns in `truth`; 0 is an ordinary shipment.
pub const PATTERNS: [&str; 9] =
    ["", "undervalued", "overvalued", "mislabelled", "newcomer", "divergence", "diversion", "split", "duplicate"];

/// The number of rows reserved for patterns that add rows.
pub fn reserved(n: usize) -> usize {
    n / 50
}

/// Firms that exist only for the patterns follow the others in the table of names.
pub const NEWCOMER: &str = "Vostok Prime Trading LLC KG";
pub const ARMOUR_SELLER: &str = "Yiwu Outdoor Sports Goods Co CN";
pub const SPLITTER: &str = "Harbour Parcel Imports Ltd GB";

fn find(products: &[Product], hs: &str) -> u16 {
    products.iter().position(|p| p.hs == hs).unwrap_or(0) as u16
}

/// Fills the last `reserved` rows with patterns, and changes prices and copies among the others.
pub fn plant(rows: &mut [Row], products: &[Product], firms: &Firms, seed: u64) {
    let n = rows.len();
    let start = n - reserved(n);
    let each = reserved(n) / 6;
    let mut random = Random::new(seed, 10, 0);
    let fifth = |k: usize| start + k * each..start + (k + 1) * each;

    // Prices 5 to 12 times too high or too low, among ordinary shipments.
    for pattern in [1u8, 2] {
        for _ in 0..(n / 2000).max(1) {
            let row = &mut rows[random.below(start.max(1))];
            if row.pattern == 0 && row.mirror == 0 {
                let off = random.between(5.0, 12.0);
                row.value = round(if pattern == 1 { row.value / off } else { row.value * off }, 2);
                row.pattern = pattern;
            }
        }
    }

    // Body armour declared as airsoft gear: the code and description of toys at the price of armour.
    let (airsoft, armour) = (find(products, "930400"), find(products, "621143"));
    for i in fifth(0).step_by(4) {
        let price = products[usize::from(armour)].price * libm::exp(0.15 * random.normal());
        let row = &mut rows[i];
        route(row, airsoft, "CN", "RU", firms);
        row.exporter = firms.special(1);
        row.day = day(2022, 3) + random.below(600) as i32;
        reprice(row, products, price, &mut random);
        row.pattern = 3;
    }

    // A new firm of the last two years that doubles every quarter.
    for i in fifth(1).step_by(2) {
        let quarter = [0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3][random.below(15)];
        let row = &mut rows[i];
        route(row, find(products, ["851762", "854231", "848210"][random.below(3)]), "DE", "KG", firms);
        row.importer = firms.special(0);
        row.day = day(2023, 1) + quarter * 91 + random.below(90) as i32;
        let price = products[usize::from(row.product)].price * libm::exp(0.2 * random.normal());
        row.weight *= 3.0;
        reprice(row, products, price, &mut random);
        row.pattern = 4;
    }

    // Ceramics: in the last year up by 69 % to one country and down by 61 % to its neighbour.
    let ceramics = find(products, "690912");
    let (to_first, to_second) = ((1.0, 1.69), (1.0, 0.39));
    let total: f64 = to_first.0 + to_first.1 + to_second.0 + to_second.1;
    for i in fifth(2) {
        let draw = random.unit() * total;
        let row = &mut rows[i];
        let (to, year) = if draw < to_first.1 {
            ("RU", 2023)
        } else if draw < to_first.1 + to_first.0 {
            ("RU", 2022)
        } else if draw < to_first.1 + to_first.0 + to_second.0 {
            ("UA", 2022)
        } else {
            ("UA", 2023)
        };
        route(row, ceramics, "CN", to, firms);
        row.day = day(year, 1) + random.below(365) as i32;
        row.weight = 900.0 * libm::exp(0.3 * random.normal());
        let price = products[usize::from(ceramics)].price * libm::exp(0.15 * random.normal());
        reprice(row, products, price, &mut random);
        row.pattern = 5;
    }

    // Direct exports of bearings to Russia go through Kyrgyzstan from March 2022 on.
    let bearings = find(products, "848210");
    let event = day(2022, 3);
    for i in fifth(3) {
        let leg = random.below(4);
        let row = &mut rows[i];
        let before = random.unit() < 0.5;
        match (before, leg) {
            (true, _) => route(row, bearings, "DE", "RU", firms),
            (false, 0 | 1) => route(row, bearings, "DE", "KG", firms),
            (false, _) => route(row, bearings, "KG", "RU", firms),
        }
        let span = if before { event - day(2020, 1) } else { LAST_DAY - event };
        row.day = if before { day(2020, 1) } else { event } + random.below(span as usize) as i32;
        let price = products[usize::from(bearings)].price * libm::exp(0.2 * random.normal());
        reprice(row, products, price, &mut random);
        row.pattern = if before { 0 } else { 6 };
    }

    // Consignments of one buyer, split under a threshold of 10,000: same day, same code.
    let toys = products.iter().position(|p| p.hs.starts_with("95")).unwrap_or(0) as u16;
    let mut i = fifth(4).start;
    while i + 8 < fifth(4).end {
        let parts = 4 + random.below(4);
        let on = day(2021, 1) + random.below(1000) as i32;
        for row in &mut rows[i..i + parts] {
            route(row, toys, "CN", "GB", firms);
            row.importer = firms.special(2);
            row.exporter = firms.number(country("CN"), 7);
            row.day = on;
            row.value = round(random.between(9_500.0, 9_999.0), 2);
            let price = products[usize::from(toys)].price * libm::exp(0.2 * random.normal());
            row.weight = round(row.value / price, 1).max(0.1);
            row.quantity = (row.weight / products[usize::from(toys)].unit_weight).ceil();
            row.pattern = 7;
        }
        i += parts;
    }

    // Duplicates: equal except for the declaration number.
    for i in fifth(5).step_by(3) {
        let from = random.below(start.max(1));
        if rows[from].pattern == 0 && rows[from].mirror == 0 {
            rows[i] = Row { pattern: 8, ..rows[from] };
        }
    }
}

fn route(row: &mut Row, product: u16, from: &str, to: &str, firms: &Firms) {
    let (from, to) = (country(from), country(to));
    row.product = product;
    row.origin = from;
    row.destination = to;
    row.exporter = firms.number(from, row.exporter as usize);
    row.importer = firms.number(to, row.importer as usize);
    row.side = 1;
    row.mirror = 0;
}

fn reprice(row: &mut Row, products: &[Product], price: f64, random: &mut Random) {
    let product = &products[usize::from(row.product)];
    row.weight = round(product.weight.min(5000.0) * libm::exp(0.7 * random.normal()), 1).max(0.1);
    row.quantity = (row.weight / product.unit_weight).ceil();
    row.value = round(row.weight * price, 2);
}

pub fn round(x: f64, digits: i32) -> f64 {
    let scale = [1.0, 10.0, 100.0, 1000.0][digits as usize];
    (x * scale).round() / scale
}
