//! `Repeats`: was a consignment declared twice, or split into several?
//!
//! Shipments of the same parties and code within a few days are compared. Counted are those with the same day, value
//! and weight (duplicates), with almost the same value (near duplicates), and those just under a threshold that they
//! exceed together (splits). Each count gets the tail probability of a binomial distribution with the rate of other
//! parties' shipments of the same code. For a near duplicate the rate is at least that of the parties' own shipments
//! outside the window, because standing orders repeat. The p-value is the smallest of these, times their number.

mod likeness;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::buffer::ScalarBuffer;
use rayon::prelude::*;

use self::likeness::{Kind, LARGE, Large, Repeat};
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::{Error, Result};
use crate::evidence::wording::{figure, unusable};
use crate::evidence::{Evidence, Reader, ScoreColumn, SharedScores, Verdicts};
use crate::group::{GroupIndex, GroupKeys, IndexCache, resolve};
use crate::progress::Progress;
use crate::state::checked::{Rule, wrong};
use crate::state::members::{lists, plain, read_lists, same_lengths};
use crate::store::{NULL_DAY, Role, Shipments, iso};
use crate::table::table;

#[derive(Clone, Debug, PartialEq)]
pub struct Repeats {
    /// Days before and after.
    pub window: i32,
    /// Near duplicates may differ by this share.
    pub tolerance: f64,
    /// A value that consignments may be kept under, in the currency of the source.
    pub threshold: Option<f64>,
    /// The width of the band just under the threshold, as a share.
    pub band: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Record {
    day: i32,
    value: f64,
    /// NaN if unknown.
    weight: f64,
}

impl Record {
    fn order(&self) -> (i32, i64, i64) {
        (self.day, crate::stats::encode(self.value), crate::stats::encode(self.weight))
    }
}

struct Model {
    settings: Repeats,
    keys: Vec<String>,
    /// Shipments of the same parties and code, by day, value and weight.
    group_keys: GroupKeys,
    starts: Vec<usize>,
    records: Vec<Record>,
    /// All values of each code, ascending, and the code of each group.
    codes: Vec<Vec<f64>>,
    code_of: Vec<u32>,
    /// An index for each large group, for fast counting.
    large: Vec<Option<Box<Large>>>,
}

impl Repeats {
    fn check(&self) -> Result<()> {
        if self.window < 0 {
            return Err(Error::Argument(format!("window={}: give 0 or more days", self.window)));
        }
        if !(self.tolerance >= 0.0 && self.tolerance < 0.5) {
            return Err(Error::Argument(format!(
                "tolerance={}: give a share from 0 to 0.5, such as 0.01",
                self.tolerance
            )));
        }
        if !(self.band > 0.0 && self.band < 1.0) {
            return Err(Error::Argument(format!("band={}: give a share between 0 and 1, such as 0.1", self.band)));
        }
        match self.threshold {
            Some(t) if t.is_nan() || t <= 0.0 => {
                Err(Error::Argument(format!("threshold={t}: give a value above 0, such as 10_000")))
            }
            _ => Ok(()),
        }
    }

    fn keys(ships: &Shipments) -> Result<Vec<String>> {
        let has = |role: &Role| ships.store.role(*role).is_some();
        if !has(&Role::Exporter) && !has(&Role::Importer) {
            ships.store.require(Role::Importer)?;
        }
        ships.store.require(Role::Date)?;
        ships.store.require(Role::Value)?;
        // The two reports of one flow are not a repetition.
        let roles = [Role::Hs, Role::Exporter, Role::Importer, Role::Origin, Role::Destination, Role::ReportedBy];
        Ok(roles.iter().filter(|r| has(r)).map(|r| r.name().to_owned()).collect())
    }

    fn model(
        &self,
        keys: Vec<String>,
        group_keys: GroupKeys,
        starts: Vec<usize>,
        mut records: Vec<Record>,
        progress: &Progress,
    ) -> Result<Model> {
        let mut rest = &mut records[..];
        let mut groups: Vec<&mut [Record]> = Vec::with_capacity(group_keys.groups());
        for g in 0..group_keys.groups() {
            let (group, behind) = rest.split_at_mut(starts[g + 1] - starts[g]);
            groups.push(group);
            rest = behind;
        }
        groups.into_par_iter().with_min_len(LARGE).for_each(|group| {
            if !progress.stopped() {
                group.sort_unstable_by_key(Record::order);
            }
        });
        progress.check()?;
        let hs = keys.iter().position(|k| k == Role::Hs.name());
        let (groups, code_of) = match hs {
            Some(at) => {
                let (codes, of) = group_keys.project(&keys[at..=at])?.distinct()?;
                (codes.groups(), of)
            }
            None => (1, vec![0; group_keys.groups()]),
        };
        let mut codes: Vec<Vec<f64>> = vec![Vec::new(); groups];
        for g in 0..group_keys.groups() {
            progress.check()?;
            codes[code_of[g] as usize].extend(records[starts[g]..starts[g + 1]].iter().map(|r| r.value));
        }
        codes.par_iter_mut().for_each(|values| {
            if !progress.stopped() {
                values.sort_unstable_by(f64::total_cmp);
            }
        });
        let large =
            progress.each(0..group_keys.groups(), 1 << 10, |g| Large::of(self, &records[starts[g]..starts[g + 1]]))?;
        Ok(Model { settings: self.clone(), keys, group_keys, starts, records, codes, code_of, large })
    }

    fn learn(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<(Model, Arc<GroupIndex>)> {
        self.check()?;
        let keys = Repeats::keys(ships)?;
        let columns = Columns::load(ships, progress)?;
        let index = cache.get(ships, &resolve(&ships.store, &keys)?, progress)?;
        let mut starts = vec![0];
        let mut records = Vec::with_capacity(index.order.len());
        for g in 0..index.groups() {
            progress.check()?;
            records.extend(index.rows(g).iter().filter_map(|&row| columns.record(row as usize)));
            starts.push(records.len());
        }
        Ok((self.model(keys.clone(), GroupKeys::of_index(&index, &keys), starts, records, progress)?, index))
    }
}

struct Columns {
    days: Arc<Vec<i32>>,
    value: ScalarBuffer<f64>,
    weight: Option<ScalarBuffer<f64>>,
}

impl Columns {
    fn load(ships: &Shipments, progress: &Progress) -> Result<Columns> {
        Ok(Columns {
            days: ships.store.days(progress)?,
            value: ships.store.role_numbers(Role::Value, progress)?,
            weight: ships.store.optional_numbers(Role::NetWeight, progress)?,
        })
    }

    fn record(&self, row: usize) -> Option<Record> {
        let (day, value) = (self.days[row], self.value[row]);
        let weight = self.weight.as_ref().map_or(f64::NAN, |w| w[row]);
        let weight = if weight.is_nan() { f64::NAN } else { weight };
        (day != NULL_DAY && value > 0.0 && value.is_finite()).then_some(Record { day, value, weight })
    }
}

impl Registered for Repeats {
    const NAME: &'static str = "Repeats";

    fn of_parameters(parameters: &Parameters) -> Result<Repeats> {
        Ok(Repeats {
            window: parameters.days("window")?,
            tolerance: parameters.number("tolerance")?,
            threshold: parameters.optional_number("threshold")?,
            band: parameters.number("band")?,
        })
    }
}

impl Detector for Repeats {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        Ok(Arc::new(self.learn(ships, cache, progress)?.0))
    }

    fn fit_score(
        &self,
        ships: &Shipments,
        cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(SharedFit, SharedScores)> {
        let (model, index) = self.learn(ships, cache, progress)?;
        let model = Arc::new(model);
        let known = (0..model.group_keys.groups() as u32).map(Some).collect();
        let scores = RepeatScores::new(model.clone(), ships, &index, known, true, progress)?;
        Ok((model, Arc::new(scores)))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        let known = ["hs", "exporter", "importer", "origin", "destination", "reported_by"];
        let keys: Vec<String> = known
            .into_iter()
            .filter(|k| states.iter().any(|s| s.column_by_name(k).is_some()))
            .map(str::to_owned)
            .collect();
        if !keys.iter().any(|k| k == "exporter" || k == "importer") {
            return Err(wrong("the state has no column \"exporter\" and none \"importer\"", "Repeats"));
        }
        let names = ["days", "values", "weights"];
        let rules = [(names[0], Rule::DAY), (names[1], Rule::AMOUNT), (names[2], Rule::ANY)];
        let (group_keys, [days, values, weights]) = read_lists(states, &keys, rules, "Repeats", progress)?;
        same_lengths(&[&days, &values, &weights], &names, "Repeats")?;
        let numbers = days.values.iter().zip(&values.values).zip(&weights.values);
        let records = numbers.map(|((&day, &value), &weight)| Record { day: day as i32, value, weight }).collect();
        Ok(Arc::new(self.model(keys, group_keys, days.starts, records, progress)?))
    }
}

impl Fit for Model {
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let index = cache.get(ships, &resolve(&ships.store, &self.keys)?, progress)?;
        let here = GroupKeys::of_index(&index, &self.keys);
        let known = self.group_keys.find(&here, progress)?;
        Ok(Arc::new(RepeatScores::new(self, ships, &index, known, false, progress)?))
    }

    /// One row for each group of the same parties and code: the keys, `n`, and lists of `days` (since 1970-01-01),
    /// `values` and `weights`.
    fn state(&self, _progress: &Progress) -> Result<RecordBatch> {
        let groups = self.group_keys.groups();
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        for (k, key) in self.keys.iter().enumerate() {
            columns.push((key.clone(), plain(&self.group_keys.labels(k)?)?));
        }
        let n = (0..groups).map(|g| (self.starts[g + 1] - self.starts[g]) as i64);
        columns.push(("n".into(), Arc::new(Int64Array::from_iter_values(n))));
        let mut put = |name: &str, cell: fn(&Record) -> f64| {
            columns.push((name.into(), lists(&self.starts, self.records.iter().map(cell).collect(), groups)));
        };
        put("days", |r| f64::from(r.day));
        put("values", |r| r.value);
        put("weights", |r| r.weight);
        table(columns, groups)
    }
}

struct RepeatScores {
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
    fn new(
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
                "{others} on {} have the very same value {} and weight; {chance}",
                iso(record.day),
                figure(record.value)
            ),
            Kind::Near => format!(
                "{others} within {days} days have a value within {} % of {}; {chance}",
                figure(100.0 * self.model.settings.tolerance),
                figure(record.value)
            ),
            Kind::Split => format!(
                "{others} within {days} days lie like this one ({}) just under {}, which together they exceed; {chance}",
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
