//! How often records agree by chance, learnt from records that are no repeats: those of the same parties and code that
//! lie further apart than the window.
//!
//! Two rates are learnt. The first is that of the same value and weight, where the parties' other records have nothing
//! like it: each record is tried against each of its far records, with the others as what is known (leave one out;
//! Good 1953, Robbins 1956). It is kept by the number of far records and by whether other parties of the code have the
//! same value and weight, and shrunk to the mean of all parties and, in each code, to that of all codes. The second is
//! the probability of a value within the tolerance: a beta distribution about the rate of other parties.

/// Bins of the number of far records: none, one, two or three, four to seven, ...
pub const BINS: usize = 9;
/// The weight of what rates are shrunk to is at least that of half a match (Jeffreys).
pub const HALF: f64 = 0.5;

/// The bin of a number of far records.
pub fn bin(far: usize) -> usize {
    if far == 0 { 0 } else { (1 + far.ilog2() as usize).min(BINS - 1) }
}

/// What is known about a record besides its neighbours in the window.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Records of the same parties and code outside the window, and those with the same value and weight.
    pub far: usize,
    pub far_same: usize,
    /// Records of other parties with the same code, and those with the same value and weight.
    pub others: usize,
    pub others_same: usize,
}

/// Far records within the tolerance, and the share that other parties lead to expect.
#[derive(Clone, Copy, Debug)]
pub struct KnownNear {
    pub far: usize,
    pub far_near: usize,
    pub elsewhere: f64,
}

/// A beta distribution of the probability that a record is near.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beta {
    pub a: f64,
    pub b: f64,
}

impl Beta {
    pub fn mean(self) -> f64 {
        self.a / (self.a + self.b)
    }
}

/// The learnt rates. Index 0: no other parties have the same value and weight; index 1: some have.
#[derive(Clone, Debug)]
pub struct Rates {
    pub by_far: [[f64; BINS]; 2],
    /// What the rates of a code are multiplied with.
    pub of_code: Vec<[f64; 2]>,
    /// The mean of far shares over what other parties lead to expect, and the weight of this mean in records.
    pub near_times: f64,
    pub near_weight: f64,
}

impl Rates {
    /// Rates without any data: nothing is known.
    pub fn unknown(codes: usize) -> Rates {
        Rates { by_far: [[HALF; BINS]; 2], of_code: vec![[1.0; 2]; codes], near_times: 1.0, near_weight: HALF }
    }

    /// The probability that another record of the same parties and code has the same value and weight.
    pub fn same(&self, code: usize, known: Known) -> f64 {
        let seen = usize::from(known.others_same > 0);
        let by_chance = self.by_far[seen][bin(known.far)] * self.of_code[code][seen];
        // What was seen before counts with this record itself.
        let share = |same: usize, of: usize| if same > 0 { (same + 1) as f64 / (of + 1) as f64 } else { 0.0 };
        by_chance.max(share(known.far_same, known.far)).max(share(known.others_same, known.others)).min(1.0)
    }

    /// The distribution of the probability that another record of the same parties and code is near.
    pub fn near(&self, known: KnownNear) -> Beta {
        let mean = (self.near_times * known.elsewhere).min(1.0);
        let (m, n) = (known.far_near as f64, known.far as f64);
        Beta { a: self.near_weight * mean + m, b: self.near_weight * (1.0 - mean) + n - m }
    }
}
