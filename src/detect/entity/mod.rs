//! Detectors of firms and other entities.

mod digits;
mod newcomer;

pub use digits::Digits;
pub use newcomer::Newcomer;
