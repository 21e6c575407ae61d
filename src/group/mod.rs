//! Group keys and the index that aggregation and scoring share: which rows belong together, in
//! key order.

mod cache;
mod group_keys;
mod index;
pub mod key;
mod strides;

pub use cache::IndexCache;
pub use group_keys::{GroupKeys, finest};
pub use index::{GroupIndex, IndexKeys};
pub use key::{Key, KeyColumn, resolve};
