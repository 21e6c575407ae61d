//! Harmonized System codes.

use super::codes::Codes;
use super::shipments::rows_of;

/// What a label turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum HsCode {
    Code(String),
    Missing,
    Bad(&'static str),
}

pub const LOST_ZERO: &str = "leading zero restored: the code was stored as a number";

/// Reads one code: dots, spaces and dashes dropped, 2 to 12 digits kept as text.
pub fn parse_hs(text: &str) -> HsCode {
    let text = text.trim();
    if super::number::is_missing(text.as_bytes()) {
        return HsCode::Missing;
    }
    let text = text.strip_prefix('\'').unwrap_or(text); // a spreadsheet's mark for "this is text"
    let text = text.strip_suffix(".0").unwrap_or(text); // a number column that held a null once
    let code: String = text.chars().filter(|c| !matches!(c, '.' | ' ' | '-' | '\u{a0}')).collect();
    if !code.bytes().all(|b| b.is_ascii_digit()) || code.is_empty() {
        return HsCode::Bad("not an HS code: only digits, dots and spaces are expected");
    }
    match code.len() {
        1 => HsCode::Code(code), // an integer chapter, its zero lost
        2..=12 => HsCode::Code(code),
        _ => HsCode::Bad("not an HS code: 2 to 12 digits are expected"),
    }
}

/// A whole column of codes: `texts` are its labels, `whole` says that the source stored integers,
/// `digits` cuts what a source adds behind its own code.
///
/// A number that lost its leading zero has one digit too few. An integer of odd length shows it by
/// itself; a text only where no code of the column begins with a zero and codes one digit longer
/// are there.
pub fn read(
    raw: Codes,
    texts: &[Option<String>],
    whole: bool,
    digits: Option<usize>,
) -> (Codes, Vec<(u32, &'static str)>) {
    let cells: Vec<HsCode> = texts.iter().map(|t| t.as_ref().map_or(HsCode::Missing, |t| parse_hs(t))).collect();
    let codes = || cells.iter().filter_map(|c| if let HsCode::Code(code) = c { Some(code) } else { None });
    let zero_seen = codes().any(|c| c.starts_with('0'));
    let mut lengths = [false; 14];
    codes().for_each(|c| lengths[c.len()] = true);
    let lost = |code: &str| {
        code.len() % 2 == 1 && !code.starts_with('0') && (whole || (!zero_seen && lengths[code.len() + 1]))
    };
    let mut reasons: Vec<Option<&'static str>> = vec![None; cells.len()];
    let labels: Vec<Option<String>> = cells
        .iter()
        .zip(&mut reasons)
        .map(|(cell, reason)| match cell {
            HsCode::Code(code) => {
                let mut code = code.clone();
                if digits.is_none() && lost(&code) {
                    *reason = Some(LOST_ZERO);
                    code.insert(0, '0');
                }
                if code.len() < 2 {
                    *reason = Some("not an HS code: 2 to 12 digits are expected");
                    return None;
                }
                code.truncate(digits.unwrap_or(12));
                Some(code)
            }
            HsCode::Missing => None,
            HsCode::Bad(why) => {
                *reason = Some(why);
                None
            }
        })
        .collect();
    let faults = rows_of(&raw, |label| reasons[label]);
    (raw.relabelled(&labels), faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_digits_and_refuses_the_rest() {
        for (text, code) in [
            ("8806.22", "880622"),
            ("01 02", "0102"),
            ("6211430090", "6211430090"),
            ("'0901", "0901"),
            ("90111.0", "90111"),
        ] {
            assert_eq!(parse_hs(text), HsCode::Code(code.into()), "{text}");
        }
        assert_eq!(parse_hs(" "), HsCode::Missing);
        assert!(matches!(parse_hs("XX0901"), HsCode::Bad(_)));
        assert!(matches!(parse_hs("1234567890123"), HsCode::Bad(_)));
    }
}
