//! `UnitValue`: is the price per kilogram or unit out of line with its peers?
//!
//! x = ln(numerator / denominator); z = (x - median) / scale in the finest peer group that has
//! `min_peers` members; scale = 1.4826 MAD (Hampel 1974; Iglewicz and Hoaglin 1993), shrunk to the
//! parent group's as the root of the weighted mean of both squares.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch};
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use rayon::prelude::*;

use crate::aggregate::table;
use crate::error::{Error, Result};
use crate::group::{GroupIndex, IndexCache, resolve};
use crate::score::tails::{Counts, Tails, bin};
use crate::stats::{IQR_K, MAD_K, MEAN_AD_K, Ordered, encode, exact_sum_where};
use crate::store::{Role, Shipments};
use crate::watch::Watch;

/// The weight of the parent group's scale, in members.
const SHRINKAGE: f64 = 10.0;
/// Rows worked on at a time.
const STRETCH: usize = 1 << 14;
/// Spread below which peers count as having one price: rounding, not variation.
const TIED: f64 = 1e-9;

mod scores;

pub use scores::UnitValueScores;
use scores::score;

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
