//! A row an entity.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array};
use arrow::datatypes::{DataType, Field};

use super::{Debut, Fate, Model, OLD, SEEN};
use crate::error::Result;
use crate::evidence::wording::{as_much, number};
use crate::evidence::{Cautions, Number, SHARE, Scores};
use crate::flows::Flows;
use crate::group::Combos;
use crate::progress::Watch;
use crate::store::iso;

pub struct DebutScores {
    pub model: Arc<Model>,
    pub flows: Flows,
    pub here: Combos,
    pub fates: Vec<Fate>,
    pub cells_of: Vec<Vec<usize>>,
}

impl DebutScores {
    fn debut(&self, at: usize) -> Option<&Debut> {
        match &self.fates[at] {
            Fate::New(debut) if !debut.p.is_nan() => Some(debut),
            _ => None,
        }
    }

    fn founded(&self, at: usize) -> Option<i32> {
        let name = self.here.value(at, 0);
        let list = &self.model.settings.founded;
        list.binary_search_by(|f| f.0.as_str().cmp(&name)).ok().map(|i| list[i].1)
    }
}

impl Scores for DebutScores {
    fn detector(&self) -> &'static str {
        "Newcomer"
    }

    fn groups(&self) -> Option<&Combos> {
        Some(&self.here)
    }

    fn number(&self, what: Number, at: usize) -> f64 {
        let Some(d) = self.debut(at) else { return f64::NAN };
        match what {
            Number::Score => d.excess().max(0.0),
            Number::PValue => d.p,
            Number::Direction => d.x - d.centre,
            Number::Observed => d.volume,
            Number::Expected => libm::exp(d.centre) * f64::from(d.days) / f64::from(self.model.settings.window),
            Number::Peers => d.peers as f64,
        }
    }

    fn peer(&self, at: usize) -> Option<String> {
        self.debut(at).map(|d| d.cohort.clone())
    }

    fn cautions(&self, _watch: &Watch) -> Result<Cautions<'_>> {
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
            Fate::Old(first) => format!(
                "not scored: seen since {}, within the first {} days of the data, so it may be older",
                iso(*first),
                settings.burn_in
            ),
            Fate::TooLate(first) => {
                format!("not scored: first seen on {}, fewer than {SEEN} days before the end of the data", iso(*first))
            }
            Fate::New(d) if d.p.is_nan() => {
                if d.x.is_nan() {
                    format!("not scored: no positive {measure} in its first {} days", d.days)
                } else {
                    "not scored: too few newcomers to compare it with".into()
                }
            }
            Fate::New(d) => {
                let seen = match d.slept {
                    Some(day) => format!("seen again on {} after a sleep since {}", iso(d.first), iso(day)),
                    None => format!("first seen on {}", iso(d.first)),
                };
                let age = match self.founded(at) {
                    Some(day) if day <= d.first => format!(", founded {} days before", d.first - day),
                    Some(day) => format!(", {} days before it was founded", day - d.first),
                    None => String::new(),
                };
                let expected = self.number(Number::Expected, at);
                format!(
                    "{seen}{age}; {measure} {} in {} records over {} days, {} as the middle one of the {} {}",
                    number(d.volume),
                    number(d.records as f64),
                    d.days,
                    as_much(d.volume / expected),
                    number(d.peers as f64),
                    d.cohort
                )
            }
        }
    }

    fn at_stake(&self, at: usize) -> f64 {
        self.number(Number::Observed, at)
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

    fn proof(&self, column: usize, range: std::ops::Range<usize>, watch: &Watch) -> Result<ArrayRef> {
        let days = |value: &(dyn Fn(usize) -> Option<i32> + Send + Sync)| -> Result<ArrayRef> {
            Ok(Arc::new(watch.each(range.clone(), SHARE, value)?.into_iter().collect::<Date32Array>()))
        };
        let counts = |value: fn(&Debut) -> i64| -> Result<ArrayRef> {
            let made = watch.each(range.clone(), SHARE, |at| self.debut(at).map(value))?;
            Ok(Arc::new(made.into_iter().collect::<Int64Array>()))
        };
        match column {
            0 => days(&|at| match &self.fates[at] {
                Fate::Old(day) | Fate::TooLate(day) => Some(*day),
                Fate::New(d) => Some(d.first),
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
