//! What the roles read from their columns: codes, days, faults and repairs. Each is read once.

use std::sync::Arc;

use rayon::prelude::*;

use super::codes::{Codes, label_texts};
use super::date::Grain;
use super::days::{self, CoarsePeriod};
use super::fault::{Fault, Repair};
use super::hs::Stored;
use super::memory::Store;
use super::period::Every;
use super::role::{Role, RoleKind};
use super::role_reading::RoleReading;
use super::{direction, nothing};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::store::{country, hs};

impl Store {
    /// A text, HS, country or side role as codes of normalised texts.
    pub fn role_codes(&self, role: Role, progress: &Progress) -> Result<Arc<Codes>> {
        let cell = &self.codes[role as usize];
        if let Some(reading) = cell.get() {
            return Ok(reading.codes.clone());
        }
        let made = self.read_role(role, progress)?;
        Ok(cell.get_or_init(|| made).codes.clone())
    }

    fn read_role(&self, role: Role, progress: &Progress) -> Result<RoleReading> {
        let (column, _) = self.require(role)?;
        match role.kind() {
            RoleKind::Hs => {
                let kind = column.value_kind();
                let stored = match kind {
                    _ if column.is_text() => Stored::Text,
                    kind if kind.is_integer() => Stored::Integer,
                    _ => Stored::Float,
                };
                let raw = column.encode(progress)?;
                let texts = label_texts(&raw)?;
                let made = hs::read(raw, &texts, stored, self.hs_digits, self.earlier.lost_zeros);
                Ok(RoleReading {
                    faults: made.faults,
                    repairs: made.repairs,
                    lost_zeros: Some(made.lost),
                    ..RoleReading::of(Arc::new(made.codes))
                })
            }
            RoleKind::Side => {
                let raw = column.encode(progress)?;
                let texts = label_texts(&raw)?;
                let (codes, faults) = direction::reporters(raw, &texts);
                Ok(RoleReading { faults, ..RoleReading::of(Arc::new(codes)) })
            }
            _ if role.is_country() => self.countries(role, progress),
            _ if role.is_words() && column.is_text() => {
                let raw = column.codes(progress)?;
                let (made, note) = nothing::read(role, &raw)?;
                note.into_iter().for_each(|note| self.note(note));
                Ok(RoleReading::of(made.map_or(raw, Arc::new)))
            }
            _ if column.is_text() => Ok(RoleReading::of(column.codes(progress)?)),
            _ => {
                let raw = column.encode(progress)?;
                let texts = label_texts(&raw)?;
                Ok(RoleReading::of(Arc::new(raw.relabelled(&texts))))
            }
        }
    }

    fn countries(&self, role: Role, progress: &Progress) -> Result<RoleReading> {
        let (column, _) = self.require(role)?;
        let raw = column.codes(progress)?;
        let texts = label_texts(&raw)?;
        let earlier = self.earlier.countries[usize::from(role == Role::Destination)];
        let made = country::read(&texts, earlier, self.m49);
        if made.unknown.iter().any(|u| *u) || made.told.iter().any(Option::is_some) || made.format.m49 {
            let rows = rows_of_labels(&raw);
            for note in country::notes(role.name(), column.name(), &texts, &made, &rows) {
                self.note(note);
            }
        }
        let same = column.is_text() && texts.iter().eq(made.labels.iter());
        let codes = if same {
            raw
        } else {
            Arc::new(Codes { ids: raw.ids.clone(), labels: raw.labels.clone() }.relabelled(&made.labels))
        };
        Ok(RoleReading { countries: Some(made.format), ..RoleReading::of(codes) })
    }

    /// The date role as days since 1970-01-01, [`days::NULL_DAY`] for null.
    pub fn days(&self, progress: &Progress) -> Result<Arc<Vec<i32>>> {
        if let Some((days, _)) = self.days.get() {
            return Ok(days.clone());
        }
        let (column, _) = self.require(Role::Date)?;
        let mut made = days::read(column, self.date_order(), self.earlier.date, progress)?;
        for told in &made.told {
            self.note(told.sentence(column.name()));
        }
        let values = Arc::new(std::mem::take(&mut made.values));
        Ok(self.days.get_or_init(|| (values, made)).0.clone())
    }

    /// Labels of whole years or quarters beside labels of their parts, with their rows.
    pub fn wider_dates(&self, progress: &Progress) -> Result<&[CoarsePeriod]> {
        if self.role(Role::Date).is_none() {
            return Ok(&[]);
        }
        self.days(progress)?;
        Ok(self.days.get().map_or(&[], |d| &d.1.coarse_periods))
    }

    /// The finest precision of all dates: the day, month, quarter or year.
    pub fn date_grain(&self, progress: &Progress) -> Result<Grain> {
        self.days(progress)?;
        Ok(self.days.get().map_or(Grain::Day, |d| d.1.grain))
    }

    /// An error if the dates are not precise enough for the periods.
    pub fn check_grain(&self, every: Every, progress: &Progress) -> Result<()> {
        let grain = self.date_grain(progress)?;
        if every.told_by(grain) {
            return Ok(());
        }
        let column = self.require(Role::Date)?.0.name();
        let coarser = match grain {
            Grain::Year => "\"year\"",
            Grain::Quarter => "\"quarter\" or \"year\"",
            _ => "\"month\", \"quarter\" or \"year\"",
        };
        Err(Error::Schema(format!(
            "the dates are {}: {column:?} does not tell the {}; take {coarser}, or name a column of dates with \
             columns={{\"date\": ...}}",
            grain.name(),
            every.name()
        )))
    }

    /// Reads every role, then lists all faults by row and column.
    pub fn faults(&self, progress: &Progress) -> Result<Vec<Fault>> {
        self.read_roles(progress)?;
        let mut all = self.read_faults().to_vec();
        all.extend_from_slice(&self.derived_faults);
        let mut add = |column: usize, faults: &[(u32, &'static str)]| {
            all.extend(faults.iter().map(|&(row, reason)| Fault { row, column: column as u32, raw: None, reason }));
        };
        for (role, assigned) in self.roles() {
            match role.kind() {
                RoleKind::Number => add(assigned.column, self.columns[assigned.column].number_faults()),
                RoleKind::Date => add(assigned.column, self.days.get().map_or(&[], |d| &d.1.faults)),
                _ => add(assigned.column, self.codes[role as usize].get().map_or(&[], |c| &c.faults)),
            }
        }
        for &column in &self.numbers {
            self.columns[column].numbers(progress)?;
        }
        for (i, column) in self.columns.iter().enumerate() {
            if self.role_of(i).is_none() {
                add(i, column.number_faults());
            }
        }
        all.sort_by_key(|f| (f.row, f.column));
        Ok(all)
    }

    /// Reads the roles that correct cells, then lists all corrected cells by row and column.
    pub fn repairs(&self, progress: &Progress) -> Result<Vec<Repair>> {
        let mut all = self.read_repairs.clone();
        if let Some(assigned) = self.role(Role::Hs) {
            let codes = self.role_codes(Role::Hs, progress)?;
            let texts = label_texts(&codes)?;
            let cells = self.codes[Role::Hs as usize].get().map_or(&[][..], |c| &c.repairs);
            all.extend(cells.iter().map(|&(row, reason)| {
                let value = texts.get(codes.ids[row as usize] as usize).and_then(Option::as_deref).unwrap_or_default();
                Repair { row, column: assigned.column as u32, raw: None, value: value.into(), reason }
            }));
        }
        all.sort_by_key(|r| (r.row, r.column));
        Ok(all)
    }

    fn read_roles(&self, progress: &Progress) -> Result<()> {
        for (role, _) in self.roles() {
            match role.kind() {
                RoleKind::Number => drop(self.role_numbers(role, progress)?),
                RoleKind::Date => drop(self.days(progress)?),
                RoleKind::Hs | RoleKind::Side => drop(self.role_codes(role, progress)?),
                RoleKind::Text => {} // nothing there can be wrong
            }
        }
        Ok(())
    }
}

/// The number of rows of each label.
fn rows_of_labels(codes: &Codes) -> Vec<usize> {
    let n = codes.labels.len() + 1;
    let count = |mut rows: Vec<usize>, part: &[u32]| {
        part.iter().for_each(|&id| rows[id as usize] += 1);
        rows
    };
    let add = |mut a: Vec<usize>, b: Vec<usize>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    };
    let parts = codes.ids.par_chunks(1 << 18);
    parts.fold(|| vec![0; n], count).reduce(|| vec![0; n], add)
}
