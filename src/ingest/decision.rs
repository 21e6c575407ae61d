//! The plan of reading: each decision about a source, the reason, and the alternatives.

use super::Options;
use super::chosen::Chosen;
use crate::store::{Ballot, DateOrder, Decimal, NumberFormat, Role, RoleKind, date_spelling};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The subject: `encoding`, `delimiter`, `layout`, or the name of a role.
    pub item: String,
    /// The decision: `none` if a role was refused.
    pub decision: String,
    /// A sentence.
    pub why: String,
    /// Other possible decisions, or the argument that decides.
    pub alternatives: Vec<String>,
}

impl Decision {
    /// A decision that an argument can change.
    pub fn new(
        item: impl Into<String>,
        decision: impl Into<String>,
        why: impl Into<String>,
        argument: impl Into<String>,
    ) -> Decision {
        let argument: String = argument.into();
        let alternatives = if argument.is_empty() { Vec::new() } else { vec![argument] };
        Decision { item: item.into(), decision: decision.into(), why: why.into(), alternatives }
    }
}

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
            &numbers.iter().map(|&c| Ballot::of(texts(c).map(str::as_bytes))).collect::<Vec<_>>(),
            options,
        ));
    }
    if let Some((_, date)) = chosen.roles.iter().find(|(r, _)| *r == Role::Date)
        && date.column < names.len()
    {
        let (why, first) = match options.date_order {
            Some(order) => ("you said so".to_owned(), Some(order)),
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

fn decimal_sign(ballots: &[Ballot], options: &Options) -> Decision {
    let elected = Decimal::elect(ballots);
    let (format, why): (NumberFormat, &str) = match options.number_format {
        Some(format) => (format, "you said so"),
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
