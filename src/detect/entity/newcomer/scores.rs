//! A row an entity.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array};
use arrow::datatypes::{DataType, Field};

use super::{EntityStatus, FirstSeen, Model, OLD, SEEN};
use crate::error::Result;
use crate::evidence::wording::{as_much, figure};
use crate::evidence::{Cautions, SHARE, ScoreColumn, Scores};
use crate::flows::Flows;
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::store::iso;

pub struct NewcomerScores {
    pub model: Arc<Model>,
    pub flows: Flows,
    pub here: GroupKeys,
    pub fates: Vec<EntityStatus>,
    pub cells_of: Vec<Vec<usize>>,
}

impl NewcomerScores {
    fn debut(&self, at: usize) -> Option<&FirstSeen> {
        match &self.fates[at] {
            EntityStatus::New(debut) if !debut.p.is_nan() => Some(debut),
            _ => None,
        }
    }

    fn founded(&self, at: usize) -> Option<i32> {
        let name = self.here.value(at, 0);
        let list = &self.model.settings.founded;
        list.binary_search_by(|f| f.0.as_str().cmp(&name)).ok().map(|i| list[i].1)
    }
}

impl Scores for NewcomerScores {
    fn detector(&self) -> &'static str {
        "Newcomer"
    }

    fn groups(&self) -> Option<&GroupKeys> {
        Some(&self.here)
    }

    fn value(&self, column: ScoreColumn, at: usize) -> f64 {
        let Some(d) = self.debut(at) else { return f64::NAN };
        match column {
            ScoreColumn::Score => d.excess().max(0.0),
            ScoreColumn::PValue => d.p,
            ScoreColumn::Direction => d.x - d.centre,
            ScoreColumn::Observed => d.volume,
            ScoreColumn::Expected => libm::exp(d.centre) * f64::from(d.days) / f64::from(self.model.settings.window),
            ScoreColumn::Peers => d.peers as f64,
        }
    }

    fn peer(&self, at: usize) -> Option<String> {
        self.debut(at).map(|d| d.cohort.clone())
    }

    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_>> {
        Ok(Box::new(|at: usize| {
            let d = self.debut(at)?;
            if let Some(day) = self.founded(at).filter(|day| d.first - day > OLD) {
                return Some(format!(
                    "it was founded on {}, {} years before it was first seen: these data may begin late for it",
                    iso(day),
                    (d.first - day) / 365
                ));
            }
            (d.days < self.model.settings.window).then(|| {
                format!(
                    "seen for {} of the {} days of the window: its volume is scaled up",
                    d.days, self.model.settings.window
                )
            })
        }))
    }

    fn reason(&self, at: usize) -> String {
        let settings = &self.model.settings;
        let measure = &settings.measure;
        match &self.fates[at] {
            EntityStatus::Old(first) => format!(
                "not scored: seen since {}, within the first {} days of the data, so it may be older",
                iso(*first),
                settings.burn_in
            ),
            EntityStatus::TooLate(first) => {
                format!("not scored: first seen on {}, fewer than {SEEN} days before the end of the data", iso(*first))
            }
            EntityStatus::New(d) if d.p.is_nan() => {
                if d.x.is_nan() {
                    format!("not scored: no positive {measure} in its first {} days", d.days)
                } else {
                    "not scored: too few newcomers to compare it with".into()
                }
            }
            EntityStatus::New(d) => {
                let seen = match d.slept {
                    Some(day) => format!("seen again on {} after a sleep since {}", iso(d.first), iso(day)),
                    None => format!("first seen on {}", iso(d.first)),
                };
                let age = match self.founded(at) {
                    Some(day) if day <= d.first => format!(", founded {} days before", d.first - day),
                    Some(day) => format!(", {} days before it was founded", day - d.first),
                    None => String::new(),
                };
                let expected = self.value(ScoreColumn::Expected, at);
                format!(
                    "{seen}{age}; {measure} {} in {} records over {} days, {} as the middle one of the {} {}",
                    figure(d.volume),
                    figure(d.records as f64),
                    d.days,
                    as_much(d.volume / expected),
                    figure(d.peers as f64),
                    d.cohort
                )
            }
        }
    }

    fn at_stake(&self, at: usize) -> f64 {
        self.value(ScoreColumn::Observed, at)
    }

    fn evidence(&self) -> Vec<Field> {
        vec![
            Field::new("first_seen", DataType::Date32, true),
            Field::new("slept_since", DataType::Date32, true),
            Field::new("founded", DataType::Date32, true),
            Field::new("days", DataType::Int64, true),
            Field::new("records", DataType::Int64, true),
        ]
    }

    fn evidence_column(&self, column: usize, range: std::ops::Range<usize>, progress: &Progress) -> Result<ArrayRef> {
        let days = |value: &(dyn Fn(usize) -> Option<i32> + Send + Sync)| -> Result<ArrayRef> {
            Ok(Arc::new(progress.each(range.clone(), SHARE, value)?.into_iter().collect::<Date32Array>()))
        };
        let counts = |value: fn(&FirstSeen) -> i64| -> Result<ArrayRef> {
            let made = progress.each(range.clone(), SHARE, |at| self.debut(at).map(value))?;
            Ok(Arc::new(made.into_iter().collect::<Int64Array>()))
        };
        match column {
            0 => days(&|at| match &self.fates[at] {
                EntityStatus::Old(day) | EntityStatus::TooLate(day) => Some(*day),
                EntityStatus::New(d) => Some(d.first),
            }),
            1 => days(&|at| self.debut(at)?.slept),
            2 => days(&|at| self.founded(at)),
            3 => counts(|d| i64::from(d.days)),
            _ => counts(|d| d.records as i64),
        }
    }

    /// The records of the window.
    fn rows(&self, at: usize) -> Result<Vec<u32>> {
        let Some(d) = self.debut(at) else { return Ok(Vec::new()) };
        let within = |c: &usize| {
            let day = self.flows.periods[self.flows.cells[*c].at as usize];
            day >= d.first && day < d.first.saturating_add(self.model.settings.window)
        };
        Ok(self.cells_of[at].iter().copied().filter(within).flat_map(|c| self.flows.rows(c).to_vec()).collect())
    }
}
