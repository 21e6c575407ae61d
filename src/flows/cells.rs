//! Flows: one measure of each group in each period. Detectors of flows and firms are fitted to them.
//!
//! In a state each cell is a few numbers whose exact sum is the value of the cell: the rounded sum and the remainders
//! of rounding. So states of disjoint records add up to the same bits as a fit on all records. A measure that is not a
//! sum (a median, a concentration) can be merged only if the fits have no cell in common.

use std::ops::Range;
use std::sync::Arc;

use crate::aggregate::Measure;
use crate::error::{Error, Result};
use crate::group::{GroupIndex, GroupKeys};
use crate::stats::exact_sum;
use crate::store::{Period, Shipments};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// The number of the period in [`Flows::periods`].
    pub at: u32,
    /// The number of its records.
    pub records: u32,
    pub value: f64,
}

/// Writes the value of each cell of a flow to the place of its period.
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
    /// The effective number of records of one size: (Σv)² / Σv² (Kish 1965).
    pub fn worth(self) -> f64 {
        if self.squares > 0.0 { self.value * self.value / self.squares } else { 0.0 }
    }
}

pub struct Flows {
    pub group_keys: GroupKeys,
    pub starts: Vec<usize>,
    pub cells: Vec<Cell>,
    /// The sum of squares of each cell, if requested.
    pub squares: Vec<f64>,
    /// The first days of all periods, from the first to the last with records.
    pub periods: Vec<i32>,
    /// Whether an empty period counts as zero; whether values are numbers of things.
    pub additive: bool,
    pub counts: bool,
    pub(super) source: Source,
}

pub(super) enum Source {
    Ships(Shipments, Arc<GroupIndex>, Measure, Vec<u32>),
    /// For each cell the numbers that add up to it, and those that add up to its squares.
    Parts(Parts, Parts),
}

pub(super) type Parts = Vec<(u32, f64)>;

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

    /// An error unless the measure is a sum. Only for a sum an empty period is zero.
    pub fn require_sum(&self, measure: &str) -> Result<()> {
        if self.additive {
            return Ok(());
        }
        Err(Error::Argument(format!(
            "measure={measure:?} is not a sum, such as \"value\", \"net_weight\" or \"shipments\""
        )))
    }

    /// The source rows of a cell, if the flows come from shipments.
    pub fn rows(&self, cell: usize) -> &[u32] {
        match &self.source {
            Source::Ships(_, index, _, groups) => index.rows(groups[cell] as usize),
            Source::Parts(..) => &[],
        }
    }

    /// The cell of a group in a period, if any.
    pub fn find(&self, group: usize, at: u32) -> Option<usize> {
        let range = self.range(group);
        // A first guess: most flows have records in almost all periods.
        let first = self.cells.get(range.start).filter(|_| !range.is_empty())?.at;
        let guess = range.start + at.checked_sub(first)? as usize;
        if guess < range.end && self.cells[guess].at == at {
            return Some(guess);
        }
        let place = self.cells[range.clone()].partition_point(|c| c.at < at) + range.start;
        (place < range.end && self.cells[place].at == at).then_some(place)
    }

    /// The value of a cell, which may be empty.
    pub fn value(&self, group: usize, at: u32) -> f64 {
        match self.find(group, at) {
            Some(cell) => self.cells[cell].value,
            None if self.additive => 0.0,
            None => f64::NAN,
        }
    }

    /// The sums of a group's cells in a window (inclusive): value, squares, records.
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

    /// The source rows of a group's cells in a window.
    pub fn rows_within(&self, group: usize, window: (u32, u32)) -> Vec<u32> {
        let within = self.range(group).filter(|&c| self.cells[c].at >= window.0 && self.cells[c].at <= window.1);
        within.flat_map(|c| self.rows(c).to_vec()).collect()
    }

    /// The numbers of the first and last period within some days, if there are any.
    pub fn window(&self, days: Period) -> Option<(u32, u32)> {
        let from = self.periods.partition_point(|&p| p < days.first);
        let to = self.periods.partition_point(|&p| p <= days.last);
        (from < to).then(|| (from as u32, to as u32 - 1))
    }
}
