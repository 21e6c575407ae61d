//! The two reports of a route over time: sums over its flows that both sides report, and the log gap of each period.
//!
//! A flow that one side never reports does not change the gap by itself, but it moves it as it grows and shrinks.

use rayon::prelude::*;

use super::mirror::{Lag, Mirror, Sides};
use crate::error::Result;
use crate::flows::Flows;
use crate::progress::Progress;
use crate::stats::{exact_sum, ln};
use crate::store::Every;

/// The size of a side without reports, in typical records, so that no gap is infinite.
const EMPTY: f64 = 0.5;

/// The periods that are compared.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    pub(super) periods: Vec<i32>,
}

/// A route: exports and imports in each period of the frame, and the log gaps of the periods with reports.
#[derive(Clone, Debug, Default)]
pub(super) struct RouteSeries {
    pub(super) exports: Vec<f64>,
    pub(super) imports: Vec<f64>,
    /// The number of the period in the frame, and ln(import / export).
    pub(super) gaps: Vec<(usize, f64)>,
    /// Whether exporter and importer ever report the route.
    pub(super) reported: [bool; 2],
}

impl Frame {
    /// All periods of the data. If imports come later than exports, the last periods are left out: their imports are
    /// not in the data yet.
    pub(super) fn of(flows: &Flows, every: Every, lag: Lag) -> Frame {
        let (first, last) = (flows.periods[0], flows.periods[flows.periods.len() - 1]);
        let mut periods = every.range(every.start(first), every.start(last));
        if lag.longest > 0 {
            periods.retain(|&p| every.next(p) - 1 + lag.longest <= last);
        }
        Frame { periods }
    }
}

/// The series of each route.
pub(super) fn route_series(
    mirror: &Mirror,
    all: &[(usize, Sides)],
    frame: &Frame,
    progress: &Progress,
) -> Result<Vec<RouteSeries>> {
    let mut cells: Vec<Vec<(usize, [f64; 2], f64)>> = vec![Vec::new(); mirror.routes.groups()];
    let mut flow_sides = vec![[false; 2]; mirror.groups.len()];
    let mut reported = vec![[false; 2]; cells.len()];
    for (flow, s) in all {
        let route = mirror.ends[*flow].route as usize;
        for side in 0..2 {
            flow_sides[*flow][side] |= s.totals[side] > 0.0;
            reported[route][side] |= s.totals[side] > 0.0;
        }
    }
    for (flow, s) in all.iter().filter(|(flow, _)| flow_sides[*flow] == [true; 2]) {
        let at = frame.periods.partition_point(|&p| p < s.period);
        if frame.periods.get(at) != Some(&s.period) {
            continue;
        }
        let count = |total: f64, records: f64| if total > 0.0 { records } else { 0.0 };
        let records = count(s.totals[0], s.exports) + count(s.totals[1], s.imports);
        cells[mirror.ends[*flow].route as usize].push((at, s.totals, records));
    }
    progress.check()?;
    let n = frame.periods.len();
    cells.par_iter_mut().for_each(|cells| {
        cells.sort_by(|a, b| a.0.cmp(&b.0).then(a.1[0].total_cmp(&b.1[0])).then(a.1[1].total_cmp(&b.1[1])));
    });
    progress.check()?;
    progress.each(0..cells.len(), 1, |route| {
        let cells = &cells[route];
        let mut series =
            RouteSeries { exports: vec![0.0; n], imports: vec![0.0; n], gaps: Vec::new(), reported: reported[route] };
        for run in cells.chunk_by(|a, b| a.0 == b.0) {
            let sum = |side: usize| exact_sum(&run.iter().map(|c| c.1[side]).collect::<Vec<_>>());
            (series.exports[run[0].0], series.imports[run[0].0]) = (sum(0), sum(1));
        }
        let records: f64 = cells.iter().map(|c| c.2).sum();
        let sum = exact_sum(&series.exports) + exact_sum(&series.imports);
        let typical = EMPTY * sum / records.max(1.0);
        series.gaps = (0..n)
            .map(|at| (at, series.exports[at], series.imports[at]))
            .filter(|p| p.1 + p.2 > 0.0)
            .map(|(at, export, import)| {
                let size = |side: f64, other: f64| if side > 0.0 { side } else { typical.min(other) };
                (at, ln(size(import, export)) - ln(size(export, import)))
            })
            .collect();
        series
    })
}
