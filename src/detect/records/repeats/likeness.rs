//! The comparison of a shipment with those of the same parties and code.

use std::ops::Range;

use super::model::{Model, Record};
use crate::stats::{binomial_upper, exact_sum};

/// The smallest number of the parties' own shipments outside the window for a rate of their own.
const OWN_RATE: usize = 5;

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
        let within = all.partition_point(|&v| v <= high) - all.partition_point(|&v| v < low);
        (within.saturating_sub(self.alike(group, 0..own, low, high)), all.len() - own)
    }

    fn of(&self, group: usize) -> &[Record] {
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
        let from = records.partition_point(|r| r.day < record.day.saturating_sub(settings.window));
        let to = records.partition_point(|r| r.day <= record.day.saturating_add(settings.window));
        // The shipment itself is among the fitted ones once.
        let itself = usize::from(own);
        let among = (to - from).saturating_sub(itself);
        if among == 0 {
            return None;
        }
        let (low, high) = (record.value / (1.0 + settings.tolerance), record.value * (1.0 + settings.tolerance));
        let mut best: Option<Repeat> = None;
        let mut put = |kind, like: usize, among: usize, rate: f64| {
            let p = binomial_upper(like, among, rate);
            if like > 0 && best.as_ref().is_none_or(|b| p < b.p) {
                best = Some(Repeat { kind, like, among, rate, p });
            }
        };
        // Records are sorted by these fields, so equal ones are adjacent.
        let day = records.partition_point(|r| r.day < record.day)..records.partition_point(|r| r.day <= record.day);
        let same = records.partition_point(|r| r.order() < record.order())
            ..records.partition_point(|r| r.order() <= record.order());
        let (same_day, same) = (day.len().saturating_sub(itself), same.len().saturating_sub(itself));
        let rate = |(within, total): (usize, usize)| (within as f64 + 0.5) / (total as f64 + 1.0);
        put(Kind::Duplicate, same, same_day, rate(self.elsewhere(group, record.value, record.value)));
        let like_near = self.alike(group, from..to, low, high);
        let like = like_near.saturating_sub(itself);
        let mut chance = rate(self.elsewhere(group, low, high));
        let outside = records.len() - (to - from);
        if outside >= OWN_RATE {
            let own_like = self.alike(group, 0..records.len(), low, high).saturating_sub(like_near);
            chance = chance.max(own_like as f64 / outside as f64);
        }
        put(Kind::Near, like, among, chance.min(1.0));
        if let Some(threshold) = settings.threshold.filter(|_| settings.under(record.value)) {
            let floor = threshold * (1.0 - settings.band);
            let more = if own { 0.0 } else { record.value };
            let (parts, reached) = self.parts(group, from..to, more, threshold);
            if reached {
                // The largest value below the threshold ends the band.
                let (within, total) = self.elsewhere(group, floor, f64::from_bits(threshold.to_bits() - 1));
                put(Kind::Split, parts.saturating_sub(itself), among, rate((within, total)));
            }
        }
        let asked = if settings.threshold.is_some() { 3.0 } else { 2.0 };
        best.map(|b| Repeat { p: (b.p * asked).min(1.0), ..b })
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::{LARGE, Large, Repeats};
    use super::*;
    use crate::group::GroupKeys;
    use proptest::prelude::*;

    fn model(settings: &Repeats, records: &[Record], quick: bool) -> Model {
        let mut records = records.to_vec();
        records.sort_unstable_by_key(Record::order);
        let mut codes: Vec<f64> = records.iter().map(|r| r.value).chain([50.0, 75.0, 98.0]).collect();
        codes.sort_unstable_by(f64::total_cmp);
        Model {
            settings: settings.clone(),
            keys: Vec::new(),
            group_keys: GroupKeys::of_columns(&[], &[], 1, &Default::default()).unwrap(),
            starts: vec![0, records.len()],
            large: vec![if quick { Large::of(settings, &records) } else { None }],
            records,
            codes: vec![codes],
            code_of: vec![0],
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
