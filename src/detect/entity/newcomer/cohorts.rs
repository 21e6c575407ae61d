//! The cohorts of newcomers: those of the same product and year, or wider ones if these are too small.

use std::collections::HashMap;

use super::first_seen::{EntityStatus, FirstSeen};
use crate::error::Result;
use crate::flows::Flows;
use crate::progress::Progress;
use crate::stats::{MAD_K, OrderStatistics, ParetoTail, encode};
use crate::store::iso;

/// The weight of the scale of all newcomers in that of a cohort, in members.
const SHRINKAGE: f64 = 10.0;
/// The widest cohort, which is always used if no other is large enough.
const EVERYBODY: &str = "all newcomers";

/// A cohort: centre and scale of the log volumes of its newcomers.
#[derive(Clone, Copy)]
pub struct Cohort {
    centre: f64,
    scale: f64,
    members: usize,
}

/// All cohorts with enough members.
pub struct Cohorts {
    by_name: HashMap<String, Cohort>,
    /// The tail of the excesses of all newcomers.
    tail: Option<ParetoTail>,
}

/// The names of the cohorts of a newcomer, from the narrowest to the widest.
fn cohort_names(flows: &Flows, first_seen: &FirstSeen) -> Vec<String> {
    let year = &iso(first_seen.first)[..4];
    let Some(key) = flows.group_keys.keys.iter().position(|k| k.starts_with("hs")) else {
        return vec![format!("newcomers of {year}"), EVERYBODY.into()];
    };
    let product = flows.group_keys.value(first_seen.main_flow, key);
    let chapter = product.get(..2).unwrap_or(&product).to_owned();
    vec![
        format!("newcomers of {year} in HS {product}"),
        format!("newcomers in HS {product}"),
        format!("newcomers of {year} in HS {chapter}"),
        format!("newcomers in HS {chapter}"),
        format!("newcomers of {year}"),
        EVERYBODY.into(),
    ]
}

impl Cohort {
    fn of(log_volumes: &mut [i64]) -> Cohort {
        let members = log_volumes.len();
        let mut ordered = OrderStatistics::new(log_volumes, false);
        let centre = ordered.median().unwrap_or(f64::NAN);
        Cohort { centre, scale: MAD_K * ordered.mad(centre).unwrap_or(f64::NAN), members }
    }
}

impl Cohorts {
    pub fn learn(min_peers: usize, flows: &Flows, statuses: &[EntityStatus], progress: &Progress) -> Result<Cohorts> {
        let mut members: HashMap<String, Vec<i64>> = HashMap::new();
        let newcomers = || statuses.iter().filter_map(|s| if let EntityStatus::New(n) = s { Some(n) } else { None });
        for first_seen in newcomers().filter(|n| !n.log_volume.is_nan()) {
            progress.check()?;
            for name in cohort_names(flows, first_seen) {
                members.entry(name).or_default().push(encode(first_seen.log_volume));
            }
        }
        let nobody = Cohort { centre: f64::NAN, scale: f64::NAN, members: 0 };
        let everybody = members.get(EVERYBODY).cloned().map_or(nobody, |mut volumes| Cohort::of(&mut volumes));
        let mut by_name: HashMap<String, Cohort> = HashMap::new();
        for (name, mut log_volumes) in members {
            progress.check()?;
            let mut cohort = Cohort::of(&mut log_volumes);
            if cohort.members >= min_peers || name == EVERYBODY {
                let own = cohort.members as f64 / (cohort.members as f64 + SHRINKAGE);
                let scale = cohort.scale;
                cohort.scale = (own * scale * scale + (1.0 - own) * everybody.scale * everybody.scale).sqrt();
                by_name.insert(name, cohort);
            }
        }
        let mut cohorts = Cohorts { by_name, tail: None };
        let excess: Vec<f64> = newcomers()
            .filter_map(|n| cohorts.nearest(flows, n).map(|(_, c)| (n.log_volume - c.centre) / c.scale))
            .collect();
        progress.check()?;
        cohorts.tail = ParetoTail::fit(&excess);
        Ok(cohorts)
    }

    /// The narrowest cohort of a newcomer with enough members, and its name.
    fn nearest(&self, flows: &Flows, first_seen: &FirstSeen) -> Option<(String, Cohort)> {
        let found = cohort_names(flows, first_seen).into_iter().find_map(|name| {
            let cohort = *self.by_name.get(&name)?;
            Some((name, cohort))
        })?;
        (found.1.scale > 0.0 && !first_seen.log_volume.is_nan()).then_some(found)
    }

    /// Compares a newcomer with its cohort.
    pub fn score_one(&self, flows: &Flows, first_seen: &mut FirstSeen) {
        let Some((name, cohort)) = self.nearest(flows, first_seen) else { return };
        first_seen.cohort = name;
        (first_seen.centre, first_seen.scale, first_seen.peers) = (cohort.centre, cohort.scale, cohort.members);
        if let Some(tail) = &self.tail {
            first_seen.p = tail.p_value(first_seen.excess());
        }
    }
}
