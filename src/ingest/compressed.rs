//! Compressed text as plain bytes: gzip with any number of members, zstd with any number of frames.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::handle::Reader;

const BUFFER: usize = 1 << 18;

pub fn is_compressed(start: &[u8]) -> bool {
    is_gzip(start) || is_zstd(start)
}

fn is_gzip(start: &[u8]) -> bool {
    matches!(start, [0x1f, 0x8b, ..])
}

/// A frame of data, or a skippable frame.
fn is_zstd(start: &[u8]) -> bool {
    matches!(start, [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// The bytes without their compression, which `start` shows.
pub fn plain(start: &[u8], reader: Reader) -> io::Result<Box<dyn Read + Send>> {
    Ok(if is_gzip(start) {
        Box::new(Members { current: Some(GzDecoder::new(BufReader::with_capacity(BUFFER, reader))) })
    } else if is_zstd(start) {
        Box::new(zstd::Decoder::new(reader)?)
    } else {
        Box::new(reader)
    })
}

/// The members of a gzip file, one after the other.
struct Members<R> {
    /// `None` after the last member.
    current: Option<GzDecoder<R>>,
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.current {
            let n = member.read(out)?;
            if n > 0 || out.is_empty() {
                return Ok(n);
            }
            self.current = match self.current.take() {
                Some(ended) => next_member(ended.into_inner())?,
                None => None,
            };
        }
        Ok(0)
    }
}

/// Zeros after a member fill a block of a tape or disk. Any other bytes that are not a member may be lost data.
fn next_member<R: BufRead>(mut rest: R) -> io::Result<Option<GzDecoder<R>>> {
    loop {
        let ready = rest.fill_buf()?;
        if ready.is_empty() {
            return Ok(None);
        }
        let zeros = ready.iter().take_while(|b| **b == 0).count();
        match ready.get(zeros) {
            None => rest.consume(zeros),
            Some(0x1f) => {
                rest.consume(zeros);
                return Ok(Some(GzDecoder::new(rest)));
            }
            Some(_) => {
                let text = "behind the compressed data lie bytes that are neither gzip nor padding; \
                            the file was joined with another or overwritten in part";
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::handle::Handle;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(text).unwrap();
        out.finish().unwrap()
    }

    fn read(file: Vec<u8>) -> io::Result<Vec<u8>> {
        let start: Vec<u8> = file.iter().take(4).copied().collect();
        let mut all = Vec::new();
        plain(&start, Handle::of_bytes(file).reader(0))?.read_to_end(&mut all)?;
        Ok(all)
    }

    #[test]
    fn members_and_padding_are_read_and_garbage_is_told() {
        let two = [gzip(b"one"), gzip(b"two")].concat();
        assert_eq!(read(two.clone()).unwrap(), b"onetwo");
        for zeros in [1, 511, BUFFER + 1] {
            assert_eq!(read([two.clone(), vec![0; zeros]].concat()).unwrap(), b"onetwo");
        }
        assert_eq!(read([gzip(b"one"), vec![0; 9], gzip(b"two")].concat()).unwrap(), b"onetwo");
        for garbage in [&b"x"[..], b"\0\0x", b"\x1f\x8c and more of it"] {
            let error = read([&two[..], garbage].concat()).unwrap_err();
            assert!(matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput));
        }
        let cut = two[..two.len() - 3].to_vec();
        assert_eq!(read(cut).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn frames_of_zstd_are_joined_and_skippable_ones_skipped() {
        let skip = [&[0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let frame = |text: &[u8]| zstd::encode_all(text, 1).unwrap();
        let all = [skip.clone(), frame(b"one"), skip.clone(), frame(b"two"), skip].concat();
        assert_eq!(read(all).unwrap(), b"onetwo");
    }
}
