//! Detectors of flows: groups over time and between places.

mod divergence;
mod diversion;
mod mirror_gap;
mod spread;
mod surge;

pub use divergence::Divergence;
pub use diversion::Diversion;
pub use mirror_gap::MirrorGap;
pub use surge::Surge;
