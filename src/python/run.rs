//! Runs a computation without the GIL, in the pool, so that Ctrl-C and progress reach Python.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use pyo3::prelude::*;

use super::errors::raise;
use crate::error::{Error, Result, panic_text};
use crate::threads;
use crate::watch::Watch;

/// How often a waiting call looks for Ctrl-C and reports progress.
const PULSE: Duration = Duration::from_millis(50);

/// `progress` is called with (stage, done, total) about every twentieth of a second.
pub fn run<T: Send>(
    py: Python<'_>,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(&Watch) -> Result<T> + Send,
) -> PyResult<T> {
    let pool = threads::pool().map_err(|e| raise(py, e))?;
    let watch = Watch::default();
    let (watch, pool) = (&watch, &pool);
    std::thread::scope(|scope| {
        let (send, receive) = channel();
        scope.spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| pool.install(|| work(watch))));
            // The receiver waits until this arrives.
            let _ = send.send(outcome);
        });
        let receive = std::sync::Mutex::new(receive);
        let mut interrupted = None;
        loop {
            let received =
                py.detach(|| receive.lock().map_err(|_| RecvTimeoutError::Disconnected)?.recv_timeout(PULSE));
            match received {
                Ok(outcome) => {
                    if let Some(error) = interrupted {
                        return Err(error);
                    }
                    // A panic as it is would pass by every `except Exception`.
                    let outcome = outcome.unwrap_or_else(|panic| Err(Error::Internal(panic_text(&*panic))));
                    return outcome.map_err(|e| raise(py, e));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(raise(py, Error::Argument("the computation ended without a result".into())));
                }
                Err(RecvTimeoutError::Timeout) => {
                    if interrupted.is_some() {
                        continue;
                    }
                    let mut look = py.check_signals();
                    if let (Ok(()), Some(progress)) = (&look, progress) {
                        let (stage, done, total) = watch.progress();
                        look = progress.call1(py, (stage, done, total)).map(|_| ());
                    }
                    if let Err(error) = look {
                        watch.cancel();
                        interrupted = Some(error);
                    }
                }
            }
        }
    })
}

/// Sets the number of threads for later computations; 0 is one for each core. Results do not
/// depend on it.
#[pyfunction]
pub fn set_threads(py: Python<'_>, threads: usize) -> PyResult<()> {
    threads::set(threads).map_err(|e| raise(py, e))
}
