//! The errors, as texts for the user: what is wrong, where, and how to correct it.

use std::path::PathBuf;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no such file: {0}; check the spelling, or pass a glob such as 'data/*.csv'")]
    MissingFile(String),
    #[error("{} is a directory; pass a glob of its files, such as '{}/*.csv'", .0.display(), .0.display())]
    Directory(PathBuf),
    #[error("{}: the link leads to {}, which is not there; remove the link or restore the file", .path.display(), .target.display())]
    DanglingLink { path: PathBuf, target: PathBuf },
    #[error("{}: permission denied; ask its owner for the right to read it and to enter its folder", .0.display())]
    Access(PathBuf),
    #[error("{}: {what}", .path.display())]
    EmptyFile { path: PathBuf, what: &'static str },
    #[error("{}: the file ends too early ({detail}); it was probably cut off while being copied or downloaded, fetch it again", .path.display())]
    TruncatedFile { path: PathBuf, detail: String },
    #[error("{}: {detail}", .path.display())]
    Format { path: PathBuf, detail: String },
    #[error("{}: {detail}", .path.display())]
    Read { path: PathBuf, detail: String },
    /// Bytes that do not have the format they claim.
    #[error("{0}")]
    Bytes(String),
    /// A source that is not a file failed, or contradicts itself.
    #[error("{0}")]
    Source(String),
    #[error("{0}")]
    Write(String),
    #[error("{0}")]
    Schema(String),
    #[error("{0}")]
    MissingColumn(String),
    #[error("{0}")]
    DuplicateRole(String),
    #[error("{0}")]
    RaggedRow(String),
    #[error("{0}")]
    Fault(String),
    #[error("{0}")]
    Argument(String),
    #[error("stopped")]
    Cancelled,
    #[error("internal error, please report it: {0}")]
    Internal(String),
    #[error("{0}")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl Error {
    /// The name of the Python class of this error.
    pub fn class(&self) -> &'static str {
        match self {
            Error::MissingFile(_) | Error::DanglingLink { .. } => "MissingFileError",
            Error::Directory(_) => "DirectoryError",
            Error::Access(_) => "AccessError",
            Error::EmptyFile { .. } => "EmptyFileError",
            Error::TruncatedFile { .. } => "TruncatedFileError",
            Error::Format { .. } | Error::Bytes(_) => "FormatError",
            Error::Read { .. } | Error::Source(_) => "ReadError",
            Error::Write(_) => "WriteError",
            Error::Schema(_) => "SchemaError",
            Error::MissingColumn(_) => "MissingColumnError",
            Error::DuplicateRole(_) => "DuplicateRoleError",
            Error::RaggedRow(_) => "RaggedRowError",
            Error::Fault(_) => "FaultError",
            Error::Argument(_) => "ArgumentError",
            Error::Cancelled | Error::Internal(_) | Error::Arrow(_) => "RedlaneError",
        }
    }
}

/// The message of a caught panic.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|t| (*t).to_owned())).unwrap_or_else(|| "no message".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_keeps_its_words() {
        for (panic, words) in [
            (std::panic::catch_unwind(|| panic!("plain")), "plain"),
            (std::panic::catch_unwind(|| panic!("number {}", 7)), "number 7"),
        ] {
            let error = Error::Internal(panic_text(&*panic.unwrap_err()));
            assert_eq!(error.to_string(), format!("internal error, please report it: {words}"));
            assert_eq!(error.class(), "RedlaneError");
        }
    }
}
