//! Rows that are sums of other rows: all partners, all goods, the line of totals below a table.

use rayon::prelude::*;

/// The rows of a source that are totals of its other rows, and why.
#[derive(Debug, Default)]
pub struct Totals {
    /// The reasons, in words that follow "the row".
    pub(super) reasons: Vec<String>,
    /// For each row of the source 0, or one plus the position of its reason. Empty if there are no totals.
    pub(super) marks: Vec<u8>,
}

/// The largest number of different reasons; further ones count as the last.
const MOST: usize = u8::MAX as usize;

impl Totals {
    /// Rows with their reasons. The first reason of a row is kept.
    pub fn of(rows: usize, reasons: impl IntoIterator<Item = (String, Vec<u32>)>) -> Totals {
        let mut made = Totals::default();
        for (reason, marked) in reasons {
            if marked.is_empty() {
                continue;
            }
            if made.marks.is_empty() {
                made.marks = vec![0; rows];
            }
            if made.reasons.len() < MOST {
                made.reasons.push(reason);
            }
            let mark = made.reasons.len() as u8;
            for row in marked {
                if let Some(place) = made.marks.get_mut(row as usize).filter(|m| **m == 0) {
                    *place = mark;
                }
            }
        }
        made
    }

    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    pub fn contains(&self, row: usize) -> bool {
        self.marks.get(row).is_some_and(|m| *m > 0)
    }

    /// Why a row is a total, if it is one.
    pub fn reason(&self, row: usize) -> Option<&str> {
        let mark = self.marks.get(row).copied().filter(|m| *m > 0)?;
        self.reasons.get(usize::from(mark) - 1).map(String::as_str)
    }

    /// The number of rows of each reason.
    pub fn counts(&self) -> Vec<(&str, usize)> {
        let counts: Vec<usize> = (1..=self.reasons.len())
            .map(|mark| self.marks.par_iter().filter(|m| usize::from(**m) == mark).count())
            .collect();
        let all = self.reasons.iter().map(String::as_str).zip(counts);
        all.filter(|(_, count)| *count > 0).collect()
    }
}
