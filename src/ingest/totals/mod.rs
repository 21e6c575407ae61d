//! Rows that are sums of other rows: all partners, all goods, chapters beside their codes, a line of totals. They stay,
//! are counted in a note, and are left out of peer groups.

mod found;
mod labels;
mod line;
mod parts;
mod trade;

use super::recipe::Recipe;
use crate::error::Result;
use crate::progress::Progress;
use crate::store::{Role, Store, Totals};

/// Looks for totals after the columns are settled. Cells of a line of totals become faults.
pub fn recognise(mut store: Store, progress: &Progress) -> Result<Store> {
    let recipes: Vec<Recipe> = store.recipes().iter().filter_map(|text| toml::from_str(text).ok()).collect();
    let mut found = line::take_out(&mut store, progress)?;
    if is_statistics(&store) {
        found.extend(labels::totals(&store, &recipes, progress)?);
        found.extend(parts::of_periods(&store, progress)?);
        found.extend(parts::of_goods(&store, progress)?);
        found.extend(parts::of_flows(&store, &recipes, progress)?);
    }
    let totals = Totals::of(store.rows, found);
    notes(&totals).into_iter().for_each(|note| store.note(note));
    Ok(store.with_totals(totals))
}

/// Records of single firms are not sums of other records. Statistical tables do not name firms.
fn is_statistics(store: &Store) -> bool {
    [Role::Id, Role::Exporter, Role::Importer].into_iter().all(|role| store.role(role).is_none())
}

/// The largest number of reasons in a note.
const TOLD: usize = 6;

fn notes(totals: &Totals) -> Vec<String> {
    let (lines, counts): (Vec<_>, Vec<_>) =
        totals.counts().into_iter().partition(|(reason, _)| *reason == line::REASON);
    let mut notes = Vec::new();
    if let Some((_, n)) = lines.first() {
        let (are, their) = if *n == 1 { ("row is a line", "its") } else { ("rows are lines", "their") };
        notes.push(format!(
            "{n} {are} of totals ({their} {}): {their} figures are null and listed in ships.faults, so sums are right",
            line::REASON
        ));
    }
    let all: usize = counts.iter().map(|(_, n)| n).sum();
    if all > 0 {
        let mut each: Vec<String> = counts.iter().take(TOLD).map(|(reason, n)| format!("{n} where {reason}")).collect();
        let rest: usize = counts.iter().skip(TOLD).map(|(_, n)| n).sum();
        if rest > 0 {
            each.push(format!("{rest} more, see ships.totals"));
        }
        let (are, them) = if all == 1 { ("row is a total", "it") } else { ("rows are totals", "them") };
        notes.push(format!(
            "{all} {are} of other rows ({}): sums over all rows count the same trade twice, and peer groups leave {them} \
             out; ships.without_totals() or read(..., totals=\"drop\") leaves {them} out of everything",
            each.join("; ")
        ));
    }
    notes
}
