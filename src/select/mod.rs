//! Which shipments are asked for: conditions on columns, roles and derived keys.

mod condition;
mod filter;
mod literal;
mod moments;
mod spans;

pub use filter::filter;
pub use literal::{DecimalLiteral, Instant, Literal, Wanted};
