//! Learns how often records agree by chance, from the far records of all groups.

use super::model::Model;
use super::rates::{BINS, HALF, Rates, bin};
use crate::error::Result;
use crate::progress::Progress;

/// A weight that is as good as infinite.
const CERTAIN: f64 = 1e12;
/// The largest weight, in records, of other parties in the rate of near records. The parties' own records then count.
const MOST: f64 = 100.0;

/// Matches and trials of the records of one group in one bin.
struct Trials {
    seen: usize,
    bin: usize,
    matches: f64,
    trials: f64,
}

/// What one group adds.
#[derive(Default)]
struct GroupTrials {
    same: Vec<Trials>,
    /// Means over its records: the share of far records that are near, the share that other parties lead to expect, and
    /// the share of pairs of far records of which both are near.
    near: Option<[f64; 3]>,
}

fn trials_of(model: &Model, group: usize) -> GroupTrials {
    let records = model.of(group);
    let mut made = GroupTrials::default();
    if records.len() < 2 {
        return made;
    }
    let (mut near, mut tried) = ([0.0; 3], 0.0);
    for record in records {
        let window = model.window(group, record);
        let known = model.known(group, record, window.clone());
        if known.far == 0 {
            continue;
        }
        // With two matches or more, a match is known whichever record is left out.
        let trials = match known.far_same {
            0 => known.far,
            1 => 1,
            _ => 0,
        };
        if trials > 0 {
            let (seen, bin) = (usize::from(known.others_same > 0), bin(known.far - 1));
            let at = made.same.iter().position(|t| (t.seen, t.bin) == (seen, bin)).unwrap_or_else(|| {
                made.same.push(Trials { seen, bin, matches: 0.0, trials: 0.0 });
                made.same.len() - 1
            });
            // Both records of a pair count it.
            made.same[at].matches += 0.5 * known.far_same.min(1) as f64;
            made.same[at].trials += 0.5 * trials as f64;
        }
        let like = model.known_near(group, record, window);
        if like.far >= 2 {
            let (m, n) = (like.far_near as f64, like.far as f64);
            near[0] += m / n;
            near[1] += like.elsewhere;
            near[2] += m * (m - 1.0) / (n * (n - 1.0));
            tried += 1.0;
        }
    }
    made.near = (tried > 0.0).then(|| near.map(|sum| sum / tried));
    made
}

/// The rates that the records of a model show.
pub fn learn(model: &Model, progress: &Progress) -> Result<Rates> {
    let codes = model.codes.len();
    let groups = progress.each(0..model.code_of.len(), 1 << 6, |group| trials_of(model, group))?;
    let mut rates = Rates::unknown(codes);
    for seen in 0..2 {
        progress.check()?;
        // The mean over groups: groups with many records count as one.
        let (mut shares, mut many) = (0.0, 0.0);
        let mut bins = [(0.0, 0.0); BINS];
        let mut cells = vec![[(0.0, 0.0); BINS]; codes];
        for (group, made) in groups.iter().enumerate() {
            let (mut matches, mut trials) = (0.0, 0.0);
            for t in made.same.iter().filter(|t| t.seen == seen) {
                matches += t.matches;
                trials += t.trials;
                for cell in [&mut bins[t.bin], &mut cells[model.code_of[group] as usize][t.bin]] {
                    cell.0 += t.matches;
                    cell.1 += t.trials;
                }
            }
            if trials > 0.0 {
                shares += matches / trials;
                many += 1.0;
            }
        }
        let mean = (shares + HALF) / (many + 1.0);
        for (rate, (matches, trials)) in rates.by_far[seen].iter_mut().zip(bins) {
            *rate = (mean * (matches + HALF) / (trials * mean + HALF)).min(1.0);
        }
        // A code's matches over those expected, with a gamma distribution of this ratio over codes.
        let rate = rates.by_far[seen];
        let totals: Vec<(f64, f64)> = cells
            .iter()
            .map(|bins| {
                let expected = bins.iter().zip(rate).map(|((_, trials), rate)| trials * rate).sum();
                (bins.iter().map(|b| b.0).sum(), expected)
            })
            .collect();
        let excess: f64 = totals.iter().map(|(s, e)| (s - e) * (s - e) - e).sum();
        let squares: f64 = totals.iter().map(|(_, e)| e * e).sum();
        let weight = if excess > 0.0 { (squares / excess).clamp(HALF, CERTAIN) } else { CERTAIN };
        for (code, (matches, expected)) in totals.into_iter().enumerate() {
            rates.of_code[code][seen] = (matches + weight) / (expected + weight);
        }
    }
    let (mut near, mut many) = ([0.0; 3], 0.0);
    for made in groups.iter().filter_map(|g| g.near) {
        near.iter_mut().zip(made).for_each(|(sum, x)| *sum += x);
        many += 1.0;
    }
    if many > 0.0 {
        let [share, expected, both] = near.map(|sum| sum / many);
        rates.near_times = (share / expected).max(1.0);
        // The moments of a beta distribution.
        let spread = both - share * share;
        rates.near_weight = if spread > 0.0 { ((share - both) / spread).clamp(HALF, MOST) } else { MOST };
    }
    Ok(rates)
}
