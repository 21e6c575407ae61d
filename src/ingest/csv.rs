//! CSV files into the store. Blocks are read one after the other and parsed in parallel.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use rayon::prelude::*;

use super::blocks::Blocks;
use super::cells::{Cells, ReadAs, looks_like_code};
use super::chosen::Chosen;
use super::columnar::Source;
use super::decision::Decision;
use super::encoding::Letters;
use super::input::Input;
use super::inspect::{TextPlan, inspect, named};
use super::options::Options;
use super::records::{Finished, LONG, Parsed, SHORT, parse_block};
use super::united::{United, unite};
use crate::error::{Error, Result};
use crate::ingest::{column_decisions, columnar, encoding, layout};
use crate::progress::Progress;
use crate::store::{
    Decimal, DecimalChoice, DecimalVotes, Fault, NumberCell, Repair, RoleKind, Store, currency_note, is_number,
    parse_number,
};

/// What the first bytes of the files show.
struct Look<'a> {
    opened: Vec<Opened<'a>>,
    united: United,
    sample: Vec<Vec<Option<String>>>,
    chosen: Chosen,
}

fn look<'a>(files: &'a [Input], options: &Options) -> Result<Look<'a>> {
    let opened: Result<Vec<Opened>> = files.par_iter().map(|input| Opened::new(input, options)).collect();
    let opened = opened?;
    let headers: Vec<(&Path, &[String])> = opened.iter().map(|o| (o.input.path(), &o.plan.names[..])).collect();
    let united = unite(&headers)?;
    let sample = first_rows(&opened, &united)?;
    let chosen = layout::choose(&united.names, &sample, options)?;
    Ok(Look { opened, united, sample, chosen })
}

pub fn read(files: &[Input], options: &Options, progress: &Progress) -> Result<Store> {
    let size = files.iter().map(Input::length).sum();
    progress.begin("reading", size);
    let Look { opened, united, sample, chosen } = look(files, options)?;
    let mut plan = plan(&sample, &chosen, options);
    let currencies = currencies(&united.names, &sample, &chosen);
    let mut read = Read::new(plan.len());
    for (file, places) in opened.iter().zip(&united.places) {
        read.file(file, places, &plan, None, options, progress)?;
    }
    // Columns with a wrong guess are read again with the right type.
    let again = read.wrong_guesses(&plan, options);
    let open = read.open_note(&united.names, &plan, options);
    if !again.is_empty() {
        for &(column, how) in &again {
            plan[column] = how;
        }
        let only = |(i, &how): (usize, &ReadAs)| if again.iter().any(|(c, _)| *c == i) { how } else { ReadAs::Skip };
        let only: Vec<ReadAs> = plan.iter().enumerate().map(only).collect();
        let mut second = Read::new(plan.len());
        for (file, places) in opened.iter().zip(&united.places) {
            second.file(file, places, &only, Some("reading again"), options, progress)?;
        }
        read.replace(second, &again);
    }
    let Read { rows, chunks, whole, mut faults, mut repairs, notes, .. } = read;
    faults.sort_by_key(|f| (f.row, f.column));
    repairs.sort_by_key(|r| (r.row, r.column));
    let columns = united.names.par_iter().zip(chunks).zip(plan.par_iter().zip(whole));
    let columns = columns.map(|((name, parts), (how, whole))| {
        let integers = matches!(how, ReadAs::Guess(_)) && whole;
        let parts = if integers {
            let cast: Result<Vec<ArrayRef>, _> = parts.par_iter().map(|p| cast(p, &DataType::Int64)).collect();
            cast?
        } else {
            parts
        };
        let kind = if integers { DataType::Int64 } else { how.kind() };
        Ok(Source::Ready(Arc::new(Field::new(name, kind, true)), columnar::joined(parts)?))
    });
    let columns: Result<Vec<Source>> = columns.collect();
    let columns = columns?;
    let store = columnar::build(columns, rows, chosen, options, progress)?.with_faults(faults).with_repairs(repairs);
    let mut told = Vec::new();
    for (file, plan) in opened.iter().map(|o| (o.input.path(), &o.plan)) {
        told.extend(plan.notes.iter().map(|note| (Some(file), note.clone())));
    }
    let several = opened.len() > 1;
    let with_file = |(file, note): (Option<&Path>, String)| match file {
        Some(path) if several => format!("{}: {note}", path.display()),
        _ => note,
    };
    for note in told.into_iter().map(with_file).chain(united.notes).chain(notes).chain(open).chain(currencies) {
        store.note(note);
    }
    Ok(store)
}

/// The decisions about text files before they are read.
pub fn decisions(files: &[Input], options: &Options) -> Result<Vec<Decision>> {
    let look = look(files, options)?;
    let mut all = look.opened[0].plan.decisions.clone();
    all.extend(column_decisions::of_columns(&look.chosen, &look.united.names, &look.sample, options));
    Ok(all)
}

/// One file with the plan of how it is split.
struct Opened<'a> {
    input: &'a Input,
    plan: TextPlan,
    asked: Option<&'static Encoding>,
    /// The encoding of cells that are not UTF-8, if it was decided.
    other: Option<&'static Encoding>,
}

impl Opened<'_> {
    fn new<'a>(input: &'a Input, options: &Options) -> Result<Opened<'a>> {
        let asked = options.encoding.as_deref().map(encoding::named).transpose()?;
        let (blocks, found) = Blocks::open(input, asked)?;
        let (sample, whole) = blocks.sample();
        let mut plan = inspect(input.path(), sample, whole, options)?;
        let name = found.encoding.name();
        if found.encoding != UTF_8 && asked.is_none() && found.mark == 0 {
            plan.notes.push(format!("the file is not UTF-8 and is read as {name}; pass encoding= to decide otherwise"));
        }
        plan.decisions.insert(0, Decision::new("encoding", name, found.why, "encoding="));
        // Decoded text is completely UTF-8.
        let other = (found.encoding != UTF_8).then_some(WINDOWS_1252);
        Ok(Opened { input, plan, asked, other })
    }

    fn blocks(&self, options: &Options) -> Result<Blocks> {
        let (mut blocks, _) = Blocks::open(self.input, self.asked)?;
        blocks.split_by(self.plan.rule.clone(), self.plan.length, options.block);
        Ok(blocks)
    }
}

/// The first rows as texts, one list for each column. They are enough to see what a column holds.
fn first_rows(opened: &[Opened], united: &United) -> Result<Vec<Vec<Option<String>>>> {
    let mut columns: Vec<Option<Vec<Option<String>>>> = vec![None; united.names.len()];
    for (file, places) in opened.iter().zip(&united.places) {
        if places.iter().all(|&at| columns[at].is_some()) {
            continue;
        }
        let (mut blocks, _) = Blocks::open(file.input, file.asked)?;
        blocks.split_by(file.plan.rule.clone(), file.plan.length, None);
        let (sample, whole) = blocks.sample();
        let stop = if whole { None } else { file.plan.rule.last_end(sample, false) };
        let text = without_trailer(&sample[..stop.unwrap_or(sample.len())], file);
        let plan = vec![ReadAs::Text; places.len()];
        let first = parse_block(text, &plan, &file.plan.rule).finish(WINDOWS_1252)?;
        for (array, &at) in first.arrays.into_iter().flatten().zip(places) {
            if columns[at].is_none() {
                let texts = cast(&array, &DataType::Utf8)?;
                columns[at] = Some(texts.as_string::<i32>().iter().take(2000).map(|t| t.map(str::to_owned)).collect());
            }
        }
    }
    Ok(columns.into_iter().map(Option::unwrap_or_default).collect())
}

/// Notes on columns of numbers with several currencies in their first cells.
fn currencies(names: &[String], sample: &[Vec<Option<String>>], chosen: &Chosen) -> Vec<String> {
    let numbers = (0..names.len()).filter(|&i| chosen.role_of(i).is_some_and(|r| r.kind() == RoleKind::Number));
    let texts = |i: usize| sample[i].iter().flatten().map(|t| t.as_bytes());
    numbers.filter_map(|i| currency_note(&names[i], texts(i))).collect()
}

/// How each column is read: by its role, or as numbers if the first rows hold only numbers. The first rows of all
/// columns decide the decimal sign together.
fn plan(sample: &[Vec<Option<String>>], chosen: &Chosen, options: &Options) -> Vec<ReadAs> {
    let texts = |i: usize| sample[i].iter().flatten().map(|t| t.as_bytes());
    let declared = |i: usize| {
        chosen.role_of(i).map(|r| r.kind() == RoleKind::Number).or(chosen.numbers.contains(&i).then_some(true))
    };
    let numbers = |i: usize| declared(i).unwrap_or_else(|| texts(i).next().is_some() && texts(i).all(is_number));
    let decimal_votes = |i: usize| if numbers(i) { DecimalVotes::of(texts(i)) } else { DecimalVotes::default() };
    let elected = Decimal::elect(&(0..sample.len()).map(decimal_votes).collect::<Vec<_>>());
    let read_as = |(i, elected): (usize, DecimalChoice)| {
        let format = options.number_format.unwrap_or(elected.decimal.into());
        match declared(i) {
            Some(true) => ReadAs::Number(format),
            Some(false) => ReadAs::Text,
            None => {
                let number = |t: &[u8]| matches!(parse_number(t, format), NumberCell::Value(_)) && !looks_like_code(t);
                let all = texts(i).next().is_some() && texts(i).all(number);
                if all { ReadAs::Guess(format) } else { ReadAs::Text }
            }
        }
    };
    elected.into_iter().enumerate().map(read_as).collect()
}

struct Read {
    rows: usize,
    chunks: Vec<Vec<ArrayRef>>,
    whole: Vec<bool>,
    broken: Vec<bool>,
    other_sign: Vec<usize>,
    ballots: Vec<DecimalVotes>,
    faults: Vec<Fault>,
    repairs: Vec<Repair>,
    notes: Vec<String>,
}

impl Read {
    fn new(columns: usize) -> Read {
        Read {
            rows: 0,
            chunks: vec![Vec::new(); columns],
            whole: vec![true; columns],
            broken: vec![false; columns],
            other_sign: vec![0; columns],
            ballots: vec![DecimalVotes::default(); columns],
            faults: Vec::new(),
            repairs: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Reads one file. `places` are the positions of its columns among all.
    fn file(
        &mut self,
        file: &Opened,
        places: &[usize],
        plan: &[ReadAs],
        stage: Option<&'static str>,
        options: &Options,
        progress: &Progress,
    ) -> Result<()> {
        if let Some(stage) = stage {
            progress.begin(stage, 0);
        }
        let rule = &file.plan.rule;
        let own: Vec<ReadAs> = places.iter().map(|&at| plan[at]).collect();
        let parsed: Result<Vec<(usize, Parsed)>> = file
            .blocks(options)?
            .enumerate()
            .par_bridge()
            .map(|(i, block)| {
                progress.check()?;
                let block = block?;
                let parsed = parse_block(without_trailer(&block, file), &own, rule);
                progress.advance(block.len() as u64);
                Ok((i, parsed))
            })
            .collect();
        let mut parsed = parsed?;
        parsed.sort_unstable_by_key(|(i, _)| *i);
        let blocks: Vec<Parsed> = parsed.into_iter().map(|(_, block)| block).collect();
        self.check(file, &blocks)?;
        for block in &blocks {
            for (cells, &at) in block.cells.iter().zip(places) {
                if let Cells::Number(numbers) = cells {
                    self.whole[at] &= numbers.whole;
                    self.broken[at] |= numbers.broken;
                    self.other_sign[at] += numbers.other_sign;
                    self.ballots[at] = self.ballots[at].plus(numbers.decimal_votes);
                }
            }
        }
        let other = match file.other {
            Some(other) => other,
            None => self.other_encoding(file, &blocks),
        };
        let finished: Result<Vec<_>> = blocks.into_par_iter().map(|block| block.finish(other)).collect();
        let lacking: Vec<usize> = (0..plan.len()).filter(|at| !places.contains(at)).collect();
        for Finished { rows, arrays, faults, repairs } in finished? {
            for (array, &at) in arrays.into_iter().zip(places) {
                self.chunks[at].extend(array);
            }
            for &at in lacking.iter().filter(|&&at| plan[at] != ReadAs::Skip) {
                self.chunks[at].push(new_null_array(&plan[at].kind(), rows));
            }
            let start = self.rows as u32;
            let column = |c: u32| places.get(c as usize).map_or(Fault::BEYOND, |&at| at as u32);
            self.faults.extend(faults.into_iter().map(|f| Fault { row: f.row + start, column: column(f.column), ..f }));
            self.repairs.extend(repairs.into_iter().map(|r| Repair {
                row: r.row + start,
                column: column(r.column),
                ..r
            }));
            self.rows += rows;
        }
        Ok(())
    }

    /// An error for a file without records, or one whose records do not have the cells of its header.
    fn check(&self, file: &Opened, blocks: &[Parsed]) -> Result<()> {
        let rows: usize = blocks.iter().map(|b| b.rows).sum();
        if rows == 0 {
            return Err(Error::EmptyFile {
                path: file.input.path().to_owned(),
                what: "there is a header line but no record below it",
            });
        }
        let odd = |b: &Parsed| b.faults.iter().filter(|f| f.reason == SHORT || f.reason == LONG).count();
        let ragged: usize = blocks.iter().map(odd).sum();
        if ragged * 2 > rows && rows > 1 {
            return Err(Error::Format {
                path: file.input.path().to_owned(),
                detail: format!(
                    "{ragged} of {rows} rows do not have the {} cells of the header, which was split at {:?}; \
                     is the first line a header, and is that the delimiter? Pass header= (the line that names the \
                     columns) or delimiter= to decide it",
                    file.plan.names.len(),
                    named(file.plan.rule.delimiter)
                ),
            });
        }
        Ok(())
    }

    /// The encoding of cells that are not UTF-8, if the first bytes of the file showed none of them.
    fn other_encoding(&mut self, file: &Opened, blocks: &[Parsed]) -> &'static Encoding {
        let mut letters = Letters::default();
        for block in blocks {
            let more = block.letters();
            letters.valid += more.valid;
            letters.broken += more.broken;
        }
        if letters.broken == 0 {
            return WINDOWS_1252;
        }
        // If a file is UTF-8 elsewhere, such cells are damaged or come from a Western spreadsheet.
        let mixed = letters.valid > letters.broken;
        let found = if mixed { WINDOWS_1252 } else { guess_of(blocks) };
        self.notes.push(format!(
            "{}: cells that are not UTF-8 are read as {}; pass encoding= to decide otherwise",
            file.input.path().display(),
            found.name()
        ));
        found
    }

    /// Columns to be read again, and how.
    fn wrong_guesses(&self, plan: &[ReadAs], options: &Options) -> Vec<(usize, ReadAs)> {
        let elected = Decimal::elect(&self.ballots);
        let again = |(i, how): (usize, &ReadAs)| match how {
            ReadAs::Guess(_) if self.broken[i] => Some((i, ReadAs::Text)),
            // The first rows used one decimal sign and the rest another. All cells vote.
            ReadAs::Number(_) if self.other_sign[i] > 0 && options.number_format.is_none() => Some((i, ReadAs::Text)),
            // Other columns show the decimal sign later in the file.
            ReadAs::Number(format) if options.number_format.is_none() && format.decimal != elected[i].decimal => {
                Some((i, ReadAs::Number(elected[i].decimal.into())))
            }
            _ => None,
        };
        plan.iter().enumerate().filter_map(again).collect()
    }

    /// A note if nothing shows the decimal sign.
    fn open_note(&self, names: &[String], plan: &[ReadAs], options: &Options) -> Option<String> {
        let elected = Decimal::elect(&self.ballots);
        let numbers = |i: &usize| matches!(plan[*i], ReadAs::Number(_) | ReadAs::Guess(_)) && elected[*i].open;
        let open: Vec<&str> = (0..plan.len()).filter(numbers).map(|i| names[i].as_str()).collect();
        (!open.is_empty() && options.number_format.is_none()).then(|| Decimal::default().open_note(&open))
    }

    fn replace(&mut self, mut second: Read, again: &[(usize, ReadAs)]) {
        for &(column, _) in again {
            self.chunks[column] = std::mem::take(&mut second.chunks[column]);
            // Read as text, a number column finds its faults when its numbers are needed.
            self.faults.retain(|f| f.column != column as u32 || f.reason != crate::store::NOT_A_NUMBER);
        }
    }
}

/// The number of bytes for guessing an encoding.
const GUESS_BYTES: usize = 1 << 20;

fn guess_of(blocks: &[Parsed]) -> &'static Encoding {
    let mut texts: Vec<&[u8]> = Vec::new();
    let mut bytes = 0;
    for block in blocks {
        block.broken(|text| {
            if bytes < GUESS_BYTES {
                bytes += text.len();
                texts.push(text);
            }
        });
    }
    encoding::guess(&texts)
}

fn without_trailer<'a>(block: &'a [u8], file: &Opened) -> &'a [u8] {
    let Some(trailer) = file.plan.trailer else { return block };
    let body = block.trim_ascii_end();
    let start = memchr::memrchr(file.plan.rule.end.byte(), body).map_or(0, |at| at + 1);
    if body[start..].starts_with(trailer) { &block[..start] } else { block }
}
