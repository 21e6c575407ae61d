//! The cohorts of newcomers: those of the same product and year, or wider ones if these are too small.

use std::collections::{BTreeSet, HashMap};

use super::first_seen::{EntityStatus, FirstSeen};
use crate::calibrate::tails::{Moderation, ScoreHistogram, Tails};
use crate::error::Result;
use crate::flows::Flows;
use crate::progress::Progress;
use crate::stats::{MAD_EFFICIENCY, MAD_K, OrderStatistics, encode};
use crate::store::iso;

/// Fewer newcomers in all are not compared.
const FEWEST: usize = 30;
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
    /// The tails of the scores of all newcomers; `None` if there are too few.
    tails: Option<Tails>,
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
        let mut by_name: HashMap<String, Cohort> = HashMap::new();
        for (name, mut log_volumes) in members {
            progress.check()?;
            let cohort = Cohort::of(&mut log_volumes);
            if cohort.members >= min_peers || name == EVERYBODY {
                by_name.insert(name, cohort);
            }
        }
        let mut cohorts = Cohorts { by_name, tails: None };
        // The scales of the cohorts in use are moderated.
        let used: BTreeSet<String> = newcomers().filter_map(|n| Some(cohorts.nearest(flows, n)?.0)).collect();
        let scales = used.iter().filter_map(|name| cohorts.by_name.get(name)).map(|c| (c.scale, c.members as u32));
        let moderation = Moderation::of(scales, MAD_EFFICIENCY);
        for cohort in cohorts.by_name.values_mut().filter(|cohort| cohort.scale > 0.0) {
            cohort.scale = moderation.scale(cohort.scale, cohort.members as u32);
        }
        progress.check()?;
        let mut histogram = ScoreHistogram::default();
        let mut scored = 0;
        for first_seen in newcomers() {
            if let Some((_, cohort)) = cohorts.scaled(flows, first_seen) {
                histogram.of(cohort.members as u32).add((first_seen.log_volume - cohort.centre) / cohort.scale);
                scored += 1;
            }
        }
        cohorts.tails = (scored >= FEWEST).then(|| histogram.tails_moderated(moderation, true));
        Ok(cohorts)
    }

    /// The narrowest cohort of a newcomer with enough members, and its name.
    fn nearest(&self, flows: &Flows, first_seen: &FirstSeen) -> Option<(String, Cohort)> {
        if first_seen.log_volume.is_nan() {
            return None;
        }
        cohort_names(flows, first_seen).into_iter().find_map(|name| {
            let cohort = *self.by_name.get(&name)?;
            Some((name, cohort))
        })
    }

    /// The same if its volumes differ.
    fn scaled(&self, flows: &Flows, first_seen: &FirstSeen) -> Option<(String, Cohort)> {
        self.nearest(flows, first_seen).filter(|(_, cohort)| cohort.scale > 0.0)
    }

    /// Compares a newcomer with its cohort.
    pub fn score_one(&self, flows: &Flows, first_seen: &mut FirstSeen) {
        let Some((name, cohort)) = self.scaled(flows, first_seen) else { return };
        first_seen.cohort = name;
        (first_seen.centre, first_seen.scale, first_seen.peers) = (cohort.centre, cohort.scale, cohort.members);
        if let Some(tails) = &self.tails {
            // Only large volumes are unusual.
            let z = first_seen.excess();
            let half = 0.5 * tails.p_value(z, cohort.members as u32);
            first_seen.p = if z > 0.0 { half } else { 1.0 - half };
        }
    }
}
