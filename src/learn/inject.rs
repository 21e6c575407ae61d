//! Known anomalies planted among real shipments.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, StringViewArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Field, Schema};

use crate::error::{Error, Result};
use crate::ingest::{reading, rebuild};
use crate::progress::Progress;
use crate::sample::Sample;
use crate::sample::random::Random;
use crate::store::{NULL_DAY, Role, Shipments, contents};
use crate::table::table;

/// The largest number of records added.
const MOST_ADDED: f64 = 10_000_000.0;

pub const PATTERNS: [&str; 6] = ["overvalued", "undervalued", "duplicate", "split", "mislabelled", "newcomer"];

/// A copy of the shipments with `n` anomalies of one pattern. Changed rows keep their place; added rows are at the end.
pub fn inject(
    ships: &Shipments,
    pattern: &str,
    n: usize,
    strength: f64,
    seed: u64,
    progress: &Progress,
) -> Result<Sample> {
    let Some(stream) = PATTERNS.iter().position(|p| *p == pattern) else {
        return Err(Error::Argument(format!("pattern={pattern:?} is not known; use one of {}", PATTERNS.join(", "))));
    };
    if !(strength.is_finite() && strength > 1.0) {
        return Err(Error::Argument(format!(
            "strength={strength}: give a number above 1, such as 5 (times the price, or as many records)"
        )));
    }
    let adds = matches!(pattern, "duplicate" | "split");
    if adds && (n as f64) * (strength.max(2.0) - 1.0) > MOST_ADDED {
        return Err(Error::Argument(format!(
            "n={n} with strength={strength} would add more than {MOST_ADDED} records; give fewer"
        )));
    }
    progress.begin("planting", 0);
    let batch = ships.original(progress)?;
    let mut made = Injection::new(ships, n, Random::new(seed, 100 + stream as u64, 0), progress)?;
    match pattern {
        "overvalued" => made.reprice(strength, progress)?,
        "undervalued" => made.reprice(1.0 / strength, progress)?,
        "duplicate" => made.repeat(strength as usize, progress)?,
        "split" => made.split(strength as usize, progress)?,
        "mislabelled" => made.relabel(progress)?,
        _ => made.newcomers(strength as usize, progress)?,
    }
    made.build(ships, &batch, pattern, progress)
}

struct Injection {
    n: usize,
    random: Random,
    /// The numbers of the roles by position, in the units of the source.
    value: Option<Vec<f64>>,
    weight: Option<Vec<f64>>,
    quantity: Option<Vec<f64>>,
    hs: Option<Vec<Option<String>>>,
    importer: Option<Vec<Option<String>>>,
    days: Option<Vec<i32>>,
    /// Positions sorted by the content of the records, and the rank of each. The choice then does not depend on the
    /// order of records.
    order: Vec<u32>,
    rank: Vec<u32>,
    /// The original position of each row.
    from: Vec<u32>,
    planted: Vec<usize>,
    /// The roles that were changed.
    changed: Vec<Role>,
}

impl Injection {
    fn new(ships: &Shipments, n: usize, random: Random, progress: &Progress) -> Result<Injection> {
        let numbers = |role: Role| -> Result<Option<Vec<f64>>> {
            let Some(assigned) = ships.store.role(role) else { return Ok(None) };
            let values = ships.store.role_numbers(role, progress)?;
            Ok(Some(ships.rows.iter().map(|row| values[row] / assigned.factor).collect()))
        };
        let texts = |role: Role| -> Result<Option<Vec<Option<String>>>> {
            if ships.store.role(role).is_none() {
                return Ok(None);
            }
            let codes = ships.store.role_codes(role, progress)?;
            let labels = crate::store::label_texts(&codes)?;
            let text = |row: usize| labels.get(codes.ids[row] as usize).cloned().flatten();
            Ok(Some(ships.rows.iter().map(text).collect()))
        };
        let days = match ships.store.role(Role::Date) {
            Some(_) => {
                let days = ships.store.days(progress)?;
                Some(ships.rows.iter().map(|row| days[row]).collect())
            }
            None => None,
        };
        let content = contents(ships, progress)?;
        let mut order: Vec<u32> = (0..ships.len() as u32).collect();
        order.sort_unstable_by_key(|&at| (content[at as usize], at));
        let mut rank = vec![0; order.len()];
        order.iter().zip(0..).for_each(|(&at, place)| rank[at as usize] = place);
        Ok(Injection {
            n,
            random,
            order,
            rank,
            value: numbers(Role::Value)?,
            weight: numbers(Role::NetWeight)?,
            quantity: numbers(Role::Quantity)?,
            hs: texts(Role::Hs)?,
            importer: texts(Role::Importer)?,
            days,
            from: (0..ships.len() as u32).collect(),
            planted: Vec::new(),
            changed: Vec::new(),
        })
    }

    /// `n` distinct positions that are able, in the order of their content.
    fn choose(&mut self, able: impl Fn(&Injection, usize) -> bool, progress: &Progress) -> Result<Vec<usize>> {
        let fits = |at: &usize| !progress.stopped() && able(self, *at);
        let mut able: Vec<usize> = self.order.iter().map(|&at| at as usize).filter(fits).collect();
        progress.check()?;
        if able.len() < self.n {
            return Err(Error::Argument(format!(
                "n={} anomalies do not fit: only {} shipments have what the pattern changes",
                self.n,
                able.len()
            )));
        }
        for k in 0..self.n {
            let other = k + self.random.below(able.len() - k);
            able.swap(k, other);
        }
        able.truncate(self.n);
        able.sort_unstable_by_key(|&at| self.rank[at]);
        Ok(able)
    }

    fn priced(&self, at: usize) -> bool {
        let positive = |values: &Option<Vec<f64>>| values.as_ref().is_none_or(|v| v[at] > 0.0 && v[at].is_finite());
        self.value.is_some() && positive(&self.value) && positive(&self.weight)
    }

    fn need(&self, there: bool, role: Role) -> Result<()> {
        if there {
            return Ok(());
        }
        Err(Error::MissingColumn(format!("no column has the role {:?}, which the pattern changes", role.name())))
    }

    fn reprice(&mut self, factor: f64, progress: &Progress) -> Result<()> {
        self.need(self.value.is_some(), Role::Value)?;
        let chosen = self.choose(|i, at| i.priced(at), progress)?;
        if let Some(values) = &mut self.value {
            for &at in &chosen {
                let value = values[at] * factor;
                if !value.is_normal() {
                    return Err(Error::Argument(format!(
                        "the strength turns a value of {} into {value}; give a smaller one",
                        values[at]
                    )));
                }
                values[at] = value;
            }
        }
        self.changed.push(Role::Value);
        self.planted = chosen;
        self.planted.sort_unstable();
        Ok(())
    }

    fn copy(&mut self, at: usize) -> usize {
        let source = self.from[at];
        self.from.push(source);
        for numbers in [&mut self.value, &mut self.weight, &mut self.quantity].into_iter().flatten() {
            numbers.push(numbers[at]);
        }
        for texts in [&mut self.hs, &mut self.importer].into_iter().flatten() {
            texts.push(texts[at].clone());
        }
        if let Some(days) = &mut self.days {
            days.push(days[at]);
        }
        self.from.len() - 1
    }

    /// `times` equal records instead of one.
    fn repeat(&mut self, times: usize, progress: &Progress) -> Result<()> {
        let chosen = self.choose(|_, _| true, progress)?;
        for at in chosen {
            self.planted.push(at);
            for _ in 1..times.max(2) {
                progress.check()?;
                let copy = self.copy(at);
                self.planted.push(copy);
            }
        }
        Ok(())
    }

    /// One consignment in several parts of about equal size.
    fn split(&mut self, parts: usize, progress: &Progress) -> Result<()> {
        self.need(self.value.is_some(), Role::Value)?;
        let parts = parts.max(2);
        for at in self.choose(|i, at| i.priced(at), progress)? {
            progress.check()?;
            let shares: Vec<f64> = (0..parts).map(|_| self.random.between(0.97, 1.0)).collect();
            let total: f64 = shares.iter().sum();
            let places: Vec<usize> = (0..parts).map(|k| if k == 0 { at } else { self.copy(at) }).collect();
            for numbers in [&mut self.value, &mut self.weight, &mut self.quantity].into_iter().flatten() {
                let whole = numbers[at];
                places.iter().zip(&shares).for_each(|(&place, share)| numbers[place] = whole * share / total);
            }
            self.planted.extend(places);
        }
        self.changed.extend([Role::Value, Role::NetWeight, Role::Quantity]);
        Ok(())
    }

    /// Replaces the code by that of a shipment of another heading.
    fn relabel(&mut self, progress: &Progress) -> Result<()> {
        self.need(self.hs.is_some(), Role::Hs)?;
        let chosen = self.choose(|i, at| i.hs.as_ref().is_some_and(|hs| hs[at].is_some()), progress)?;
        let originals = self.hs.clone().unwrap_or_default();
        let heading = |code: &str| code.get(..4).unwrap_or(code).to_owned();
        for &at in &chosen {
            progress.check()?;
            let own = originals[at].clone().unwrap_or_default();
            for _ in 0..1000 {
                let other = originals[self.order[self.random.below(originals.len())] as usize].clone();
                if other.as_deref().is_some_and(|other| heading(other) != heading(&own)) {
                    if let Some(hs) = &mut self.hs {
                        hs[at] = other;
                    }
                    break;
                }
            }
        }
        self.changed.push(Role::Hs);
        self.planted = chosen;
        self.planted.sort_unstable();
        Ok(())
    }

    /// `n` new firms, each with some of the latest shipments of one code.
    fn newcomers(&mut self, records: usize, progress: &Progress) -> Result<()> {
        self.need(self.importer.is_some(), Role::Importer)?;
        let Some(days) = &self.days else { return self.need(false, Role::Date) };
        let mut known: Vec<i32> = days.iter().copied().filter(|&d| d != NULL_DAY).collect();
        known.sort_unstable();
        let Some(&late) = known.get(known.len() * 9 / 10) else {
            return Err(Error::Argument("no shipment has a date, so none is late".into()));
        };
        let chosen = self.choose(|i, at| i.days.as_ref().is_some_and(|d| d[at] >= late), progress)?;
        let code = |i: &Injection, at: usize| i.hs.as_ref().and_then(|hs| hs[at].clone());
        // The latest shipments of each code.
        let mut of_code: HashMap<Option<String>, Vec<usize>> = HashMap::new();
        for o in self.order.iter().map(|&at| at as usize).filter(|&o| self.days.as_ref().is_some_and(|d| d[o] >= late))
        {
            progress.check()?;
            of_code.entry(code(self, o)).or_default().push(o);
        }
        let mut planted = vec![false; self.from.len()];
        for (k, at) in chosen.into_iter().enumerate() {
            progress.check()?;
            let latest = of_code.get(&code(self, at)).map_or(&[][..], Vec::as_slice);
            let mut others: Vec<usize> = latest.iter().copied().filter(|&o| !planted[o]).collect();
            let mut taken = vec![at];
            while taken.len() < records.max(2) && !others.is_empty() {
                let next = others.swap_remove(self.random.below(others.len()));
                if next != at {
                    taken.push(next);
                }
            }
            if let Some(importer) = &mut self.importer {
                taken.iter().for_each(|&at| importer[at] = Some(format!("Injected Newcomer {k}")));
            }
            taken.iter().for_each(|&at| planted[at] = true);
            self.planted.extend(taken);
        }
        self.changed.push(Role::Importer);
        self.planted.sort_unstable();
        self.planted.dedup();
        Ok(())
    }

    fn build(self, ships: &Shipments, batch: &RecordBatch, pattern: &str, progress: &Progress) -> Result<Sample> {
        let from = UInt32Array::from(self.from.clone());
        let column_of = |role: Role| ships.store.role(role).map(|a| a.column);
        let mut arrays: Vec<ArrayRef> = Vec::new();
        let mut fields: Vec<Field> = Vec::new();
        for (c, (array, field)) in batch.columns().iter().zip(batch.schema().fields()).enumerate() {
            progress.check()?;
            let role = self.changed.iter().find(|r| column_of(**r) == Some(c));
            let made: ArrayRef = match role {
                Some(Role::Value) => numbers(&self.value, array, &from)?,
                Some(Role::NetWeight) => numbers(&self.weight, array, &from)?,
                Some(Role::Quantity) => numbers(&self.quantity, array, &from)?,
                Some(Role::Hs) => texts(&self.hs, array, &from)?,
                Some(Role::Importer) => texts(&self.importer, array, &from)?,
                _ => take(array, &from, None)?,
            };
            fields.push(Field::new(field.name(), made.data_type().clone(), true));
            arrays.push(made);
        }
        let schema = Arc::new(Schema::new(fields));
        let whole = RecordBatch::try_new(schema.clone(), arrays)?;
        let read = reading(&ships.store, progress)?;
        let totals = self.totals(ships);
        let changed = rebuild(&schema, &[whole], read, Vec::new(), Vec::new(), totals, progress)?;
        let rows: Int64Array = self.planted.iter().map(|&row| Some(row as i64)).collect();
        let patterns: StringArray = self.planted.iter().map(|_| Some(pattern)).collect();
        let truth = table(
            vec![("row".into(), Arc::new(rows) as ArrayRef), ("pattern".into(), Arc::new(patterns) as ArrayRef)],
            self.planted.len(),
        )?;
        Ok(Sample { ships: changed, truth })
    }

    /// Copies of totals are totals.
    fn totals(&self, ships: &Shipments) -> Vec<(String, Vec<u32>)> {
        let old = ships.total_rows();
        let copies = |rows: Vec<u32>| {
            let is = |at: &usize| rows.binary_search(&self.from[*at]).is_ok();
            (0..self.from.len()).filter(is).map(|at| at as u32).collect()
        };
        old.into_iter().map(|(reason, rows)| (reason, copies(rows))).collect()
    }
}

fn numbers(values: &Option<Vec<f64>>, old: &ArrayRef, from: &UInt32Array) -> Result<ArrayRef> {
    Ok(match values {
        Some(values) => Arc::new(values.iter().map(|v| (!v.is_nan()).then_some(*v)).collect::<Float64Array>()),
        None => take(old, from, None)?,
    })
}

fn texts(values: &Option<Vec<Option<String>>>, old: &ArrayRef, from: &UInt32Array) -> Result<ArrayRef> {
    Ok(match values {
        Some(values) => Arc::new(values.iter().cloned().collect::<StringViewArray>()),
        None => take(old, from, None)?,
    })
}
