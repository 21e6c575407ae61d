//! One column of the source, unchanged.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, FieldRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::codes::Codes;
use super::encode;
use super::number::{Decimal, NumberFormat};
use super::numeric::Numbers;
use super::whole::ScaledIntegers;
use crate::error::Result;
use crate::progress::Progress;
use crate::store::numeric;

/// Loads the values of a column at first use.
pub trait Loader: Send + Sync {
    fn load(&self, progress: &Progress) -> Result<Vec<ArrayRef>>;

    /// Only these rows. They must be in ascending order, without repetition.
    fn load_rows(&self, rows: &[u32], progress: &Progress) -> Result<Vec<ArrayRef>>;
}

/// If at most one row in `FEW` is needed, only these rows are read.
pub const FEW: usize = 8;
/// The number of such partial reads of a column. After them the whole column is read.
const TIMES: usize = 16;

pub struct Column {
    pub field: FieldRef,
    chunks: OnceLock<Vec<ArrayRef>>,
    loader: Option<Box<dyn Loader>>,
    /// The number of partial reads so far.
    looks: AtomicUsize,
    codes: OnceLock<Arc<Codes>>,
    numbers: OnceLock<Arc<Numbers>>,
    whole: OnceLock<Option<Arc<ScaledIntegers>>>,
    /// The number format of its text, after it is decided.
    pub(super) number_format: OnceLock<NumberFormat>,
    /// The decimal sign of the other columns. It is used if the text of this column does not show one.
    pub(super) others: OnceLock<Decimal>,
}

impl Column {
    pub fn new(field: FieldRef, chunks: Vec<ArrayRef>) -> Column {
        Column {
            field,
            chunks: OnceLock::from(chunks),
            loader: None,
            looks: AtomicUsize::new(0),
            codes: OnceLock::new(),
            numbers: OnceLock::new(),
            whole: OnceLock::new(),
            number_format: OnceLock::new(),
            others: OnceLock::new(),
        }
    }

    /// A column that `loader` loads at first use.
    pub fn lazy(field: FieldRef, loader: Box<dyn Loader>) -> Column {
        Column { chunks: OnceLock::new(), loader: Some(loader), ..Column::new(field, Vec::new()) }
    }

    /// The same column with other values, which are read in the same way.
    pub fn with_chunks(&self, field: FieldRef, chunks: Vec<ArrayRef>) -> Column {
        Column { number_format: self.number_format.clone(), others: self.others.clone(), ..Column::new(field, chunks) }
    }

    /// Whether the values are in memory.
    pub fn is_loaded(&self) -> bool {
        self.chunks.get().is_some()
    }

    pub fn name(&self) -> &str {
        self.field.name()
    }

    pub fn kind(&self) -> &DataType {
        self.field.data_type()
    }

    /// The type of the values; for a dictionary, that of its values.
    pub fn value_kind(&self) -> &DataType {
        match self.kind() {
            DataType::Dictionary(_, value) => value,
            kind => kind,
        }
    }

    pub fn is_text(&self) -> bool {
        encode::is_text(self.value_kind())
    }

    /// Whether sums and means make sense.
    pub fn is_number(&self) -> bool {
        self.value_kind().is_numeric()
    }

    pub fn chunks(&self, progress: &Progress) -> Result<&[ArrayRef]> {
        if let Some(chunks) = self.chunks.get() {
            return Ok(chunks);
        }
        let loaded = match &self.loader {
            Some(loader) => loader.load(progress)?,
            None => Vec::new(),
        };
        Ok(self.chunks.get_or_init(|| loaded))
    }

    /// The cells of some rows. `rows` are in ascending order, without repetition; `all` is the number of rows of the
    /// column. If `rows` are few, the other rows are not read.
    pub fn at_rows(&self, rows: &[u32], all: usize, progress: &Progress) -> Result<Vec<ArrayRef>> {
        let few = rows.len().saturating_mul(FEW) <= all;
        if let Some(loader) = self.loader.as_ref().filter(|_| few && !self.is_loaded())
            && self.looks.fetch_add(1, Relaxed) < TIMES
        {
            return loader.load_rows(rows, progress);
        }
        let (mut left, mut begin) = (rows, 0u32);
        let mut picked = Vec::new();
        for chunk in self.chunks(progress)? {
            progress.check()?;
            let end = begin + chunk.len() as u32;
            let (here, rest) = left.split_at(left.partition_point(|&row| row < end));
            if !here.is_empty() {
                picked.push(take(chunk, &UInt32Array::from_iter_values(here.iter().map(|row| row - begin)), None)?);
            }
            (left, begin) = (rest, end);
        }
        Ok(picked)
    }

    pub fn codes(&self, progress: &Progress) -> Result<Arc<Codes>> {
        if let Some(codes) = self.codes.get() {
            return Ok(codes.clone());
        }
        let made = self.encode(progress)?;
        Ok(self.codes.get_or_init(|| Arc::new(made)).clone())
    }

    /// Codes that are not cached, because the caller replaces them.
    pub fn encode(&self, progress: &Progress) -> Result<Codes> {
        encode::encode(self.chunks(progress)?, progress)
    }

    /// The column as doubles, with NaN for null, and the faults if it is text.
    pub fn numbers(&self, progress: &Progress) -> Result<Arc<Numbers>> {
        if let Some(numbers) = self.numbers.get() {
            return Ok(numbers.clone());
        }
        let format = self.number_format.get().copied();
        let others = self.others.get().copied().unwrap_or_default();
        let made = numeric::read(self.name(), self.chunks(progress)?, format, others, progress)?;
        Ok(self.numbers.get_or_init(|| Arc::new(made)).clone())
    }

    /// The column as whole numbers, if doubles would round them.
    pub fn whole(&self, progress: &Progress) -> Result<Option<Arc<ScaledIntegers>>> {
        if let Some(whole) = self.whole.get() {
            return Ok(whole.clone());
        }
        let made = ScaledIntegers::read(self.value_kind(), self.chunks(progress)?, progress)?;
        Ok(self.whole.get_or_init(|| made.map(Arc::new)).clone())
    }

    /// The faults from reading the text as numbers, if it was read.
    pub fn number_faults(&self) -> &[(u32, &'static str)] {
        self.numbers.get().map_or(&[], |n| &n.faults)
    }

    /// The cell as text, for faults.
    pub fn raw(&self, row: usize) -> Option<String> {
        self.raws([row], &Progress::default()).ok()?.pop()?
    }

    /// The cells of these rows as texts. The rows must be in ascending order.
    pub fn raws(&self, rows: impl IntoIterator<Item = usize>, progress: &Progress) -> Result<Vec<Option<String>>> {
        let mut texts = Vec::new();
        let mut chunks = self.chunks.get().map_or(&[][..], Vec::as_slice).iter();
        let options = FormatOptions::default();
        let (mut begin, mut end) = (0, 0);
        let mut open: Option<(&ArrayRef, ArrayFormatter)> = None;
        for row in rows {
            progress.check()?;
            while row >= end
                && let Some(chunk) = chunks.next()
            {
                (begin, end) = (end, end + chunk.len());
                open = if row < end { ArrayFormatter::try_new(chunk, &options).ok().map(|f| (chunk, f)) } else { None };
            }
            let known = open.as_ref().filter(|(chunk, _)| row < end && chunk.is_valid(row - begin));
            texts.push(known.map(|(_, formatter)| formatter.value(row - begin).to_string()));
        }
        Ok(texts)
    }

    /// The number format with which its text was read.
    pub fn read_as(&self) -> Option<NumberFormat> {
        self.numbers.get().map(|n| n.format)
    }
}
