//! The date column as days.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type};
use rayon::prelude::*;

use super::column::Column;
use super::date::{DateCell, DateOrder, evidence, parse_date};
use super::shipments::{label_texts, rows_of};
use crate::error::{Error, Result};
use crate::watch::Watch;

/// Stands for a null day; no calendar reaches it.
pub const NULL_DAY: i32 = i32::MIN;

/// The years 1 to 9999, in days since 1970-01-01.
pub const CALENDAR: std::ops::RangeInclusive<i32> = -719_162..=2_932_896;
const OUTSIDE: &str = "not a date between the years 1 and 9999";

type Days = (Vec<i32>, Vec<(u32, &'static str)>, Option<String>);

/// Days, faults, and a note where the order of day and month had to be assumed.
pub fn read(column: &Column, order: Option<DateOrder>, watch: &Watch) -> Result<Days> {
    match column.value_kind() {
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _) => {
            let (mut days, mut faults) = (Vec::new(), Vec::new());
            for chunk in column.chunks(watch)? {
                let dates = cast(chunk, &DataType::Date32)?;
                let dates = dates.as_primitive::<Date32Type>();
                let plain = dates.null_count() == 0
                    && dates.values().par_chunks(1 << 16).all(|part| part.iter().all(|d| CALENDAR.contains(d)));
                if plain {
                    days.extend_from_slice(dates.values());
                    continue;
                }
                for day in dates {
                    match day {
                        Some(day) if CALENDAR.contains(&day) => days.push(day),
                        Some(_) => {
                            faults.push((days.len() as u32, OUTSIDE));
                            days.push(NULL_DAY);
                        }
                        None => days.push(NULL_DAY),
                    }
                }
            }
            Ok((days, faults, None))
        }
        kind if column.is_text() || kind.is_numeric() => labels(column, order, watch),
        kind => Err(Error::Schema(format!(
            "column {:?} has the role \"date\" but holds {kind}; give it dates, timestamps, texts or whole numbers",
            column.name()
        ))),
    }
}

fn labels(column: &Column, order: Option<DateOrder>, watch: &Watch) -> Result<Days> {
    let codes = column.encode(watch)?;
    let texts = label_texts(&codes)?;
    let (order, note) = match order {
        Some(order) => (order, None),
        None => vote(column.name(), &texts),
    };
    let cells: Vec<DateCell> =
        texts.iter().map(|t| t.as_ref().map_or(DateCell::Missing, |t| parse_date(t, order))).collect();
    let mut days: Vec<i32> = cells.iter().map(|c| if let DateCell::Day(d) = c { *d } else { NULL_DAY }).collect();
    days.push(NULL_DAY);
    let faults = rows_of(&codes, |label| if let DateCell::Bad(reason) = cells[label] { Some(reason) } else { None });
    Ok((codes.ids.iter().map(|&id| days[id as usize]).collect(), faults, note))
}

/// The order that the unmistakable labels show (13/1 can only be a day first). Distinct labels
/// vote, so rows may come in any order.
fn vote(name: &str, texts: &[Option<String>]) -> (DateOrder, Option<String>) {
    let (mut day_first, mut month_first, mut doubtful) = (0u32, 0u32, 0u32);
    for text in texts.iter().flatten() {
        match evidence(text) {
            Some(Some(DateOrder::DayFirst)) => day_first += 1,
            Some(Some(DateOrder::MonthFirst)) => month_first += 1,
            Some(None) => doubtful += 1,
            None => {}
        }
    }
    let order = if month_first > day_first { DateOrder::MonthFirst } else { DateOrder::DayFirst };
    let note = match (day_first, month_first, doubtful) {
        (0, 0, 0) => None,
        (0, 0, _) => Some(format!(
            "dates in {name:?} such as 3/1/2023 are read as day/month: nothing in the column shows the order; \
             pass date_order=\"mdy\" if the month comes first"
        )),
        (0, _, _) => Some(format!("dates in {name:?} are read as month/day, as its days above 12 show")),
        (_, 0, _) => Some(format!("dates in {name:?} are read as day/month, as its days above 12 show")),
        _ => Some(format!(
            "dates in {name:?} mix day/month ({day_first} spellings) and month/day ({month_first}); the more frequent \
             order was used and the rest are faults; pass date_order= to decide"
        )),
    };
    (order, note)
}
