//! A detector whose states name the detector, its parameters and the version of the state.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringViewArray, UInt32Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::{Map, Value, json};

use super::skip_totals;
use super::traits::{Detector, Fit, LevelTails, SharedFit};
use crate::error::{Error, Result};
use crate::evidence::SharedScores;
use crate::group::IndexCache;
use crate::progress::Progress;
use crate::store::Shipments;

/// The version of states. It increases when earlier states can no longer be read.
const VERSION: u64 = 1;
/// The column with the label. It is the same in every row, so that it survives pandas, polars and files.
pub const LABEL: &str = "fitted_by";

pub struct Labelled {
    detector: Box<dyn Detector>,
    label: Arc<Label>,
}

struct Label {
    name: &'static str,
    /// The name, the version and the parameters.
    content: Map<String, Value>,
}

impl Labelled {
    pub fn new(name: &'static str, detector: Box<dyn Detector>, parameters: &Map<String, Value>) -> Labelled {
        let mut content = Map::new();
        content.insert("detector".into(), json!(name));
        content.insert("version".into(), json!(VERSION));
        content.insert("parameters".into(), json!(parameters));
        Labelled { detector, label: Arc::new(Label { name, content }) }
    }

    /// The name, the version and the parameters as JSON. Equal detectors have equal labels.
    pub fn label(&self) -> String {
        Value::Object(self.label.content.clone()).to_string()
    }

    fn labelled(&self, fit: SharedFit) -> SharedFit {
        Arc::new(LabelledFit { fit, label: self.label.clone() })
    }
}

impl Detector for Labelled {
    fn fit(&self, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        Ok(self.labelled(skip_totals::fit(&*self.detector, ships, cache, progress)?))
    }

    fn fit_score(
        &self,
        ships: &Shipments,
        cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(SharedFit, SharedScores)> {
        let (fit, scores) = skip_totals::fit_score(&*self.detector, ships, cache, progress)?;
        Ok((self.labelled(fit), scores))
    }

    /// States without a label are accepted: those of version 0.1.0 have none.
    fn restore(&self, states: &[RecordBatch], progress: &Progress) -> Result<SharedFit> {
        for state in states {
            progress.check()?;
            if let Some(column) = state.column_by_name(LABEL) {
                self.label.check(column, state)?;
            }
        }
        Ok(self.labelled(self.detector.restore(states, progress)?))
    }
}

impl Label {
    /// Every row must be of this detector with these parameters, and each state must be whole.
    fn check(&self, column: &ArrayRef, state: &RecordBatch) -> Result<()> {
        let texts = cast(column, &DataType::Utf8View)
            .map_err(|_| Error::Argument(format!("the column {LABEL:?} of the state holds no texts")))?;
        let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
        for text in texts.as_string_view().iter().flatten() {
            *rows.entry(text).or_default() += 1;
        }
        rows.into_iter().try_for_each(|(text, rows)| self.compare(text, rows, state))
    }

    /// What differs between a label of so many rows and this one, as an error.
    fn compare(&self, text: &str, rows: usize, state: &RecordBatch) -> Result<()> {
        let name = self.name;
        let bad = |what: String| Error::Argument(format!("{what}; pass tables that state() of a {name} returned"));
        let theirs: Value = serde_json::from_str(text).map_err(|_| bad(format!("{LABEL:?} holds {text:?}")))?;
        match theirs["detector"].as_str() {
            Some(other) if other == name => {}
            Some(other) => return Err(bad(format!("the state is one of {other}"))),
            None => return Err(bad(format!("{LABEL:?} holds {text:?}"))),
        }
        if theirs["version"] != self.content["version"] {
            return Err(Error::Argument(format!(
                "the state has version {}, and this redlane reads version {VERSION}; fit {name} again",
                theirs["version"]
            )));
        }
        let (Some(given), Some(own)) = (theirs["parameters"].as_object(), self.content["parameters"].as_object())
        else {
            return Err(bad(format!("{LABEL:?} holds {text:?}")));
        };
        let mut names: Vec<&String> = own.keys().chain(given.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
        let differing: Vec<String> = names
            .into_iter()
            .filter(|key| own.get(*key) != given.get(*key))
            .map(|key| format!("{key}={}, not {}", shown(given.get(key)), shown(own.get(key))))
            .collect();
        if !differing.is_empty() {
            return Err(Error::Argument(format!(
                "the state was fitted by {name} with {}; pass the same parameters",
                differing.join("; ")
            )));
        }
        let columns = theirs["columns"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(missing) = columns.into_iter().find(|name| state.column_by_name(name).is_none()) {
            return Err(bad(format!("the state has no column {missing:?}")));
        }
        match theirs["rows"].as_u64() {
            Some(whole) if whole != rows as u64 => {
                Err(Error::Argument(format!("the state has {rows} rows of {whole}; pass each state whole and once")))
            }
            _ => Ok(()),
        }
    }
}

struct LabelledFit {
    fit: SharedFit,
    label: Arc<Label>,
}

impl Fit for LabelledFit {
    fn calibration(&self) -> Vec<LevelTails<'_>> {
        self.fit.calibration()
    }

    fn score(self: Arc<Self>, ships: &Shipments, cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        skip_totals::score(self.fit.clone(), ships, cache, progress)
    }

    /// The state with the label as its last column.
    fn state(&self, progress: &Progress) -> Result<RecordBatch> {
        let state = self.fit.state(progress)?;
        let mut content = self.label.content.clone();
        content.insert("rows".into(), json!(state.num_rows()));
        let names: Vec<&String> = state.schema_ref().fields().iter().map(|field| field.name()).collect();
        content.insert("columns".into(), json!(names));
        // The text is stored once for all rows.
        let one = StringViewArray::from(vec![Value::Object(content).to_string().as_str()]);
        let label = take(&one, &UInt32Array::from(vec![0; state.num_rows()]), None)?;
        let mut fields = state.schema().fields().to_vec();
        fields.push(Arc::new(Field::new(LABEL, DataType::Utf8View, true)));
        let mut columns = state.columns().to_vec();
        columns.push(label);
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
    }
}
