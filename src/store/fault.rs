//! Cells that could not be read, and cells that were corrected. The row stays. A cell with a fault is null, and the
//! fault gives the reason. A corrected cell has the value of the repair.

use std::collections::BTreeSet;
use std::sync::Mutex;

/// One unreadable cell of a row of the source.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub row: u32,
    /// The number of the column, or [`Fault::BEYOND`] for cells after the last column.
    pub column: u32,
    /// The text of the cell, if the column no longer holds it.
    pub raw: Option<Box<str>>,
    pub reason: &'static str,
}

impl Fault {
    pub const BEYOND: u32 = u32::MAX;
}

/// One corrected cell: its text, and its new value.
#[derive(Clone, Debug, PartialEq)]
pub struct Repair {
    pub row: u32,
    pub column: u32,
    /// The text of the cell, if the column no longer holds it.
    pub raw: Option<Box<str>>,
    pub value: Box<str>,
    pub reason: &'static str,
}

/// A reason that comes as text, from a copy. Each is kept once until the program ends.
pub fn reason(text: &str) -> &'static str {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(reason) = known.get(text) {
        return reason;
    }
    let reason: &'static str = Box::leak(text.into());
    known.insert(reason);
    reason
}

/// Rows of the source in ascending order, or all of them.
#[derive(Clone, Debug)]
pub enum RowList {
    All(usize),
    Some(std::sync::Arc<[u32]>),
}

impl RowList {
    pub fn len(&self) -> usize {
        match self {
            RowList::All(n) => *n,
            RowList::Some(rows) => rows.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The source row at `position`.
    pub fn row(&self, position: usize) -> usize {
        match self {
            RowList::All(_) => position,
            RowList::Some(rows) => rows[position] as usize,
        }
    }

    /// The position of a source row.
    pub fn position(&self, row: u32) -> Option<u32> {
        match self {
            RowList::All(n) => Some(row).filter(|&r| (r as usize) < *n),
            RowList::Some(rows) => rows.binary_search(&row).ok().map(|p| p as u32),
        }
    }

    pub fn contains(&self, row: u32) -> bool {
        match self {
            RowList::All(n) => (row as usize) < *n,
            RowList::Some(rows) => rows.binary_search(&row).is_ok(),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).map(|position| self.row(position))
    }
}
