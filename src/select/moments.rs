//! Converts days, instants, times of day and lengths of time to the units of a column.

use arrow::array::timezone::Tz;
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike};

use crate::error::{Error, Result};
use crate::select::literal::{Instant, Literal};
use crate::store::{Misread, Period};

const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;

/// The first and the last value of a column of this type that are equal to a literal, which is a day, a period or an
/// instant.
pub fn range(name: &str, kind: &DataType, literal: &Literal) -> Result<(i128, i128)> {
    match kind {
        DataType::Date32 => days(name, literal).map(|(first, last)| (first.into(), last.into())),
        DataType::Date64 => {
            // Any millisecond of the day. It should be the first one.
            let (first, last) = days(name, literal)?;
            let length = DAY / 1_000_000;
            Ok((i128::from(first) * length, (i128::from(last) + 1) * length - 1))
        }
        DataType::Timestamp(unit, zone) => Ok(in_units(instants(name, zone.as_deref(), literal)?, *unit)),
        DataType::Time32(unit) | DataType::Time64(unit) => {
            let at = clock(name, literal)?;
            Ok(in_units((at, at), *unit))
        }
        DataType::Duration(unit) => match literal {
            Literal::Length(nanos) => Ok(in_units((*nanos, *nanos), *unit)),
            other => Err(Error::Argument(format!(
                "{name:?} holds lengths of time, and {} is not one; give a datetime.timedelta",
                words(other)
            ))),
        },
        kind => Err(Error::Argument(format!("{name:?} holds {kind}, which cannot be compared"))),
    }
}

/// The first and the last unit within a range of nanoseconds.
fn in_units((first, last): (i128, i128), unit: TimeUnit) -> (i128, i128) {
    let length = match unit {
        TimeUnit::Second => SECOND,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    };
    (-((-first).div_euclid(length)), last.div_euclid(length))
}

/// The first and the last day that are equal to a literal. An instant means its day.
fn days(name: &str, literal: &Literal) -> Result<(i32, i32)> {
    let text = match literal {
        Literal::Day(day) => return Ok((*day, *day)),
        Literal::Instant(instant) => {
            let day = i32::try_from(instant.wall.div_euclid(DAY)).unwrap_or(i32::MAX);
            return Ok((day, day));
        }
        Literal::Text(text) => text.clone(),
        Literal::Number(number) => number.text(),
        other => return Err(not_a_date(name, &words(other))),
    };
    let period = Period::asked(&text).map_err(|why| match why {
        Misread::NotADate => not_a_date(name, &format!("{text:?}")),
        Misread::Either(..) => Error::Argument(format!("{name:?} is a date, and {text:?} may be {}", why.choice())),
    })?;
    Ok((period.first, period.last))
}

fn not_a_date(name: &str, written: &str) -> Error {
    Error::Argument(format!("{name:?} is a date, and {written} is not one; write 2023, 2023-Q2, 2023-03 or 2023-03-01"))
}

/// The first and the last nanosecond since 1970: in UTC, or in local time if the column has no time zone.
fn instants(name: &str, zone: Option<&str>, literal: &Literal) -> Result<(i128, i128)> {
    let written = match literal {
        Literal::Instant(instant) => Some(*instant),
        Literal::Text(text) if text.contains(':') => {
            Some(parse(text).ok_or_else(|| not_a_date(name, &format!("{text:?}")))?)
        }
        _ => None,
    };
    if let Some(instant) = written {
        let at = match (zone, instant.utc) {
            (None, None) => instant.wall,
            (Some(_), Some(utc)) => utc,
            (None, Some(_)) => {
                return Err(Error::Argument(format!(
                    "{name:?} holds times without a time zone, and {} has one; leave it out, or give a day",
                    show(instant)
                )));
            }
            (Some(zone), None) => {
                return Err(Error::Argument(format!(
                    "{name:?} holds times in the time zone {zone}, and {} has none; add a time zone, or give a day",
                    show(instant)
                )));
            }
        };
        return Ok((at, at));
    }
    let (first, last) = days(name, literal)?;
    let (first, after) = (i128::from(first), i128::from(last) + 1);
    let Some(zone) = zone else { return Ok((first * DAY, after * DAY - 1)) };
    let zone: Tz = zone
        .parse()
        .map_err(|_| Error::Argument(format!("{name:?} holds times in {zone:?}, which is not a known time zone")))?;
    Ok((midnight(first, zone), midnight(after, zone) - 1))
}

/// The nanosecond in UTC at which a day begins in a time zone. A day outside the calendar begins as in UTC.
fn midnight(day: i128, zone: Tz) -> i128 {
    let date = i32::try_from(day).ok().and_then(|d| NaiveDate::from_num_days_from_ce_opt(d.checked_add(719_163)?));
    let Some(start) = date.map(|d| d.and_time(NaiveTime::MIN)) else { return day * DAY };
    // If the clocks skip midnight, the day begins after the skip. Some zones have skipped a whole day.
    let steps = (0..=24 * 4).filter_map(|quarter| start.checked_add_signed(TimeDelta::minutes(15 * quarter)));
    let mut instants = steps.filter_map(|local| zone.from_local_datetime(&local).earliest());
    instants.next().map_or(day * DAY, |at| nanos(at.naive_utc()))
}

fn nanos(at: NaiveDateTime) -> i128 {
    let at = at.and_utc();
    i128::from(at.timestamp()) * SECOND + i128::from(at.timestamp_subsec_nanos())
}

/// Reads a text such as `2023-01-31 12:00` or `2023-01-31T12:00:05.25+01:00`.
fn parse(text: &str) -> Option<Instant> {
    let text = text.trim().replacen('T', " ", 1);
    for form in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"] {
        if let Ok(wall) = NaiveDateTime::parse_from_str(&text, form) {
            return Some(Instant { wall: nanos(wall), utc: None });
        }
    }
    let text = text.strip_suffix(['Z', 'z']).map_or(text.clone(), |t| format!("{t}+00:00"));
    for form in ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M%#z"] {
        if let Ok(at) = DateTime::parse_from_str(&text, form) {
            return Some(Instant { wall: nanos(at.naive_local()), utc: Some(nanos(at.naive_utc())) });
        }
    }
    None
}

/// Nanoseconds since midnight.
fn clock(name: &str, literal: &Literal) -> Result<i128> {
    let wrong = |written: &str| {
        Error::Argument(format!(
            "{name:?} holds times of day, and {written} is not one; write \"14:30\" or \"14:30:05\""
        ))
    };
    match literal {
        Literal::Clock(nanos) => Ok(*nanos),
        Literal::Text(text) => {
            let forms = ["%H:%M:%S%.f", "%H:%M"];
            let time = forms.iter().find_map(|form| NaiveTime::parse_from_str(text.trim(), form).ok());
            let time = time.ok_or_else(|| wrong(&format!("{text:?}")))?;
            Ok(i128::from(time.num_seconds_from_midnight()) * SECOND + i128::from(time.nanosecond()))
        }
        other => Err(wrong(&words(other))),
    }
}

/// An instant as errors write it.
pub fn show(instant: Instant) -> String {
    let seconds = i64::try_from(instant.wall.div_euclid(SECOND)).unwrap_or(0);
    let part = instant.wall.rem_euclid(SECOND) as u32;
    DateTime::from_timestamp(seconds, part).map_or("the time given".into(), |at| at.naive_utc().to_string())
}

/// A literal as errors write it.
pub fn words(literal: &Literal) -> String {
    match literal {
        Literal::Null => "None".into(),
        Literal::Text(text) => format!("{text:?}"),
        Literal::Truth(truth) => (if *truth { "True" } else { "False" }).into(),
        Literal::Number(number) => number.text(),
        Literal::Day(day) => crate::store::iso(*day),
        Literal::Instant(instant) => show(*instant),
        Literal::Length(_) => "a length of time".into(),
        Literal::Clock(_) => "a time of day".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_instants_in_every_unit() {
        let noon = Instant { wall: 19_388 * DAY + DAY / 2, utc: None };
        for unit in [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
            let kind = DataType::Timestamp(unit, None);
            let day = range("t", &kind, &Literal::Day(19_388)).unwrap();
            let at = range("t", &kind, &Literal::Instant(noon)).unwrap();
            assert_eq!(at.0, at.1);
            assert_eq!((day.0 + day.1 + 1) / 2, at.0);
            let month = range("t", &kind, &Literal::Text("2023-01".into())).unwrap();
            assert!(month.0 < day.0 && month.1 == day.1, "31 January ends the month");
        }
        // Half a microsecond lies between two values.
        let odd = Instant { wall: 1_500, utc: None };
        let (first, last) =
            range("t", &DataType::Timestamp(TimeUnit::Microsecond, None), &Literal::Instant(odd)).unwrap();
        assert_eq!((first, last), (2, 1));
    }

    #[test]
    fn times_before_1970_round_inwards() {
        assert_eq!(in_units((-1_500, -500), TimeUnit::Microsecond), (-1, -1));
        assert_eq!(in_units((-1_500, -1_500), TimeUnit::Microsecond), (-1, -2));
    }

    #[test]
    fn zones_must_be_on_both_sides_or_on_neither() {
        let plain = DataType::Timestamp(TimeUnit::Second, None);
        let zoned = DataType::Timestamp(TimeUnit::Second, Some("+02:00".into()));
        let text = |t: &str| Literal::Text(t.into());
        assert_eq!(range("t", &zoned, &text("1970-01-01T02:00Z")).unwrap(), (7_200, 7_200));
        assert_eq!(range("t", &zoned, &Literal::Day(0)).unwrap(), (-7_200, 86_400 - 7_200 - 1));
        assert!(range("t", &zoned, &text("1970-01-01 02:00")).is_err());
        assert!(range("t", &plain, &text("1970-01-01 02:00+01:00")).is_err());
        assert!(range("t", &plain, &text("soon")).is_err());
    }
}
