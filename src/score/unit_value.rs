//! `UnitValue`: is the price per kilogram or unit out of line with its peers?
//!
//! x = ln(numerator / denominator); z = (x - median) / scale in the finest peer group that has
//! `min_peers` members; scale = 1.4826 MAD (Hampel 1974; Iglewicz and Hoaglin 1993), shrunk to the
//! parent group's as the root of the weighted mean of both squares.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringViewArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};
use hashbrown::HashMap;
use rayon::prelude::*;

use super::Scores;
use super::phrase::{number, times};
use super::tails::{Counts, Tails, bin};
use crate::aggregate::table;
use crate::error::{Error, Result};
use crate::group::{GroupIndex, IndexCache, resolve};
use crate::stats::{IQR_K, MAD_K, MEAN_AD_K, Ordered, encode, exact_sum_where};
use crate::store::{Role, Shipments};
use crate::watch::Watch;

/// The weight of the parent group's scale, in members.
const SHRINKAGE: f64 = 10.0;
/// Rows worked on at a time.
const STRETCH: usize = 1 << 14;
/// Spread below which peers count as having one price: rounding, not variation.
const TIED: f64 = 1e-9;

#[derive(Clone, Debug, PartialEq)]
pub struct UnitValue {
    pub measure: String,
    pub by: Vec<String>,
    pub min_peers: usize,
    pub backoff: Vec<Vec<String>>,
}

/// A fitted peer group; its numbers lie side by side because a row asks for all of them.
#[derive(Clone, Copy)]
struct Group {
    n: u32,
    centre: f64,
    /// NaN where there are too few peers to tell or all have one price; negative where it is the
    /// parent's, because the peers themselves have one price.
    scale: f64,
}

/// One back-off level: a fitted group a row.
pub struct Level {
    keys: Vec<String>,
    labels: Vec<ArrayRef>,
    groups: Vec<Group>,
    tails: Tails,
}

pub struct Fitted {
    pub settings: UnitValue,
    levels: Vec<Level>,
}

impl UnitValue {
    fn roles(&self) -> Result<(Role, Role)> {
        match self.measure.as_str() {
            "value/net_weight" => Ok((Role::Value, Role::NetWeight)),
            "value/quantity" => Ok((Role::Value, Role::Quantity)),
            "net_weight/quantity" => Ok((Role::NetWeight, Role::Quantity)),
            other => Err(Error::Argument(format!(
                "measure={other:?} is not known; use \"value/net_weight\", \"value/quantity\" or \"net_weight/quantity\""
            ))),
        }
    }

    /// The keys of each level, finest first; quantities are only compared within one unit.
    fn levels(&self, ships: &Shipments) -> Result<Vec<Vec<String>>> {
        if self.min_peers < 3 {
            return Err(Error::Argument(format!(
                "min_peers={} is too few to know a spread; use 3 or more",
                self.min_peers
            )));
        }
        let (over, under) = self.roles()?;
        ships.store.require(over)?;
        ships.store.require(under)?;
        let with_unit = under == Role::Quantity && ships.store.role(Role::QuantityUnit).is_some();
        let mut levels: Vec<Vec<String>> = Vec::new();
        for keys in std::iter::once(&self.by).chain(&self.backoff) {
            let mut keys = keys.clone();
            let unit = Role::QuantityUnit.name();
            if with_unit && !keys.iter().any(|k| k == unit) {
                keys.push(unit.into());
            }
            resolve(&ships.store, &keys)?;
            levels.push(keys);
        }
        Ok(levels)
    }

    pub fn fit(&self, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<Fitted> {
        Ok(self.fit_groups(ships, &Logs::load(self, ships, watch)?, cache, watch)?.0)
    }

    pub fn fit_score(&self, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<UnitValueScores> {
        let logs = Logs::load(self, ships, watch)?;
        let (fitted, indexes) = self.fit_groups(ships, &logs, cache, watch)?;
        score(Arc::new(fitted), ships, logs, Some(indexes), cache, watch)
    }

    fn fit_groups(
        &self,
        ships: &Shipments,
        logs: &Logs,
        cache: &IndexCache,
        watch: &Watch,
    ) -> Result<(Fitted, Vec<Arc<GroupIndex>>)> {
        let keys = self.levels(ships)?;
        let mut indexes = Vec::new();
        let mut levels = Vec::new();
        watch.begin("fitting", keys.len() as u64);
        for keys in keys {
            let index = cache.get(ships, &resolve(&ships.store, &keys)?, watch)?;
            let groups = centres(&index, &logs.x, watch)?;
            let labels: Result<Vec<ArrayRef>> = (0..keys.len()).map(|k| index.labels(k)).collect();
            levels.push(Level { keys, labels: labels?, groups, tails: Tails::default() });
            indexes.push(index);
            watch.advance(1);
        }
        shrink(&mut levels, &indexes, self.min_peers);
        fit_tails(&mut levels, &indexes, &logs.x, self.min_peers, watch)?;
        Ok((Fitted { settings: self.clone(), levels }, indexes))
    }
}

/// ln(numerator / denominator) of every row of the store, NaN where either is not positive.
struct Logs {
    over: ScalarBuffer<f64>,
    under: ScalarBuffer<f64>,
    x: Vec<f64>,
}

impl Logs {
    fn load(settings: &UnitValue, ships: &Shipments, watch: &Watch) -> Result<Logs> {
        let (over, under) = settings.roles()?;
        let over = ships.store.role_numbers(over, watch)?;
        let under = ships.store.role_numbers(under, watch)?;
        let x = over
            .par_iter()
            .zip(under.par_iter())
            .with_min_len(1 << 14)
            .map(|(&a, &b)| {
                let ratio = a / b;
                if a > 0.0 && b > 0.0 && ratio.is_finite() && ratio > 0.0 { libm::log(ratio) } else { f64::NAN }
            })
            .collect();
        Ok(Logs { over, under, x })
    }
}

/// Count, median and raw scale of each group.
fn centres(index: &GroupIndex, x: &[f64], watch: &Watch) -> Result<Vec<Group>> {
    let parts: Result<Vec<Vec<Group>>> = index
        .stretches(STRETCH)
        .into_par_iter()
        .map_init(
            || (Vec::new(), Vec::new(), Vec::new()),
            |(gathered, keys, terms), stretch| {
                watch.check()?;
                let begin = index.starts[stretch.start] as usize;
                let rows = &index.order[begin..index.starts[stretch.end] as usize];
                gathered.clear();
                gathered.extend(rows.iter().map(|&r| x[r as usize]));
                Ok(stretch
                    .map(|g| {
                        let range = index.starts[g] as usize - begin..index.starts[g + 1] as usize - begin;
                        centre_and_scale(&gathered[range], keys, terms)
                    })
                    .collect())
            },
        )
        .collect();
    Ok(parts?.concat())
}

/// 1.4826 MAD; where half the peers share one price, the interquartile range or the mean absolute
/// deviation, each scaled to the normal; NaN where there is no spread at all.
fn centre_and_scale(values: &[f64], keys: &mut Vec<i64>, terms: &mut Vec<f64>) -> Group {
    let encoded = |keys: &mut Vec<i64>| {
        keys.clear();
        keys.extend(values.iter().filter(|v| !v.is_nan()).map(|&v| encode(v)));
    };
    encoded(keys);
    let n = keys.len();
    let mut ordered = Ordered::new(keys, false);
    let Some(centre) = ordered.median() else {
        return Group { n: 0, centre: f64::NAN, scale: f64::NAN };
    };
    let group = |scale: f64| Group { n: n as u32, centre, scale };
    if n < 3 {
        return group(f64::NAN);
    }
    let mad = ordered.mad(centre).unwrap_or(0.0) * MAD_K;
    if mad > TIED {
        return group(mad);
    }
    encoded(keys); // the deviations had taken the values' place
    let mut ordered = Ordered::new(keys, true);
    let range = ordered.quantile(0.75).unwrap_or(0.0) - ordered.quantile(0.25).unwrap_or(0.0);
    if range > TIED {
        return group(range / IQR_K);
    }
    let total = exact_sum_where(n, terms, |i| (crate::stats::decode(keys[i]) - centre).abs());
    let scale = total / n as f64 * MEAN_AD_K;
    group(if scale > TIED { scale } else { f64::NAN })
}

/// Draws each scale to its parent group's: sqrt((n s² + k s_p²) / (n + k)). The coarsest level
/// stays as it is; a group without a spread of its own takes its parent's.
fn shrink(levels: &mut [Level], indexes: &[Arc<GroupIndex>], min_peers: usize) {
    for l in (0..levels.len().saturating_sub(1)).rev() {
        let parents = groups_of_rows(&indexes[l + 1]);
        let (fine, coarse) = levels.split_at_mut(l + 1);
        let (fine, coarse) = (&mut fine[l], &coarse[0]);
        for g in 0..fine.groups.len() {
            let Some(&row) = indexes[l].rows(g).first() else { continue };
            let parent = parents(row);
            let above = coarse.groups[parent].scale;
            if above.is_nan() || (coarse.groups[parent].n as usize) < min_peers {
                continue;
            }
            let n = f64::from(fine.groups[g].n);
            let own = fine.groups[g].scale;
            // Peers at one price are a fact about the price, not a missing estimate: the parent's
            // spread then stands in, and the score carries a caution.
            fine.groups[g].scale = if own.is_nan() {
                if n < 3.0 { f64::NAN } else { -above }
            } else {
                ((n * own * own + SHRINKAGE * above * above) / (n + SHRINKAGE)).sqrt()
            };
        }
    }
}

/// The group of a source row.
fn groups_of_rows(index: &GroupIndex) -> impl Fn(u32) -> usize {
    let rows = index.order.iter().copied().max().map_or(0, |r| r as usize + 1);
    let mut group = vec![0u32; rows];
    for g in 0..index.groups() {
        for &row in index.rows(g) {
            group[row as usize] = g as u32;
        }
    }
    move |row| group[row as usize] as usize
}

/// Learns the tails of each level from the rows that are scored there: those that found no finer
/// group. Every row belongs to one group of a level, so threads never meet at a row.
fn fit_tails(
    levels: &mut [Level],
    indexes: &[Arc<GroupIndex>],
    x: &[f64],
    min_peers: usize,
    watch: &Watch,
) -> Result<()> {
    let scored: Vec<AtomicBool> = (0..x.len()).into_par_iter().map(|_| AtomicBool::new(false)).collect();
    for (level, index) in levels.iter_mut().zip(indexes) {
        watch.check()?;
        let fit: &Level = level;
        let counts = index
            .stretches(1 << 18)
            .into_par_iter()
            .map(|stretch| {
                let mut counts = Counts::new();
                for g in stretch {
                    if (fit.groups[g].n as usize) < min_peers || fit.groups[g].scale.is_nan() {
                        continue;
                    }
                    let (centre, scale) = (fit.groups[g].centre, fit.groups[g].scale.abs());
                    let bins = counts.of_size(fit.groups[g].n);
                    for &row in index.rows(g) {
                        let z = (x[row as usize] - centre) / scale;
                        let seen = &scored[row as usize];
                        if !z.is_nan() && !seen.load(Relaxed) {
                            seen.store(true, Relaxed);
                            bins[bin(z)] += 1;
                        }
                    }
                }
                counts
            })
            .reduce(Counts::new, Counts::plus);
        level.tails = counts.tails();
    }
    Ok(())
}

impl Fitted {
    pub fn score(self: &Arc<Self>, ships: &Shipments, cache: &IndexCache, watch: &Watch) -> Result<UnitValueScores> {
        let logs = Logs::load(&self.settings, ships, watch)?;
        score(self.clone(), ships, logs, None, cache, watch)
    }

    /// A row a fitted group: `level`, the keys of all levels, `n`, `centre`, `scale`, and the tail its
    /// p-values come from.
    pub fn state(&self) -> Result<RecordBatch> {
        let mut names: Vec<&String> = Vec::new();
        for key in self.levels.iter().flat_map(|l| &l.keys) {
            if !names.contains(&key) {
                names.push(key);
            }
        }
        let rows = self.levels.iter().map(|l| l.groups.len()).sum();
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        let levels = self.levels.iter().enumerate().flat_map(|(i, l)| std::iter::repeat_n(i as i64, l.groups.len()));
        columns.push(("level".into(), Arc::new(levels.map(Some).collect::<Int64Array>())));
        for name in names {
            let parts: Result<Vec<ArrayRef>> = self
                .levels
                .iter()
                .map(|l| match l.keys.iter().position(|k| k == name) {
                    Some(at) => Ok(cast(&l.labels[at], &DataType::Utf8View)?),
                    None => Ok(arrow::array::new_null_array(&DataType::Utf8View, l.groups.len())),
                })
                .collect();
            let parts = parts?;
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            columns.push((name.clone(), arrow::compute::concat(&parts)?));
        }
        let all = |f: fn(&Group) -> f64| -> ArrayRef {
            let values = self.levels.iter().flat_map(|l| &l.groups).map(|g| Some(f(g)).filter(|v| !v.is_nan()));
            Arc::new(values.collect::<Float64Array>())
        };
        let n = self.levels.iter().flat_map(|l| &l.groups).map(|g| Some(i64::from(g.n)));
        columns.push(("n".into(), Arc::new(n.collect::<Int64Array>())));
        columns.push(("centre".into(), all(|g| g.centre)));
        columns.push(("scale".into(), all(|g| g.scale.abs())));
        let tied = self.levels.iter().flat_map(|l| &l.groups).map(|g| Some(g.scale < 0.0));
        columns.push(("one_price".into(), Arc::new(tied.collect::<BooleanArray>())));
        for (name, part) in [("df", 0), ("width", 1)] {
            let tails = self.levels.iter().flat_map(|l| l.groups.iter().map(|g| l.tails.of_size(g.n)));
            let values = tails.map(|(df, width)| Some(if part == 0 { df } else { width }));
            columns.push((name.into(), Arc::new(values.collect::<Float64Array>())));
        }
        table(columns, rows)
    }

    /// The inverse of [`Fitted::state`].
    pub fn from_state(settings: UnitValue, state: &RecordBatch) -> Result<Fitted> {
        let column = |name: &str| {
            state.column_by_name(name).ok_or_else(|| {
                Error::Argument(format!("the state has no column {name:?}; pass the table that state() returned"))
            })
        };
        let float = |name: &str| -> Result<Vec<f64>> {
            let values = cast(column(name)?, &DataType::Float64)?;
            Ok(values.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN)).collect())
        };
        let whole = |name: &str| -> Result<Vec<i64>> {
            let values = cast(column(name)?, &DataType::Int64)?;
            Ok(values.as_primitive::<Int64Type>().iter().map(|v| v.unwrap_or(0)).collect())
        };
        let (of, n, centre, mut scale) = (whole("level")?, whole("n")?, float("centre")?, float("scale")?);
        let (df, width) = (float("df")?, float("width")?);
        let tied = cast(column("one_price")?, &DataType::Boolean)?;
        for (scale, tied) in scale.iter_mut().zip(tied.as_boolean().iter()) {
            if tied == Some(true) {
                *scale = -*scale;
            }
        }
        let mut levels = Vec::new();
        for (i, keys) in std::iter::once(&settings.by).chain(&settings.backoff).enumerate() {
            let Some(first) = of.iter().position(|&l| l == i as i64) else {
                return Err(Error::Argument(format!("the state holds no group of level {i} ({})", keys.join(" x "))));
            };
            let length = of[first..].iter().take_while(|&&l| l == i as i64).count();
            let range = first..first + length;
            let mut keys = keys.clone();
            let unit = Role::QuantityUnit.name().to_owned();
            if state.column_by_name(&unit).is_some() && !keys.contains(&unit) {
                keys.push(unit);
            }
            let labels: Result<Vec<ArrayRef>> =
                keys.iter().map(|k| Ok(cast(column(k)?, &DataType::Utf8View)?.slice(first, length))).collect();
            levels.push(Level {
                labels: labels?,
                keys,
                groups: range.clone().map(|g| Group { n: n[g] as u32, centre: centre[g], scale: scale[g] }).collect(),
                tails: range.fold(Tails::default(), |t, g| t.with(n[g] as u32, df[g], width[g])),
            });
        }
        Ok(Fitted { settings, levels })
    }
}

const NONE: u32 = u32::MAX;

pub struct UnitValueScores {
    fitted: Arc<Fitted>,
    ships: Shipments,
    logs: Logs,
    /// For each position: the level used (or the coarsest tried) and its group there.
    level: Vec<u8>,
    group: Vec<u32>,
    schema: SchemaRef,
}

fn score(
    fitted: Arc<Fitted>,
    ships: &Shipments,
    logs: Logs,
    indexes: Option<Vec<Arc<GroupIndex>>>,
    cache: &IndexCache,
    watch: &Watch,
) -> Result<UnitValueScores> {
    let n = ships.len();
    let mut level = vec![0u8; n];
    let mut group = vec![NONE; n];
    // The rows still without enough peers: all at first, fewer at each coarser level.
    let mut open: Option<Vec<u32>> = None;
    let own = indexes.is_some();
    for (l, fit) in fitted.levels.iter().enumerate() {
        watch.check()?;
        let index = match &indexes {
            Some(indexes) => indexes[l].clone(),
            None => cache.get(ships, &resolve(&ships.store, &fit.keys)?, watch)?,
        };
        let found = if own { None } else { Some(look_up(&index, fit)?) };
        let of_row = scatter(&index, ships, found.as_deref());
        let enough = |g: u32| {
            g != NONE
                && fit.groups[g as usize].n as usize >= fitted.settings.min_peers
                && !fit.groups[g as usize].scale.is_nan()
        };
        let last = l + 1 == fitted.levels.len();
        match open.take() {
            None => {
                group = of_row;
                if !last {
                    let short = (0..n as u32).into_par_iter().filter(|&p| !enough(group[p as usize]));
                    open = Some(short.collect());
                }
            }
            Some(positions) => {
                let mut rest = Vec::new();
                for position in positions {
                    let g = of_row[position as usize];
                    // A group nobody fitted at a coarser level says less than the one found before.
                    if g != NONE {
                        level[position as usize] = l as u8;
                        group[position as usize] = g;
                    }
                    if !enough(g) {
                        rest.push(position);
                    }
                }
                open = Some(rest);
            }
        }
    }
    let field = |name: &str, kind: DataType, nullable: bool| Field::new(name, kind, nullable);
    let schema = Arc::new(Schema::new(vec![
        field("row", DataType::Int64, false),
        field("score", DataType::Float64, true),
        field("p_value", DataType::Float64, true),
        field("direction", DataType::Utf8View, true),
        field("observed", DataType::Float64, true),
        field("expected", DataType::Float64, true),
        field("peer", DataType::Utf8View, true),
        field("n_peers", DataType::Int64, true),
        field("caution", DataType::Utf8View, true),
        field("reason", DataType::Utf8View, true),
    ]));
    Ok(UnitValueScores { fitted, ships: ships.clone(), logs, level, group, schema })
}

/// The fitted group for each group of the index, by its labels.
fn look_up(index: &GroupIndex, fit: &Level) -> Result<Vec<u32>> {
    let texts = |labels: &ArrayRef| cast(labels, &DataType::Utf8View);
    let name = |columns: &[ArrayRef], g: usize| {
        let mut name = String::new();
        for column in columns {
            let column = column.as_string_view();
            if column.is_valid(g) {
                name.push('=');
                name.push_str(column.value(g));
            }
            name.push('\u{1f}');
        }
        name
    };
    let known: Vec<ArrayRef> = fit.labels.iter().map(texts).collect::<Result<_, _>>()?;
    let table: HashMap<String, u32> = (0..fit.groups.len()).map(|g| (name(&known, g), g as u32)).collect();
    let here: Vec<ArrayRef> = (0..fit.keys.len()).map(|k| Ok(texts(&index.labels(k)?)?)).collect::<Result<_>>()?;
    Ok((0..index.groups()).map(|g| table.get(&name(&here, g)).copied().unwrap_or(NONE)).collect())
}

/// The group of every position of the view. A row is in one group, so threads never write to the
/// same place.
fn scatter(index: &GroupIndex, ships: &Shipments, found: Option<&[u32]>) -> Vec<u32> {
    let by_row: Vec<AtomicU32> = (0..ships.store.rows).into_par_iter().map(|_| AtomicU32::new(NONE)).collect();
    index.stretches(1 << 16).into_par_iter().for_each(|stretch| {
        for g in stretch {
            let to = found.map_or(g as u32, |f| f[g]);
            for &row in index.rows(g) {
                by_row[row as usize].store(to, Relaxed);
            }
        }
    });
    match &ships.rows {
        crate::store::RowList::All(_) => by_row.into_par_iter().map(AtomicU32::into_inner).collect(),
        crate::store::RowList::Some(rows) => rows.iter().map(|&r| by_row[r as usize].load(Relaxed)).collect(),
    }
}

/// What one position is known to be.
struct Verdict<'a> {
    level: &'a Level,
    group: usize,
    z: f64,
    ratio: f64,
}

impl UnitValueScores {
    pub fn fitted(&self) -> Arc<Fitted> {
        self.fitted.clone()
    }

    /// The verdict, or why there is none.
    fn verdict(&self, position: usize) -> std::result::Result<Verdict<'_>, NoScore> {
        let row = self.ships.rows.row(position);
        let x = self.logs.x[row];
        if x.is_nan() {
            return Err(NoScore::Cell(row));
        }
        let level = &self.fitted.levels[usize::from(self.level[position])];
        let group = self.group[position];
        if group == NONE {
            return Err(NoScore::NoGroup);
        }
        let group = group as usize;
        if (level.groups[group].n as usize) < self.fitted.settings.min_peers {
            return Err(NoScore::Few(usize::from(self.level[position]), group));
        }
        let scale = level.groups[group].scale.abs();
        if scale.is_nan() {
            return Err(NoScore::OnePrice(usize::from(self.level[position]), group));
        }
        Ok(Verdict {
            level,
            group,
            z: (x - level.groups[group].centre) / scale,
            ratio: self.logs.over[row] / self.logs.under[row],
        })
    }

    fn p_value(&self, position: usize) -> f64 {
        self.verdict(position).map_or(f64::NAN, |v| v.level.tails.p_value(v.z, v.level.groups[v.group].n))
    }

    fn peer(&self, level: &Level, group: usize) -> String {
        let parts: Vec<String> = level
            .keys
            .iter()
            .zip(&level.labels)
            .map(|(key, labels)| {
                let text = match labels.as_string_view_opt() {
                    Some(texts) if texts.is_valid(group) => texts.value(group).to_owned(),
                    Some(_) => "(none)".into(),
                    None => arrow::util::display::array_value_to_string(labels, group).unwrap_or_default(),
                };
                format!("{key} {text}")
            })
            .collect();
        if parts.is_empty() { "all shipments".into() } else { parts.join(", ") }
    }

    fn reason(&self, position: usize) -> String {
        let settings = &self.fitted.settings;
        let (over, under) = settings.measure.split_once('/').unwrap_or(("value", "net_weight"));
        match self.verdict(position) {
            Ok(v) => {
                let expected = libm::exp(v.level.groups[v.group].centre);
                format!(
                    "{over} per {} is {}, {} the median {} of {} peers ({}); robust z {:.1}{}",
                    unit(under),
                    number(v.ratio),
                    times(v.ratio / expected),
                    number(expected),
                    number(f64::from(v.level.groups[v.group].n)),
                    self.peer(v.level, v.group),
                    v.z,
                    if v.level.groups[v.group].scale < 0.0 {
                        "; the peers have one price, so the spread is the wider group's"
                    } else {
                        ""
                    },
                )
            }
            Err(NoScore::Cell(row)) => {
                let (a, b) = (self.logs.over[row], self.logs.under[row]);
                let fault = |name: &str, x: f64| {
                    if x.is_nan() {
                        Some(format!("not scored: {name} is missing"))
                    } else if x < 0.0 {
                        Some(format!(
                            "not scored: {name} is negative ({}), a correction of an earlier record",
                            number(x)
                        ))
                    } else if x == 0.0 {
                        Some(format!("not scored: {name} is zero"))
                    } else if x.is_infinite() {
                        Some(format!("not scored: {name} is infinite"))
                    } else {
                        None
                    }
                };
                fault(over, a)
                    .or_else(|| fault(under, b))
                    .unwrap_or_else(|| "not scored: the ratio is out of range".into())
            }
            Err(NoScore::NoGroup) => "not scored: no peers were fitted for its keys".into(),
            Err(NoScore::Few(level, group)) => {
                let level = &self.fitted.levels[level];
                format!(
                    "not scored: {} peers with a price ({}), fewer than min_peers={}",
                    level.groups[group].n,
                    self.peer(level, group),
                    settings.min_peers
                )
            }
            Err(NoScore::OnePrice(level, group)) => {
                let level = &self.fitted.levels[level];
                format!(
                    "not scored: all {} peers ({}) have the same price, so there is no spread to measure by",
                    level.groups[group].n,
                    self.peer(level, group)
                )
            }
        }
    }

    fn caution(&self, position: usize) -> Option<&'static str> {
        let verdict = self.verdict(position).ok()?;
        (verdict.level.groups[verdict.group].scale < 0.0)
            .then_some("all or most peers have one price: the spread is borrowed from the wider group")
    }

    fn column(&self, column: usize, range: Range<usize>) -> ArrayRef {
        let floats = |f: &(dyn Fn(usize) -> f64 + Sync)| -> ArrayRef {
            let values: Vec<f64> = range.clone().into_par_iter().with_min_len(1 << 12).map(f).collect();
            let nulls = values
                .par_iter()
                .any(|v| v.is_nan())
                .then(|| values.iter().map(|v| !v.is_nan()).collect::<NullBuffer>());
            Arc::new(Float64Array::new(values.into(), nulls))
        };
        let z = |p: usize| self.verdict(p).map_or(f64::NAN, |v| v.z);
        match self.schema.field(column).name().as_str() {
            "row" => Arc::new(Int64Array::from_iter_values(range.map(|p| self.ships.rows.row(p) as i64))),
            "score" => floats(&|p| z(p).abs()),
            "p_value" => floats(&|p| self.p_value(p)),
            "direction" => Arc::new(
                range
                    .map(|p| match z(p) {
                        z if z > 0.0 => Some("high"),
                        z if z < 0.0 => Some("low"),
                        _ => None,
                    })
                    .collect::<StringViewArray>(),
            ),
            "observed" => floats(&|p| {
                let row = self.ships.rows.row(p);
                let ratio = self.logs.over[row] / self.logs.under[row];
                if ratio.is_finite() { ratio } else { f64::NAN }
            }),
            "expected" => floats(&|p| self.verdict(p).map_or(f64::NAN, |v| libm::exp(v.level.groups[v.group].centre))),
            "peer" => Arc::new(
                range.map(|p| self.verdict(p).ok().map(|v| self.peer(v.level, v.group))).collect::<StringViewArray>(),
            ),
            "n_peers" => Arc::new(
                range
                    .map(|p| match self.verdict(p) {
                        Ok(v) => Some(i64::from(v.level.groups[v.group].n)),
                        Err(NoScore::Few(level, group) | NoScore::OnePrice(level, group)) => {
                            Some(i64::from(self.fitted.levels[level].groups[group].n))
                        }
                        Err(_) => None,
                    })
                    .collect::<Int64Array>(),
            ),
            "caution" => Arc::new(range.map(|p| self.caution(p)).collect::<StringViewArray>()),
            _ => Arc::new(range.map(|p| Some(self.reason(p))).collect::<StringViewArray>()),
        }
    }
}

enum NoScore {
    Cell(usize),
    NoGroup,
    Few(usize, usize),
    OnePrice(usize, usize),
}

fn unit(role: &str) -> &str {
    if role == "net_weight" { "kilogram" } else { "unit" }
}

impl Scores for UnitValueScores {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn len(&self) -> usize {
        self.ships.len()
    }

    fn batch(&self, range: Range<usize>, column: Option<usize>) -> Result<RecordBatch> {
        let columns: Vec<usize> = column.map_or_else(|| (0..self.schema.fields().len()).collect(), |c| vec![c]);
        let schema = Arc::new(self.schema.project(&columns)?);
        let arrays = columns.iter().map(|&c| self.column(c, range.clone())).collect();
        Ok(RecordBatch::try_new(schema, arrays)?)
    }

    fn p_values(&self) -> Vec<f64> {
        (0..self.len()).into_par_iter().map(|p| self.p_value(p)).collect()
    }

    fn at_stake(&self, position: usize) -> f64 {
        let row = self.ships.rows.row(position);
        let expected = self.verdict(position).map_or(f64::NAN, |v| libm::exp(v.level.groups[v.group].centre));
        (self.logs.over[row] - expected * self.logs.under[row]).abs()
    }

    fn detector(&self) -> &'static str {
        "UnitValue"
    }
}
