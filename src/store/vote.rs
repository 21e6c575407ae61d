//! The decimal sign of the number columns of a source. Texts that only one sign can explain decide. `1.234` has two
//! readings: about 1.2 with a decimal point, and more than a thousand with a decimal comma.

use super::number::{Decimal, NumberCell, parse_number};

/// The votes of the texts of one column. Votes of parts of a column add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecimalVotes {
    pub point: u64,
    pub comma: u64,
    /// Texts that both signs can read, as different numbers.
    pub open: u64,
}

impl DecimalVotes {
    /// Counts a text `times` times.
    pub fn add(&mut self, text: &[u8], times: u64) {
        if !text.iter().any(|b| matches!(b, b'.' | b',')) {
            return; // both signs read it alike
        }
        if let Some(clear) = plain_fraction(text) {
            match clear {
                Decimal::Point => self.point += times,
                Decimal::Comma => self.comma += times,
            }
            return;
        }
        match (parse_number(text, Decimal::Point), parse_number(text, Decimal::Comma)) {
            (NumberCell::Value(a), NumberCell::Value(b)) => self.open += if a == b { 0 } else { times },
            (NumberCell::Value(_), _) => self.point += times,
            (_, NumberCell::Value(_)) => self.comma += times,
            _ => {}
        }
    }

    pub fn of<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> DecimalVotes {
        let mut decimal_votes = DecimalVotes::default();
        texts.into_iter().for_each(|text| decimal_votes.add(text, 1));
        decimal_votes
    }

    pub fn plus(self, other: DecimalVotes) -> DecimalVotes {
        DecimalVotes { point: self.point + other.point, comma: self.comma + other.comma, open: self.open + other.open }
    }

    fn winner(self) -> Option<Decimal> {
        match self.point.cmp(&self.comma) {
            std::cmp::Ordering::Greater => Some(Decimal::Point),
            std::cmp::Ordering::Less => Some(Decimal::Comma),
            std::cmp::Ordering::Equal => None,
        }
    }
}

/// The decimal sign of digits with a single sign that cannot separate thousands. Most cells are of this kind.
fn plain_fraction(text: &[u8]) -> Option<Decimal> {
    let at = text.iter().position(|b| !b.is_ascii_digit())?;
    let (whole, fraction) = (&text[..at], &text[at + 1..]);
    let thousands = fraction.len() == 3 && (1..=3).contains(&whole.len()) && whole[0] != b'0';
    let plain = !whole.is_empty() && !fraction.is_empty() && fraction.iter().all(u8::is_ascii_digit);
    match text[at] {
        b'.' if plain && !thousands => Some(Decimal::Point),
        b',' if plain && !thousands => Some(Decimal::Comma),
        _ => None,
    }
}

/// The sign of one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecimalChoice {
    pub decimal: Decimal,
    /// Nothing in the whole source decides the column's numbers.
    pub open: bool,
}

impl Decimal {
    /// The decimal sign that the clear ones of `texts` show; the point if none does.
    pub fn vote<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Decimal {
        Decimal::elect(&[DecimalVotes::of(texts)])[0].decimal
    }

    /// The decimal signs of all number columns of one source, which vote together. A column whose own clear texts agree
    /// decides for itself; the others follow the clear texts of all.
    pub fn vote_columns<'a, C>(columns: impl IntoIterator<Item = C>) -> Vec<DecimalChoice>
    where
        C: IntoIterator<Item = &'a [u8]>,
    {
        Decimal::elect(&columns.into_iter().map(DecimalVotes::of).collect::<Vec<_>>())
    }

    /// The same from counted votes, one set for each column.
    pub fn elect(ballots: &[DecimalVotes]) -> Vec<DecimalChoice> {
        let together = ballots.iter().fold(DecimalVotes::default(), |a, &b| a.plus(b));
        let of_all = together.winner();
        let one = |decimal_votes: &DecimalVotes| {
            let own = match (decimal_votes.point, decimal_votes.comma) {
                (0, 0) => None,
                (_, 0) => Some(Decimal::Point),
                (0, _) => Some(Decimal::Comma),
                _ => of_all.or(decimal_votes.winner()),
            };
            let decided = own.or(of_all);
            DecimalChoice { decimal: decided.unwrap_or_default(), open: decided.is_none() && decimal_votes.open > 0 }
        };
        ballots.iter().map(one).collect()
    }

    /// The note on columns whose decimal sign is not shown.
    pub fn open_note(self, columns: &[&str]) -> String {
        let (mark, meant, other) = match self {
            Decimal::Point => (",", "1,234 is more than a thousand, 1.234 is less than two", ","),
            Decimal::Comma => (".", "1.234 is more than a thousand, 1,234 is less than two", "."),
        };
        format!(
            "the decimal sign of {} is uncertain: each sign is before three digits; {mark:?} was taken as the mark \
             between thousands ({meant}); pass decimal={other:?} if that is wrong",
            columns.iter().map(|c| format!("{c:?}")).collect::<Vec<_>>().join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(columns: &[&[&str]]) -> Vec<(Decimal, bool)> {
        let columns = columns.iter().map(|c| c.iter().map(|t| t.as_bytes()));
        Decimal::vote_columns(columns).into_iter().map(|e| (e.decimal, e.open)).collect()
    }

    #[test]
    fn the_clear_texts_of_all_columns_decide() {
        use Decimal::*;
        assert_eq!(vote(&[&["1.234", "12.500", "950"], &["3,5", "2,25"]]), [(Comma, false), (Comma, false)]);
        assert_eq!(vote(&[&["10,50", "3,20"], &["12,500", "980,250"]]), [(Comma, false), (Comma, false)]);
        assert_eq!(vote(&[&["1.234", "12.500"]]), [(Point, true)]);
        assert_eq!(vote(&[&["1.234"], &["7", "8"]]), [(Point, true), (Point, false)]);
        assert_eq!(vote(&[&["1.234.567"], &["1,234"]]), [(Comma, false), (Comma, false)]);
        assert_eq!(vote(&[&["0.750", "12.500"]]), [(Point, false)]);
        // Each column by its own evidence, if it has some.
        assert_eq!(vote(&[&["1,5"], &["1.5"]]), [(Comma, false), (Point, false)]);
    }

    #[test]
    fn one_column_decides_by_itself() {
        let vote = |texts: &[&str]| Decimal::vote(texts.iter().map(|t| t.as_bytes()));
        assert_eq!(vote(&["1,5", "1.234,5", "7"]), Decimal::Comma);
        assert_eq!(vote(&["1,234", "1.5", "7"]), Decimal::Point);
        assert_eq!(vote(&["7", "8"]), Decimal::Point);
    }

    #[test]
    fn ballots_add_up() {
        let all = DecimalVotes::of([&b"1.5"[..], b"1,5", b"1.234", b"7"]);
        let parts = DecimalVotes::of([&b"1.5"[..], b"7"]).plus(DecimalVotes::of([&b"1,5"[..], b"1.234"]));
        assert_eq!(all, parts);
        assert_eq!(all, DecimalVotes { point: 1, comma: 1, open: 1 });
    }
}
