//! Arrow from other libraries through the C stream interface. Its pointers come from foreign code, so everything is
//! checked before it is used: first the shape of each array (number of buffers and children, valid lengths), then, in
//! the pool, the content of the arrays.

use std::ffi::{CStr, c_char, c_void};
use std::sync::Arc;

use arrow::array::{ArrayData, RecordBatch, RecordBatchOptions, layout, make_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow::ffi_stream::FFI_ArrowArrayStream;
use rayon::prelude::*;

use super::guard::quietly;
use super::sound::{sound, sound_labels};
use crate::error::{Error, Result, panic_text};
use crate::progress::Progress;

/// The deepest nesting of types.
const DEEPEST: usize = 64;
/// The largest number of rows of one array, so that its bytes can be counted.
const LONGEST: i64 = 1 << 48;

/// A stream that is being read.
pub struct Stream {
    stream: FFI_ArrowArrayStream,
    shape: Shape,
    batches: Vec<ArrayData>,
}

/// The type of the arrays of a stream: batches of a table, or pieces of one column.
struct Shape {
    schema: SchemaRef,
    column: bool,
}

/// The batches of a stream, not checked yet.
pub struct Incoming {
    schema: SchemaRef,
    batches: Vec<ArrayData>,
}

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::Source(format!("the Arrow data cannot be used: {what}"))
}

/// Runs foreign code, and Arrow's reading of its output, and catches panics.
fn guarded<T>(what: &str, read: impl FnOnce() -> Result<T>) -> Result<T> {
    quietly(read).unwrap_or_else(|panic| Err(wrong(format!("{what} ({})", panic_text(&*panic)))))
}

impl Shape {
    /// The shape of a table, or of one column if its new name `column` is given.
    fn of(schema: &FFI_ArrowSchema, column: Option<&str>) -> Result<Shape> {
        check_type(schema, 0)?;
        let read = || match column {
            None => Schema::try_from(schema).map_err(|e| wrong(format!("its schema is not that of a table: {e}"))),
            Some(name) => {
                let field = Field::try_from(schema).map_err(|e| wrong(format!("its type cannot be read: {e}")))?;
                Ok(Schema::new(vec![Field::new(name, field.data_type().clone(), true)]))
            }
        };
        Ok(Shape { schema: Arc::new(guarded("its schema cannot be read", read)?), column: column.is_some() })
    }

    /// The next array as a batch.
    fn batch(&self, mut array: FFI_ArrowArray) -> Result<ArrayData> {
        let table = DataType::Struct(self.schema.fields().clone());
        let (kind, name) = match self.column {
            true => (self.schema.field(0).data_type().clone(), self.schema.field(0).name().as_str()),
            false => (table.clone(), ""),
        };
        let data = guarded("a batch cannot be read", || {
            check_shape(&mut array, &kind, name)?;
            // SAFETY: the shape is that of the type. The content of the buffers is checked before it is used.
            unsafe { from_ffi_and_data_type(array, kind) }.map_err(wrong)
        })?;
        if self.column {
            // SAFETY: the length is that of the column, which is checked before it is used.
            return Ok(unsafe { ArrayData::builder(table).len(data.len()).add_child_data(data).build_unchecked() });
        }
        if data.null_count() > 0 {
            return Err(wrong("some rows are null as a whole; pass a table whose columns hold the nulls"));
        }
        Ok(data)
    }
}

impl Stream {
    /// Opens a stream of batches, or of pieces of one column if its new name `column` is given.
    pub fn open(mut stream: FFI_ArrowArrayStream, column: Option<&str>) -> Result<Stream> {
        if stream.release.is_none() {
            return Err(wrong("the stream was read before; make it again"));
        }
        let get = stream.get_schema.ok_or_else(|| wrong("the stream has no schema"))?;
        let mut schema = FFI_ArrowSchema::empty();
        // SAFETY: the functions of a stream that is not released take this stream.
        let code = unsafe { get(&mut stream, &mut schema) };
        if code != 0 {
            return Err(failed(&mut stream, code));
        }
        Ok(Stream { shape: Shape::of(&schema, column)?, stream, batches: Vec::new() })
    }

    /// Reads the next batch, if there is one.
    pub fn advance(&mut self) -> Result<bool> {
        let get = self.stream.get_next.ok_or_else(|| wrong("the stream has no batches"))?;
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: the functions of a stream that is not released take this stream.
        let code = unsafe { get(&mut self.stream, &mut array) };
        if code != 0 {
            return Err(failed(&mut self.stream, code));
        }
        if array.is_released() {
            return Ok(false);
        }
        self.batches.push(self.shape.batch(array)?);
        Ok(true)
    }

    pub fn finish(self) -> Incoming {
        Incoming { schema: self.shape.schema, batches: self.batches }
    }
}

/// The message of the producer about its error. Some producers give none.
fn failed(stream: &mut FFI_ArrowArrayStream, code: i32) -> Error {
    // SAFETY: the text belongs to the stream and is valid until its next call.
    let text = stream.get_last_error.and_then(|get| unsafe {
        let text = get(stream);
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    });
    let text = text
        .filter(|t| !t.trim().is_empty())
        .unwrap_or_else(|| format!("it gave no reason ({})", std::io::Error::from_raw_os_error(code)));
    Error::Source(format!("the source failed while it was read: {text}"))
}

/// The schema in the layout of the C data interface.
#[repr(C)]
struct RawSchema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut RawSchema,
    dictionary: *mut RawSchema,
    release: *const c_void,
    private_data: *mut c_void,
}

/// Checks that a type is complete and not nested too deeply.
fn check_type(schema: *const FFI_ArrowSchema, depth: usize) -> Result<()> {
    // SAFETY: the interface fixes the layout of the structure. Null pointers are checked.
    unsafe {
        let Some(raw) = schema.cast::<RawSchema>().as_ref() else { return Err(wrong("a type is missing")) };
        if depth > DEEPEST {
            return Err(wrong(format!("its types are nested deeper than {DEEPEST} levels")));
        }
        let text = |text: *const c_char| text.is_null() || CStr::from_ptr(text).to_str().is_ok();
        if raw.format.is_null() || !text(raw.format) {
            return Err(wrong("a column has no type"));
        }
        if !text(raw.name) {
            return Err(wrong(format!(
                "the column name {:?} is not UTF-8",
                CStr::from_ptr(raw.name).to_string_lossy()
            )));
        }
        if raw.n_children < 0 || (raw.n_children > 0 && raw.children.is_null()) {
            return Err(wrong("a type has lost its parts"));
        }
        for child in 0..raw.n_children as usize {
            check_type(raw.children.add(child).read_unaligned().cast(), depth + 1)?;
        }
        if !raw.dictionary.is_null() {
            check_type(raw.dictionary.cast(), depth + 1)?;
        }
    }
    Ok(())
}

/// The types of the children of an array.
fn parts(kind: &DataType) -> Vec<(&DataType, &str)> {
    match kind {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => vec![(field.data_type(), "")],
        DataType::Struct(fields) => fields.iter().map(|f| (f.data_type(), f.name().as_str())).collect(),
        DataType::Union(fields, _) => fields.iter().map(|(_, f)| (f.data_type(), "")).collect(),
        DataType::RunEndEncoded(ends, values) => vec![(ends.data_type(), ""), (values.data_type(), "")],
        _ => Vec::new(),
    }
}

/// Checks that an array has the buffers, children and dictionary of its type, before any of them is used. Null counts
/// are reset, to be counted again.
fn check_shape(array: &mut FFI_ArrowArray, kind: &DataType, column: &str) -> Result<()> {
    let bad = |what: String| {
        let whose = if column.is_empty() { "a batch".to_owned() } else { format!("column {column:?}") };
        Err(wrong(format!("{whose} {what}")))
    };
    let rows = array.length.checked_add(array.offset).filter(|rows| *rows <= LONGEST);
    let Some(rows) = rows.filter(|_| array.length >= 0 && array.offset >= 0) else {
        return bad(format!("states {} rows from row {} on", array.length, array.offset));
    };
    if kind == &DataType::Null && array.n_buffers == 1 {
        array.n_buffers = 0; // polars adds a mask, which has no information
    }
    let own = layout(kind);
    let mask = usize::from(own.can_contain_null_mask);
    let expected = own.buffers.len() + mask + usize::from(own.variadic);
    let matches = if own.variadic { array.n_buffers >= expected as i64 } else { array.n_buffers == expected as i64 };
    if !matches || (expected > 0 && array.buffers.is_null()) {
        return bad(format!("has {} buffers, which {kind} does not", array.n_buffers));
    }
    if mask == 1 && array.buffer(0).is_null() {
        if array.null_count > 0 {
            return bad(format!("states {} nulls, but not which", array.null_count));
        }
    } else {
        array.null_count = -1;
    }
    // SAFETY: the interface guarantees length + offset (+ 1) entries at these pointers.
    unsafe {
        match kind {
            DataType::Utf8 | DataType::Binary => ends::<i32>(array, rows),
            DataType::LargeUtf8 | DataType::LargeBinary => ends::<i64>(array, rows),
            DataType::Utf8View | DataType::BinaryView => view_buffers(array),
            _ => Ok(()),
        }
    }
    .or_else(bad)?;
    let children = parts(kind);
    if array.n_children != children.len() as i64 || (!children.is_empty() && array.children.is_null()) {
        return bad(format!("has {} parts, which {kind} does not", array.n_children));
    }
    for (at, (part, name)) in children.into_iter().enumerate() {
        // SAFETY: there are as many children as the type has.
        let Some(child) = (unsafe { array.children.add(at).read_unaligned().as_mut() }) else {
            return bad("has lost a part".into());
        };
        let name = if column.is_empty() { name } else { column };
        check_shape(child, part, name)?;
        if matches!(kind, DataType::Struct(_)) && child.length < rows {
            return bad(format!("has {rows} rows, but {} of {name:?}", child.length));
        }
    }
    // SAFETY: the pointer is null or leads to an array.
    match (unsafe { array.dictionary.as_mut() }, kind) {
        (Some(labels), DataType::Dictionary(_, values)) => check_shape(labels, values, column),
        (None, DataType::Dictionary(..)) => bad("has codes and no dictionary".into()),
        (Some(_), _) => bad(format!("has a dictionary, which {kind} does not")),
        (None, _) => Ok(()),
    }
}

/// Checks the last offset, which gives the length of the data buffer.
unsafe fn ends<O: Copy + Into<i64>>(array: &FFI_ArrowArray, rows: i64) -> Result<(), String> {
    let offsets = array.buffer(1).cast::<O>();
    if array.length == 0 {
        return Ok(());
    }
    if offsets.is_null() {
        return Err("has texts without offsets".into());
    }
    let last: i64 = unsafe { offsets.add(rows as usize).read_unaligned() }.into();
    if !(0..=LONGEST).contains(&last) {
        return Err(format!("ends at byte {last} of its texts"));
    }
    Ok(())
}

unsafe fn view_buffers(array: &FFI_ArrowArray) -> Result<(), String> {
    let last = array.num_buffers() - 1;
    let lengths = array.buffer(last).cast::<i64>();
    for buffer in 2..last {
        if lengths.is_null() {
            return Err("does not say how long its buffers are".into());
        }
        let length = unsafe { lengths.add(buffer - 2).read_unaligned() };
        if !(0..=LONGEST).contains(&length) || (length > 0 && array.buffer(buffer).is_null()) {
            return Err(format!("states a buffer of {length} bytes"));
        }
    }
    Ok(())
}

impl Incoming {
    /// A column of one array.
    pub fn column(schema: &FFI_ArrowSchema, array: FFI_ArrowArray, name: &str) -> Result<Incoming> {
        if schema.release.is_none() || array.is_released() {
            return Err(wrong("the array was read before; make it again"));
        }
        let shape = Shape::of(schema, Some(name))?;
        Ok(Incoming { batches: vec![shape.batch(array)?], schema: shape.schema })
    }

    /// Checks every column of every batch, and returns the batches.
    pub fn checked(self, progress: &Progress) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        let schema = self.schema;
        // A batch without rows is skipped. Its offsets may begin anywhere.
        let batches: Vec<ArrayData> = self.batches.into_iter().filter(|batch| !batch.is_empty()).collect();
        let columns: Vec<Vec<ArrayData>> = batches.iter().map(own_columns).collect();
        let mut tasks: Vec<(usize, usize)> = Vec::new();
        for (batch, columns) in columns.iter().enumerate() {
            tasks.extend((0..columns.len()).map(|column| (batch, column)));
        }
        let checked: Result<Vec<ArrayData>> = tasks
            .par_iter()
            .map(|&(batch, column)| {
                progress.check()?;
                let data = &columns[batch][column];
                let name = schema.field(column).name();
                guarded(&format!("column {name:?} is broken"), || {
                    // Most batches share one dictionary, which is checked once.
                    let before = batch.checked_sub(1).and_then(|b| columns[b][column].child_data().first());
                    let known = before.zip(data.child_data().first()).is_some_and(|(a, b)| a.ptr_eq(b));
                    let whole = if known { sound_labels(data) } else { sound(data) };
                    whole.map_err(|what| wrong(format!("column {name:?}: {what}")))
                })
            })
            .collect();
        let mut checked = checked?.into_iter();
        let batches = batches.iter().map(|batch| {
            guarded("a batch cannot be put together", || {
                let arrays = checked.by_ref().take(schema.fields().len()).map(make_array).collect();
                let options = RecordBatchOptions::new().with_row_count(Some(batch.len()));
                RecordBatch::try_new_with_options(schema.clone(), arrays, &options).map_err(wrong)
            })
        });
        let batches: Result<Vec<RecordBatch>> = batches.collect();
        Ok((schema.clone(), batches?))
    }
}

/// The columns of a batch, each with the length of the batch.
fn own_columns(batch: &ArrayData) -> Vec<ArrayData> {
    let cut = |child: &ArrayData| {
        if batch.offset() == 0 && child.len() == batch.len() {
            return child.clone();
        }
        child.slice(batch.offset(), batch.len())
    };
    batch.child_data().iter().map(cut).collect()
}
