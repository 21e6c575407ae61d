//! Whether an entity is new, and the first window of a newcomer.

/// Whether an entity is new, with the day it was first seen.
#[derive(Clone)]
pub(super) enum EntityStatus {
    /// Seen within the burn-in, so it may be older than the data.
    Old(i32),
    /// First seen too shortly before the end of the data.
    TooLate(i32),
    New(FirstSeen),
}

/// The first window of a newcomer.
#[derive(Clone)]
pub(super) struct FirstSeen {
    pub(super) first: i32,
    /// The last day before the pause, if there was one.
    pub(super) slept: Option<i32>,
    /// Days of the window that the data hold.
    pub(super) days: i32,
    pub(super) records: usize,
    pub(super) volume: f64,
    /// The flow with most of the volume, which gives the product.
    pub(super) main_flow: usize,
    /// The logarithm of the volume, scaled to the whole window.
    pub(super) log_volume: f64,
    /// Centre and scale of the log volumes of its cohort.
    pub(super) centre: f64,
    pub(super) scale: f64,
    pub(super) peers: usize,
    pub(super) cohort: String,
    pub(super) p: f64,
}

impl FirstSeen {
    /// Scales above the centre of its cohort.
    pub(super) fn excess(&self) -> f64 {
        (self.log_volume - self.centre) / self.scale
    }
}
