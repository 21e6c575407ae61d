//! The decisions about the columns of a source, for the plan of reading.

use super::chosen::Chosen;
use super::decision::Decision;
use super::options::Options;
use crate::store::{DateOrder, Decimal, DecimalVotes, NumberFormat, Role, RoleKind, date_spelling};

/// Decisions from the first cells of the columns: the decimal sign, the order of day and month, the layout and the
/// roles.
pub fn of_columns(
    chosen: &Chosen,
    names: &[String],
    sample: &[Vec<Option<String>>],
    options: &Options,
) -> Vec<Decision> {
    let texts = |column: usize| sample.get(column).into_iter().flatten().flatten().map(String::as_str);
    let mut all = Vec::new();
    let numbers: Vec<usize> =
        chosen.roles.iter().filter(|(r, _)| r.kind() == RoleKind::Number).map(|(_, a)| a.column).collect();
    if !numbers.is_empty() {
        all.push(decimal_sign(
            &numbers.iter().map(|&c| DecimalVotes::of(texts(c).map(str::as_bytes))).collect::<Vec<_>>(),
            options,
        ));
    }
    if let Some((_, date)) = chosen.roles.iter().find(|(r, _)| *r == Role::Date)
        && date.column < names.len()
    {
        let (why, first) = match options.date_order {
            Some(order) => ("given as an argument".to_owned(), Some(order)),
            None => date_spelling(&names[date.column], texts(date.column)),
        };
        let order = match first {
            Some(DateOrder::DayFirst) => "day first",
            Some(DateOrder::MonthFirst) => "month first",
            None => "as written",
        };
        all.push(Decision::new("date order", order, why, "date_order=\"dmy\" or \"mdy\""));
    }
    all.extend(chosen.decisions.iter().cloned());
    all
}

fn decimal_sign(ballots: &[DecimalVotes], options: &Options) -> Decision {
    let elected = Decimal::elect(ballots);
    let (format, why): (NumberFormat, &str) = match options.number_format {
        Some(format) => (format, "given as an argument"),
        None if elected.iter().any(|e| e.open) => {
            (elected[0].decimal.into(), "nothing in the first rows shows it; the point was assumed")
        }
        None => {
            let comma = elected.iter().any(|e| e.decimal == Decimal::Comma);
            (if comma { Decimal::Comma } else { Decimal::Point }.into(), "the number columns decide it together")
        }
    };
    Decision::new("decimal sign", format.decimal.sign().to_string(), why, "decimal= and thousands=")
}
