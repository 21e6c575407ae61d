//! From scores to p-values, and from p-values to lists with a stated share of false findings.

mod combine;
mod fdr;
pub mod tails;

pub use combine::cauchy_combination;
pub use fdr::{benjamini_hochberg, benjamini_yekutieli};
