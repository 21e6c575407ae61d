//! How many days after the exporter the importer reports, learnt from reports that stand alone.
//!
//! An export and an import of a flow are taken for a pair if no other report of either side is within the longest lag of
//! the other. Some such reports do not belong together. Pairs in the wrong order, the importer first, show how many.

use super::mirror::{Lag, Mirror};
use crate::error::Result;
use crate::flows::Flows;
use crate::progress::Progress;

/// The reach of the whiskers of a box plot, in interquartile ranges (Tukey 1977). In monthly statistics most lags are 0,
/// and so is their range.
const WHISKERS: f64 = 1.5;
/// How many standard errors more pairs than in the wrong order are taken to belong together.
const MARGIN: f64 = 2.0;

/// The usual lag, and the range in which nearly all lags lie.
pub(super) fn usual_lag(flows: &Flows, mirror: &Mirror, max_lag: i32, progress: &Progress) -> Result<Lag> {
    let (mut days, mut wrong) = (Vec::new(), 0);
    for groups in &mirror.groups {
        progress.check()?;
        let of = |side: usize| {
            let cells = groups[side].iter().flat_map(|&g| flows.of(g)).filter(|c| c.value > 0.0);
            let mut days: Vec<i32> = cells.map(|c| flows.periods[c.at as usize]).collect();
            days.sort_unstable();
            days.dedup();
            days
        };
        for day in alone(&of(0), &of(1), max_lag) {
            if day < 0 { wrong += 1 } else { days.push(day) }
        }
    }
    days.sort_unstable();
    Ok(range(&days, wrong, max_lag))
}

/// The days from export to import of pairs that stand alone. Both lists are in increasing order.
fn alone(exports: &[i32], imports: &[i32], max_lag: i32) -> Vec<i32> {
    let only = |days: &[i32], day: i32| {
        let from = days.partition_point(|d| *d < day - max_lag);
        let to = days.partition_point(|d| *d <= day + max_lag);
        (to == from + 1).then(|| days[from])
    };
    let pair = |&export: &i32| {
        let import = only(imports, export)?;
        only(exports, import).map(|_| import - export)
    };
    exports.iter().filter_map(pair).collect()
}

/// The range of days, in increasing order: within the whiskers of the box plot, and farther out while more pairs are
/// beyond than pairs in the wrong order suggest.
fn range(days: &[i32], wrong: usize, max_lag: i32) -> Lag {
    if days.is_empty() {
        return Lag::default();
    }
    let usual = days[days.len() / 2];
    let (low, high) = (days[days.len() / 4], days[(3 * days.len() / 4).min(days.len() - 1)]);
    let reach = libm::round(WHISKERS * f64::from(high - low)) as i32;
    let within = |day: &&i32| (low - reach..=high + reach).contains(*day);
    let mut shortest = days.iter().find(within).copied().unwrap_or(usual);
    let mut longest = days.iter().rev().find(within).copied().unwrap_or(usual);
    let by_chance = |width: i32| {
        let expected = wrong as f64 * f64::from(width) / f64::from(max_lag.max(1));
        expected + MARGIN * (expected + 1.0).sqrt()
    };
    let below = |day: i32| days.partition_point(|d| *d < day);
    while shortest > 0 && below(shortest) as f64 > by_chance(shortest) {
        shortest -= 1;
    }
    while longest < max_lag && (days.len() - below(longest + 1)) as f64 > by_chance(max_lag - longest) {
        longest += 1;
    }
    Lag { usual, shortest, longest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reports_that_stand_alone_are_pairs() {
        // The first two stand alone; then two exports within the lag of an import; the last comes before its import.
        assert_eq!(alone(&[0, 200, 400, 420, 900], &[20, 260, 430, 880], 60), vec![20, 60, -20]);
        assert_eq!(alone(&[0], &[61], 60), Vec::<i32>::new());
        assert_eq!(alone(&[], &[1], 60), Vec::<i32>::new());
    }

    #[test]
    fn the_range_holds_all_lags_but_those_of_strangers() {
        let lags: Vec<i32> = (0..310).map(|i| 10 + i / 10).collect();
        let found = range(&lags, 0, 60);
        assert_eq!((found.shortest, found.usual, found.longest), (10, 25, 40));
        // Monthly statistics: nearly all in the same month. One pair in the next month, or as many as before it.
        let monthly = |late: usize| [vec![0; 500], vec![31; late]].concat();
        assert_eq!(range(&monthly(1), 0, 60).longest, 0);
        assert_eq!(range(&monthly(20), 22, 60).longest, 0);
        // Many more in the next month than in the one before: a lag that occurs.
        assert_eq!(range(&monthly(60), 2, 60).longest, 31);
        assert_eq!(range(&[], 3, 60).longest, 0);
        assert_eq!(range(&[0, 0], 0, 0).longest, 0);
    }
}
