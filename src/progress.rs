//! One running computation as its caller sees it: a flag to stop it and a count of work done.

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
    /// Names the stage that begins and how much work it holds (0: not known).
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

    /// Whether the computation is to end.
    pub fn stopped(&self) -> bool {
        self.cancelled.load(Relaxed)
    }

    /// Called between pieces of work of some milliseconds at the most; ends the computation once cancelled. It
    /// costs next to nothing, so loops over groups call it at each.
    pub fn check(&self) -> Result<()> {
        if self.stopped() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// `one` of every place of a range, in parallel, until cancelled. A thread takes `least` places or more.
    pub fn each<T>(&self, range: Range<usize>, least: usize, one: impl Fn(usize) -> T + Send + Sync) -> Result<Vec<T>>
    where
        T: Default + Send,
    {
        let places = range.into_par_iter().with_min_len(least);
        let made = places.map(|at| if self.stopped() { T::default() } else { one(at) }).collect();
        self.check()?;
        Ok(made)
    }

    /// Stage, work done, work in all.
    pub fn status(&self) -> (&'static str, u64, u64) {
        let stage = self.stage.lock().map(|s| *s).unwrap_or_default();
        (stage, self.done.load(Relaxed), self.total.load(Relaxed))
    }
}
