//! The thread pool every computation runs in. Its size changes speed, never a result.

use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

static POOL: Mutex<Option<Arc<ThreadPool>>> = Mutex::new(None);

fn build(threads: usize) -> Result<Arc<ThreadPool>> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("redlane-{i}"))
        .build()
        .map(Arc::new)
        .map_err(|e| Error::Argument(format!("cannot start {threads} threads: {e}")))
}

/// The pool: `REDLANE_THREADS` threads, or one for each core.
pub fn pool() -> Result<Arc<ThreadPool>> {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = &*pool {
        return Ok(pool.clone());
    }
    let asked = std::env::var("REDLANE_THREADS").ok().and_then(|v| v.parse().ok());
    let made = build(asked.unwrap_or(0))?;
    *pool = Some(made.clone());
    Ok(made)
}

/// Replaces the pool; computations under way finish in the old one. 0 means one for each core.
pub fn set(threads: usize) -> Result<()> {
    let made = build(threads)?;
    *POOL.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
    Ok(())
}
