//! Runs a computation in the pool without the GIL, with Ctrl-C and progress reports.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use arrow::error::ArrowError;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::ffi;
use pyo3::prelude::*;

use super::errors::raise;
use super::whole::WholeNumber;
use crate::error::{Error, Result, panic_text};
use crate::progress::Progress;
use crate::threads;

/// The interval at which a waiting call checks for Ctrl-C and reports progress.
const PULSE: Duration = Duration::from_millis(50);

/// Runs `work`. `report` is called with (stage, done, total) about 20 times a second, and once at the end.
pub fn run<T: Send>(
    py: Python<'_>,
    report: Option<&Py<PyAny>>,
    work: impl FnOnce(&Progress) -> Result<T> + Send,
) -> PyResult<T> {
    let pool = threads::pool().map_err(|e| raise(py, e))?;
    let progress = Progress::default();
    let (progress, pool) = (&progress, &pool);
    std::thread::scope(|scope| {
        let (send, receive) = channel();
        scope.spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| pool.install(|| work(progress))));
            // The receiver exists until it gets this message.
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
                    // `except Exception` does not catch a panic.
                    let outcome = outcome.unwrap_or_else(|panic| Err(Error::Internal(panic_text(&*panic))));
                    let made = outcome.map_err(|e| raise(py, e))?;
                    // At least one report, also for a short computation.
                    if let Some(report) = report {
                        report.call1(py, progress.status())?;
                    }
                    return Ok(made);
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(raise(py, Error::Argument("the computation ended without a result".into())));
                }
                Err(RecvTimeoutError::Timeout) => {
                    if interrupted.is_some() {
                        continue;
                    }
                    let mut look = py.check_signals();
                    if let (Ok(()), Some(report)) = (&look, report) {
                        look = report.call1(py, progress.status()).map(|_| ());
                    }
                    if let Err(error) = look {
                        progress.cancel();
                        interrupted = Some(error);
                    }
                }
            }
        }
    })
}

/// The same for a call from foreign code, such as a reader of a stream that requests the next batch. The call may be on
/// any thread, with or without the GIL. Python raises a Ctrl-C after the reader returns.
pub fn run_for_reader<T: Send>(work: impl FnOnce(&Progress) -> Result<T> + Send) -> std::result::Result<T, ArrowError> {
    let mut work = Some(work);
    let mut missed = || Error::Argument("the batch was read already".into());
    // SAFETY: both functions may be called without the GIL.
    let known = unsafe { ffi::Py_IsInitialized() != 0 && !ffi::PyGILState_GetThisThreadState().is_null() };
    // Only a thread that is registered with Python can hold the GIL or may wait for it.
    let done = known.then(|| Python::try_attach(|py| attached(py, work.take().ok_or_else(&mut missed)))).flatten();
    done.unwrap_or_else(|| {
        let work = work.take().ok_or_else(missed);
        // A panic must not reach the foreign caller.
        let done = catch_unwind(AssertUnwindSafe(|| threads::pool()?.install(|| work?(&Progress::default()))));
        let outcome = done.unwrap_or_else(|panic| Err(Error::Internal(panic_text(&*panic))));
        outcome.map_err(|e| ArrowError::ComputeError(plain(&e.to_string())))
    })
}

/// A message with its zero bytes escaped, because a zero byte ends a C string.
fn plain(message: &str) -> String {
    message.replace('\0', "\\0")
}

fn attached<T: Send>(
    py: Python<'_>,
    work: Result<impl FnOnce(&Progress) -> Result<T> + Send>,
) -> std::result::Result<T, ArrowError> {
    run(py, None, |progress| work?(progress)).map_err(|error| {
        if error.is_instance_of::<PyKeyboardInterrupt>(py) {
            // SAFETY: it only sets the signal. Python raises it after the reader returns.
            unsafe { ffi::PyErr_SetInterrupt() };
        }
        ArrowError::ComputeError(plain(&error.value(py).to_string()))
    })
}

/// Sets the number of threads for later computations; 0 means one thread for each core. Results do not depend on it.
#[pyfunction]
pub fn set_threads(py: Python<'_>, threads: WholeNumber) -> PyResult<()> {
    threads.count("threads").and_then(threads::set).map_err(|e| raise(py, e))
}
