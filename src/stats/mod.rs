//! Numeric kernels over slices. They use no Arrow, files or shipments, and every
//! function gives the same bits for every order of its input.

mod beta_binomial;
mod gamma;
mod lanes;
pub mod linear;
mod log;
mod medcouple;
mod order;
mod pareto;
mod random;
mod scale;
mod select;
pub mod series;
pub mod shift;
mod sort;
mod sum;
mod tail;
mod within;

pub use beta_binomial::beta_binomial_upper;
pub use gamma::{digamma, trigamma, trigamma_inverse};
pub use log::ln;
pub use medcouple::{adjusted_fences, medcouple};
pub use order::{OrderStatistics, decode, encode, median};
pub use pareto::ParetoTail;
pub use random::{Random, mix, scramble};
pub use scale::{qn, sn};
pub use select::select;
pub use sort::{Places, Sorter, sort_few};
pub use sum::{exact_sum, exact_sum_where};
pub use tail::{
    binomial_upper, chi_square_tail, f_upper, negative_binomial_tails, normal_density, normal_of_student,
    normal_quantile, normal_two_sided, normal_upper, student_t_two_sided,
};
pub use within::Within;

/// Makes the median absolute deviation of a normal sample estimate its standard deviation:
/// 1 / Φ⁻¹(3/4) (Hampel 1974).
pub const MAD_K: f64 = 1.482_602_218_505_602;

/// The efficiency of the median absolute deviation at the normal (Rousseeuw and Croux 1993).
pub const MAD_EFFICIENCY: f64 = 0.37;

/// The median of the square of a standard normal.
pub const MEDIAN_SQUARE: f64 = 0.454_936_423_119_572_8;

/// Makes the interquartile range of a normal sample estimate its standard deviation: 2 Φ⁻¹(3/4).
pub const IQR_K: f64 = 1.348_979_500_392_163_6;

/// The variance of a median over that of a mean, at the normal: π / 2.
pub const MEDIAN_VARIANCE: f64 = std::f64::consts::FRAC_PI_2;

/// Makes the mean absolute deviation of a normal sample estimate its standard deviation: √(π/2).
pub const MEAN_AD_K: f64 = 1.253_314_137_315_500_3;
