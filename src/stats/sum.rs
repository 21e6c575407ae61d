//! Correctly rounded sums: the exact sum of the doubles, rounded once. That makes a total
//! independent of row order, threads and batches.

const MANTISSA: u64 = (1 << 52) - 1;
const EXPONENT_MAX: u64 = 0x7ff;

/// The correctly rounded sum of `values`. An empty slice sums to 0, a zero result is `+0.0`.
/// Infinities follow IEEE rules: one sign gives that infinity, both give NaN.
pub fn exact_sum(values: &[f64]) -> f64 {
    match *values {
        [] => 0.0,
        [a] => a + 0.0,
        [a, b] => a + b + 0.0, // a single addition is already correctly rounded
        _ => many(values),
    }
}

/// Like [`exact_sum`] over `f(0), f(1), .. f(n - 1)`, using `scratch` to hold the terms.
pub fn exact_sum_where(n: usize, scratch: &mut Vec<f64>, f: impl Fn(usize) -> f64) -> f64 {
    scratch.clear();
    scratch.extend((0..n).map(f));
    exact_sum(scratch)
}

/// The biased exponent a finite double is scaled by; subnormals share that of the smallest normals.
fn exponent(bits: u64) -> u64 {
    ((bits >> 52) & EXPONENT_MAX).max(1)
}

/// The signed integer `m` with `x = m * 2^(exponent - 1075)`.
fn mantissa(bits: u64) -> i64 {
    let implicit = u64::from((bits >> 52) & EXPONENT_MAX != 0) << 52;
    let magnitude = ((bits & MANTISSA) | implicit) as i64;
    if bits >> 63 == 1 { -magnitude } else { magnitude }
}

fn many(values: &[f64]) -> f64 {
    let (mut low, mut high) = (EXPONENT_MAX, 0);
    for value in values {
        let bits = value.to_bits();
        if bits << 1 != 0 {
            let e = exponent(bits);
            low = low.min(e);
            high = high.max(e);
        }
    }
    if high == 0 {
        return 0.0;
    }
    if high == EXPONENT_MAX {
        return non_finite(values);
    }
    let growth = u64::from(usize::BITS - values.len().leading_zeros());
    if 53 + (high - low) + growth <= 126 {
        let mut total = 0i128;
        for value in values {
            let bits = value.to_bits();
            if bits << 1 != 0 {
                total += i128::from(mantissa(bits)) << (exponent(bits) - low);
            }
        }
        // The rounding happens in `as`; the scaling by a power of two is exact, because every
        // term, and so the total, is a multiple of the smallest subnormal.
        return scale(total as f64, low as i32 - 1075);
    }
    let mut wide = Wide::default();
    for value in values {
        wide.add(value.to_bits());
    }
    wide.round()
}

fn non_finite(values: &[f64]) -> f64 {
    values.iter().filter(|v| !v.is_finite()).sum()
}

fn scale(x: f64, power: i32) -> f64 {
    libm::ldexp(x, power) + 0.0
}

/// A fixed-point number wide enough for every sum of doubles: 32 bits a limb, each limb held in
/// 64 so that 2^31 additions need no carry.
struct Wide {
    limbs: [i64; Wide::LIMBS],
    pending: u32,
}

impl Default for Wide {
    fn default() -> Self {
        Wide { limbs: [0; Self::LIMBS], pending: 0 }
    }
}

impl Wide {
    /// 2046 exponents, 53 bits of mantissa and 64 bits of head room.
    const LIMBS: usize = 68;

    fn add(&mut self, bits: u64) {
        let shift = exponent(bits) - 1;
        let (limb, offset) = ((shift / 32) as usize, shift % 32);
        let shifted = i128::from(mantissa(bits).unsigned_abs()) << offset;
        let sign = if bits >> 63 == 1 { -1 } else { 1 };
        for (i, part) in self.limbs[limb..limb + 3].iter_mut().enumerate() {
            *part += sign * ((shifted >> (32 * i)) & 0xffff_ffff) as i64;
        }
        self.pending += 1;
        if self.pending == 1 << 30 {
            self.carry();
        }
    }

    /// Brings every limb but the last into 0..2^32; the last keeps the sign.
    fn carry(&mut self) {
        for i in 0..Self::LIMBS - 1 {
            let over = self.limbs[i] >> 32;
            self.limbs[i] -= over << 32;
            self.limbs[i + 1] += over;
        }
        self.pending = 0;
    }

    fn round(mut self) -> f64 {
        self.carry();
        let negative = self.limbs[Self::LIMBS - 1] < 0;
        if negative {
            self.limbs.iter_mut().for_each(|l| *l = -*l);
            self.carry();
        }
        let Some(top) = self.limbs.iter().rposition(|&l| l != 0) else {
            return 0.0;
        };
        // The leading three limbs hold at least 65 significant bits; what lies below only decides
        // ties, so it is folded into one sticky bit.
        let low = top.saturating_sub(2);
        let mut lead = 0u128;
        for &limb in self.limbs[low..=top].iter().rev() {
            lead = (lead << 32) | limb as u128;
        }
        let sticky = self.limbs[..low].iter().any(|&l| l != 0);
        let rounded = scale((lead | u128::from(sticky)) as f64, 32 * low as i32 - 1074);
        if negative { -rounded } else { rounded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Shewchuk's non-overlapping partials, as Python's `math.fsum` uses them: an independent oracle.
    fn shewchuk(values: &[f64]) -> f64 {
        let mut partials: Vec<f64> = Vec::new();
        for &value in values {
            let mut x = value;
            let mut kept = 0;
            for i in 0..partials.len() {
                let mut y = partials[i];
                if x.abs() < y.abs() {
                    std::mem::swap(&mut x, &mut y);
                }
                let hi = x + y;
                let lo = y - (hi - x);
                if lo != 0.0 {
                    partials[kept] = lo;
                    kept += 1;
                }
                x = hi;
            }
            partials.truncate(kept);
            partials.push(x);
        }
        let Some(mut hi) = partials.pop() else { return 0.0 };
        let mut lo = 0.0;
        while let Some(y) = partials.pop() {
            let x = hi;
            hi = x + y;
            lo = y - (hi - x);
            if lo != 0.0 {
                break;
            }
        }
        if let Some(&next) = partials.last()
            && ((lo < 0.0 && next < 0.0) || (lo > 0.0 && next > 0.0))
        {
            let y = lo * 2.0;
            let x = hi + y;
            if y == x - hi {
                hi = x;
            }
        }
        hi + 0.0
    }

    #[test]
    fn knows_the_hard_cases() {
        assert_eq!(exact_sum(&[1e100, 1.0, -1e100]), 1.0);
        assert_eq!(exact_sum(&[0.1; 10]), 1.0);
        assert_eq!(exact_sum(&[-0.0, -0.0, -0.0]).to_bits(), 0);
        assert_eq!(exact_sum(&[f64::MAX, f64::MAX, -f64::MAX]), f64::MAX);
        assert_eq!(exact_sum(&[f64::MAX, f64::MAX, f64::MAX]), f64::INFINITY);
        assert_eq!(exact_sum(&[5e-324, 5e-324, 5e-324]), 1.5e-323);
        assert_eq!(exact_sum(&[f64::INFINITY, 1.0, 2.0]), f64::INFINITY);
        assert!(exact_sum(&[f64::INFINITY, 1.0, f64::NEG_INFINITY]).is_nan());
    }

    proptest! {
        #[test]
        fn agrees_with_shewchuk(values in prop::collection::vec(
            prop_oneof![-1e9..1e9f64, -1e-3..1e-3f64,
                        (any::<i32>(), -290..290i32).prop_map(|(m, e)| f64::from(m) * libm::exp10(f64::from(e)))],
            0..200,
        )) {
            prop_assert_eq!(exact_sum(&values).to_bits(), shewchuk(&values).to_bits());
        }

        #[test]
        fn order_never_matters(mut values in prop::collection::vec(any::<f64>(), 0..60)) {
            values.retain(|v| v.is_finite());
            let forward = exact_sum(&values).to_bits();
            values.reverse();
            prop_assert_eq!(forward, exact_sum(&values).to_bits());
            values.sort_by(f64::total_cmp);
            prop_assert_eq!(forward, exact_sum(&values).to_bits());
        }

        #[test]
        fn narrow_and_wide_agree(values in prop::collection::vec(-1e6..1e6f64, 3..100)) {
            let mut wide = Wide::default();
            values.iter().for_each(|v| wide.add(v.to_bits()));
            prop_assert_eq!(wide.round().to_bits(), many(&values).to_bits());
        }
    }
}
