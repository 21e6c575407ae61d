//! From scores to p-values, and from p-values to findings at a given false discovery rate.

mod combine;
mod fdr;
pub mod tails;

pub use combine::cauchy_combination;
pub use fdr::{benjamini_hochberg, benjamini_yekutieli};
