//! Selection of shipments: conditions on columns, roles and derived keys.

mod condition;
mod filter;
mod literal;
mod moments;
mod number_text;
mod spans;

pub use filter::filter;
pub use literal::{Choice, DecimalLiteral, Instant, Literal, Wanted};
