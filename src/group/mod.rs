//! Group keys, and the group index, which aggregation and scoring share.

mod cache;
mod group_keys;
mod index;
pub mod key;
mod strides;

pub use cache::IndexCache;
pub use group_keys::{GroupKeys, finest};
pub use index::{GroupIndex, IndexKeys};
pub use key::{Key, KeyColumn, resolve};
