//! Machine learning: features of shipments, planted patterns, evaluation, leakage.

mod evaluate;
mod features;
mod inject;
mod leakage;

pub use evaluate::{Scored, evaluate, truths};
pub use features::features;
pub use inject::inject;
pub use leakage::leakage;
