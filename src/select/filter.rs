//! Selects rows by conditions.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringViewArray};
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::group::key::{Key, KeyColumn};
use crate::progress::Progress;
use crate::select::condition::{Condition, reversed, spans};
use crate::select::literal::{Choice, Literal, Wanted};
use crate::select::moments::{self, words};
use crate::select::number_text::read_number;
use crate::select::spans::Spans;
use crate::store::{NULL_DAY, Role, RoleKind, RowList, Shipments, counted, country};

/// Rows examined in one step.
const CHUNK_ROWS: usize = 1 << 16;

/// The shipments for which every condition holds.
pub fn filter(ships: &Shipments, conditions: &[(String, Wanted)], progress: &Progress) -> Result<Shipments> {
    let mut chosen = ships.clone();
    for (name, wanted) in conditions {
        progress.check()?;
        let store = &ships.store;
        let own = |column: usize| counted(store.columns[column].kind());
        chosen = match Key::named(store, name)? {
            Key::Role(Role::Date) => by_day(&chosen, name, wanted, progress)?,
            Key::Role(role) if role.kind() == RoleKind::Number => by_number(&chosen, name, role, wanted, progress)?,
            // Numeric ids are texts as keys, but a range of numbers is compared as numbers.
            Key::Role(role) if role.kind() == RoleKind::Text && between_numbers(role, wanted) => match store.role(role)
            {
                Some(assigned) if own(assigned.column) => by_value(&chosen, name, assigned.column, wanted, progress)?,
                _ => by_label(&chosen, name, Key::Role(role), wanted, progress)?,
            },
            Key::Column(column) if own(column) => by_value(&chosen, name, column, wanted, progress)?,
            Key::Column(column) if store.declared_numbers().contains(&column) => {
                let values = store.columns[column].numbers(progress)?.values.clone();
                by_double(&chosen, name, values, wanted, progress)?
            }
            key => by_label(&chosen, name, key, wanted, progress)?,
        };
    }
    Ok(chosen)
}

fn keep(ships: &Shipments, test: impl Fn(usize) -> bool + Sync) -> Shipments {
    let positions = 0..ships.len();
    let rows = positions.into_par_iter().map(|p| ships.rows.row(p)).filter(|&r| test(r)).map(|r| r as u32);
    ships.subset(rows.collect())
}

/// The rows of `ships` whose cells pass. `chunks` hold the whole column.
fn passing(ships: &Shipments, chunks: &[ArrayRef], condition: &Condition, progress: &Progress) -> Result<Vec<u32>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for chunk in chunks {
        let end = start + chunk.len();
        let positions = match &ships.rows {
            RowList::All(_) => start..end,
            RowList::Some(rows) => {
                rows.partition_point(|&r| (r as usize) < start)..rows.partition_point(|&r| (r as usize) < end)
            }
        };
        pieces.extend(
            positions.clone().step_by(CHUNK_ROWS).map(|p| (chunk, start, p..(p + CHUNK_ROWS).min(positions.end))),
        );
        start = end;
    }
    let chosen: Result<Vec<Vec<u32>>> = pieces
        .into_par_iter()
        .map(|(chunk, start, positions)| {
            progress.check()?;
            Ok(condition.choose(chunk, start, positions.map(|p| ships.rows.row(p) as u32)))
        })
        .collect();
    Ok(chosen?.concat())
}

/// Compares a column of the source in its own type, so that no value is rounded.
fn by_value(ships: &Shipments, name: &str, column: usize, wanted: &Wanted, progress: &Progress) -> Result<Shipments> {
    let column = &ships.store.columns[column];
    let condition = Condition::new(name, column.kind(), wanted)?;
    Ok(ships.subset(passing(ships, column.chunks(progress)?, &condition, progress)?))
}

/// Compares a role of numbers: the numbers of the source if they are in the unit of the role, otherwise doubles.
fn by_number(ships: &Shipments, name: &str, role: Role, wanted: &Wanted, progress: &Progress) -> Result<Shipments> {
    let (column, assigned) = ships.store.require(role)?;
    if assigned.factor == 1.0 && counted(column.kind()) {
        return by_value(ships, name, assigned.column, wanted, progress);
    }
    if assigned.factor == 1.0 && !column.is_text() {
        return by_label(ships, name, Key::Role(role), wanted, progress); // a dictionary of numbers
    }
    by_double(ships, name, ships.store.role_numbers(role, progress)?, wanted, progress)
}

fn by_double(
    ships: &Shipments,
    name: &str,
    values: ScalarBuffer<f64>,
    wanted: &Wanted,
    progress: &Progress,
) -> Result<Shipments> {
    let condition = Condition::new(name, &DataType::Float64, wanted)?;
    let values: ArrayRef = Arc::new(Float64Array::new(values, None));
    Ok(ships.subset(passing(ships, &[values], &condition, progress)?))
}

fn between_numbers(role: Role, wanted: &Wanted) -> bool {
    let one = |literal: &Literal| match literal {
        Literal::Number(_) | Literal::Null => true,
        Literal::Text(text) => read_number(text).is_ok(),
        _ => false,
    };
    role != Role::Hs && wanted.has_ranges() && wanted.literals().all(one)
}

/// Compares the role of dates, which holds days. Instants are compared with the column if it has instants.
fn by_day(ships: &Shipments, name: &str, wanted: &Wanted, progress: &Progress) -> Result<Shipments> {
    let days = ships.store.days(progress)?;
    let nulls = wanted.asks_for_nulls();
    let (column, _) = ships.store.require(Role::Date)?;
    if matches!(column.kind(), DataType::Timestamp(..)) && instants(wanted) {
        let condition = Condition::new(name, column.kind(), wanted)?;
        let mut rows = passing(ships, column.chunks(progress)?, &condition, progress)?;
        // An instant outside the calendar is null in the role.
        rows.retain(|&row| nulls || days[row as usize] != NULL_DAY);
        if nulls {
            return Ok(keep(ships, |r| days[r] == NULL_DAY || rows.binary_search(&(r as u32)).is_ok()));
        }
        return Ok(ships.subset(rows));
    }
    let wanted = spans(name, wanted, |l| moments::range(name, &DataType::Date32, l), i128::MIN)?;
    Ok(keep(ships, |r| if days[r] == NULL_DAY { nulls } else { wanted.contains(days[r].into()) }))
}

fn instants(wanted: &Wanted) -> bool {
    wanted.literals().any(|literal| match literal {
        Literal::Instant(_) => true,
        Literal::Text(text) => text.contains(':'),
        _ => false,
    })
}

/// Compares any other key, by its distinct values.
fn by_label(ships: &Shipments, name: &str, key: Key, wanted: &Wanted, progress: &Progress) -> Result<Shipments> {
    let column: KeyColumn = key.load(&ships.store, progress)?;
    let count = column.labels.len();
    let mut allowed = vec![false; count + 1];
    if counted(column.labels.data_type()) {
        let condition = Condition::new(name, column.labels.data_type(), wanted)?;
        let passed = condition.choose(&column.labels, 0, 0..count as u32);
        passed.into_iter().for_each(|label| allowed[label as usize] = true);
    } else {
        let texts = cast(&column.labels, &DataType::Utf8View)?;
        let country = matches!(key, Key::Role(role) if role.is_country());
        let wanted = if country { &countries(name, wanted)? } else { wanted };
        let by = match key {
            Key::Role(Role::Hs) => Likeness::Code(None),
            Key::HsPrefix(digits) => Likeness::Code(Some(digits)),
            _ => Likeness::Whole,
        };
        let passed = texts_wanted(name, texts.as_string_view(), by, wanted)?;
        passed.iter().for_each(|(first, last)| allowed[first..=last].fill(true));
    }
    allowed[count] = wanted.asks_for_nulls();
    Ok(keep(ships, |r| allowed[column.code(r) as usize]))
}

/// How texts are compared.
#[derive(Clone, Copy)]
enum Likeness {
    /// The text is equal.
    Whole,
    /// The HS code begins with the text. A derived key holds codes of this number of digits.
    Code(Option<usize>),
}

/// Ranges of positions in sorted texts. Texts with one prefix are adjacent, so each range is found by binary search.
fn texts_wanted(name: &str, texts: &StringViewArray, by: Likeness, wanted: &Wanted) -> Result<Spans<usize>> {
    let prefix = matches!(by, Likeness::Code(_));
    let tidy = |literal: &Literal| match by {
        Likeness::Whole => written(name, literal),
        Likeness::Code(digits) => code(name, digits, literal),
    };
    let below = |from: usize, test: &dyn Fn(&str) -> bool| {
        let (mut low, mut high) = (from, texts.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if test(texts.value(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    };
    // From the first text that is not below `low`, to the last one that is not above `high`.
    let range = |low: &str, high: Option<&str>| {
        let first = below(0, &|t| t < low);
        let after = match high {
            Some(high) => below(0, &|t| t <= high || (prefix && t.starts_with(high))),
            None => texts.len(),
        };
        (after > first).then(|| (first, after - 1))
    };
    let mut found = Vec::with_capacity(wanted.0.len());
    for choice in &wanted.0 {
        match choice {
            Choice::One(Literal::Null) => {}
            Choice::One(literal) => {
                let text = tidy(literal)?;
                found.extend(range(&text, Some(&text)));
            }
            Choice::Between(low, high) => {
                let (first, last) = (tidy(low)?, tidy(high)?);
                if *high == Literal::Null {
                    found.extend(range(&first, None));
                } else if first > last && !(prefix && first.starts_with(&last)) {
                    return Err(reversed(name, &Literal::Text(first), &Literal::Text(last)));
                } else {
                    found.extend(range(&first, Some(&last)));
                }
            }
        }
    }
    Ok(Spans::new(found))
}

/// An HS code or a prefix of one, without dots.
fn code(name: &str, digits: Option<usize>, literal: &Literal) -> Result<String> {
    let given = written(name, literal)?;
    let text = given.replace(['.', ' '], "");
    let fraction = matches!(literal, Literal::Number(_)) && given.contains('.');
    if fraction || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::Argument(format!(
            "{name}={given:?} is not an HS code; write a text of digits, with or without dots"
        )));
    }
    if matches!(literal, Literal::Number(_)) && text.len() % 2 == 1 {
        return Err(Error::Argument(format!(
            "{name}={text}: an HS code as a number loses its leading zero; write \"0{text}\", or \"{text}\" for all \
             codes that begin with {text}"
        )));
    }
    match digits {
        Some(most) if text.len() > most => Err(Error::Argument(format!(
            "{name}={text:?}: the code is longer than the {most} digits of {name}; write hs={text:?} for all codes that \
             begin with it"
        ))),
        _ => Ok(text),
    }
}

/// Adds the ISO codes of countries given by other codes or names. The given texts stay, because a column may hold them.
fn countries(name: &str, wanted: &Wanted) -> Result<Wanted> {
    let mut all = wanted.clone();
    for choice in &wanted.0 {
        if let Choice::One(literal) = choice
            && *literal != Literal::Null
        {
            let key = country::key(&written(name, literal)?);
            all.0.extend(key.map(|key| Choice::One(Literal::Text(key.into()))));
        }
    }
    Ok(all)
}

/// A literal as a text column holds it.
fn written(name: &str, literal: &Literal) -> Result<String> {
    Ok(match literal {
        Literal::Null => String::new(),
        Literal::Text(text) => text.clone(),
        Literal::Truth(truth) => truth.to_string(),
        Literal::Number(number) => number.text(),
        Literal::Day(day) => crate::store::iso(*day),
        other => {
            return Err(Error::Argument(format!(
                "{name:?} holds text, and {} is none; write the text to look for",
                words(other)
            )));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn literal(text: &str) -> Literal {
        Literal::Text(text.into())
    }

    proptest! {
        /// The same, by comparing every text with every value.
        #[test]
        fn sorted_texts_give_what_a_search_gives(
            mut texts in prop::collection::vec("[12]{0,3}", 0..12),
            asked in prop::collection::vec("[12]{0,3}", 0..5),
            (low, high) in ("[12]{0,3}", prop::option::of("[12]{0,3}")),
            prefix in any::<bool>(),
        ) {
            texts.sort();
            texts.dedup();
            let array: StringViewArray = texts.iter().map(|t| Some(t.as_str())).collect();
            let by = if prefix { Likeness::Code(None) } else { Likeness::Whole };
            let list = Wanted(asked.iter().map(|t| Choice::One(literal(t))).collect());
            let found = texts_wanted("t", &array, by, &list).unwrap();
            for (i, text) in texts.iter().enumerate() {
                let one = asked.iter().any(|a| if prefix { text.starts_with(a.as_str()) } else { text == a });
                prop_assert_eq!(found.contains(i), one);
            }
            let end = high.as_deref().map_or(Literal::Null, literal);
            let pair = Wanted(vec![Choice::Between(literal(&low), end)]);
            let under = |text: &str| high.as_ref().is_none_or(|h| text <= h.as_str() || (prefix && text.starts_with(h.as_str())));
            if !under(&low) {
                prop_assert!(texts_wanted("t", &array, by, &pair).is_err());
                return Ok(());
            }
            let found = texts_wanted("t", &array, by, &pair).unwrap();
            for (i, text) in texts.iter().enumerate() {
                prop_assert_eq!(found.contains(i), *text >= low && under(text));
            }
        }
    }
}
