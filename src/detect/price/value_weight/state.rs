//! The state of a `ValueWeight`: one row for each group, with its coefficients and members.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};

use super::model::{Fitted, Model, Outcome, ValueWeight};
use crate::error::Result;
use crate::evidence::cautions::FittedFacts;
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::state::checked::Rule;
use crate::state::keys::plain;
use crate::state::members::{lists, read_all_lists, same_lengths};
use crate::stats::linear::{Linear, NoFit};
use crate::table::table;

/// The list column that holds the members' numbers.
fn members_of(name: &str) -> String {
    format!("{name}_values")
}

/// The names of the lists: of the regressors, of the value, and of the facts.
fn list_names(settings: &ValueWeight) -> Vec<String> {
    let columns = settings.on.iter().map(String::as_str).chain(["value"]);
    columns.map(members_of).chain(["facts".into()]).collect()
}

type Members = (GroupKeys, Vec<usize>, Vec<Vec<f64>>, FittedFacts);

pub fn read(settings: &ValueWeight, states: &[RecordBatch], progress: &Progress) -> Result<Members> {
    let names = list_names(settings);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let member = if settings.log { Rule::LOG } else { Rule::AMOUNT };
    let rule = |name: &str| if name == "facts" { Rule::KNOWN } else { member };
    let wanted: Vec<(&str, Rule)> = names.iter().map(|name| (*name, rule(name))).collect();
    let (group_keys, mut all) = read_all_lists(states, &settings.by, &wanted, "ValueWeight", progress)?;
    let facts = FittedFacts::restored(&all.remove(names.len() - 1), "ValueWeight")?;
    same_lengths(&all.iter().collect::<Vec<_>>(), &names, "ValueWeight")?;
    let starts = all[0].starts.clone();
    Ok((group_keys, starts, all.into_iter().map(|list| list.values).collect(), facts))
}

pub fn write(model: &Model, progress: &Progress) -> Result<RecordBatch> {
    let groups = model.outcomes.len();
    let settings = &model.settings;
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for (k, key) in settings.by.iter().enumerate() {
        columns.push((key.clone(), plain(&model.group_keys.labels(k)?)?));
    }
    let n = (0..groups).map(|g| Some(model.size(g) as i64));
    columns.push(("n".into(), Arc::new(n.collect::<Int64Array>())));
    let mut put = |name: String, cell: &dyn Fn(&Fitted) -> f64| {
        let values = model.outcomes.iter().map(|outcome| match outcome {
            Outcome::Fitted(fit) => Some(cell(fit)),
            Outcome::None(_) => None,
        });
        columns.push((name, Arc::new(values.collect::<Float64Array>())));
    };
    let mut coefficients = |before: &str, of: &dyn Fn(&Fitted) -> Linear| {
        put(format!("{before}intercept"), &|fit| of(fit).intercept);
        match settings.on.as_slice() {
            [_] => put(format!("{before}slope"), &|fit| of(fit).slopes[0]),
            several => {
                for (i, name) in several.iter().enumerate() {
                    put(format!("{before}slope_{name}"), &|fit| of(fit).slopes[i]);
                }
            }
        }
    };
    coefficients("raw_", &|fit| fit.raw);
    coefficients("", &|fit| fit.linear);
    coefficients("fair_", &|fit| fit.fair);
    put("sum_of_squares".into(), &|fit| fit.objective);
    put("scale".into(), &|fit| fit.scale);
    put("kept".into(), &|fit| f64::from(fit.kept));
    put("spread".into(), &|fit| fit.spread);
    put("power".into(), &|_| model.power);
    let why = model.outcomes.iter().enumerate().map(|(g, outcome)| match outcome {
        Outcome::Fitted(_) => None,
        Outcome::None(reason) => Some(no_line(*reason, model.size(g), settings)),
    });
    columns.push(("no_line".into(), Arc::new(why.collect::<StringArray>())));
    for (name, values) in list_names(settings).into_iter().zip(&model.columns) {
        columns.push((name, lists(&model.starts, values.clone(), groups)));
    }
    columns.push(("facts".into(), model.facts.column(groups, groups, progress)?));
    table(columns, groups)
}

/// Why a group has no line.
pub fn no_line(reason: NoFit, n: usize, settings: &ValueWeight) -> String {
    let one = match settings.on.as_slice() {
        [name] => Some(if name == "net_weight" { "weight" } else { name }),
        _ => None,
    };
    match (reason, one) {
        (NoFit::Few, Some(x)) => format!("{n} shipments with a value and a {x} are too few for a line"),
        (NoFit::Few, None) => {
            format!("{n} shipments with a value, {} are too few for a fit", settings.on.join(", "))
        }
        (NoFit::Tied, Some(x)) => format!("at least half of the {n} shipments have the same {x}"),
        (NoFit::Tied, None) => format!(
            "in at least half of the {n} shipments {} depend on each other, so their slopes cannot be \
             separated",
            settings.on.join(", ")
        ),
        (NoFit::Exact, _) => format!(
            "at least half of the {n} shipments lie exactly on one {}, so the scale is zero",
            if one.is_some() { "line" } else { "plane" }
        ),
    }
}
