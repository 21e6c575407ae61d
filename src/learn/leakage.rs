//! Test whether repeated records explain a label.
//!
//! If records of two sets come from the same templates, a table with the share of the label by a few columns predicts
//! the label without any knowledge of fraud. Columns are added one by one, by how well one half of the training records
//! predicts the other half. The look-up is then measured on the test records.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::group::{GroupIndex, GroupKeys, resolve};
use crate::learn::evaluate::{area_under_curve, hits_among_first};
use crate::progress::Progress;
use crate::state::members::numbers;
use crate::stats::mix;
use crate::store::{Role, Shipments, contents};
use crate::table::table;

/// The largest number of columns of a template.
const MOST: usize = 6;
/// A column with a larger share of distinct values is an identifier.
const IDENTIFIER: f64 = 0.5;
/// The weight of the overall share in that of a template, in records.
const SMOOTHING: f64 = 2.0;
/// A column must add at least this to the area under the curve.
const WORTH: f64 = 0.002;

/// `columns, auc_train, auc, precision_at_5, precision_at_10, seen, base_rate, templates`: one row for each number of
/// columns, beginning with the best single column.
pub fn leakage(train: &Shipments, test: &Shipments, label: &str, progress: &Progress) -> Result<RecordBatch> {
    progress.begin("reading", 0);
    let (own, other) = (labels(train, label, progress)?, labels(test, label, progress)?);
    let candidates = candidates(train, test, label, progress)?;
    if candidates.is_empty() {
        return Err(Error::Argument("the records share no column whose values repeat, so there is no template".into()));
    }
    let half = halves(train, progress)?;
    let mut chosen: Vec<String> = Vec::new();
    let mut best = 0.5;
    let mut lines: Vec<Line> = Vec::new();
    progress.begin("looking for templates", MOST as u64);
    while chosen.len() < MOST {
        let tried: Result<Vec<(f64, String)>> = candidates
            .par_iter()
            .filter(|c| !chosen.contains(c))
            .map(|candidate| {
                progress.check()?;
                let keys: Vec<String> = chosen.iter().chain([candidate]).cloned().collect();
                Ok((across(train, &own, &half, &keys, progress)?, candidate.clone()))
            })
            .collect();
        let mut tried = tried?;
        tried.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let Some((area, name)) = tried.into_iter().next() else { break };
        if area < best + WORTH && !chosen.is_empty() {
            break;
        }
        best = area;
        chosen.push(name);
        lines.push(judge(train, test, &own, &other, &chosen, area, progress)?);
        progress.advance(1);
    }
    let float = |cell: fn(&Line) -> f64| -> ArrayRef { numbers(lines.iter().map(cell)) };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("columns", Arc::new(lines.iter().map(|l| Some(l.columns.as_str())).collect::<StringArray>())),
        ("auc_train", float(|l| l.auc_train)),
        ("auc", float(|l| l.auc)),
        ("precision_at_5", float(|l| l.precision[0])),
        ("precision_at_10", float(|l| l.precision[1])),
        ("seen", float(|l| l.seen)),
        ("base_rate", float(|l| l.base_rate)),
        ("templates", Arc::new(lines.iter().map(|l| Some(l.templates as i64)).collect::<Int64Array>())),
    ];
    table(columns.into_iter().map(|(n, a)| (n.to_owned(), a)).collect(), lines.len())
}

struct Line {
    columns: String,
    auc_train: f64,
    auc: f64,
    precision: [f64; 2],
    seen: f64,
    base_rate: f64,
    templates: usize,
}

fn labels(ships: &Shipments, label: &str, progress: &Progress) -> Result<Vec<bool>> {
    let column = ships.store.find(label).ok_or_else(|| ships.store.unknown(label))?;
    let values = &ships.store.columns[column].numbers(progress)?.values;
    let found: Vec<bool> = ships.rows.iter().map(|row| values[row] > 0.0).collect();
    let positives = found.iter().filter(|f| **f).count();
    if positives == 0 || positives == found.len() {
        return Err(Error::Argument(format!(
            "{label:?} is the same for all {} records; a label has records above 0 and others",
            found.len()
        )));
    }
    Ok(found)
}

/// Columns of both sets with repeated values, without the label and columns equal to it.
fn candidates(train: &Shipments, test: &Shipments, label: &str, progress: &Progress) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for (i, column) in train.store.own_columns().iter().enumerate() {
        let name = column.name();
        let measure = matches!(train.store.role_of(i), Some(Role::Id | Role::Date | Role::Description));
        let kin = name.to_lowercase().contains(&label.to_lowercase());
        if name == label || kin || measure || test.store.find(name).is_none() {
            continue;
        }
        let codes = match column.codes(progress) {
            Ok(codes) => codes,
            Err(Error::Schema(_)) => continue, // no key
            Err(error) => return Err(error),
        };
        // A part of a source may have only some of its values.
        let mut seen = vec![false; codes.labels.len() + 1];
        train.rows.iter().for_each(|row| seen[codes.ids[row] as usize] = true);
        let distinct = seen[..codes.labels.len()].iter().filter(|s| **s).count();
        if distinct > 1 && (distinct as f64) < IDENTIFIER * train.len() as f64 {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// The number of records and of positives of each template.
fn counts(index: &GroupIndex, of_row: impl Fn(u32) -> Option<bool>) -> Vec<(f64, f64)> {
    (0..index.groups())
        .map(|g| {
            index
                .rows(g)
                .iter()
                .filter_map(|&row| of_row(row))
                .fold((0.0, 0.0), |(n, k), positive| (n + 1.0, k + f64::from(u8::from(positive))))
        })
        .collect()
}

fn share((n, k): (f64, f64), base: f64) -> f64 {
    (k + SMOOTHING * base) / (n + SMOOTHING)
}

fn rate(labels: &[bool]) -> f64 {
    labels.iter().filter(|l| **l).count() as f64 / labels.len() as f64
}

/// The half of each training record, chosen by its content, so that neither the order of records nor the rest of the
/// source matters. Records with the same content alternate.
fn halves(train: &Shipments, progress: &Progress) -> Result<Vec<bool>> {
    let content = contents(train, progress)?;
    let mut order: Vec<u32> = (0..content.len() as u32).collect();
    order.sort_unstable_by_key(|&at| (content[at as usize], at));
    let mut half = vec![false; content.len()];
    for run in order.chunk_by(|&a, &b| content[a as usize] == content[b as usize]) {
        for (copy, &at) in run.iter().enumerate() {
            half[at as usize] = mix(content[at as usize]).wrapping_add(copy as u64) & 1 == 1;
        }
    }
    Ok(half)
}

/// How well each half of the training records predicts the other.
fn across(train: &Shipments, labels: &[bool], half: &[bool], keys: &[String], progress: &Progress) -> Result<f64> {
    let index = GroupIndex::build(train, &resolve(&train.store, keys)?, progress)?;
    let groups = index.group_of_positions(train);
    let mut place = vec![0u32; train.store.rows];
    for (at, row) in train.rows.iter().enumerate() {
        place[row] = at as u32;
    }
    let base = rate(labels);
    let mut scores = vec![0.0; labels.len()];
    for side in [false, true] {
        let learnt = counts(&index, |row| {
            let at = place[row as usize] as usize;
            (half[at] != side).then_some(labels[at])
        });
        for at in (0..labels.len()).filter(|&at| half[at] == side) {
            scores[at] = share(learnt[groups[at] as usize], base);
        }
    }
    Ok(area_under_curve(&scores, labels))
}

/// The look-up from all training records, measured on the test records.
fn judge(
    train: &Shipments,
    test: &Shipments,
    own: &[bool],
    other: &[bool],
    keys: &[String],
    auc_train: f64,
    progress: &Progress,
) -> Result<Line> {
    let index = GroupIndex::build(train, &resolve(&train.store, keys)?, progress)?;
    let mut label_of = vec![false; train.store.rows];
    for (at, row) in train.rows.iter().enumerate() {
        label_of[row] = own[at];
    }
    let learnt = counts(&index, |row| Some(label_of[row as usize]));
    let there = GroupIndex::build(test, &resolve(&test.store, keys)?, progress)?;
    let known = GroupKeys::of_index(&index, keys).find(&GroupKeys::of_index(&there, keys), progress)?;
    let base = rate(own);
    let groups = there.group_of_positions(test);
    let score = |&g: &u32| known[g as usize].map_or(base, |k| share(learnt[k as usize], base));
    let scores: Vec<f64> = groups.iter().map(score).collect();
    let seen = groups.iter().filter(|g| known[**g as usize].is_some()).count() as f64 / groups.len() as f64;
    let precision = [0.05, 0.10].map(|part| {
        let first = ((part * scores.len() as f64).round() as usize).max(1);
        hits_among_first(&scores, other, first) / first as f64
    });
    Ok(Line {
        columns: keys.join(", "),
        auc_train,
        auc: area_under_curve(&scores, other),
        precision,
        seen,
        base_rate: rate(other),
        templates: index.groups(),
    })
}
