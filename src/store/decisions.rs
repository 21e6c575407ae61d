//! How the columns of roles were read, as a copy of a part of the source needs it.

use super::country::CountryFormat;
use super::currency::SourceCurrency;
use super::digits::DateFormat;
use super::hs::LostZeros;
use super::number::{Decimal, NumberFormat};

/// How the columns of roles were read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decisions {
    pub date: Option<DateFormat>,
    pub lost_zeros: Option<LostZeros>,
    /// For origin and destination.
    pub countries: [Option<CountryFormat>; 2],
    /// The currency of the values; none if it was not determined yet.
    pub currency: Option<SourceCurrency>,
    /// By column name.
    pub numbers: Vec<(String, NumberFormat)>,
}

impl Decisions {
    pub(super) fn written(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        all.extend(self.date.map(|d| ("date".to_owned(), d.written())));
        all.extend(self.lost_zeros.map(|l| ("hs".to_owned(), l.written())));
        for (name, format) in ["origin", "destination"].into_iter().zip(self.countries) {
            let said = |f: CountryFormat| format!("{} {}", u8::from(f.m49), u8::from(f.na_is_null));
            all.extend(format.map(|f| (name.to_owned(), said(f))));
        }
        all.extend(self.currency.as_ref().map(|c| ("currency".to_owned(), c.written())));
        for (name, format) in &self.numbers {
            let said: String = std::iter::once(format.decimal.sign()).chain(format.thousands).collect();
            all.push((format!("number {name}"), said));
        }
        all
    }

    pub fn from_written(all: &[(String, String)]) -> Decisions {
        let mut made = Decisions::default();
        for (what, said) in all {
            let country = || CountryFormat { m49: said.starts_with('1'), na_is_null: said.ends_with('1') };
            match what.as_str() {
                "date" => made.date = DateFormat::from_written(said),
                "hs" => made.lost_zeros = Some(LostZeros::from_written(said)),
                "currency" => made.currency = Some(SourceCurrency::from_written(said)),
                "origin" => made.countries[0] = Some(country()),
                "destination" => made.countries[1] = Some(country()),
                other => {
                    let mut signs = said.chars();
                    let decimal = if signs.next() == Some(',') { Decimal::Comma } else { Decimal::Point };
                    let name = other.strip_prefix("number ").unwrap_or(other);
                    made.numbers.push((name.to_owned(), NumberFormat { decimal, thousands: signs.next() }));
                }
            }
        }
        made
    }
}
