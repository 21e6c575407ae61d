//! Texts of up to twelve bytes, such as most codes and country names, as one number of 128 bits: the length and then
//! the bytes, as in Arrow's string views.

/// The longest text that fits.
pub const SHORT: usize = 12;

/// The text as a number. Two texts are equal if their numbers are. Longer texts have none.
#[inline(always)]
pub fn short(text: &[u8]) -> Option<u128> {
    let n = text.len();
    // Two overlapping reads are faster than a loop over the bytes.
    let bytes = match n {
        9..=SHORT => {
            let high = u32::from_le_bytes(piece(&text[n - 4..]));
            u128::from(u64::from_le_bytes(piece(text))) | u128::from(high) << (8 * (n - 4))
        }
        4..=8 => {
            let high = u32::from_le_bytes(piece(&text[n - 4..]));
            u128::from(u64::from(u32::from_le_bytes(piece(text))) | u64::from(high) << (8 * (n - 4)))
        }
        1..=3 => {
            let byte = |at: usize| u32::from(text[at]) << (8 * at);
            u128::from(byte(0) | byte(n / 2) | byte(n - 1))
        }
        0 => 0,
        _ => return None,
    };
    Some(bytes << 32 | n as u128)
}

/// The first bytes of a text that is long enough.
#[inline(always)]
fn piece<const N: usize>(text: &[u8]) -> [u8; N] {
    text.first_chunk().copied().unwrap_or([0; N])
}

/// A hash of such a number.
#[inline(always)]
pub fn mix(view: u128) -> u64 {
    let (low, high) = (view as u64, (view >> 64) as u64);
    let product = u128::from(low ^ 0x9e37_79b9_7f4a_7c15) * u128::from(high ^ 0xd1b5_4a32_d192_ed03);
    let folded = (product as u64) ^ ((product >> 64) as u64);
    folded ^ folded.rotate_right(25) ^ low.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::StringViewArray;

    #[test]
    fn the_numbers_are_those_of_string_views() {
        let text = "abcdefghijklmnop";
        for length in 0..=text.len() {
            let made = short(&text.as_bytes()[..length]);
            let views = StringViewArray::from(vec![&text[..length]]);
            assert_eq!(made, (length <= SHORT).then(|| views.views()[0]), "{length}");
        }
    }
}
