//! A running computation as its caller sees it: a flag to stop it, and a count of the work done.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use rayon::prelude::*;

use crate::error::{Error, Result};

#[derive(Default)]
pub struct Progress {
    cancelled: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
    stage: Mutex<&'static str>,
}

impl Progress {
    /// Begins a stage with this amount of work (0: not known).
    pub fn begin(&self, stage: &'static str, total: u64) {
        if let Ok(mut current) = self.stage.lock() {
            *current = stage;
        }
        self.done.store(0, Relaxed);
        self.total.store(total, Relaxed);
    }

    pub fn advance(&self, work: u64) {
        self.done.fetch_add(work, Relaxed);
    }

    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// Whether the computation should end.
    pub fn stopped(&self) -> bool {
        self.cancelled.load(Relaxed)
    }

    /// Called between pieces of work of a few milliseconds at most. Ends the computation if it was cancelled. It is
    /// cheap enough for every step of a loop over groups.
    pub fn check(&self) -> Result<()> {
        if self.stopped() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Calls `one` for every index of a range, in parallel, until cancelled. Each thread takes at least `least` of
    /// them.
    pub fn each<T>(&self, range: Range<usize>, least: usize, one: impl Fn(usize) -> T + Send + Sync) -> Result<Vec<T>>
    where
        T: Default + Send,
    {
        let places = range.into_par_iter().with_min_len(least);
        let made = places.map(|at| if self.stopped() { T::default() } else { one(at) }).collect();
        self.check()?;
        Ok(made)
    }

    /// Stage, work done, and all work.
    pub fn status(&self) -> (&'static str, u64, u64) {
        let stage = self.stage.lock().map(|s| *s).unwrap_or_default();
        (stage, self.done.load(Relaxed), self.total.load(Relaxed))
    }
}
