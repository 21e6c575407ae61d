//! A complete detector in another crate. It uses only public items.
//!
//! `RoundWeight` measures how round the net weight is. The score is the number of zeros at the end of the weight in
//! kilograms. The p-value is the share of fitted shipments with at least the same number of zeros.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use redlane::detect::registry::Entry;
use redlane::detect::{Detector, Fit, LABEL, Parameters, Registered, SharedFit};
use redlane::error::{Error, Result};
use redlane::evidence::wording::{figure, unusable};
use redlane::evidence::{Evidence, Reader, ScoreColumn, ScoreTable, SharedScores, Verdicts};
use redlane::group::IndexCache;
use redlane::progress::Progress;
use redlane::sample::shipments;
use redlane::screen::screen;
use redlane::state::checked;
use redlane::store::{Role, Shipments};
use redlane::table::{TableSource, table};

/// The largest number of zeros that is counted.
const MOST: usize = 9;

struct RoundWeight {
    least: f64,
}

impl Registered for RoundWeight {
    const NAME: &'static str = "RoundWeight";

    fn of_parameters(parameters: &Parameters) -> Result<RoundWeight> {
        let least = parameters.number("least")?;
        if least.is_nan() || least < 0.0 {
            return Err(Error::Argument(format!("least={least}: give a weight of 0 or more")));
        }
        Ok(RoundWeight { least })
    }
}

impl Detector for RoundWeight {
    fn fit(&self, ships: &Shipments, _cache: &IndexCache, progress: &Progress) -> Result<SharedFit> {
        let weights = ships.store.role_numbers(Role::NetWeight, progress)?;
        let mut counts = [0; MOST + 1];
        for at in 0..ships.len() {
            progress.check()?;
            let weight = weights[ships.rows.row(at)];
            if weight > self.least {
                counts[zeros(weight)] += 1;
            }
        }
        Ok(Arc::new(Model { least: self.least, counts }))
    }

    fn restore(&self, states: &[RecordBatch], _progress: &Progress) -> Result<SharedFit> {
        let mut counts = [0; MOST + 1];
        for state in states {
            let zeros = checked::whole(state, "zeros", 0, Self::NAME)?;
            let held = checked::whole(state, "n", 0, Self::NAME)?;
            for (zeros, n) in zeros.into_iter().zip(held) {
                counts[(zeros as usize).min(MOST)] += n;
            }
        }
        Ok(Arc::new(Model { least: self.least, counts }))
    }
}

/// The number of shipments for each number of zeros.
struct Model {
    least: f64,
    counts: [u64; MOST + 1],
}

impl Fit for Model {
    fn score(self: Arc<Self>, ships: &Shipments, _cache: &IndexCache, progress: &Progress) -> Result<SharedScores> {
        let weights = ships.store.role_numbers(Role::NetWeight, progress)?.to_vec();
        Ok(Arc::new(WeightScores { model: self, ships: ships.clone(), weights }))
    }

    fn state(&self, _progress: &Progress) -> Result<RecordBatch> {
        let zeros: ArrayRef = Arc::new(Int64Array::from_iter_values(0..=MOST as i64));
        let n: ArrayRef = Arc::new(Int64Array::from_iter_values(self.counts.iter().map(|&n| n as i64)));
        table(vec![("zeros".into(), zeros), ("n".into(), n)], MOST + 1)
    }
}

struct WeightScores {
    model: Arc<Model>,
    ships: Shipments,
    weights: Vec<f64>,
}

struct Verdict {
    weight: f64,
    /// The zeros and the p-value of a scored weight.
    scored: Option<(usize, f64)>,
}

impl Verdicts for WeightScores {
    type Verdict = Verdict;

    fn detector(&self) -> &'static str {
        RoundWeight::NAME
    }

    fn ships(&self) -> Option<&Shipments> {
        Some(&self.ships)
    }

    fn verdict(&self, at: usize) -> Verdict {
        let weight = self.weights[self.row(at)];
        let counts = &self.model.counts;
        let scored = (weight > self.model.least).then(|| {
            let zeros = zeros(weight);
            let as_round: u64 = counts[zeros..].iter().sum();
            (zeros, as_round as f64 / counts.iter().sum::<u64>() as f64)
        });
        Verdict { weight, scored }
    }

    fn value(&self, column: ScoreColumn, _at: usize, verdict: &Verdict) -> f64 {
        let Some((zeros, p)) = verdict.scored else { return f64::NAN };
        match column {
            ScoreColumn::Score | ScoreColumn::Observed => zeros as f64,
            ScoreColumn::PValue => p,
            ScoreColumn::Peers => self.model.counts.iter().sum::<u64>() as f64,
            ScoreColumn::Direction | ScoreColumn::Expected => f64::NAN,
        }
    }

    fn peer(&self, _at: usize, _verdict: &Verdict) -> Option<String> {
        Some("all shipments fitted".into())
    }

    fn reason(&self, _at: usize, verdict: &Verdict) -> String {
        match verdict.scored {
            Some((zeros, p)) => format!(
                "net weight {} ends in {zeros} zeros; {} % of shipments end in as many",
                figure(verdict.weight),
                figure(100.0 * p)
            ),
            None => unusable("net_weight", verdict.weight).unwrap_or_else(|| "not scored: too light".into()),
        }
    }

    fn at_stake(&self, _at: usize, _verdict: &Verdict) -> f64 {
        f64::NAN
    }

    fn evidence(&self) -> Vec<Evidence<Self>> {
        let zeros = |_: &Self, _: usize, verdict: &Verdict| verdict.scored.map(|(zeros, _)| zeros as i64);
        vec![Evidence { name: "zeros", read: Reader::Count(zeros) }]
    }
}

/// The number of zeros at the end of a weight.
fn zeros(weight: f64) -> usize {
    let (mut zeros, mut rest) = (0, weight);
    while zeros < MOST && rest.fract() == 0.0 && (rest / 10.0).fract() == 0.0 {
        rest /= 10.0;
        zeros += 1;
    }
    zeros
}

fn read(scores: &SharedScores, rows: Range<usize>) -> RecordBatch {
    ScoreTable(scores.clone()).read(rows, None, &Progress::default()).unwrap()
}

#[test]
fn a_stranger_adds_a_detector() {
    let (progress, cache) = (Progress::default(), IndexCache::default());
    let (ships, _) = made(3_000);
    // The line in the registry.
    let entry = Entry::of::<RoundWeight>();
    assert_eq!(entry.name, "RoundWeight");
    let detector = entry.detector(&Parameters::parse(r#"{"least": 0}"#).unwrap()).unwrap();
    assert!(entry.detector(&Parameters::parse(r#"{"least": -1}"#).unwrap()).is_err());
    assert!(entry.detector(&Parameters::parse(r#"{"least": 0, "most": 1}"#).unwrap()).is_err());

    let (fit, scores) = detector.fit_score(&ships, &cache, &progress).unwrap();
    let table = read(&scores, 0..ships.len());
    let names: Vec<String> = table.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names[..2], ["row", "score"]);
    assert_eq!(names.last().map(String::as_str), Some("zeros"));
    let score = table.column_by_name("score").unwrap().as_primitive::<Float64Type>().clone();
    let zeros = table.column_by_name("zeros").unwrap().as_primitive::<Int64Type>().clone();
    assert!(score.iter().zip(zeros.iter()).all(|(s, z)| s == z.map(|z| z as f64)));

    // States can be merged, name their detector, and reject other parameters.
    let (a, b) = (ships.subset((0..1_000).collect()), ships.subset((1_000..3_000).collect()));
    let state = |ships: &Shipments| {
        let fit = detector.fit(ships, &IndexCache::default(), &progress).unwrap();
        fit.state(&progress).unwrap()
    };
    let both = detector.restore(&[state(&a), state(&b)], &progress).unwrap();
    assert_eq!(both.state(&progress).unwrap(), fit.state(&progress).unwrap());
    assert!(state(&a).column_by_name(LABEL).is_some());
    let other = entry.detector(&Parameters::parse(r#"{"least": 5}"#).unwrap()).unwrap();
    assert!(other.restore(&[state(&a)], &progress).is_err());

    // A screen accepts it like other detectors.
    let (found, untested) = screen(&ships, &[scores], &[1.0], 0.5, &progress).unwrap();
    assert_eq!(found.table.num_rows(), found.rows.len());
    assert!(untested.is_empty(), "it gives p-values");
}

fn made(n: usize) -> (Shipments, RecordBatch) {
    let made = shipments(n, 1, false, &Progress::default()).unwrap();
    (made.ships, made.truth)
}
