//! Numbers as a reason says them.

/// A whole number as it is, one of a hundred or more rounded to a whole one, with thousands marks; any other
/// with three significant digits: `0.0123`, `4.56`, `58`, `1,234`.
pub fn figure(x: f64) -> String {
    if !x.is_finite() {
        return x.to_string();
    }
    if x == 0.0 {
        return "0".into();
    }
    let size = x.abs();
    if size >= 100.0 || x.fract() == 0.0 {
        return thousands(x);
    }
    let digits = (2 - libm::log10(size).floor() as i32).clamp(0, 12) as usize;
    format!("{x:.digits$}")
}

fn thousands(x: f64) -> String {
    let plain = format!("{:.0}", x.abs());
    let mut out = String::with_capacity(plain.len() + plain.len() / 3 + 1);
    if x < 0.0 {
        out.push('-');
    }
    for (i, digit) in plain.chars().enumerate() {
        if i > 0 && (plain.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `3.2 times` or, below one, `1/3.2 of`: how many times an expected number.
pub fn times(ratio: f64) -> String {
    if ratio >= 1.0 { format!("{} times", figure(ratio)) } else { format!("1/{} of", figure(1.0 / ratio)) }
}

/// `3.2 times as much` or, below one, `1/3.2 of it`.
pub fn as_much(ratio: f64) -> String {
    if ratio >= 1.0 { format!("{} times as much", figure(ratio)) } else { format!("1/{} of it", figure(1.0 / ratio)) }
}

/// Why a number cannot be scored, if it cannot: only positive finite ones can.
pub fn unusable(name: &str, x: f64) -> Option<String> {
    if x.is_nan() {
        Some(format!("not scored: {name} is missing"))
    } else if x < 0.0 {
        Some(format!("not scored: {name} is negative ({}), a correction of an earlier record", figure(x)))
    } else if x == 0.0 {
        Some(format!("not scored: {name} is zero"))
    } else if x.is_infinite() {
        Some(format!("not scored: {name} is infinite"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (x, text) in [
            (0.01234, "0.0123"),
            (4.5678, "4.57"),
            (45.678, "45.7"),
            (1234567.8, "1,234,568"),
            (-250.0, "-250"),
            (58.0, "58"),
            (0.0, "0"),
        ] {
            assert_eq!(figure(x), text);
        }
        assert_eq!(times(3.21), "3.21 times");
        assert_eq!(times(0.25), "1/4 of");
    }
}
