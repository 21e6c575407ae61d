//! A row a flow and period.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Float64Array, StringViewArray};
use arrow::datatypes::{DataType, Field};

use super::{Class, Mirror, Model, Sides};
use crate::error::Result;
use crate::evidence::wording::{as_much, figure};
use crate::evidence::{Cautions, SHARE, ScoreColumn, Scores};
use crate::flows::Flows;
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::stats::ln;

pub struct GapScores {
    model: Arc<Model>,
    flows: Flows,
    mirror: Mirror,
    lines: Vec<(u32, Sides)>,
    /// The usual log gap of each flow.
    usual: Vec<f64>,
    /// What was learnt of each destination and origin: the share of records missed there.
    missed: [Vec<Option<f64>>; 2],
    /// What was learnt of each origin and destination as reporters.
    reliability: [Vec<Option<f64>>; 2],
}

impl GapScores {
    pub fn new(model: Arc<Model>, flows: Flows, progress: &Progress) -> Result<GapScores> {
        let mirror = model.settings.mirror(&flows, progress)?;
        let (mut lines, mut usual) = (Vec::new(), Vec::new());
        for (flow, groups) in mirror.groups.iter().enumerate() {
            progress.check()?;
            let gap = model.learnt.expected(&mirror, flow);
            let sides = model.settings.sides(&flows, groups, model.learnt.lag, progress)?;
            lines.extend(sides.into_iter().map(|s| (flow as u32, Sides { import: s.fitting(gap), ..s })));
            usual.push(gap);
        }
        let learnt = |group_keys: &GroupKeys, known: &HashMap<String, f64>| -> Vec<Option<f64>> {
            (0..group_keys.groups()).map(|g| known.get(&group_keys.name(g)).copied()).collect()
        };
        let [lost, orphans] = &model.learnt.missed;
        let [exporters, importers] = &model.learnt.reliability;
        let missed = [learnt(&mirror.destinations, lost), learnt(&mirror.origins, orphans)];
        let reliability = [learnt(&mirror.origins, exporters), learnt(&mirror.destinations, importers)];
        Ok(GapScores { model, flows, mirror, lines, usual, missed, reliability })
    }

    fn line(&self, at: usize) -> (usize, &Sides) {
        (self.lines[at].0 as usize, &self.lines[at].1)
    }

    /// The gap beyond what is usual, in spreads.
    fn z(&self, at: usize) -> f64 {
        let (flow, s) = self.line(at);
        (ln(s.import) - ln(s.export) - self.usual[flow]) / self.model.learnt.scale
    }

    /// The chance that the silent side misses a record, if it ever reports.
    fn missed(&self, at: usize) -> Option<f64> {
        let (flow, s) = self.line(at);
        let ends = self.mirror.ends[flow];
        match s.class {
            Class::Lost => self.missed[0][ends.destination as usize],
            _ => self.missed[1][ends.origin as usize],
        }
    }

    fn p(&self, at: usize) -> f64 {
        let (_, s) = self.line(at);
        match s.class {
            Class::Both => self.model.learnt.gap_p(self.z(at), s),
            Class::Lost => self.missed(at).map_or(f64::NAN, |q| libm::pow(q, s.exports)),
            Class::Orphan => self.missed(at).map_or(f64::NAN, |q| libm::pow(q, s.imports)),
        }
    }

    fn reliability(&self, at: usize, side: usize) -> Option<f64> {
        let ends = self.mirror.ends[self.line(at).0];
        self.reliability[side][[ends.origin, ends.destination][side] as usize]
    }

    /// Both reports together, weighed by reliability, without freight.
    fn reconciled(&self, at: usize) -> f64 {
        let (flow, s) = self.line(at);
        let import = s.import * libm::exp(-self.usual[flow]);
        match s.class {
            Class::Lost => s.export,
            Class::Orphan => import,
            Class::Both => {
                let [e, i] = [0, 1].map(|side| libm::exp(self.reliability(at, side).unwrap_or(1.0).min(50.0)));
                (e * s.export + i * import) / (e + i)
            }
        }
    }

    fn when(&self, at: usize) -> String {
        self.model.settings.every.text(self.line(at).1.period)
    }
}

impl Scores for GapScores {
    fn detector(&self) -> &'static str {
        "MirrorGap"
    }

    fn len(&self) -> usize {
        self.lines.len()
    }

    fn value(&self, column: ScoreColumn, at: usize) -> f64 {
        let (flow, s) = self.line(at);
        let usual = libm::exp(self.usual[flow]);
        match column {
            ScoreColumn::Observed => s.import,
            ScoreColumn::Expected if s.class == Class::Orphan => f64::NAN,
            ScoreColumn::Expected => s.export * usual,
            ScoreColumn::PValue => self.p(at),
            ScoreColumn::Peers => self.model.learnt.route.len() as f64,
            ScoreColumn::Score if s.class == Class::Both => self.z(at).abs(),
            ScoreColumn::Score => -libm::log10(self.p(at).max(1e-300)) + 0.0,
            ScoreColumn::Direction => match s.class {
                _ if self.p(at).is_nan() => f64::NAN,
                Class::Both => self.z(at),
                Class::Lost => -1.0,
                Class::Orphan => 1.0,
            },
        }
    }

    fn peer(&self, at: usize) -> Option<String> {
        let ends = self.mirror.ends[self.line(at).0];
        Some(self.mirror.routes.name(ends.route as usize))
    }

    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_>> {
        Ok(Box::new(|at: usize| {
            let (_, s) = self.line(at);
            let days = &self.flows.periods;
            let end = self.model.settings.every.next(s.period) + self.model.settings.max_lag;
            if s.class == Class::Lost && end > days[days.len() - 1] {
                return Some("the data end before the importer's report would be late".into());
            }
            if s.class == Class::Orphan && s.period - self.model.settings.max_lag < days[0] {
                return Some("the data may begin after the exporter's report".into());
            }
            None
        }))
    }

    fn reason(&self, at: usize) -> String {
        let (flow, s) = self.line(at);
        let measure = &self.model.settings.measure;
        let usual = self.usual[flow];
        match s.class {
            Class::Both => format!(
                "the importer reports {} of {measure} in {} where the exporter reports {}, {}; {} is usual on this route and for \
                 this product ({} spreads)",
                figure(s.import),
                self.when(at),
                figure(s.export),
                as_much(s.import / s.export),
                figure(libm::exp(usual)),
                figure(self.z(at).abs())
            ),
            class => {
                let (has, silent, value, records) = match class {
                    Class::Lost => ("exporter", "importer", s.export, s.exports),
                    _ => ("importer", "exporter", s.import, s.imports),
                };
                let said = format!(
                    "the {has} reports {} of {measure} in {} records in {}",
                    figure(value),
                    figure(records),
                    self.when(at)
                );
                match self.missed(at) {
                    None => format!("not scored: {said}, and the {silent}'s country never reports"),
                    Some(q) => format!(
                        "{said}, the {silent} none within {} days, whose country misses {} % of such records",
                        self.model.settings.max_lag,
                        figure((1000.0 * q).round() / 10.0)
                    ),
                }
            }
        }
    }

    fn at_stake(&self, at: usize) -> f64 {
        let (_, s) = self.line(at);
        match s.class {
            Class::Lost => s.export,
            Class::Orphan => s.import,
            Class::Both => (s.import - self.value(ScoreColumn::Expected, at)).abs(),
        }
    }

    fn keys(&self) -> Vec<Field> {
        let mut fields = self.mirror.group_keys.fields();
        fields.push(Field::new("period", DataType::Date32, false));
        fields
    }

    fn key(&self, column: usize, range: Range<usize>) -> Result<ArrayRef> {
        let lines = &self.lines[range];
        if column == self.mirror.group_keys.keys.len() {
            return Ok(Arc::new(Date32Array::from_iter_values(lines.iter().map(|l| l.1.period))));
        }
        let flows: Vec<u32> = lines.iter().map(|l| l.0).collect();
        self.mirror.group_keys.labels_of(column, &flows)
    }

    fn evidence(&self) -> Vec<Field> {
        let mut fields = vec![Field::new("class", DataType::Utf8View, true)];
        let names = [
            "export",
            "import",
            "gap",
            "usual_gap",
            "ghost_share",
            "reconciled",
            "reliability_exporter",
            "reliability_importer",
        ];
        fields.extend(names.into_iter().map(|name| Field::new(name, DataType::Float64, true)));
        fields
    }

    fn evidence_column(&self, column: usize, range: Range<usize>, progress: &Progress) -> Result<ArrayRef> {
        if column == 0 {
            let class = progress.each(range, SHARE, |at| match self.line(at).1.class {
                Class::Both => Some("both"),
                Class::Lost => Some("lost"),
                Class::Orphan => Some("orphan"),
            });
            return Ok(Arc::new(class?.into_iter().collect::<StringViewArray>()));
        }
        let cell = |at: usize| {
            let (flow, s) = self.line(at);
            let value = match column {
                1 => s.export,
                2 => s.import,
                3 => ln(s.import) - ln(s.export),
                4 => self.usual[flow],
                5 => 1.0 - s.import / s.export,
                6 => self.reconciled(at),
                7 => return self.reliability(at, 0),
                _ => return self.reliability(at, 1),
            };
            Some(value).filter(|v| v.is_finite())
        };
        Ok(Arc::new(progress.each(range, SHARE, cell)?.into_iter().collect::<Float64Array>()))
    }

    fn subject(&self, at: usize) -> String {
        format!("{}, {}", self.mirror.group_keys.name(self.line(at).0), self.when(at))
    }

    /// The records of both sides in the period and the lag after it.
    fn rows(&self, at: usize) -> Result<Vec<u32>> {
        let (flow, s) = self.line(at);
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
