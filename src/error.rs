//! The errors, as texts for the user: what is wrong, where, and how to correct it.

use std::ops::RangeInclusive;
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
    /// An argument of a type that cannot be used.
    #[error("{0}")]
    WrongType(String),
    /// Another library does not take what it is given.
    #[error("{0}")]
    HandOver(String),
    #[error("stopped")]
    Cancelled,
    #[error("internal error, please report it: {0}")]
    Internal(String),
    #[error("{0}")]
    Arrow(#[from] arrow::error::ArrowError),
}

/// The class of `redlane.errors` that carries an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Redlane,
    MissingFile,
    Directory,
    Access,
    EmptyFile,
    TruncatedFile,
    Format,
    Read,
    Write,
    Schema,
    MissingColumn,
    DuplicateRole,
    RaggedRow,
    Fault,
    Argument,
    WrongType,
}

impl Class {
    /// In the order of their numbers.
    pub const ALL: [Class; 16] = [
        Class::Redlane,
        Class::MissingFile,
        Class::Directory,
        Class::Access,
        Class::EmptyFile,
        Class::TruncatedFile,
        Class::Format,
        Class::Read,
        Class::Write,
        Class::Schema,
        Class::MissingColumn,
        Class::DuplicateRole,
        Class::RaggedRow,
        Class::Fault,
        Class::Argument,
        Class::WrongType,
    ];

    /// Its name in Python.
    pub fn name(self) -> String {
        format!("{self:?}Error")
    }
}

impl Error {
    /// A whole number that is too small or too large.
    pub fn outside(name: &str, number: impl std::fmt::Display, range: &RangeInclusive<i128>) -> Error {
        let (least, most) = (range.start(), range.end());
        Error::Argument(format!("{name}={number}: give a whole number from {least} to {most}"))
    }

    pub fn class(&self) -> Class {
        match self {
            Error::MissingFile(_) | Error::DanglingLink { .. } => Class::MissingFile,
            Error::Directory(_) => Class::Directory,
            Error::Access(_) => Class::Access,
            Error::EmptyFile { .. } => Class::EmptyFile,
            Error::TruncatedFile { .. } => Class::TruncatedFile,
            Error::Format { .. } | Error::Bytes(_) => Class::Format,
            Error::Read { .. } | Error::Source(_) => Class::Read,
            Error::Write(_) => Class::Write,
            Error::Schema(_) => Class::Schema,
            Error::MissingColumn(_) => Class::MissingColumn,
            Error::DuplicateRole(_) => Class::DuplicateRole,
            Error::RaggedRow(_) => Class::RaggedRow,
            Error::Fault(_) => Class::Fault,
            Error::Argument(_) => Class::Argument,
            Error::WrongType(_) => Class::WrongType,
            Error::Cancelled | Error::HandOver(_) | Error::Internal(_) | Error::Arrow(_) => Class::Redlane,
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
            assert_eq!(error.class().name(), "RedlaneError");
        }
    }

    #[test]
    fn classes_are_in_the_order_of_their_numbers() {
        assert!(Class::ALL.iter().enumerate().all(|(at, class)| *class as usize == at));
    }
}
