//! Fitting the stories to the scores of a level, and the choice between them.

use super::law::Tail;
use super::search::{Fit, search, search_up_to};
use super::sides::{CELLS, Cells, Observed, edges};
use super::story::{BUMP, OFF, Parameters, Story};

/// Stories whose costs differ by less are about as good: none is twenty times as likely as the other.
const ALIKE: f64 = 6.0;
/// The score at which natural tails are compared. Findings begin about there.
const CAUTION: f64 = 4.0;
/// The largest share of errors on a side: a twentieth of all, on one side, and some room. What is more frequent is nature.
const ERRORS: f64 = 0.15;
/// No story describes a side if its deviance exceeds chance by more than this for each score.
const UNLIKE: f64 = 0.1;
/// The largest number of bumps on a side.
const BUMPS: usize = 3;

/// Which stories are told beside that of cores alone.
#[derive(Clone, Copy)]
pub struct Kinds {
    pub loose: bool,
    pub errors: bool,
}

/// What was learnt from one side.
#[derive(Clone, Debug)]
pub struct Learnt {
    pub story: Story,
    pub tail: Tail,
    /// The share of scores of this side that are errors.
    pub errors: f64,
    /// How many times more the counts scatter about the best story than chance alone would let them.
    pub dispersion: f64,
    /// Whether the story describes the scores at all.
    pub described: bool,
}

/// Fits the stories and compares them by the Bayesian information criterion (Schwarz 1978), with the deviance divided by
/// the dispersion, because no story has exactly the right form. Nature costs nothing: only bumps of errors pay for their
/// parameters. Of stories that are about as good, the one with the longest natural tail is chosen. `kinds` says which
/// stories are told.
pub fn learn(observed: &[Observed; 2], kinds: Kinds) -> [Learnt; 2] {
    let edges = edges();
    let observed = &[observed[0].cells(), observed[1].cells()];
    let totals = [0, 1].map(|side| observed[side].total);
    let bump = BUMP as f64 * libm::log(totals[0] + totals[1]);
    let bumps = if kinds.errors { BUMPS } else { 0 };
    // Without the scores among which errors lie, the core is that of nature.
    let inside =
        [0, 1].map(|side| search_up_to(OFF, &[[Parameters::core(totals[side])]], &[observed[side]], &edges).at[0]);
    let cores = [0, 1].map(|side| search(&[[inside[side]]], &[observed[side]], &edges));
    let filled = |side: usize| observed[side].counts.iter().filter(|count| **count >= 0.5).count() as f64;
    let freedom = [0, 1].map(filled);
    let left = |fit: &Fit<2>, side: usize| (freedom[side] - fit.at[side].story.parameters() as f64).max(5.0);
    let growth = Growth { bumps, price: bump, freedom, edges: &edges };
    let own = |side: usize| growth.of_one_side(side, cores[side], inside[side], &observed[side]);
    // If chance explains all that the cores do not, another story has nothing to explain.
    let unexplained = (0..2).any(|side| cores[side].deviance() > left(&joined(&cores[0], &cores[1]), side));
    let loose = || match unexplained && kinds.loose {
        true => growth.with_loose(&[[cores[0].at[0], cores[1].at[0]], inside], observed),
        false => Vec::new(),
    };
    let ((below, above), loose) = rayon::join(|| rayon::join(|| own(0), || own(1)), loose);
    let mut fits: Vec<Fit<2>> =
        below.iter().flat_map(|below| above.iter().map(|above| joined(below, above))).chain(loose).collect();
    fits.retain(|fit| fit.at.iter().zip(totals).all(|(at, total)| at.errors() <= ERRORS * total));
    let dispersions = [0, 1].map(|side| {
        fits.iter().map(|fit| fit.deviances[side] / left(fit, side)).fold(f64::INFINITY, f64::min).max(1.0)
    });
    let scaled = |fit: &Fit<2>| (0..2).map(|side| fit.deviances[side] / dispersions[side]).sum::<f64>();
    let paid = |fit: &Fit<2>| fit.bumps() as f64 * bump;
    let cost = |fit: &Fit<2>| scaled(fit) + paid(fit);
    let least = fits.iter().map(cost).fold(f64::INFINITY, f64::min);
    let tail = |fit: &Fit<2>| fit.at.iter().map(|at| at.tail().beyond(CAUTION) * at.natural()).sum::<f64>();
    let alike = fits.iter().filter(|fit| cost(fit) <= least + ALIKE);
    let chosen = alike.max_by(|a, b| tail(a).total_cmp(&tail(b))).unwrap_or(&fits[0]);
    [0, 1].map(|side| {
        let (at, total, dispersion) = (chosen.at[side], totals[side], dispersions[side]);
        let described = chosen.deviances[side] - CELLS as f64 <= UNLIKE * total;
        let errors = at.errors();
        let tail = Tail { times: at.natural() / (total - errors), ..at.tail() };
        Learnt { story: at.story, tail, errors: errors / total, dispersion, described }
    })
}

/// Fits to both sides that have nothing in common.
fn joined(below: &Fit<1>, above: &Fit<1>) -> Fit<2> {
    Fit { at: [below.at[0], above.at[0]], deviances: [below.deviances[0], above.deviances[0]] }
}

/// Adds bumps to stories, one by one.
struct Growth<'a> {
    /// The largest number of bumps on a side.
    bumps: usize,
    /// What a bump must explain. One that explains less would not be chosen, and the next would explain still less.
    price: f64,
    /// The number of bins of each side with scores.
    freedom: [f64; 2],
    edges: &'a [f64],
}

impl Growth<'_> {
    /// Whether a bump can still explain enough: chance alone leaves about one unit of deviance for each bin.
    fn possible(&self, deviance: f64, bins: f64) -> bool {
        deviance > self.price + 0.5 * bins
    }

    /// Fits to one side: a core alone, then with more and more bumps.
    fn of_one_side(&self, side: usize, core: Fit<1>, inside: Parameters, observed: &Cells) -> Vec<Fit<1>> {
        let mut fits = vec![core];
        let mut last = vec![core.at[0], inside];
        let mut deviance = core.deviance();
        while fits.len() <= self.bumps && self.possible(deviance, self.freedom[side]) {
            let starts: Vec<[Parameters; 1]> = last.iter().flat_map(Parameters::with_bump).map(|at| [at]).collect();
            let fit = search(&starts, &[*observed], self.edges);
            fits.push(fit);
            if deviance - fit.deviance() <= self.price {
                break;
            }
            (last, deviance) = (vec![fit.at[0]], fit.deviance());
        }
        fits
    }

    /// Fits to both sides with looser nature, alone, then with more and more bumps on the side where they explain most.
    fn with_loose(&self, cores: &[[Parameters; 2]], observed: &[Cells; 2]) -> Vec<Fit<2>> {
        let both = |[below, above]: &[Parameters; 2]| below.with_loose().into_iter().zip(above.with_loose());
        let starts: Vec<[Parameters; 2]> = cores.iter().flat_map(both).map(|(below, above)| [below, above]).collect();
        let mut last = search(&starts, observed, self.edges);
        let mut fits = vec![last];
        while self.possible(last.deviance(), self.freedom[0] + self.freedom[1]) {
            let sides = [0, 1].into_iter().filter(|&side| last.at[side].story.bumps < self.bumps);
            let grown = |side: usize| {
                let with_bump = last.at[side].with_bump();
                let starts = with_bump.map(|at| if side == 0 { [at, last.at[1]] } else { [last.at[0], at] });
                search(&starts, observed, self.edges)
            };
            let Some(fit) = sides.map(grown).min_by(|a, b| a.deviance().total_cmp(&b.deviance())) else { break };
            fits.push(fit);
            if last.deviance() - fit.deviance() <= self.price {
                break;
            }
            last = fit;
        }
        fits
    }
}
