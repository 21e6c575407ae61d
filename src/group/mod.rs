//! Group keys and the index that aggregation and scoring share: which rows belong together, in
//! key order.

mod group_keys;
mod index;
pub mod key;

pub use group_keys::{GroupKeys, finest};
pub use index::{GroupIndex, IndexCache, IndexKeys};
pub use key::{Key, KeyColumn, resolve};
