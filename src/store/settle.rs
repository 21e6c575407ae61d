//! Decisions that need whole columns: the order of day and month, the decimal sign. They are made when a source has
//! been read, so that its notes are complete. Copies of some rows keep them, because these rows alone might show
//! something else.

use std::collections::BTreeSet;

use super::memory::Store;
use super::number::Decimal;
use super::numeric::{decimal_votes, used_texts};
use super::role::{Role, RoleKind};
use super::vote::DecimalVotes;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::store::currency;

impl Store {
    /// Makes all decisions that need whole columns and may cause a note about dates or numbers. It reads only columns
    /// with a date or number role that are stored as another type.
    pub fn settle(&self, progress: &Progress) -> Result<()> {
        self.settle_numbers(progress)?;
        if self.role(Role::Date).is_some() {
            let (column, _) = self.require(Role::Date)?;
            if column.is_text() || column.value_kind().is_numeric() {
                self.days(progress)?;
            }
        }
        self.tell_currencies(progress)
    }

    /// The same, with the notes on countries and firms. A column that cannot be read at all raises its error when it is
    /// used.
    pub fn settle_notes(&self, progress: &Progress) -> Result<()> {
        self.settle(progress)?;
        for role in [Role::Origin, Role::Destination, Role::Exporter, Role::Importer] {
            if self.role(role).is_some() {
                match self.role_codes(role, progress) {
                    Err(error @ Error::Cancelled) => return Err(error),
                    _ => continue,
                }
            }
        }
        Ok(())
    }

    /// How numbers in text columns are spelled. All columns with a number role vote together, so that the order in
    /// which they are read does not matter.
    pub(super) fn settle_numbers(&self, progress: &Progress) -> Result<()> {
        let mut columns: Vec<usize> =
            self.roles().filter(|(r, _)| r.kind() == RoleKind::Number).map(|(_, a)| a.column).collect();
        columns.sort_unstable();
        columns.dedup();
        columns.retain(|&c| self.columns[c].is_text());
        if columns.iter().all(|&c| self.columns[c].number_format.get().is_some()) && self.number_format.is_none() {
            return Ok(());
        }
        if let Some(format) = self.number_format {
            self.columns.iter().filter(|c| c.is_text()).for_each(|c| {
                c.number_format.get_or_init(|| format);
            });
        }
        for (name, format) in &self.earlier.numbers {
            if let Some(column) = self.find(name) {
                self.columns[column].number_format.get_or_init(|| *format);
            }
        }
        columns.retain(|&c| self.columns[c].number_format.get().is_none());
        let ballots: Result<Vec<DecimalVotes>> =
            columns.iter().map(|&c| decimal_votes(self.columns[c].chunks(progress)?, progress)).collect();
        let ballots = ballots?;
        let elected = Decimal::elect(&ballots);
        let open: Vec<&str> =
            columns.iter().zip(&elected).filter(|(_, e)| e.open).map(|(&c, _)| self.columns[c].name()).collect();
        if !open.is_empty() {
            self.note(Decimal::default().open_note(&open));
        }
        let together = ballots.iter().fold(DecimalVotes::default(), |a, &b| a.plus(b));
        let others = Decimal::elect(&[together])[0].decimal;
        self.columns.iter().filter(|c| c.is_text()).for_each(|c| {
            c.others.get_or_init(|| others);
        });
        for (&c, elected) in columns.iter().zip(elected) {
            let column = &self.columns[c];
            column.number_format.get_or_init(|| elected.decimal.into());
            let mut texts: BTreeSet<Vec<u8>> = BTreeSet::new();
            for chunk in column.chunks(progress)? {
                used_texts(chunk, |text, _| {
                    if text.iter().any(|b| b.is_ascii_alphabetic() || *b == b'$' || *b >= 0x80) && texts.len() < 10_000
                    {
                        texts.insert(text.to_vec());
                    }
                })?;
            }
            currency::note(column.name(), texts.iter().map(Vec::as_slice)).into_iter().for_each(|n| self.note(n));
        }
        Ok(())
    }

    /// All decisions so far, as pairs of texts, for copies of these rows.
    pub fn decisions(&self, progress: &Progress) -> Result<Vec<(String, String)>> {
        self.settle_notes(progress)?;
        let mut made = self.earlier.clone();
        if let Some((_, days)) = self.days.get() {
            made.date = days.format.or(made.date);
        }
        if self.role(Role::Hs).is_some() {
            self.role_codes(Role::Hs, progress)?;
        }
        let reading = |role: Role| self.codes[role as usize].get();
        made.currency = Some(self.stated().clone());
        made.lost_zeros = reading(Role::Hs).and_then(|r| r.lost_zeros).or(made.lost_zeros);
        for (made, role) in made.countries.iter_mut().zip([Role::Origin, Role::Destination]) {
            *made = reading(role).and_then(|r| r.countries).or(*made);
        }
        made.numbers =
            self.columns.iter().filter_map(|c| Some((c.name().to_owned(), *c.number_format.get()?))).collect();
        Ok(made.written())
    }
}
