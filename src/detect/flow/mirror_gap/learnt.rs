//! What is learnt from pairs of reports: the usual gap and its scatter, how often each side misses a flow,
//! and the reliability of each country.

use std::collections::HashMap;

use super::mirror::{Class, Ends, Lag, Mirror, Sides};
use super::missing::Missing;
use super::reliability::reliability;
use crate::calibrate::tails::{Moderation, ScoreHistogram, Tails};
use crate::detect::flow::spread::{Sized, Spread, TIED};
use crate::error::Result;
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::stats::{MAD_EFFICIENCY, MAD_K, MEDIAN_SQUARE, MEDIAN_VARIANCE, ln, median, normal_two_sided};

/// The weight of the median of all, in gaps, in that of a route or product, where it cannot be learnt.
const SHRINKAGE: f64 = 10.0;
/// Limits of the learnt weight.
const WEIGHTS: (f64, f64) = (1e-9, 1e4);
/// The largest number of rounds of median polish; a few are usually enough.
const ROUNDS: usize = 10;
/// The smallest number of routes or products from which the weight is learnt.
const CLASSES: usize = 10;
/// The smallest scale of a route, as a factor of the spread of all.
const SMALLEST: f64 = 0.01;
/// The smallest scale of a gap. Smaller differences come from rounding and exchange rates, also where nearly all reports
/// are equal.
const LEAST_SCALE: f64 = 0.01;
/// The number of certain pairs that is enough to learn the usual gaps from.
const ENOUGH: usize = 200;
/// The number of certain pairs that is enough to learn the tails from.
const MANY: usize = 2_000;
/// The share of the p-value that is spent on gaps; the rest is spent on reports that are missing (a weighted
/// Bonferroni correction for two ways to be unusual).
pub(super) const ON_GAPS: f64 = 0.8;

/// What is learnt from pairs of reports.
pub struct Learnt {
    pub(super) lag: Lag,
    pub route: HashMap<String, f64>,
    pub product: HashMap<String, f64>,
    pub usual: f64,
    /// The scale of the gaps of a flow of middle size.
    pub scale: f64,
    pub spread: Spread,
    /// The scale of each route, as a factor of the spread of all.
    pub factor: HashMap<String, f64>,
    /// The scale of a route that was not fitted.
    pub usual_factor: f64,
    /// None where all gaps have the smallest scale: the tails are then those of the normal.
    pub tails: Option<Tails>,
    pub(super) missing: [Missing; 2],
    pub reliability: [HashMap<String, f64>; 2],
}

/// The median gap of each class, drawn to `usual` as far as the medians differ by chance only.
fn middles(classes: usize, gaps: &[(u32, f64)], usual: f64) -> Vec<f64> {
    let mut members: Vec<Vec<f64>> = vec![Vec::new(); classes];
    gaps.iter().for_each(|&(class, gap)| members[class as usize].push(gap));
    let own: Vec<Option<f64>> = members.iter().map(|m| median(m.iter().copied())).collect();
    let rest = gaps.iter().filter_map(|&(class, gap)| Some((gap - own[class as usize]?).abs()));
    // Alone in its class, a gap tells nothing about the scatter within.
    let within = rest.filter(|rest| *rest > 0.0);
    let scale = (MAD_K * median(within).unwrap_or(0.0)).max(TIED);
    let variance_of_one = MEDIAN_VARIANCE * scale * scale;
    let known: Vec<(f64, f64)> =
        own.iter().zip(&members).filter_map(|(own, m)| Some(((*own)?, 1.0 / m.len() as f64))).collect();
    let weight = if known.len() < CLASSES {
        SHRINKAGE
    } else {
        let apart = median(known.iter().map(|k| (k.0 - usual) * (k.0 - usual))).unwrap_or(0.0) / MEDIAN_SQUARE;
        let chance = variance_of_one * median(known.iter().map(|k| k.1)).unwrap_or(1.0);
        (variance_of_one / (apart - chance).max(1e-12)).clamp(WEIGHTS.0, WEIGHTS.1)
    };
    let drawn = |own: &Option<f64>, n: f64| own.map_or(usual, |own| (n * own + weight * usual) / (n + weight));
    own.iter().zip(&members).map(|(own, m)| drawn(own, m.len() as f64)).collect()
}

fn named(group_keys: &GroupKeys, values: Vec<f64>) -> HashMap<String, f64> {
    values.into_iter().enumerate().filter(|(_, v)| !v.is_nan()).map(|(g, v)| (group_keys.name(g), v)).collect()
}

pub(super) fn learn(mirror: &Mirror, all: &[(usize, Sides)], lag: Lag, progress: &Progress) -> Result<Learnt> {
    let both: Vec<(Ends, &Sides)> =
        all.iter().filter(|(_, s)| s.class == Class::Both).map(|(flow, s)| (mirror.ends[*flow], s)).collect();
    // The usual gaps are learnt from pairs whose imports do not depend on the lag, if there are enough of them.
    let enough = both.iter().filter(|b| b.1.import_is_certain()).count() >= ENOUGH;
    let certain: Vec<(Ends, f64)> = both
        .iter()
        .filter(|b| b.1.import_is_certain() || !enough)
        .map(|(ends, s)| (*ends, ln(s.import) - ln(s.export)))
        .collect();
    progress.check()?;
    let usual = median(certain.iter().map(|c| c.1)).unwrap_or(0.0);
    // Both effects in turn, each of what the other leaves (median polish, Tukey 1977).
    let (mut route, mut product) = (vec![usual; mirror.routes.groups()], vec![0.0; mirror.products.groups()]);
    for _ in 0..ROUNDS {
        progress.check()?;
        let left: Vec<(u32, f64)> = certain.iter().map(|c| (c.0.route, c.1 - product[c.0.product as usize])).collect();
        let routes = middles(route.len(), &left, usual);
        let left: Vec<(u32, f64)> = certain.iter().map(|c| (c.0.product, c.1 - routes[c.0.route as usize])).collect();
        let products = middles(product.len(), &left, 0.0);
        let moved = |old: &[f64], new: &[f64]| old.iter().zip(new).any(|(a, b)| (a - b).abs() > TIED);
        let done = !moved(&route, &routes) && !moved(&product, &products);
        (route, product) = (routes, products);
        if done {
            break;
        }
    }
    // Gaps as they are scored. An open one tells nothing about the scatter.
    let expected = |ends: Ends| route[ends.route as usize] + product[ends.product as usize];
    let known: Vec<(Ends, &Sides)> = both.into_iter().filter(|(ends, s)| !s.is_open(expected(*ends))).collect();
    let off = |(ends, s): &(Ends, &Sides)| {
        let expected = expected(*ends);
        ln(s.import_nearest_to(expected)) - ln(s.export) - expected
    };
    let cells: Vec<Sized> = known.iter().map(|k| Sized { residual: off(k), size: k.1.size() }).collect();
    let spread = Spread::learn(&cells);
    progress.check()?;
    // The scale of a route in units of the spread of its cells.
    let mut of_routes: Vec<Vec<f64>> = vec![Vec::new(); mirror.routes.groups()];
    known.iter().zip(&cells).for_each(|(k, cell)| {
        of_routes[k.0.route as usize].push((cell.residual / spread.at(cell.size)).abs());
    });
    let scales: Vec<(f64, u32)> = of_routes
        .into_iter()
        .map(|m| {
            let n = m.len() as u32;
            (MAD_K * median(m.into_iter()).unwrap_or(0.0), n)
        })
        .collect();
    let moderation = Moderation::of(scales.iter().copied(), MAD_EFFICIENCY);
    let usual_factor = if moderation.weight > 0.0 { moderation.usual.max(SMALLEST) } else { 1.0 };
    let factor = |&(own, n): &(f64, u32)| match (moderation.weight > 0.0, n > 1) {
        (true, true) => moderation.scale(own, n).max(SMALLEST),
        _ => usual_factor,
    };
    let factors: Vec<f64> = scales.iter().map(factor).collect();
    progress.check()?;
    let (mut counts, mut counted) = (ScoreHistogram::default(), 0);
    // A pair whose imports depend on the lag is known only if its gap is large. Tails of such pairs are too long.
    let many = known.iter().filter(|k| k.1.import_is_certain()).count() >= MANY;
    for (k, cell) in known.iter().zip(&cells).filter(|(k, _)| k.1.import_is_certain() || !many) {
        let scale = spread.at(cell.size) * factors[k.0.route as usize];
        // The smallest scale is above the scatter of such gaps, so they show no tail.
        if scale >= LEAST_SCALE {
            counts.of(both_records(k.1)).add(cell.residual / scale);
            counted += 1;
        }
    }
    let tails = (counted > 0 || known.is_empty()).then(|| counts.tails());
    let missing = [
        Missing::learn(mirror, all, Class::Lost, &mirror.destinations, |e| e.destination),
        Missing::learn(mirror, all, Class::Orphan, &mirror.origins, |e| e.origin),
    ];
    progress.check()?;
    let [exporters, importers] = reliability(mirror, all, &route, progress)?;
    let middle_size = [0, 1].map(|k| median(cells.iter().map(|c| c.size[k])).unwrap_or(0.0));
    Ok(Learnt {
        lag,
        route: named(&mirror.routes, route),
        product: named(&mirror.products, product),
        usual,
        scale: (spread.at(middle_size) * usual_factor).max(LEAST_SCALE),
        spread,
        factor: named(&mirror.routes, factors),
        usual_factor,
        tails,
        missing,
        reliability: [named(&mirror.origins, exporters), named(&mirror.destinations, importers)],
    })
}

fn both_records(s: &Sides) -> u32 {
    s.exports.min(s.imports) as u32
}

impl Learnt {
    /// The usual log gap of a flow.
    pub(super) fn expected(&self, mirror: &Mirror, flow: usize) -> f64 {
        let ends = mirror.ends[flow];
        let route = self.route.get(&mirror.routes.name(ends.route as usize)).copied().unwrap_or(self.usual);
        let product = self.product.get(&mirror.products.name(ends.product as usize)).copied().unwrap_or(0.0);
        route + product
    }

    /// The scale of the gaps of each route, as a factor of the spread of all.
    pub(super) fn factors(&self, mirror: &Mirror) -> Vec<f64> {
        let factor = |route| self.factor.get(&mirror.routes.name(route)).copied().unwrap_or(self.usual_factor);
        (0..mirror.routes.groups()).map(factor).collect()
    }

    /// The gap beyond the usual one, in scales; NaN if nothing is known of it. Scales and tails are learnt without the
    /// reports that may have moved between periods, so that those only make a gap smaller.
    pub(super) fn z(&self, s: &Sides, expected: f64, factor: f64) -> f64 {
        if s.is_unknown() {
            return f64::NAN;
        }
        if s.is_open(expected) {
            return 0.0;
        }
        let off = ln(s.import_with_moves(expected)) - ln(s.export) - expected;
        off / (self.spread.at(s.size()) * factor).max(LEAST_SCALE)
    }

    pub(super) fn gap_p(&self, z: f64, s: &Sides) -> f64 {
        if z.is_nan() {
            return f64::NAN;
        }
        let tails = self.tails.as_ref();
        let p = tails.map_or_else(|| normal_two_sided(z), |tails| tails.p_value_or_normal(z, both_records(s)));
        (p / ON_GAPS).min(1.0)
    }
}
