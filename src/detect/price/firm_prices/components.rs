//! Components of variance: how much the means of honest firms differ, and those of the products of one firm (different
//! qualities, contracts), beyond the scatter within a product. They are estimated from medians, so that a few firms that
//! cheat do not change them.

use crate::stats::{MEDIAN_VARIANCE, OrderStatistics, encode, exact_sum};

/// The median of the square of a standard normal.
const MEDIAN_SQUARE: f64 = 0.454_936_423_119_572_8;
/// Products of a firm with fewer shipments say little about their mean.
const IN_PRODUCT: f64 = 5.0;
/// With fewer products, their variance is not estimated, and is part of the variance among firms.
const ENOUGH: usize = 30;
/// Scores have a variance of about 1, so no component is larger than this.
const LARGEST: f64 = 4.0;
const BISECTIONS: usize = 40;
/// No variance within products is smaller.
const SMALLEST: f64 = 1e-6;

/// The scores of one firm in one peer group.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    pub(super) firm: u32,
    pub(super) n: f64,
    pub(super) mean: f64,
    /// The sum of squares about the mean.
    pub(super) squares: f64,
    /// The shipments of others whose median the scores are measured from; infinite if there is no such error.
    pub(super) others: f64,
}

impl Cell {
    pub(super) fn of(firm: u32, scores: &[f64], others: f64) -> Cell {
        let n = scores.len() as f64;
        let mean = exact_sum(scores) / n;
        let squares: Vec<f64> = scores.iter().map(|w| (w - mean) * (w - mean)).collect();
        Cell { firm, n, mean, squares: exact_sum(&squares), others }
    }
}

/// Variances.
#[derive(Clone, Copy, Default)]
pub(super) struct Components {
    pub(super) firms: f64,
    pub(super) products: f64,
    pub(super) within: f64,
}

/// The mean of a firm over its products, each weighted by its precision.
#[derive(Clone, Copy, Default)]
pub(super) struct Mean {
    pub(super) n: f64,
    pub(super) mean: f64,
    /// The variance of this mean about that of the firm: infinite without shipments.
    pub(super) variance: f64,
}

impl Components {
    /// From the cells of firms with `min_shipments` or more. The cells must be in the order of their keys.
    pub(super) fn learn(cells: &[Cell], firms: usize, min_shipments: usize) -> Components {
        let free: f64 = cells.iter().map(|cell| cell.n - 1.0).sum();
        let squares = exact_sum(&cells.iter().map(|cell| cell.squares).collect::<Vec<f64>>());
        let mut learnt = Components { within: (squares / free.max(1.0)).max(SMALLEST), ..Components::default() };
        learnt.products = solve(|products| Components { products, ..learnt }.excess_of_products(cells, firms));
        let means = learnt.means(cells, firms);
        learnt.firms = solve(|among| {
            let known = means.iter().filter(|m| m.n >= min_shipments as f64);
            median(known.map(|m| m.mean * m.mean / (among + m.variance))).unwrap_or(0.0) - MEDIAN_SQUARE
        });
        learnt
    }

    fn precision(&self, cell: &Cell) -> f64 {
        1.0 / (self.shared(cell) + self.within / cell.n)
    }

    /// The variance that all scores of a cell share: of its product, and of the median of its peers.
    fn shared(&self, cell: &Cell) -> f64 {
        self.products + MEDIAN_VARIANCE * self.within / cell.others
    }

    /// The mean of each firm.
    pub(super) fn means(&self, cells: &[Cell], firms: usize) -> Vec<Mean> {
        let mut sums = vec![(0.0, 0.0, 0.0); firms];
        for cell in cells {
            let (sum, weight) = (&mut sums[cell.firm as usize], self.precision(cell));
            *sum = (sum.0 + cell.n, sum.1 + weight * cell.mean, sum.2 + weight);
        }
        sums.into_iter().map(|(n, sum, weight)| Mean { n, mean: sum / weight, variance: 1.0 / weight }).collect()
    }

    /// The median square of the difference between the mean of a product and that of the firm's other products, divided
    /// by its variance, less what it is for a normal.
    fn excess_of_products(&self, cells: &[Cell], firms: usize) -> f64 {
        let mut sums = vec![(0.0, 0.0, 0u32); firms];
        for cell in cells {
            let (sum, weight) = (&mut sums[cell.firm as usize], self.precision(cell));
            *sum = (sum.0 + weight * cell.mean, sum.1 + weight, sum.2 + 1);
        }
        let squares = cells.iter().filter(|cell| cell.n >= IN_PRODUCT && sums[cell.firm as usize].2 > 1).map(|cell| {
            let (sum, weight, _) = sums[cell.firm as usize];
            let own = self.precision(cell);
            let (others, left) = (sum - own * cell.mean, weight - own);
            let apart = cell.mean - others / left;
            apart * apart / (1.0 / own + 1.0 / left)
        });
        let squares: Vec<f64> = squares.filter(|x| x.is_finite()).collect();
        if squares.len() < ENOUGH { 0.0 } else { median(squares.into_iter()).unwrap_or(0.0) - MEDIAN_SQUARE }
    }

    /// The expected score of a cell: the part of its distance and of the firm's that is not chance (best linear
    /// prediction).
    pub(super) fn expected(&self, firm: &Mean, cell: &Cell) -> f64 {
        let firm = self.of_firm(firm);
        firm + self.shared(cell) * self.precision(cell) * (cell.mean - firm)
    }

    fn of_firm(&self, firm: &Mean) -> f64 {
        let share = self.firms / (self.firms + firm.variance);
        if share > 0.0 { share * firm.mean } else { 0.0 }
    }

    /// How many independent shipments say as much about their mean as those of a firm.
    pub(super) fn effective(&self, firm: &Mean) -> f64 {
        (self.within / (self.firms + firm.variance)).min(firm.n)
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut keys: Vec<i64> = values.map(encode).collect();
    OrderStatistics::new(&mut keys, false).median()
}

/// Where a falling function crosses zero; zero if it begins below.
fn solve(excess: impl Fn(f64) -> f64) -> f64 {
    if excess(0.0) <= 0.0 {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, LARGEST);
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        if excess(middle) > 0.0 { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Random, normal_quantile};

    #[test]
    fn the_variances_that_were_put_in_come_out() {
        let mut random = Random::new(1);
        let mut normal = || normal_quantile((random.below(1 << 30) as f64 + 0.5) / f64::from(1 << 30));
        let (firms, products, within) = (0.09, 0.16, 0.75f64);
        let mut cells = Vec::new();
        for firm in 0..2_000 {
            let centre = firms.sqrt() * normal();
            for product in 0..3 {
                let own = centre + products.sqrt() * normal();
                let scores: Vec<f64> = (0..8 + 10 * product).map(|_| own + within.sqrt() * normal()).collect();
                cells.push(Cell::of(firm, &scores, f64::INFINITY));
            }
        }
        let learnt = Components::learn(&cells, 2_000, 10);
        assert!((learnt.within / within - 1.0).abs() < 0.02, "{}", learnt.within);
        assert!((learnt.products / products - 1.0).abs() < 0.1, "{}", learnt.products);
        assert!((learnt.firms / firms - 1.0).abs() < 0.15, "{}", learnt.firms);
        // One firm in twenty far to one side changes little.
        cells.iter_mut().filter(|cell| cell.firm % 20 == 0).for_each(|cell| cell.mean -= 2.0);
        assert!((Components::learn(&cells, 2_000, 10).firms / firms - 1.0).abs() < 0.4);
    }
}
