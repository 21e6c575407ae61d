//! The scores: one row for each shipment.

use std::sync::Arc;

use super::columns::Columns;
use super::likeness::{Kind, Repeat};
use super::model::{Model, Record};
use crate::error::Result;
use crate::evidence::wording::{figure, unusable};
use crate::evidence::{Evidence, Reader, ScoreColumn, Verdicts};
use crate::group::GroupIndex;
use crate::progress::Progress;
use crate::store::{Role, Shipments, iso};

pub(super) struct RepeatScores {
    model: Arc<Model>,
    ships: Shipments,
    columns: Columns,
    group: Vec<u32>,
    known: Vec<Option<u32>>,
    /// Groups with neither exporter nor importer. Their shipments have nothing in common.
    nameless: Vec<bool>,
    own: bool,
}

impl RepeatScores {
    pub(super) fn new(
        model: Arc<Model>,
        ships: &Shipments,
        index: &GroupIndex,
        known: Vec<Option<u32>>,
        own: bool,
        progress: &Progress,
    ) -> Result<RepeatScores> {
        let parties = |key: &String| *key == Role::Exporter.name() || *key == Role::Importer.name();
        let parties: Vec<usize> = (0..model.keys.len()).filter(|&k| parties(&model.keys[k])).collect();
        let null = |g: usize, k: usize| index.keys.code(g, k) as usize == index.keys.distinct(k).len();
        let nameless = (0..index.groups()).map(|g| parties.iter().all(|&k| null(g, k))).collect();
        Ok(RepeatScores {
            nameless,
            model,
            ships: ships.clone(),
            columns: Columns::load(ships, progress)?,
            group: index.group_of_positions(ships),
            known,
            own,
        })
    }

    fn record(&self, at: usize) -> Option<Record> {
        let named = !self.nameless[self.group[at] as usize];
        self.columns.record(self.ships.rows.row(at)).filter(|_| named)
    }
}

impl Verdicts for RepeatScores {
    /// The record if it can be compared, and similar shipments if there are any.
    type Verdict = Option<(Record, Option<Repeat>)>;

    fn detector(&self) -> &'static str {
        "Repeats"
    }

    fn ships(&self) -> Option<&Shipments> {
        Some(&self.ships)
    }

    fn verdict(&self, at: usize) -> Self::Verdict {
        let record = self.record(at)?;
        let group = self.known[self.group[at] as usize];
        let repeat = group.and_then(|group| self.model.score_one(group as usize, &record, self.own));
        Some((record, repeat))
    }

    fn value(&self, column: ScoreColumn, at: usize, verdict: &Self::Verdict) -> f64 {
        let Some((_, repeat)) = verdict else { return f64::NAN };
        let repeat = repeat.as_ref();
        match column {
            ScoreColumn::Score => repeat.map_or(0.0, |r| -libm::log10(r.p.max(1e-300)) + 0.0),
            ScoreColumn::PValue => repeat.map_or(1.0, |r| r.p),
            ScoreColumn::Direction => f64::NAN,
            ScoreColumn::Observed => repeat.map_or(0.0, |r| r.like as f64),
            ScoreColumn::Expected => repeat.map_or(0.0, |r| r.rate * r.among as f64),
            ScoreColumn::Peers => self.known[self.group[at] as usize]
                .map_or(0.0, |g| (self.model.starts[g as usize + 1] - self.model.starts[g as usize]) as f64),
        }
    }

    fn peer(&self, at: usize, _verdict: &Self::Verdict) -> Option<String> {
        self.known[self.group[at] as usize].map(|g| self.model.group_keys.name(g as usize))
    }

    fn reason(&self, at: usize, verdict: &Self::Verdict) -> String {
        let row = self.ships.rows.row(at);
        if let Some(why) = unusable("value", self.columns.value[row]) {
            return why;
        }
        if self.nameless[self.group[at] as usize] {
            return "not scored: the parties are not known".into();
        }
        let Some((record, repeat)) = verdict else { return "not scored: date is missing".into() };
        let days = self.model.settings.window;
        let Some(repeat) = repeat else {
            return format!("no shipment of the same parties and code within {days} days is like it");
        };
        let others = format!("{} of {} other shipments of the same parties and code", repeat.like, repeat.among);
        let chance = format!("{} expected by chance", figure(repeat.rate * repeat.among as f64));
        match repeat.kind {
            Kind::Duplicate => format!(
                "{others} on {} have the same value {} and the same weight; {chance}",
                iso(record.day),
                figure(record.value)
            ),
            Kind::Near => format!(
                "{others} within {days} days have a value within {} % of {}; {chance}",
                figure(100.0 * self.model.settings.tolerance),
                figure(record.value)
            ),
            Kind::Split => format!(
                "{others} within {days} days are, like this one ({}), just under {}; together they exceed it; {chance}",
                figure(record.value),
                figure(self.model.settings.threshold.unwrap_or(f64::NAN))
            ),
        }
    }

    fn at_stake(&self, at: usize, _verdict: &Self::Verdict) -> f64 {
        self.columns.value[self.ships.rows.row(at)]
    }

    fn evidence(&self) -> Vec<Evidence<Self>> {
        let kind = |_: &Self, _: usize, verdict: &Self::Verdict| {
            let repeat = verdict.as_ref()?.1.as_ref()?;
            Some(repeat.kind.name().to_owned())
        };
        vec![Evidence { name: "kind", read: Reader::Text(kind) }]
    }
}
