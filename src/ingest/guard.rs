//! Calls to decoders that may panic on damaged data. The panic becomes an error and prints nothing.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::Once;

use crate::error::{Error, Result};

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}
static HOOK: Once = Once::new();

/// Runs `work` and catches a panic without output. `work` must stay in this thread and leave nothing half done.
pub fn quietly<T>(work: impl FnOnce() -> T) -> std::thread::Result<T> {
    HOOK.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                loud(panic);
            }
        }));
    });
    let before = QUIET.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    outcome
}

/// The same, with the panic as an error that names the file.
pub fn guarded<T>(path: &Path, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    quietly(decode).unwrap_or_else(|panic| {
        Err(Error::Format { path: path.to_owned(), detail: format!("is damaged: {}", words(panic.as_ref())) })
    })
}

/// The message of the panic, on one line.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it cannot be decoded");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_that_names_the_file() {
        let fine = guarded(Path::new("x"), || Ok(3));
        assert_eq!(fine.unwrap(), 3);
        let broken: Result<()> = guarded(Path::new("x.parquet"), || panic!("offset {} is\nodd", 7));
        assert_eq!(broken.unwrap_err().to_string(), "x.parquet: is damaged: offset 7 is odd");
        assert!(!QUIET.get());
    }
}
