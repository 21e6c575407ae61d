//! Paths and globs as a list of files. A file that cannot be opened is an error; it is never left out.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use glob::Pattern;

use super::handle::open_error;
use super::input::{STDIN, place};
use crate::error::{Error, Result};

/// The files in the order of reading: sources as given, the files of a glob by name.
pub fn expand(sources: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for source in sources {
        if source == Path::new(STDIN) {
            files.push(source.clone());
            continue;
        }
        match fs::metadata(source) {
            Ok(metadata) if metadata.is_dir() => return Err(Error::Directory(source.clone())),
            Ok(_) => files.push(source.clone()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(Error::Access(source.clone())),
            Err(error) => {
                dangling(source)?;
                if let Some(address) = address(source) {
                    return Err(address);
                }
                if !has_wildcards(source.as_os_str()) {
                    return Err(open_error(source, &error));
                }
                let mut found = Vec::new();
                walk(PathBuf::new(), &parts(source)?, &mut Vec::new(), &mut found)?;
                found.sort();
                if found.is_empty() {
                    return Err(Error::MissingFile(source.display().to_string()));
                }
                files.extend(found);
            }
        }
    }
    if files.is_empty() {
        return Err(Error::Argument("no files given".into()));
    }
    given_once(&files)?;
    Ok(files)
}

/// The identity of a file: its device and number, or its path without links.
type Identity = (Option<(u64, u64)>, PathBuf);

/// An error if a file is given twice, because its rows would count twice.
fn given_once(files: &[PathBuf]) -> Result<()> {
    let mut seen: HashMap<Identity, &PathBuf> = HashMap::new();
    for file in files {
        let number = fs::metadata(file).ok().and_then(|m| place(&m));
        // Without a file number, the path without links identifies the file.
        let path = if number.is_some() { PathBuf::new() } else { fs::canonicalize(file).unwrap_or(file.clone()) };
        if let Some(first) = seen.insert((number, path), file) {
            let spelling = if first == file {
                String::new()
            } else {
                format!(" ({} and {} are one file)", first.display(), file.display())
            };
            return Err(Error::Argument(format!(
                "the file {} is given twice{spelling}; its rows would count twice, name it once",
                file.display()
            )));
        }
    }
    Ok(())
}

/// An error if the path is a link to nothing.
fn dangling(path: &Path) -> Result<()> {
    match fs::read_link(path) {
        Ok(target) if matches!(path.try_exists(), Ok(false)) => {
            Err(Error::DanglingLink { path: path.to_owned(), target })
        }
        _ => Ok(()),
    }
}

/// The error for an address such as `s3://bucket/file`. `pathlib` changes the two slashes to one.
fn address(path: &Path) -> Option<Error> {
    let text = path.to_str()?;
    let (scheme, rest) = text.split_once(":/")?;
    let known = ["http", "https", "ftp", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hdfs", "file"];
    let spelled = scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !spelled || !(rest.starts_with('/') || known.contains(&scheme.to_ascii_lowercase().as_str())) {
        return None;
    }
    let detail = if scheme.eq_ignore_ascii_case("file") {
        "is an address; pass the path behind file:// alone"
    } else {
        "is an address, not a path; download the file first, or pass a table of polars, pyarrow or DuckDB, which read \
         addresses: rl.read(polars.read_parquet(...))"
    };
    Some(Error::Read { path: path.to_owned(), detail: detail.into() })
}

fn has_wildcards(text: &OsStr) -> bool {
    text.as_encoded_bytes().iter().any(|b| b"*?[".contains(b))
}

/// One step of a glob from folder to folder.
enum Part {
    Plain(OsString),
    /// `**`: this folder and all folders below it.
    Folders,
    Pattern(Pattern),
}

fn parts(source: &Path) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for component in source.components() {
        parts.push(match component {
            Component::Normal(name) if name == OsStr::new("**") => {
                if matches!(parts.last(), Some(Part::Folders)) {
                    continue; // `**` twice is `**`
                }
                Part::Folders
            }
            Component::Normal(name) if has_wildcards(name) => {
                let error = |e| Error::Argument(format!("{:?} is not a glob: {e}", source.display().to_string()));
                Part::Pattern(Pattern::new(&spelled(name)).map_err(error)?)
            }
            other => Part::Plain(other.as_os_str().to_owned()),
        });
    }
    Ok(parts)
}

/// The name as characters. A byte that is not UTF-8 becomes a character from a range that no name uses. So patterns can
/// match it, and different names stay different.
fn spelled(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().filter_map(|b| char::from_u32(0x10_ff00 + u32::from(*b))));
    }
    text
}

/// Files below `folder` that match the rest of the glob. `above` are the folders that led here, so that cycles of links
/// end.
fn walk(folder: PathBuf, rest: &[Part], above: &mut Vec<PathBuf>, found: &mut Vec<PathBuf>) -> Result<()> {
    let Some((part, below)) = rest.split_first() else { return Ok(()) };
    match part {
        Part::Plain(name) => {
            let path = folder.join(name);
            match reach(&path)? {
                None => Ok(()),
                Some(metadata) => step(path, &metadata, below, above, found),
            }
        }
        Part::Pattern(pattern) => {
            for path in entries(&folder)? {
                if path.file_name().is_some_and(|name| pattern.matches(&spelled(name)))
                    && let Some(metadata) = reach(&path)?
                {
                    step(path, &metadata, below, above, found)?;
                }
            }
            Ok(())
        }
        Part::Folders => {
            let here = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
            let real = fs::canonicalize(here).map_err(|e| open_error(here, &e))?;
            if above.contains(&real) {
                return Ok(());
            }
            above.push(real);
            walk(folder.clone(), below, above, found)?;
            for path in entries(&folder)? {
                // A link to nothing is not a folder. Whether it is a file of the glob is checked elsewhere.
                if path.is_dir() {
                    walk(path, rest, above, found)?;
                }
            }
            above.pop();
            Ok(())
        }
    }
}

fn step(
    path: PathBuf,
    metadata: &Metadata,
    below: &[Part],
    above: &mut Vec<PathBuf>,
    found: &mut Vec<PathBuf>,
) -> Result<()> {
    match (below.is_empty(), metadata.is_dir()) {
        (true, false) => found.push(path),
        (false, true) => walk(path, below, above, found)?,
        _ => {}
    }
    Ok(())
}

/// The target of the path, if it exists. A link to nothing and a folder without permission are errors.
fn reach(path: &Path) -> Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) => {
            dangling(path)?;
            match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(None),
                _ => Err(open_error(path, &error)),
            }
        }
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let fail = |e: std::io::Error| open_error(here, &e);
    fs::read_dir(here).map_err(fail)?.map(|entry| Ok(folder.join(entry.map_err(fail)?.file_name()))).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    /// The names that the glob finds in a folder with these files.
    fn found(files: &[&[u8]], glob: &[u8]) -> Result<Vec<Vec<u8>>> {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(OsStr::from_bytes(file));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        symlink(folder.path(), folder.path().join("loop")).unwrap();
        let paths = expand(&[folder.path().join(OsStr::from_bytes(glob))])?;
        let name = |p: PathBuf| p.strip_prefix(folder.path()).unwrap().as_os_str().as_bytes().to_vec();
        Ok(paths.into_iter().map(name).collect())
    }

    #[test]
    fn globs_find_every_name() {
        let files: [&[u8]; 5] = [b"b.csv", b"caf\xe9.csv", b"caf\xe8.csv", b"sub/deep/c.csv", b"sub/d.txt"];
        assert_eq!(found(&files, b"*.csv").unwrap(), [&b"b.csv"[..], b"caf\xe8.csv", b"caf\xe9.csv"]);
        assert_eq!(found(&files, b"caf\xe9*").unwrap(), [b"caf\xe9.csv"]);
        assert_eq!(found(&files, b"caf?.csv").unwrap().len(), 2);
        assert_eq!(found(&files, b"s*/**/*.csv").unwrap(), [b"sub/deep/c.csv"]);
        assert_eq!(found(&files, b"sub/**/*.[ct]*").unwrap(), [&b"sub/d.txt"[..], b"sub/deep/c.csv"]);
        assert_eq!(found(&files, b"**/**/c.csv").unwrap(), [b"sub/deep/c.csv"]);
        assert!(matches!(found(&files, b"x*.csv"), Err(Error::MissingFile(_))));
        assert!(matches!(found(&files, b"a**.csv"), Err(Error::Argument(_))));
    }

    #[test]
    fn files_that_cannot_be_read_or_come_twice_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a.csv"), "x").unwrap();
        symlink(path("a.csv"), path("link.csv")).unwrap();
        for sources in [["a.csv", "a.csv"], ["a.csv", "./a.csv"], ["a.csv", "link.csv"], ["[a]*", "a*"]] {
            let error = expand(&sources.map(path)).unwrap_err();
            assert!(error.to_string().contains("given twice"), "{sources:?}: {error}");
        }
        symlink(path("gone"), path("dead.csv")).unwrap();
        for source in ["*.csv", "dead.csv", "**/*.csv"] {
            assert!(matches!(expand(&[path(source)]), Err(Error::DanglingLink { .. })), "{source}");
        }
        for source in ["s3://bucket/x*.csv", "https:/host/x.csv", "custom+x://a"] {
            let error = expand(&[source.into()]).unwrap_err();
            assert!(error.to_string().contains("download"), "{error}");
        }
    }
}
