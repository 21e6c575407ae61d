//! The scores of `test="change"`: one row for each route.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::Field;

use super::change::{Change, PERIODS};
use super::mirror::{Mirror, Sides};
use super::model::Model;
use super::series::{Frame, RouteSeries, route_series};
use crate::error::Result;
use crate::evidence::wording::figure;
use crate::evidence::{Cautions, Evidence, Reader, ScoreColumn, Verdicts};
use crate::flows::Flows;
use crate::progress::Progress;
use crate::stats::exact_sum;

pub struct ChangeScores {
    model: Arc<Model>,
    flows: Flows,
    mirror: Mirror,
    frame: Frame,
    series: Vec<RouteSeries>,
    /// The flows of each route.
    members: Vec<Vec<u32>>,
}

/// The result for a route. Sums are of the periods on the new level.
pub struct RouteVerdict {
    change: Option<Change>,
    exports: f64,
    imports: f64,
    /// The imports, had the gap stayed where it was.
    expected: f64,
}

impl ChangeScores {
    pub fn new(model: Arc<Model>, flows: Flows, progress: &Progress) -> Result<ChangeScores> {
        let settings = &model.settings;
        let mirror = settings.mirror(&flows, progress)?;
        let frame = Frame::of(&flows, settings.every, model.learnt.lag);
        let mut all: Vec<(usize, Sides)> = Vec::new();
        let mut members = vec![Vec::new(); mirror.routes.groups()];
        for (flow, groups) in mirror.groups.iter().enumerate() {
            progress.check()?;
            members[mirror.ends[flow].route as usize].push(flow as u32);
            all.extend(settings.sides(&flows, groups, model.learnt.lag, progress)?.into_iter().map(|s| (flow, s)));
        }
        let series = route_series(&mirror, &all, &frame, progress)?;
        Ok(ChangeScores { model, flows, mirror, frame, series, members })
    }

    /// The first period on the new level.
    fn since(&self, at: usize, change: &Change) -> i32 {
        self.frame.periods[self.series[at].gaps[change.at].0]
    }

    /// A number of the change.
    fn of(verdict: &RouteVerdict, read: impl Fn(&Change) -> f64) -> f64 {
        verdict.change.as_ref().map_or(f64::NAN, read)
    }
}

impl Verdicts for ChangeScores {
    type Verdict = RouteVerdict;

    fn detector(&self) -> &'static str {
        "MirrorGap"
    }

    fn subjects(&self) -> usize {
        self.series.len()
    }

    fn verdict(&self, at: usize) -> RouteVerdict {
        let series = &self.series[at];
        let change = self.model.noise.as_ref().and_then(|noise| noise.change(series, &self.frame));
        let from = change.as_ref().map_or(0, |change| series.gaps[change.at].0);
        let (exports, imports) = (exact_sum(&series.exports[from..]), exact_sum(&series.imports[from..]));
        let expected = change.as_ref().map_or(f64::NAN, |c| exports * libm::exp(c.before + c.common));
        RouteVerdict { change, exports, imports, expected }
    }

    fn value(&self, column: ScoreColumn, _at: usize, verdict: &RouteVerdict) -> f64 {
        let Some(change) = &verdict.change else { return f64::NAN };
        match column {
            ScoreColumn::Score => change.z.abs(),
            ScoreColumn::PValue => change.p_value,
            ScoreColumn::Direction => change.z,
            ScoreColumn::Observed => verdict.imports,
            ScoreColumn::Expected => verdict.expected,
            ScoreColumn::Peers => self.model.noise.as_ref().map_or(0, |noise| noise.routes) as f64,
        }
    }

    fn peer(&self, _at: usize, verdict: &RouteVerdict) -> Option<String> {
        verdict.change.as_ref()?;
        let routes = self.model.noise.as_ref().map_or(0, |noise| noise.routes);
        Some(format!("the variation over time of the gaps of {routes} routes"))
    }

    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_, RouteVerdict>> {
        Ok(Box::new(|at, verdict| {
            let change = verdict.change.as_ref()?;
            let series = &self.series[at];
            let (old, new) = series.gaps.split_at(change.at);
            for (side, name) in [(&series.exports, "exporter"), (&series.imports, "importer")] {
                for (level, when) in [(old, "before the change"), (new, "since the change")] {
                    if level.iter().all(|(period, _)| side[*period] == 0.0) {
                        return Some(format!("the {name} reports nothing {when}: it may not publish these periods"));
                    }
                }
            }
            None
        }))
    }

    fn reason(&self, at: usize, verdict: &RouteVerdict) -> String {
        let series = &self.series[at];
        let Some(change) = &verdict.change else {
            return match series.reported {
                [true, true] => {
                    format!(
                        "not scored: {} periods with reports of goods that both sides report, fewer than {PERIODS}",
                        series.gaps.len()
                    )
                }
                [false, _] => "not scored: the exporter's country never reports this route".into(),
                _ => "not scored: the importer's country never reports this route".into(),
            };
        };
        let settings = &self.model.settings;
        format!(
            "since {} the importer reports {} of {} where the exporter reports {}; the usual ratio of import to export was {} \
             before and is {} since, while that of all routes together changed by a factor of {} ({} standard errors over {} periods)",
            settings.every.text(self.since(at, change)),
            figure(verdict.imports),
            settings.measure,
            figure(verdict.exports),
            figure(libm::exp(change.before)),
            figure(libm::exp(change.after)),
            figure(libm::exp(change.common)),
            figure(change.z.abs()),
            series.gaps.len()
        )
    }

    fn at_stake(&self, _at: usize, verdict: &RouteVerdict) -> f64 {
        (verdict.imports - verdict.expected).abs()
    }

    fn keys(&self) -> Vec<Field> {
        self.mirror.routes.fields()
    }

    fn key(&self, column: usize, range: Range<usize>) -> Result<ArrayRef> {
        let routes: Vec<u32> = range.map(|at| at as u32).collect();
        self.mirror.routes.labels_of(column, &routes)
    }

    fn evidence(&self) -> Vec<Evidence<Self>> {
        vec![
            Evidence {
                name: "since",
                read: Reader::Day(|s, at, verdict: &RouteVerdict| Some(s.since(at, verdict.change.as_ref()?))),
            },
            Evidence {
                name: "gap_before",
                read: Reader::Number(|_, _, verdict| ChangeScores::of(verdict, |c| c.before)),
            },
            Evidence {
                name: "gap_after",
                read: Reader::Number(|_, _, verdict| ChangeScores::of(verdict, |c| c.after)),
            },
            Evidence {
                name: "change",
                read: Reader::Number(|_, _, verdict| ChangeScores::of(verdict, |c| c.after - c.before)),
            },
            Evidence {
                name: "common_change",
                read: Reader::Number(|_, _, verdict| ChangeScores::of(verdict, |c| c.common)),
            },
            Evidence { name: "periods", read: Reader::Count(|s, at, _| Some(s.series[at].gaps.len() as i64)) },
            Evidence { name: "export_series", read: Reader::Numbers(|s, at, _| &s.series[at].exports) },
            Evidence { name: "import_series", read: Reader::Numbers(|s, at, _| &s.series[at].imports) },
            Evidence { name: "series_from", read: Reader::Day(|s, _, _| s.frame.periods.first().copied()) },
        ]
    }

    fn subject(&self, at: usize) -> String {
        self.mirror.routes.name(at)
    }

    /// The records of both sides, in all periods.
    fn rows(&self, at: usize, verdict: &RouteVerdict) -> Result<Vec<u32>> {
        if verdict.change.is_none() {
            return Ok(Vec::new());
        }
        let last = self.flows.periods.len() as u32 - 1;
        let groups = self.members[at].iter().flat_map(|&flow| self.mirror.groups[flow as usize].iter().flatten());
        Ok(groups.flat_map(|&g| self.flows.rows_within(g, (0, last))).collect())
    }
}
