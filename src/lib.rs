//! redlane: the core behind the Python package of the same name. It reads shipment records
//! (customs declarations, bills of lading, trade statistics), aggregates them and scores
//! anomalies. `CONTRIBUTING.md` holds the map of the rooms and what each may use.

pub mod aggregate;
pub mod error;
pub mod group;
pub mod ingest;
pub mod sample;
pub mod score;
pub mod stats;
pub mod store;
pub mod threads;
pub mod watch;

#[cfg(feature = "python")]
mod python;

pub use error::{Error, Result};
