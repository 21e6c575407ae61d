//! `MirrorGap`: do the exporter's and importer's reports of a flow disagree beyond freight and insurance?
//!
//! The importer's reports are moved back by the usual lag between the two, and both sides are summed by
//! flow and period. Where both report, the gap is ln(import / export) less what is usual on the route and
//! for the product (freight, insurance, mark-ups), in spreads of all gaps. Where one side is silent within
//! the longest lag allowed, the flow is lost (it left and never arrived) or an orphan (it arrived and
//! never left), and its p-value is how often that side misses so many records. How far each country's
//! reports can be relied on is estimated jointly, after the Growth Lab's iteration.

mod learnt;
mod scores;

use std::sync::Arc;

use arrow::array::RecordBatch;

use self::learnt::{Learnt, learn, usual_lag};
use self::scores::GapScores;
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::{Error, Result};
use crate::evidence::SharedScores;
use crate::flows::{FlowSpec, Flows, LONGEST};
use crate::group::{GroupKeys, IndexCache};
use crate::progress::Progress;
use crate::state::members::numbers;
use crate::stats::exact_sum;
use crate::store::{Direction, Every, FlowWords, Role, Shipments};
use crate::table::table;

#[derive(Clone, Debug, PartialEq)]
pub struct MirrorGap {
    pub by: Vec<String>,
    pub every: Every,
    pub measure: String,
    /// Days.
    pub max_lag: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Both,
    Lost,
    Orphan,
}

/// Two sides of a flow in a period: value and records.
#[derive(Clone, Copy, Debug)]
struct Sides {
    /// First day of the period.
    period: i32,
    export: f64,
    import: f64,
    exports: f64,
    imports: f64,
    /// Imports that belong to the period whatever the lag, and those that belong to it with some lag.
    least_import: f64,
    most_import: f64,
    class: Class,
}

impl Sides {
    /// The imports of the period, with the benefit of the doubt: of those that the lag leaves open, as
    /// many as come nearest to what is usual.
    fn import_nearest_to(&self, usual: f64) -> f64 {
        if self.class == Class::Both && self.least_import < self.most_import {
            (self.export * libm::exp(usual)).clamp(self.least_import, self.most_import)
        } else {
            self.import
        }
    }

    /// Whether the imports of the period are the same whatever the lag.
    fn import_is_certain(&self) -> bool {
        self.least_import == self.most_import
    }
}

/// A flow by its keys, and who is at its ends.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    route: u32,
    product: u32,
    origin: u32,
    destination: u32,
}

struct Model {
    settings: MirrorGap,
    flows: Flows,
    learnt: Learnt,
}

/// The flows of some shipments, both sides of each.
struct Mirror {
    group_keys: GroupKeys,
    /// For each flow its groups by side: exporter's, importer's.
    groups: Vec<[Vec<usize>; 2]>,
    ends: Vec<Ends>,
    routes: GroupKeys,
    products: GroupKeys,
    origins: GroupKeys,
    destinations: GroupKeys,
}

impl MirrorGap {
    fn spec(&self) -> FlowSpec {
        let mut by = self.by.clone();
        by.push("reported_by".into());
        FlowSpec { by, every: Every::Day, measure: self.measure.clone(), squares: false, most: LONGEST }
    }

    fn check(&self) -> Result<()> {
        for key in ["origin", "destination"] {
            if !self.by.iter().any(|k| k == key) {
                return Err(Error::Argument(format!("by must hold {key:?}: a mirrored flow has two ends")));
            }
        }
        if !(0..=366).contains(&self.max_lag) {
            return Err(Error::Argument(format!("max_lag={}: give 0 to 366 days", self.max_lag)));
        }
        Ok(())
    }

    fn mirror(&self, flows: &Flows, progress: &Progress) -> Result<Mirror> {
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
    fn sides(&self, flows: &Flows, groups: &[Vec<usize>; 2], lag: i32, progress: &Progress) -> Result<Vec<Sides>> {
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
        let without_lag = |day: i32| self.every.start(day - lag);
        let mut periods: Vec<i32> = exports.iter().map(|d| self.every.start(d.0)).collect();
        periods.extend(imports.iter().map(|d| without_lag(d.0)));
        periods.sort_unstable();
        periods.dedup();
        // The days from one up to another, which is left out.
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
            let (mut import, mut import_records) = sum(&imports, period + lag, end + lag);
            // Reports on both sides of the period's end are none that are missing.
            let late = sum(&imports, period, end + self.max_lag);
            let least_import = sum(&imports, period + self.max_lag, end).0;
            let early = sum(&exports, period - self.max_lag, end + lag);
            let class = match (export > 0.0, import > 0.0) {
                (true, false) if late.0 > 0.0 => {
                    (import, import_records) = late;
                    Class::Both
                }
                (false, true) if early.0 > 0.0 => {
                    (export, export_records) = early;
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
                most_import: late.0,
                class,
            });
        }
        Ok(sides)
    }

    fn model(&self, flows: Flows, progress: &Progress) -> Result<Model> {
        flows.require_sum(&self.measure)?;
        let mirror = self.mirror(&flows, progress)?;
        if ![0, 1].iter().all(|&side| mirror.groups.iter().any(|groups| !groups[side].is_empty())) {
            let (sides, _) = flows.group_keys.project(&["reported_by".to_owned()])?.distinct()?;
            let there: Vec<String> = (0..sides.groups()).map(|g| sides.value(g, 0)).collect();
            return Err(Error::Argument(format!(
                "reported_by must say \"exporter\" and \"importer\", and both must be there; it holds {}",
                there.join(", ")
            )));
        }
        let lag = usual_lag(&flows, &mirror, self.max_lag);
        progress.check()?;
        let mut all: Vec<(usize, Sides)> = Vec::new();
        for (flow, groups) in mirror.groups.iter().enumerate() {
            progress.check()?;
            all.extend(self.sides(&flows, groups, lag, progress)?.into_iter().map(|s| (flow, s)));
        }
        let learnt = learn(&mirror, &all, lag, progress)?;
        Ok(Model { settings: self.clone(), flows, learnt })
    }
}

impl Registered for MirrorGap {
    const NAME: &'static str = "MirrorGap";

    fn of_parameters(parameters: &Parameters) -> Result<MirrorGap> {
        Ok(MirrorGap {
            by: parameters.names("by")?,
            every: parameters.every("every")?,
            measure: parameters.text("measure")?,
            max_lag: parameters.days("max_lag")?,
        })
    }
}

impl Detector for MirrorGap {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        ships.store.require(Role::ReportedBy)?;
        Ok(Arc::new(self.model(self.spec().flows(ships, cache, progress)?, progress)?))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        Ok(Arc::new(self.model(self.spec().restored(states, "MirrorGap", progress)?, progress)?))
    }
}

impl Fit for Model {
    /// The flows and periods of these shipments, measured by what was fitted.
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let flows = self.settings.spec().flows(ships, cache, progress)?;
        Ok(Arc::new(GapScores::new(self, flows, progress)?))
    }

    /// A row a flow and side: the keys, `n`, the cells by day; `expected` (the usual log gap of the flow),
    /// `scale` and `lag` (days).
    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        let mut columns = self.flows.state(progress)?;
        let mirror = self.settings.mirror(&self.flows, progress)?;
        let mut expected = vec![f64::NAN; self.flows.groups()];
        for (flow, groups) in mirror.groups.iter().enumerate() {
            progress.check()?;
            groups.iter().flatten().for_each(|&g| expected[g] = self.learnt.expected(&mirror, flow));
        }
        let n = self.flows.groups();
        columns.push(("expected".into(), numbers(expected.into_iter())));
        columns.push(("scale".into(), numbers(std::iter::repeat_n(self.learnt.scale, n))));
        columns.push(("lag".into(), numbers(std::iter::repeat_n(f64::from(self.learnt.lag), n))));
        table(columns, n)
    }
}
