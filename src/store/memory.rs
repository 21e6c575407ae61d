//! The store: the columns of a source, their roles, and the values read from them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use arrow::buffer::ScalarBuffer;

use super::column::Column;
use super::currency::SourceCurrency;
use super::date::{DateOrder, Grain};
use super::days::Days;
use super::decisions::Decisions;
use super::fault::{Fault, Repair};
use super::naming::closest;
use super::number::NumberFormat;
use super::role::Role;
use super::role_reading::RoleReading;
use super::totals::Totals;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// The column of a role, and the factor that converts its numbers to the unit of the role.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assigned {
    pub column: usize,
    pub factor: f64,
}

#[derive(Clone)]
pub struct Store {
    pub columns: Vec<Arc<Column>>,
    pub rows: usize,
    pub layout: String,
    pub(super) roles: [Option<Assigned>; Role::ALL.len()],
    /// Faults found while the file was read, and cells repaired then.
    pub(super) read_faults: Vec<Fault>,
    pub(super) read_repairs: Vec<Repair>,
    pub(super) date_order: Option<DateOrder>,
    /// The finest period of dates that are made of a year and a month.
    pub(super) made_grain: Option<Grain>,
    /// The currency of the values, as the source states it.
    pub(super) currency: SourceCurrency,
    /// The number format that the user set.
    pub(super) number_format: Option<NumberFormat>,
    /// The decisions made for the shipments that these rows are a part of.
    pub(super) earlier: Decisions,
    /// HS codes are cut to this number of digits, if the source adds digits of its own.
    pub(super) hs_digits: Option<usize>,
    /// Numbers in columns of countries may be UN M49 codes.
    pub(super) m49: bool,
    /// The number of columns of the source. The columns after them are derived.
    pub(super) own: usize,
    /// Columns without a role that are numbers by the layout.
    pub(super) numbers: Vec<usize>,
    /// The rules that make the derived columns, as text.
    pub(super) recipes: Vec<String>,
    /// Cells of the source that a derived column cannot use.
    pub(super) derived_faults: Vec<Fault>,
    /// Rows that are totals of other rows.
    pub(super) totals: Arc<Totals>,
    pub(super) notes: Notes,
    /// The files it was read from. They must not be overwritten.
    pub files: Vec<PathBuf>,
    /// Whether there is a note that the values are in several currencies.
    pub(super) currencies_told: OnceLock<()>,
    pub(super) codes: [OnceLock<RoleReading>; Role::ALL.len()],
    pub(super) days: OnceLock<(Arc<Vec<i32>>, Days)>,
    pub(super) scaled: [OnceLock<ScalarBuffer<f64>>; Role::ALL.len()],
}

/// Notes, which any reading of a column may extend. A copy of the store has its own notes.
#[derive(Default)]
pub(super) struct Notes(Mutex<Vec<String>>);

impl Notes {
    pub fn of(all: Vec<String>) -> Notes {
        Notes(Mutex::new(all))
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().map(|n| n.clone()).unwrap_or_default()
    }
}

impl Clone for Notes {
    fn clone(&self) -> Notes {
        Notes::of(self.all())
    }
}

impl Store {
    pub fn new(columns: Vec<Column>, rows: usize) -> Result<Store> {
        if u32::try_from(rows).is_err() || rows == u32::MAX as usize {
            return Err(Error::Argument(format!(
                "{rows} rows are more than one Shipments can hold ({}); read the files in parts",
                u32::MAX - 1
            )));
        }
        Ok(Store {
            own: columns.len(),
            numbers: Vec::new(),
            recipes: Vec::new(),
            derived_faults: Vec::new(),
            columns: columns.into_iter().map(Arc::new).collect(),
            rows,
            layout: String::new(),
            roles: [None; Role::ALL.len()],
            read_faults: Vec::new(),
            read_repairs: Vec::new(),
            date_order: None,
            made_grain: None,
            currency: SourceCurrency::default(),
            number_format: None,
            earlier: Decisions::default(),
            hs_digits: None,
            m49: true,
            totals: Arc::default(),
            notes: Notes::default(),
            files: Vec::new(),
            currencies_told: OnceLock::new(),
            codes: std::array::from_fn(|_| OnceLock::new()),
            days: OnceLock::new(),
            scaled: std::array::from_fn(|_| OnceLock::new()),
        })
    }

    pub fn with_layout(mut self, layout: &str, roles: &[(Role, Assigned)], hs_digits: Option<usize>) -> Store {
        self.layout = layout.to_owned();
        self.hs_digits = hs_digits;
        for &(role, assigned) in roles {
            self.roles[role as usize] = Some(assigned);
        }
        self
    }

    pub fn with_own(mut self, own: usize, numbers: Vec<usize>) -> Store {
        self.own = own;
        self.numbers = numbers;
        self
    }

    /// The columns of the source.
    pub fn own_columns(&self) -> &[Arc<Column>] {
        &self.columns[..self.own]
    }

    pub fn declared_numbers(&self) -> &[usize] {
        &self.numbers
    }

    pub fn with_files(mut self, files: Vec<PathBuf>) -> Store {
        self.files = files;
        self
    }

    pub fn with_faults(mut self, faults: Vec<Fault>) -> Store {
        self.read_faults = faults;
        self
    }

    /// Replaces a column. Cached numbers of its roles are discarded.
    pub fn replace_column(&mut self, at: usize, column: Column) {
        self.columns[at] = Arc::new(column);
        for role in Role::ALL {
            if self.role(role).is_some_and(|a| a.column == at) {
                self.scaled[role as usize] = OnceLock::new();
            }
        }
    }

    /// Adds faults that only the whole source shows.
    pub fn add_faults(&mut self, faults: Vec<Fault>) {
        self.read_faults.extend(faults);
        self.read_faults.sort_by_key(|f| (f.row, f.column));
    }

    /// Whether a number in a column of countries may be a UN M49 code.
    pub fn counts_by_m49(&self) -> bool {
        self.m49
    }

    /// Sets the rules of the derived columns, and the cells that they cannot use.
    pub fn with_derived(mut self, recipes: Vec<String>, faults: Vec<Fault>) -> Store {
        self.recipes = recipes;
        self.derived_faults = faults;
        self
    }

    pub fn recipes(&self) -> &[String] {
        &self.recipes
    }

    /// Sets the cells that were repaired while the source was read.
    pub fn with_repairs(mut self, repairs: Vec<Repair>) -> Store {
        self.read_repairs = repairs;
        self
    }

    /// Sets whether numbers in columns of countries may be UN M49 codes.
    pub fn with_m49(mut self, m49: bool) -> Store {
        self.m49 = m49;
        self
    }

    /// Sets the number format of the user, which is used instead of the one that the columns show.
    pub fn with_number_format(mut self, format: Option<NumberFormat>) -> Store {
        self.number_format = format;
        self
    }

    /// Sets the decisions made for the shipments that these rows are a part of.
    pub fn with_decisions(mut self, decisions: &[(String, String)]) -> Store {
        self.earlier = Decisions::from_written(decisions);
        self
    }

    /// Sets the finest period of the dates, if they are made of columns without days.
    pub fn with_made_grain(mut self, grain: Option<Grain>) -> Store {
        self.made_grain = grain;
        self
    }

    /// Sets the currency of the values, as the source states it.
    pub fn with_currency(mut self, currency: SourceCurrency) -> Store {
        self.currency = currency;
        self
    }

    pub fn with_date_order(mut self, order: Option<DateOrder>) -> Store {
        self.date_order = order;
        self
    }

    pub fn with_totals(mut self, totals: Totals) -> Store {
        self.totals = Arc::new(totals);
        self
    }

    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    pub fn note(&self, text: String) {
        if let Ok(mut notes) = self.notes.0.lock()
            && !notes.contains(&text)
        {
            notes.push(text);
        }
    }

    /// The decisions made while the data were read, as sentences.
    pub fn notes(&self) -> Vec<String> {
        self.notes.all()
    }

    pub fn role(&self, role: Role) -> Option<Assigned> {
        self.roles[role as usize]
    }

    pub fn roles(&self) -> impl Iterator<Item = (Role, Assigned)> + '_ {
        Role::ALL.into_iter().filter_map(|r| Some((r, self.role(r)?)))
    }

    pub fn role_of(&self, column: usize) -> Option<Role> {
        self.roles().find(|(_, a)| a.column == column).map(|(r, _)| r)
    }

    pub fn hs_digits(&self) -> Option<usize> {
        self.hs_digits
    }

    pub fn date_order(&self) -> Option<DateOrder> {
        self.date_order
    }

    pub fn read_faults(&self) -> &[Fault] {
        &self.read_faults
    }

    pub fn read_repairs(&self) -> &[Repair] {
        &self.read_repairs
    }

    /// The column of a role that a computation needs; an error if there is none.
    pub fn require(&self, role: Role) -> Result<(&Column, Assigned)> {
        let assigned = self.role(role).ok_or_else(|| {
            let names: Vec<&str> = self.columns.iter().map(|c| c.name()).collect();
            Error::MissingColumn(format!(
                "no column has the role {:?}; name it with columns={{{:?}: ...}}; the columns are {}{}",
                role.name(),
                role.name(),
                names.join(", "),
                closest(role.name(), names.iter().copied())
            ))
        })?;
        Ok((&self.columns[assigned.column], assigned))
    }

    /// The position of the column `name`.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name() == name)
    }

    pub fn unknown(&self, name: &str) -> Error {
        let names: Vec<&str> = self.columns.iter().map(|c| c.name()).collect();
        let roles: Vec<&str> = self.roles().map(|(r, _)| r.name()).collect();
        Error::MissingColumn(format!(
            "there is no column or role {name:?}{}; columns: {}; roles: {}",
            closest(name, names.iter().chain(&roles).copied()),
            names.join(", "),
            if roles.is_empty() { "none".to_owned() } else { roles.join(", ") }
        ))
    }

    /// The numbers of a role in the unit of the role (kilograms, whole currency units), with NaN for null.
    pub fn role_numbers(&self, role: Role, progress: &Progress) -> Result<ScalarBuffer<f64>> {
        if let Some(values) = self.scaled[role as usize].get() {
            return Ok(values.clone());
        }
        let (column, assigned) = self.require(role)?;
        self.settle_numbers(progress)?;
        let values = column.numbers(progress)?.values.clone();
        let values = if assigned.factor == 1.0 {
            values
        } else {
            ScalarBuffer::from(values.iter().map(|v| v * assigned.factor).collect::<Vec<f64>>())
        };
        Ok(self.scaled[role as usize].get_or_init(|| values).clone())
    }

    /// The same; `None` if no column has the role.
    pub fn optional_numbers(&self, role: Role, progress: &Progress) -> Result<Option<ScalarBuffer<f64>>> {
        self.role(role).map(|_| self.role_numbers(role, progress)).transpose()
    }

    /// The cell of a fault, as text.
    pub fn raw(&self, fault: &Fault) -> Option<String> {
        match &fault.raw {
            Some(raw) => Some(raw.to_string()),
            None => self.columns.get(fault.column as usize)?.raw(fault.row as usize),
        }
    }

    /// The cells of the faults, as texts, in one pass over the columns.
    pub fn raws(&self, faults: &[Fault], progress: &Progress) -> Result<Vec<Option<String>>> {
        let mut texts: Vec<Option<String>> = faults.iter().map(|f| f.raw.as_ref().map(ToString::to_string)).collect();
        let mut asked: Vec<usize> = (0..faults.len()).filter(|&i| faults[i].raw.is_none()).collect();
        asked.sort_unstable_by_key(|&i| (faults[i].column, faults[i].row));
        for of_column in asked.chunk_by(|&a, &b| faults[a].column == faults[b].column) {
            let Some(column) = self.columns.get(faults[of_column[0]].column as usize) else { continue };
            let found = column.raws(of_column.iter().map(|&i| faults[i].row as usize), progress)?;
            of_column.iter().zip(found).for_each(|(&i, text)| texts[i] = text);
        }
        Ok(texts)
    }

    pub fn fault_column(&self, fault: &Fault) -> &str {
        self.columns.get(fault.column as usize).map_or("(beyond the last column)", |c| c.name())
    }

    /// The original cell of a repair, as text.
    pub fn raw_of_repair(&self, repair: &Repair) -> Option<String> {
        match &repair.raw {
            Some(raw) => Some(raw.to_string()),
            None => self.columns.get(repair.column as usize)?.raw(repair.row as usize),
        }
    }
}
