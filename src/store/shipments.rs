//! The view of a store that a user holds.

use std::sync::Arc;

use super::fault::{Fault, Repair, RowList};
use super::memory::Store;
use crate::error::Result;
use crate::progress::Progress;

/// All rows of a store, or some of them.
#[derive(Clone)]
pub struct Shipments {
    pub store: Arc<Store>,
    pub rows: RowList,
}

impl Shipments {
    pub fn all(store: Store) -> Shipments {
        let rows = RowList::All(store.rows);
        Shipments { store: Arc::new(store), rows }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn subset(&self, rows: Vec<u32>) -> Shipments {
        Shipments { store: self.store.clone(), rows: RowList::Some(rows.into()) }
    }

    /// The faults in these rows.
    pub fn faults(&self, progress: &Progress) -> Result<Vec<Fault>> {
        let mut faults = self.store.faults(progress)?;
        if let RowList::Some(_) = self.rows {
            faults.retain(|f| self.rows.contains(f.row));
        }
        Ok(faults)
    }

    /// The mended cells in these rows.
    pub fn repairs(&self, progress: &Progress) -> Result<Vec<Repair>> {
        let mut repairs = self.store.repairs(progress)?;
        if let RowList::Some(_) = self.rows {
            repairs.retain(|r| self.rows.contains(r.row));
        }
        Ok(repairs)
    }
}
