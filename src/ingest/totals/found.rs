//! The rows that were recognised as totals.

/// Reasons why rows are totals, with the rows.
pub(super) type Found = Vec<(String, Vec<u32>)>;
