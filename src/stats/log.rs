//! The natural logarithm without branches, so that whole columns of it run at the speed of
//! multiplications. The method and the bits are those of FreeBSD's `log` (and of `libm`): x is
//! brought to 2^k (1 + f) with 1 + f between √½ and √2, and log(1 + f) = 2 atanh(s), s = f / (2 + f),
//! is a polynomial in s².

const LN2_HIGH: f64 = 0.6931471803691238;
const LN2_LOW: f64 = 1.9082149292705877e-10;
const LG: [f64; 7] = [
    0.6666666666666735,
    0.3999999999940942,
    0.2857142874366239,
    0.22222198432149784,
    0.1818357216161805,
    0.15313837699209373,
    0.14798198605116586,
];

/// ln(x) for a normal positive x, NaN for NaN; anything for other x.
pub fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    // Moves the boundary between exponents from 1 to √½.
    let shifted = bits.wrapping_add(0x3ff0_0000_0000_0000 - 0x3fe6_a09e_0000_0000);
    let k = ((shifted >> 52) as i32 - 0x3ff) as f64;
    let f = f64::from_bits((shifted & 0x000f_ffff_ffff_ffff) + 0x3fe6_a09e_0000_0000) - 1.0;
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * (LG[1] + w * (LG[3] + w * LG[5]));
    let odd = z * (LG[0] + w * (LG[2] + w * (LG[4] + w * LG[6])));
    let log = s * (half_square + (odd + even)) + k * LN2_LOW - half_square + f + k * LN2_HIGH;
    if x.is_nan() { x } else { log }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn has_the_bits_of_libm(x in prop_oneof![1e-300..1e300f64, 0.5..2.0f64, 1e-3..1e6f64]) {
            prop_assert_eq!(ln(x).to_bits(), libm::log(x).to_bits());
        }
    }

    #[test]
    fn one_is_zero() {
        assert_eq!(ln(1.0), 0.0);
        assert!(ln(f64::NAN).is_nan());
        assert_eq!(ln(f64::MIN_POSITIVE), libm::log(f64::MIN_POSITIVE));
        assert_eq!(ln(f64::MAX), libm::log(f64::MAX));
    }
}
