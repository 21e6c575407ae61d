//! The encoding of a text file: detection from its first bytes, and a reader that decodes it to UTF-8.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::error::{Error, Result};

/// How the bytes of a file become text.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub encoding: &'static Encoding,
    /// The length of the byte order mark.
    pub mark: usize,
    pub why: &'static str,
}

/// The encoding that a user named, in any usual spelling.
pub fn named(label: &str) -> Result<&'static Encoding> {
    let plain = label.trim().to_ascii_lowercase().replace('_', "-");
    let known = match plain.as_str() {
        "cp1250" | "cp1251" | "cp1252" | "cp1253" | "cp1254" | "cp1255" | "cp1256" | "cp1257" | "cp1258" => {
            format!("windows-{}", &plain[2..])
        }
        "cp936" | "hz" | "gb-18030" => "gb18030".into(),
        "cp949" | "uhc" => "euc-kr".into(),
        "cp932" | "sjis" | "ms932" => "shift_jis".into(),
        "cp950" => "big5".into(),
        "utf8" | "utf-8-sig" | "utf8-sig" => "utf-8".into(),
        "utf16" | "utf-16" => "utf-16le".into(),
        "latin1" | "latin-1" => "iso-8859-1".into(),
        _ => plain.clone(),
    };
    Encoding::for_label(known.as_bytes()).or_else(|| Encoding::for_label(label.as_bytes())).ok_or_else(|| {
        Error::Argument(format!(
            "encoding={label:?} is not known; write for example \"utf-8\", \"windows-1251\", \"gb18030\", \"big5\", \
             \"euc-kr\" or \"shift_jis\""
        ))
    })
}

/// What the first bytes of a file show. `whole` means that they are the whole file.
pub fn detect(sample: &[u8], asked: Option<&'static Encoding>, whole: bool) -> Found {
    let marked = match sample {
        [0xef, 0xbb, 0xbf, ..] => Some((UTF_8, 3)),
        [0xff, 0xfe, ..] => Some((UTF_16LE, 2)),
        [0xfe, 0xff, ..] => Some((UTF_16BE, 2)),
        _ => None,
    };
    if let Some((encoding, mark)) = marked
        && asked.is_none_or(|a| a == encoding || a == UTF_16LE)
    {
        return Found { encoding, mark, why: "byte order mark at the beginning" };
    }
    if let Some(encoding) = asked {
        return Found { encoding, mark: 0, why: "given as an argument" };
    }
    if let Some(encoding) = utf16_without_mark(sample) {
        return Found { encoding, mark: 0, why: "every second byte is zero" };
    }
    if is_utf8(sample, whole) {
        return Found { encoding: UTF_8, mark: 0, why: "its bytes are valid UTF-8" };
    }
    let counted = count(sample);
    if counted.valid >= counted.broken && counted.valid > 0 {
        return Found { encoding: UTF_8, mark: 0, why: "most of its letters beyond ASCII are valid UTF-8" };
    }
    Found { encoding: guess(&[sample]), mark: 0, why: "its bytes are not UTF-8; the frequency of its letters decides" }
}

/// The encoding that fits these bytes best. They are not UTF-8.
pub fn guess(parts: &[&[u8]]) -> &'static Encoding {
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    for part in parts {
        detector.feed(part, false);
        // Parts are cells. A line end separates the last letter of one from the first of the next.
        detector.feed(b"\n", false);
    }
    detector.feed(b"", true);
    let found = detector.guess(None, chardetng::Utf8Detection::Deny);
    if LATIN.contains(&found) && words_beyond_ascii(parts) {
        return encoding_rs::WINDOWS_1251;
    }
    // GB18030 contains GBK.
    if found == encoding_rs::GBK { encoding_rs::GB18030 } else { found }
}

/// Encodings of languages that write most letters in ASCII.
const LATIN: [&Encoding; 8] = [
    WINDOWS_1252,
    encoding_rs::WINDOWS_1250,
    encoding_rs::WINDOWS_1254,
    encoding_rs::WINDOWS_1257,
    encoding_rs::WINDOWS_1258,
    encoding_rs::ISO_8859_2,
    encoding_rs::ISO_8859_4,
    encoding_rs::MACINTOSH,
];

/// Whether most words with a letter beyond ASCII have no other letters. Such words are in a script other than Latin. In
/// tables of codes they may be few and in capitals (`ИМ`, `ЭК`, `ШТ`), where a guess by frequency fails.
fn words_beyond_ascii(parts: &[&[u8]]) -> bool {
    let (mut pure, mut mixed) = (0usize, 0usize);
    for part in parts {
        for word in part.split(|b| !(b.is_ascii_alphabetic() || *b >= 0x80)) {
            let beyond = word.iter().filter(|b| **b >= 0xa0).count();
            pure += usize::from(beyond > 1 && beyond == word.len());
            mixed += usize::from(beyond > 0 && beyond < word.len());
        }
    }
    pure > 2 * mixed
}

/// Whether the bytes are UTF-8, except for a character cut by the end of a sample.
fn is_utf8(sample: &[u8], whole: bool) -> bool {
    match std::str::from_utf8(sample) {
        Ok(_) => true,
        Err(error) => !whole && error.error_len().is_none(),
    }
}

/// In UTF-16, text in a Western script has a zero in almost every second byte.
fn utf16_without_mark(sample: &[u8]) -> Option<&'static Encoding> {
    let zeros = |first: usize| sample.iter().skip(first).step_by(2).filter(|&&b| b == 0).count();
    let half = sample.len() / 2;
    if half < 8 {
        return None;
    }
    let (even, odd) = (zeros(0), zeros(1));
    // Letters of one script share their high byte. Digits and delimiters have a zero there.
    let kinds = |first: usize| {
        let mut seen = [false; 256];
        sample.iter().skip(first).step_by(2).for_each(|b| seen[usize::from(*b)] = true);
        seen.iter().filter(|s| **s).count()
    };
    if even * 50 < half && (odd * 10 > half * 7 || (odd * 5 > half && kinds(1) <= 4 && kinds(0) > 8)) {
        Some(UTF_16LE)
    } else if odd * 50 < half && (even * 10 > half * 7 || (even * 5 > half && kinds(0) <= 4 && kinds(1) > 8)) {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Letters beyond ASCII: valid UTF-8, and other bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Letters {
    pub valid: usize,
    pub broken: usize,
}

pub fn count(bytes: &[u8]) -> Letters {
    let mut letters = Letters::default();
    for chunk in bytes.utf8_chunks() {
        letters.valid += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        letters.broken += usize::from(!chunk.invalid().is_empty());
    }
    letters
}

/// A cell as text: UTF-8 if valid, else in the other encoding.
pub fn decode<'a>(cell: &'a [u8], other: &'static Encoding) -> std::borrow::Cow<'a, str> {
    match std::str::from_utf8(cell) {
        Ok(text) => text.into(),
        Err(_) => other.decode_without_bom_handling(cell).0,
    }
}

/// A cell for a message, if its encoding is unknown.
pub fn shown(cell: &[u8]) -> String {
    decode(cell, WINDOWS_1252).into_owned()
}

/// Reads another encoding as UTF-8.
pub struct Decoded<R> {
    inner: R,
    decoder: Decoder,
    raw: Vec<u8>,
    ready: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Decoded<R> {
    pub fn new(inner: R, encoding: &'static Encoding) -> Decoded<R> {
        Decoded {
            inner,
            decoder: encoding.new_decoder_with_bom_removal(),
            raw: Vec::new(),
            ready: Vec::new(),
            given: 0,
            ended: false,
        }
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() && !self.ended {
            self.raw.resize(1 << 16, 0);
            let n = self.inner.read(&mut self.raw)?;
            self.ended = n == 0;
            self.ready.clear();
            self.given = 0;
            let mut from = 0;
            loop {
                let needed = self.decoder.max_utf8_buffer_length(n - from).unwrap_or(4 * n + 16);
                let begin = self.ready.len();
                self.ready.resize(begin + needed, 0);
                let (result, read, written, _) =
                    self.decoder.decode_to_utf8(&self.raw[from..n], &mut self.ready[begin..], self.ended);
                self.ready.truncate(begin + written);
                from += read;
                if result == CoderResult::InputEmpty {
                    break;
                }
            }
        }
        let n = out.len().min(self.ready.len() - self.given);
        out[..n].copy_from_slice(&self.ready[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_of_customs_offices_are_told() {
        let line = |text: &str, n: usize| format!("{text}\n").repeat(n);
        for (text, encoding) in [
            ("ТНВЭД,СТОИМ,НЕТТО\nСтраховая компания,товар,Россия,Казахстан", encoding_rs::WINDOWS_1251),
            ("商品编码,出口国家,美元价值\n金属制品有限公司,中国,集成电路", encoding_rs::GB18030),
            ("品目,国名,数量\n日本の輸出,電気機器,カメラ", encoding_rs::SHIFT_JIS),
            ("품목코드,국가명,금액\n대한민국 수출입 통계", encoding_rs::EUC_KR),
            ("貨品分類,國家,重量\n臺灣進口貿易統計", encoding_rs::BIG5),
            ("código,descripción,país\nMéxico,máquina eléctrica", encoding_rs::WINDOWS_1252),
            ("ülke,ağırlık,değer\nTürkiye İstanbul şirketi gıda işçilik", encoding_rs::WINDOWS_1254),
        ] {
            let (bytes, used, _) = encoding.encode(&line(text, 5)).into_owned_parts();
            assert_eq!(detect(&bytes, None, true).encoding, used, "{text}");
        }
        // Few words, all in capitals, among codes.
        let table = line("ИМ;2023-01;DE;0101;ШТ;12\nЭК;2023-02;CN;0201;КГ;15", 50);
        let (bytes, used, _) = encoding_rs::WINDOWS_1251.encode(&table).into_owned_parts();
        assert_eq!(detect(&bytes, None, true).encoding, used);
        assert_eq!(detect("naïve,café\n".as_bytes(), None, true).encoding, UTF_8);
        assert_eq!(detect(&"naïve".as_bytes()[..3], None, false).encoding, UTF_8);
        let wide: Vec<u8> = "hs,value\n010121,5\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(detect(&wide, None, true).encoding, UTF_16LE);
        let wide: Vec<u8> =
            "hs;страна;стоимость\n010121;Россия;12\n".repeat(9).encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(detect(&wide, None, true).encoding, UTF_16LE);
        assert_eq!(named("cp1251").unwrap(), encoding_rs::WINDOWS_1251);
        assert!(named("klingon").is_err());
    }

    trait Parts {
        fn into_owned_parts(self) -> (Vec<u8>, &'static Encoding, bool);
    }

    impl Parts for (std::borrow::Cow<'_, [u8]>, &'static Encoding, bool) {
        fn into_owned_parts(self) -> (Vec<u8>, &'static Encoding, bool) {
            (self.0.into_owned(), self.1, self.2)
        }
    }
}
