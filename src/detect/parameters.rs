//! The parameters of a detector by name: as they come from outside, and as a state keeps them.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::store::{Every, Period, iso};

/// The given parameters. Each one that a detector reads is kept in its normal form, so that different ways to write the
/// same value (`"hs6"` and `["hs6"]`) are equal.
pub struct Parameters {
    given: Map<String, Value>,
    taken: RefCell<Map<String, Value>>,
}

impl Parameters {
    /// From the text of a JSON object.
    pub fn parse(text: &str) -> Result<Parameters> {
        let value = serde_json::from_str(text);
        Parameters::of(value.map_err(|error| Error::Argument(format!("parameters are not JSON: {error}")))?)
    }

    /// From a JSON object.
    pub fn of(value: Value) -> Result<Parameters> {
        match value {
            Value::Object(given) => Ok(Parameters { given, taken: RefCell::default() }),
            _ => Err(Error::Argument("parameters are a JSON object".into())),
        }
    }

    /// The parameters that were read, in the order of their names.
    pub fn normalised(&self) -> Map<String, Value> {
        self.taken.borrow().clone()
    }

    /// An error if a given parameter was not read.
    pub fn finish(&self, detector: &str) -> Result<()> {
        let taken = self.taken.borrow();
        match self.given.keys().find(|name| !taken.contains_key(*name)) {
            None => Ok(()),
            Some(name) => {
                let known: Vec<&str> = taken.keys().map(String::as_str).collect();
                Err(Error::Argument(format!("{detector} has no parameter {name:?}; it has {}", known.join(", "))))
            }
        }
    }

    fn value(&self, name: &str) -> Result<&Value> {
        self.given.get(name).ok_or_else(|| Error::Argument(format!("the parameter {name:?} is missing")))
    }

    fn keep<T>(&self, name: &str, value: Value, made: T) -> T {
        self.taken.borrow_mut().insert(name.to_owned(), value);
        made
    }

    fn expected(name: &str, value: &Value, what: &str) -> Error {
        Error::Argument(format!("{name}={value}: {what} is expected"))
    }

    fn optional<T>(&self, name: &str, read: fn(&Parameters, &str) -> Result<T>) -> Result<Option<T>> {
        match self.value(name)? {
            Value::Null => Ok(self.keep(name, Value::Null, None)),
            _ => read(self, name).map(Some),
        }
    }

    pub fn text(&self, name: &str) -> Result<String> {
        let value = self.value(name)?;
        let text = value.as_str().ok_or_else(|| Parameters::expected(name, value, "a text"))?;
        Ok(self.keep(name, json!(text), text.to_owned()))
    }

    pub fn flag(&self, name: &str) -> Result<bool> {
        let value = self.value(name)?;
        let flag = value.as_bool().ok_or_else(|| Parameters::expected(name, value, "True or False"))?;
        Ok(self.keep(name, json!(flag), flag))
    }

    /// A name or a list of names.
    pub fn names(&self, name: &str) -> Result<Vec<String>> {
        let names = list_of_names(name, self.value(name)?)?;
        Ok(self.keep(name, json!(names), names))
    }

    /// The same, or none.
    pub fn optional_names(&self, name: &str) -> Result<Option<Vec<String>>> {
        self.optional(name, Parameters::names)
    }

    /// Lists of names, each of which may be a single name.
    pub fn levels(&self, name: &str) -> Result<Vec<Vec<String>>> {
        let value = self.value(name)?;
        let lists = value.as_array().ok_or_else(|| Parameters::expected(name, value, "a list of lists of names"))?;
        let levels: Vec<Vec<String>> = lists.iter().map(|list| list_of_names(name, list)).collect::<Result<_>>()?;
        Ok(self.keep(name, json!(levels), levels))
    }

    /// One of several words.
    pub fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<T> {
        let text = self.text(name)?;
        choices.iter().find(|(word, _)| *word == text).map(|(_, chosen)| *chosen).ok_or_else(|| {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
            let (last, others) = words.split_last().map_or(("", &[][..]), |(last, others)| (last.as_str(), others));
            Error::Argument(format!("{name}={text:?} is not known; use {} or {last}", others.join(", ")))
        })
    }

    fn whole(&self, name: &str, range: RangeInclusive<i128>) -> Result<i128> {
        let value = self.value(name)?;
        let expected = || Parameters::expected(name, value, "a whole number");
        let number = value.as_number().ok_or_else(expected)?;
        let whole = match (number.as_i128(), number.as_f64()) {
            (Some(whole), _) => whole,
            (None, Some(x)) if x.fract() == 0.0 => x as i128,
            _ => return Err(expected()),
        };
        if !range.contains(&whole) {
            return Err(Error::outside(name, number, &range));
        }
        Ok(whole)
    }

    /// A number of things, limited by the possible number of rows.
    pub fn count(&self, name: &str) -> Result<usize> {
        let count = self.whole(name, 0..=u32::MAX.into())? as usize;
        Ok(self.keep(name, json!(count), count))
    }

    /// A number of days, positive or negative.
    pub fn days(&self, name: &str) -> Result<i32> {
        let days = self.whole(name, i32::MIN.into()..=i32::MAX.into())? as i32;
        Ok(self.keep(name, json!(days), days))
    }

    pub fn seed(&self, name: &str) -> Result<u64> {
        let seed = self.whole(name, 0..=u64::MAX.into())? as u64;
        Ok(self.keep(name, json!(seed), seed))
    }

    /// Any number. JSON has no NaN and no infinity, so these come as texts.
    pub fn number(&self, name: &str) -> Result<f64> {
        let value = self.value(name)?;
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
        let number = number.ok_or_else(|| Parameters::expected(name, value, "a number"))?;
        let kept = if number.is_finite() { json!(number) } else { json!(number.to_string()) };
        Ok(self.keep(name, kept, number))
    }

    pub fn optional_number(&self, name: &str) -> Result<Option<f64>> {
        self.optional(name, Parameters::number)
    }

    /// A kind of period, such as `"month"`.
    pub fn every(&self, name: &str) -> Result<Every> {
        let every = Every::asked(&self.text(name)?)?;
        Ok(self.keep(name, json!(every.name()), every))
    }

    /// A single day.
    pub fn day(&self, name: &str) -> Result<i32> {
        let text = self.text(name)?;
        let day = Period::window(name, &text, &text)?.first;
        Ok(self.keep(name, json!(iso(day)), day))
    }

    /// A text such as `"2023-Q2"`, a pair of texts, or nothing.
    pub fn window(&self, name: &str) -> Result<Option<Period>> {
        let value = self.value(name)?;
        let expected =
            || Parameters::expected(name, value, "a window, a pair (first, last) or a text such as \"2023\",");
        // A year may come as a number.
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(year) => Some(year.to_string()),
            _ => None,
        };
        let (first, last) = match value {
            Value::Null => return Ok(self.keep(name, Value::Null, None)),
            Value::Array(pair) => match pair.as_slice() {
                [first, last] => text(first).zip(text(last)).ok_or_else(expected)?,
                _ => return Err(expected()),
            },
            one => text(one).map(|text| (text.clone(), text)).ok_or_else(expected)?,
        };
        let window = Period::window(name, &first, &last)?;
        Ok(self.keep(name, json!([iso(window.first), iso(window.last)]), Some(window)))
    }

    /// Names with days, sorted.
    pub fn dated_names(&self, name: &str) -> Result<Vec<(String, i32)>> {
        let value = self.value(name)?;
        let expected = || Parameters::expected(name, value, "pairs of a name and a date");
        let pairs = match value {
            Value::Null => return Ok(self.keep(name, Value::Null, Vec::new())),
            value => value.as_array().ok_or_else(expected)?,
        };
        let mut dated: Vec<(String, i32)> = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let Some([Value::String(entity), Value::String(date)]) = pair.as_array().map(Vec::as_slice) else {
                return Err(expected());
            };
            dated.push((entity.clone(), Period::window(name, date, date)?.first));
        }
        dated.sort();
        let kept: Vec<Value> = dated.iter().map(|(entity, day)| json!([entity, iso(*day)])).collect();
        Ok(self.keep(name, json!(kept), dated))
    }
}

fn list_of_names(name: &str, value: &Value) -> Result<Vec<String>> {
    let wrong = || Error::Argument(format!("{name} is a name or a list of names, not {value}"));
    match value {
        Value::String(one) => Ok(vec![one.clone()]),
        Value::Array(list) => {
            list.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect::<Result<_>>()
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_of_writing_the_same_are_equal() {
        let normal = |text: &str| {
            let given = Parameters::parse(text).unwrap();
            given.names("by").unwrap();
            given.count("n").unwrap();
            given.window("current").unwrap();
            given.finish("Test").unwrap();
            given.normalised()
        };
        let one = normal(r#"{"by": "hs6", "n": 20, "current": "2023"}"#);
        assert_eq!(one, normal(r#"{"by": ["hs6"], "n": 20.0, "current": ["2023-01-01", "2023-12-31"]}"#));
        assert_ne!(one, normal(r#"{"by": ["hs4"], "n": 20, "current": "2023"}"#));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let given = Parameters::parse(r#"{"by": 5, "n": 1.5, "log": "yes", "m": -1, "extra": 1}"#).unwrap();
        let error = |made: Result<()>| made.unwrap_err().to_string();
        assert_eq!(error(given.names("by").map(|_| ())), "by is a name or a list of names, not 5");
        assert_eq!(error(given.count("n").map(|_| ())), "n=1.5: a whole number is expected");
        assert_eq!(error(given.flag("log").map(|_| ())), "log=\"yes\": True or False is expected");
        assert_eq!(error(given.count("m").map(|_| ())), "m=-1: give a whole number from 0 to 4294967295");
        assert!(error(given.finish("Test")).contains("has no parameter"));
    }
}
