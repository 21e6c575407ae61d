//! Detectors of prices: is the value in line with weight or quantity?

mod unit_value;
mod value_weight;

pub use unit_value::UnitValue;
pub use value_weight::ValueWeight;
