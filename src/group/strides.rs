//! The codes of all keys of a group as one number.

use arrow::array::{Array, ArrayRef};

use crate::error::{Error, Result};

/// The factor of each key's code in the number, and how many numbers there are. A key has one code for each label and
/// one for null.
pub fn strides<'a>(
    labels: impl DoubleEndedIterator<Item = &'a ArrayRef> + ExactSizeIterator,
) -> Result<(Vec<u128>, u128)> {
    let mut strides = vec![1u128; labels.len()];
    let mut range = 1u128;
    for (stride, labels) in strides.iter_mut().rev().zip(labels.rev()) {
        *stride = range;
        range = range.checked_mul(labels.len() as u128 + 1).ok_or_else(|| {
            Error::Argument("these keys have more combinations than 128 bits hold; group by fewer keys".into())
        })?;
    }
    Ok((strides, range))
}
