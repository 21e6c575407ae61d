//! The placebo test: the combined changes of the three legs, compared with the same at dates before the event.

use rayon::prelude::*;

use super::model::{EMPTY, Leg, Model, Triangle};
use crate::error::Result;
use crate::progress::Progress;
use crate::stats::{OrderStatistics, ParetoTail, encode, ln};
use crate::store::Every;

/// The smallest number of other destinations from which the growth in the world is estimated.
const WORLD: usize = 5;
/// Destinations with a smaller share of the product's trade are left out of that estimate.
const TRIFLE: f64 = 0.005;
/// The smallest number of placebos for a tail beyond the largest of them.
const MANY: usize = 1_000;

impl Model {
    /// Scores every triangle and computes its p-value.
    pub fn score_triangles(&mut self, progress: &Progress) -> Result<()> {
        let (before, after) = self.spans;
        let mut of_product: Vec<Vec<usize>> = vec![Vec::new(); self.direct.len()];
        self.triangles.iter().enumerate().for_each(|(i, t)| of_product[t.product].push(i));
        self.placebos = self.placebo_scores(&of_product, progress)?;
        for (product, members) in of_product.iter().enumerate() {
            progress.check()?;
            for (&i, growth) in members.iter().zip(self.world_growth(members, before, after)) {
                let z = self.leg_changes(&self.triangles[i], product, growth, before, after);
                let triangle = &mut self.triangles[i];
                (triangle.world_growth, triangle.z) = (growth, z);
                triangle.score = together(z);
            }
        }
        // More placebos: growth at the event itself, for products whose direct trade did not fall.
        let unaffected = self.triangles.iter().filter(|t| t.z[0] <= 0.0).map(|t| together([f64::NAN, t.z[1], t.z[2]]));
        self.placebos.extend(unaffected.filter(|s| s.is_finite()));
        progress.check()?;
        self.placebos.par_sort_unstable_by(f64::total_cmp);
        progress.check()?;
        let tail = ParetoTail::fit(&self.placebos);
        let most = self.placebos.last().copied().unwrap_or(f64::NEG_INFINITY);
        for triangle in &mut self.triangles {
            if triangle.score.is_nan() {
                continue;
            }
            let n = self.placebos.len();
            let least = self.placebos.partition_point(|&s| s < triangle.score);
            let counted = (1 + n - least) as f64 / (n + 1) as f64;
            triangle.p = match &tail {
                Some(tail) if n >= MANY && triangle.score > most => tail.p_value(triangle.score).min(counted),
                _ => counted,
            };
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

    /// The fall of the direct leg, the growth of the leg to the intermediary beyond that of the world, and the growth
    /// of the leg from there, in standard errors. NaN for a leg that the data do not hold.
    fn leg_changes(
        &self,
        triangle: &Triangle,
        product: usize,
        world_growth: Option<f64>,
        before: (u32, u32),
        after: (u32, u32),
    ) -> [f64; 3] {
        let span = |w: (u32, u32)| f64::from(w.1 - w.0 + 1);
        let longer = span(after) / span(before);
        let floor = EMPTY * self.typical;
        let change = |leg: &Leg, times: f64| {
            let ((b, b_records), (a, a_records)) = (leg.total(before), leg.total(after));
            let ratio = (a.max(0.0) + floor) / (b.max(0.0) * times * longer + floor);
            ln(ratio) / (1.0 / (a_records + EMPTY) + 1.0 / (b_records + EMPTY)).sqrt()
        };
        let onward = if triangle.onward_reported { change(&triangle.onward, 1.0) } else { f64::NAN };
        [-change(&self.direct[product], 1.0), change(&triangle.inward, world_growth.unwrap_or(1.0)), onward]
    }

    /// The scores of every triangle at every month before the event that leaves room for two windows next to each
    /// other.
    fn placebo_scores(&self, of_product: &[Vec<usize>], progress: &Progress) -> Result<Vec<f64>> {
        let (before, after) = self.spans;
        let (long_before, long_after) = (before.1 - before.0 + 1, after.1 - after.0 + 1);
        let event = self.flows.periods.partition_point(|&m| m < Every::Month.start(self.settings.event)) as u32;
        let dates = long_before as usize..event.saturating_sub(long_after) as usize + 1;
        let scores = progress.each(dates, 1, |at| {
            let at = at as u32;
            let mut scores = Vec::new();
            let (b, a) = ((at - long_before, at - 1), (at, at + long_after - 1));
            for (product, members) in of_product.iter().enumerate().take_while(|_| !progress.stopped()) {
                for (&i, growth) in members.iter().zip(self.world_growth(members, b, a)) {
                    let triangle = &self.triangles[i];
                    let traded = triangle.inward.total(b).1 + triangle.inward.total(a).1 > 0.0;
                    scores.extend(traded.then(|| together(self.leg_changes(triangle, product, growth, b, a))));
                }
            }
            scores.retain(|s: &f64| s.is_finite());
            scores
        });
        Ok(scores?.concat())
    }
}

/// The combined score: the smallest change if one is not positive, else the root harmonic mean square, which is close
/// to the smallest and grows with all.
fn together(z: [f64; 3]) -> f64 {
    let known = z.iter().filter(|z| !z.is_nan());
    let least = known.clone().fold(f64::INFINITY, |least, &z| least.min(z));
    if least <= 0.0 || !least.is_finite() {
        return if least.is_finite() { least } else { f64::NAN };
    }
    let count = known.clone().count() as f64;
    (count / known.map(|z| 1.0 / (z * z)).sum::<f64>()).sqrt()
}
