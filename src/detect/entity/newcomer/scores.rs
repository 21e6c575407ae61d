//! The scores: one row for each entity.

use std::sync::Arc;

use super::first_seen::EntityStatus;
use super::model::{Model, SEEN};
use crate::error::Result;
use crate::evidence::wording::{as_much, figure};
use crate::evidence::{Cautions, Evidence, Reader, ScoreColumn, Verdicts};
use crate::flows::Flows;
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::store::iso;

/// A firm is old if it was founded more than this many days before its first record.
const OLD: i32 = 5 * 365;

pub struct NewcomerScores {
    pub model: Arc<Model>,
    pub flows: Flows,
    pub here: GroupKeys,
    pub statuses: Vec<EntityStatus>,
    /// The founding date of each entity, if known.
    pub founded: Vec<Option<i32>>,
    pub cells_of: Vec<Vec<usize>>,
}

/// A newcomer compared with its cohort.
#[derive(Clone, Copy)]
pub struct Comparison {
    /// Scales above the centre of the cohort.
    excess: f64,
    p_value: f64,
    /// Log volume less the centre of the cohort.
    above: f64,
    volume: f64,
    expected: f64,
    peers: usize,
    records: usize,
    first: i32,
    /// The last day before the pause, if there was one.
    slept: Option<i32>,
    /// Days of the window that the data hold.
    days: i32,
}

/// Why an entity has no score, with the day it was first seen.
#[derive(Clone, Copy)]
pub enum NotScored {
    Old(i32),
    TooLate(i32),
    /// Nothing positive in its first window; the second number is the length in days.
    NoVolume(i32, i32),
    TooFewNewcomers(i32),
}

type NewcomerVerdict = std::result::Result<Comparison, NotScored>;

impl NewcomerScores {
    /// The name of a newcomer's cohort.
    fn cohort(&self, at: usize) -> &str {
        if let EntityStatus::New(first_seen) = &self.statuses[at] { &first_seen.cohort } else { "" }
    }
}

impl Verdicts for NewcomerScores {
    type Verdict = NewcomerVerdict;

    fn detector(&self) -> &'static str {
        "Newcomer"
    }

    fn groups(&self) -> Option<&GroupKeys> {
        Some(&self.here)
    }

    fn verdict(&self, at: usize) -> NewcomerVerdict {
        let n = match &self.statuses[at] {
            EntityStatus::Old(first) => return Err(NotScored::Old(*first)),
            EntityStatus::TooLate(first) => return Err(NotScored::TooLate(*first)),
            EntityStatus::New(n) => n,
        };
        if n.p.is_nan() {
            return Err(if n.log_volume.is_nan() {
                NotScored::NoVolume(n.first, n.days)
            } else {
                NotScored::TooFewNewcomers(n.first)
            });
        }
        Ok(Comparison {
            excess: n.excess(),
            p_value: n.p,
            above: n.log_volume - n.centre,
            volume: n.volume,
            expected: libm::exp(n.centre) * f64::from(n.days) / f64::from(self.model.settings.window),
            peers: n.peers,
            records: n.records,
            first: n.first,
            slept: n.slept,
            days: n.days,
        })
    }

    fn value(&self, column: ScoreColumn, _at: usize, verdict: &NewcomerVerdict) -> f64 {
        let Ok(c) = verdict else { return f64::NAN };
        match column {
            ScoreColumn::Score => c.excess.max(0.0),
            ScoreColumn::PValue => c.p_value,
            ScoreColumn::Direction => c.above,
            ScoreColumn::Observed => c.volume,
            ScoreColumn::Expected => c.expected,
            ScoreColumn::Peers => c.peers as f64,
        }
    }

    fn peer(&self, at: usize, verdict: &NewcomerVerdict) -> Option<String> {
        verdict.is_ok().then(|| self.cohort(at).to_owned())
    }

    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_, NewcomerVerdict>> {
        Ok(Box::new(|at, verdict: &NewcomerVerdict| {
            let c = verdict.as_ref().ok()?;
            if let Some(day) = self.founded[at].filter(|day| c.first - day > OLD) {
                return Some(format!(
                    "it was founded on {}, {} years before its first record: the data may lack its earlier records",
                    iso(day),
                    (c.first - day) / 365
                ));
            }
            (c.days < self.model.settings.window).then(|| {
                format!(
                    "seen for {} of the {} days of the window: its volume is scaled up",
                    c.days, self.model.settings.window
                )
            })
        }))
    }

    fn reason(&self, at: usize, verdict: &NewcomerVerdict) -> String {
        let settings = &self.model.settings;
        let measure = &settings.measure;
        let c = match verdict {
            Ok(comparison) => comparison,
            Err(NotScored::Old(first)) => {
                return format!(
                    "not scored: seen since {}, within the first {} days of the data, so it may be older",
                    iso(*first),
                    settings.burn_in
                );
            }
            Err(NotScored::TooLate(first)) => {
                return format!(
                    "not scored: first seen on {}, fewer than {SEEN} days before the end of the data",
                    iso(*first)
                );
            }
            Err(NotScored::NoVolume(_, days)) => {
                return format!("not scored: no positive {measure} in its first {days} days");
            }
            Err(NotScored::TooFewNewcomers(_)) => return "not scored: too few newcomers to compare it with".into(),
        };
        let seen = match c.slept {
            Some(day) => format!("seen again on {} after a pause since {}", iso(c.first), iso(day)),
            None => format!("first seen on {}", iso(c.first)),
        };
        let age = match self.founded[at] {
            Some(day) if day <= c.first => format!(", founded {} days before", c.first - day),
            Some(day) => format!(", {} days before it was founded", day - c.first),
            None => String::new(),
        };
        format!(
            "{seen}{age}; {measure} {} in {} records over {} days, {} as the median of the {} {}",
            figure(c.volume),
            figure(c.records as f64),
            c.days,
            as_much(c.volume / c.expected),
            figure(c.peers as f64),
            self.cohort(at)
        )
    }

    fn at_stake(&self, _at: usize, verdict: &NewcomerVerdict) -> f64 {
        verdict.as_ref().map_or(f64::NAN, |c| c.volume)
    }

    fn evidence(&self) -> Vec<Evidence<Self>> {
        vec![
            Evidence {
                name: "first_seen",
                read: Reader::Day(|_, _, verdict: &NewcomerVerdict| match verdict {
                    Ok(c) => Some(c.first),
                    Err(NotScored::Old(first) | NotScored::TooLate(first)) => Some(*first),
                    Err(NotScored::NoVolume(first, _) | NotScored::TooFewNewcomers(first)) => Some(*first),
                }),
            },
            Evidence {
                name: "slept_since",
                read: Reader::Day(|_, _, verdict: &NewcomerVerdict| verdict.as_ref().ok()?.slept),
            },
            Evidence { name: "founded", read: Reader::Day(|s, at, _| s.founded[at]) },
            Evidence {
                name: "days",
                read: Reader::Count(|_, _, verdict: &NewcomerVerdict| verdict.as_ref().ok().map(|c| i64::from(c.days))),
            },
            Evidence {
                name: "records",
                read: Reader::Count(|_, _, verdict: &NewcomerVerdict| verdict.as_ref().ok().map(|c| c.records as i64)),
            },
        ]
    }

    /// The records of the window.
    fn rows(&self, at: usize, verdict: &NewcomerVerdict) -> Result<Vec<u32>> {
        let Ok(c) = verdict else { return Ok(Vec::new()) };
        let window = c.first..c.first.saturating_add(self.model.settings.window);
        let within = |cell: &usize| window.contains(&self.flows.periods[self.flows.cells[*cell].at as usize]);
        Ok(self.cells_of[at].iter().copied().filter(within).flat_map(|cell| self.flows.rows(cell).to_vec()).collect())
    }
}
