//! `Divergence`: did one destination move apart from the others?
//!
//! The log growth of each product and destination between two windows, less what the product grew
//! everywhere and what the destination grew in everything: two effects found by median polish (Tukey
//! 1977), with weights. How far the rest strays by chance follows from how many records of one size
//! the two sums are worth, times a factor learnt from all of them; p-values from their own tails.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field};

use super::flows::{Flows, LONGEST, Ruler, Total};
use super::members::numbers;
use super::phrase::number;
use super::scores::{Number, Scores};
use super::tails::{Counts, Tails};
use super::{Detector, Fit, SharedFit, SharedScores};
use crate::aggregate::table;
use crate::error::{Error, Result};
use crate::group::{Combos, IndexCache};
use crate::stats::{MEDIAN_VARIANCE, Ordered, encode, ln, normal_quantile, normal_two_sided, student_t_two_sided};
use crate::store::{Every, Period, Shipments, iso};
use crate::watch::Watch;

/// Rounds of median polish at the most; it settles in a few.
const ROUNDS: usize = 10;
/// What an empty window counts as, in typical records.
const EMPTY: f64 = 0.5;
/// Records whose weight the variety of all has in a window's own.
const FEW: f64 = 3.0;
/// The share of pairs up to which their spread is read, and the normal's quantile there.
const MOST: (f64, f64) = (0.9, 1.644_853_626_951_472_2);
/// Pairs needed to learn their spread from.
const ENOUGH: usize = 20;

#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    pub by: Vec<String>,
    pub across: String,
    pub measure: String,
    /// Inclusive days; the last twelve months of the data and the twelve before, where not given.
    pub current: Option<Period>,
    pub base: Option<Period>,
}

/// A product and destination.
#[derive(Clone, Debug)]
struct Pair {
    product: u32,
    destination: u32,
    base: Total,
    current: Total,
    /// Log growth, its variance in units of that of one record, and what the effects make of it.
    growth: f64,
    variance: f64,
    /// Its share of either window.
    parts: [f64; 2],
    expected: f64,
    z: f64,
    /// Growth of all other destinations of the product together.
    others: f64,
    /// The destination of the product that went furthest the other way.
    against: Option<usize>,
    peers: usize,
}

struct Model {
    settings: Divergence,
    flows: Flows,
    windows: (Period, Period),
    pairs: Vec<Pair>,
    tails: Tails,
}

impl Divergence {
    fn ruler(&self) -> Ruler {
        let mut by = self.by.clone();
        by.push(self.across.clone());
        let whole_months = |p: &Option<Period>| p.is_none_or(|p| months(p).0 == p.first && months(p).1 == p.last);
        let every = if whole_months(&self.current) && whole_months(&self.base) { Every::Month } else { Every::Day };
        Ruler { by, every, measure: self.measure.clone(), squares: true, most: LONGEST }
    }

    fn check(&self) -> Result<()> {
        if self.by.is_empty() || self.by.contains(&self.across) {
            return Err(Error::Argument(format!(
                "by names products and across the destinations they are compared over; by={:?} and across={:?}",
                self.by, self.across
            )));
        }
        Ok(())
    }

    /// The windows before and after, in days.
    fn windows(&self, flows: &Flows) -> Result<(Period, Period)> {
        let every = self.ruler().every;
        let (first, last) = (flows.periods[0], every.next(flows.periods[flows.periods.len() - 1]) - 1);
        let current = self.current.unwrap_or_else(|| year_until(last));
        let base = self.base.unwrap_or_else(|| year_until(current.first - 1));
        for (name, window) in [("base", base), ("current", current)] {
            if flows.window(window).is_none() {
                return Err(Error::Argument(format!(
                    "{name} ({} to {}) lies outside the data, whose dates go from {} to {}{}",
                    iso(window.first),
                    iso(window.last),
                    iso(first),
                    iso(last),
                    if self.current.is_none() { "; pass current and base" } else { "" }
                )));
            }
        }
        if base.last >= current.first && current.last >= base.first {
            return Err(Error::Argument(format!(
                "base ({} to {}) and current ({} to {}) overlap",
                iso(base.first),
                iso(base.last),
                iso(current.first),
                iso(current.last)
            )));
        }
        Ok((base, current))
    }

    fn model(&self, flows: Flows) -> Result<Model> {
        let windows = self.windows(&flows)?;
        let outside = || Error::Argument("a window lies outside the data".into());
        let spans = (flows.window(windows.0).ok_or_else(outside)?, flows.window(windows.1).ok_or_else(outside)?);
        let (_, product_of) = flows.combos.project(&self.by)?.distinct()?;
        let (_, destination_of) = flows.combos.project(std::slice::from_ref(&self.across))?.distinct()?;
        let mut pairs: Vec<Pair> = (0..flows.groups())
            .map(|g| Pair {
                product: product_of[g],
                destination: destination_of[g],
                base: flows.total(g, spans.0),
                current: flows.total(g, spans.1),
                growth: f64::NAN,
                variance: f64::NAN,
                parts: [f64::NAN; 2],
                expected: f64::NAN,
                z: f64::NAN,
                others: f64::NAN,
                against: None,
                peers: 0,
            })
            .collect();
        grow(&mut pairs);
        polish(&mut pairs);
        let tails = standardise(&mut pairs);
        Ok(Model { settings: self.clone(), flows, windows, pairs, tails })
    }
}

/// The months that hold a window.
fn months(p: Period) -> (i32, i32) {
    (Every::Month.start(p.first), Every::Month.next(Every::Month.start(p.last)) - 1)
}

/// The twelve months that end with a day.
fn year_until(last: i32) -> Period {
    let end = Every::Month.start(last);
    let mut first = end;
    for _ in 0..11 {
        first = Every::Month.start(first - 1);
    }
    Period { first, last: Every::Month.next(end) - 1 }
}

/// Growth, its variance, and that of the other destinations.
fn grow(pairs: &mut [Pair]) {
    let variety = variety(pairs);
    for run in by_product(pairs) {
        let group = &mut pairs[run];
        let sum = |value: &dyn Fn(&Pair) -> f64, group: &[Pair]| -> Vec<f64> { group.iter().map(value).collect() };
        let (bases, currents) = (sum(&|p| p.base.value, group), sum(&|p| p.current.value, group));
        let records: usize = group.iter().map(|p| p.base.records + p.current.records).sum();
        let total = crate::stats::exact_sum(&bases) + crate::stats::exact_sum(&currents);
        // Where one window is empty it counts as half a typical record: no growth is infinite.
        let floor = EMPTY * total / records.max(1) as f64;
        let without = |values: &[f64], i: usize| {
            crate::stats::exact_sum(
                &values.iter().enumerate().filter(|(k, _)| *k != i).map(|(_, v)| *v).collect::<Vec<_>>(),
            )
        };
        for (i, pair) in group.iter_mut().enumerate() {
            let (b, c) = (pair.base.value, pair.current.value);
            if b < 0.0 || c < 0.0 || b + c <= 0.0 || total <= 0.0 {
                continue;
            }
            pair.growth = ln(if c > 0.0 { c } else { floor.min(b) }) - ln(if b > 0.0 { b } else { floor.min(c) });
            pair.parts = [known_to(pair.base, variety), known_to(pair.current, variety)];
            pair.variance = pair.parts[0] + pair.parts[1];
            let (b, c) = (without(&bases, i), without(&currents, i));
            pair.others = if b > 0.0 && c > 0.0 { ln(c) - ln(b) } else { f64::NAN };
        }
    }
}

/// The variance of the sizes of records over the square of their mean, in the middle of the windows with
/// five or more.
fn variety(pairs: &[Pair]) -> f64 {
    let windows = pairs.iter().flat_map(|p| [p.base, p.current]).filter(|t| t.records >= 5 && t.worth() > 0.0);
    let mut keys: Vec<i64> = windows.map(|t| encode(own_variety(t))).collect();
    Ordered::new(&mut keys, false).median().unwrap_or(1.0)
}

fn own_variety(t: Total) -> f64 {
    let n = t.records as f64;
    (n / t.worth() - 1.0).max(0.0) * n / (n - 1.0)
}

/// The variance of the logarithm of a window's sum, if records come by chance and differ in size as
/// these do; the fewer they are the more as all do. A lognormal's, so that it holds down to one record.
fn known_to(t: Total, variety: f64) -> f64 {
    let n = t.records as f64;
    let own = if t.records > 1 && t.worth() > 0.0 { n * own_variety(t) } else { 0.0 };
    let all = (own + FEW * variety) / (if t.records > 1 { n } else { 0.0 } + FEW);
    ln(1.0 + (1.0 + all) / n.max(EMPTY))
}

/// Pairs come product by product.
fn by_product(pairs: &[Pair]) -> Vec<std::ops::Range<usize>> {
    let mut at = 0;
    pairs
        .chunk_by(|a, b| a.product == b.product)
        .map(|run| {
            at += run.len();
            at - run.len()..at
        })
        .collect()
}

/// Product and destination effects by weighted median polish.
fn polish(pairs: &mut [Pair]) {
    let products = pairs.iter().map(|p| p.product as usize + 1).max().unwrap_or(0);
    let destinations = pairs.iter().map(|p| p.destination as usize + 1).max().unwrap_or(0);
    let known: Vec<usize> = (0..pairs.len()).filter(|&i| !pairs[i].growth.is_nan()).collect();
    let mut sides: [Vec<Vec<usize>>; 2] = [vec![Vec::new(); products], vec![Vec::new(); destinations]];
    for &i in &known {
        sides[0][pairs[i].product as usize].push(i);
        sides[1][pairs[i].destination as usize].push(i);
    }
    let mut rest: Vec<f64> = pairs.iter().map(|p| p.growth).collect();
    // What all have in common first: a lone product's growth is then its own.
    let everything: Vec<(f64, f64)> = known.iter().map(|&i| (rest[i], 1.0 / pairs[i].variance)).collect();
    let common = weighted_median(everything);
    rest.iter_mut().for_each(|r| *r -= common);
    for _ in 0..ROUNDS {
        let mut moved = 0.0f64;
        for side in &sides {
            for line in side.iter().filter(|line| line.len() > 1) {
                let effect = weighted_median(line.iter().map(|&i| (rest[i], 1.0 / pairs[i].variance)).collect());
                line.iter().for_each(|&i| rest[i] -= effect);
                moved = moved.max(effect.abs());
            }
        }
        if moved < 1e-12 {
            break;
        }
    }
    // What the two effects are uncertain by, for want of other pairs to tell them from.
    let weight = |line: &[usize]| line.iter().map(|&i| 1.0 / pairs[i].variance).sum::<f64>();
    let totals = [0, 1].map(|s| sides[s].iter().map(|line| weight(line)).collect::<Vec<f64>>());
    let mut wider = vec![0.0; pairs.len()];
    for &i in &known {
        let own = 1.0 / pairs[i].variance;
        for (total, at) in [(&totals[0], pairs[i].product), (&totals[1], pairs[i].destination)] {
            wider[i] += MEDIAN_VARIANCE / (total[at as usize] - own).max(1e-9);
        }
    }
    // Last, each pair against the other destinations of its product alone: none is its own measure.
    for line in sides[0].iter().filter(|line| line.len() > 1) {
        let mut values: Vec<(f64, f64, usize)> = line.iter().map(|&i| (rest[i], 1.0 / pairs[i].variance, i)).collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)));
        let total: f64 = values.iter().map(|v| v.1).sum();
        for k in 0..values.len() {
            let others = values.iter().enumerate().filter(|(j, _)| *j != k).map(|(_, v)| (v.0, v.1));
            rest[values[k].2] = values[k].0 - middle_of(others, total - values[k].1);
        }
    }
    for &i in &known {
        let peers = sides[0][pairs[i].product as usize].len();
        let pair = &mut pairs[i];
        pair.peers = peers - 1;
        pair.expected = pair.growth - rest[i];
        if peers > 1 {
            pair.z = rest[i] / (pair.variance + wider[i]).sqrt();
        }
    }
    for line in &sides[0] {
        let scored: Vec<usize> = line.iter().copied().filter(|&i| !pairs[i].z.is_nan()).collect();
        for &i in &scored {
            let far = |k: usize| -pairs[k].z * pairs[i].z.signum();
            let against = scored.iter().copied().filter(|&k| k != i).max_by(|&a, &b| far(a).total_cmp(&far(b)));
            pairs[i].against = against;
        }
    }
}

/// z in units of the spread of all of them, and their tails.
fn standardise(pairs: &mut [Pair]) -> Tails {
    let mut keys: Vec<i64> = pairs.iter().filter(|p| !p.z.is_nan()).map(|p| encode(p.z.abs())).collect();
    let enough = keys.len() >= ENOUGH;
    let spread = Ordered::new(&mut keys, true).quantile(MOST.0).unwrap_or(1.0) / MOST.1;
    let spread = if enough && spread > 0.0 { spread } else { 1.0 };
    let mut counts = Counts::new();
    for pair in pairs.iter_mut().filter(|p| !p.z.is_nan()) {
        // How large records are is known from few of them: Student's t, as a standard normal.
        let tail = 0.5 * student_t_two_sided(pair.z / spread, freedom(pair));
        pair.z = normal_quantile(tail.clamp(1e-300, 0.5)).abs().copysign(pair.z);
        counts.of(pair.peers as u32).add(pair.z);
    }
    counts.tails()
}

/// Degrees of freedom of a growth, by Welch and Satterthwaite, of windows that have one more than they
/// have records; an empty one, whose records have no size, has five.
fn freedom(pair: &Pair) -> f64 {
    let own = |t: Total| if t.records == 0 { 5.0 } else { t.records as f64 + 1.0 };
    let [b, c] = pair.parts;
    (b + c).powi(2) / (b * b / own(pair.base) + c * c / own(pair.current))
}

/// The value at which half the weight is reached.
fn weighted_median(mut values: Vec<(f64, f64)>) -> f64 {
    values.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let total = values.iter().map(|v| v.1).sum();
    middle_of(values.into_iter(), total)
}

/// Of values in order with their weights, the one at which half the total is reached; the mean of two
/// where it is reached between them.
fn middle_of(values: impl Iterator<Item = (f64, f64)>, total: f64) -> f64 {
    let half = 0.5 * total;
    let (mut below, mut last, mut even) = (0.0, 0.0, false);
    for (value, weight) in values {
        if even {
            return 0.5 * (last + value);
        }
        below += weight;
        even = (below - half).abs() <= 1e-9 * half;
        last = value;
        if below > half && !even {
            return value;
        }
    }
    last
}

impl Detector for Divergence {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<SharedFit> {
        self.check()?;
        Ok(Arc::new(self.model(self.ruler().flows(ships, cache, watch)?)?))
    }

    fn restore(&self, states: &[RecordBatch], watch: &Watch) -> Result<SharedFit> {
        self.check()?;
        Ok(Arc::new(self.model(self.ruler().restored(states, "Divergence", watch)?)?))
    }
}

impl Fit for Model {
    /// The products and destinations of these shipments, each with what was fitted about it.
    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<SharedScores> {
        let flows = self.settings.ruler().flows(ships, cache, watch)?;
        let known = self.flows.combos.find(&flows.combos)?;
        Ok(Arc::new(PairScores { model: self, flows, known }))
    }

    /// A row a product and destination: the keys, `n`, the cells, and `base`, `current`, `log_growth`,
    /// `expected` (log growth) and `z`.
    fn state(&self) -> Result<RecordBatch> {
        let mut columns = self.flows.state(&Watch::default())?;
        let mut float = |name: &str, value: fn(&Pair) -> f64| {
            columns.push((name.into(), numbers(self.pairs.iter().map(value))));
        };
        float("base", |p| p.base.value);
        float("current", |p| p.current.value);
        float("log_growth", |p| p.growth);
        float("expected", |p| p.expected);
        float("z", |p| p.z);
        table(columns, self.pairs.len())
    }
}

struct PairScores {
    model: Arc<Model>,
    flows: Flows,
    known: Vec<Option<u32>>,
}

impl PairScores {
    fn pair(&self, at: usize) -> Option<&Pair> {
        Some(&self.model.pairs[self.known[at]? as usize])
    }

    fn scored(&self, at: usize) -> Option<&Pair> {
        self.pair(at).filter(|p| !p.z.is_nan())
    }

    fn destination(&self, pair: usize) -> String {
        self.model.flows.combos.value(pair, self.model.settings.by.len())
    }
}

/// `rose by 69 %`, `fell by 61 %`.
fn moved(base: f64, current: f64) -> String {
    if base <= 0.0 {
        return format!("rose from nothing to {}", number(current));
    }
    let growth = 100.0 * (current / base - 1.0);
    format!("{} by {} %", if growth >= 0.0 { "rose" } else { "fell" }, number(rounded(growth.abs())))
}

/// Per cent without decimals that say nothing.
fn rounded(x: f64) -> f64 {
    if x >= 10.0 { x.round() } else { x }
}

impl Scores for PairScores {
    fn detector(&self) -> &'static str {
        "Divergence"
    }

    fn groups(&self) -> Option<&Combos> {
        Some(&self.flows.combos)
    }

    fn number(&self, what: Number, at: usize) -> f64 {
        let Some(p) = self.scored(at) else { return f64::NAN };
        match what {
            Number::Score => p.z.abs(),
            Number::PValue => self.model.tails.p_value(p.z, p.peers as u32).max(normal_two_sided(p.z)),
            Number::Direction => p.z,
            Number::Observed => p.current.value,
            Number::Expected if p.base.value > 0.0 => p.base.value * libm::exp(p.expected),
            Number::Expected => p.current.value * libm::exp(p.expected - p.growth),
            Number::Peers => p.peers as f64,
        }
    }

    fn peer(&self, at: usize) -> Option<String> {
        let p = self.scored(at)?;
        Some(format!("{} other {}s of the product, and other products there", p.peers, self.model.settings.across))
    }

    fn caution(&self, at: usize) -> Option<String> {
        let p = self.scored(at)?;
        let few = p.base.worth().min(p.current.worth());
        (few < 3.0).then(|| {
            format!(
                "one window rests on few records: {} before and {} after",
                number(p.base.records as f64),
                number(p.current.records as f64)
            )
        })
    }

    fn reason(&self, at: usize) -> String {
        let settings = &self.model.settings;
        let Some(p) = self.pair(at) else { return "not scored: this pair was not fitted".into() };
        if p.growth.is_nan() {
            let sums = p.base.value < 0.0 || p.current.value < 0.0;
            return if sums {
                format!("not scored: {} is negative in a window, a correction of earlier records", settings.measure)
            } else {
                format!("not scored: no {} in either window", settings.measure)
            };
        }
        let own = moved(p.base.value, p.current.value);
        if p.z.is_nan() {
            return format!(
                "not scored: {} {own}, and the product has no other {} to compare it with",
                settings.measure, settings.across
            );
        }
        let against = p.against.map(|k| {
            let other = &self.model.pairs[k];
            format!(
                " while to {} it {} (from {} to {})",
                self.destination(k),
                moved(other.base.value, other.current.value),
                number(other.base.value),
                number(other.current.value)
            )
        });
        format!(
            "{} to {} {own} (from {} to {}){}; what the product did elsewhere and the {} in other products makes one expect {} \
             ({} spreads)",
            settings.measure,
            self.destination(self.known[at].unwrap_or(0) as usize),
            number(p.base.value),
            number(p.current.value),
            against.unwrap_or_default(),
            settings.across,
            number(self.number(Number::Expected, at)),
            number(p.z.abs())
        )
    }

    fn at_stake(&self, at: usize) -> f64 {
        (self.number(Number::Observed, at) - self.number(Number::Expected, at)).abs()
    }

    fn evidence(&self) -> Vec<Field> {
        let mut fields: Vec<Field> =
            ["base", "current", "growth", "growth_others", "log_divergence", "ratio_of_ratios"]
                .into_iter()
                .map(|name| Field::new(name, DataType::Float64, true))
                .collect();
        fields.push(Field::new("against", DataType::Utf8View, true));
        fields.push(Field::new("growth_against", DataType::Float64, true));
        fields
    }

    fn proof(&self, column: usize, range: std::ops::Range<usize>) -> Result<ArrayRef> {
        let growth = |p: &Pair| if p.base.value > 0.0 { p.current.value / p.base.value - 1.0 } else { f64::NAN };
        if column == 6 {
            let against = range.map(|at| Some(self.destination(self.pair(at)?.against?)));
            return Ok(Arc::new(against.collect::<StringViewArray>()));
        }
        let cell = |at: usize| {
            let p = self.pair(at)?;
            Some(match column {
                0 => p.base.value,
                1 => p.current.value,
                2 => growth(p),
                3 => libm::exp(p.others) - 1.0,
                4 => p.growth - p.others,
                5 => libm::exp(p.growth - p.others),
                _ => growth(&self.model.pairs[p.against?]),
            })
            .filter(|v| v.is_finite())
        };
        Ok(Arc::new(range.map(cell).collect::<Float64Array>()))
    }

    fn subject(&self, at: usize) -> String {
        let (base, current) = &self.model.windows;
        format!(
            "{}, {} to {} against {} to {}",
            self.flows.combos.name(at),
            iso(current.first),
            iso(current.last),
            iso(base.first),
            iso(base.last)
        )
    }

    /// The records of both windows.
    fn rows(&self, at: usize) -> Result<Vec<u32>> {
        let (base, current) = &self.model.windows;
        let mut rows = Vec::new();
        for window in [base, current] {
            rows.extend(self.flows.window(*window).map(|span| self.flows.rows_within(at, span)).unwrap_or_default());
        }
        Ok(rows)
    }
}
