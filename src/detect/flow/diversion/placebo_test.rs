//! The placebo test: the growth of the two legs through an intermediary, compared with the same at dates before the
//! event.
//!
//! An event changes the direct leg of many products at once. No earlier date has such a fall, so the fall is only a
//! condition and no part of the score. Windows of placebo dates do not overlap, and are as far apart as those of the
//! event.

use super::model::{EMPTY, Leg, Model};
use super::pool::{Pool, together};
use crate::detect::flow::spread::{Sized, Spread};
use crate::error::Result;
use crate::progress::Progress;
use crate::stats::{MAD_K, OrderStatistics, encode, ln, median};
use crate::store::Every;

/// The smallest number of other destinations from which the growth in the world is estimated.
const WORLD: usize = 5;
/// Destinations with a smaller share of the product's trade are left out of that estimate.
const TRIFLE: f64 = 0.005;
/// The smallest number of triangles from which the common growth of a leg at a date is estimated, and its scale.
const CENTRED: usize = 20;
const SCALED: usize = 50;
/// The smallest number of placebo changes from which the spread is learnt; with fewer, those of the event are added.
const FEW: usize = 40;

/// The months of two windows.
type Windows = ((u32, u32), (u32, u32));

/// The change of a leg.
#[derive(Clone, Copy)]
struct Change {
    /// The logarithm of the growth. NaN if the data do not hold the leg.
    log: f64,
    /// ln of the variance that follows from the number of records, and the mean ln of the value in both windows.
    size: [f64; 2],
    /// No records in both windows.
    idle: bool,
    /// No records in one window.
    empty: bool,
}

/// The legs to and from the intermediary of each triangle at a date.
struct AtDate {
    legs: Vec<[Change; 2]>,
    /// The growth of the product in the rest of the world, for each triangle.
    growths: Vec<Option<f64>>,
    /// The common growth of each leg.
    centres: [f64; 2],
    /// By how much a change at this date is to be widened, if its windows are nearer to each other than those of the
    /// event.
    wider: f64,
}

impl Model {
    /// Scores every triangle and computes its p-value.
    pub fn score_triangles(&mut self, progress: &Progress) -> Result<()> {
        let mut of_product: Vec<Vec<usize>> = vec![Vec::new(); self.direct.len()];
        self.triangles.iter().enumerate().for_each(|(i, t)| of_product[t.product].push(i));
        let event = self.at_date(&of_product, self.spans, 1.0, progress)?;
        let fall = |triangle| {
            let direct = self.change(self.direct_of(triangle), 1.0, self.spans);
            -direct.log / libm::exp(0.5 * direct.size[0])
        };
        let falls: Vec<f64> = self.triangles.iter().map(fall).collect();
        progress.check()?;
        for ((triangle, growth), fall) in self.triangles.iter_mut().zip(&event.growths).zip(falls) {
            (triangle.world_growth, triangle.z[0]) = (*growth, fall);
        }
        let mut placebos = Vec::new();
        for (windows, wider) in self.placebo_dates() {
            placebos.push(self.at_date(&of_product, windows, wider, progress)?);
        }
        let spreads = [0, 1].map(|leg| {
            let mut changes: Vec<Sized> = placebos.iter().flat_map(|date| date.centred(leg)).collect();
            if changes.len() < FEW {
                changes.extend(event.centred(leg));
            }
            Spread::learn(&changes)
        });
        progress.check()?;
        // Triangles whose third leg the data do not hold have another score, and placebos of their own.
        let mut pools: [Vec<[f64; 2]>; 2] = Default::default();
        let pool_of: Vec<usize> = self.triangles.iter().map(|t| usize::from(t.onward_reported)).collect();
        for date in &placebos {
            progress.check()?;
            for (i, z) in date.standardised(&spreads).into_iter().enumerate() {
                pools[pool_of[i]].push(z);
            }
        }
        for (i, z) in event.standardised(&spreads).into_iter().enumerate() {
            let triangle = &mut self.triangles[i];
            (triangle.z[1], triangle.z[2]) = (z[0], z[1]);
            let score = together(z);
            // Without an earlier date, products whose direct trade did not fall have to do.
            if placebos.is_empty() && triangle.z[0] <= 0.0 {
                pools[pool_of[i]].push(z);
            }
            triangle.score = if triangle.z[0] > 0.0 && score > 0.0 { score } else { 0.0 };
        }
        self.pools = pools.map(|placebos| Pool::of(&placebos));
        progress.check()?;
        for triangle in &mut self.triangles {
            let pool = &self.pools[usize::from(triangle.onward_reported)];
            triangle.p = if triangle.score > 0.0 { pool.p_value(triangle.score) } else { 1.0 };
        }
        Ok(())
    }

    /// For each intermediary of a product, the growth of the product in the rest of the world: the median over the
    /// other destinations. `None` if there are too few.
    fn world_growth(&self, members: &[usize], before: (u32, u32), after: (u32, u32)) -> Vec<Option<f64>> {
        let months = |w: (u32, u32)| f64::from(w.1 - w.0 + 1);
        let growth = |&i: &usize| {
            let leg = &self.triangles[i].inward;
            let (b, a) = (leg.total(before).0 / months(before), leg.total(after).0 / months(after));
            (b, if b > 0.0 && a > 0.0 { ln(a / b) } else { f64::NAN })
        };
        let all: Vec<(f64, f64)> = members.iter().map(growth).collect();
        let total: f64 = all.iter().map(|g| g.0).sum();
        // A very small destination is no evidence about the world.
        let counts = |g: &(f64, f64)| g.0 >= TRIFLE * total && !g.1.is_nan();
        let mut ordered: Vec<i64> = all.iter().filter(|g| counts(g)).map(|g| encode(g.1)).collect();
        ordered.sort_unstable();
        all.iter()
            .map(|own| {
                // The median of all growths except its own.
                let place = if counts(own) { ordered.partition_point(|&k| k < encode(own.1)) } else { ordered.len() };
                let others = ordered.len() - usize::from(counts(own));
                if others < WORLD {
                    return None;
                }
                let at = |k: usize| ordered[k + usize::from(k >= place)];
                let mut middle =
                    if others % 2 == 1 { vec![at(others / 2)] } else { vec![at(others / 2 - 1), at(others / 2)] };
                Some(libm::exp(OrderStatistics::new(&mut middle, false).median().unwrap_or(0.0)))
            })
            .collect()
    }

    /// The change of a leg beyond a growth that is expected anyway.
    fn change(&self, leg: &Leg, growth: f64, (before, after): Windows) -> Change {
        let span = |w: (u32, u32)| f64::from(w.1 - w.0 + 1);
        let longer = span(after) / span(before);
        let floor = EMPTY * self.typical;
        let ((b, b_records), (a, a_records)) = (leg.total(before), leg.total(after));
        let (a, b) = (a.max(0.0), b.max(0.0));
        let variance = 1.0 / (a_records + EMPTY) + 1.0 / (b_records + EMPTY);
        Change {
            log: ln((a + floor) / (b * growth * longer + floor)),
            size: [ln(variance), 0.5 * (ln(a + floor) + ln(b + floor))],
            idle: a_records + b_records == 0.0,
            empty: a_records.min(b_records) == 0.0,
        }
    }

    /// The two legs of each triangle through its intermediary.
    fn at_date(&self, of_product: &[Vec<usize>], windows: Windows, wider: f64, progress: &Progress) -> Result<AtDate> {
        let unknown = Change { log: f64::NAN, size: [0.0; 2], idle: true, empty: true };
        let of_members = progress.each(0..of_product.len(), 1 << 4, |product| {
            let members = &of_product[product];
            let growths = self.world_growth(members, windows.0, windows.1);
            let legs = members.iter().zip(growths).map(|(&i, growth)| {
                let triangle = &self.triangles[i];
                let inward = self.change(&triangle.inward, growth.unwrap_or(1.0), windows);
                if inward.idle {
                    return (i, growth, [unknown; 2]);
                }
                let onward =
                    if triangle.onward_reported { self.change(&triangle.onward, 1.0, windows) } else { unknown };
                (i, growth, [inward, onward])
            });
            legs.collect::<Vec<_>>()
        })?;
        let many = self.triangles.len();
        let (legs, growths) = (vec![[unknown; 2]; many], vec![None; many]);
        let mut date = AtDate { legs, growths, centres: [0.0; 2], wider };
        for (i, growth, legs) in of_members.into_iter().flatten() {
            (date.growths[i], date.legs[i]) = (growth, legs);
        }
        date.centres = [0, 1].map(|leg| date.centre(leg));
        Ok(date)
    }

    /// The windows of placebo dates, and by how much their changes are to be widened. The last windows end before the
    /// event. If there is no room for windows as far apart as those of the event, they are as far apart as possible.
    /// The variance of a growth is then taken to increase with the time between the middles of the windows.
    pub(super) fn placebo_dates(&self) -> Vec<(Windows, f64)> {
        let (before, after) = self.spans;
        let (long_before, long_after) = (before.1 - before.0 + 1, after.1 - after.0 + 1);
        let event = self.flows.periods.partition_point(|&m| m < Every::Month.start(self.settings.event)) as u32;
        let Some(room) = event.checked_sub(long_before + long_after) else { return Vec::new() };
        let wanted = after.0 - before.1 - 1;
        let apart = wanted.min(room);
        let middles = |apart: u32| f64::from(apart) + 0.5 * f64::from(long_before + long_after);
        let wider = (middles(wanted) / middles(apart)).sqrt();
        let span = long_before + apart + long_after;
        (1..=event / span)
            .map(|k| {
                let start = event - k * span;
                let second = start + long_before + apart;
                (((start, start + long_before - 1), (second, second + long_after - 1)), wider)
            })
            .collect()
    }
}

impl AtDate {
    /// The common growth of a leg at this date.
    fn centre(&self, leg: usize) -> f64 {
        let logs: Vec<f64> = self.typical(leg).map(|c| c.log).collect();
        if logs.len() < CENTRED { 0.0 } else { median(logs.into_iter()).unwrap_or(0.0) }
    }

    /// The changes from which centre, spread and scale are learnt. A change from or to an empty window follows from the
    /// size that such a window is given, so these are left out if there are enough others.
    fn typical(&self, leg: usize) -> impl Iterator<Item = &Change> {
        let active = move || self.legs.iter().map(move |legs| &legs[leg]).filter(|c| !c.idle && !c.log.is_nan());
        let enough = active().filter(|c| !c.empty).count() >= CENTRED;
        active().filter(move |c| !(enough && c.empty))
    }

    /// Changes beyond the common growth, with their sizes.
    fn centred(&self, leg: usize) -> Vec<Sized> {
        let centre = self.centres[leg];
        self.typical(leg).map(|c| Sized { residual: (c.log - centre) * self.wider, size: c.size }).collect()
    }

    /// The changes of both legs of each triangle in standard deviations. A date at which all flows scatter more has a
    /// scale of its own.
    fn standardised(&self, spreads: &[Spread; 2]) -> Vec<[f64; 2]> {
        let of = [0, 1].map(|leg| {
            let centre = self.centres[leg];
            let z = |c: &Change| (c.log - centre) * self.wider / spreads[leg].at(c.size);
            let sizes: Vec<f64> = self.typical(leg).map(|c| z(c).abs()).collect();
            let scale = if sizes.len() < SCALED { 1.0 } else { MAD_K * median(sizes.into_iter()).unwrap_or(1.0) };
            let scale = if scale > 0.0 { scale } else { 1.0 };
            let one = |c: &Change| if c.idle && !c.log.is_nan() { 0.0 } else { z(c) / scale };
            self.legs.iter().map(|legs| one(&legs[leg])).collect::<Vec<f64>>()
        });
        of[0].iter().zip(&of[1]).map(|(a, b)| [*a, *b]).collect()
    }
}
