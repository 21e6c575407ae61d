//! Words for a missing value in columns of firms or descriptions.

use arrow::array::{Array, BooleanArray};
use arrow::compute::filter;
use rayon::prelude::*;

use super::codes::Codes;
use super::missing::is_missing;
use super::role::Role;
use crate::error::Result;

/// In lower case. `NA`, `null`, `-` and the like are handled elsewhere.
const NOTHING: [&str; 34] = [
    "not available",
    "not applicable",
    "not declared",
    "not specified",
    "not known",
    "unknown",
    "undefined",
    "unavailable",
    "no data",
    "no name",
    "blank",
    "(blank)",
    "empty",
    "<null>",
    "(null)",
    "[null]",
    "none given",
    "?",
    "n.d.",
    "n/d",
    "nd",
    "s/d",
    "s/n",
    "sin dato",
    "sin datos",
    "sin nombre",
    "no aplica",
    "no disponible",
    "não informado",
    "não disponível",
    "k.a.",
    "нет",
    "нет данных",
    "не указан",
];
/// The length of the longest word, in bytes.
const LONGEST: usize = 24;

/// Whether a text means a missing value: blank, a dash, `NULL`, `not available`.
pub fn is_nothing(text: &str) -> bool {
    let text = text.trim();
    if text.len() > LONGEST {
        return false;
    }
    is_missing(text.as_bytes())
        || text.chars().all(|c| matches!(c, '-' | '.' | '_' | '*' | '/' | '?' | '—' | '–'))
        || NOTHING.contains(&text.to_lowercase().as_str())
}

/// Whether a bill of lading has no named consignee: it is made out to order.
pub fn is_to_order(text: &str) -> bool {
    const ORDERS: [&str; 7] =
        ["TO ORDER", "TO THE ORDER", "TO ORDERS", "ORDER OF", "A LA ORDEN", "A ORDEN", "AN ORDER"];
    let text = text.trim_start();
    let Some(start) = text.get(..text.len().min(12)).or_else(|| text.get(..text.len().min(10))) else { return false };
    if !start.bytes().take(2).all(|b| b.is_ascii_alphabetic() || b == b' ') {
        return false;
    }
    let upper = start.to_ascii_uppercase();
    let whole =
        |order: &str| upper.strip_prefix(order).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()));
    ORDERS.iter().any(|order| whole(order)) || text.trim().eq_ignore_ascii_case("order")
}

/// A column of firms or descriptions without the words for a missing value; `None` if there are none. Also a note on
/// consignments to order.
pub fn read(role: Role, raw: &Codes) -> Result<(Option<Codes>, Option<String>)> {
    let Some(texts) = raw.text() else { return Ok((None, None)) };
    let firm = matches!(role, Role::Exporter | Role::Importer);
    let kinds: Vec<(bool, bool)> = (0..texts.len())
        .into_par_iter()
        .with_min_len(1 << 12)
        .map(|i| (is_nothing(texts.value(i)), firm && is_to_order(texts.value(i))))
        .collect();
    if !kinds.iter().any(|(nothing, order)| *nothing || *order) {
        return Ok((None, None));
    }
    let mut map = Vec::with_capacity(kinds.len() + 1);
    let mut kept = 0u32;
    for (nothing, order) in &kinds {
        // Removing some of the sorted labels keeps the others sorted.
        map.push(if *nothing || *order { u32::MAX } else { kept });
        kept += u32::from(!(*nothing || *order));
    }
    map.push(u32::MAX);
    let ids = raw.ids.par_iter().with_min_len(1 << 14).map(|&id| map[id as usize].min(kept)).collect();
    let wanted: BooleanArray = kinds.iter().map(|(nothing, order)| Some(!(*nothing || *order))).collect();
    let labels = filter(&raw.labels, &wanted)?;
    let orders = kinds.iter().any(|(_, order)| *order).then(|| {
        let is_order = |id: &&u32| kinds.get(**id as usize).is_some_and(|(_, order)| *order);
        let rows = raw.ids.par_iter().filter(is_order).count();
        format!("{}: {rows} rows are made out to order and name no firm", role.name())
    });
    Ok((Some(Codes { ids, labels }), orders))
}

#[cfg(test)]
mod tests {
    use super::super::codes::text_labels;
    use super::*;

    #[test]
    fn words_for_nothing_are_no_firms() {
        for text in ["NULL", "N/A", "-", " -- ", "None", "NIL", "Not Available", "нет данных", "...", ""] {
            assert!(is_nothing(text), "{text}");
        }
        for text in ["Nullmeier GmbH", "NA Trading", "N", "0", "Order Systems Ltd"] {
            assert!(!is_nothing(text) && !is_to_order(text), "{text}");
        }
        for text in
            ["TO ORDER", "To the order of Bank X", "TO ORDER OF SHIPPER", "A LA ORDEN DE X", "ORDER", "to order."]
        {
            assert!(is_to_order(text), "{text}");
        }
        assert!(!is_to_order("TO ORDERLY LTD"));
    }

    #[test]
    fn the_rest_keeps_its_order() {
        let raw = Codes { ids: vec![0, 1, 2, 3, 4, 1], labels: text_labels(["-", "Alpha", "NULL", "TO ORDER"]) };
        let (made, note) = read(Role::Importer, &raw).unwrap();
        let made = made.unwrap();
        assert_eq!(made.ids, [1, 0, 1, 1, 1, 0]);
        assert_eq!(made.text().unwrap().iter().flatten().collect::<Vec<_>>(), ["Alpha"]);
        assert!(note.unwrap().contains("1 rows"));
    }
}
