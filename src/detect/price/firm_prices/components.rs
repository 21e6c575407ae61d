//! Components of variance: how much the means of honest firms differ, and those of the products of one firm (different
//! qualities, contracts), beyond the scatter within a product. They are estimated from medians, so that a few firms that
//! cheat do not change them.

use crate::stats::{MEDIAN_SQUARE, MEDIAN_VARIANCE, exact_sum, median};

/// Products of a firm with fewer shipments say little about their mean.
const IN_PRODUCT: f64 = 5.0;
/// With fewer products, their variance is not estimated, and is part of the variance among firms.
const ENOUGH: usize = 30;
/// Scores have a variance of about 1, so no component is larger than this.
const LARGEST: f64 = 4.0;
const BISECTIONS: usize = 26;
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
    /// The level of the back-off, from the finest.
    pub(super) level: usize,
}

impl Cell {
    /// At the finest level, measured without error.
    pub(super) fn of(firm: u32, scores: &[f64]) -> Cell {
        let n = scores.len() as f64;
        let mean = exact_sum(scores) / n;
        let squares: Vec<f64> = scores.iter().map(|w| (w - mean) * (w - mean)).collect();
        Cell { firm, n, mean, squares: exact_sum(&squares), others: f64::INFINITY, level: 0 }
    }
}

/// The variances of the scores at one level of the back-off.
#[derive(Clone, Copy)]
pub(super) struct AtLevel {
    /// Among the products of a firm. A coarse group mixes goods, so all shipments of a product share its distance.
    pub(super) products: f64,
    pub(super) within: f64,
}

/// Variances.
pub(super) struct Components {
    pub(super) firms: f64,
    pub(super) levels: Vec<AtLevel>,
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
    /// From cells in the order of their keys, at so many levels. Firms need `min_shipments`.
    pub(super) fn learn(cells: &[Cell], levels: usize, firms: usize, min_shipments: usize) -> Components {
        let within = |level: usize| {
            let here = || cells.iter().filter(|cell| cell.level == level);
            let free: f64 = here().map(|cell| cell.n - 1.0).sum();
            let squares = exact_sum(&here().map(|cell| cell.squares).collect::<Vec<f64>>());
            if free < ENOUGH as f64 { 1.0 } else { (squares / free).max(SMALLEST) }
        };
        let levels = (0..levels).map(|level| AtLevel { products: 0.0, within: within(level) }).collect();
        let mut learnt = Components { firms: 0.0, levels };
        for level in 0..learnt.levels.len() {
            let within = learnt.levels[level].within;
            let here: Vec<Cell> = cells.iter().filter(|cell| cell.level == level).copied().collect();
            let here = if level == 0 { in_several(here, firms) } else { here };
            learnt.levels[level].products = solve(|products| {
                let at = AtLevel { products, within };
                if level == 0 { among_products(&here, at, firms) } else { off_the_centre(&here, at) }
            });
        }
        let means = learnt.means(cells, firms);
        learnt.firms = solve(|among| {
            let known = means.iter().filter(|m| m.n >= min_shipments as f64);
            median(known.map(|m| m.mean * m.mean / (among + m.variance))).unwrap_or(0.0) - MEDIAN_SQUARE
        });
        learnt
    }

    fn precision(&self, cell: &Cell) -> f64 {
        self.levels[cell.level].precision(cell)
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

    /// The expected score of a cell: the part of its distance and of the firm's that is not chance (best linear
    /// prediction).
    pub(super) fn expected(&self, firm: &Mean, cell: &Cell) -> f64 {
        let firm = self.of_firm(firm);
        firm + self.levels[cell.level].shared(cell) * self.precision(cell) * (cell.mean - firm)
    }

    fn of_firm(&self, firm: &Mean) -> f64 {
        let share = self.firms / (self.firms + firm.variance);
        if share > 0.0 { share * firm.mean } else { 0.0 }
    }

    /// How many independent shipments say as much about their mean as those of a firm, for scores of one level.
    pub(super) fn effective(&self, firm: &Mean) -> f64 {
        (self.levels[0].within / (self.firms + firm.variance)).min(firm.n)
    }
}

impl AtLevel {
    fn precision(&self, cell: &Cell) -> f64 {
        1.0 / (self.shared(cell) + self.within / cell.n)
    }

    /// The variance that all scores of a cell share: of its product, and of the median of its peers.
    fn shared(&self, cell: &Cell) -> f64 {
        self.products + MEDIAN_VARIANCE * self.within / cell.others
    }
}

/// The cells of firms with several of them; none if they say too little.
fn in_several(mut cells: Vec<Cell>, firms: usize) -> Vec<Cell> {
    let mut many = vec![0u32; firms];
    cells.iter().for_each(|cell| many[cell.firm as usize] += 1);
    cells.retain(|cell| many[cell.firm as usize] > 1);
    if cells.iter().filter(|cell| cell.n >= IN_PRODUCT).count() < ENOUGH { Vec::new() } else { cells }
}

/// At the finest level: the median square of the difference between the mean of a product and that of the firm's other
/// products, divided by its variance, less what it is for a normal.
fn among_products(cells: &[Cell], at: AtLevel, firms: usize) -> f64 {
    let mut sums = vec![(0.0, 0.0); firms];
    for cell in cells {
        let (sum, weight) = (&mut sums[cell.firm as usize], at.precision(cell));
        *sum = (sum.0 + weight * cell.mean, sum.1 + weight);
    }
    let squares = cells.iter().filter(|cell| cell.n >= IN_PRODUCT).map(|cell| {
        let (sum, weight) = sums[cell.firm as usize];
        let own = at.precision(cell);
        let (others, left) = (sum - own * cell.mean, weight - own);
        let apart = cell.mean - others / left;
        apart * apart / (1.0 / own + 1.0 / left)
    });
    median(squares.filter(|x| x.is_finite())).map_or(0.0, |square| square - MEDIAN_SQUARE)
}

/// At a coarser level: the same for the distance of a product from the centre. With few products the variance is that
/// of a single score, so that a product counts as one shipment.
fn off_the_centre(cells: &[Cell], at: AtLevel) -> f64 {
    if cells.len() < ENOUGH {
        return 1.0 - at.products;
    }
    let squares = cells.iter().map(|cell| cell.mean * cell.mean * at.precision(cell));
    median(squares).map_or(0.0, |square| square - MEDIAN_SQUARE)
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
    use crate::stats::Random;

    #[test]
    fn the_variances_that_were_put_in_come_out() {
        let mut random = Random::new(1);
        let mut normal = || random.normal();
        let (firms, products, within) = (0.09f64, 0.16f64, 0.75f64);
        let mut cells = Vec::new();
        for firm in 0..2_000 {
            let centre = firms.sqrt() * normal();
            for product in 0..3 {
                let own = centre + products.sqrt() * normal();
                let scores: Vec<f64> = (0..8 + 10 * product).map(|_| own + within.sqrt() * normal()).collect();
                cells.push(Cell::of(firm, &scores));
            }
        }
        let learnt = Components::learn(&cells, 1, 2_000, 10);
        assert!((learnt.levels[0].within / within - 1.0).abs() < 0.02, "{}", learnt.levels[0].within);
        assert!((learnt.levels[0].products / products - 1.0).abs() < 0.1, "{}", learnt.levels[0].products);
        assert!((learnt.firms / firms - 1.0).abs() < 0.15, "{}", learnt.firms);
        // One firm in twenty far to one side changes little.
        cells.iter_mut().filter(|cell| cell.firm % 20 == 0).for_each(|cell| cell.mean -= 2.0);
        assert!((Components::learn(&cells, 1, 2_000, 10).firms / firms - 1.0).abs() < 0.4);
    }
}
