//! Cells that could not be read. The row stays; the cell is null; the fault says why.

/// One unreadable cell of a row of the source.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub row: u32,
    /// The column's number, or [`Fault::BEYOND`] for cells past the last column.
    pub column: u32,
    /// The cell's text where the column no longer holds it.
    pub raw: Option<Box<str>>,
    pub reason: &'static str,
}

impl Fault {
    pub const BEYOND: u32 = u32::MAX;
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
