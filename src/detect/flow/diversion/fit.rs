//! The fit: chooses the windows before and after the event, and sums the legs of every triangle.

use std::collections::{HashMap, HashSet};

use super::model::{Diversion, Leg, Model, Triangle};
use crate::error::{Error, Result};
use crate::flows::Flows;
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::stats::exact_sum;
use crate::store::{Every, Period, closest, iso};

/// The months of a default window.
const YEAR: usize = 12;
/// Names of groups of countries in official statistics.
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

impl Diversion {
    /// The windows before and after the event, as numbers of months.
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
        // Whole calendar years if the data hold them, else the twelve months next to the event.
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

    pub(super) fn model(&self, flows: Flows, by: Vec<String>, progress: &Progress) -> Result<Model> {
        flows.require_sum(&self.measure)?;
        let spans = self.spans(&flows)?;
        let (products, product_of) = flows.group_keys.project(&by)?.distinct()?;
        let (origins, origin_of) = flows.group_keys.project(&["origin".to_owned()])?.distinct()?;
        let (destinations, destination_of) = flows.group_keys.project(&["destination".to_owned()])?.distinct()?;
        let names = |c: &GroupKeys| -> Vec<String> { (0..c.groups()).map(|g| c.value(g, 0)).collect() };
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
        let through: Option<HashSet<u32>> = through.transpose()?.map(HashSet::from_iter);
        let only = self.origins.as_ref().map(|list| {
            list.iter().map(|n| Ok(find("origins", n, &origin_names)? as u32)).collect::<Result<Vec<u32>>>()
        });
        let only: Option<HashSet<u32>> = only.transpose()?.map(HashSet::from_iter);
        // Exports of the target itself are left out.
        let from = |o: u32| only.as_ref().map_or(origin_names[o as usize] != self.target, |list| list.contains(&o));

        let mut keys = by.clone();
        keys.push("destination".into());
        let (group_keys, triangle_of) = flows.group_keys.project(&keys)?.distinct()?;
        let mut inward: Vec<Vec<usize>> = vec![Vec::new(); group_keys.groups()];
        let mut direct: Vec<Vec<usize>> = vec![Vec::new(); products.groups()];
        let mut onward: HashMap<(u32, &str), Vec<usize>> = HashMap::new();
        let mut of_triangle: Vec<(u32, u32)> = vec![(0, 0); group_keys.groups()];
        for g in 0..flows.groups() {
            progress.check()?;
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
        let is_origin: HashSet<&str> =
            (0..origins.groups() as u32).filter(|&o| from(o)).map(|o| origin_names[o as usize].as_str()).collect();
        let direct: Vec<Leg> = progress.each(0..direct.len(), 1 << 4, |product| Leg::of(&flows, &direct[product]))?;
        let records: usize = flows.cells.iter().map(|c| c.records as usize).sum();
        let sum = exact_sum(&flows.cells.iter().map(|c| c.value).filter(|v| *v > 0.0).collect::<Vec<_>>());
        let mut kept = Vec::new();
        let mut triangles = Vec::new();
        progress.begin("triangles", group_keys.groups() as u64);
        for (i, groups) in inward.iter().enumerate() {
            progress.check()?;
            let (product, destination) = of_triangle[i];
            let wanted = through.as_ref().is_none_or(|list| list.contains(&destination));
            if destination == target || groups.is_empty() || !wanted {
                continue;
            }
            let name = destination_names[destination as usize].as_str();
            let onward_reported = traders.contains(name);
            let onward = onward.get(&(product, name)).map_or_else(Leg::default, |groups| Leg::of(&flows, groups));
            // What the intermediary sends to the target is no direct trade.
            let is_part = !onward.is_empty() && is_origin.contains(name);
            let direct = is_part.then(|| direct[product as usize].without(&onward));
            kept.push(i as u32);
            triangles.push(Triangle {
                product: product as usize,
                inward: Leg::of(&flows, groups),
                onward,
                direct,
                onward_reported,
                world_growth: None,
                z: [f64::NAN; 3],
                score: f64::NAN,
                p: f64::NAN,
            });
        }
        let mut model = Model {
            aggregates: sums_of_others(&flows, &origin_names, &origin_of, progress)?,
            settings: self.clone(),
            by,
            group_keys: group_keys.some(&kept),
            triangles,
            direct,
            spans,
            pools: Default::default(),
            typical: if records > 0 { sum / records as f64 } else { 1.0 },
            flows,
        };
        model.score_triangles(progress)?;
        Ok(model)
    }
}

/// Origins that are sums of others: their name says so, or they equal the sum of the others in every month.
fn sums_of_others(flows: &Flows, names: &[String], origin_of: &[u32], progress: &Progress) -> Result<Vec<String>> {
    let months = flows.periods.len();
    let mut totals = vec![vec![0.0; months]; names.len()];
    for g in 0..flows.groups() {
        progress.check()?;
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
    let alike = progress.each(0..names.len(), 1, like_a_sum)?;
    Ok((0..names.len()).filter(|&o| alike[o]).map(|o| names[o].clone()).collect())
}
