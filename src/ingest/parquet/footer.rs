//! The footer of a Parquet file, checked before the decoder reads it: whether it exists, whether it is encrypted, and
//! whether its lists fit into it. The decoder would allocate memory for any length it finds.

use crate::error::{Error, Result};
use crate::ingest::bytes::ENCRYPTED;
use crate::ingest::handle::{Handle, open_error};
use crate::ingest::input::Input;

/// The length of the footer and four letters, at the end of the file.
const TAIL: usize = 8;
/// Fields of the outermost structure of the footer.
const ENCRYPTION: i64 = 8;

pub fn check(input: &Input, file: &Handle) -> Result<()> {
    let path = || input.path().to_owned();
    let damaged = |detail: &str| Error::Format { path: path(), detail: detail.into() };
    let missing = || Error::TruncatedFile { path: path(), detail: "the footer of the Parquet file is missing".into() };
    let read = |start: u64, length: usize| file.bytes(start, length).map_err(|e| open_error(input.path(), &e));
    let Some(end) = file.length().checked_sub(TAIL as u64).filter(|end| *end >= 4) else { return Err(missing()) };
    let tail = read(end, TAIL)?;
    let length = match &tail[..] {
        [a, b, c, d, b'P', b'A', b'R', b'1'] => u32::from_le_bytes([*a, *b, *c, *d]),
        [.., b'P', b'A', b'R', b'E'] => return Err(damaged(ENCRYPTED)),
        _ => return Err(missing()),
    };
    let Some(start) = end.checked_sub(u64::from(length)) else {
        return Err(damaged("is damaged: its footer is said to be longer than the file"));
    };
    let footer = read(start, length as usize)?;
    match encrypted(&footer) {
        Some(false) => Ok(()),
        Some(true) => Err(damaged(ENCRYPTED)),
        None => Err(damaged("is damaged: its footer cannot be read")),
    }
}

/// Whether columns are encrypted; `None` if the footer is not a complete structure.
fn encrypted(footer: &[u8]) -> Option<bool> {
    let mut fields = Vec::new();
    Compact(footer).structure(0, &mut |id| fields.push(id))?;
    Some(fields.contains(&ENCRYPTION))
}

/// The compact protocol of Thrift, read only to skip values.
struct Compact<'a>(&'a [u8]);

impl Compact<'_> {
    fn skip(&mut self, length: usize) -> Option<()> {
        self.0 = self.0.get(length..)?;
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A number of things of at least one byte each.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok().filter(|n| *n <= self.0.len())
    }

    fn structure(&mut self, depth: usize, field: &mut dyn FnMut(i64)) -> Option<()> {
        let mut id = 0;
        loop {
            let header = self.byte()?;
            if header == 0 {
                return Some(());
            }
            id = match header >> 4 {
                0 => {
                    let number = self.number()?;
                    (number >> 1) as i64 ^ -((number & 1) as i64)
                }
                step => id + i64::from(step),
            };
            field(id);
            match header & 0x0f {
                1 | 2 => {} // the kind of the field is its value: true or false
                kind => self.value(kind, depth)?,
            }
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth > 32 {
            return None;
        }
        match kind {
            1..=3 => self.skip(1),
            4..=6 => self.number().map(|_| ()),
            7 => self.skip(8),
            8 => {
                let length = self.count()?;
                self.skip(length)
            }
            9 | 10 => {
                let header = self.byte()?;
                let count = match header >> 4 {
                    15 => self.count()?,
                    short => usize::from(short),
                };
                (0..count).try_for_each(|_| self.value(header & 0x0f, depth + 1))
            }
            11 => {
                let count = self.count()?;
                if count == 0 {
                    return Some(());
                }
                let kinds = self.byte()?;
                (0..count).try_for_each(|_| {
                    self.value(kinds >> 4, depth + 1)?;
                    self.value(kinds & 0x0f, depth + 1)
                })
            }
            12 => self.structure(depth + 1, &mut |_| {}),
            13 => self.skip(16),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_longer_than_the_footer_are_seen() {
        // version 1; a list of two numbers; an empty structure as field 8.
        assert_eq!(encrypted(&[0x15, 2, 0x19, 0x25, 2, 4, 0]), Some(false));
        assert_eq!(encrypted(&[0x15, 2, 0x7c, 0, 0]), Some(true));
        assert_eq!(encrypted(&[0x19, 0xf5, 0xff, 0xff, 0xff, 0xff, 7, 2, 4, 0]), None);
        assert_eq!(encrypted(&[0x18, 0xff, 0xff, 3, 0]), None);
        assert_eq!(encrypted(&[0x15, 2]), None);
        assert_eq!(encrypted(&[0x1c; 200]), None);
    }
}
