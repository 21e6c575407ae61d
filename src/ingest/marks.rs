//! The positions of delimiters, line ends and quotes in a text: one bit for each byte, 64 bytes at a time with the
//! widest registers of the machine. A block is scanned once; then the cells are cut from bit to bit.

use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd, dispatch, u8x64};

/// The number of bytes of one mask.
const WIDTH: usize = 64;

/// The positions of a few bytes in a text, ascending.
pub struct Marks {
    masks: Vec<u64>,
    /// The current mask, and its remaining bits.
    word: usize,
    left: u64,
}

impl Marks {
    pub fn new(text: &[u8], bytes: [u8; 3]) -> Marks {
        let mut masks = vec![0; text.len().div_ceil(WIDTH)];
        dispatch!(Level::new(), simd => find(simd, text, bytes, &mut masks));
        let left = masks.first().copied().unwrap_or(0);
        Marks { masks, word: 0, left }
    }

    /// The next position.
    #[inline(always)]
    pub fn take(&mut self) -> Option<usize> {
        while self.left == 0 {
            self.word += 1;
            self.left = *self.masks.get(self.word)?;
        }
        let place = self.word * WIDTH + self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some(place)
    }

    /// Skips all positions before this one.
    pub fn go_to(&mut self, place: usize) {
        self.word = place / WIDTH;
        self.left = self.masks.get(self.word).map_or(0, |mask| mask & (u64::MAX << (place % WIDTH)));
    }
}

#[inline(always)]
fn find<S: Simd>(simd: S, text: &[u8], bytes: [u8; 3], masks: &mut [u64]) {
    let wanted = bytes.map(|byte| u8x64::splat(simd, byte));
    let mask = |word: &[u8; WIDTH]| {
        let word = u8x64::from_slice(simd, word);
        (word.simd_eq(wanted[0]) | word.simd_eq(wanted[1]) | word.simd_eq(wanted[2])).to_bitmask()
    };
    let (words, rest) = text.as_chunks::<WIDTH>();
    for (found, word) in masks.iter_mut().zip(words) {
        *found = mask(word);
    }
    if let (false, Some(last)) = (rest.is_empty(), masks.last_mut()) {
        let mut word = [0; WIDTH];
        word[..rest.len()].copy_from_slice(rest);
        *last = mask(&word) & !(u64::MAX << rest.len());
    }
}

/// How far quotes only enclose cells of one line each.
pub struct Plain {
    /// The offset after the last line end so far, or the start of the scan.
    pub record: usize,
    /// The offset after the first bytes that need a closer look.
    pub odd: usize,
}

/// Scans a text from a position outside quotes, whole words only.
pub fn plain_quotes(text: &[u8], from: usize, delimiter: u8, end: u8) -> Plain {
    dispatch!(Level::new(), simd => plain(simd, text, from, delimiter, end))
}

#[inline(always)]
fn plain<S: Simd>(simd: S, text: &[u8], from: usize, delimiter: u8, end: u8) -> Plain {
    let [quotes, delimiters, ends] = [b'"', delimiter, end].map(|byte| u8x64::splat(simd, byte));
    let mut record = from;
    // All ones within a quoted cell.
    let mut within = 0u64;
    // A quote may open a cell at the first byte of a word.
    let mut may_open = u64::from(from == 0 || text[from - 1] == delimiter || text[from - 1] == end);
    let (words, _) = text[from..].as_chunks::<WIDTH>();
    for (at, word) in words.iter().enumerate() {
        let word = u8x64::from_slice(simd, word);
        let quote = word.simd_eq(quotes).to_bitmask();
        let line = word.simd_eq(ends).to_bitmask();
        let side = word.simd_eq(delimiters).to_bitmask() | line;
        // Each bit from an opening quote to the one before the closing quote.
        let quoted = prefix_xor(quote) ^ within;
        // Of two adjacent quotes, the second one opens again the cell that the first one closed.
        let closing = quote & !quoted;
        let before = (side | closing) << 1 | may_open;
        let stray = quote & quoted & !before;
        if stray | (line & quoted) != 0 {
            return Plain { record, odd: from + (at + 1) * WIDTH };
        }
        if line != 0 {
            record = from + at * WIDTH + WIDTH - line.leading_zeros() as usize;
        }
        within = ((quoted as i64) >> 63) as u64;
        may_open = (side | closing) >> 63;
    }
    Plain { record, odd: text.len() }
}

/// Each bit is the parity of the bits up to it.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for step in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << step;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_bytes() {
        for length in [0, 1, 63, 64, 65, 1000] {
            let text: Vec<u8> = (0..length).map(|i| b"ab,\n\"0"[i * i % 6]).collect();
            let expected: Vec<usize> = (0..length).filter(|&i| b",\n\"".contains(&text[i])).collect();
            let mut marks = Marks::new(&text, *b",\n\"");
            assert_eq!(std::iter::from_fn(|| marks.take()).collect::<Vec<_>>(), expected);
            for from in 0..=length {
                marks.go_to(from);
                assert_eq!(marks.take(), expected.iter().copied().find(|&at| at >= from));
            }
        }
    }

    #[test]
    fn the_first_odd_quote_ends_what_is_plain() {
        let good = "\"a\",\"b \"\"c\"\"\",d\n".repeat(40);
        let look = |text: &str| plain_quotes(text.as_bytes(), 0, b',', b'\n');
        let seen = good.len() / WIDTH * WIDTH;
        let Plain { record, odd } = look(&good);
        assert_eq!((record, odd), (good[..seen].rfind('\n').unwrap() + 1, good.len()));
        for odd in ["a\"b", "\"a\nb\"", "x\"", "\"a\"b\"c\""] {
            let text = format!("{good}{odd},1,2\n{good}");
            let found = look(&text);
            assert_eq!(found.record, good.len(), "{odd:?}");
            assert!(found.odd > good.len() && found.odd <= good.len() + 2 * WIDTH, "{odd:?}");
        }
    }
}
