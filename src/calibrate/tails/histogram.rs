//! The number of scores in each bin, and the tails learnt from them.

use super::bins::{BINS, SIZES, bin, edges_of, size_class, size_of_class};
use super::fit::{Kinds, learn};
use super::moderation::Moderation;
use super::sides::{Observed, edges};
use super::tails::{Tails, standard};

/// The number of scores in each bin of each side, by size of group. The counts are whole numbers, so sums do not depend
/// on the order of rows.
pub struct ScoreHistogram(Vec<Option<Sides>>);

/// Bins below zero, then those above.
#[derive(Clone)]
pub struct Sides(Vec<u64>);

impl Sides {
    pub fn add(&mut self, z: f64) {
        let side = if z < 0.0 { 0 } else { BINS };
        self.0[side + bin(z)] += 1;
    }
}

impl Default for ScoreHistogram {
    fn default() -> ScoreHistogram {
        ScoreHistogram(vec![None; SIZES])
    }
}

impl ScoreHistogram {
    /// The counts for groups of n members.
    pub fn of(&mut self, n: u32) -> &mut Sides {
        self.0[size_class(n)].get_or_insert_with(|| Sides(vec![0; 2 * BINS]))
    }

    pub fn plus(mut self, other: ScoreHistogram) -> ScoreHistogram {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            match (mine.as_mut(), theirs) {
                (Some(mine), Some(theirs)) => mine.0.iter_mut().zip(theirs.0).for_each(|(a, b)| *a += b),
                (None, theirs) => *mine = theirs,
                (Some(_), None) => {}
            }
        }
        self
    }

    /// The tails of scores whose scales are certain, such as those of the periods of flows. There are no goods of several
    /// kinds, so no looser nature.
    pub fn tails(&self) -> Tails {
        self.learn(None, Kinds { loose: false, errors: true })
    }

    /// The tails of scores with moderated scales. Without `errors`, everything is nature.
    pub fn tails_moderated(&self, moderation: Moderation, errors: bool) -> Tails {
        self.learn(Some(moderation), Kinds { loose: true, errors })
    }

    fn learn(&self, moderation: Option<Moderation>, kinds: Kinds) -> Tails {
        let observed = [0, BINS].map(|side| self.observed(side, moderation.as_ref()));
        Tails::of(learn(&observed, kinds), &observed, self.counts(), moderation)
    }

    /// Scores of one side, standardised for the size of their groups.
    fn observed(&self, side: usize, moderation: Option<&Moderation>) -> Observed {
        let (mut observed, edges) = (Observed::default(), edges());
        for (class, sides) in self.0.iter().enumerate() {
            let Some(sides) = sides else { continue };
            for (bin, &count) in sides.0[side..side + BINS].iter().enumerate().filter(|(_, count)| **count > 0) {
                let (from, to) = edges_of(bin);
                let place = |z: f64| moderation.map_or(z, |m| standard(z, size_of_class(class), m));
                observed.add(count as f64, place(from), place(to), &edges);
            }
        }
        observed
    }

    /// The number of scores on each side.
    fn counts(&self) -> [u64; 2] {
        let known = || self.0.iter().flatten();
        [known().map(|s| s.0[..BINS].iter().sum::<u64>()).sum(), known().map(|s| s.0[BINS..].iter().sum::<u64>()).sum()]
    }
}
