//! The first fault of a source as an error.

use super::options::Options;
use super::records;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::store::Shipments;

/// The first fault as an error, if the user wants that.
pub fn check(ships: &Shipments, options: &Options, progress: &Progress) -> Result<()> {
    if !options.raise {
        return Ok(());
    }
    let faults = ships.store.faults(progress)?;
    let Some(first) = faults.first() else { return Ok(()) };
    let text = format!(
        "row {}, column {:?}: {} ({:?}); {} fault(s) in all; read with on_fault=\"keep\" to get them as a table",
        first.row,
        ships.store.fault_column(first),
        first.reason,
        ships.store.raw(first).unwrap_or_default(),
        faults.len()
    );
    let ragged = first.reason == records::SHORT || first.reason == records::LONG;
    Err(if ragged { Error::RaggedRow(text) } else { Error::Fault(text) })
}
