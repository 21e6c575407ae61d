//! What was learnt about the tails of scores, as a table: a row for each level and side.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, LargeListArray, RecordBatch, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};

use super::traits::LevelTails;
use crate::calibrate::tails::{Side, Tail};
use crate::error::Result;
use crate::stats::normal_two_sided;
use crate::table::table;

/// A row: its level and one side of it.
type Row<'a> = (&'a LevelTails<'a>, &'a Side);

pub fn table_of(levels: &[LevelTails<'_>]) -> Result<RecordBatch> {
    let rows: Vec<Row> =
        levels.iter().flat_map(|level| level.tails.sides.iter().map(move |side| (level, side))).collect();
    let number = |read: &dyn Fn(&Row) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(|row| read(row).filter(|v| !v.is_nan())).collect::<Float64Array>())
    };
    let tail = |read: fn(&Tail) -> f64| number(&|(_, side)| Some(read(&side.curve.tail)));
    let text = |read: &dyn Fn(usize, &Row) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().enumerate().map(|(i, row)| read(i, row))))
    };
    let whole = |read: &dyn Fn(&Row) -> i64| -> ArrayRef {
        Arc::new(rows.iter().map(|r| Some(read(r))).collect::<Int64Array>())
    };
    let looser = |row: &Row, read: fn(&Tail) -> f64| row.1.story.loose.then(|| read(&row.1.curve.tail));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("level", text(&|_, (level, _)| level.level.clone())),
        ("side", text(&|i, _| ["below", "above"][i % 2].into())),
        ("groups", whole(&|(level, _)| level.groups as i64)),
        ("scores", whole(&|(_, side)| side.scores as i64)),
        ("story", text(&|_, (_, side)| side.story.name().into())),
        ("errors", number(&|(_, side)| Some(side.errors))),
        ("looser_share", number(&|row| looser(row, |tail| tail.share))),
        ("looser_ratio", number(&|row| looser(row, |tail| tail.ratio))),
        ("a", tail(|t| t.a)),
        ("b", tail(|t| t.b)),
        ("c", tail(|t| t.c)),
        ("times", tail(|t| t.times)),
        ("dispersion", number(&|(_, side)| Some(side.dispersion))),
        ("usual_scale", number(&|(level, _)| level.tails.moderation.map(|m| m.usual))),
        ("scale_freedom", number(&|(level, _)| level.tails.moderation.map(|m| m.weight))),
        ("expected", lists(&rows, |side| places(side).map(|(p, _)| p).collect())),
        ("observed", lists(&rows, |side| places(side).map(|(_, share)| share).collect())),
    ];
    table(columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect(), rows.len())
}

/// P-values at some scores, and the share of scores that lie as far out.
fn places(side: &Side) -> impl Iterator<Item = (f64, f64)> + '_ {
    let all = side.beyond.first().map_or(1.0, |(_, count)| *count);
    side.beyond.iter().map(move |(z, count)| (normal_two_sided(side.curve.normal(*z)), count / all))
}

fn lists(rows: &[Row], read: impl Fn(&Side) -> Vec<f64>) -> ArrayRef {
    let parts: Vec<Vec<f64>> = rows.iter().map(|(_, side)| read(side)).collect();
    let offsets = OffsetBuffer::from_lengths(parts.iter().map(Vec::len));
    let values: ArrayRef = Arc::new(Float64Array::from(parts.concat()));
    let item = Arc::new(Field::new("item", DataType::Float64, false));
    debug_assert_eq!(values.null_count(), 0);
    Arc::new(LargeListArray::new(item, offsets, values, None))
}
