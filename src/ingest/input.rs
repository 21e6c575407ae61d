//! The bytes of a source: a file, or the content of a pipe. Both can be read several times and from any position, with
//! the same result each time.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::SystemTime;

use super::handle::{Handle, Reader, open_error};
use super::pipe;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// The name of the standard input.
pub const STDIN: &str = "-";

/// The largest number of files kept open in the process. Systems allow about a thousand.
const KEPT: usize = 100;
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// The state of a file, to detect changes.
#[derive(Clone, PartialEq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Device and number of the file, if the system has them.
    place: Option<(u64, u64)>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        Stamp { length: metadata.len(), modified: metadata.modified().ok(), place: place(metadata) }
    }
}

#[cfg(unix)]
pub fn place(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
pub fn place(_: &Metadata) -> Option<(u64, u64)> {
    None
}

/// A file that stays open as long as this value exists.
struct Kept(Arc<File>);

impl Kept {
    /// `None` if enough files are open already.
    fn new(file: &Arc<File>) -> Option<Kept> {
        let counted = OPEN.fetch_update(Relaxed, Relaxed, |n| (n < KEPT).then_some(n + 1));
        counted.ok().map(|_| Kept(file.clone()))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Relaxed);
    }
}

enum From {
    /// A file. If it is kept open, it can be read even after another file takes its name; otherwise it is opened again
    /// by name. A change of its content is an error in both cases.
    File(Option<Kept>, Stamp),
    /// The content of a pipe: in memory, or in a temporary file without a name.
    Pipe(Handle),
}

/// One source of bytes.
pub struct Input {
    path: PathBuf,
    from: From,
}

impl Input {
    /// Opens a file. A source that cannot be read twice (a pipe, a terminal) is read here to its end.
    pub fn open(path: &Path, progress: &Progress) -> Result<Input> {
        let fail = |e: io::Error| open_error(path, &e);
        let from = if path == Path::new(STDIN) {
            From::Pipe(pipe::read(path, pipe::stdin().map_err(fail)?, progress)?)
        } else {
            let metadata = fs::metadata(path).map_err(fail)?;
            if metadata.is_dir() {
                return Err(Error::Directory(path.to_owned()));
            }
            // Files of the kernel have length 0. Only reading shows their content.
            if metadata.is_file() && metadata.len() > 0 {
                let file = Arc::new(File::open(path).map_err(fail)?);
                let stamp = Stamp::of(&file.metadata().map_err(fail)?);
                From::File(Kept::new(&file), stamp)
            } else {
                From::Pipe(pipe::read(path, pipe::open(path).map_err(fail)?, progress)?)
            }
        };
        Ok(Input { path: path.to_owned(), from })
    }

    /// The name for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn length(&self) -> u64 {
        match &self.from {
            From::File(_, stamp) => stamp.length,
            From::Pipe(handle) => handle.length(),
        }
    }

    /// The bytes, if the file has not changed since it was opened.
    pub fn handle(&self) -> Result<Handle> {
        match &self.from {
            From::Pipe(handle) => Ok(handle.clone()),
            From::File(kept, stamp) => {
                let fail = |e: io::Error| open_error(&self.path, &e);
                let file = match kept {
                    Some(kept) => kept.0.clone(),
                    None => Arc::new(File::open(&self.path).map_err(fail)?),
                };
                if Stamp::of(&file.metadata().map_err(fail)?) != *stamp {
                    return Err(Error::Read {
                        path: self.path.clone(),
                        detail: "the file was changed after it was opened; read it again".into(),
                    });
                }
                Ok(Handle::of_file(file, stamp.length))
            }
        }
    }

    /// A reader from the first byte.
    pub fn reader(&self) -> Result<Reader> {
        Ok(self.handle()?.reader(0))
    }

    /// An error if the file has changed.
    pub fn unchanged(&self) -> Result<()> {
        self.handle().map(|_| ())
    }

    /// The first bytes. An empty source is an error.
    pub fn head(&self, length: usize) -> Result<Vec<u8>> {
        let mut start = Vec::new();
        let taken = self.reader()?.take(length as u64).read_to_end(&mut start);
        taken.map_err(|e| open_error(&self.path, &e))?;
        if start.is_empty() {
            return Err(Error::EmptyFile { path: self.path.clone(), what: "the file is empty" });
        }
        Ok(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(input: &Input) -> [String; 2] {
        [(); 2].map(|()| {
            let mut text = String::new();
            input.reader().unwrap().read_to_string(&mut text).unwrap();
            text
        })
    }

    #[test]
    fn a_file_reads_the_same_each_time_and_a_change_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, "abc").unwrap();
        let input = Input::open(&path, &Progress::default()).unwrap();
        assert_eq!(texts(&input), ["abc", "abc"]);
        assert_eq!(input.handle().unwrap().bytes(1, 2).unwrap(), "bc");
        assert!(input.handle().unwrap().bytes(2, 2).is_err());
        fs::write(folder.path().join("y"), "other").unwrap();
        fs::rename(folder.path().join("y"), &path).unwrap();
        assert_eq!(texts(&input), ["abc", "abc"]);
        let input = Input::open(&path, &Progress::default()).unwrap();
        fs::write(&path, "longer than before").unwrap();
        assert!(matches!(input.reader(), Err(Error::Read { .. })));
    }

    #[test]
    fn files_beyond_those_kept_open_are_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let open = |i: usize| {
            let path = folder.path().join(i.to_string());
            fs::write(&path, i.to_string()).unwrap();
            Input::open(&path, &Progress::default()).unwrap()
        };
        let many: Vec<Input> = (0..3 * KEPT).map(open).collect();
        assert!(many.iter().filter(|i| matches!(i.from, From::File(Some(_), _))).count() <= KEPT);
        for (i, input) in many.iter().enumerate() {
            assert_eq!(texts(input)[0], i.to_string());
        }
        let last = many.last().unwrap();
        fs::write(folder.path().join("new"), "new").unwrap();
        fs::rename(folder.path().join("new"), last.path()).unwrap();
        assert!(last.reader().is_err());
    }
}
