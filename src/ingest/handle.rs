//! The bytes of a source, of a file or in memory. Many threads can read them at any place at once.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::Error;

#[derive(Clone)]
enum Store {
    File(Arc<File>),
    Memory(Bytes),
}

/// Bytes that several threads can read at any position.
#[derive(Clone)]
pub struct Handle {
    store: Store,
    length: u64,
}

impl Handle {
    pub fn of_file(file: Arc<File>, length: u64) -> Handle {
        Handle { store: Store::File(file), length }
    }

    pub fn of_bytes(bytes: Vec<u8>) -> Handle {
        Handle { length: bytes.len() as u64, store: Store::Memory(bytes.into()) }
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    pub fn reader(&self, start: u64) -> Reader {
        Reader { handle: self.clone(), at: start }
    }

    /// Bytes from `start` on; an error if there are fewer.
    pub fn bytes(&self, start: u64, length: usize) -> io::Result<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            let text = format!("{length} bytes at {start} are wanted, and there are {} in all", self.length);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        if let Store::Memory(bytes) = &self.store {
            return Ok(bytes.slice(start as usize..start as usize + length));
        }
        let mut taken = Vec::with_capacity(length);
        self.reader(start).take(length as u64).read_to_end(&mut taken)?;
        if taken.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(taken.into())
    }
}

/// Reads from a position without moving other readers.
pub struct Reader {
    handle: Handle,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // Bytes added after the file was opened are ignored.
        let left = self.handle.length.saturating_sub(self.at);
        let wanted = out.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let n = match &self.handle.store {
            _ if wanted == 0 => 0,
            Store::File(file) => read_at(file, &mut out[..wanted], self.at)?,
            Store::Memory(bytes) => {
                let from = self.at as usize;
                out[..wanted].copy_from_slice(&bytes[from..from + wanted]);
                wanted
            }
        };
        self.at += n as u64;
        Ok(n)
    }
}

#[cfg(unix)]
fn read_at(file: &File, out: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, out, at)
}

#[cfg(windows)]
fn read_at(file: &File, out: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, out, at)
}

/// Why a file cannot be opened or read, as a message for the user.
pub fn open_error(path: &Path, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::MissingFile(path.display().to_string()),
        io::ErrorKind::PermissionDenied => Error::Access(path.to_owned()),
        io::ErrorKind::UnexpectedEof => {
            Error::TruncatedFile { path: path.to_owned(), detail: "the compressed data stops in the middle".into() }
        }
        _ => Error::Read { path: path.to_owned(), detail: error.to_string() },
    }
}
