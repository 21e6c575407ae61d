//! The scores: one row for each flow and period.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array};
use arrow::datatypes::{DataType, Field};

use super::learnt::ON_GAPS;
use super::mirror::{Class, Mirror, Sides};
use super::model::Model;
use crate::error::Result;
use crate::evidence::wording::{as_much, figure};
use crate::evidence::{Cautions, Evidence, Reader, ScoreColumn, Verdicts};
use crate::flows::Flows;
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::stats::ln;

pub struct GapScores {
    model: Arc<Model>,
    flows: Flows,
    mirror: Mirror,
    /// A flow, and the two sides of one of its periods.
    flow_periods: Vec<(u32, Sides)>,
    /// The usual log gap of each flow.
    usual: Vec<f64>,
    /// The scale of each route, as a factor of the spread of all.
    factors: Vec<f64>,
    /// How many times as many flows as usual each destination misses, and each origin misses.
    missed: [Vec<Option<f64>>; 2],
    /// The reliability of each origin and each destination.
    reliability: [Vec<Option<f64>>; 2],
}

/// The result for a flow in a period.
#[derive(Clone, Copy)]
pub struct GapVerdict {
    finding: Finding,
    p_value: f64,
    /// The import expected from the exporter's report.
    expected: f64,
    /// The logarithm of import over export.
    gap: f64,
}

#[derive(Clone, Copy)]
pub enum Finding {
    /// Both sides report: the gap beyond the usual gap, in scales.
    BothReport { z: f64 },
    /// One side has no report: the share of flows at least as large that it misses, if it ever reports.
    OneSilent { missed: Option<f64> },
}

impl GapScores {
    pub fn new(model: Arc<Model>, flows: Flows, progress: &Progress) -> Result<GapScores> {
        let mirror = model.settings.mirror(&flows, progress)?;
        let (mut flow_periods, mut usual) = (Vec::new(), Vec::new());
        for (flow, groups) in mirror.groups.iter().enumerate() {
            progress.check()?;
            let gap = model.learnt.expected(&mirror, flow);
            let sides = model.settings.sides(&flows, groups, model.learnt.lag, progress)?;
            flow_periods.extend(sides.into_iter().map(|s| (flow as u32, s)));
            usual.push(gap);
        }
        let known = |group_keys: &GroupKeys, of: &dyn Fn(&str) -> Option<f64>| -> Vec<Option<f64>> {
            (0..group_keys.groups()).map(|g| of(&group_keys.name(g))).collect()
        };
        let [lost, orphans] = &model.learnt.missing;
        let [exporters, importers] = &model.learnt.reliability;
        let missed = [
            known(&mirror.destinations, &|name| lost.of_country(name)),
            known(&mirror.origins, &|name| orphans.of_country(name)),
        ];
        let reliability = [
            known(&mirror.origins, &|name| exporters.get(name).copied()),
            known(&mirror.destinations, &|name| importers.get(name).copied()),
        ];
        let factors = model.learnt.factors(&mirror);
        Ok(GapScores { model, flows, mirror, flow_periods, usual, factors, missed, reliability })
    }

    fn flow(&self, at: usize) -> usize {
        self.flow_periods[at].0 as usize
    }

    fn sides(&self, at: usize) -> &Sides {
        &self.flow_periods[at].1
    }

    fn finding(&self, at: usize) -> Finding {
        let (flow, s) = (self.flow(at), self.sides(at));
        let ends = self.mirror.ends[flow];
        let learnt = &self.model.learnt;
        let silent = |side: usize, country: u32, records: f64, value: f64| {
            let times = self.missed[side][country as usize];
            Finding::OneSilent { missed: times.map(|times| learnt.missing[side].chance(times, records, value)) }
        };
        match s.class {
            Class::Both => Finding::BothReport { z: learnt.z(s, self.usual[flow], self.factors[ends.route as usize]) },
            Class::Lost => silent(0, ends.destination, s.exports, s.export),
            Class::Orphan => silent(1, ends.origin, s.imports, s.import),
        }
    }

    fn reliability(&self, at: usize, side: usize) -> Option<f64> {
        let ends = self.mirror.ends[self.flow(at)];
        self.reliability[side][[ends.origin, ends.destination][side] as usize]
    }

    /// Both reports together, weighted by reliability, without freight.
    fn reconciled(&self, at: usize) -> f64 {
        let s = self.sides(at);
        let import = s.import * libm::exp(-self.usual[self.flow(at)]);
        match s.class {
            Class::Lost => s.export,
            Class::Orphan => import,
            Class::Both => {
                let [e, i] = [0, 1].map(|side| libm::exp(self.reliability(at, side).unwrap_or(1.0).min(50.0)));
                (e * s.export + i * import) / (e + i)
            }
        }
    }

    /// The side that reports, the other side, and the reported value and number of records.
    fn one_report(&self, at: usize) -> (&'static str, &'static str, f64, f64) {
        let s = self.sides(at);
        match s.class {
            Class::Lost => ("exporter", "importer", s.export, s.exports),
            _ => ("importer", "exporter", s.import, s.imports),
        }
    }

    fn when(&self, at: usize) -> String {
        self.model.settings.every.text(self.sides(at).period)
    }
}

/// A finite number, else NaN.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

impl Verdicts for GapScores {
    type Verdict = GapVerdict;

    fn detector(&self) -> &'static str {
        "MirrorGap"
    }

    fn subjects(&self) -> usize {
        self.flow_periods.len()
    }

    fn verdict(&self, at: usize) -> GapVerdict {
        let s = self.sides(at);
        let gap = ln(s.import) - ln(s.export);
        let finding = self.finding(at);
        let p_value = match finding {
            Finding::BothReport { z } => self.model.learnt.gap_p(z, s),
            Finding::OneSilent { missed } => missed.map_or(f64::NAN, |share| (share / (1.0 - ON_GAPS)).min(1.0)),
        };
        let expected = match s.class {
            Class::Orphan => f64::NAN,
            _ => s.export * libm::exp(self.usual[self.flow(at)]),
        };
        GapVerdict { finding, p_value, expected, gap }
    }

    fn value(&self, column: ScoreColumn, at: usize, verdict: &GapVerdict) -> f64 {
        match column {
            ScoreColumn::Observed => self.sides(at).import,
            ScoreColumn::Expected => verdict.expected,
            ScoreColumn::PValue => verdict.p_value,
            ScoreColumn::Peers => self.model.learnt.route.len() as f64,
            ScoreColumn::Score => match verdict.finding {
                Finding::BothReport { z } => z.abs(),
                // A side that never reports has no p-value, and no score.
                Finding::OneSilent { .. } if verdict.p_value.is_nan() => f64::NAN,
                Finding::OneSilent { .. } => -libm::log10(verdict.p_value.max(1e-300)) + 0.0,
            },
            ScoreColumn::Direction => match (verdict.finding, self.sides(at).class) {
                _ if verdict.p_value.is_nan() => f64::NAN,
                (Finding::BothReport { z }, _) => z,
                (_, Class::Lost) => -1.0,
                _ => 1.0,
            },
        }
    }

    fn peer(&self, at: usize, _verdict: &GapVerdict) -> Option<String> {
        let ends = self.mirror.ends[self.flow(at)];
        Some(self.mirror.routes.name(ends.route as usize))
    }

    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_, GapVerdict>> {
        Ok(Box::new(|at, _| {
            let s = self.sides(at);
            let days = &self.flows.periods;
            let end = self.model.settings.every.next(s.period) + self.model.settings.max_lag;
            if s.class == Class::Lost && end > days[days.len() - 1] {
                return Some("the data end too early: the importer may still report".into());
            }
            if s.class == Class::Orphan && s.period - self.model.settings.max_lag < days[0] {
                return Some("the data may begin after the exporter's report".into());
            }
            None
        }))
    }

    fn reason(&self, at: usize, verdict: &GapVerdict) -> String {
        let s = self.sides(at);
        let measure = &self.model.settings.measure;
        let missed = match verdict.finding {
            Finding::OneSilent { missed } => missed,
            Finding::BothReport { .. } if s.is_unknown() => {
                return format!(
                    "not scored: in {} one side reports only just before or after the period, within {} days, so how much belongs \
                     to it is not known",
                    self.when(at),
                    self.model.settings.max_lag
                );
            }
            Finding::BothReport { z } => {
                let usual = self.usual[self.flow(at)];
                let open = if s.is_open(usual) {
                    "; within the lags that occur, the imports of this period may be as usual"
                } else if s.import_with_moves(usual) != s.import_nearest_to(usual) {
                    "; reports that may have moved to or from a neighbouring period are allowed for"
                } else {
                    ""
                };
                return format!(
                    "the importer reports {} of {measure} in {} where the exporter reports {}, {}; a ratio of {} is usual on this \
                     route and for this product (robust z {}){open}",
                    figure(s.import),
                    self.when(at),
                    figure(s.export),
                    as_much(s.import / s.export),
                    figure(libm::exp(usual)),
                    figure(z.abs())
                );
            }
        };
        let (has, silent, value, records) = self.one_report(at);
        let said = format!(
            "the {has} reports {} of {measure} in {} records in {}",
            figure(value),
            figure(records),
            self.when(at)
        );
        match missed {
            None => format!("not scored: {said}, and the {silent}'s country never reports"),
            Some(share) => format!(
                "{said}, the {silent} reports none within {} days; its country misses about {} % of \
                 flows at least as large",
                self.model.settings.max_lag,
                figure(100.0 * share)
            ),
        }
    }

    fn at_stake(&self, at: usize, verdict: &GapVerdict) -> f64 {
        let s = self.sides(at);
        match s.class {
            Class::Lost => s.export,
            Class::Orphan => s.import,
            Class::Both => (s.import - verdict.expected).abs(),
        }
    }

    fn keys(&self) -> Vec<Field> {
        let mut fields = self.mirror.group_keys.fields();
        fields.push(Field::new("period", DataType::Date32, false));
        fields
    }

    fn key(&self, column: usize, range: Range<usize>) -> Result<ArrayRef> {
        let chosen = &self.flow_periods[range];
        if column == self.mirror.group_keys.keys.len() {
            return Ok(Arc::new(Date32Array::from_iter_values(chosen.iter().map(|(_, s)| s.period))));
        }
        let flows: Vec<u32> = chosen.iter().map(|(flow, _)| *flow).collect();
        self.mirror.group_keys.labels_of(column, &flows)
    }

    fn evidence(&self) -> Vec<Evidence<Self>> {
        vec![
            Evidence {
                name: "class",
                read: Reader::Text(|s, at, _| {
                    let class = match s.sides(at).class {
                        Class::Both => "both",
                        Class::Lost => "lost",
                        Class::Orphan => "orphan",
                    };
                    Some(class.to_owned())
                }),
            },
            Evidence { name: "export", read: Reader::Number(|s, at, _| finite(s.sides(at).export)) },
            Evidence { name: "import", read: Reader::Number(|s, at, _| finite(s.sides(at).import)) },
            Evidence { name: "gap", read: Reader::Number(|_, _, verdict: &GapVerdict| finite(verdict.gap)) },
            Evidence { name: "usual_gap", read: Reader::Number(|s, at, _| finite(s.usual[s.flow(at)])) },
            Evidence {
                name: "ghost_share",
                read: Reader::Number(|s, at, _| finite(1.0 - s.sides(at).import / s.sides(at).export)),
            },
            Evidence { name: "reconciled", read: Reader::Number(|s, at, _| finite(s.reconciled(at))) },
            Evidence {
                name: "reliability_exporter",
                read: Reader::Number(|s, at, _| s.reliability(at, 0).unwrap_or(f64::NAN)),
            },
            Evidence {
                name: "reliability_importer",
                read: Reader::Number(|s, at, _| s.reliability(at, 1).unwrap_or(f64::NAN)),
            },
        ]
    }

    fn subject(&self, at: usize) -> String {
        format!("{}, {}", self.mirror.group_keys.name(self.flow(at)), self.when(at))
    }

    /// The records of both sides in the period, and in the lag after it.
    fn rows(&self, at: usize, _verdict: &GapVerdict) -> Result<Vec<u32>> {
        let (flow, s) = (self.flow(at), self.sides(at));
        let settings = &self.model.settings;
        let end = settings.every.next(s.period);
        let mut rows = Vec::new();
        for (side, groups) in self.mirror.groups[flow].iter().enumerate() {
            let last = if side == 0 { end - 1 } else { end + settings.max_lag - 1 };
            if let Some(span) = self.flows.window(crate::store::Period { first: s.period, last }) {
                groups.iter().for_each(|&g| rows.extend(self.flows.rows_within(g, span)));
            }
        }
        Ok(rows)
    }
}
