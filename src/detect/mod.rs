//! Detectors: what they have in common, the list of them, and one file or folder for each.

pub mod entity;
pub mod flow;
pub mod price;
pub mod records;
mod skip_totals;
mod traits;

pub use skip_totals::SkipTotals;
pub use traits::{Detector, Fit, SharedFit};
