//! From scores to p-values, and from p-values to findings at a given false discovery rate.

mod families;
mod fdr;
mod local;
pub mod tails;

pub use families::{benjamini_bogomolov, select_families, simes};
pub use fdr::{ascending, benjamini_hochberg, benjamini_hochberg_in, benjamini_yekutieli};
pub use local::LocalRate;
