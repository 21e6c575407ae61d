//! One running computation as its caller sees it: a flag to stop it and a count of work done.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::error::{Error, Result};

#[derive(Default)]
pub struct Watch {
    cancelled: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
    stage: Mutex<&'static str>,
}

impl Watch {
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

    /// Called between pieces of work of some milliseconds; ends the computation once cancelled.
    pub fn check(&self) -> Result<()> {
        if self.cancelled.load(Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Stage, work done, work in all.
    pub fn progress(&self) -> (&'static str, u64, u64) {
        let stage = self.stage.lock().map(|s| *s).unwrap_or_default();
        (stage, self.done.load(Relaxed), self.total.load(Relaxed))
    }
}
