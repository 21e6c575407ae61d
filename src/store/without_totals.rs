//! Shipments with and without the rows that are totals of others.

use rayon::prelude::*;

use super::fault::RowList;
use super::shipments::Shipments;

impl Shipments {
    /// Whether some of these rows are totals of others.
    pub fn has_totals(&self) -> bool {
        let totals = self.store.totals();
        match &self.rows {
            _ if totals.is_empty() => false,
            RowList::All(_) => true,
            RowList::Some(rows) => rows.par_iter().any(|row| totals.contains(*row as usize)),
        }
    }

    /// These shipments without rows that are totals of others.
    pub fn without_totals(&self) -> Shipments {
        if !self.has_totals() {
            return self.clone();
        }
        let totals = self.store.totals();
        let rows = (0..self.len() as u32).into_par_iter().map(|at| self.rows.row(at as usize) as u32);
        self.subset(rows.filter(|row| !totals.contains(*row as usize)).collect())
    }

    /// The position of each of these shipments in `some`.
    pub fn places_among(&self, some: &Shipments) -> Vec<Option<u32>> {
        self.rows.iter().map(|row| some.rows.position(row as u32)).collect()
    }

    /// The reasons, each with its rows as positions in these shipments.
    pub fn total_rows(&self) -> Vec<(String, Vec<u32>)> {
        let totals = self.store.totals();
        let mut rows = vec![Vec::new(); totals.reasons.len()];
        if !totals.is_empty() {
            for (at, row) in self.rows.iter().enumerate() {
                if let Some(of_reason) = usize::from(totals.marks[row]).checked_sub(1) {
                    rows[of_reason].push(at as u32);
                }
            }
        }
        totals.reasons.iter().cloned().zip(rows).filter(|(_, rows)| !rows.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, Totals};

    #[test]
    fn rows_keep_their_first_reason_and_views_leave_them_out() {
        let totals = Totals::of(5, [("is a".to_owned(), vec![1, 3]), ("is b".to_owned(), vec![3, 4])]);
        assert_eq!(totals.counts(), [("is a", 2), ("is b", 1)]);
        assert_eq!((totals.reason(3), totals.reason(0)), (Some("is a"), None));
        let ships = Shipments::all(Store::new(Vec::new(), 5).unwrap().with_totals(totals));
        let kept = ships.without_totals();
        assert_eq!(kept.rows.iter().collect::<Vec<_>>(), [0, 2]);
        assert!(ships.has_totals() && !kept.has_totals());
        let part = ships.subset(vec![0, 3, 4]);
        assert_eq!(part.total_rows(), [("is a".to_owned(), vec![1]), ("is b".to_owned(), vec![2])]);
    }
}
