//! Group keys and the index that aggregation and scoring share: which rows belong together, in
//! key order.

mod combos;
mod condition;
mod filter;
mod index;
mod key;
mod literal;
mod moments;
mod spans;

pub use combos::{Combos, finest};
pub use filter::filter;
pub use index::{GroupIndex, GroupKeys, IndexCache};
pub use key::{Key, KeyColumn, resolve};
pub use literal::{Instant, Literal, Number, Wanted};
