//! From verdicts to scores: every column is read from one verdict for each subject.
//!
//! A verdict is computed once for all columns that are read together. Evidence columns are declared with the function
//! that reads them.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int64Array, LargeListArray, StringViewArray, StringViewBuilder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field};
use rayon::prelude::*;

use super::scores::{Account, Column, PARALLEL_ROWS, ScoreColumn, Scores, any_nan};
use crate::error::{Error, Result};
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::store::Shipments;

/// Subjects whose verdicts are in memory at a time.
const BATCH: usize = 1 << 18;

/// A function from a subject to its caution, if it has one.
pub type Cautions<'a, V> = Box<dyn Fn(usize, &V) -> Option<String> + Send + Sync + 'a>;

/// The function that reads a cell of an evidence column from a verdict.
pub enum Reader<S: Verdicts + ?Sized> {
    /// NaN is null.
    Number(fn(&S, usize, &S::Verdict) -> f64),
    Text(fn(&S, usize, &S::Verdict) -> Option<String>),
    /// Days since 1970-01-01.
    Day(fn(&S, usize, &S::Verdict) -> Option<i32>),
    /// A whole number.
    Count(fn(&S, usize, &S::Verdict) -> Option<i64>),
    /// A list of numbers without missing values.
    Numbers(for<'a> fn(&'a S, usize, &'a S::Verdict) -> &'a [f64]),
}

/// An evidence column after `reason`.
pub struct Evidence<S: Verdicts + ?Sized> {
    pub name: &'static str,
    pub read: Reader<S>,
}

impl<S: Verdicts + ?Sized> Evidence<S> {
    fn field(&self) -> Field {
        let kind = match self.read {
            Reader::Number(_) => DataType::Float64,
            Reader::Text(_) => DataType::Utf8View,
            Reader::Day(_) => DataType::Date32,
            Reader::Count(_) => DataType::Int64,
            Reader::Numbers(_) => DataType::LargeList(item()),
        };
        Field::new(self.name, kind, true)
    }
}

/// What a detector implements. [`Scores`] follows from it.
pub trait Verdicts: Send + Sync {
    /// What is computed for one subject.
    type Verdict: Send + Sync;

    fn detector(&self) -> &'static str;

    /// The shipments scored, if the subjects are single shipments in their order.
    fn ships(&self) -> Option<&Shipments> {
        None
    }

    /// The groups scored, if the subjects are groups in their order.
    fn groups(&self) -> Option<&GroupKeys> {
        None
    }

    /// Whether a shipment can be behind several subjects.
    fn shares_rows(&self) -> bool {
        false
    }

    /// How many subjects there are.
    fn subjects(&self) -> usize {
        self.ships().map_or_else(|| self.groups().map_or(0, GroupKeys::groups), Shipments::len)
    }

    fn verdict(&self, at: usize) -> Self::Verdict;

    fn value(&self, column: ScoreColumn, at: usize, verdict: &Self::Verdict) -> f64;

    /// A column of numbers without verdicts, if there is a faster way.
    fn values_directly(
        &self,
        _column: ScoreColumn,
        _range: Range<usize>,
        _progress: &Progress,
    ) -> Result<Option<Vec<f64>>> {
        Ok(None)
    }

    /// The group and back-off level used.
    fn peer(&self, at: usize, verdict: &Self::Verdict) -> Option<String>;

    /// Why scores may come from artefacts. The facts are loaded here once, before several threads use them.
    fn cautions(&self, _progress: &Progress) -> Result<Cautions<'_, Self::Verdict>> {
        Ok(Box::new(|_, _| None))
    }

    /// One sentence with the numbers, or why there is no score.
    fn reason(&self, at: usize, verdict: &Self::Verdict) -> String;

    /// The amount at stake: the distance of the value from the expected one.
    fn at_stake(&self, at: usize, verdict: &Self::Verdict) -> f64;

    /// Names and types of the columns before `score`: the row, or the keys.
    fn keys(&self) -> Vec<Field> {
        self.groups().map_or_else(|| vec![Field::new("row", DataType::Int64, false)], GroupKeys::fields)
    }

    fn key(&self, column: usize, range: Range<usize>) -> Result<ArrayRef> {
        if let Some(groups) = self.groups() {
            return groups.labels_within(column, range);
        }
        Ok(Arc::new(Int64Array::from_iter_values(range.map(|at| self.row(at) as i64))))
    }

    /// The evidence columns after `reason`.
    fn evidence(&self) -> Vec<Evidence<Self>> {
        Vec::new()
    }

    /// The subject as text.
    fn subject(&self, at: usize) -> String {
        self.groups().map_or_else(|| format!("row {}", self.row(at)), |groups| groups.name(at))
    }

    /// The source rows behind the subject.
    fn rows(&self, at: usize, _verdict: &Self::Verdict) -> Result<Vec<u32>> {
        Ok(vec![self.row(at) as u32])
    }

    /// The source row of a subject that is a shipment.
    fn row(&self, at: usize) -> usize {
        self.ships().map_or(at, |ships| ships.rows.row(at))
    }
}

impl<S: Verdicts> Scores for S {
    fn detector(&self) -> &'static str {
        Verdicts::detector(self)
    }

    fn ships(&self) -> Option<&Shipments> {
        Verdicts::ships(self)
    }

    fn groups(&self) -> Option<&GroupKeys> {
        Verdicts::groups(self)
    }

    fn shares_rows(&self) -> bool {
        Verdicts::shares_rows(self)
    }

    fn len(&self) -> usize {
        self.subjects()
    }

    fn keys(&self) -> Vec<Field> {
        Verdicts::keys(self)
    }

    fn evidence(&self) -> Vec<Field> {
        Verdicts::evidence(self).iter().map(Evidence::field).collect()
    }

    fn read(&self, columns: &[Column], range: Range<usize>, progress: &Progress) -> Result<Vec<ArrayRef>> {
        progress.check()?;
        let evidence = Verdicts::evidence(self);
        let mut made: Vec<Cells> = Vec::with_capacity(columns.len());
        for &column in columns {
            made.push(match column {
                Column::Key(key) => Cells::Made(self.key(key, range.clone())?),
                Column::Value(column) => match self.values_directly(column, range.clone(), progress)? {
                    Some(values) => Cells::Made(array_of(column, values)),
                    None => Cells::Values(column, Vec::with_capacity(range.len())),
                },
                Column::Peer | Column::Caution | Column::Reason => {
                    Cells::Texts(StringViewBuilder::with_capacity(range.len()))
                }
                Column::Evidence(at) => match evidence[at].read {
                    Reader::Number(_) => Cells::Numbers(Vec::with_capacity(range.len())),
                    Reader::Text(_) => Cells::Texts(StringViewBuilder::with_capacity(range.len())),
                    Reader::Day(_) => Cells::Days(Vec::with_capacity(range.len())),
                    Reader::Count(_) => Cells::Counts(Vec::with_capacity(range.len())),
                    Reader::Numbers(_) => Cells::Lists(vec![0], Vec::new()),
                },
            });
        }
        if made.iter().any(|cells| !matches!(cells, Cells::Made(_))) {
            let cautions =
                if columns.contains(&Column::Caution) { self.cautions(progress)? } else { Box::new(|_, _: &_| None) };
            // The verdicts and texts of a batch are freed before the next batch.
            for start in range.clone().step_by(BATCH) {
                let some = start..(start + BATCH).min(range.end);
                let verdicts = verdicts(self, some.clone(), progress)?;
                for (cells, &column) in made.iter_mut().zip(columns) {
                    let of = Batch { scores: self, start: some.start, verdicts: &verdicts, progress };
                    of.extend(cells, column, &evidence, &*cautions)?;
                }
            }
        }
        Ok(made.into_iter().map(Cells::array).collect())
    }

    fn values(&self, column: ScoreColumn, range: Range<usize>, progress: &Progress) -> Result<Vec<f64>> {
        if let Some(values) = self.values_directly(column, range.clone(), progress)? {
            return Ok(values);
        }
        progress.each(range, PARALLEL_ROWS, |at| self.value(column, at, &self.verdict(at)))
    }

    fn accounts(&self, subjects: &[usize], progress: &Progress) -> Result<Vec<Account>> {
        let cautions = self.cautions(progress)?;
        let account = |i: usize| -> Result<Account> {
            let at = subjects[i];
            let verdict = self.verdict(at);
            let value = |column| self.value(column, at, &verdict);
            Ok(Account {
                subject: self.subject(at),
                score: value(ScoreColumn::Score),
                direction: value(ScoreColumn::Direction),
                observed: value(ScoreColumn::Observed),
                expected: value(ScoreColumn::Expected),
                at_stake: self.at_stake(at, &verdict),
                caution: cautions(at, &verdict),
                reason: self.reason(at, &verdict),
                rows: self.rows(at, &verdict)?,
            })
        };
        let made: Vec<Option<Result<Account>>> = progress.each(0..subjects.len(), 1, |i| Some(account(i)))?;
        made.into_iter().flatten().collect()
    }
}

/// The verdicts of a range, in parallel. Stops early if the computation is stopped.
fn verdicts<S: Verdicts>(scores: &S, range: Range<usize>, progress: &Progress) -> Result<Vec<S::Verdict>> {
    let one = |at: usize| (!progress.stopped()).then(|| scores.verdict(at));
    let made: Option<Vec<S::Verdict>> = range.into_par_iter().with_min_len(PARALLEL_ROWS).map(one).collect();
    made.ok_or(Error::Cancelled)
}

/// A column that grows with each batch.
enum Cells {
    Made(ArrayRef),
    Values(ScoreColumn, Vec<f64>),
    Numbers(Vec<f64>),
    Texts(StringViewBuilder),
    Days(Vec<Option<i32>>),
    Counts(Vec<Option<i64>>),
    /// The ends of the lists, and all their numbers.
    Lists(Vec<i64>, Vec<f64>),
}

impl Cells {
    fn array(self) -> ArrayRef {
        match self {
            Cells::Made(array) => array,
            Cells::Values(column, values) => array_of(column, values),
            Cells::Numbers(values) => floats(values),
            Cells::Texts(mut texts) => Arc::new(texts.finish()),
            Cells::Days(days) => Arc::new(Date32Array::from(days)),
            Cells::Counts(counts) => Arc::new(Int64Array::from(counts)),
            Cells::Lists(ends, numbers) => {
                let offsets = OffsetBuffer::new(ends.into());
                Arc::new(LargeListArray::new(item(), offsets, Arc::new(Float64Array::from(numbers)), None))
            }
        }
    }
}

/// Subjects from `start` on, with their verdicts.
struct Batch<'a, S: Verdicts> {
    scores: &'a S,
    start: usize,
    verdicts: &'a [S::Verdict],
    progress: &'a Progress,
}

impl<S: Verdicts> Batch<'_, S> {
    fn each<T: Default + Send>(&self, read: impl Fn(usize, &S::Verdict) -> T + Send + Sync) -> Result<Vec<T>> {
        self.progress.each(0..self.verdicts.len(), PARALLEL_ROWS, |i| read(self.start + i, &self.verdicts[i]))
    }

    fn extend(
        &self,
        cells: &mut Cells,
        column: Column,
        evidence: &[Evidence<S>],
        cautions: &(dyn Fn(usize, &S::Verdict) -> Option<String> + Send + Sync),
    ) -> Result<()> {
        let scores = self.scores;
        match cells {
            Cells::Made(_) => {}
            Cells::Values(column, values) => values.extend(self.each(|at, v| scores.value(*column, at, v))?),
            Cells::Numbers(values) => {
                if let Some(Reader::Number(read)) = reader(column, evidence) {
                    values.extend(self.each(|at, v| read(scores, at, v))?);
                }
            }
            Cells::Days(days) => {
                if let Some(Reader::Day(read)) = reader(column, evidence) {
                    days.extend(self.each(|at, v| read(scores, at, v))?);
                }
            }
            Cells::Counts(counts) => {
                if let Some(Reader::Count(read)) = reader(column, evidence) {
                    counts.extend(self.each(|at, v| read(scores, at, v))?);
                }
            }
            Cells::Lists(ends, numbers) => {
                if let Some(Reader::Numbers(read)) = reader(column, evidence) {
                    for (i, verdict) in self.verdicts.iter().enumerate() {
                        self.progress.check()?;
                        numbers.extend_from_slice(read(scores, self.start + i, verdict));
                        ends.push(numbers.len() as i64);
                    }
                }
            }
            Cells::Texts(texts) => {
                let made = match column {
                    Column::Peer => self.each(|at, v| scores.peer(at, v))?,
                    Column::Caution => self.each(cautions)?,
                    Column::Reason => self.each(|at, v| Some(scores.reason(at, v)))?,
                    column => match reader(column, evidence) {
                        Some(Reader::Text(read)) => self.each(|at, v| read(scores, at, v))?,
                        _ => Vec::new(),
                    },
                };
                made.into_iter().for_each(|text| texts.append_option(text));
            }
        }
        Ok(())
    }
}

fn reader<S: Verdicts>(column: Column, evidence: &[Evidence<S>]) -> Option<&Reader<S>> {
    let Column::Evidence(at) = column else { return None };
    evidence.get(at).map(|e| &e.read)
}

/// A column of numbers for the table: directions as words, counts as whole numbers.
pub fn array_of(column: ScoreColumn, values: Vec<f64>) -> ArrayRef {
    match column {
        ScoreColumn::Direction => Arc::new(values.iter().map(|v| direction(*v)).collect::<StringViewArray>()),
        ScoreColumn::Peers => {
            Arc::new(values.iter().map(|n| (!n.is_nan()).then_some(*n as i64)).collect::<Int64Array>())
        }
        _ => floats(values),
    }
}

/// The word for a sign.
pub fn direction(sign: f64) -> Option<&'static str> {
    match sign {
        s if s > 0.0 => Some("high"),
        s if s < 0.0 => Some("low"),
        _ => None,
    }
}

/// The field of the items of a list.
fn item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Float64, false))
}

fn floats(values: Vec<f64>) -> ArrayRef {
    let nulls: Option<NullBuffer> = any_nan(&values).then(|| values.iter().map(|v| !v.is_nan()).collect());
    Arc::new(Float64Array::new(values.into(), nulls))
}
