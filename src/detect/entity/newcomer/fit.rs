//! The fit: finds out which entities are new, and compares each newcomer with its cohort.

use std::collections::HashMap;

use super::cohorts::Cohorts;
use super::first_seen::{EntityStatus, FirstSeen};
use super::model::{Model, Newcomer, SEEN};
use crate::error::{Error, Result};
use crate::evidence::PARALLEL_ROWS;
use crate::flows::Flows;
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::stats::{exact_sum, ln};
use crate::store::iso;

impl Newcomer {
    pub(super) fn model(&self, flows: Flows, product: Option<String>, progress: &Progress) -> Result<Model> {
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
        let cohorts = Cohorts::learn(self.min_peers, &flows, &statuses, progress)?;
        for status in &mut statuses {
            progress.check()?;
            if let EntityStatus::New(first_seen) = status {
                cohorts.score_one(&flows, first_seen);
            }
        }
        Ok(Model { settings: self.clone(), product, flows, entities, statuses, cohorts })
    }

    /// The founding date of each entity, if known.
    pub(super) fn founding_days(&self, entities: &GroupKeys, progress: &Progress) -> Result<Vec<Option<i32>>> {
        if self.founded.is_empty() {
            return Ok(vec![None; entities.groups()]);
        }
        progress.each(0..entities.groups(), PARALLEL_ROWS, |entity| {
            let name = entities.value(entity, 0);
            let found = self.founded.binary_search_by(|f| f.0.as_str().cmp(&name));
            found.ok().map(|i| self.founded[i].1)
        })
    }

    /// Whether each entity is new. Those seen before the day `new_from` may be older than the data.
    pub(super) fn statuses(
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
