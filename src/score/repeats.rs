//! `Repeats`: the same consignment twice, or one consignment in pieces?
//!
//! Shipments of the same parties and code are compared with those a few days off: how many have the
//! very same day, value and weight (a duplicate), how many nearly the same value (a near duplicate),
//! and how many lie just under a threshold that all together exceed (a split). Each count is judged
//! by the binomial tail with the rate at which other parties' shipments of the same code do so; with
//! a near duplicate, by the rate among the parties' own shipments outside the window too, because a
//! standing order repeats itself. The least of the p-values counts, times how many were asked.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Field};
use rayon::prelude::*;

use super::members::{lists, plain, read_lists, same_lengths};
use super::phrase::{number, unusable};
use super::scores::{Number, Scores};
use super::{Detector, Fit, SharedFit, SharedScores};
use crate::aggregate::table;
use crate::error::{Error, Result};
use crate::group::{Combos, GroupIndex, IndexCache, resolve};
use crate::stats::{binomial_upper, exact_sum};
use crate::store::{NULL_DAY, Role, Shipments, iso};
use crate::watch::Watch;

/// The parties' own shipments outside the window that their own rate needs.
const OWN_RATE: usize = 5;

#[derive(Clone, Debug, PartialEq)]
pub struct Repeats {
    /// Days on either side.
    pub window: i32,
    /// Values that differ by no more than this share are nearly the same.
    pub tolerance: f64,
    /// A value that consignments may be kept under, in the currency of the source.
    pub threshold: Option<f64>,
    /// How far under the threshold is just under it, as a share.
    pub band: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Record {
    day: i32,
    value: f64,
    /// NaN where it is not known.
    weight: f64,
}

impl Record {
    fn order(&self) -> (i32, i64, i64) {
        (self.day, crate::stats::encode(self.value), crate::stats::encode(self.weight))
    }

    fn same(&self, other: &Record) -> bool {
        self.day == other.day && self.value == other.value && self.weight.to_bits() == other.weight.to_bits()
    }
}

struct Model {
    settings: Repeats,
    keys: Vec<String>,
    /// Shipments of the same parties and code, by day, value and weight.
    combos: Combos,
    starts: Vec<usize>,
    records: Vec<Record>,
    /// All values of each code, ascending, and the code of each group.
    codes: Vec<Vec<f64>>,
    code_of: Vec<u32>,
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
        combos: Combos,
        starts: Vec<usize>,
        mut records: Vec<Record>,
        watch: &Watch,
    ) -> Result<Model> {
        for g in 0..combos.groups() {
            records[starts[g]..starts[g + 1]].sort_unstable_by_key(Record::order);
        }
        watch.check()?;
        let hs = keys.iter().position(|k| k == Role::Hs.name());
        let (groups, code_of) = match hs {
            Some(at) => {
                let (codes, of) = combos.project(&keys[at..=at])?.distinct()?;
                (codes.groups(), of)
            }
            None => (1, vec![0; combos.groups()]),
        };
        let mut codes: Vec<Vec<f64>> = vec![Vec::new(); groups];
        for g in 0..combos.groups() {
            codes[code_of[g] as usize].extend(records[starts[g]..starts[g + 1]].iter().map(|r| r.value));
        }
        codes.par_iter_mut().for_each(|values| values.sort_unstable_by(f64::total_cmp));
        Ok(Model { settings: self.clone(), keys, combos, starts, records, codes, code_of })
    }

    fn learn(&self, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<(Model, Arc<GroupIndex>)> {
        self.check()?;
        let keys = Repeats::keys(ships)?;
        let columns = Columns::load(ships, watch)?;
        let index = cache.get(ships, &resolve(&ships.store, &keys)?, watch)?;
        let mut starts = vec![0];
        let mut records = Vec::with_capacity(index.order.len());
        for g in 0..index.groups() {
            records.extend(index.rows(g).iter().filter_map(|&row| columns.record(row as usize)));
            starts.push(records.len());
        }
        Ok((self.model(keys.clone(), Combos::of_index(&index, &keys), starts, records, watch)?, index))
    }
}

struct Columns {
    days: Arc<Vec<i32>>,
    value: ScalarBuffer<f64>,
    weight: Option<ScalarBuffer<f64>>,
}

impl Columns {
    fn load(ships: &Shipments, watch: &Watch) -> Result<Columns> {
        Ok(Columns {
            days: ships.store.days(watch)?,
            value: ships.store.role_numbers(Role::Value, watch)?,
            weight: ships.store.optional_numbers(Role::NetWeight, watch)?,
        })
    }

    fn record(&self, row: usize) -> Option<Record> {
        let (day, value) = (self.days[row], self.value[row]);
        let weight = self.weight.as_ref().map_or(f64::NAN, |w| w[row]);
        let weight = if weight.is_nan() { f64::NAN } else { weight };
        (day != NULL_DAY && value > 0.0 && value.is_finite()).then_some(Record { day, value, weight })
    }
}

impl Detector for Repeats {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<SharedFit> {
        Ok(Arc::new(self.learn(ships, cache, watch)?.0))
    }

    fn fit_score(&self, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<(SharedFit, SharedScores)> {
        let (model, index) = self.learn(ships, cache, watch)?;
        let model = Arc::new(model);
        let known = (0..model.combos.groups() as u32).map(Some).collect();
        let scores = RepeatScores::new(model.clone(), ships, &index, known, true, watch)?;
        Ok((model, Arc::new(scores)))
    }

    fn restore(&self, states: &[RecordBatch], watch: &Watch) -> Result<SharedFit> {
        self.check()?;
        let known = ["hs", "exporter", "importer", "origin", "destination", "reported_by"];
        let keys: Vec<String> = known
            .into_iter()
            .filter(|k| states.iter().any(|s| s.column_by_name(k).is_some()))
            .map(str::to_owned)
            .collect();
        let names = ["days", "values", "weights"];
        let (combos, [days, values, weights]) = read_lists(states, &keys, names, "Repeats", watch)?;
        same_lengths(&[&days, &values, &weights], &names, "Repeats")?;
        let numbers = days.values.iter().zip(&values.values).zip(&weights.values);
        let records = numbers.map(|((&day, &value), &weight)| Record { day: day as i32, value, weight }).collect();
        Ok(Arc::new(self.model(keys, combos, days.starts, records, watch)?))
    }
}

impl Fit for Model {
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<SharedScores> {
        let index = cache.get(ships, &resolve(&ships.store, &self.keys)?, watch)?;
        let here = Combos::of_index(&index, &self.keys);
        let known = self.combos.find(&here)?;
        Ok(Arc::new(RepeatScores::new(self, ships, &index, known, false, watch)?))
    }

    /// A row a group of the same parties and code: the keys, `n`, and lists of `days` (since
    /// 1970-01-01), `values` and `weights`.
    fn state(&self) -> Result<RecordBatch> {
        let groups = self.combos.groups();
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        for (k, key) in self.keys.iter().enumerate() {
            columns.push((key.clone(), plain(&self.combos.labels(k)?)?));
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Duplicate,
    Near,
    Split,
}

/// What was found about a shipment.
struct Verdict {
    kind: Kind,
    /// Others like it, others in reach, and the chance of each to be like it.
    like: usize,
    among: usize,
    rate: f64,
    p: f64,
}

impl Model {
    /// How many values of the code lie in a range, those of the group left out, and how many are not of
    /// the group.
    fn elsewhere(&self, group: usize, low: f64, high: f64) -> (usize, usize) {
        let all = &self.codes[self.code_of[group] as usize];
        let own = &self.records[self.starts[group]..self.starts[group + 1]];
        let within = all.partition_point(|&v| v <= high) - all.partition_point(|&v| v < low);
        let mine = own.iter().filter(|r| r.value >= low && r.value <= high).count();
        (within - mine, all.len() - own.len())
    }

    /// The best of the three explanations; `None` where nothing is like it.
    fn judge(&self, group: usize, record: &Record, own: bool) -> Option<Verdict> {
        let settings = &self.settings;
        let records = &self.records[self.starts[group]..self.starts[group + 1]];
        let from = records.partition_point(|r| r.day < record.day.saturating_sub(settings.window));
        let to = records.partition_point(|r| r.day <= record.day.saturating_add(settings.window));
        // The shipment itself is among the fitted ones, once.
        let itself = usize::from(own);
        let near = &records[from..to];
        let among = near.len().saturating_sub(itself);
        if among == 0 {
            return None;
        }
        let (low, high) = (record.value / (1.0 + settings.tolerance), record.value * (1.0 + settings.tolerance));
        let alike = |r: &&Record| r.value >= low && r.value <= high;
        let mut best: Option<Verdict> = None;
        let mut put = |kind, like: usize, among: usize, rate: f64| {
            let p = binomial_upper(like, among, rate);
            if like > 0 && best.as_ref().is_none_or(|b| p < b.p) {
                best = Some(Verdict { kind, like, among, rate, p });
            }
        };
        let same_day = near.iter().filter(|r| r.day == record.day).count().saturating_sub(itself);
        let same = near.iter().filter(|r| r.same(record)).count().saturating_sub(itself);
        let rate = |(within, total): (usize, usize)| (within as f64 + 0.5) / (total as f64 + 1.0);
        put(Kind::Duplicate, same, same_day, rate(self.elsewhere(group, record.value, record.value)));
        let like = near.iter().filter(alike).count().saturating_sub(itself);
        let mut chance = rate(self.elsewhere(group, low, high));
        let (before, after) = (&records[..from], &records[to..]);
        let outside = before.len() + after.len();
        if outside >= OWN_RATE {
            let own_like = before.iter().chain(after).filter(alike).count();
            chance = chance.max(own_like as f64 / outside as f64);
        }
        put(Kind::Near, like, among, chance.min(1.0));
        if let Some(threshold) = settings.threshold {
            let floor = threshold * (1.0 - settings.band);
            let under = |value: f64| value >= floor && value < threshold;
            let parts: Vec<f64> = near.iter().map(|r| r.value).filter(|&v| under(v)).collect();
            let total = exact_sum(&parts) + if own { 0.0 } else { record.value };
            if under(record.value) && total >= threshold {
                // The largest value below the threshold ends the band.
                let (within, total) = self.elsewhere(group, floor, f64::from_bits(threshold.to_bits() - 1));
                put(Kind::Split, parts.len().saturating_sub(itself), among, rate((within, total)));
            }
        }
        let asked = if settings.threshold.is_some() { 3.0 } else { 2.0 };
        best.map(|b| Verdict { p: (b.p * asked).min(1.0), ..b })
    }
}

struct RepeatScores {
    model: Arc<Model>,
    ships: Shipments,
    columns: Columns,
    group: Vec<u32>,
    known: Vec<Option<u32>>,
    /// Groups whose exporter and importer are both not known: their shipments have nothing in common.
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
        watch: &Watch,
    ) -> Result<RepeatScores> {
        let parties = |key: &String| *key == Role::Exporter.name() || *key == Role::Importer.name();
        let parties: Vec<usize> = (0..model.keys.len()).filter(|&k| parties(&model.keys[k])).collect();
        let null = |g: usize, k: usize| index.keys.code(g, k) as usize == index.keys.distinct(k).len();
        let nameless = (0..index.groups()).map(|g| parties.iter().all(|&k| null(g, k))).collect();
        Ok(RepeatScores {
            nameless,
            model,
            ships: ships.clone(),
            columns: Columns::load(ships, watch)?,
            group: index.group_of_positions(ships),
            known,
            own,
        })
    }

    fn record(&self, at: usize) -> Option<Record> {
        let named = !self.nameless[self.group[at] as usize];
        self.columns.record(self.ships.rows.row(at)).filter(|_| named)
    }

    fn verdict(&self, at: usize) -> Option<Verdict> {
        let group = self.known[self.group[at] as usize]?;
        self.model.judge(group as usize, &self.record(at)?, self.own)
    }

    fn kind(&self, at: usize) -> Option<&'static str> {
        self.verdict(at).map(|v| match v.kind {
            Kind::Duplicate => "duplicate",
            Kind::Near => "near duplicate",
            Kind::Split => "split",
        })
    }
}

impl Scores for RepeatScores {
    fn detector(&self) -> &'static str {
        "Repeats"
    }

    fn ships(&self) -> Option<&Shipments> {
        Some(&self.ships)
    }

    fn number(&self, what: Number, at: usize) -> f64 {
        if self.record(at).is_none() {
            return f64::NAN;
        }
        let verdict = self.verdict(at);
        match what {
            Number::Score => verdict.map_or(0.0, |v| -libm::log10(v.p.max(1e-300)) + 0.0),
            Number::PValue => verdict.map_or(1.0, |v| v.p),
            Number::Direction => f64::NAN,
            Number::Observed => verdict.map_or(0.0, |v| v.like as f64),
            Number::Expected => verdict.map_or(0.0, |v| v.rate * v.among as f64),
            Number::Peers => self.known[self.group[at] as usize]
                .map_or(0.0, |g| (self.model.starts[g as usize + 1] - self.model.starts[g as usize]) as f64),
        }
    }

    fn peer(&self, at: usize) -> Option<String> {
        self.known[self.group[at] as usize].map(|g| self.model.combos.name(g as usize))
    }

    fn reason(&self, at: usize) -> String {
        let row = self.ships.rows.row(at);
        if let Some(why) = unusable("value", self.columns.value[row]) {
            return why;
        }
        if self.nameless[self.group[at] as usize] {
            return "not scored: the parties are not known".into();
        }
        let Some(record) = self.record(at) else { return "not scored: date is missing".into() };
        let days = self.model.settings.window;
        let Some(verdict) = self.verdict(at) else {
            return format!("no shipment of the same parties and code within {days} days is like it");
        };
        let others = format!("{} of {} other shipments of the same parties and code", verdict.like, verdict.among);
        let chance = format!("{} expected by chance", number(verdict.rate * verdict.among as f64));
        match verdict.kind {
            Kind::Duplicate => format!(
                "{others} on {} have the very same value {} and weight; {chance}",
                iso(record.day),
                number(record.value)
            ),
            Kind::Near => format!(
                "{others} within {days} days have a value within {} % of {}; {chance}",
                number(100.0 * self.model.settings.tolerance),
                number(record.value)
            ),
            Kind::Split => format!(
                "{others} within {days} days lie like this one ({}) just under {}, which together they exceed; {chance}",
                number(record.value),
                number(self.model.settings.threshold.unwrap_or(f64::NAN))
            ),
        }
    }

    fn at_stake(&self, at: usize) -> f64 {
        self.columns.value[self.ships.rows.row(at)]
    }

    fn evidence(&self) -> Vec<Field> {
        vec![Field::new("kind", DataType::Utf8View, true)]
    }

    fn proof(&self, _column: usize, range: std::ops::Range<usize>) -> Result<ArrayRef> {
        let kinds: Vec<Option<&str>> = range.into_par_iter().with_min_len(1 << 12).map(|at| self.kind(at)).collect();
        Ok(Arc::new(kinds.into_iter().collect::<StringViewArray>()))
    }
}
