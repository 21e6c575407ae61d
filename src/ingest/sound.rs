//! Checks that an array is valid for its type. Arrow's own check reads all bytes up to the last text of an array, for
//! every slice of a column again. Here only the bytes of the array are read, with SIMD and all threads.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use arrow::array::{ArrayData, OffsetSizeTrait};
use arrow::buffer::Buffer;
use arrow::datatypes::DataType;
use rayon::prelude::*;

/// Rows or bytes for a thread at a time.
const PIECE: usize = 1 << 16;
/// Views checked together.
const RUN: usize = 256;
/// Texts of up to this length lie in the view itself.
const INLINE: u32 = 12;
/// Bytes per row; texts are rarely longer.
const LONG: usize = 64;

/// The rows or bytes of a range in pieces.
fn pieces(range: Range<usize>) -> impl IndexedParallelIterator<Item = Range<usize>> {
    let count = range.len().div_ceil(PIECE);
    let piece = move |n: usize| range.start + n * PIECE..range.end.min(range.start + (n + 1) * PIECE);
    (0..count).into_par_iter().map(piece)
}

/// Whether a character begins at the byte.
fn begins(byte: u8) -> bool {
    (byte as i8) >= -0x40
}

fn is_ascii(bytes: &[u8]) -> bool {
    bytes.par_chunks(PIECE).all(<[u8]>::is_ascii)
}

fn is_utf8(bytes: &[u8]) -> bool {
    // A character belongs to the piece in which it begins.
    let whole = |at: usize| at + bytes[at..].iter().take(3).take_while(|&&b| !begins(b)).count();
    pieces(0..bytes.len()).all(|piece| {
        let start = if piece.start == 0 { 0 } else { whole(piece.start) };
        simdutf8::basic::from_utf8(&bytes[start..whole(piece.end).max(start)]).is_ok()
    })
}

/// The array, if its offsets, texts, codes and children are valid.
pub fn sound(data: &ArrayData) -> Result<ArrayData, String> {
    match data.data_type() {
        DataType::Utf8 => texts::<i32>(data),
        DataType::LargeUtf8 => texts::<i64>(data),
        DataType::Utf8View => views(data, true),
        DataType::BinaryView => views(data, false),
        _ => {
            data.validate_data().map_err(|e| e.to_string())?;
            let children: Result<Vec<ArrayData>, String> = data.child_data().iter().map(sound).collect();
            rebuilt(data, children?)
        }
    }
}

/// The same for a dictionary whose labels are already checked.
pub fn sound_labels(data: &ArrayData) -> Result<ArrayData, String> {
    if !matches!(data.data_type(), DataType::Dictionary(..)) {
        return sound(data);
    }
    data.validate_data().map_err(|e| e.to_string())?;
    rebuilt(data, data.child_data().iter().map(cleared).collect())
}

/// The array with its checked children, which may have been corrected.
fn rebuilt(data: &ArrayData, children: Vec<ArrayData>) -> Result<ArrayData, String> {
    if children.iter().zip(data.child_data()).all(|(new, old)| new.ptr_eq(old)) {
        return Ok(data.clone());
    }
    // SAFETY: everything except the children was checked, and these were checked separately.
    Ok(unsafe { data.clone().into_builder().child_data(children).build_unchecked() })
}

fn texts<O: OffsetSizeTrait>(data: &ArrayData) -> Result<ArrayData, String> {
    data.validate().map_err(|e| e.to_string())?;
    let offsets = data.buffers()[0].typed_data::<O>();
    if data.is_empty() {
        return Ok(data.clone());
    }
    let offsets = &offsets[data.offset()..=data.offset() + data.len()];
    let all = data.buffers()[1].as_slice();
    let (first, last) = (offsets[0].as_usize(), offsets[data.len()].as_usize());
    // Without a branch for each row, so that the processor handles several at once.
    let rising = |offsets: &[O]| offsets.windows(2).fold(true, |so_far, w| so_far & (w[0] <= w[1]));
    let ascending = pieces(0..data.len()).all(|rows| rising(&offsets[rows.start..=rows.end]));
    if !ascending || offsets[0] < O::zero() || last > all.len() {
        let row = offsets.windows(2).position(|w| w[0] > w[1]).unwrap_or(0);
        return Err(format!("the offsets of its texts are not ascending, first in row {row}"));
    }
    let own = &all[first..last];
    if is_ascii(own) {
        return Ok(data.clone());
    }
    let apart = |offset: &O| own.get(offset.as_usize() - first).is_none_or(|byte| begins(*byte));
    let cut = |offsets: &[O]| offsets.iter().fold(true, |so_far, o| so_far & apart(o));
    if is_utf8(own) && offsets.par_chunks(PIECE).all(cut) {
        return Ok(data.clone());
    }
    let bad = |w: &[O]| simdutf8::basic::from_utf8(&all[w[0].as_usize()..w[1].as_usize()]).is_err();
    Err(not_text(offsets.windows(2).position(bad).unwrap_or(0)))
}

fn not_text(row: usize) -> String {
    format!("the text in row {row} of a batch is not UTF-8")
}

fn views(data: &ArrayData, text: bool) -> Result<ArrayData, String> {
    data.validate().map_err(|e| e.to_string())?;
    let buffers: Vec<Texts> = data.buffers()[1..].iter().map(Texts::of).collect();
    let views = &data.buffers()[0].typed_data::<u128>()[data.offset()..data.offset() + data.len()];
    let held: usize = buffers.iter().map(|b| b.bytes.len()).sum();
    // If the views use most of the buffers, these are read completely. Otherwise only the bytes of the views are read.
    let whole = text && held <= LONG * views.len();
    let buffers: Vec<Texts> = buffers.into_iter().map(|b| if whole { b.read() } else { b }).collect();
    let stray = AtomicBool::new(false);
    let wrong = pieces(0..views.len()).find_map_first(|rows| {
        let runs = rows.clone().step_by(RUN).map(|start| start..rows.end.min(start + RUN));
        let doubtful = runs.filter(|run| !all_fine(&views[run.clone()], &buffers, text)).flatten();
        let mut odd = doubtful.filter_map(|row| Some((row, check_view(views[row], &buffers, text).err()?)));
        odd.find(|(row, _)| {
            let null = data.is_null(*row);
            stray.fetch_or(null, Relaxed);
            !null
        })
    });
    if let Some((row, what)) = wrong {
        return Err(if what.is_empty() { not_text(row) } else { format!("row {row} of a batch {what}") });
    }
    let stray = stray.into_inner();
    Ok(if stray { cleared(data) } else { data.clone() })
}

/// A buffer of texts, and the result of the check of all its bytes.
struct Texts<'a> {
    bytes: &'a [u8],
    ascii: bool,
    utf8: bool,
}

impl<'a> Texts<'a> {
    fn of(buffer: &'a Buffer) -> Texts<'a> {
        Texts { bytes: buffer.as_slice(), ascii: false, utf8: false }
    }

    fn read(self) -> Texts<'a> {
        let ascii = is_ascii(self.bytes);
        Texts { ascii, utf8: ascii || is_utf8(self.bytes), ..self }
    }

    /// Whether a character begins at a position, or the buffer ends there.
    fn begins(&self, at: usize) -> bool {
        self.bytes.get(at).is_none_or(|byte| begins(*byte))
    }
}

/// Views of nulls may hold anything. Here they become empty, because kernels read them.
fn cleared(data: &ArrayData) -> ArrayData {
    let view = matches!(data.data_type(), DataType::Utf8View | DataType::BinaryView);
    let (true, Some(nulls)) = (view, data.nulls()) else { return data.clone() };
    let views = &data.buffers()[0].typed_data::<u128>()[data.offset()..data.offset() + data.len()];
    let kept: Vec<u128> = views.iter().zip(nulls).map(|(view, known)| if known { *view } else { 0 }).collect();
    let mut buffers = data.buffers().to_vec();
    buffers[0] = Buffer::from_vec(kept);
    let builder = ArrayData::builder(data.data_type().clone()).len(data.len()).nulls(data.nulls().cloned());
    // SAFETY: the same views, or empty ones.
    unsafe { builder.buffers(buffers).build_unchecked() }
}

/// For each length of a short text, the bits of its view that are zero in ASCII.
const ODD: [u128; INLINE as usize + 1] = {
    let mut odd = [0; INLINE as usize + 1];
    let mut length = 0;
    while length <= INLINE as usize {
        let behind = if length < INLINE as usize { u128::MAX << (32 + 8 * length) } else { 0 };
        odd[length] = 0x8080_8080_8080_8080_8080_8080 << 32 | behind;
        length += 1;
    }
    odd
};

/// A fast check of all views, without a branch for each short text. Short texts beyond ASCII do not pass it.
fn all_fine(views: &[u128], buffers: &[Texts], text: bool) -> bool {
    let (mut odd, mut fine) = (0, true);
    for &view in views {
        let length = view as u32;
        if length <= INLINE {
            odd |= view & ODD[length as usize];
        } else {
            fine &= check_view(view, buffers, text).is_ok();
        }
    }
    fine && odd == 0
}

/// An empty error means invalid UTF-8.
#[inline(always)]
fn check_view(view: u128, buffers: &[Texts], text: bool) -> Result<(), &'static str> {
    let length = view as u32;
    if length <= INLINE {
        let content = view >> 32;
        if length < INLINE && content >> (8 * length) != 0 {
            return Err("has bytes after a short text");
        }
        let bytes = &view.to_le_bytes()[4..4 + length as usize];
        return if !text || std::str::from_utf8(bytes).is_ok() { Ok(()) } else { Err("") };
    }
    let (buffer, from) = ((view >> 64) as u32 as usize, (view >> 96) as u32 as usize);
    let to = from + length as usize;
    let found = buffers.get(buffer).and_then(|texts| Some((texts, texts.bytes.get(from..to)?)));
    let Some((texts, bytes)) = found else { return Err("points outside the column's texts") };
    if bytes[..4] != ((view >> 32) as u32).to_le_bytes() {
        return Err("does not begin like the text it leads to");
    }
    let fine = !text
        || texts.ascii
        || if texts.utf8 { texts.begins(from) && texts.begins(to) } else { simdutf8::basic::from_utf8(bytes).is_ok() };
    if fine { Ok(()) } else { Err("") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use arrow::array::{Array, ArrayRef, BinaryViewArray, DictionaryArray, StringArray, StringViewArray, make_array};
    use arrow::buffer::NullBuffer;
    use arrow::datatypes::Int32Type;

    fn broken(kind: DataType, len: usize, buffers: Vec<Buffer>) -> ArrayData {
        unsafe { ArrayData::builder(kind).len(len).buffers(buffers).build_unchecked() }
    }

    #[test]
    fn sound_arrays_stay_as_they_are() {
        let labels: DictionaryArray<Int32Type> = ["ä", "b", "ä"].into_iter().collect();
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(vec![Some("abc"), None, Some("жук"), Some("")])),
            Arc::new(StringViewArray::from(vec![Some("abc"), None, Some("a text longer than twelve bytes, é")])),
            Arc::new(BinaryViewArray::from(vec![&b"\xff\xfe"[..], b"a lot of bytes that are no text\xff"])),
            Arc::new(labels),
        ];
        for array in arrays {
            for slice in [array.clone(), array.slice(1, array.len() - 1), array.slice(1, 0)] {
                let checked = sound(&slice.to_data()).unwrap();
                assert_eq!(&make_array(checked), &slice);
            }
        }
    }

    #[test]
    fn broken_texts_are_told() {
        let offsets = |list: &[i32]| Buffer::from_slice_ref(list);
        for (list, bytes) in [
            (&[0, 4, 2, 6][..], &b"abcdef"[..]),
            (&[-1, 2, 3, 4], b"abcdef"),
            (&[0, 2, 3, 99], b"abcdef"),
            (&[0, 1, 2, 4], "éx".as_bytes()),
            (&[0, 1, 2, 3], b"a\xffb"),
        ] {
            let data = broken(DataType::Utf8, 3, vec![offsets(list), Buffer::from(bytes)]);
            assert!(sound(&data).is_err(), "{list:?}");
        }
    }

    #[test]
    fn broken_views_are_told_and_those_of_nulls_cleared() {
        let view = |length: u32, prefix: &[u8; 4], buffer: u32, from: u32| {
            u128::from(length)
                | u128::from(u32::from_le_bytes(*prefix)) << 32
                | u128::from(buffer) << 64
                | u128::from(from) << 96
        };
        let held = Buffer::from(&b"a text of twenty bytes, and more"[..]);
        let accented = Buffer::from("\u{e9}xyz and so on, on and on".as_bytes());
        for bad in [
            view(u32::MAX, b"aaaa", 0, 0),
            view(20, b"a te", 1, 0),
            view(20, b"a te", 2, 0),
            view(20, b"a te", 0, 20),
            view(20, b"b te", 0, 0),
            view(2, b"ab\0x", 0, 0),
            view(2, b"\xff\xfe\0\0", 0, 0),
            view(13, "\u{e9}xyz".as_bytes()[1..].try_into().unwrap(), 1, 1),
        ] {
            let views = Buffer::from_vec(vec![view(20, b"a te", 0, 0), bad]);
            let buffers = vec![views.clone(), held.clone(), accented.clone()];
            assert!(sound(&broken(DataType::Utf8View, 2, buffers.clone())).is_err(), "{bad:x}");
            let nulls = NullBuffer::from(vec![true, false]);
            let builder = ArrayData::builder(DataType::Utf8View).len(2).nulls(Some(nulls));
            let data = unsafe { builder.buffers(buffers).build_unchecked() };
            let mended = sound(&data).unwrap();
            mended.validate_full().unwrap();
            assert_eq!(mended.null_count(), 1);
        }
    }
}
