//! The scores: one row for each firm.

use std::sync::Arc;

use super::super::unit_value::Prices;
use super::compare::Compared;
use super::model::Model;
use super::parts::Parts;
use super::record::{Record, records};
use crate::error::Result;
use crate::evidence::wording::figure;
use crate::evidence::{Cautions, Evidence, Reader, ScoreColumn, Verdicts};
use crate::group::{GroupIndex, GroupKeys, IndexCache, resolve};
use crate::progress::Progress;
use crate::store::Shipments;

/// From this p-value on nothing is called unusual.
const ORDINARY: f64 = 0.05;
/// A larger share of shipments in one peer group, or in groups that are mostly the firm's own, gets a caution.
const ONE_PRODUCT: f64 = 0.9;
const DOMINATED: f64 = 0.5;

pub struct FirmScores {
    model: Arc<Model>,
    here: GroupKeys,
    index: Arc<GroupIndex>,
    records: Vec<Record>,
}

/// Scores of shipments that need not be the fitted ones.
pub(super) fn of(model: Arc<Model>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<FirmScores> {
    let base = &model.base;
    let settings = &base.settings;
    let prices = Prices::load(&settings.prices, ships, progress)?;
    let levels: Vec<Vec<String>> = base.unit.levels.iter().map(|level| level.group_keys.keys.clone()).collect();
    let (parts, rows) = settings.parts(&levels, ships, &prices, cache, progress)?;
    let known = base.firms.find(&parts.keys.project(&settings.entity)?.distinct()?.0, progress)?;
    let firm_of: Vec<Option<u32>> = parts.firm_of.iter().map(|&firm| known[firm as usize]).collect();
    let trail: Result<Vec<Vec<Option<u32>>>> = base
        .unit
        .levels
        .iter()
        .map(|level| level.group_keys.find(&parts.keys.project(&level.group_keys.keys)?, progress))
        .collect();
    let compared = base.compare(&parts, &firm_of, &trail?, progress)?;
    FirmScores::new(model.clone(), ships, &parts, &compared, (&rows, &prices), cache, progress)
}

/// A share in percent.
fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

impl FirmScores {
    /// From the prices of the shipments, compared. `rows` holds the rows of each part.
    pub(super) fn new(
        model: Arc<Model>,
        ships: &Shipments,
        parts: &Parts,
        compared: &Compared,
        (rows, prices): (&GroupIndex, &Prices),
        cache: &IndexCache,
        progress: &Progress,
    ) -> Result<FirmScores> {
        let entity = &model.base.settings.entity;
        let index = cache.get(ships, &resolve(&ships.store, entity)?, progress)?;
        let here = GroupKeys::of_index(&index, entity);
        let records = records(&model, parts, here.groups(), compared, (rows, prices), progress)?;
        Ok(FirmScores { model, here, index, records })
    }

    fn scored(&self, at: usize) -> Option<&Record> {
        Some(&self.records[at]).filter(|record| record.extremes.is_some())
    }

    fn number(&self, at: usize, read: impl Fn(&Record) -> f64) -> f64 {
        self.scored(at).map_or(f64::NAN, read)
    }

    fn unscored(&self, record: &Record) -> String {
        let settings = &self.model.base.settings;
        if self.model.law.is_none() {
            return format!(
                "not scored: no {} with min_shipments={} was fitted",
                settings.firm(),
                settings.min_shipments
            );
        }
        let lonely = record.priced - record.shipments;
        let lonely = match lonely {
            0 => String::new(),
            _ => format!("; {lonely} more have fewer than min_peers={} peers of others", settings.prices.min_peers),
        };
        format!(
            "not scored: {} shipments with a price and peers, fewer than min_shipments={}{lonely}",
            record.shipments, settings.min_shipments
        )
    }
}

impl Verdicts for FirmScores {
    /// The records hold all results.
    type Verdict = ();

    fn detector(&self) -> &'static str {
        "FirmPrices"
    }

    fn groups(&self) -> Option<&GroupKeys> {
        Some(&self.here)
    }

    fn verdict(&self, _at: usize) {}

    fn value(&self, column: ScoreColumn, at: usize, (): &()) -> f64 {
        self.number(at, |record| match column {
            ScoreColumn::Score => -libm::log10(record.p().max(1e-300)),
            ScoreColumn::PValue => record.p(),
            ScoreColumn::Direction if record.is_one_sided() => record.mean.mean,
            ScoreColumn::Direction => record.extremes.map_or(f64::NAN, |e| e.side),
            ScoreColumn::Observed => record.level,
            ScoreColumn::Expected => 1.0,
            ScoreColumn::Peers => record.others as f64,
        })
    }

    fn peer(&self, at: usize, (): &()) -> Option<String> {
        let record = self.scored(at)?;
        let main = record.main?;
        let name = self.model.base.unit.level(main).0.group_keys.name(main.group as usize);
        Some(match record.products {
            1 => format!("shipments of others in {name}"),
            many => format!("shipments of others in its {many} products, most in {name}"),
        })
    }

    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_, ()>> {
        Ok(Box::new(|at, (): &()| {
            let record = self.scored(at)?;
            let share = |many: usize| many as f64 / record.shipments as f64;
            if share(record.dominated) > DOMINATED {
                return Some(format!(
                    "{} of its shipments are in peer groups where most shipments are its own: the comparison rests on {} \
                     shipments of others",
                    percent(share(record.dominated)),
                    figure(record.others as f64)
                ));
            }
            (share(record.in_main) >= ONE_PRODUCT).then(|| {
                format!(
                    "{} of its shipments are in one peer group: goods of another quality under the same code would look \
                     the same",
                    percent(share(record.in_main))
                )
            })
        }))
    }

    fn reason(&self, at: usize, (): &()) -> String {
        let record = &self.records[at];
        let Some(extremes) = &record.extremes else { return self.unscored(record) };
        let shipments = record.shipments as f64;
        let level = match record.level {
            level if level < 1.0 => format!("{} below", percent(1.0 - level)),
            level if level <= 2.0 => format!("{} above", percent(level - 1.0)),
            level => format!("{} times", figure(level)),
        };
        let side = format!(
            "its {} shipments are priced {level} those of others (median); {} lie below the usual price; the mean score \
             {:.2} is {:.1} standard deviations of {} firms from zero (p {:.1e})",
            figure(shipments),
            percent(record.below),
            record.mean.mean,
            record.one_sided.abs(),
            figure(self.model.learnt_from as f64),
            record.one_sided_p
        );
        let few = if extremes.cases == 0 {
            "no more extremes than usual".to_owned()
        } else {
            format!(
                "{} of its {} shipments lie as far from its usual prices as only {:.2} % of all do, {} are expected \
                 (higher criticism {:.1}, p {:.1e})",
                extremes.cases,
                figure(shipments),
                100.0 * extremes.share,
                figure(extremes.share * shipments),
                extremes.criticism,
                extremes.p
            )
        };
        match (record.p() > ORDINARY, record.is_one_sided()) {
            (true, _) => format!("ordinary prices: {side}; {few}"),
            (false, true) => format!("prices on one side: {side}; {few}"),
            (false, false) => format!("a few extreme prices: {few}; {side}"),
        }
    }

    /// The distance of its value from the value at usual prices.
    fn at_stake(&self, at: usize, (): &()) -> f64 {
        self.number(at, |record| record.gap.abs())
    }

    fn evidence(&self) -> Vec<Evidence<Self>> {
        let number = |name, read: fn(&Self, usize, &()) -> f64| Evidence { name, read: Reader::Number(read) };
        let count = |name, read: fn(&Self, usize, &()) -> Option<i64>| Evidence { name, read: Reader::Count(read) };
        vec![
            count("shipments", |s, at, ()| Some(s.records[at].shipments as i64)),
            count("products", |s, at, ()| Some(s.records[at].products as i64)),
            number("mean_score", |s, at, ()| s.number(at, |r| r.mean.mean)),
            number("share_below", |s, at, ()| s.number(at, |r| r.below)),
            number("one_sided", |s, at, ()| s.number(at, |r| r.one_sided)),
            number("one_sided_p", |s, at, ()| s.number(at, |r| r.one_sided_p)),
            count("extreme_shipments", |s, at, ()| s.scored(at)?.extremes.map(|e| e.cases as i64)),
            number("higher_criticism", |s, at, ()| s.number(at, |r| r.extremes.map_or(f64::NAN, |e| e.criticism))),
            number("higher_criticism_p", |s, at, ()| s.number(at, |r| r.extremes.map_or(f64::NAN, |e| e.p))),
            number("value_gap", |s, at, ()| s.number(at, |r| r.gap)),
        ]
    }

    fn rows(&self, at: usize, (): &()) -> Result<Vec<u32>> {
        Ok(self.index.rows(at).to_vec())
    }
}
