//! The thread pool of all computations. Its size changes the speed and never a result.

use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// The largest number of threads. A larger number is a mistake, and starting them could stop the machine.
pub const MOST: usize = 1024;
const VARIABLE: &str = "REDLANE_THREADS";

/// The state of one process. A fork copies the memory but not the threads, and a lock of another thread stays locked in
/// the copy. So a child process makes its own state and does not use that of its parent.
struct Process {
    id: u32,
    pool: Mutex<Option<Arc<ThreadPool>>>,
}

static CURRENT: AtomicPtr<Process> = AtomicPtr::new(null_mut());

fn process() -> &'static Process {
    let id = std::process::id();
    let seen = CURRENT.load(Acquire);
    // SAFETY: every pointer in CURRENT is null or a box that is never freed.
    if let Some(process) = unsafe { seen.as_ref() }.filter(|process| process.id == id) {
        return process;
    }
    let made = Box::into_raw(Box::new(Process { id, pool: Mutex::new(None) }));
    match CURRENT.compare_exchange(seen, made, AcqRel, Acquire) {
        // SAFETY: it was just made, and is never freed from now on.
        Ok(_) => unsafe { &*made },
        Err(other) => {
            // SAFETY: no other thread has seen it.
            drop(unsafe { Box::from_raw(made) });
            // SAFETY: another thread of this process was faster; as above.
            unsafe { &*other }
        }
    }
}

fn build(threads: usize) -> Result<Arc<ThreadPool>> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("redlane-{i}"))
        .build()
        .map(Arc::new)
        .map_err(|e| Error::Argument(format!("cannot start {threads} threads: {e}")))
}

/// The number of threads from the environment; 0 (one for each core) if it is not set.
fn asked() -> Result<usize> {
    let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else { return Ok(0) };
    parse(&value.to_string_lossy())
}

fn parse(value: &str) -> Result<usize> {
    value.trim().parse().ok().filter(|n| (1..=MOST).contains(n)).ok_or_else(|| {
        Error::Argument(format!(
            "the environment variable {VARIABLE} is {value:?}; set it to a whole number of threads from 1 to {MOST}, or \
             unset it for one thread a core"
        ))
    })
}

/// The pool: `REDLANE_THREADS` threads, or one for each core.
pub fn pool() -> Result<Arc<ThreadPool>> {
    let mut pool = process().pool.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = &*pool {
        return Ok(pool.clone());
    }
    let made = build(asked()?)?;
    *pool = Some(made.clone());
    Ok(made)
}

/// Replaces the pool. Running computations finish in the old one. 0 means one thread for each core.
pub fn set(threads: usize) -> Result<()> {
    if threads > MOST {
        return Err(Error::Argument(format!("threads={threads}: use 0 (one for each core) to {MOST}")));
    }
    let made = build(threads)?;
    *process().pool.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_asks_for_whole_numbers() {
        assert_eq!(parse(" 3 ").unwrap(), 3);
        for wrong in ["abc", "0", "-2", "1.5", "1025", "99999999999999999999999"] {
            let told = parse(wrong).unwrap_err().to_string();
            assert!(told.contains("REDLANE_THREADS") && told.contains(wrong), "{told}");
        }
        assert!(set(MOST + 1).is_err());
    }
}
