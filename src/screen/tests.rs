use std::sync::Arc;

use super::*;
use crate::evidence::{SharedScores, Verdicts};
use crate::store::Store;

/// Scores of shipments with given p-values; every amount at stake is the same.
struct Given {
    ships: Shipments,
    p: Vec<f64>,
}

impl Verdicts for Given {
    type Verdict = ();

    fn detector(&self) -> &'static str {
        "Given"
    }

    fn ships(&self) -> Option<&Shipments> {
        Some(&self.ships)
    }

    fn verdict(&self, _at: usize) {}

    fn value(&self, column: ScoreColumn, at: usize, _verdict: &()) -> f64 {
        if column == ScoreColumn::PValue { self.p[at] } else { 1.0 }
    }

    fn peer(&self, _at: usize, _verdict: &()) -> Option<String> {
        None
    }

    fn reason(&self, at: usize, _verdict: &()) -> String {
        format!("reason {at}")
    }

    fn at_stake(&self, _at: usize, _verdict: &()) -> f64 {
        1.0
    }
}

fn screened(p: &[Vec<f64>]) -> (Findings, Vec<(usize, Untested)>) {
    let ships = Shipments::all(Store::new(Vec::new(), p[0].len()).unwrap());
    let scores: Vec<SharedScores> =
        p.iter().map(|p| Arc::new(Given { ships: ships.clone(), p: p.clone() }) as SharedScores).collect();
    screen(&ships, &scores, &vec![10.0; p.len()], 0.05, &Progress::default()).unwrap()
}

#[test]
fn a_detector_without_p_values_is_no_family() {
    let signal = vec![1e-6, 0.3, 0.6, 0.9];
    let (alone, untested) = screened(std::slice::from_ref(&signal));
    assert_eq!(alone.rows, [vec![0]]);
    assert!(untested.is_empty());
    let (with_ranking, untested) = screened(&[signal.clone(), vec![f64::NAN; 4]]);
    assert_eq!(untested, [(1, Untested::Ranking)]);
    assert_eq!(with_ranking.table, alone.table);
    assert_eq!(with_ranking.tests, [1]);
    // A second family halves the level, and counts as a test of the shipment.
    let (with_family, _) = screened(&[signal, vec![0.5; 4]]);
    assert_eq!(with_family.tests, [2]);
    let q = |found: &Findings| found.table.column_by_name("q_value").map(numbers_of).unwrap_or_default();
    assert_eq!(q(&with_family)[0], 2.0 * q(&alone)[0]);
    let gathered = by_shipment(&with_family, &Progress::default()).unwrap();
    assert_eq!(gathered.column_by_name("p_value").map(numbers_of), Some(vec![2e-6]));
}

fn numbers_of(column: &ArrayRef) -> Vec<f64> {
    use arrow::array::AsArray;
    column.as_primitive::<arrow::datatypes::Float64Type>().values().to_vec()
}

#[test]
fn shares_are_of_a_known_total_or_of_the_value() {
    assert_eq!(share(5.0, 20.0, 3.0, 6.0), 0.25);
    assert_eq!(share(f64::NAN, 20.0, 3.0, 6.0), 0.5);
    assert_eq!(share(5.0, f64::NAN, 3.0, 6.0), 0.5);
    assert_eq!(share(5.0, -20.0, -3.0, 6.0), 0.0);
    assert!(share(5.0, 0.0, f64::NAN, 6.0).is_nan());
}
