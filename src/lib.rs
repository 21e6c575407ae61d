//! redlane: the core of the Python package of the same name. It reads shipment records (customs declarations, bills of
//! lading, trade statistics), aggregates them and scores anomalies. `CONTRIBUTING.md` lists the rooms and their
//! dependencies.

pub mod aggregate;
pub mod calibrate;
pub mod detect;
pub mod error;
pub mod evidence;
pub mod flows;
pub mod group;
pub mod ingest;
pub mod learn;
pub mod progress;
pub mod sample;
pub mod screen;
pub mod select;
pub mod state;
pub mod stats;
pub mod store;
pub mod table;
pub mod threads;

#[cfg(feature = "python")]
mod python;

pub use error::{Error, Result};
