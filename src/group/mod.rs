//! Group keys and the index that aggregation and scoring share: which rows belong together, in
//! key order.

mod combos;
mod filter;
mod index;
mod key;

pub use combos::{Combos, finest};
pub use filter::{Literal, Wanted, filter};
pub use index::{GroupIndex, GroupKeys, IndexCache};
pub use key::{Key, KeyColumn, resolve};
