//! The law of partners under which a p-value is computed: how probable a partner is that the group has not had, and
//! which of these partners are at most as probable.
//!
//! Every shipment is left out when it is judged. The probability that the next shipment of a group has a new partner is
//! the share of partners that occur once (Good 1953), shrunk to groups of similar size. Among the partners that are new
//! to the group, each is as probable as its frequency in all shipments; where new partners prove to be rarer than that,
//! the law follows them.

/// Bounds between sizes of groups that share their rate of new partners.
const SIZES: [u64; 4] = [64, 256, 1024, 4096];
/// The weight of what a group is shrunk to is at least that of half a partner (Jeffreys).
const HALF: f64 = 0.5;
/// A weight that is as good as infinite.
const CERTAIN: f64 = 1e12;
/// The law of new partners is learnt from those that are not among the rarest twentieth: what is looked for must not
/// change the law.
const CORE: f64 = 0.05;
/// The lower end of the core reaches up to this many times its start.
const LOWER: f64 = 4.0;

/// Ascending numbers, each with the sum up to it.
#[derive(Default)]
pub struct Ladder(Vec<(u64, u64)>);

impl Ladder {
    pub fn of(mut numbers: Vec<u64>) -> Ladder {
        numbers.sort_unstable();
        let mut steps: Vec<(u64, u64)> = Vec::new();
        let mut sum = 0;
        for number in numbers {
            sum += number;
            match steps.last_mut() {
                Some(step) if step.0 == number => step.1 = sum,
                _ => steps.push((number, sum)),
            }
        }
        Ladder(steps)
    }

    /// The sum of the numbers up to this one.
    pub fn up_to(&self, number: u64) -> u64 {
        match self.0.partition_point(|step| step.0 <= number) {
            0 => 0,
            step => self.0[step - 1].1,
        }
    }

    pub fn total(&self) -> u64 {
        self.0.last().map_or(0, |step| step.1)
    }
}

/// The probability of a new partner, for each group of `n` shipments of which `once` have a partner that occurs once.
pub fn novelty(groups: &[(u64, u64)]) -> Vec<f64> {
    let size = |n: u64| SIZES.partition_point(|&bound| bound <= n);
    let mut sums = [(0.0, 0.0, 0.0); SIZES.len() + 1];
    for &(n, once) in groups {
        let (many, sum, squares) = &mut sums[size(n)];
        *many += 1.0;
        *sum += once as f64;
        *squares += (once * once) as f64;
    }
    // A gamma distribution of the expected number over groups, from its moments.
    let priors = sums.map(|(many, sum, squares)| {
        let mean = (sum + HALF) / f64::max(many, 1.0);
        let excess = squares - 2.0 * mean * sum + many * mean * mean - sum;
        let weight = if excess > 0.0 { (mean * mean * many / excess).clamp(HALF, CERTAIN) } else { CERTAIN };
        (mean, weight)
    });
    let share = |&(n, once): &(u64, u64)| {
        let (mean, weight) = priors[size(n)];
        ((once as f64 + weight) / (1.0 + weight / mean) / n.max(1) as f64).min(1.0)
    };
    groups.iter().map(share).collect()
}

/// The law of the partners that are new to their group.
#[derive(Default)]
pub struct NewPartners {
    /// The places of the partners that occur once in their group, without the rarest, ascending.
    core: Vec<f64>,
    /// How much more frequent rare partners are among them than among all shipments: 1 or more.
    times: f64,
}

impl NewPartners {
    /// `places`: for each partner that occurs once in its group, the share of partners new to the group that are at most
    /// as frequent in all shipments.
    pub fn learn(places: Vec<f64>) -> NewPartners {
        let mut core: Vec<f64> = places.into_iter().filter(|&place| place >= CORE).collect();
        core.sort_unstable_by(f64::total_cmp);
        let low = core.partition_point(|&place| place < LOWER * CORE) as f64;
        let expected = core.len() as f64 * (LOWER - 1.0) * CORE / (1.0 - CORE);
        // One is added to each count, and a standard error to the first.
        let times = ((low + 1.0 + low.sqrt()) / (expected + 1.0)).max(1.0);
        NewPartners { core, times }
    }

    /// The probability of a place as low as this one.
    pub fn probability(&self, place: f64) -> f64 {
        let rarest = (self.times * CORE).min(1.0);
        if place < CORE || self.core.is_empty() {
            return (self.times * place).min(1.0);
        }
        let up_to = self.core.partition_point(|&other| other <= place) as f64 / self.core.len() as f64;
        (rarest + (1.0 - rarest) * up_to).max(place).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_sums_up_to_a_number() {
        let ladder = Ladder::of(vec![5, 1, 3, 1]);
        assert_eq!([0, 1, 2, 3, 5, 9].map(|n| ladder.up_to(n)), [0, 2, 2, 5, 10, 10]);
        assert_eq!(ladder.total(), 10);
    }

    #[test]
    fn groups_are_shrunk_to_groups_of_their_size() {
        // Alike groups get the mean of all, unlike ones keep their own.
        let alike: Vec<(u64, u64)> = (0..1000).map(|i| (100, 9 + i % 3)).collect();
        assert!(novelty(&alike).iter().all(|p| (p - 0.1).abs() < 1e-3));
        let unlike: Vec<(u64, u64)> = (0..1000).map(|i| (100, if i % 2 == 0 { 0 } else { 80 })).collect();
        let found = novelty(&unlike);
        assert!(found[0] < 0.02 && found[1] > 0.7, "{} {}", found[0], found[1]);
        assert_eq!(novelty(&[]), Vec::<f64>::new());
    }

    #[test]
    fn places_as_expected_stay_as_they_are() {
        let law = NewPartners::learn((0..10_000).map(|i| (f64::from(i) + 0.5) / 1e4).collect());
        for place in [1e-4, 0.01, 0.2, 0.9] {
            assert!((law.probability(place) / place - 1.0).abs() < 0.1, "{}", law.probability(place));
        }
        // Rare partners that are more frequent than expected make a place more probable.
        let law = NewPartners::learn((0..10_000).map(|i| (f64::from(i) + 0.5) / 1e4).map(|x| x * x).collect());
        assert!(law.probability(0.01) > 0.015, "{}", law.probability(0.01));
        assert!(law.probability(0.25) > 0.4);
        assert_eq!(NewPartners::learn(Vec::new()).probability(0.5), 0.5);
    }
}
