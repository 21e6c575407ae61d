//! Flows: one measure of each group in each period, what detectors of flows and firms are fitted to.
//!
//! In a state every cell is a handful of numbers whose exact sum is the cell's value: the parts that a
//! correctly rounded sum leaves over are kept with it. So states of disjoint records add up to the bits
//! of all the records at once. A measure that is no sum (a median, a concentration) can only be put
//! together from fits that have no cell in common.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Date32Type;
use rayon::prelude::*;

use crate::aggregate::{Measure, measured, summands};
use crate::error::{Error, Result};
use crate::group::{GroupIndex, GroupKeys, IndexCache, Key, resolve};
use crate::progress::Progress;
use crate::state::checked::{self, Rule, wrong};
use crate::state::members::{List, lists, plain, read_all_lists, same_lengths};
use crate::stats::exact_sum;
use crate::store::{Every, Period, Role, Shipments, iso};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// The number of the period in [`Flows::periods`].
    pub at: u32,
    /// Records behind it.
    pub records: u32,
    pub value: f64,
}

/// Puts the value of each of a flow's cells in its period's place.
pub fn lay_out(cells: &[Cell], over: &mut [f64]) {
    cells.iter().for_each(|cell| over[cell.at as usize] = cell.value);
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Total {
    pub value: f64,
    pub squares: f64,
    pub records: usize,
}

impl Total {
    /// How many records of one size the value is worth: (Σv)² / Σv², the effective number (Kish 1965).
    pub fn worth(self) -> f64 {
        if self.squares > 0.0 { self.value * self.value / self.squares } else { 0.0 }
    }
}

/// What is measured of what.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowSpec {
    pub by: Vec<String>,
    pub every: Every,
    pub measure: String,
    /// Also the squares, which tell how many records of one size a sum is worth.
    pub squares: bool,
    /// Periods at the most.
    pub most: f64,
}

/// Cells worked on at a time.
const CHUNK_GROUPS: usize = 1 << 14;

/// Days of two centuries: more than any file of trade holds.
pub const LONGEST: f64 = 73_000.0;

pub struct Flows {
    pub group_keys: GroupKeys,
    pub starts: Vec<usize>,
    pub cells: Vec<Cell>,
    /// The sum of squares of each cell, where it was asked for.
    pub squares: Vec<f64>,
    /// First days of all periods from the first with records to the last.
    pub periods: Vec<i32>,
    /// Whether an empty period counts as zero, and whether values are numbers of things.
    pub additive: bool,
    pub counts: bool,
    source: Source,
}

enum Source {
    Ships(Shipments, Arc<GroupIndex>, Measure, Vec<u32>),
    /// For each cell the numbers it is the sum of, and those of its squares.
    Parts(Parts, Parts),
}

type Parts = Vec<(u32, f64)>;

impl FlowSpec {
    pub fn flows(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<Flows> {
        ships.store.require(Role::Date)?;
        let measure = Measure::parse(&ships.store, &self.measure)?;
        if let Some(period) = self.by.iter().find(|k| Every::named(k).is_some() || *k == "date") {
            return Err(Error::Argument(format!(
                "by cannot hold the period {period:?}: every={:?} sets the periods",
                self.every.name()
            )));
        }
        let mut keys = resolve(&ships.store, &self.by)?;
        keys.push(Key::Period(self.every));
        let index = cache.get(ships, &keys, progress)?;
        let values = measured(&index, ships, &measure, progress)?;
        let last = self.by.len();
        let days = index.keys.distinct(last).as_primitive::<Date32Type>().values();
        let null = days.len() as u32;
        // The index knows the dates of the whole source; these are those of its rows.
        let coded =
            (0..index.groups()).into_par_iter().with_min_len(CHUNK_GROUPS).filter(|&g| !index.rows(g).is_empty());
        let coded = coded.map(|g| index.keys.code(g, last)).filter(|&c| c < null).map(|c| (c, c));
        let (low, high) = coded.reduce(|| (null, 0), |a, b| (a.0.min(b.0), a.1.max(b.1)));
        let ends = (low < null).then(|| (days[low as usize], days[high as usize]));
        let periods = match ends {
            Some((first, last)) => {
                let about = f64::from(last - first) / self.every.days();
                if about > self.most {
                    return Err(Error::Argument(format!(
                        "the dates go from {} to {}, about {about:.0} {}s, more than the {} that can be compared; dates far from the \
                         others are mostly mistakes: leave them out with ships.where(date=(...)), or take longer periods",
                        iso(first),
                        iso(last),
                        self.every.name(),
                        self.most
                    )));
                }
                self.every.range(first, last)
            }
            None => Vec::new(),
        };
        // Codes to places among all periods: some have no record.
        let place: Vec<u32> = days.iter().map(|d| periods.partition_point(|p| p < d) as u32).collect();
        let chunks: Vec<usize> = (0..index.groups()).step_by(CHUNK_GROUPS).collect();
        let kept = |from: usize| -> Vec<u32> {
            let some = (from..(from + CHUNK_GROUPS).min(index.groups())).map(|g| g as u32);
            some.filter(|&g| !index.rows(g as usize).is_empty() && index.keys.code(g as usize, last) < null).collect()
        };
        progress.check()?;
        let groups_of = chunks.into_par_iter().map(kept).collect::<Vec<_>>().concat();
        let cell = |&g: &u32| Cell {
            at: place[index.keys.code(g as usize, last) as usize],
            records: index.rows(g as usize).len() as u32,
            value: values[g as usize],
        };
        let cells: Vec<Cell> = groups_of.par_iter().with_min_len(CHUNK_GROUPS).map(cell).collect();
        progress.check()?;
        // A flow begins where the keys before the period change.
        let chunks: Vec<usize> = (0..cells.len()).step_by(CHUNK_GROUPS).collect();
        let begins = |from: usize| -> Vec<usize> {
            let leading = |cell: usize| index.keys.leading(groups_of[cell] as usize);
            let some = from..(from + CHUNK_GROUPS).min(cells.len());
            some.filter(|&cell| cell == 0 || leading(cell) != leading(cell - 1)).collect()
        };
        let mut starts = chunks.into_par_iter().map(begins).collect::<Vec<_>>().concat();
        let firsts: Vec<u32> = starts.iter().map(|&cell| groups_of[cell]).collect();
        starts.push(cells.len());
        if cells.is_empty() {
            return Err(Error::Argument(format!(
                "no record has a date, so there are no flows by {}; see ships.faults and ships.summary()",
                self.every.name()
            )));
        }
        let mut squares = Vec::new();
        if self.squares {
            let numbers = summands(ships, &measure, progress)?.ok_or_else(|| {
                Error::Argument(format!(
                    "measure={:?} is no sum of a column, such as \"value\" or \"net_weight\"",
                    self.measure
                ))
            })?;
            squares = progress.each(0..cells.len(), 1 << 10, |cell| {
                let rows = index.rows(groups_of[cell] as usize).iter().map(|&r| numbers[r as usize]);
                exact_sum(&rows.filter(|v| !v.is_nan()).map(|v| v * v).collect::<Vec<f64>>())
            })?;
        }
        Ok(Flows {
            squares,
            group_keys: GroupKeys::of_some(&index, &self.by, firsts.iter().map(|&g| g as usize)),
            starts,
            cells,
            periods,
            additive: measure.ask.additive(),
            counts: measure.ask.counts(),
            source: Source::Ships(ships.clone(), index, measure, groups_of),
        })
    }

    /// Flows from states of fits of disjoint records.
    pub fn restored(&self, states: &[RecordBatch], detector: &str, progress: &Progress) -> Result<Flows> {
        let rules = [
            ("periods", Rule::DAY),
            ("values", Rule::ANY),
            ("records", Rule::COUNT),
            ("square_periods", Rule::DAY),
            ("squares", Rule::KNOWN),
        ];
        let wanted = if self.squares { &rules[..] } else { &rules[..3] };
        let (group_keys, mut lists) = read_all_lists(states, &self.by, wanted, detector, progress)?;
        let squared = lists.split_off(3);
        let named = |at: usize| rules[at].0;
        same_lengths(&lists.iter().collect::<Vec<_>>(), &[named(0), named(1), named(2)], detector)?;
        if let [days, squares] = &squared[..] {
            same_lengths(&[days, squares], &[named(3), named(4)], detector)?;
        }
        let [days, values, records] = &lists[..] else { return Err(wrong("the state lacks columns", detector)) };
        let (additive, counts) =
            (checked::flag(states, "additive", detector)?, checked::flag(states, "counts", detector)?);
        let (first, last) = self.span(days, detector)?;
        let periods = self.every.range(first, last);
        let mut flows = Flows {
            starts: vec![0],
            cells: Vec::new(),
            periods,
            additive,
            counts,
            source: Source::Parts(Vec::new(), Vec::new()),
            squares: Vec::new(),
            group_keys,
        };
        let mut parts = Vec::new();
        for g in 0..flows.group_keys.groups() {
            progress.check()?;
            let mut entries: Vec<(i32, f64, f64)> = (days.starts[g]..days.starts[g + 1])
                .map(|i| (days.values[i] as i32, values.values[i], records.values[i]))
                .collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            for cell in entries.chunk_by(|a, b| a.0 == b.0) {
                let numbers: Vec<f64> = cell.iter().map(|e| e.1).filter(|v| !v.is_nan()).collect();
                if !additive && cell.len() > 1 {
                    return Err(Error::Argument(format!(
                        "both fits hold records of {} in {}, and {} of their union cannot be told from that of each; merge fits of \
                         different periods or groups",
                        flows.group_keys.name(g),
                        self.every.text(cell[0].0),
                        self.measure
                    )));
                }
                let at = flows.periods.partition_point(|&p| p < cell[0].0) as u32;
                let known = cell.iter().map(|e| e.2).sum::<f64>();
                if !(1.0..=f64::from(u32::MAX)).contains(&known) {
                    let what =
                        format!("the column \"records\" counts {known} records in {}", self.every.text(cell[0].0));
                    return Err(wrong(&what, detector));
                }
                let value = if numbers.is_empty() { f64::NAN } else { exact_sum(&numbers) };
                parts.extend(expansion(value, numbers).into_iter().map(|part| (flows.cells.len() as u32, part)));
                flows.cells.push(Cell { at, records: known as u32, value });
            }
            flows.starts.push(flows.cells.len());
        }
        let squares = match &squared[..] {
            [days, squares] => flows.restored_squares(days, squares, detector)?,
            _ => Vec::new(),
        };
        flows.source = Source::Parts(parts, squares);
        Ok(flows)
    }
}

/// A correctly rounded sum of numbers, what rounding left over, and what that left over, until nothing is.
pub fn expansion(sum: f64, mut numbers: Vec<f64>) -> Vec<f64> {
    let (mut parts, mut part) = (vec![sum], sum);
    while part.is_finite() && part != 0.0 {
        numbers.push(-part);
        part = exact_sum(&numbers);
        if part.is_finite() && part != 0.0 {
            parts.push(part);
        }
    }
    parts
}

impl Flows {
    pub fn groups(&self) -> usize {
        self.starts.len() - 1
    }

    pub fn of(&self, group: usize) -> &[Cell] {
        &self.cells[self.range(group)]
    }

    pub fn range(&self, group: usize) -> Range<usize> {
        self.starts[group]..self.starts[group + 1]
    }

    /// An error unless the measure is a sum, whose empty periods are zero.
    pub fn require_sum(&self, measure: &str) -> Result<()> {
        if self.additive {
            return Ok(());
        }
        Err(Error::Argument(format!(
            "measure={measure:?} is no sum, such as \"value\", \"net_weight\" or \"shipments\""
        )))
    }

    /// The source rows of a cell, where the flows come from shipments.
    pub fn rows(&self, cell: usize) -> &[u32] {
        match &self.source {
            Source::Ships(_, index, _, groups) => index.rows(groups[cell] as usize),
            Source::Parts(..) => &[],
        }
    }

    /// The cell of a group in a period.
    pub fn find(&self, group: usize, at: u32) -> Option<usize> {
        let range = self.range(group);
        // Most flows miss few periods.
        let first = self.cells.get(range.start).filter(|_| !range.is_empty())?.at;
        let guess = range.start + at.checked_sub(first)? as usize;
        if guess < range.end && self.cells[guess].at == at {
            return Some(guess);
        }
        let place = self.cells[range.clone()].partition_point(|c| c.at < at) + range.start;
        (place < range.end && self.cells[place].at == at).then_some(place)
    }

    /// The value of a cell that may be empty.
    pub fn value(&self, group: usize, at: u32) -> f64 {
        match self.find(group, at) {
            Some(cell) => self.cells[cell].value,
            None if self.additive => 0.0,
            None => f64::NAN,
        }
    }

    /// What a group's cells from period to period (inclusive) come to: value, squares, records.
    pub fn total(&self, group: usize, window: (u32, u32)) -> Total {
        let within = self.range(group).filter(|&c| self.cells[c].at >= window.0 && self.cells[c].at <= window.1);
        let (mut values, mut squares, mut records) = (Vec::new(), Vec::new(), 0);
        for c in within {
            if !self.cells[c].value.is_nan() {
                values.push(self.cells[c].value);
            }
            squares.extend(self.squares.get(c).copied());
            records += self.cells[c].records as usize;
        }
        Total { value: exact_sum(&values), squares: exact_sum(&squares), records }
    }

    /// The source rows of a group's cells from period to period.
    pub fn rows_within(&self, group: usize, window: (u32, u32)) -> Vec<u32> {
        let within = self.range(group).filter(|&c| self.cells[c].at >= window.0 && self.cells[c].at <= window.1);
        within.flat_map(|c| self.rows(c).to_vec()).collect()
    }

    /// The numbers of the first and last period of some days, where the data hold any of them.
    pub fn window(&self, days: Period) -> Option<(u32, u32)> {
        let from = self.periods.partition_point(|&p| p < days.first);
        let to = self.periods.partition_point(|&p| p <= days.last);
        (from < to).then(|| (from as u32, to as u32 - 1))
    }

    fn restored_squares(&mut self, days: &List, squares: &List, detector: &str) -> Result<Parts> {
        let mut parts = Vec::new();
        for g in 0..self.groups() {
            for i in days.starts[g]..days.starts[g + 1] {
                let at = self.periods.partition_point(|&p| p < days.values[i] as i32) as u32;
                let day = days.values[i] as i32;
                let known = self.periods.get(at as usize) == Some(&day);
                let Some(cell) = self.find(g, at).filter(|_| known) else {
                    let what = format!("the column \"square_periods\" holds {}, which \"periods\" does not", iso(day));
                    return Err(wrong(&what, detector));
                };
                parts.push((cell as u32, squares.values[i]));
            }
        }
        parts.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        self.squares = vec![0.0; self.cells.len()];
        let mut made = Vec::new();
        for cell in parts.chunk_by(|a: &(u32, f64), b| a.0 == b.0) {
            let numbers: Vec<f64> = cell.iter().map(|p| p.1).collect();
            let sum = exact_sum(&numbers);
            self.squares[cell[0].0 as usize] = sum;
            made.extend(expansion(sum, numbers).into_iter().map(|part| (cell[0].0, part)));
        }
        Ok(made)
    }

    /// The numbers that each cell is the exact sum of, cell after cell, and those of its squares.
    fn parts(&self, progress: &Progress) -> Result<(Parts, Parts)> {
        let (ships, index, measure, groups) = match &self.source {
            Source::Parts(values, squares) => return Ok((values.clone(), squares.clone())),
            Source::Ships(ships, index, measure, groups) => (ships, index, measure, groups),
        };
        let numbers = summands(ships, measure, progress)?;
        let expand = |sums: &(dyn Fn(usize) -> f64 + Sync), of: &(dyn Fn(f64) -> f64 + Sync)| -> Result<Parts> {
            let one = |cell: usize| {
                let sum = sums(cell);
                let parts = match &numbers {
                    None => vec![sum],
                    Some(numbers) => {
                        let rows = index.rows(groups[cell] as usize).iter().map(|&r| numbers[r as usize]);
                        expansion(sum, rows.filter(|v| !v.is_nan()).map(of).collect())
                    }
                };
                parts.into_iter().map(|part| (cell as u32, part)).collect::<Parts>()
            };
            Ok(progress.each(0..self.cells.len(), 1 << 10, one)?.concat())
        };
        let values = expand(&|cell| self.cells[cell].value, &|v| v)?;
        let squares =
            if self.squares.is_empty() { Vec::new() } else { expand(&|cell| self.squares[cell], &|v| v * v)? };
        Ok((values, squares))
    }

    /// The keys, `n` (records), and the cells, as the columns of a state.
    pub fn state(&self, progress: &Progress) -> Result<Vec<(String, ArrayRef)>> {
        let groups = self.groups();
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        for (k, key) in self.group_keys.keys.iter().enumerate() {
            columns.push((key.clone(), plain(&self.group_keys.labels(k)?)?));
        }
        let n = (0..groups).map(|g| self.of(g).iter().map(|c| i64::from(c.records)).sum::<i64>());
        columns.push(("n".into(), Arc::new(Int64Array::from_iter_values(n))));
        let (parts, squares) = self.parts(progress)?;
        let starts_of = |parts: &Parts| {
            let mut starts = vec![0];
            let mut at = 0;
            for g in 0..groups {
                at += parts[at..].partition_point(|p| (p.0 as usize) < self.starts[g + 1]);
                starts.push(at);
            }
            starts
        };
        let day = |p: &(u32, f64)| f64::from(self.periods[self.cells[p.0 as usize].at as usize]);
        let starts = starts_of(&parts);
        // Records are counted once, with the first number of their cell.
        let records = parts.iter().enumerate().map(|(i, p)| {
            let first = i == 0 || parts[i - 1].0 != p.0;
            if first { f64::from(self.cells[p.0 as usize].records) } else { 0.0 }
        });
        columns.push(("periods".into(), lists(&starts, parts.iter().map(day).collect(), groups)));
        columns.push(("records".into(), lists(&starts, records.collect(), groups)));
        columns.push(("values".into(), lists(&starts, parts.iter().map(|p| p.1).collect(), groups)));
        if !self.squares.is_empty() {
            let starts = starts_of(&squares);
            columns.push(("square_periods".into(), lists(&starts, squares.iter().map(day).collect(), groups)));
            columns.push(("squares".into(), lists(&starts, squares.iter().map(|p| p.1).collect(), groups)));
        }
        let flag = |v: bool| -> ArrayRef { Arc::new(arrow::array::BooleanArray::from(vec![v; groups])) };
        columns.push(("additive".into(), flag(self.additive)));
        columns.push(("counts".into(), flag(self.counts)));
        Ok(columns)
    }
}
