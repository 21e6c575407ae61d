//! `Diversion`: did trade that stopped going direct go round through a third country?
//!
//! Three legs of a product before and after an event: direct from the origins to the target, in from
//! the origins to an intermediary, and onward from there to the target. Each leg's change is a log ratio
//! in standard errors; the score is near the weakest of the three, drop, growth, growth. How large it gets
//! when nothing happened is told by the same score at placebo dates before the event, and by the growth
//! of products whose direct trade did not fall.

mod scores;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::RecordBatch;

use self::scores::TriangleScores;
use super::flows::{Flows, LONGEST, Ruler};
use super::{Detector, Fit, SharedFit, SharedScores};
use crate::aggregate::table;
use crate::error::{Error, Result};
use crate::group::{Combos, IndexCache};
use crate::stats::{Ordered, ParetoTail, encode, ln};
use crate::store::{Every, Period, Role, Shipments, closest, iso};
use crate::watch::Watch;

/// Other destinations of a product needed to tell its growth in the world.
const WORLD: usize = 5;
/// The share of a product's trade below which a destination is none to tell its growth by.
const TRIFLE: f64 = 0.005;
/// Placebos whose tail may be followed beyond the largest of them.
const MANY: usize = 1_000;
/// What an empty window counts as, in typical records.
const EMPTY: f64 = 0.5;
/// Months of a window, and least months of data before the event.
const YEAR: usize = 12;
/// Names that statistics offices give to sums of countries.
const AGGREGATES: [&str; 14] = [
    "european union",
    "euro area",
    "eurozone",
    "world",
    "eu27",
    "eu28",
    "eu25",
    "ea19",
    "ea20",
    "extra-eu",
    "intra-eu",
    "all countries",
    "total",
    "other countries",
];

#[derive(Clone, Debug, PartialEq)]
pub struct Diversion {
    pub target: String,
    pub event: i32,
    /// Keys of products; HS codes of six digits where there are any, if not given.
    pub by: Option<Vec<String>>,
    pub through: Option<Vec<String>>,
    pub origins: Option<Vec<String>>,
    pub measure: String,
    pub before: Option<Period>,
    pub after: Option<Period>,
}

/// A leg month by month.
#[derive(Clone, Default)]
struct Leg {
    value: Vec<f64>,
    records: Vec<f64>,
}

impl Leg {
    fn of(flows: &Flows, groups: &[usize]) -> Leg {
        let months = flows.periods.len();
        let mut leg = Leg { value: vec![0.0; months], records: vec![0.0; months] };
        for &g in groups {
            for cell in flows.of(g).iter().filter(|c| !c.value.is_nan()) {
                leg.value[cell.at as usize] += cell.value;
                leg.records[cell.at as usize] += f64::from(cell.records);
            }
        }
        leg
    }

    /// Value and records of a window.
    fn total(&self, window: (u32, u32)) -> (f64, f64) {
        let range = window.0 as usize..window.1 as usize + 1;
        let sum = |months: &Vec<f64>| months.get(range.clone()).map_or(0.0, |v| v.iter().sum::<f64>());
        (sum(&self.value), sum(&self.records))
    }

    fn is_empty(&self) -> bool {
        self.records.iter().all(|r| *r == 0.0)
    }
}

/// A product and an intermediary.
struct Triangle {
    product: usize,
    inward: Leg,
    onward: Leg,
    /// The data hold trade from the intermediary to the target, in whatever product.
    seen: bool,
    /// Growth of the product in the rest of the world, and whether it could be told.
    world: f64,
    told: bool,
    z: [f64; 3],
    score: f64,
    p: f64,
}

struct Model {
    settings: Diversion,
    by: Vec<String>,
    flows: Flows,
    /// Products and intermediaries.
    combos: Combos,
    triangles: Vec<Triangle>,
    direct: Vec<Leg>,
    spans: ((u32, u32), (u32, u32)),
    placebos: Vec<f64>,
    /// Names among the origins that look like sums of others.
    sums: Vec<String>,
    typical: f64,
}

impl Diversion {
    fn ruler(&self, by: &[String]) -> Ruler {
        let mut keys = by.to_vec();
        keys.extend(["origin".to_owned(), "destination".to_owned()]);
        Ruler { by: keys, every: Every::Month, measure: self.measure.clone(), squares: false, most: LONGEST }
    }

    fn products(&self, has_hs: bool) -> Vec<String> {
        self.by.clone().unwrap_or_else(|| if has_hs { vec!["hs6".to_owned()] } else { Vec::new() })
    }

    /// The windows before and after, as numbers of months.
    fn spans(&self, flows: &Flows) -> Result<((u32, u32), (u32, u32))> {
        let months = &flows.periods;
        let (first, last) = (months[0], months[months.len() - 1]);
        let event = Every::Month.start(self.event);
        let range = format!("the data go from {} to {}", Every::Month.text(first), Every::Month.text(last));
        if event <= first || event > last {
            return Err(Error::Argument(format!("event {} lies outside the data: {range}", iso(self.event))));
        }
        let year = |day: i32, step: i32| {
            let start = Every::Year.start(day);
            let start = if step < 0 { Every::Year.start(start - 1) } else { Every::Year.next(start) };
            Period { first: start, last: Every::Year.next(start) - 1 }
        };
        // Whole calendar years where the data hold them, else the twelve months next to the event.
        let event_at = months.partition_point(|&m| m < event);
        let before = self.before.unwrap_or_else(|| year(self.event, -1));
        let before = match flows.window(before) {
            Some(span) if self.before.is_some() || before.first >= first => span,
            None if self.before.is_some() => {
                return Err(Error::Argument(format!("before lies outside the data: {range}")));
            }
            _ => (event_at.saturating_sub(YEAR) as u32, event_at as u32 - 1),
        };
        let after = self.after.unwrap_or_else(|| year(self.event, 1));
        let after = match flows.window(after) {
            Some(span) if self.after.is_some() || months[span.1 as usize] == Every::Month.start(after.last) => span,
            None if self.after.is_some() => {
                return Err(Error::Argument(format!("after lies outside the data: {range}")));
            }
            _ => (event_at as u32, (event_at + YEAR).min(months.len()) as u32 - 1),
        };
        if before.1 as usize >= event_at || (after.0 as usize) < event_at {
            return Err(Error::Argument(format!(
                "before must end, and after begin, at the event: before ends {}, after begins {}, the event is on {}",
                Every::Month.text(months[before.1 as usize]),
                Every::Month.text(months[after.0 as usize]),
                iso(self.event)
            )));
        }
        Ok((before, after))
    }

    fn model(&self, flows: Flows, by: Vec<String>, watch: &Watch) -> Result<Model> {
        flows.require_sum(&self.measure)?;
        let spans = self.spans(&flows)?;
        let (products, product_of) = flows.combos.project(&by)?.distinct()?;
        let (origins, origin_of) = flows.combos.project(&["origin".to_owned()])?.distinct()?;
        let (destinations, destination_of) = flows.combos.project(&["destination".to_owned()])?.distinct()?;
        let names = |c: &Combos| -> Vec<String> { (0..c.groups()).map(|g| c.value(g, 0)).collect() };
        let (origin_names, destination_names) = (names(&origins), names(&destinations));
        let find = |what: &str, name: &String, among: &[String]| {
            among.iter().position(|n| n == name).ok_or_else(|| {
                let few: Vec<&str> = among.iter().map(String::as_str).take(12).collect();
                Error::Argument(format!(
                    "{what} {name:?} is not in the data{}; there are {}{}",
                    closest(name, among.iter().map(String::as_str)),
                    few.join(", "),
                    if among.len() > few.len() {
                        format!(" and {} more", among.len() - few.len())
                    } else {
                        String::new()
                    }
                ))
            })
        };
        let target = find("target", &self.target, &destination_names)? as u32;
        let through = self.through.as_ref().map(|list| {
            list.iter().map(|n| Ok(find("through", n, &destination_names)? as u32)).collect::<Result<Vec<u32>>>()
        });
        let through = through.transpose()?;
        let only = self.origins.as_ref().map(|list| {
            list.iter().map(|n| Ok(find("origins", n, &origin_names)? as u32)).collect::<Result<Vec<u32>>>()
        });
        let only = only.transpose()?;
        // The target's own exports are no leg of this.
        let from = |o: u32| only.as_ref().map_or(origin_names[o as usize] != self.target, |list| list.contains(&o));

        let mut keys = by.clone();
        keys.push("destination".into());
        let (combos, triangle_of) = flows.combos.project(&keys)?.distinct()?;
        let mut inward: Vec<Vec<usize>> = vec![Vec::new(); combos.groups()];
        let mut direct: Vec<Vec<usize>> = vec![Vec::new(); products.groups()];
        let mut onward: HashMap<(u32, &str), Vec<usize>> = HashMap::new();
        let mut of_triangle: Vec<(u32, u32)> = vec![(0, 0); combos.groups()];
        for g in 0..flows.groups() {
            let (o, d) = (origin_of[g], destination_of[g]);
            of_triangle[triangle_of[g] as usize] = (product_of[g], d);
            let origin = origin_names[o as usize].as_str();
            if from(o) && origin != destination_names[d as usize] {
                inward[triangle_of[g] as usize].push(g);
            }
            if d == target {
                onward.entry((product_of[g], origin)).or_default().push(g);
                if from(o) {
                    direct[product_of[g] as usize].push(g);
                }
            }
        }
        let traders: HashSet<&str> = onward.keys().map(|k| k.1).collect();
        let direct: Vec<Leg> = direct.iter().map(|groups| Leg::of(&flows, groups)).collect();
        let records: usize = flows.cells.iter().map(|c| c.records as usize).sum();
        let sum =
            crate::stats::exact_sum(&flows.cells.iter().map(|c| c.value).filter(|v| *v > 0.0).collect::<Vec<_>>());
        let mut kept = Vec::new();
        let mut triangles = Vec::new();
        watch.begin("triangles", combos.groups() as u64);
        for (i, groups) in inward.iter().enumerate() {
            watch.check()?;
            let (product, destination) = of_triangle[i];
            let wanted = through.as_ref().is_none_or(|list| list.contains(&destination));
            if destination == target || groups.is_empty() || !wanted {
                continue;
            }
            let name = destination_names[destination as usize].as_str();
            let seen = traders.contains(name);
            let onward = onward.get(&(product, name)).map_or_else(Leg::default, |groups| Leg::of(&flows, groups));
            kept.push(i as u32);
            triangles.push(Triangle {
                product: product as usize,
                inward: Leg::of(&flows, groups),
                onward,
                seen,
                world: 1.0,
                told: false,
                z: [f64::NAN; 3],
                score: f64::NAN,
                p: f64::NAN,
            });
        }
        let mut model = Model {
            sums: sums_of_others(&flows, &origin_names, &origin_of),
            settings: self.clone(),
            by,
            combos: combos.some(&kept),
            triangles,
            direct,
            spans,
            placebos: Vec::new(),
            typical: if records > 0 { sum / records as f64 } else { 1.0 },
            flows,
        };
        model.judge();
        Ok(model)
    }
}

/// Origins whose name says, or whose every month shows, that they are the sum of others.
fn sums_of_others(flows: &Flows, names: &[String], origin_of: &[u32]) -> Vec<String> {
    let months = flows.periods.len();
    let mut totals = vec![vec![0.0; months]; names.len()];
    for g in 0..flows.groups() {
        for cell in flows.of(g).iter().filter(|c| !c.value.is_nan()) {
            totals[origin_of[g] as usize][cell.at as usize] += cell.value;
        }
    }
    let all: Vec<f64> = (0..months).map(|t| totals.iter().map(|o| o[t]).sum()).collect();
    let like_a_sum = |o: usize| {
        let lower = names[o].to_lowercase();
        let said = AGGREGATES
            .iter()
            .any(|a| lower == *a || lower.starts_with(&format!("{a} ")) || lower.starts_with(&format!("{a}_")));
        let equal = |t: &usize| (totals[o][*t] - (all[*t] - totals[o][*t])).abs() <= 0.005 * totals[o][*t].abs();
        let active = (0..months).filter(|&t| totals[o][t] != 0.0).count();
        said || (names.len() > 3 && active >= 3 && (0..months).filter(equal).count() >= active)
    };
    (0..names.len()).filter(|&o| like_a_sum(o)).map(|o| names[o].clone()).collect()
}

impl Model {
    fn judge(&mut self) {
        let (before, after) = self.spans;
        let mut of_product: Vec<Vec<usize>> = vec![Vec::new(); self.direct.len()];
        self.triangles.iter().enumerate().for_each(|(i, t)| of_product[t.product].push(i));
        self.placebos = self.placebo_scores(&of_product);
        for (product, members) in of_product.iter().enumerate() {
            for (&i, (world, told)) in members.iter().zip(self.world(members, before, after)) {
                let z = self.legs(&self.triangles[i], product, world, before, after);
                let triangle = &mut self.triangles[i];
                (triangle.world, triangle.told, triangle.z) = (world, told, z);
                triangle.score = together(z);
            }
        }
        // Growth where nothing was lost, of the same intermediaries at the event itself.
        let unaffected = self.triangles.iter().filter(|t| t.z[0] <= 0.0).map(|t| together([f64::NAN, t.z[1], t.z[2]]));
        self.placebos.extend(unaffected.filter(|s| s.is_finite()));
        self.placebos.sort_by(f64::total_cmp);
        let tail = ParetoTail::fit(&self.placebos);
        let most = self.placebos.last().copied().unwrap_or(f64::NEG_INFINITY);
        for triangle in &mut self.triangles {
            if triangle.score.is_nan() {
                continue;
            }
            let n = self.placebos.len();
            let least = self.placebos.partition_point(|&s| s < triangle.score);
            let counted = (1 + n - least) as f64 / (n + 1) as f64;
            triangle.p = match &tail {
                Some(tail) if n >= MANY && triangle.score > most => tail.p_value(triangle.score).min(counted),
                _ => counted,
            };
        }
    }

    /// Growth in the rest of the world for each of a product's intermediaries: the middle of its growth to
    /// the other destinations.
    fn world(&self, members: &[usize], before: (u32, u32), after: (u32, u32)) -> Vec<(f64, bool)> {
        let months = |w: (u32, u32)| f64::from(w.1 - w.0 + 1);
        let growth = |&i: &usize| {
            let leg = &self.triangles[i].inward;
            let (b, a) = (leg.total(before).0 / months(before), leg.total(after).0 / months(after));
            (b, if b > 0.0 && a > 0.0 { ln(a / b) } else { f64::NAN })
        };
        let all: Vec<(f64, f64)> = members.iter().map(growth).collect();
        let total: f64 = all.iter().map(|g| g.0).sum();
        (0..members.len())
            .map(|own| {
                // A destination of next to nothing tells nothing of the world.
                let others =
                    all.iter().enumerate().filter(|(k, g)| *k != own && g.0 >= TRIFLE * total && !g.1.is_nan());
                let mut others: Vec<i64> = others.map(|(_, g)| encode(g.1)).collect();
                if others.len() < WORLD {
                    return (1.0, false);
                }
                (libm::exp(Ordered::new(&mut others, false).median().unwrap_or(0.0)), true)
            })
            .collect()
    }

    /// The drop of the direct leg, the growth of the one in beyond the world's, and of the one onward, each
    /// in standard errors; NaN for an onward leg that the data could not show.
    fn legs(&self, triangle: &Triangle, product: usize, world: f64, before: (u32, u32), after: (u32, u32)) -> [f64; 3] {
        let span = |w: (u32, u32)| f64::from(w.1 - w.0 + 1);
        let longer = span(after) / span(before);
        let floor = EMPTY * self.typical;
        let change = |leg: &Leg, times: f64| {
            let ((b, b_records), (a, a_records)) = (leg.total(before), leg.total(after));
            let ratio = (a.max(0.0) + floor) / (b.max(0.0) * times * longer + floor);
            ln(ratio) / (1.0 / (a_records + EMPTY) + 1.0 / (b_records + EMPTY)).sqrt()
        };
        let onward = if triangle.seen { change(&triangle.onward, 1.0) } else { f64::NAN };
        [-change(&self.direct[product], 1.0), change(&triangle.inward, world), onward]
    }

    /// The scores of every triangle at every month before the event that leaves room for two windows side
    /// by side.
    fn placebo_scores(&self, of_product: &[Vec<usize>]) -> Vec<f64> {
        let (before, after) = self.spans;
        let (long_before, long_after) = (before.1 - before.0 + 1, after.1 - after.0 + 1);
        let event = self.flows.periods.partition_point(|&m| m < Every::Month.start(self.settings.event)) as u32;
        let mut scores = Vec::new();
        for at in long_before..event.saturating_sub(long_after) + 1 {
            let (b, a) = ((at - long_before, at - 1), (at, at + long_after - 1));
            for (product, members) in of_product.iter().enumerate() {
                for (&i, (world, _)) in members.iter().zip(self.world(members, b, a)) {
                    let triangle = &self.triangles[i];
                    let seen = triangle.inward.total(b).1 + triangle.inward.total(a).1 > 0.0;
                    scores.extend(seen.then(|| together(self.legs(triangle, product, world, b, a))));
                }
            }
        }
        scores.retain(|s| s.is_finite());
        scores
    }
}

/// The legs together: the weakest where one went the other way, else their root harmonic mean square,
/// which is near the weakest and grows with all.
fn together(z: [f64; 3]) -> f64 {
    let known = z.iter().filter(|z| !z.is_nan());
    let least = known.clone().fold(f64::INFINITY, |least, &z| least.min(z));
    if least <= 0.0 || !least.is_finite() {
        return if least.is_finite() { least } else { f64::NAN };
    }
    let count = known.clone().count() as f64;
    (count / known.map(|z| 1.0 / (z * z)).sum::<f64>()).sqrt()
}

impl Detector for Diversion {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<SharedFit> {
        ships.store.require(Role::Origin)?;
        ships.store.require(Role::Destination)?;
        let by = self.products(ships.store.role(Role::Hs).is_some());
        Ok(Arc::new(self.model(self.ruler(&by).flows(ships, cache, watch)?, by, watch)?))
    }

    fn restore(&self, states: &[RecordBatch], watch: &Watch) -> Result<SharedFit> {
        let by = self.products(states.iter().any(|s| s.column_by_name("hs6").is_some()));
        Ok(Arc::new(self.model(self.ruler(&by).restored(states, "Diversion", watch)?, by, watch)?))
    }
}

impl Fit for Model {
    /// The products and intermediaries of these shipments, each with what was fitted about it.
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<SharedScores> {
        let flows = self.settings.ruler(&self.by).flows(ships, cache, watch)?;
        Ok(Arc::new(TriangleScores::new(self, flows)?))
    }

    /// A row a product, origin and destination: the keys, `n`, and the months.
    fn state(&self) -> Result<RecordBatch> {
        table(self.flows.state(&Watch::default())?, self.flows.groups())
    }
}
