//! The bins in which scores are counted.

/// Bins are the leading bits of |z|: 256 for each power of two between 2^-12 and 2^20.
pub(super) const BINS: usize = 32 * 256;
const FIRST: u64 = (1023 - 12) << 8;

pub(super) fn bin(z: f64) -> usize {
    let lead = z.abs().to_bits() >> 44;
    (lead.saturating_sub(FIRST) as usize).min(BINS - 1)
}

pub(super) fn middle_of(bin: usize) -> f64 {
    f64::from_bits(((bin as u64 + FIRST) << 44) | (1 << 43))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_keep_size() {
        for z in [0.001, 0.5, 1.0, 3.7, 1000.0] {
            assert!((middle_of(bin(z)) / z - 1.0).abs() < 0.004);
            assert_eq!(bin(z), bin(-z));
        }
        assert_eq!(bin(0.0), 0);
        assert_eq!(bin(f64::INFINITY), BINS - 1);
    }
}
