//! The comparison of a shipment with those of the same parties and code.

use std::ops::Range;

use super::model::{Model, Record};
use super::rates::{Known, KnownNear};
use crate::stats::{beta_binomial_upper, binomial_upper, encode, exact_sum};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Duplicate,
    Near,
    Split,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Duplicate => "duplicate",
            Kind::Near => "near duplicate",
            Kind::Split => "split",
        }
    }
}

/// The result for a shipment.
pub struct Repeat {
    pub kind: Kind,
    /// Similar shipments, shipments compared, and the probability that one is similar.
    pub like: usize,
    pub among: usize,
    pub rate: f64,
    pub p: f64,
}

impl Model {
    /// The number of values of the code in a range, and the number of all values of the code, both without those of the
    /// group.
    fn elsewhere(&self, group: usize, low: f64, high: f64) -> (usize, usize) {
        let all = &self.codes[self.code_of[group] as usize];
        let own = self.of(group).len();
        let (low_key, high_key) = (encode(low), encode(high));
        let within = all.partition_point(|a| a.0 <= high_key) - all.partition_point(|a| a.0 < low_key);
        (within.saturating_sub(self.alike(group, 0..own, low, high)), all.len() - own)
    }

    /// The positions of a group's records in the window of a record.
    pub(super) fn window(&self, group: usize, record: &Record) -> Range<usize> {
        let (records, days) = (self.of(group), self.settings.window);
        let from = records.partition_point(|r| r.day < record.day.saturating_sub(days));
        let to = records.partition_point(|r| r.day <= record.day.saturating_add(days));
        from..to
    }

    /// How often the value and weight of a record occur outside its window.
    pub(super) fn known(&self, group: usize, record: &Record, window: Range<usize>) -> Known {
        let records = self.of(group);
        let order = &self.by_amount[self.starts[group]..self.starts[group + 1]];
        let amount = record.amount();
        let from = order.partition_point(|&at| records[at as usize].amount() < amount);
        let same = order[from..].partition_point(|&at| records[at as usize].amount() == amount);
        let run = &order[from..from + same];
        let near = run.partition_point(|&at| (at as usize) < window.end)
            - run.partition_point(|&at| (at as usize) < window.start);
        let all = &self.codes[self.code_of[group] as usize];
        let everywhere = all.partition_point(|a| *a <= amount) - all.partition_point(|a| *a < amount);
        Known {
            far: records.len() - window.len(),
            far_same: same - near,
            others: all.len() - records.len(),
            others_same: everywhere - same,
        }
    }

    /// The values within the tolerance.
    fn tolerated(&self, record: &Record) -> (f64, f64) {
        let wide = 1.0 + self.settings.tolerance;
        (record.value / wide, record.value * wide)
    }

    /// How often values within the tolerance of a record occur outside its window.
    pub(super) fn known_near(&self, group: usize, record: &Record, window: Range<usize>) -> KnownNear {
        let (low, high) = self.tolerated(record);
        let records = self.of(group).len();
        let own = self.alike(group, 0..records, low, high);
        KnownNear {
            far: records - window.len(),
            far_near: own - self.alike(group, window, low, high),
            elsewhere: rate(self.elsewhere(group, low, high)),
        }
    }

    pub(super) fn of(&self, group: usize) -> &[Record] {
        &self.records[self.starts[group]..self.starts[group + 1]]
    }

    /// The number of values in a range, at some positions of a group.
    fn alike(&self, group: usize, places: Range<usize>, low: f64, high: f64) -> usize {
        match &self.large[group] {
            Some(large) => large.within.count(places, low, high),
            None => self.of(group)[places].iter().filter(|r| r.value >= low && r.value <= high).count(),
        }
    }

    /// The number of values just under the threshold at some positions of a group, and whether their sum plus `more`
    /// reaches it.
    fn parts(&self, group: usize, places: Range<usize>, more: f64, threshold: f64) -> (usize, bool) {
        let records = self.of(group);
        let reaches =
            |parts: &mut dyn Iterator<Item = f64>| exact_sum(&parts.collect::<Vec<f64>>()) + more >= threshold;
        let Some(large) = &self.large[group] else {
            let under = || records[places.clone()].iter().map(|r| r.value).filter(|&v| self.settings.under(v));
            return (under().count(), reaches(&mut under()));
        };
        let from = large.under.partition_point(|&i| (i as usize) < places.start);
        let to = large.under.partition_point(|&i| (i as usize) < places.end);
        let about = large.sums[to] - large.sums[from] + more;
        // The largest possible rounding error of the sums.
        let doubt = 4.0 * f64::EPSILON * large.sums.len() as f64 * (large.sums[large.sums.len() - 1] + more);
        let reached = if (about - threshold).abs() > doubt {
            about > threshold
        } else {
            reaches(&mut large.under[from..to].iter().map(|&i| records[i as usize].value))
        };
        (to - from, reached)
    }

    /// The kind with the smallest p-value; `None` if no other shipment is similar.
    pub fn score_one(&self, group: usize, record: &Record, own: bool) -> Option<Repeat> {
        let settings = &self.settings;
        let records = self.of(group);
        let window = self.window(group, record);
        // The shipment itself is among the fitted ones once.
        let itself = usize::from(own);
        let among = window.len().saturating_sub(itself);
        if among == 0 {
            return None;
        }
        let mut best: Option<Repeat> = None;
        let mut put = |kind, like: usize, among: usize, rate: f64, p: f64| {
            if like > 0 && best.as_ref().is_none_or(|b| p < b.p) {
                best = Some(Repeat { kind, like, among, rate, p });
            }
        };
        // Records are sorted by these fields, so equal ones are adjacent.
        let day = records.partition_point(|r| r.day < record.day)..records.partition_point(|r| r.day <= record.day);
        let same = records.partition_point(|r| r.order() < record.order())
            ..records.partition_point(|r| r.order() <= record.order());
        let (same_day, same) = (day.len().saturating_sub(itself), same.len().saturating_sub(itself));
        if same > 0 {
            let rate = self.rates.same(self.code_of[group] as usize, self.known(group, record, window.clone()));
            // The probability of one or more. Several do not count as independent: if one order stands, all repeat.
            let p = -libm::expm1(same_day as f64 * libm::log1p(-rate));
            put(Kind::Duplicate, same, same_day, rate, p);
        }
        let (low, high) = self.tolerated(record);
        let like = self.alike(group, window.clone(), low, high).saturating_sub(itself);
        if like > 0 {
            let known = self.known_near(group, record, window.clone());
            let beta = self.rates.near(known);
            let p = beta_binomial_upper(like, among, beta.a, beta.b);
            // No rarer than among other parties.
            let p = p.max(binomial_upper(like, among, known.elsewhere));
            put(Kind::Near, like, among, beta.mean().max(known.elsewhere), p);
        }
        if let Some(threshold) = settings.threshold.filter(|_| settings.under(record.value)) {
            let floor = threshold * (1.0 - settings.band);
            let more = if own { 0.0 } else { record.value };
            let (parts, reached) = self.parts(group, window, more, threshold);
            if reached {
                // The largest value below the threshold ends the band.
                let (within, total) = self.elsewhere(group, floor, f64::from_bits(threshold.to_bits() - 1));
                let (like, rate) = (parts.saturating_sub(itself), rate((within, total)));
                put(Kind::Split, like, among, rate, binomial_upper(like, among, rate));
            }
        }
        let asked = if settings.threshold.is_some() { 3.0 } else { 2.0 };
        best.map(|b| Repeat { p: (b.p * asked).min(1.0), ..b })
    }
}

/// The share of matching shipments of other parties, never exactly 0 or 1.
fn rate((within, total): (usize, usize)) -> f64 {
    (within as f64 + 0.5) / (total as f64 + 1.0)
}

#[cfg(test)]
mod tests {
    use super::super::model::{LARGE, Large, Repeats};
    use super::super::rates::Rates;
    use super::*;
    use crate::group::GroupKeys;
    use proptest::prelude::*;

    fn model(settings: &Repeats, records: &[Record], quick: bool) -> Model {
        let mut records = records.to_vec();
        records.sort_unstable_by_key(Record::order);
        let others = [50.0, 75.0, 98.0].map(|value| Record { day: 0, value, weight: f64::NAN });
        let mut codes: Vec<_> = records.iter().chain(&others).map(Record::amount).collect();
        codes.sort_unstable();
        let mut by_amount: Vec<u32> = (0..records.len() as u32).collect();
        by_amount.sort_unstable_by_key(|&at| (records[at as usize].amount(), at));
        Model {
            settings: settings.clone(),
            keys: Vec::new(),
            group_keys: GroupKeys::of_columns(&[], &[], 1, &Default::default()).unwrap(),
            starts: vec![0, records.len()],
            large: vec![if quick { Large::of(settings, &records) } else { None }],
            records,
            by_amount,
            codes: vec![codes],
            code_of: vec![0],
            rates: Rates::unknown(1),
        }
    }

    proptest! {
        #[test]
        fn the_quick_way_finds_what_the_long_one_does(
            numbers in proptest::collection::vec((0..30i32, 1..60u32, 0..3u32), LARGE..200), band in 0.05..0.95f64,
            own in any::<bool>(),
        ) {
            let record = |&(day, value, weight): &(i32, u32, u32)| {
                let weight = if weight == 0 { f64::NAN } else { f64::from(weight) };
                Record { day, value: f64::from(value) * 2.5, weight }
            };
            let records: Vec<Record> = numbers.iter().map(record).collect();
            let settings = Repeats { window: 3, tolerance: 0.05, threshold: Some(100.0), band };
            let (quick, long) = (model(&settings, &records, true), model(&settings, &records, false));
            let bits = |v: Option<Repeat>| v.map(|v| (v.kind, v.like, v.among, v.rate.to_bits(), v.p.to_bits()));
            for record in &records {
                prop_assert_eq!(bits(quick.score_one(0, record, own)), bits(long.score_one(0, record, own)));
            }
        }
    }
}
