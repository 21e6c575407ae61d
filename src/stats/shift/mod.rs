//! Did the level of a series shift? One test over all dates, for series with a season, a drift and dependent noise.
//!
//! The series is whitened with the dependence of its values ([`Whitening`]), and what constant, season and drift explain
//! is taken off ([`Design`]). Each date has a statistic: the correlation of the rest with a step at this date. The largest
//! one decides. Its law follows from geometry where the noise is nearly normal ([`Law`]), or from permutations
//! ([`Permuter`]).

mod design;
mod impulses;
mod law;
mod left_over;
mod permute;
mod vectors;
mod whitening;
mod without_replacement;

pub use design::{Design, Rest};
pub use impulses::{Impulses, Noise};
pub use law::{Best, Law};
pub use left_over::LeftOver;
pub use permute::Permuter;
pub use whitening::{Dependence, Whitening};
