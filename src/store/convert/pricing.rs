//! The rate of each row, from its currency and its date.

use std::sync::Arc;

use rayon::prelude::*;

use super::super::currency::Named;
use super::super::date::Grain;
use super::super::days::NULL_DAY;
use super::super::memory::Store;
use super::super::period::{Every, Period};
use super::super::rates::{Rate, Rates};
use super::super::role::Role;
use super::super::shipments::Shipments;
use super::value_currencies::{Conversion, Currencies, STEP};
use crate::error::{Error, Result};
use crate::progress::Progress;

const PERIODS: [Every; 5] = [Every::Day, Every::Week, Every::Month, Every::Quarter, Every::Year];

/// The outcome for a row with a value.
#[derive(Clone, Copy)]
pub enum Outcome {
    /// It is in the target already.
    Same,
    Rate(Rate),
    NoCurrency,
    Unknown,
    NoDate,
    NoRate,
}

/// The outcomes of the rows of a label.
#[derive(Clone, Debug)]
pub struct Tally {
    pub same: u64,
    pub converted: u64,
    pub no_currency: u64,
    pub unknown: u64,
    pub no_date: u64,
    pub no_rate: u64,
    pub partial: u64,
    pub old: u64,
    pub least: f64,
    pub most: f64,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            same: 0,
            converted: 0,
            no_currency: 0,
            unknown: 0,
            no_date: 0,
            no_rate: 0,
            partial: 0,
            old: 0,
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
        }
    }
}

impl Tally {
    pub fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Same => self.same += 1,
            Outcome::Rate(rate) => {
                self.converted += 1;
                self.partial += u64::from(rate.partial);
                self.old += u64::from(rate.old);
                self.least = self.least.min(rate.rate);
                self.most = self.most.max(rate.rate);
            }
            Outcome::NoCurrency => self.no_currency += 1,
            Outcome::Unknown => self.unknown += 1,
            Outcome::NoDate => self.no_date += 1,
            Outcome::NoRate => self.no_rate += 1,
        }
    }

    pub fn join(&mut self, other: &Tally) {
        self.same += other.same;
        self.converted += other.converted;
        self.no_currency += other.no_currency;
        self.unknown += other.unknown;
        self.no_date += other.no_date;
        self.no_rate += other.no_rate;
        self.partial += other.partial;
        self.old += other.old;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }
}

/// The rates of one label.
enum Price {
    /// The same in every row.
    Fixed(Outcome),
    /// By day, for each kind of period of the dates.
    Dated([Vec<Option<Rate>>; PERIODS.len()]),
}

/// Dates as days, and the kind of period of each row.
struct Dates {
    days: Arc<Vec<i32>>,
    span: Period,
    every: Every,
    /// One for each row, if they differ.
    grains: Option<Arc<Vec<Grain>>>,
    least: Option<Every>,
    /// The kinds of periods that occur.
    told: Vec<Every>,
}

pub struct Pricing {
    prices: Vec<Price>,
    dates: Option<Dates>,
}

impl Pricing {
    pub fn new(
        ships: &Shipments,
        currencies: &Currencies,
        seen: &[bool],
        rates: &Rates,
        asked: &Conversion,
        progress: &Progress,
    ) -> Result<Pricing> {
        let series = |named: &Named| match named {
            Named::Known(currency) if currency.code != rates.to => rates.of(currency.code),
            _ => None,
        };
        let dated = |named: &Named| series(named).is_some_and(|s| s.constant().is_none());
        // Only the rows of this part matter, not the other rows of the source.
        let wanted = currencies.labels.iter().zip(seen).any(|((_, named), seen)| *seen && dated(named));
        let wanted = wanted && asked.date.is_none();
        let dates = if wanted { Some(Dates::of(ships, asked.every, progress)?) } else { None };
        let price = |named: &Named| -> Result<Price> {
            let fixed = |rate: Option<Rate>| Price::Fixed(rate.map_or(Outcome::NoRate, Outcome::Rate));
            Ok(match named {
                Named::Nothing => Price::Fixed(Outcome::NoCurrency),
                Named::Unknown => Price::Fixed(Outcome::Unknown),
                Named::Known(currency) if currency.code == rates.to => Price::Fixed(Outcome::Same),
                Named::Known(_) => match (series(named), asked.date, &dates) {
                    (None, ..) => Price::Fixed(Outcome::NoRate),
                    (Some(series), ..) if series.constant().is_some() => {
                        fixed(series.constant().map(|rate| Rate { rate, partial: false, old: false }))
                    }
                    (Some(series), Some(period), _) => fixed(series.over(period)),
                    (Some(series), None, Some(dates)) => {
                        let mut tables = std::array::from_fn(|_| Vec::new());
                        for every in PERIODS.into_iter().filter(|e| dates.told.contains(e)) {
                            tables[every as usize] = series.spread(dates.span, every, progress)?;
                        }
                        Price::Dated(tables)
                    }
                    (Some(_), None, None) => Price::Fixed(Outcome::NoDate),
                },
            })
        };
        let prices = currencies.labels.iter().map(|(_, named)| price(named)).collect::<Result<_>>()?;
        Ok(Pricing { prices, dates })
    }

    pub fn outcome(&self, label: usize, row: usize) -> Outcome {
        match (&self.prices[label], &self.dates) {
            (Price::Fixed(outcome), _) => *outcome,
            (Price::Dated(tables), Some(dates)) => {
                let day = dates.days[row];
                if day == NULL_DAY {
                    return Outcome::NoDate;
                }
                let table = &tables[dates.every(row) as usize];
                let rate = table.get((day - dates.span.first) as usize).copied().flatten();
                rate.map_or(Outcome::NoRate, Outcome::Rate)
            }
            (Price::Dated(_), None) => Outcome::NoDate,
        }
    }

    /// The kinds of periods whose rates are used, if rates change.
    pub fn told(&self) -> &[Every] {
        self.dates.as_ref().map_or(&[], |dates| &dates.told)
    }
}

impl Dates {
    fn of(ships: &Shipments, least: Option<Every>, progress: &Progress) -> Result<Dates> {
        let store = &*ships.store;
        if store.role(Role::Date).is_none() {
            return Err(Error::MissingColumn(
                "the rates have dates and the shipments have none: no column has the role \"date\"; give the \
                 day of the rates with date=\"2023-06\", or name a column of dates with columns={\"date\": ...} \
                 when reading"
                    .into(),
            ));
        }
        let days = store.days(progress)?;
        let ends = |part: usize| {
            let positions = part * STEP..ships.len().min((part + 1) * STEP);
            let known = positions.map(|p| days[ships.rows.row(p)]).filter(|d| *d != NULL_DAY);
            known.fold((i32::MAX, i32::MIN), |(a, b), day| (a.min(day), b.max(day)))
        };
        let parts = (0..ships.len().div_ceil(STEP)).into_par_iter().map(ends);
        let (first, last) = parts.reduce(|| (i32::MAX, i32::MIN), |a, b| (a.0.min(b.0), a.1.max(b.1)));
        // Without dates, an empty span.
        let span = if first <= last { Period { first, last } } else { Period { first: 0, last: -1 } };
        let (grain, grains) = grain(store);
        let every = period(grain, least);
        let told = grains.as_ref().map_or_else(|| vec![every], |grains| told(grains, least));
        Ok(Dates { days, span, every, grains, least, told })
    }

    fn every(&self, row: usize) -> Every {
        self.grains.as_ref().map_or(self.every, |grains| period(grains[row], self.least))
    }
}

/// The kinds of periods of rows that differ.
fn told(grains: &[Grain], least: Option<Every>) -> Vec<Every> {
    let all = [Grain::Day, Grain::Month, Grain::Quarter, Grain::Year];
    let here = all.into_iter().filter(|grain| grains.contains(grain));
    let mut told: Vec<Every> = here.map(|grain| period(grain, least)).collect();
    told.dedup();
    told
}

/// The kind of period that the dates give, and that of each row if they differ.
fn grain(store: &Store) -> (Grain, Option<Arc<Vec<Grain>>>) {
    let made = store.role(Role::Date).filter(|a| a.column >= store.own).and(store.made_grain);
    match (made, store.days.get()) {
        (Some(grain), _) => (grain, None),
        (None, Some((_, days))) => (days.grain, days.grains.clone()),
        (None, None) => (Grain::Day, None),
    }
}

/// The period that a date gives, or a longer one if requested.
fn period(grain: Grain, least: Option<Every>) -> Every {
    let own = match grain {
        Grain::Day => Every::Day,
        Grain::Month => Every::Month,
        Grain::Quarter => Every::Quarter,
        Grain::Year => Every::Year,
    };
    least.filter(|every| *every as usize > own as usize).unwrap_or(own)
}
