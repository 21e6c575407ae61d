//! The digits and words in the text of a date.

/// Words around a date without a meaning of their own.
const FILLERS: [&str; 31] = [
    "de", "del", "do", "of", "the", "st", "nd", "rd", "th", "er", "г", "года", "год", "年", "月", "日", "号", "년",
    "월", "일", "mon", "tue", "wed", "thu", "fri", "sat", "sun", "monday", "tuesday", "thursday", "friday",
];

/// The digits and words of a date, without the time of day.
pub(super) fn tokens(text: &str) -> (Vec<&str>, Option<char>) {
    let date = without_time(text);
    let mut parts = Vec::new();
    let mut start = None;
    let mut separator = None;
    let mut previous = ' ';
    let put = |part: &str| !part.is_empty() && !is_filler(part);
    for (i, c) in date.char_indices() {
        let joined = start.is_some() && c.is_ascii_digit() == previous.is_ascii_digit();
        if c.is_alphanumeric() {
            if !joined {
                if let Some(s) = start
                    && put(&date[s..i])
                {
                    parts.push(&date[s..i]);
                }
                start = Some(i);
            }
        } else {
            if let Some(s) = start.take()
                && put(&date[s..i])
            {
                parts.push(&date[s..i]);
            }
            separator.get_or_insert(c);
        }
        previous = c;
    }
    if let Some(s) = start
        && put(&date[s..])
    {
        parts.push(&date[s..]);
    }
    (parts, separator)
}

fn is_filler(part: &str) -> bool {
    !part.as_bytes()[0].is_ascii_digit() && FILLERS.contains(&part.to_lowercase().as_str())
}

/// `1 Mar 2023 10:00`, `2023-03-01T10:20:30Z`: the hours are before the first colon.
fn without_time(text: &str) -> &str {
    let Some(colon) = text.find(':') else { return text };
    let head = text[..colon].trim_end_matches(|c: char| c.is_ascii_digit());
    if head.len() == colon {
        return text;
    }
    match head.strip_suffix('T').or_else(|| head.strip_suffix('t')) {
        Some(date) if date.ends_with(|c: char| c.is_ascii_digit()) => date,
        _ if head.ends_with([' ', ',', '\u{a0}']) && head.bytes().any(|b| b.is_ascii_digit()) => {
            head.trim_end_matches([' ', ',', '\u{a0}'])
        }
        _ => text,
    }
}

pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The digits of a label that is a number: `20230115`, `2021.0`, `44927.25`, and those before the words in
/// `202352-Jan.-Dec. 2023`.
pub(super) fn leading_digits(text: &str) -> Option<&str> {
    let text = without_time(text.trim());
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let Some(next) = rest.chars().next() else { return Some(digits).filter(|d| !d.is_empty()) };
    let long = matches!(digits.len(), 6 | 8);
    match next {
        '.' if is_digits(&rest[1..]) => {
            let none = rest[1..].bytes().all(|b| b == b'0');
            (none && digits.len() >= 4 || digits.len() == 5).then_some(digits)
        }
        'T' if digits.len() == 8 && rest[1..].starts_with(|c: char| c.is_ascii_digit()) => Some(digits),
        '-' | ':' | ' ' | '_' if long => {
            let words = rest.trim_start_matches(['-', ':', ' ', '_']);
            words.starts_with(char::is_alphabetic).then_some(digits)
        }
        _ => None,
    }
}

/// The two numbers of a label whose order is uncertain: `3/1/2023`.
pub(super) fn doubtful(text: &str) -> Option<(u32, u32)> {
    let (parts, separator) = tokens(text.trim());
    let [a, b, y] = parts[..] else { return None };
    let short = |t: &str| is_digits(t) && t.len() <= 2;
    if separator == Some('.') || !short(a) || !short(b) || !is_digits(y) {
        return None;
    }
    Some((a.parse().ok()?, b.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pairs_of_short_numbers_are_doubtful() {
        assert_eq!(doubtful("13/1/2023"), Some((13, 1)));
        assert_eq!(doubtful("1/3/2023"), Some((1, 3)));
        assert_eq!(doubtful("13.1.2023"), None);
        assert_eq!(doubtful("2023-03-01"), None);
    }
}
