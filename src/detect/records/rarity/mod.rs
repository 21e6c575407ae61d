//! `Rarity`: how rare is this partner for this product?
//!
//! The score is -ln p(of | given), smoothed with the method of Witten and Bell (1991). A group of n shipments with D
//! distinct partners keeps D / (n + D) for the others, divided by the overall frequency of each partner. The p-value is
//! the probability of a partner at most as probable as this one, with this shipment left out: for a partner that the
//! group has not had otherwise under the law of new partners (`law.rs`), else the share of the shipments of the group
//! whose partner occurs no more often.

mod law;

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};

use self::law::{Ladder, NewPartners, novelty};
use crate::detect::{Detector, Fit, Parameters, Registered, SharedFit};
use crate::error::{Error, Result};
use crate::evidence::wording::figure;
use crate::evidence::{Evidence, PARALLEL_ROWS, Reader, ScoreColumn, SharedScores, Verdicts};
use crate::group::{GroupIndex, GroupKeys, IndexCache, resolve};
use crate::progress::Progress;
use crate::state::checked;
use crate::state::keys::plain;
use crate::store::{Role, Shipments};
use crate::table::table;

#[derive(Clone, Debug, PartialEq)]
pub struct Rarity {
    pub of: String,
    pub given: Vec<String>,
}

struct Model {
    settings: Rarity,
    /// Pairs of (given, of), the count of each, and its group and partner.
    pairs: GroupKeys,
    counts: Vec<u64>,
    group_of: Vec<u32>,
    partner_of: Vec<u32>,
    groups: GroupKeys,
    partners: GroupKeys,
    group: Vec<Group>,
    partner_counts: Vec<u64>,
    total: u64,
    /// The counts of partners in all shipments, and the number of partners that occur once.
    overall: Ladder,
    once: u64,
    /// The probability of a new partner in each group.
    novelty: Vec<f64>,
    new_partners: NewPartners,
}

/// The counts of one group's partners.
#[derive(Default)]
struct Group {
    n: u64,
    /// The counts of its partners.
    counts: Ladder,
    /// The counts of its partners in all shipments.
    elsewhere: Ladder,
    distinct: u64,
}

impl Rarity {
    fn keys(&self) -> Vec<String> {
        self.given.iter().chain([&self.of]).cloned().collect()
    }

    fn check(&self) -> Result<()> {
        if self.given.contains(&self.of) {
            return Err(Error::Argument(format!("of={:?} is among the keys of given; leave it out of given", self.of)));
        }
        Ok(())
    }

    fn model(&self, pairs: GroupKeys, counts: Vec<u64>, progress: &Progress) -> Result<Model> {
        let (groups, group_of) = pairs.project(&self.given)?.distinct()?;
        progress.check()?;
        let (partners, partner_of) = pairs.project(std::slice::from_ref(&self.of))?.distinct()?;
        let mut partner_counts = vec![0; partners.groups()];
        let mut lists: Vec<Vec<u32>> = vec![Vec::new(); groups.groups()];
        for (pair, &count) in counts.iter().enumerate() {
            progress.check()?;
            partner_counts[partner_of[pair] as usize] += count;
            lists[group_of[pair] as usize].push(pair as u32);
        }
        let group = progress.each(0..lists.len(), 1 << 8, |g| {
            let list = &lists[g];
            let own = Ladder::of(list.iter().map(|&pair| counts[pair as usize]).collect());
            let overall = |pair: &u32| partner_counts[partner_of[*pair as usize] as usize];
            let elsewhere = Ladder::of(list.iter().map(overall).collect());
            Group { n: own.total(), counts: own, elsewhere, distinct: list.len() as u64 }
        })?;
        let sizes: Vec<(u64, u64)> = group.iter().map(|g| (g.n, g.counts.up_to(1))).collect();
        let mut model = Model {
            settings: self.clone(),
            total: counts.iter().sum(),
            overall: Ladder::of(partner_counts.clone()),
            once: partner_counts.iter().filter(|&&count| count == 1).count() as u64,
            novelty: novelty(&sizes),
            new_partners: NewPartners::default(),
            pairs,
            counts,
            group_of,
            partner_of,
            groups,
            partners,
            group,
            partner_counts,
        };
        let places = progress.each(0..model.counts.len(), 1 << 10, |pair| {
            let others = model.partner_counts[model.partner_of[pair] as usize].saturating_sub(1);
            (model.counts[pair] == 1).then(|| model.place_among_new(model.group_of[pair], others, true))
        })?;
        model.new_partners = NewPartners::learn(places.into_iter().flatten().collect());
        Ok(model)
    }

    fn learn(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<(Model, Arc<GroupIndex>)> {
        self.check()?;
        let keys = self.keys();
        let index = cache.get(ships, &resolve(&ships.store, &keys)?, progress)?;
        let counts = index.starts.windows(2).map(|w| u64::from(w[1] - w[0])).collect();
        Ok((self.model(GroupKeys::of_index(&index, &keys), counts, progress)?, index))
    }
}

impl Registered for Rarity {
    const NAME: &'static str = "Rarity";

    fn of_parameters(parameters: &Parameters) -> Result<Rarity> {
        Ok(Rarity { of: parameters.text("of")?, given: parameters.names("given")? })
    }
}

impl Detector for Rarity {
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
        let places = (0..model.counts.len())
            .map(|pair| Place {
                group: Some(model.group_of[pair]),
                partner: Some(model.partner_of[pair]),
                pair: Some(pair as u32),
            })
            .collect();
        let scores = RarityScores::new(model.clone(), ships, &index, places, true, progress)?;
        Ok((model, Arc::new(scores)))
    }

    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        self.check()?;
        let keys = self.keys();
        let mut columns: Vec<Vec<ArrayRef>> = vec![Vec::new(); keys.len()];
        let mut held: Vec<u64> = Vec::new();
        for state in states {
            for (key, chunks) in keys.iter().zip(&mut columns) {
                chunks.push(checked::column(state, key, "Rarity")?.clone());
            }
            held.extend(checked::whole(state, "n", 0, "Rarity")?);
        }
        checked::rows(states, "Rarity")?;
        checked::total(&held, "n", "Rarity")?;
        for (key, chunks) in keys.iter().zip(&mut columns) {
            *chunks = checked::key(chunks, key, "Rarity")?;
        }
        let (pairs, number) = GroupKeys::of_columns(&keys, &columns, held.len(), progress)?.distinct()?;
        let mut counts = vec![0; pairs.groups()];
        for (&pair, count) in number.iter().zip(held) {
            progress.check()?;
            counts[pair as usize] += count;
        }
        Ok(Arc::new(self.model(pairs, counts, progress)?))
    }
}

impl Fit for Model {
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let keys = self.settings.keys();
        let index = cache.get(ships, &resolve(&ships.store, &keys)?, progress)?;
        let here = GroupKeys::of_index(&index, &keys);
        let group = self.groups.find(&here.project(&self.settings.given)?, progress)?;
        let partner = self.partners.find(&here.project(std::slice::from_ref(&self.settings.of))?, progress)?;
        let known = group.into_iter().zip(partner).zip(self.pairs.find(&here, progress)?);
        let places = known.map(|((group, partner), pair)| Place { group, partner, pair }).collect();
        Ok(Arc::new(RarityScores::new(self, ships, &index, places, false, progress)?))
    }

    /// One row for each pair: the keys, `n` shipments, `probability`.
    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        for (k, key) in self.settings.keys().iter().enumerate() {
            columns.push((key.clone(), plain(&self.pairs.labels(k)?)?));
        }
        let pairs = self.counts.len();
        columns.push(("n".into(), Arc::new(Int64Array::from_iter_values(self.counts.iter().map(|&n| n as i64)))));
        let probability = progress.each(0..pairs, PARALLEL_ROWS, |pair| {
            let place = Place {
                group: Some(self.group_of[pair]),
                partner: Some(self.partner_of[pair]),
                pair: Some(pair as u32),
            };
            self.probability(&place)
        })?;
        columns.push(("probability".into(), Arc::new(Float64Array::from_iter_values(probability))));
        table(columns, pairs)
    }
}

/// The group, partner and pair of a row among those fitted.
struct Place {
    group: Option<u32>,
    partner: Option<u32>,
    pair: Option<u32>,
}

impl Model {
    fn count(&self, place: &Place) -> u64 {
        place.pair.map_or(0, |p| self.counts[p as usize])
    }

    /// The share of the partner in all shipments. One is added to each count, also for an unknown partner.
    fn overall(&self, place: &Place) -> f64 {
        let count = place.partner.map_or(0, |p| self.partner_counts[p as usize]);
        (count + 1) as f64 / (self.total + self.partner_counts.len() as u64 + 1) as f64
    }

    /// The share of the partners new to a group that are at most as frequent in all shipments as one with `others`
    /// other shipments. `own`: its shipment is among those fitted.
    fn place_among_new(&self, group: u32, others: u64, own: bool) -> f64 {
        let elsewhere = &self.group[group as usize].elsewhere;
        // A partner that is fitted is counted with the shipment left out; its other shipments are no part of the group.
        let itself = if own { others } else { 0 };
        let rarer = self.overall.up_to(others) - elsewhere.up_to(others) + itself + self.once;
        let inside = elsewhere.total() - if own { others + 1 } else { 0 };
        let all = self.total - u64::from(own) - inside + self.once;
        if all == 0 { 1.0 } else { (rarer as f64 / all as f64).min(1.0) }
    }

    /// The probability of a partner that is new to the group and at most as probable as one with `others` other
    /// shipments.
    fn new_partner(&self, group: u32, others: u64, own: bool) -> f64 {
        let place = self.place_among_new(group, others, own);
        let p = self.novelty[group as usize] * self.new_partners.probability(place);
        // Names that occur once may be a habit of the data, so they are no rarer than their share.
        if others == 0 { p.max(self.once as f64 / self.total.max(1) as f64) } else { p }
    }

    fn probability(&self, place: &Place) -> f64 {
        let overall = self.overall(place);
        let Some(group) = place.group.map(|g| &self.group[g as usize]) else { return overall };
        let distinct = group.distinct as f64;
        (self.count(place) as f64 + distinct * overall) / (group.n as f64 + distinct)
    }

    /// P(partner and group) / (P(partner) P(group)), with one added to each count (Das and Schneider 2007).
    fn lift(&self, place: &Place) -> f64 {
        let Some(group) = place.group.map(|g| &self.group[g as usize]) else { return f64::NAN };
        let partner = place.partner.map_or(0, |p| self.partner_counts[p as usize]);
        let share = |count: u64| (count + 1) as f64 / (self.total + 1) as f64;
        share(self.count(place)) / (share(partner) * share(group.n))
    }
}

struct RarityScores {
    model: Arc<Model>,
    ships: Shipments,
    pair: Vec<u32>,
    places: Vec<Place>,
    /// The shipments are the fitted ones, so each is counted already.
    own: bool,
    value: Option<arrow::buffer::ScalarBuffer<f64>>,
}

impl RarityScores {
    fn new(
        model: Arc<Model>,
        ships: &Shipments,
        index: &GroupIndex,
        places: Vec<Place>,
        own: bool,
        progress: &Progress,
    ) -> Result<RarityScores> {
        let value = ships.store.optional_numbers(Role::Value, progress)?;
        Ok(RarityScores { model, ships: ships.clone(), pair: index.group_of_positions(ships), places, own, value })
    }

    fn place(&self, at: usize) -> &Place {
        &self.places[self.pair[at] as usize]
    }

    /// The probability of a partner at most as probable, with this shipment left out.
    fn p_value(&self, group: u32, place: &Place, count: u64) -> f64 {
        let counts = &self.model.group[group as usize];
        let partner = place.partner.map_or(0, |p| self.model.partner_counts[p as usize]);
        if self.own {
            // A single shipment cannot be compared.
            return match count {
                _ if counts.n < 2 => f64::NAN,
                1 => self.model.new_partner(group, partner - 1, true),
                _ => counts.counts.up_to(count) as f64 / counts.n as f64,
            };
        }
        if count == 0 {
            return self.model.new_partner(group, partner, false);
        }
        // With this shipment, its partner occurs once more.
        (counts.counts.up_to(count + 1) + 1) as f64 / (counts.n + 1) as f64
    }
}

/// The probability of the partner in its group; `None` if no group was fitted for the keys.
struct Verdict {
    group: u32,
    /// Fitted shipments of the group with this partner.
    count: u64,
    probability: f64,
    /// The partner's share of all shipments.
    overall: f64,
    lift: f64,
    p: f64,
}

impl Verdicts for RarityScores {
    type Verdict = Option<Verdict>;

    fn detector(&self) -> &'static str {
        "Rarity"
    }

    fn ships(&self) -> Option<&Shipments> {
        Some(&self.ships)
    }

    fn verdict(&self, at: usize) -> Option<Verdict> {
        let (model, place) = (&self.model, self.place(at));
        let group = place.group?;
        let count = model.count(place);
        Some(Verdict {
            group,
            count,
            probability: model.probability(place),
            overall: model.overall(place),
            lift: model.lift(place),
            p: self.p_value(group, place, count),
        })
    }

    fn value(&self, column: ScoreColumn, _at: usize, verdict: &Option<Verdict>) -> f64 {
        let Some(verdict) = verdict else { return f64::NAN };
        match column {
            ScoreColumn::Score => -libm::log(verdict.probability),
            ScoreColumn::PValue => verdict.p,
            ScoreColumn::Direction => f64::NAN,
            ScoreColumn::Observed => verdict.probability,
            ScoreColumn::Expected => verdict.overall,
            ScoreColumn::Peers => self.model.group[verdict.group as usize].n as f64,
        }
    }

    fn peer(&self, _at: usize, verdict: &Option<Verdict>) -> Option<String> {
        verdict.as_ref().map(|v| self.model.groups.name(v.group as usize))
    }

    fn reason(&self, at: usize, verdict: &Option<Verdict>) -> String {
        let of = &self.model.settings.of;
        let Some(verdict) = verdict else { return "not scored: no shipments were fitted for its keys".into() };
        let partner = match self.place(at).partner {
            Some(p) => self.model.partners.name(p as usize),
            None => format!("this {of}, never seen before,"),
        };
        format!(
            "{partner} has {} of the {} shipments of {}, a smoothed probability of {}; of all shipments it has {} %",
            figure(verdict.count as f64),
            figure(self.model.group[verdict.group as usize].n as f64),
            self.model.groups.name(verdict.group as usize),
            figure(verdict.probability),
            figure(100.0 * verdict.overall),
        )
    }

    fn at_stake(&self, at: usize, _verdict: &Option<Verdict>) -> f64 {
        self.value.as_ref().map_or(f64::NAN, |v| v[self.ships.rows.row(at)])
    }

    fn evidence(&self) -> Vec<Evidence<Self>> {
        let lift = |_: &Self, _: usize, verdict: &Option<Verdict>| verdict.as_ref().map_or(f64::NAN, |v| v.lift);
        vec![Evidence { name: "lift", read: Reader::Number(lift) }]
    }
}
