//! Flows: what a measure comes to in each group and period.

mod cells;
mod span;

pub use cells::{Cell, FlowSpec, Flows, LONGEST, Total, expansion, lay_out};
