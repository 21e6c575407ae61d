//! What is measured, by which keys, and the flows of shipments.

use arrow::array::AsArray;
use arrow::datatypes::Date32Type;
use rayon::prelude::*;

use super::cells::{Cell, Flows, Source};
use crate::aggregate::{Measure, measured, summands};
use crate::error::{Error, Result};
use crate::group::{GroupKeys, IndexCache, Key, resolve};
use crate::progress::Progress;
use crate::stats::exact_sum;
use crate::store::{Every, Role, Shipments, iso};

/// What is measured, by which keys.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowSpec {
    pub by: Vec<String>,
    pub every: Every,
    pub measure: String,
    /// Also sum the squares, which are needed for the effective number of records.
    pub squares: bool,
    /// The largest number of periods.
    pub most: f64,
}

/// Cells processed at a time.
const CHUNK_GROUPS: usize = 1 << 14;

/// Two centuries in days; longer data are an error.
pub const LONGEST: f64 = 73_000.0;

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
        // The index holds the dates of the whole source. Only those of its rows are needed.
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
                         others are mostly mistakes: leave them out with ships.where(date=rl.between(...)), or take longer periods",
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
        // From codes to positions among all periods. Some periods have no records.
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
        // A flow begins where a key before the period changes.
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
                    "measure={:?} is not a sum of a column, such as \"value\" or \"net_weight\"",
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
            additive: measure.kind.additive(),
            counts: measure.kind.counts(),
            source: Source::Ships(ships.clone(), index, measure, groups_of),
        })
    }
}
