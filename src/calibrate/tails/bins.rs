//! The bins in which scores are counted, and the classes of group sizes.

/// Bins are the leading bits of |z|: 32 for each power of two between 2^-3 and 2^11.
pub(super) const BINS: usize = 14 * 32;
const SHIFT: u64 = 52 - 5;
const FIRST: u64 = (1023 - 3) << 5;

pub(super) fn bin(z: f64) -> usize {
    let lead = z.abs().to_bits() >> SHIFT;
    (lead.saturating_sub(FIRST) as usize).min(BINS - 1)
}

/// Where a bin begins and ends. The first begins at zero, the last has no end.
pub(super) fn edges_of(bin: usize) -> (f64, f64) {
    let edge = |bin: usize| f64::from_bits((bin as u64 + FIRST) << SHIFT);
    (if bin == 0 { 0.0 } else { edge(bin) }, if bin + 1 == BINS { f64::INFINITY } else { edge(bin + 1) })
}

/// Groups of about the same size share a class: four classes for each doubling of the size.
const SIZE_SHIFT: u64 = 52 - 2;
const FIRST_SIZE: u64 = (1023 + 1) << 2;
pub(super) const SIZES: usize = 12 * 4;

pub(super) fn size_class(n: u32) -> usize {
    let lead = f64::from(n.max(2)).to_bits() >> SIZE_SHIFT;
    (lead.saturating_sub(FIRST_SIZE) as usize).min(SIZES - 1)
}

/// A typical size of a class: the middle between its bounds.
pub(super) fn size_of_class(class: usize) -> f64 {
    f64::from_bits(((class as u64 + FIRST_SIZE) << SIZE_SHIFT) | (1 << (SIZE_SHIFT - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_their_scores() {
        for z in [0.0, 0.001, 0.5, 1.0, 3.7, 1000.0, 1e9, f64::INFINITY] {
            let (from, to) = edges_of(bin(z));
            assert!(from <= z && (z < to || to == f64::INFINITY), "{z} is not between {from} and {to}");
            assert_eq!(bin(z), bin(-z));
        }
    }

    #[test]
    fn sizes_of_a_class_differ_little() {
        for n in 2..5_000u32 {
            let typical = size_of_class(size_class(n));
            assert!((f64::from(n) / typical - 1.0).abs() < 0.25, "{n} is not about {typical}");
        }
    }
}
