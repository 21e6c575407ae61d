//! A baseline: level, slow trend, season, and at most one level shift.

/// A lasting change of the level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The first period of the new level.
    pub at: usize,
    /// Its size divided by its standard error, which accounts for dependence of neighbouring periods.
    pub z: f64,
}

#[derive(Clone, Debug, Default)]
pub struct Baseline {
    pub before: f64,
    pub after: f64,
    pub shift: Option<Shift>,
    pub(super) slope: f64,
    pub(super) middle: f64,
    /// The effect of each phase of the season; empty without a season.
    pub(super) season: Vec<f64>,
    /// The standard deviation of the residuals, estimated by their MAD.
    pub scale: f64,
}

impl Baseline {
    /// One level, without slope, season and shift.
    pub fn still(level: f64, scale: f64) -> Baseline {
        Baseline { before: level, after: level, scale, ..Baseline::default() }
    }

    pub fn at(&self, t: usize) -> f64 {
        self.level(t) + self.slope * (t as f64 - self.middle) + self.seasonal(t)
    }

    pub(super) fn level(&self, t: usize) -> f64 {
        if self.shift.is_some_and(|s| t >= s.at) { self.after } else { self.before }
    }

    /// Where the first level of n periods ends.
    pub(super) fn cut(&self, n: usize) -> usize {
        self.shift.map_or(n, |s| s.at)
    }

    /// The value at t without the shift.
    pub fn unshifted(&self, t: usize) -> f64 {
        self.before + self.slope * (t as f64 - self.middle) + self.seasonal(t)
    }

    fn seasonal(&self, t: usize) -> f64 {
        if self.season.is_empty() { 0.0 } else { self.season[t % self.season.len()] }
    }
}
