//! The tests of one detector: one p-value for each subject.

use crate::calibrate::{LocalRate, ascending, benjamini_hochberg_in, simes};
use crate::error::Result;
use crate::evidence::{Column, ScoreColumn, SharedScores};
use crate::group::GroupKeys;
use crate::progress::Progress;

/// The key that divides the rows of one flow.
const PERIOD: &str = "period";

/// The tests of a detector.
pub struct Family {
    /// The row of the scores that stands for each subject; `None` if every row is a subject.
    rows: Option<Vec<u32>>,
    /// The p-value of each subject, NaN if it is not tested.
    pub p: Vec<f64>,
    /// How many subjects are tested.
    pub tested: usize,
    pub local: LocalRate,
}

impl Family {
    /// The tests, and their q-values within the detector.
    pub fn of(scores: &SharedScores, progress: &Progress) -> Result<(Family, Vec<f64>)> {
        let p = scores.values(ScoreColumn::PValue, 0..scores.len(), progress)?;
        let (rows, p) = match subjects(scores, progress)? {
            Some(subjects) => {
                let (rows, p) = one_each(&p, &subjects);
                (Some(rows), p)
            }
            None => (None, p),
        };
        progress.check()?;
        let order = ascending(&p);
        let q = benjamini_hochberg_in(&p, &order);
        let local = LocalRate::of(order.iter().map(|&at| p[at as usize]));
        Ok((Family { rows, tested: order.len(), p, local }, q))
    }

    /// The row of the scores that stands for a subject.
    pub fn row(&self, subject: usize) -> usize {
        self.rows.as_ref().map_or(subject, |rows| rows[subject] as usize)
    }
}

/// The number of the subject of each row, if several rows can have one subject: those of a flow and its periods.
fn subjects(scores: &SharedScores, progress: &Progress) -> Result<Option<Vec<u32>>> {
    let keys = scores.keys();
    if scores.ships().is_some() || scores.groups().is_some() || keys.last().is_none_or(|key| key.name() != PERIOD) {
        return Ok(None);
    }
    let names: Vec<String> = keys[..keys.len() - 1].iter().map(|key| key.name().clone()).collect();
    if names.is_empty() {
        return Ok(Some(vec![0; scores.len()]));
    }
    let columns: Vec<Column> = (0..names.len()).map(Column::Key).collect();
    let labels = scores.read(&columns, 0..scores.len(), progress)?.into_iter().map(|labels| vec![labels]);
    let group_keys = GroupKeys::of_columns(&names, &labels.collect::<Vec<_>>(), scores.len(), progress)?;
    Ok(Some(group_keys.distinct()?.1))
}

/// The row with the smallest p-value of each subject, and the Simes p-value of all its rows. Subjects without a
/// p-value are left out.
fn one_each(p: &[f64], subjects: &[u32]) -> (Vec<u32>, Vec<f64>) {
    let mut tests: Vec<(u32, u32)> =
        (0..).zip(subjects).filter(|(row, _)| !p[*row as usize].is_nan()).map(|(row, s)| (*s, row)).collect();
    tests.sort_unstable();
    let smallest = |of: &[(u32, u32)]| {
        let by_p = |a: &&(u32, u32), b: &&(u32, u32)| p[a.1 as usize].total_cmp(&p[b.1 as usize]).then(a.1.cmp(&b.1));
        of.iter().min_by(by_p).map_or(0, |test| test.1)
    };
    let mut own: Vec<f64> = Vec::new();
    let mut one = |of: &[(u32, u32)]| {
        own.clear();
        own.extend(of.iter().map(|test| p[test.1 as usize]));
        (smallest(of), simes(&mut own))
    };
    tests.chunk_by(|a, b| a.0 == b.0).map(&mut one).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_has_one_p_value_and_its_strongest_period() {
        let p = [0.4, 0.01, f64::NAN, 0.3, f64::NAN, 0.2, 0.2];
        let (rows, p) = one_each(&p, &[1, 0, 0, 0, 3, 2, 2]);
        assert_eq!(rows, [1, 0, 5]);
        assert_eq!(p, [0.02, 0.4, 0.2]);
    }
}
