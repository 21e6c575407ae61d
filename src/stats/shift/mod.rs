//! Did the level of a series shift? One test over all dates, for series with a season, a drift and dependent noise.
//!
//! The series is whitened with the dependence of neighbouring values, and what constant, season and drift explain is
//! taken off. Each date has a statistic: the correlation of the rest with a step at this date. The largest one decides.
//! Its law follows from geometry where the noise is nearly normal ([`Law`]), or from permutations ([`Permuter`]).

mod design;
mod law;
mod permute;

pub use design::{Best, Design, LeftOver, Noise, Rest};
pub use law::Law;
pub use permute::Permuter;
