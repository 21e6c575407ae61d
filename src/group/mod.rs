//! Group keys and the index that aggregation and scoring share: which rows belong together, in
//! key order.

mod combos;
mod index;
pub mod key;

pub use combos::{Combos, finest};
pub use index::{GroupIndex, GroupKeys, IndexCache};
pub use key::{Key, KeyColumn, resolve};
