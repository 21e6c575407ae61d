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

    /// The effect of each phase of the season; empty without a season.
    pub fn season(&self) -> &[f64] {
        &self.season
    }

    /// The number of coefficients.
    pub fn coefficients(&self) -> usize {
        2 + self.season.len().saturating_sub(1) + 2 * usize::from(self.shift.is_some())
    }

    /// The standard error of a prediction at t, in standard deviations of the noise of the n fitted values. `correlation`
    /// is that of neighbouring values, `walk` the variance of the steps of a level that wanders (see `shift::Dependence`).
    pub fn prediction_error(&self, t: usize, n: usize, correlation: f64, walk: f64) -> f64 {
        let (size, away) = (n as f64, t as f64 - self.middle);
        // Dependence makes the error of a level and of a slope larger.
        let more = (1.0 + correlation) / (1.0 - correlation);
        let slope = if self.slope == 0.0 { 0.0 } else { 12.0 * away * away / (size * size) };
        // How far the level has wandered from its mean: to the end, and from there on.
        let wandered = walk * more * (size / 3.0 + (t + 1).saturating_sub(n) as f64);
        (1.0 + (self.coefficients() as f64 - 1.0 + more * (1.0 + slope)) / size + wandered).sqrt()
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
