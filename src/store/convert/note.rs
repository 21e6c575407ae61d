//! The note on what was converted, with which rates, and what was not.

use std::collections::BTreeMap;

use super::super::currency::Named;
use super::super::memory::Store;
use super::super::period::{Every, iso};
use super::super::rates::Rates;
use super::super::role::Role;
use super::pricing::{Pricing, Tally};
use super::value_currencies::{Conversion, Currencies};
use crate::error::Result;

/// The number of texts that are named; the others are counted.
const SHOWN: usize = 8;

pub fn told(
    store: &Store,
    name: &str,
    currencies: &Currencies,
    tallies: &[Tally],
    rates: &Rates,
    asked: &Conversion,
    pricing: &Pricing,
) -> Result<Vec<String>> {
    let value = store.require(Role::Value)?.0.name();
    let to = rates.to;
    // Labels of one currency are counted together.
    let mut codes: BTreeMap<&str, Tally> = BTreeMap::new();
    for ((_, named), tally) in currencies.labels.iter().zip(tallies) {
        if let Named::Known(currency) = named {
            codes.entry(currency.code).or_default().join(tally);
        }
    }
    let mut lines: Vec<(&str, Tally)> = codes.into_iter().collect();
    lines.sort_by(|a, b| b.1.converted.cmp(&a.1.converted).then(a.0.cmp(b.0)));
    let mut notes = Vec::new();

    let same: u64 = tallies.iter().map(|t| t.same).sum();
    let converted: u64 = tallies.iter().map(|t| t.converted).sum();
    let mut text = format!("{name:?} is {value:?} in {to} by {}", asked.source);
    let done = lines.iter().filter(|(_, t)| t.converted > 0).map(|(code, t)| {
        let (least, most) = (short(t.least), short(t.most));
        let at = if least == most { least } else { format!("{least} to {most}") };
        format!("{code} {} at {at}", rows(t.converted))
    });
    text.push_str(&format!(": {} converted", rows(converted)));
    if converted > 0 {
        text.push_str(&format!(" ({})", some(done.collect())));
    }
    if let Some(when) = when(asked, pricing).filter(|_| converted > 0) {
        text.push_str(&format!(", {when}"));
    }
    if same > 0 {
        text.push_str(&format!("; {} in {to} unchanged", rows(same)));
    }
    notes.push(text);

    let missing = missing(currencies, tallies, &lines, rates, asked);
    if !missing.is_empty() {
        let lost = tallies.iter().map(|t| t.no_currency + t.unknown + t.no_date + t.no_rate).sum();
        notes.push(format!("{name:?} is null in {} with a value: {}", rows(lost), missing.join("; ")));
    }
    let guessed = currencies.labels.iter().zip(tallies).filter_map(|((text, named), tally)| match named {
        Named::Known(currency) if !currency.sure && tally.converted + tally.same > 0 => Some(format!(
            "{text:?} is taken as {}, though several currencies are written so: {}",
            currency.code,
            rows(tally.converted + tally.same)
        )),
        _ => None,
    });
    notes.extend(guessed);
    for (code, tally) in &lines {
        let Some(series) = rates.of(code) else { continue };
        if tally.old > 0 {
            notes.push(format!(
                "the rates of {code} end on {}: {} of long after it converted by the last",
                iso(series.last_day()),
                rows(tally.old)
            ));
        }
        if tally.partial > 0 {
            notes.push(format!(
                "{} in {code} of periods that have no rate for some of their days: the mean is that of the others",
                rows(tally.partial)
            ));
        }
    }
    notes.extend(rates.notes.iter().cloned());
    Ok(notes)
}

/// Which of several rates is used.
fn when(asked: &Conversion, pricing: &Pricing) -> Option<String> {
    if let Some(period) = asked.date {
        let (first, last) = (iso(period.first), iso(period.last));
        return Some(if first == last {
            format!("at the rates of {first}")
        } else {
            format!("at the mean rates of {first} to {last}")
        });
    }
    let told = pricing.told();
    let kinds: Vec<String> = told
        .iter()
        .map(|every| match every {
            Every::Day => "at the last rate on or before the day of each".to_owned(),
            every => format!("at the mean of the rates of the days of its {}", every.name()),
        })
        .collect();
    (!kinds.is_empty()).then(|| kinds.join(" or "))
}

/// Why rows with a value have none in the target: one sentence for each cause.
fn missing(
    currencies: &Currencies,
    tallies: &[Tally],
    lines: &[(&str, Tally)],
    rates: &Rates,
    asked: &Conversion,
) -> Vec<String> {
    let mut all = Vec::new();
    let of = currencies.ids.as_ref().map_or("", |(name, _)| name);
    let blank: u64 = tallies.iter().map(|t| t.no_currency).sum();
    if blank > 0 {
        all.push(format!("{} without a currency in {of:?}", rows(blank)));
    }
    let unknown = currencies.labels.iter().zip(tallies).filter(|(_, t)| t.unknown > 0);
    let unknown: Vec<String> = unknown.map(|((text, _), t)| format!("{text:?} {}", rows(t.unknown))).collect();
    if !unknown.is_empty() {
        all.push(format!("{of:?} holds texts that name no single currency ({})", some(unknown)));
    }
    let undated: Vec<String> =
        lines.iter().filter(|(_, t)| t.no_date > 0).map(|(code, t)| format!("{code} {}", rows(t.no_date))).collect();
    if !undated.is_empty() {
        all.push(format!("no date for a choice of rate ({})", some(undated)));
    }
    let unrated = lines.iter().filter(|(_, t)| t.no_rate > 0);
    let unrated: Vec<String> = unrated
        .map(|(code, t)| {
            let span = rates.of(code).filter(|s| s.constant().is_none());
            let span = span.map(|s| format!(", whose rates are of {} to {}", iso(s.first_day()), iso(s.last_day())));
            format!("{code} {}{}", rows(t.no_rate), span.unwrap_or_default())
        })
        .collect();
    if !unrated.is_empty() {
        all.push(format!("{} have no rate for them ({})", asked.source, some(unrated)));
    }
    all
}

fn rows(n: u64) -> String {
    if n == 1 { "1 row".to_owned() } else { format!("{n} rows") }
}

/// A rate with six significant digits.
fn short(rate: f64) -> String {
    format!("{rate:.5e}").parse::<f64>().unwrap_or(rate).to_string()
}

/// The first few of a list.
fn some(mut list: Vec<String>) -> String {
    let more = list.len().saturating_sub(SHOWN);
    list.truncate(SHOWN);
    if more > 0 {
        list.push(format!("{more} more"));
    }
    list.join(", ")
}
