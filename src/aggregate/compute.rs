//! Measures over a group index: values are gathered group after group into a small buffer, and
//! every statistic of the same numbers is taken from it in one pass.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::cast;
use rayon::prelude::*;

use super::measure::{Measure, MeasureKind, Operand, Stat};
use super::statistics::{NONE, Scratch, exactly, herfindahl, is_none, present, statistics};
use crate::error::Result;
use crate::group::{GroupIndex, Key, KeyColumn};
use crate::progress::Progress;
use crate::stats::exact_sum;
use crate::store::{Column, NULL_DAY, Role, ScaledIntegers, Shipments, Store};

/// Rows worked on at a time: their values stay in the cache.
const CHUNK_ROWS: usize = 1 << 14;

/// The numbers behind the asks, loaded once each.
enum Numbers {
    Plain(ScalarBuffer<f64>),
    /// Numerator and denominator of a ratio taken row by row.
    Ratio(ScalarBuffer<f64>, ScalarBuffer<f64>),
    Days(Arc<Vec<i32>>),
}

impl Numbers {
    fn load(operand: Operand, ships: &Shipments, progress: &Progress) -> Result<Numbers> {
        let store = &ships.store;
        Ok(match operand {
            Operand::Role(role) => Numbers::Plain(store.role_numbers(role, progress)?),
            Operand::Column(column) => Numbers::Plain(store.columns[column].numbers(progress)?.values.clone()),
            Operand::UnitValue => Numbers::Ratio(
                store.role_numbers(Role::Value, progress)?,
                store.role_numbers(Role::NetWeight, progress)?,
            ),
            Operand::Days => Numbers::Days(store.days(progress)?),
        })
    }

    fn gather(&self, rows: &[u32], out: &mut Vec<f64>) {
        out.clear();
        match self {
            Numbers::Plain(values) => out.extend(rows.iter().map(|&r| values[r as usize])),
            Numbers::Ratio(over, under) => out.extend(rows.iter().map(|&r| {
                let (over, under) = (over[r as usize], under[r as usize]);
                if under == 0.0 { f64::NAN } else { over / under }
            })),
            Numbers::Days(days) => out.extend(rows.iter().map(|&r| {
                let day = days[r as usize];
                if day == NULL_DAY { f64::NAN } else { f64::from(day) }
            })),
        }
    }
}

/// One pass over the groups: which results it fills.
enum Pass {
    Stats {
        numbers: Numbers,
        stats: Vec<(usize, Stat)>,
    },
    /// Sums, means and extremes of numbers that doubles would round; `known` is NaN for null.
    Exact {
        known: ScalarBuffer<f64>,
        whole: Arc<ScaledIntegers>,
        stats: Vec<(usize, Stat)>,
    },
    Ratio {
        over: ScalarBuffer<f64>,
        under: ScalarBuffer<f64>,
        at: usize,
    },
    Distinct {
        key: KeyColumn,
        at: usize,
    },
    Hhi {
        key: KeyColumn,
        value: ScalarBuffer<f64>,
        at: usize,
    },
}

/// The column whose own values the numbers are, unchanged.
fn source(store: &Store, operand: Operand) -> Option<&Column> {
    match operand {
        Operand::Column(column) => Some(&store.columns[column]),
        Operand::Role(role) => store.role(role).filter(|a| a.factor == 1.0).map(|a| &*store.columns[a.column]),
        Operand::UnitValue | Operand::Days => None,
    }
}

fn passes(ships: &Shipments, plan: &[Measure], exact: bool, progress: &Progress) -> Result<Vec<Pass>> {
    let mut passes = Vec::new();
    let mut operands: Vec<(Operand, Vec<(usize, Stat)>)> = Vec::new();
    let numbers = |role| ships.store.role_numbers(role, progress);
    let load = |key: Key| key.load(&ships.store, progress);
    for (at, measure) in plan.iter().enumerate() {
        match measure.kind {
            MeasureKind::Shipments => {}
            MeasureKind::Stat(operand, stat) => match operands.iter_mut().find(|(o, _)| *o == operand) {
                Some((_, stats)) => stats.push((at, stat)),
                None => operands.push((operand, vec![(at, stat)])),
            },
            MeasureKind::Distinct(key) => passes.push(Pass::Distinct { key: load(key)?, at }),
            MeasureKind::Hhi(key) => passes.push(Pass::Hhi { key: load(key)?, value: numbers(Role::Value)?, at }),
            MeasureKind::UnitValue => {
                passes.push(Pass::Ratio { over: numbers(Role::Value)?, under: numbers(Role::NetWeight)?, at });
            }
        }
    }
    for (operand, mut stats) in operands {
        let numbers = Numbers::load(operand, ships, progress)?;
        let column = source(&ships.store, operand).filter(|_| exact && stats.iter().any(|(_, s)| s.adds_or_compares()));
        let whole = column.map_or(Ok(None), |column| column.whole(progress))?;
        if let (Numbers::Plain(known), Some(whole)) = (&numbers, whole) {
            let (these, rest) = stats.into_iter().partition(|(_, stat)| stat.adds_or_compares());
            passes.push(Pass::Exact { known: known.clone(), whole, stats: these });
            stats = rest;
        }
        if !stats.is_empty() {
            passes.push(Pass::Stats { numbers, stats });
        }
    }
    Ok(passes)
}

/// The measures of every group, a column each. Unless `exact`, every measure but a count is taken of doubles
/// and is one.
pub fn compute(
    index: &GroupIndex,
    ships: &Shipments,
    plan: &[Measure],
    exact: bool,
    progress: &Progress,
) -> Result<Vec<ArrayRef>> {
    let passes = passes(ships, plan, exact, progress)?;
    let groups = index.groups();
    let mut results: Vec<Vec<f64>> =
        plan.iter().map(|m| if m.kind == MeasureKind::Shipments { Vec::new() } else { vec![0.0; groups] }).collect();
    let chunks = index.group_chunks(CHUNK_ROWS);
    let slices = split(&mut results, &chunks);
    chunks.into_par_iter().zip(slices).try_for_each_init(Scratch::default, |scratch, (chunk, mut out)| {
        progress.check()?;
        for pass in &passes {
            pass.run(index, chunk.clone(), scratch, &mut out);
        }
        Ok::<(), crate::Error>(())
    })?;
    plan.iter()
        .zip(results)
        .map(|(measure, result)| match measure.kind {
            MeasureKind::Stat(operand, Stat::Min | Stat::Max) if exact => {
                extremes(&ships.store, operand, result, progress)
            }
            _ => Ok(column(index, measure, result)),
        })
        .collect()
}

/// The least or greatest values in the type of the column they come from.
fn extremes(store: &Store, operand: Operand, result: Vec<f64>, progress: &Progress) -> Result<ArrayRef> {
    let found = source(store, operand).filter(|column| !column.is_text());
    if let Some(column) = found
        && let Some(whole) = column.whole(progress)?
    {
        // Not values but the rows they are in.
        let rows: Vec<Option<u32>> = result.into_iter().map(|v| (!is_none(v)).then_some(v as u32)).collect();
        return Ok(whole.pick(&rows, column.value_kind()));
    }
    if operand == Operand::Days {
        return Ok(days(result));
    }
    let doubles = doubles(result);
    match found.map(Column::value_kind) {
        Some(kind) if kind.is_integer() => Ok(cast(&doubles, kind)?),
        _ => Ok(doubles),
    }
}

/// For each chunk of groups, its part of every result.
fn split<'a>(results: &'a mut [Vec<f64>], chunks: &[Range<usize>]) -> Vec<Vec<&'a mut [f64]>> {
    let mut parts: Vec<Vec<&mut [f64]>> = chunks.iter().map(|_| Vec::new()).collect();
    for result in results {
        let mut rest = &mut result[..];
        for (chunk, part) in chunks.iter().zip(&mut parts) {
            let (head, tail) = rest.split_at_mut(chunk.len().min(rest.len()));
            part.push(head);
            rest = tail;
        }
    }
    parts
}

fn column(index: &GroupIndex, measure: &Measure, result: Vec<f64>) -> ArrayRef {
    match measure.kind {
        MeasureKind::Shipments => {
            let counts: Vec<i64> = index.starts.windows(2).map(|w| i64::from(w[1] - w[0])).collect();
            Arc::new(Int64Array::from(counts))
        }
        MeasureKind::Distinct(_) => {
            Arc::new(Int64Array::from(result.into_iter().map(|v| v as i64).collect::<Vec<_>>()))
        }
        MeasureKind::Stat(Operand::Days, _) => days(result),
        _ => doubles(result),
    }
}

fn days(result: Vec<f64>) -> ArrayRef {
    let days = result.into_iter().map(|v| (!is_none(v)).then_some(v as i32));
    Arc::new(days.collect::<Date32Array>())
}

fn doubles(result: Vec<f64>) -> ArrayRef {
    let missing = result.par_chunks(CHUNK_ROWS).any(|part| part.iter().any(|&v| is_none(v)));
    let nulls = missing.then(|| result.iter().map(|&v| !is_none(v)).collect::<NullBuffer>());
    Arc::new(Float64Array::new(result.into(), nulls))
}

impl Pass {
    fn run(&self, index: &GroupIndex, chunk: Range<usize>, scratch: &mut Scratch, out: &mut [&mut [f64]]) {
        let begin = index.starts[chunk.start] as usize;
        let rows = &index.order[begin..index.starts[chunk.end] as usize];
        let groups = || {
            chunk.clone().map(|g| index.starts[g] as usize - begin..index.starts[g + 1] as usize - begin).enumerate()
        };
        match self {
            Pass::Stats { numbers, stats } => {
                let mut gathered = std::mem::take(&mut scratch.gathered);
                numbers.gather(rows, &mut gathered);
                if let [(at, Stat::Sum)] = stats[..] {
                    // The most frequent question, over groups of mostly one or two rows.
                    let out = &mut out[at];
                    for (i, range) in groups() {
                        out[i] = match gathered[range.clone()] {
                            [a] if !a.is_nan() => a + 0.0,
                            [a, b] if !a.is_nan() && !b.is_nan() => a + b + 0.0,
                            _ => {
                                present(&gathered[range], &mut scratch.group);
                                if scratch.group.is_empty() { NONE } else { exact_sum(&scratch.group) }
                            }
                        };
                    }
                } else {
                    for (i, range) in groups() {
                        present(&gathered[range], &mut scratch.group);
                        statistics(stats, scratch, |at, value| out[at][i] = value);
                    }
                }
                scratch.gathered = gathered;
            }
            Pass::Exact { known, whole, stats } => {
                for (i, range) in groups() {
                    let rows = rows[range].iter().map(|&r| r as usize).filter(|&r| !known[r].is_nan());
                    exactly(rows, whole, stats, |at, value| out[at][i] = value);
                }
            }
            Pass::Ratio { over, under, at } => {
                for (i, range) in groups() {
                    let (a, b) = (&mut scratch.gathered, &mut scratch.second);
                    a.clear();
                    b.clear();
                    for &row in &rows[range] {
                        let (x, y) = (over[row as usize], under[row as usize]);
                        // A weight of zero is none, and the value beside it has no price.
                        if !x.is_nan() && !y.is_nan() && y != 0.0 {
                            a.push(x);
                            b.push(y);
                        }
                    }
                    let below = exact_sum(b);
                    out[*at][i] = if below == 0.0 { NONE } else { exact_sum(a) / below + 0.0 };
                }
            }
            Pass::Distinct { key, at } => {
                for (i, range) in groups() {
                    scratch.codes.clear();
                    scratch.codes.extend(rows[range].iter().map(|&r| key.code(r as usize)));
                    scratch.codes.sort_unstable();
                    scratch.codes.dedup();
                    let null = scratch.codes.last() == Some(&key.null());
                    out[*at][i] = (scratch.codes.len() - usize::from(null)) as f64;
                }
            }
            Pass::Hhi { key, value, at } => {
                for (i, range) in groups() {
                    scratch.pairs.clear();
                    let pairs = rows[range].iter().map(|&r| (key.code(r as usize), value[r as usize]));
                    scratch.pairs.extend(pairs.filter(|(code, v)| *code != key.null() && !v.is_nan()));
                    out[*at][i] = herfindahl(&mut scratch.pairs, &mut scratch.group, &mut scratch.terms);
                }
            }
        }
    }
}
