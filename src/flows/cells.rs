//! Flows: one measure of each group in each period, what detectors of flows and firms are fitted to.
//!
//! In a state every cell is a handful of numbers whose exact sum is the cell's value: the parts that a
//! correctly rounded sum leaves over are kept with it. So states of disjoint records add up to the bits
//! of all the records at once. A measure that is no sum (a median, a concentration) can only be put
//! together from fits that have no cell in common.

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
    pub(super) source: Source,
}

pub(super) enum Source {
    Ships(Shipments, Arc<GroupIndex>, Measure, Vec<u32>),
    /// For each cell the numbers it is the sum of, and those of its squares.
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
}
