//! Detectors of single records: rare, repeated, or unusual in several columns.

mod conformal;
mod ecod;
mod isolation;
mod matrix;
mod rarity;
mod repeats;

pub use ecod::Ecod;
pub use isolation::Isolation;
pub use rarity::Rarity;
pub use repeats::Repeats;
