//! Detectors of prices: does the value fit the weight or the quantity?

mod firm_prices;
mod unit_value;
mod value_weight;

pub use firm_prices::FirmPrices;
pub use unit_value::UnitValue;
pub use value_weight::ValueWeight;
