//! One tail, and a fast interpolation of it.

use std::sync::OnceLock;

/// About the tail of a Student's t with four degrees of freedom.
pub const CAUTIOUS: Tail = Tail { a: 0.06, b: 0.0, c: 0.09 };

/// A tail: z = u exp(a + b u + c u²), with u the standard normal quantile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    pub a: f64,
    pub b: f64,
    pub c: f64,
}

/// Marks cover the scores from 2^-6 to 2^10.
const OCTAVES: (u64, u64) = (1023 - 6, 1023 + 10);
/// The base-2 logarithm of the number of marks for each power of two.
const MARKS: u64 = 6;

impl Tail {
    /// The standard normal quantile u for a score z > 0, by Newton's method in ln u. The function is increasing and
    /// convex there, so the method converges from the right.
    pub fn normal(&self, z: f64) -> f64 {
        let target = libm::log(z);
        let mut u = (z / libm::exp(self.a)).min(40.0);
        for _ in 0..60 {
            let off = libm::log(u) + self.a + self.b * u + self.c * u * u - target;
            let slope = 1.0 + self.b * u + 2.0 * self.c * u * u;
            let next = u * libm::exp(-(off / slope).clamp(-2.0, 2.0));
            let done = (next - u).abs() <= 1e-13 * u;
            u = next;
            if done {
                break;
            }
        }
        u
    }

    /// The derivative of u with respect to z.
    fn slope(&self, z: f64, u: f64) -> f64 {
        u / (z * (1.0 + self.b * u + 2.0 * self.c * u * u))
    }
}

/// A tail, with u and its derivative at evenly spaced scores. They are computed at first use.
#[derive(Clone, Debug)]
pub struct Curve {
    pub tail: Tail,
    marks: OnceLock<Vec<(f64, f64)>>,
}

impl Curve {
    pub fn of(tail: Tail) -> Curve {
        Curve { tail, marks: OnceLock::new() }
    }

    /// [`Tail::normal`] to nine digits, by cubic Hermite interpolation between two marks.
    pub fn normal(&self, z: f64) -> f64 {
        let at = z.to_bits() >> (52 - MARKS);
        let from = at.wrapping_sub(OCTAVES.0 << MARKS) as usize;
        if from >= ((OCTAVES.1 - OCTAVES.0) << MARKS) as usize {
            return self.tail.normal(z);
        }
        let place = |mark: u64| f64::from_bits(mark << (52 - MARKS));
        // No lock is held during the computation. Two threads that start at once both compute the marks.
        let marks = self.marks.get().unwrap_or_else(|| {
            let all = ((OCTAVES.0 << MARKS)..=(OCTAVES.1 << MARKS)).map(place);
            let made = all.map(|z| (z, self.tail.normal(z))).map(|(z, u)| (u, self.tail.slope(z, u))).collect();
            self.marks.get_or_init(|| made)
        });
        let ((u, rise), (next, next_rise)) = (marks[from], marks[from + 1]);
        let width = f64::from_bits((at & !((1 << MARKS) - 1)) << (52 - MARKS)) / (1 << MARKS) as f64;
        let t = (z - place(at)) / width;
        let (rise, next_rise, step) = (rise * width, next_rise * width, next - u);
        u + t * (rise + t * (3.0 * step - 2.0 * rise - next_rise + t * (rise + next_rise - 2.0 * step)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_short_way_is_the_long_way(a in -1.0..1.0f64, b in 0.0..1.0f64, c in 0.0..0.3f64, z in -14.0..14.0f64) {
            let (tail, z) = (Tail { a, b, c }, libm::exp(z));
            let (short, long) = (Curve::of(tail).normal(z), tail.normal(z));
            prop_assert!((short / long - 1.0).abs() < 1e-8, "{} is not {}", short, long);
        }
    }
}
