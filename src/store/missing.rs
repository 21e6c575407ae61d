//! The usual spellings of a missing value in a cell.

/// Spellings of a missing value. They are nulls and not faults.
pub fn is_missing(text: &[u8]) -> bool {
    text.is_empty()
        || (text.len() <= 5
            && [&b"na"[..], b"n/a", b"n.a.", b"nan", b"null", b"none", b"nil", b"-", b"--", b"\\n", b".", b"#n/a"]
                .iter()
                .any(|word| text.eq_ignore_ascii_case(word)))
}
