//! The decisions about the columns of a source.

use super::decision::Decision;
use super::options::Options;
use super::recipe::{Derivation, End, Recipe};
use crate::error::{Error, Result};
use crate::ingest::words;
use crate::store::{Assigned, FlowWords, Role, SourceCurrency, closest};

/// The columns from which a date is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateParts {
    pub year: usize,
    pub month: Option<usize>,
    pub day: Option<usize>,
}

/// The columns of a flow. The direction decides which country is the origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    pub side: usize,
    pub reporter: End,
    pub partner: usize,
    pub words: FlowWords,
}

/// The decisions about the columns of a source.
#[derive(Debug)]
pub struct Chosen {
    pub layout: String,
    pub roles: Vec<(Role, Assigned)>,
    pub flow: Option<Flow>,
    pub date_parts: Option<DateParts>,
    /// Other columns that are made from those of the source.
    pub recipes: Vec<Recipe>,
    pub hs_digits: Option<usize>,
    /// Numbers in country columns may be UN codes (M49).
    pub m49: bool,
    pub numbers: Vec<usize>,
    /// The currency of the values, if the layout or the column name gives it.
    pub currency: SourceCurrency,
    /// CIF, FOB, FAS or the customs value, if the layout gives it.
    pub valuation: Option<String>,
    pub notes: Vec<String>,
    /// The layout and every role, for the table of decisions.
    pub decisions: Vec<Decision>,
    /// Sentences about a role. They are dropped if the user names its column.
    pub(super) remarks: Vec<(Role, String)>,
    /// Sentences for the plan only. Notes say the same about whole columns later.
    pub(super) forecasts: Vec<(Role, String)>,
    /// Other columns that could have a role, better ones first.
    pub(super) rivals: Vec<(Role, usize)>,
    pub(super) why_layout: String,
    pub(super) other_layouts: Vec<String>,
    /// Roles that no column gets although a name suggests one.
    pub(super) refused: Vec<Role>,
}

impl Chosen {
    pub fn new(layout: &str) -> Chosen {
        Chosen {
            layout: layout.to_owned(),
            roles: Vec::new(),
            flow: None,
            date_parts: None,
            recipes: Vec::new(),
            hs_digits: None,
            m49: true,
            numbers: Vec::new(),
            currency: SourceCurrency::Open,
            valuation: None,
            notes: Vec::new(),
            decisions: Vec::new(),
            remarks: Vec::new(),
            forecasts: Vec::new(),
            rivals: Vec::new(),
            why_layout: String::new(),
            other_layouts: Vec::new(),
            refused: Vec::new(),
        }
    }

    pub fn role_of(&self, column: usize) -> Option<Role> {
        self.roles.iter().find(|(_, a)| a.column == column).map(|(r, _)| *r)
    }

    /// Whether a computation is likely to need the column.
    pub fn uses(&self, column: usize) -> bool {
        self.role_of(column).is_some()
            || self.numbers.contains(&column)
            || self.all_recipes().iter().any(|r| r.how.columns().contains(&column))
    }

    /// Whether the role has a column or a recipe.
    pub fn has(&self, role: Role) -> bool {
        self.roles.iter().any(|(r, _)| *r == role)
            || self.recipes.iter().any(|r| r.role == role.name())
            || (role == Role::Date && self.date_parts.is_some())
    }

    /// Records that no column gets the role, and why.
    pub fn refuse(&mut self, role: Role, remark: String) {
        self.roles.retain(|(r, _)| *r != role);
        self.recipes.retain(|r| r.role != role.name());
        self.remarks.push((role, remark));
        if !self.refused.contains(&role) {
            self.refused.push(role);
        }
    }

    pub fn made_of(&mut self, year: usize, month: Option<usize>, day: Option<usize>, columns: &[String]) {
        let day = day.filter(|_| month.is_some());
        if month.is_none() {
            self.roles.push((Role::Date, Assigned { column: year, factor: 1.0 }));
            self.remarks.push((Role::Date, only_years(&columns[year])));
            return;
        }
        let parts: Vec<String> =
            [Some(year), month, day].into_iter().flatten().map(|c| format!("{:?}", columns[c])).collect();
        self.remarks.push((Role::Date, format!("the date is made of the columns {}", parts.join(", "))));
        self.date_parts = Some(DateParts { year, month, day });
    }

    pub fn two_sided(&mut self, side: usize, reporter: End, partner: usize, words: FlowWords) {
        self.flow = Some(Flow { side, reporter, partner, words });
    }

    /// How every derived column is made.
    pub fn all_recipes(&self) -> Vec<Recipe> {
        let mut all = self.recipes.clone();
        let plain = |role: Role, how| Recipe { role: role.name().to_owned(), factor: 1.0, how };
        if let Some(DateParts { year, month, day }) = self.date_parts {
            all.push(plain(Role::Date, Derivation::Date { year, month, day }));
        }
        if let Some(flow) = &self.flow {
            let (reporter, partner) = (flow.reporter.clone(), End::Column(flow.partner));
            for (role, on_import, on_export) in
                [(Role::Origin, partner.clone(), reporter.clone()), (Role::Destination, reporter, partner)]
            {
                let words = flow.words.clone();
                all.push(plain(role, Derivation::Flow { side: flow.side, on_import, on_export, words }));
            }
        }
        all
    }

    /// Applies the user's columns, which replace what was recognised for the role and for the column.
    pub fn by_user(&mut self, columns: &[String], options: &Options) -> Result<()> {
        let mut taken: Vec<(Role, &str)> = Vec::new();
        for (name, column) in &options.columns {
            let role = Role::named(name).ok_or_else(|| {
                let roles = Role::ALL.map(Role::name);
                Error::Schema(format!(
                    "{name:?} is not a role{}; the roles are {}",
                    closest(name, roles.into_iter()),
                    roles.join(", ")
                ))
            })?;
            if let Some((_, other)) = taken.iter().find(|(r, _)| *r == role) {
                return Err(Error::DuplicateRole(format!(
                    "the role {name:?} was given to two columns, {other:?} and {column:?}; keep one of them"
                )));
            }
            taken.push((role, column));
            let at = columns.iter().position(|c| c == column).ok_or_else(|| {
                Error::MissingColumn(format!(
                    "columns={{{name:?}: {column:?}}}: there is no such column{}; the columns are {}",
                    closest(column, columns.iter().map(String::as_str)),
                    columns.join(", ")
                ))
            })?;
            if let Some((other, _)) = options.columns.iter().find(|(r, c)| c == column && r != name) {
                return Err(Error::DuplicateRole(format!(
                    "the column {column:?} was given two roles, {other:?} and {name:?}; keep one of them"
                )));
            }
            let held = self.roles.iter().find(|(r, _)| *r == role).map(|(_, a)| a.column);
            // The unit is the user's, unless the user names the column that was recognised anyway.
            let factor = self.roles.iter().find(|(r, a)| *r == role && a.column == at).map_or(1.0, |(_, a)| a.factor);
            // The direction of a flow also shows who reported it, so one column may have both roles.
            let both = |r: Role| matches!((r, role), (Role::Flow, Role::ReportedBy) | (Role::ReportedBy, Role::Flow));
            self.roles.retain(|(r, a)| *r != role && (a.column != at || both(*r)));
            self.recipes.retain(|r| r.role != role.name());
            self.remarks.retain(|(r, _)| *r != role);
            self.refused.retain(|r| *r != role);
            if role == Role::Date {
                self.date_parts = None;
            }
            // The currency was recognised for another column.
            if role == Role::Value && held.is_none_or(|c| c != at) {
                self.currency = words::stated(column);
            }
            self.roles.push((role, Assigned { column: at, factor }));
        }
        Ok(())
    }

    /// Turns the decisions into notes and lines of the plan.
    pub fn conclude(&mut self, columns: &[String], options: &Options) {
        let named = !matches!(options.layout.as_str(), "" | "auto");
        let why = if named { "the user named it".to_owned() } else { self.why_layout.clone() };
        self.decisions = vec![Decision {
            item: "layout".into(),
            decision: self.layout.clone(),
            why,
            alternatives: self.other_layouts.clone(),
        }];
        let recipes = self.all_recipes();
        for role in Role::ALL {
            let by_user = options.columns.iter().any(|(r, _)| r == role.name());
            let remarks = self.remarks.iter().chain(&self.forecasts).filter(|(r, _)| *r == role);
            let remarks: Vec<&str> = remarks.map(|(_, t)| t.as_str()).collect();
            let assigned = self.roles.iter().find(|(r, _)| *r == role).map(|(_, a)| *a);
            let recipe = recipes.iter().find(|r| r.role == role.name());
            let decision = match (assigned, recipe) {
                (Some(a), _) => columns[a.column].clone(),
                (None, Some(recipe)) => recipe.how.describe(columns),
                (None, None) if self.refused.contains(&role) => "none".to_owned(),
                (None, None) => continue,
            };
            let why = match (by_user, remarks.is_empty(), self.layout.as_str()) {
                (true, ..) => "the user named it".to_owned(),
                (false, false, _) => remarks.join("; "),
                (false, true, "auto") => "by its name and its first cells".to_owned(),
                (false, true, layout) => format!("by the layout {layout}"),
            };
            let rivals = self.rivals.iter().filter(|(r, c)| *r == role && assigned.is_none_or(|a| a.column != *c));
            let alternatives = rivals.map(|(_, c)| columns[*c].clone()).collect();
            self.decisions.push(Decision { item: role.name().into(), decision, why, alternatives });
        }
        self.notes.extend(self.remarks.iter().map(|(_, text)| text.clone()));
        let mut seen: Vec<String> = Vec::new();
        self.notes.retain(|note| {
            !seen.contains(note) && {
                seen.push(note.clone());
                true
            }
        });
    }
}

/// The sentence for a source whose dates are only years.
pub fn only_years(column: &str) -> String {
    format!("the dates are the years of {column:?}: each stands for its first day, and no month is known")
}

#[cfg(test)]
mod tests {
    use super::super::layout::choose;
    use super::*;

    #[test]
    fn the_user_has_the_last_word_and_cannot_contradict_himself() {
        let names = ["a".to_owned(), "value".to_owned()];
        let sample = vec![Vec::new(); 2];
        let with = |pairs: &[(&str, &str)]| {
            let columns = pairs.iter().map(|(r, c)| ((*r).to_owned(), (*c).to_owned())).collect();
            choose(&names, &sample, &Options { columns, ..Options::default() })
        };
        assert_eq!(with(&[("value", "a")]).unwrap().roles, [(Role::Value, Assigned { column: 0, factor: 1.0 })]);
        assert!(matches!(with(&[("value", "a"), ("value", "value")]), Err(Error::DuplicateRole(_))));
        assert!(matches!(with(&[("value", "a"), ("quantity", "a")]), Err(Error::DuplicateRole(_))));
        assert!(matches!(with(&[("value", "b")]), Err(Error::MissingColumn(_))));
        assert!(matches!(with(&[("price", "a")]), Err(Error::Schema(_))));
    }

    #[test]
    fn decisions_name_the_layout_and_every_role() {
        let names = ["CIF_VALUE_FCY", "CIF_VALUE_IN_USD"].map(str::to_owned);
        let chosen = choose(&names, &vec![vec![Some("5".into())]; 2], &Options::default()).unwrap();
        let items: Vec<(&str, &str)> =
            chosen.decisions.iter().map(|d| (d.item.as_str(), d.decision.as_str())).collect();
        assert_eq!(items, [("layout", "auto"), ("value", "CIF_VALUE_IN_USD")]);
        assert_eq!(chosen.decisions[1].alternatives, ["CIF_VALUE_FCY"]);
    }
}
