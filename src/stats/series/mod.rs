//! The robust baseline of a short series: level, slow trend, season, and at most one level shift.
//!
//! All first estimates are medians, so that outliers change them little. The date of a shift is where two levels fit
//! best: the sum of absolute deviations from the medians on either side is smallest (an exact scan). A shift is kept if
//! it improves the Schwarz criterion of a Laplace likelihood, with all parts fitted with and without it. The chosen
//! baseline is then refined with means of the values close to it. The model is that of Rousseeuw, Perrotta, Riani and
//! Hubert (2019), with medians in place of least trimmed squares. NaN is a missing value.

mod baseline;
mod fit;
mod noise;
mod refine;
mod scratch;
mod season;
mod split;

pub use baseline::Baseline;
pub use fit::baseline;
pub use scratch::{Scratch, shortest};
