//! The settings of `MirrorGap`, what a fit holds, and how the two reports of a flow are matched.

use super::change::Noise;
use super::lag::usual_lag;
use super::learnt::{Learnt, learn};
use super::mirror::{Class, Ends, Lag, Mirror, Sides};
use super::series::{Frame, route_series};
use crate::error::{Error, Result};
use crate::flows::{FlowSpec, Flows, LONGEST};
use crate::progress::Progress;
use crate::stats::exact_sum;
use crate::store::{Direction, Every, FlowWords};

#[derive(Clone, Debug, PartialEq)]
pub struct MirrorGap {
    pub by: Vec<String>,
    pub every: Every,
    pub measure: String,
    /// Days.
    pub max_lag: i32,
    pub test: Test,
}

/// What is asked of the two reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Do they differ in a period, or is one missing?
    Gap,
    /// Did the gap of a route move to another level?
    Change,
}

pub(super) struct Model {
    pub(super) settings: MirrorGap,
    pub(super) flows: Flows,
    pub(super) learnt: Learnt,
    /// How the gaps of routes vary over time, for the test of changes.
    pub(super) noise: Option<Noise>,
}

impl MirrorGap {
    pub(super) fn spec(&self) -> FlowSpec {
        let mut by = self.by.clone();
        by.push("reported_by".into());
        FlowSpec { by, every: Every::Day, measure: self.measure.clone(), squares: false, most: LONGEST }
    }

    pub(super) fn check(&self) -> Result<()> {
        for key in ["origin", "destination"] {
            if !self.by.iter().any(|k| k == key) {
                return Err(Error::Argument(format!("by must hold {key:?}: a mirrored flow needs both countries")));
            }
        }
        if !(0..=366).contains(&self.max_lag) {
            return Err(Error::Argument(format!("max_lag={}: give 0 to 366 days", self.max_lag)));
        }
        Ok(())
    }

    pub(super) fn mirror(&self, flows: &Flows, progress: &Progress) -> Result<Mirror> {
        let (sides, side_of) = flows.group_keys.project(&["reported_by".to_owned()])?.distinct()?;
        let side: Vec<Option<usize>> = (0..sides.groups())
            .map(|g| match Direction::parse(&sides.value(g, 0), &FlowWords::default())? {
                Direction::Export => Some(0),
                Direction::Import => Some(1),
            })
            .collect();
        let part = |keys: &[String]| flows.group_keys.project(keys)?.distinct();
        let (group_keys, flow_of) = part(&self.by)?;
        let ends: Vec<String> = vec!["origin".into(), "destination".into()];
        let rest: Vec<String> = self.by.iter().filter(|k| !ends.contains(k)).cloned().collect();
        let (routes, route_of) = part(&ends)?;
        let (products, product_of) = part(&rest)?;
        let (origins, origin_of) = part(&ends[..1])?;
        let (destinations, destination_of) = part(&ends[1..])?;
        let mut mirror = Mirror {
            groups: vec![[Vec::new(), Vec::new()]; group_keys.groups()],
            ends: vec![Ends::default(); group_keys.groups()],
            group_keys,
            routes,
            products,
            origins,
            destinations,
        };
        for g in 0..flows.groups() {
            progress.check()?;
            let flow = flow_of[g] as usize;
            if let Some(side) = side[side_of[g] as usize] {
                mirror.groups[flow][side].push(g);
            }
            mirror.ends[flow] = Ends {
                route: route_of[g],
                product: product_of[g],
                origin: origin_of[g],
                destination: destination_of[g],
            };
        }
        Ok(mirror)
    }

    /// The sides of a flow, period by period.
    pub(super) fn sides(
        &self,
        flows: &Flows,
        groups: &[Vec<usize>; 2],
        lag: Lag,
        progress: &Progress,
    ) -> Result<Vec<Sides>> {
        let days = |side: usize| -> Vec<(i32, f64, f64)> {
            let cells = groups[side].iter().flat_map(|&g| flows.of(g));
            let mut days: Vec<(i32, f64, f64)> = cells
                .filter(|c| c.value > 0.0)
                .map(|c| (flows.periods[c.at as usize], c.value, f64::from(c.records)))
                .collect();
            days.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            days
        };
        let (exports, imports) = (days(0), days(1));
        let without_lag = |day: i32| self.every.start(day - lag.usual);
        let mut periods: Vec<i32> = exports.iter().map(|d| self.every.start(d.0)).collect();
        periods.extend(imports.iter().map(|d| without_lag(d.0)));
        periods.sort_unstable();
        periods.dedup();
        // The sum over days from `from` up to `to` (exclusive).
        let sum = |days: &[(i32, f64, f64)], from: i32, to: i32| {
            let place = |day: i32| days.partition_point(|d| d.0 < day);
            let within = days.get(place(from)..place(to)).unwrap_or_default();
            let values: Vec<f64> = within.iter().map(|d| d.1).collect();
            (exact_sum(&values), within.iter().map(|d| d.2).sum::<f64>())
        };
        let mut sides = Vec::new();
        for period in periods {
            progress.check()?;
            let end = self.every.next(period);
            let (mut export, mut export_records) = sum(&exports, period, end);
            let (mut import, mut import_records) = sum(&imports, period + lag.usual, end + lag.usual);
            let totals = [export, import];
            let mut least_import = sum(&imports, period + lag.longest, end + lag.shortest).0;
            let mut most_import = sum(&imports, period + lag.shortest, end + lag.longest).0;
            // Reports just before or after the end of the period are not missing. How much of them belongs to it is
            // open, so they are no evidence of a gap.
            let late = sum(&imports, period, end + self.max_lag);
            let early = sum(&exports, period - self.max_lag, end + lag.usual);
            let class = match (export > 0.0, import > 0.0) {
                (true, false) if late.0 > 0.0 => {
                    (import, import_records) = late;
                    (least_import, most_import) = (0.0, f64::INFINITY);
                    Class::Both
                }
                (false, true) if early.0 > 0.0 => {
                    (export, export_records) = early;
                    (least_import, most_import) = (0.0, f64::INFINITY);
                    Class::Both
                }
                (true, false) => Class::Lost,
                (false, true) => Class::Orphan,
                _ => Class::Both,
            };
            sides.push(Sides {
                period,
                export,
                import,
                exports: export_records,
                imports: import_records,
                least_import,
                most_import,
                totals,
                neighbours: [[0.0; 2]; 2],
                class,
            });
        }
        // Reports can move to a neighbouring period only if lags differ.
        for at in (1..sides.len()).filter(|_| lag.shortest < lag.longest) {
            if self.every.next(sides[at - 1].period) == sides[at].period {
                sides[at].neighbours[0] = sides[at - 1].totals;
                sides[at - 1].neighbours[1] = sides[at].totals;
            }
        }
        Ok(sides)
    }

    pub(super) fn model(&self, flows: Flows, progress: &Progress) -> Result<Model> {
        flows.require_sum(&self.measure)?;
        let mirror = self.mirror(&flows, progress)?;
        if ![0, 1].iter().all(|&side| mirror.groups.iter().any(|groups| !groups[side].is_empty())) {
            let (sides, _) = flows.group_keys.project(&["reported_by".to_owned()])?.distinct()?;
            let there: Vec<String> = (0..sides.groups()).map(|g| sides.value(g, 0)).collect();
            return Err(Error::Argument(format!(
                "reported_by must hold both \"exporter\" and \"importer\"; it holds {}",
                there.join(", ")
            )));
        }
        let lag = usual_lag(&flows, &mirror, self.max_lag, progress)?;
        let mut all: Vec<(usize, Sides)> = Vec::new();
        for (flow, groups) in mirror.groups.iter().enumerate() {
            progress.check()?;
            all.extend(self.sides(&flows, groups, lag, progress)?.into_iter().map(|s| (flow, s)));
        }
        let learnt = learn(&mirror, &all, lag, progress)?;
        let noise = match self.test {
            Test::Gap => None,
            Test::Change => {
                let frame = Frame::of(&flows, self.every, lag);
                Some(Noise::learn(&route_series(&mirror, &all, &frame, progress)?, &frame, progress)?)
            }
        };
        Ok(Model { settings: self.clone(), flows, learnt, noise })
    }
}
