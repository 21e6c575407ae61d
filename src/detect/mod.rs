//! Detectors: their common parts, their list, and one file or folder for each.

pub mod calibration;
mod entity;
mod flow;
mod labelled;
mod parameters;
mod price;
mod records;
pub mod registry;
mod skip_totals;
mod traits;

pub use labelled::{LABEL, Labelled};
pub use parameters::Parameters;
pub use registry::detector;
pub use traits::{Detector, Fit, LevelTails, Registered, SharedFit};
