//! Flows: the value of a measure for each group and period.

mod cells;
mod span;
mod spec;
mod state;

pub use cells::{Cell, Flows, Total, lay_out};
pub use spec::{FlowSpec, LONGEST};
pub use state::expansion;
