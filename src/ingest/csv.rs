//! CSV files into the store: blocks are read one after the other and parsed side by side.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use rayon::prelude::*;

use super::Options;
use super::bytes::Blocks;
use super::columnar::{self, Source};
use super::inspect::{Header, inspect};
use super::layout::{self, Chosen};
use super::records::{Cells, Parsed, ReadAs, looks_like_code, parse_block};
use crate::error::{Error, Result};
use crate::store::{Decimal, Fault, NumberCell, Role, RoleKind, Store, parse_number};
use crate::watch::Watch;

pub fn read(files: &[PathBuf], options: &Options, watch: &Watch) -> Result<Store> {
    let size = files.iter().filter_map(|f| std::fs::metadata(f).ok()).map(|m| m.len()).sum();
    watch.begin("reading", size);
    let (_, first) = open(&files[0])?;
    let sample = first_rows(&files[0])?;
    let chosen = layout::choose(&first.names, &sample, options)?;
    let mut plan = plan(&first.names, &sample, &chosen);
    let mut read = Read::default();
    for file in files {
        read.file(file, &first, &plan, None, watch)?;
    }
    // Columns whose guess failed are read again, as what they turned out to be.
    let again = read.wrong_guesses(&plan);
    if !again.is_empty() {
        for &(column, how) in &again {
            plan[column] = how;
        }
        let only: Vec<ReadAs> = plan
            .iter()
            .enumerate()
            .map(|(i, &how)| if again.iter().any(|(c, _)| *c == i) { how } else { ReadAs::Skip })
            .collect();
        let mut second = Read::default();
        for file in files {
            second.file(file, &first, &only, Some("reading again"), watch)?;
        }
        read.replace(second, &again);
    }
    let Read { rows, chunks, whole, faults, .. } = read;
    let mut columns = Vec::new();
    for ((name, parts), (how, whole)) in first.names.iter().zip(chunks).zip(plan.iter().zip(whole)) {
        let integers = matches!(how, ReadAs::Guess(_)) && whole;
        let parts = if integers {
            let cast: Result<Vec<ArrayRef>, _> = parts.par_iter().map(|p| cast(p, &DataType::Int64)).collect();
            cast?
        } else {
            parts
        };
        let kind = match how {
            ReadAs::Text => DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8)),
            _ if integers => DataType::Int64,
            _ => DataType::Float64,
        };
        columns.push(Source::Ready(Arc::new(Field::new(name, kind, true)), columnar::joined(parts)?));
    }
    let store = columnar::build(columns, rows, chosen, options, watch)?.with_faults(faults);
    for note in first.notes {
        store.note(note);
    }
    Ok(store)
}

fn open(path: &Path) -> Result<(Blocks, Header)> {
    let mut blocks = Blocks::open(path)?;
    let header = inspect(path, blocks.sample(), blocks.end())?;
    blocks.set_delimiter(header.delimiter);
    blocks.drop_front(header.length);
    Ok((blocks, header))
}

/// The first rows as texts, a column each: enough to see what a column holds.
fn first_rows(path: &Path) -> Result<Vec<Vec<Option<String>>>> {
    let (blocks, header) = open(path)?;
    let sample = blocks.sample();
    // All but the last line, which the sample may cut.
    let stop = memchr::memrchr(blocks.end().byte(), sample).map_or(sample.len(), |at| at + 1);
    let plan = vec![ReadAs::Text; header.names.len()];
    let (_, arrays, _) = parse_block(&sample[..stop], &plan, header.delimiter, blocks.end()).finish()?;
    arrays
        .into_iter()
        .flatten()
        .map(|array| {
            let texts = cast(&array, &DataType::Utf8)?;
            Ok(texts.as_string::<i32>().iter().take(2000).map(|t| t.map(str::to_owned)).collect())
        })
        .collect()
}

/// How each column is read: by its role, else as numbers if the first rows hold nothing else.
fn plan(names: &[String], sample: &[Vec<Option<String>>], chosen: &Chosen) -> Vec<ReadAs> {
    (0..names.len())
        .map(|i| {
            let texts = || sample[i].iter().flatten();
            let decimal = Decimal::vote(texts().map(|t| t.as_bytes()));
            match chosen.role_of(i).map(Role::kind) {
                Some(RoleKind::Number) => ReadAs::Number(decimal),
                Some(_) => ReadAs::Text,
                None if chosen.numbers.contains(&i) => ReadAs::Number(decimal),
                None => {
                    let number = |t: &String| {
                        matches!(parse_number(t.as_bytes(), decimal), NumberCell::Value(_))
                            && !looks_like_code(t.as_bytes())
                    };
                    if texts().next().is_some() && texts().all(number) { ReadAs::Guess(decimal) } else { ReadAs::Text }
                }
            }
        })
        .collect()
}

#[derive(Default)]
struct Read {
    rows: usize,
    chunks: Vec<Vec<ArrayRef>>,
    whole: Vec<bool>,
    broken: Vec<bool>,
    other_sign: Vec<usize>,
    faults: Vec<Fault>,
}

impl Read {
    fn file(
        &mut self,
        path: &Path,
        first: &Header,
        plan: &[ReadAs],
        stage: Option<&'static str>,
        watch: &Watch,
    ) -> Result<()> {
        if let Some(stage) = stage {
            watch.begin(stage, 0);
        }
        let (blocks, header) = open(path)?;
        if header.names != first.names {
            return Err(different_columns(path, &first.names, &header.names));
        }
        let end = blocks.end();
        let parsed: Result<Vec<(usize, Parsed)>> = blocks
            .enumerate()
            .par_bridge()
            .map(|(i, block)| {
                watch.check()?;
                let block = block?;
                let text = match header.trailer {
                    Some(trailer) => without_trailer(&block, trailer, end.byte()),
                    None => &block,
                };
                let parsed = parse_block(text, plan, header.delimiter, end);
                watch.advance(block.len() as u64);
                Ok((i, parsed))
            })
            .collect();
        let mut parsed = parsed?;
        parsed.sort_unstable_by_key(|(i, _)| *i);
        let columns = plan.len();
        self.chunks.resize_with(columns, Vec::new);
        self.whole.resize(columns, true);
        self.broken.resize(columns, false);
        self.other_sign.resize(columns, 0);
        let mut ragged = 0;
        let mut rows = 0;
        for (_, block) in &parsed {
            for (column, cells) in block.cells.iter().enumerate() {
                if let Cells::Number(numbers) = cells {
                    self.whole[column] &= numbers.whole;
                    self.broken[column] |= numbers.broken;
                    self.other_sign[column] += numbers.other_sign;
                }
            }
            ragged += block
                .faults
                .iter()
                .filter(|f| f.reason == super::records::SHORT || f.reason == super::records::LONG)
                .count();
            rows += block.rows;
        }
        if rows == 0 {
            return Err(Error::EmptyFile {
                path: path.to_owned(),
                what: "there is a header line but no record below it",
            });
        }
        if ragged * 2 > rows && rows > 1 {
            return Err(Error::Format {
                path: path.to_owned(),
                detail: format!(
                    "{ragged} of {rows} rows do not have the {columns} cells of the header, which was split at {:?}; \
                     is the first line a header, and is that the delimiter?",
                    char::from(header.delimiter)
                ),
            });
        }
        let finished: Result<Vec<_>> = parsed.into_par_iter().map(|(_, block)| block.finish()).collect();
        for (rows, arrays, faults) in finished? {
            for (column, array) in arrays.into_iter().enumerate() {
                self.chunks[column].extend(array);
            }
            let start = self.rows as u32;
            self.faults.extend(faults.into_iter().map(|f| Fault { row: f.row + start, ..f }));
            self.rows += rows;
        }
        Ok(())
    }

    fn wrong_guesses(&self, plan: &[ReadAs]) -> Vec<(usize, ReadAs)> {
        plan.iter()
            .enumerate()
            .filter_map(|(i, how)| match how {
                ReadAs::Guess(_) if self.broken[i] => Some((i, ReadAs::Text)),
                // The first rows used one decimal sign and the rest another: let all cells vote.
                ReadAs::Number(_) if self.other_sign[i] > 0 => Some((i, ReadAs::Text)),
                _ => None,
            })
            .collect()
    }

    fn replace(&mut self, mut second: Read, again: &[(usize, ReadAs)]) {
        for &(column, _) in again {
            self.chunks[column] = std::mem::take(&mut second.chunks[column]);
            // Read as text, a number column finds its faults when its numbers are asked for.
            self.faults.retain(|f| f.column != column as u32 || f.reason != crate::store::NOT_A_NUMBER);
        }
    }
}

fn different_columns(path: &Path, expected: &[String], found: &[String]) -> Error {
    let missing: Vec<&String> = expected.iter().filter(|n| !found.contains(n)).collect();
    let extra: Vec<&String> = found.iter().filter(|n| !expected.contains(n)).collect();
    Error::Schema(format!(
        "{}: its columns are not those of the first file: missing {missing:?}, new {extra:?}{}; read the files apart",
        path.display(),
        if missing.is_empty() && extra.is_empty() { ", another order" } else { "" }
    ))
}

fn without_trailer<'a>(block: &'a [u8], trailer: &[u8], end: u8) -> &'a [u8] {
    let body = block.trim_ascii_end();
    let start = memchr::memrchr(end, body).map_or(0, |at| at + 1);
    if body[start..].starts_with(trailer) { &block[..start] } else { block }
}
