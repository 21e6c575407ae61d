//! Scores by fitted peer groups, and the sentence for each.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringViewArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use hashbrown::HashMap;
use rayon::prelude::*;

use super::{Fitted, Level, Logs};
use crate::error::Result;
use crate::group::{GroupIndex, IndexCache, resolve};
use crate::score::Scores;
use crate::score::phrase::{number, times};
use crate::store::Shipments;
use crate::watch::Watch;

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

pub fn score(
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
