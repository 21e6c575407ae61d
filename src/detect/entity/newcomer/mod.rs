//! `Newcomer`: is a firm or pair new in the data and already large?
//!
//! An entity is new if it first appears after the burn-in of the data, or again after a long pause. Its volume in the
//! window from that day (scaled to the whole window if the data end earlier) is compared, as a logarithm, with that of
//! other newcomers of its main product and year, or of wider cohorts. The p-value comes from a generalised Pareto tail
//! of all newcomers.

mod cohorts;
mod scores;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Date32Array, RecordBatch};

use self::cohorts::Cohorts;
use self::scores::NewcomerScores;
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::{Error, Result};
use crate::evidence::{SHARE, SharedScores};
use crate::flows::{FlowSpec, Flows, LONGEST};
use crate::group::{GroupKeys, IndexCache};
use crate::progress::Progress;
use crate::state::members::numbers;
use crate::stats::{exact_sum, ln};
use crate::store::{Every, Role, Shipments, iso};
use crate::table::table;

/// The smallest number of days in the data for which a volume is scaled to the window.
const SEEN: i32 = 30;
/// A firm is old if it was founded more than this many days before its first record.
const OLD: i32 = 5 * 365;

#[derive(Clone, Debug, PartialEq)]
pub struct Newcomer {
    pub entity: Vec<String>,
    pub measure: String,
    /// Days of the first window; days at the start of the data in which no entity counts as new; days without a record
    /// after which an entity counts as new again.
    pub window: i32,
    pub burn_in: i32,
    pub dormant: i32,
    pub min_peers: usize,
    /// Founding dates by the first key of the entity.
    pub founded: Vec<(String, i32)>,
}

/// Whether an entity is new, with the day it was first seen.
#[derive(Clone)]
enum EntityStatus {
    /// Seen within the burn-in, so it may be older than the data.
    Old(i32),
    /// First seen too shortly before the end of the data.
    TooLate(i32),
    New(FirstSeen),
}

/// The first window of a newcomer.
#[derive(Clone)]
struct FirstSeen {
    first: i32,
    /// The last day before the pause, if there was one.
    slept: Option<i32>,
    /// Days of the window that the data hold.
    days: i32,
    records: usize,
    volume: f64,
    /// The flow with most of the volume, which gives the product.
    main_flow: usize,
    /// The logarithm of the volume, scaled to the whole window.
    log_volume: f64,
    /// Centre and scale of the log volumes of its cohort.
    centre: f64,
    scale: f64,
    peers: usize,
    cohort: String,
    p: f64,
}

impl FirstSeen {
    /// Scales above the centre of its cohort.
    fn excess(&self) -> f64 {
        (self.log_volume - self.centre) / self.scale
    }
}

struct Model {
    settings: Newcomer,
    product: Option<String>,
    flows: Flows,
    entities: GroupKeys,
    /// One for each entity.
    statuses: Vec<EntityStatus>,
    cohorts: Cohorts,
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

    /// The product is a key of the entity, or else the heading.
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
        let mut statuses = self.statuses(&flows, &of, entities.groups(), start + self.burn_in, progress)?;
        let cohorts = Cohorts::learn(self, &flows, &statuses, progress)?;
        for status in &mut statuses {
            progress.check()?;
            if let EntityStatus::New(first_seen) = status {
                cohorts.score_one(&flows, first_seen);
            }
        }
        Ok(Model { settings: self.clone(), product, flows, entities, statuses, cohorts })
    }

    /// The founding date of each entity, if known.
    fn founding_days(&self, entities: &GroupKeys, progress: &Progress) -> Result<Vec<Option<i32>>> {
        if self.founded.is_empty() {
            return Ok(vec![None; entities.groups()]);
        }
        progress.each(0..entities.groups(), SHARE, |entity| {
            let name = entities.value(entity, 0);
            let found = self.founded.binary_search_by(|f| f.0.as_str().cmp(&name));
            found.ok().map(|i| self.founded[i].1)
        })
    }

    /// Whether each entity is new. Those seen before the day `new_from` may be older than the data.
    fn statuses(
        &self,
        flows: &Flows,
        of: &[u32],
        entities: usize,
        new_from: i32,
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
                // Its last start: after a pause, or at its first record.
                let restart = (1..cells.len()).rev().find(|&i| cells[i].0 - cells[i - 1].0 > self.dormant);
                let from = restart.unwrap_or(0);
                let first = cells[from].0;
                if restart.is_none() && first < new_from {
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
                    slept: restart.map(|i| cells[i - 1].0),
                    days,
                    records: within.iter().map(|c| flows.cells[c.2].records as usize).sum(),
                    volume,
                    main_flow: by_product[0].0,
                    log_volume: if volume > 0.0 {
                        ln(volume * f64::from(self.window) / f64::from(days))
                    } else {
                        f64::NAN
                    },
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

impl Registered for Newcomer {
    const NAME: &'static str = "Newcomer";

    fn of_parameters(parameters: &Parameters) -> Result<Newcomer> {
        Ok(Newcomer {
            entity: parameters.names("entity")?,
            measure: parameters.text("measure")?,
            window: parameters.days("window")?,
            burn_in: parameters.days("burn_in")?,
            dormant: parameters.days("dormant")?,
            min_peers: parameters.count("min_peers")?,
            founded: parameters.dated_names("founded")?,
        })
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
    /// The entities of these shipments. Those that were fitted keep their status; others are newcomers after the fit.
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let flows = self.settings.spec(self.product.as_ref()).flows(ships, cache, progress)?;
        let (here, of) = flows.group_keys.project(&self.settings.entity)?.distinct()?;
        let known = self.entities.find(&here, progress)?;
        let mut statuses = self.settings.statuses(&flows, &of, here.groups(), i32::MIN, progress)?;
        for (status, known) in statuses.iter_mut().zip(&known) {
            progress.check()?;
            match (known, &mut *status) {
                (Some(k), status) => *status = self.statuses[*k as usize].clone(),
                (None, EntityStatus::New(first_seen)) => self.cohorts.score_one(&flows, first_seen),
                _ => {}
            }
        }
        let mut cells_of: Vec<Vec<usize>> = vec![Vec::new(); here.groups()];
        of.iter().enumerate().for_each(|(g, &e)| cells_of[e as usize].extend(flows.range(g)));
        let founded = self.settings.founding_days(&here, progress)?;
        Ok(Arc::new(NewcomerScores { model: self, flows, here, statuses, founded, cells_of }))
    }

    /// One row for each entity and product: the keys, `n`, the cells (one for each day), and for the entity
    /// `first_seen`, `volume`, `centre` and `scale` (of the log volumes of its cohort).
    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        let mut columns = self.flows.state(progress)?;
        let (_, of) = self.flows.group_keys.project(&self.settings.entity)?.distinct()?;
        let first = |s: &EntityStatus| match s {
            EntityStatus::Old(day) | EntityStatus::TooLate(day) => *day,
            EntityStatus::New(first_seen) => first_seen.first,
        };
        let statuses: Vec<&EntityStatus> = of.iter().map(|&e| &self.statuses[e as usize]).collect();
        columns.push(("first_seen".into(), Arc::new(Date32Array::from_iter_values(statuses.iter().map(|s| first(s))))));
        let mut float = |name: &str, value: fn(&FirstSeen) -> f64| {
            let cell = |s: &&EntityStatus| if let EntityStatus::New(n) = s { value(n) } else { f64::NAN };
            columns.push((name.into(), numbers(statuses.iter().map(cell))));
        };
        float("volume", |n| n.volume);
        float("centre", |n| n.centre);
        float("scale", |n| n.scale);
        table(columns, statuses.len())
    }
}
