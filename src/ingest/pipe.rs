//! Sources that can be read only once: pipes, terminals, the standard input. They are read to the end and kept: small
//! ones in memory, large ones in a temporary file without a name.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use tempfile::{SpooledData, SpooledTempFile};

use super::handle::{Handle, open_error};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// Bytes kept in memory. More go to a temporary file.
const IN_MEMORY: usize = 64 << 20;

/// Opens a path that may be a pipe. A pipe without a writer opens at once, so that waiting for its first bytes can be
/// stopped.
#[cfg(unix)]
pub fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    File::options().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
pub fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(unix)]
pub fn stdin() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
pub fn stdin() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(File::from(io::stdin().as_handle().try_clone_to_owned()?))
}

/// Waits until there are bytes to read or no writer is left.
#[cfg(unix)]
fn wait(file: &File, progress: &Progress) -> Result<(), Stop> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let pulse = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    loop {
        progress.check().map_err(Stop::Asked)?;
        match poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&pulse)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(Stop::Failed(error.into())),
        }
    }
}

#[cfg(not(unix))]
fn wait(_: &File, progress: &Progress) -> Result<(), Stop> {
    progress.check().map_err(Stop::Asked)
}

enum Stop {
    Asked(Error),
    Failed(io::Error),
}

/// The whole content of the pipe.
pub fn read(path: &Path, file: File, progress: &Progress) -> Result<Handle> {
    read_with(path, file, IN_MEMORY, progress)
}

fn read_with(path: &Path, mut file: File, in_memory: usize, progress: &Progress) -> Result<Handle> {
    progress.begin("receiving", 0);
    let mut kept = SpooledTempFile::new(in_memory);
    let mut buffer = vec![0; 1 << 16];
    let mut length = 0;
    loop {
        let read = wait(&file, progress).and_then(|()| file.read(&mut buffer).map_err(Stop::Failed));
        match read {
            Ok(0) => break,
            Ok(n) => {
                kept.write_all(&buffer[..n]).map_err(|e| unkept(path, &e))?;
                length += n as u64;
                progress.advance(n as u64);
            }
            Err(Stop::Asked(error)) => return Err(error),
            Err(Stop::Failed(e)) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(Stop::Failed(e)) => return Err(open_error(path, &e)),
        }
    }
    Ok(match kept.into_inner() {
        SpooledData::InMemory(bytes) => Handle::of_bytes(bytes.into_inner()),
        SpooledData::OnDisk(file) => Handle::of_file(Arc::new(file), length),
    })
}

fn unkept(path: &Path, error: &io::Error) -> Error {
    Error::Read {
        path: path.to_owned(),
        detail: format!(
            "what the pipe gives cannot be kept in {}: {error}; make room there, or set TMPDIR to another folder",
            std::env::temp_dir().display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_goes_to_a_file_and_reads_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let text: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
        std::fs::write(&path, &text).unwrap();
        for in_memory in [1 << 10, 1 << 30] {
            let handle = read_with(&path, open(&path).unwrap(), in_memory, &Progress::default()).unwrap();
            for _ in 0..2 {
                let mut all = Vec::new();
                handle.reader(0).read_to_end(&mut all).unwrap();
                assert!(all == text);
            }
            assert_eq!(handle.bytes(4, 4).unwrap(), &text[4..8]);
        }
    }
}
