//! `Newcomer`: a firm or pair first seen recently, already large?
//!
//! An entity is new when it first appears after the burn-in of the data, or wakes after a long sleep.
//! Its volume over the window from that day, scaled to the whole window where the data end before, is
//! compared on logarithms with that of other newcomers of its main product and year, or of wider peers
//! where those are few; how seldom an excess so large is, a generalised Pareto tail over all newcomers
//! says.

mod scores;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Date32Array, RecordBatch};

use self::scores::NewcomerScores;
use crate::detect::{Detector, Fit, SharedFit};
use crate::error::{Error, Result};
use crate::evidence::SharedScores;
use crate::flows::{FlowSpec, Flows, LONGEST};
use crate::group::{GroupKeys, IndexCache};
use crate::progress::Progress;
use crate::state::members::numbers;
use crate::stats::{MAD_K, OrderStatistics, ParetoTail, encode, exact_sum, ln};
use crate::store::{Every, Role, Shipments, iso};
use crate::table::table;

/// The weight of all newcomers' centre and scale in a cohort's, in members.
const SHRINKAGE: f64 = 10.0;
/// Days of a newcomer that must have been seen to scale its volume to the window.
const SEEN: i32 = 30;
/// Days between founding and first record that make an old firm.
const OLD: i32 = 5 * 365;

#[derive(Clone, Debug, PartialEq)]
pub struct Newcomer {
    pub entity: Vec<String>,
    pub measure: String,
    /// Days of the first window, days at the start of the data in which everybody is new, and days of
    /// silence after which an entity counts as new again.
    pub window: i32,
    pub burn_in: i32,
    pub dormant: i32,
    pub min_peers: usize,
    /// First days of firms, by the first key of the entity.
    pub founded: Vec<(String, i32)>,
}

/// What became of an entity.
#[derive(Clone)]
enum EntityStatus {
    Old(i32),
    TooLate(i32),
    New(FirstSeen),
}

#[derive(Clone)]
struct FirstSeen {
    first: i32,
    /// The end of the sleep it woke from, if it did: its last day before.
    slept: Option<i32>,
    days: i32,
    records: usize,
    volume: f64,
    /// The group of flows with most of the volume, which says its product.
    main: usize,
    x: f64,
    centre: f64,
    scale: f64,
    peers: usize,
    cohort: String,
    p: f64,
}

impl FirstSeen {
    /// Spreads above the middle of its cohort.
    fn excess(&self) -> f64 {
        (self.x - self.centre) / self.scale
    }
}

struct Model {
    settings: Newcomer,
    product: Option<String>,
    flows: Flows,
    entities: GroupKeys,
    fates: Vec<EntityStatus>,
    cohorts: Cohorts,
}

/// Centre and scale of the logarithms of newcomers' volumes, by cohort.
struct Cohorts {
    known: HashMap<String, (f64, f64, usize)>,
    tail: Option<ParetoTail>,
}

impl Newcomer {
    fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::Argument(what.to_owned()));
        if self.entity.is_empty() {
            return wrong("entity is empty; name a key such as \"importer\"");
        }
        if self.window < SEEN {
            return wrong(&format!("window={}: a first window of fewer than {SEEN} days says nothing", self.window));
        }
        if self.burn_in < 0 || self.dormant < 1 {
            return wrong("burn_in must be 0 days or more, and dormant 1 or more");
        }
        if let Some(days) = [self.window, self.burn_in, self.dormant].into_iter().find(|d| f64::from(*d) > LONGEST) {
            return wrong(&format!("window, burn_in and dormant are days: {days} are more than 200 years"));
        }
        Ok(())
    }

    fn spec(&self, product: Option<&String>) -> FlowSpec {
        let mut by = self.entity.clone();
        by.extend(product.cloned());
        FlowSpec { by, every: Every::Day, measure: self.measure.clone(), squares: false, most: LONGEST }
    }

    /// The product is that of the entity's own key, or the heading.
    fn product(&self, has_hs: bool) -> Option<String> {
        let own = self.entity.iter().any(|k| k.starts_with("hs"));
        (has_hs && !own).then(|| "hs4".to_owned())
    }

    fn model(&self, flows: Flows, product: Option<String>, progress: &Progress) -> Result<Model> {
        flows.require_sum(&self.measure)?;
        let (entities, of) = flows.group_keys.project(&self.entity)?.distinct()?;
        let (start, end) = (flows.periods[0], flows.periods[flows.periods.len() - 1]);
        if end - start < self.burn_in.saturating_add(SEEN) {
            return Err(Error::Argument(format!(
                "the data go from {} to {}, {} days: nobody can be new after a burn_in of {} days; read earlier records, or \
                 lower burn_in",
                iso(start),
                iso(end),
                end - start + 1,
                self.burn_in
            )));
        }
        let mut fates = self.fates(&flows, &of, entities.groups(), start + self.burn_in, progress)?;
        let cohorts = Cohorts::learn(self, &flows, &fates, progress)?;
        for fate in &mut fates {
            progress.check()?;
            if let EntityStatus::New(debut) = fate {
                cohorts.judge(&flows, debut);
            }
        }
        Ok(Model { settings: self.clone(), product, flows, entities, fates, cohorts })
    }

    /// What became of each entity; those seen before `settled` were there already.
    fn fates(
        &self,
        flows: &Flows,
        of: &[u32],
        entities: usize,
        settled: i32,
        progress: &Progress,
    ) -> Result<Vec<EntityStatus>> {
        let mut groups_of: Vec<Vec<usize>> = vec![Vec::new(); entities];
        of.iter().enumerate().for_each(|(g, &e)| groups_of[e as usize].push(g));
        let end = flows.periods[flows.periods.len() - 1];
        groups_of
            .iter()
            .map(|groups| {
                progress.check()?;
                let mut cells: Vec<(i32, usize, usize)> = groups
                    .iter()
                    .flat_map(|&g| flows.range(g).map(move |c| (g, c)))
                    .map(|(g, c)| (flows.periods[flows.cells[c].at as usize], g, c))
                    .collect();
                cells.sort_unstable();
                // The last time it began: after a sleep, or at its first record.
                let wake = (1..cells.len()).rev().find(|&i| cells[i].0 - cells[i - 1].0 > self.dormant);
                let from = wake.unwrap_or(0);
                let first = cells[from].0;
                if wake.is_none() && first < settled {
                    return Ok(EntityStatus::Old(first));
                }
                let days = self.window.min(end - first + 1);
                if days < SEEN {
                    return Ok(EntityStatus::TooLate(first));
                }
                let within: Vec<&(i32, usize, usize)> =
                    cells[from..].iter().take_while(|c| c.0 < first.saturating_add(self.window)).collect();
                let value = |c: usize| if flows.cells[c].value.is_nan() { 0.0 } else { flows.cells[c].value };
                let volume = exact_sum(&within.iter().map(|c| value(c.2)).collect::<Vec<f64>>());
                let mut sums: HashMap<usize, f64> = HashMap::new();
                for c in &within {
                    *sums.entry(c.1).or_insert(0.0) += value(c.2);
                }
                let mut by_product: Vec<(usize, f64)> = sums.into_iter().collect();
                by_product.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                Ok(EntityStatus::New(FirstSeen {
                    first,
                    slept: wake.map(|i| cells[i - 1].0),
                    days,
                    records: within.iter().map(|c| flows.cells[c.2].records as usize).sum(),
                    volume,
                    main: by_product[0].0,
                    x: if volume > 0.0 { ln(volume * f64::from(self.window) / f64::from(days)) } else { f64::NAN },
                    centre: f64::NAN,
                    scale: f64::NAN,
                    peers: 0,
                    cohort: String::new(),
                    p: f64::NAN,
                }))
            })
            .collect()
    }
}

/// The cohorts of a newcomer, from the nearest to the widest.
fn cohorts(flows: &Flows, debut: &FirstSeen) -> Vec<String> {
    let year = &iso(debut.first)[..4];
    let Some(key) = flows.group_keys.keys.iter().position(|k| k.starts_with("hs")) else {
        return vec![format!("newcomers of {year}"), "all newcomers".into()];
    };
    let product = flows.group_keys.value(debut.main, key);
    let chapter = product.get(..2).unwrap_or(&product).to_owned();
    vec![
        format!("newcomers of {year} in HS {product}"),
        format!("newcomers in HS {product}"),
        format!("newcomers of {year} in HS {chapter}"),
        format!("newcomers in HS {chapter}"),
        format!("newcomers of {year}"),
        "all newcomers".into(),
    ]
}

impl Cohorts {
    fn learn(settings: &Newcomer, flows: &Flows, fates: &[EntityStatus], progress: &Progress) -> Result<Cohorts> {
        let mut members: HashMap<String, Vec<i64>> = HashMap::new();
        let debuts = || fates.iter().filter_map(|f| if let EntityStatus::New(d) = f { Some(d) } else { None });
        for debut in debuts().filter(|d| !d.x.is_nan()) {
            progress.check()?;
            for name in cohorts(flows, debut) {
                members.entry(name).or_default().push(encode(debut.x));
            }
        }
        let fitted = |keys: &mut Vec<i64>| {
            let n = keys.len();
            let mut ordered = OrderStatistics::new(keys, false);
            let centre = ordered.median().unwrap_or(f64::NAN);
            (centre, MAD_K * ordered.mad(centre).unwrap_or(f64::NAN), n)
        };
        let whole = members.get("all newcomers").cloned().map_or((f64::NAN, f64::NAN, 0), |mut keys| fitted(&mut keys));
        let mut known: HashMap<String, (f64, f64, usize)> = HashMap::new();
        for (name, mut keys) in members {
            progress.check()?;
            let (centre, scale, n) = fitted(&mut keys);
            if n >= settings.min_peers || name == "all newcomers" {
                let own = n as f64 / (n as f64 + SHRINKAGE);
                let scale = (own * scale * scale + (1.0 - own) * whole.1 * whole.1).sqrt();
                known.insert(name, (centre, scale, n));
            }
        }
        let mut cohorts = Cohorts { known, tail: None };
        let excess: Vec<f64> = debuts().filter_map(|d| cohorts.of(flows, d).map(|(_, c)| (d.x - c.0) / c.1)).collect();
        progress.check()?;
        cohorts.tail = ParetoTail::fit(&excess);
        Ok(cohorts)
    }

    fn of(&self, flows: &Flows, debut: &FirstSeen) -> Option<(String, (f64, f64, usize))> {
        let found = cohorts(flows, debut).into_iter().find_map(|name| {
            let cohort = *self.known.get(&name)?;
            Some((name, cohort))
        })?;
        (found.1.1 > 0.0 && !debut.x.is_nan()).then_some(found)
    }

    fn judge(&self, flows: &Flows, debut: &mut FirstSeen) {
        let Some((name, (centre, scale, peers))) = self.of(flows, debut) else { return };
        (debut.centre, debut.scale, debut.peers, debut.cohort) = (centre, scale, peers, name);
        if let Some(tail) = &self.tail {
            debut.p = tail.p_value(debut.excess());
        }
    }
}

impl Detector for Newcomer {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        let product = self.product(ships.store.role(Role::Hs).is_some());
        let flows = self.spec(product.as_ref()).flows(ships, cache, progress)?;
        Ok(Arc::new(self.model(flows, product, progress)?))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        let product = self.product(states.iter().any(|s| s.column_by_name("hs4").is_some()));
        let flows = self.spec(product.as_ref()).restored(states, "Newcomer", progress)?;
        Ok(Arc::new(self.model(flows, product, progress)?))
    }
}

impl Fit for Model {
    /// The entities of these shipments: those that were fitted as they were judged then, others as
    /// newcomers of after the fit.
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let flows = self.settings.spec(self.product.as_ref()).flows(ships, cache, progress)?;
        let (here, of) = flows.group_keys.project(&self.settings.entity)?.distinct()?;
        let known = self.entities.find(&here, progress)?;
        let mut fates = self.settings.fates(&flows, &of, here.groups(), i32::MIN, progress)?;
        for (fate, known) in fates.iter_mut().zip(&known) {
            progress.check()?;
            match (known, &mut *fate) {
                (Some(k), fate) => *fate = self.fates[*k as usize].clone(),
                (None, EntityStatus::New(debut)) => self.cohorts.judge(&flows, debut),
                _ => {}
            }
        }
        let mut cells_of: Vec<Vec<usize>> = vec![Vec::new(); here.groups()];
        of.iter().enumerate().for_each(|(g, &e)| cells_of[e as usize].extend(flows.range(g)));
        Ok(Arc::new(NewcomerScores { model: self, flows, here, fates, cells_of }))
    }

    /// A row an entity and product: the keys, `n`, the cells (a day each), and of the entity `first_seen`,
    /// `volume`, `centre` and `scale` (of the logarithms in its cohort).
    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        let mut columns = self.flows.state(progress)?;
        let (_, of) = self.flows.group_keys.project(&self.settings.entity)?.distinct()?;
        let first = |f: &EntityStatus| match f {
            EntityStatus::Old(day) | EntityStatus::TooLate(day) => *day,
            EntityStatus::New(debut) => debut.first,
        };
        let fates: Vec<&EntityStatus> = of.iter().map(|&e| &self.fates[e as usize]).collect();
        columns.push(("first_seen".into(), Arc::new(Date32Array::from_iter_values(fates.iter().map(|f| first(f))))));
        let mut float = |name: &str, value: fn(&FirstSeen) -> f64| {
            let cell = |f: &&EntityStatus| if let EntityStatus::New(d) = f { value(d) } else { f64::NAN };
            columns.push((name.into(), numbers(fates.iter().map(cell))));
        };
        float("volume", |d| d.volume);
        float("centre", |d| d.centre);
        float("scale", |d| d.scale);
        table(columns, fates.len())
    }
}
